//! When all that follows from a fact is said: what must have been done, and what may be waited for.

use std::time::Duration;

use netroam::{
    connect::Failure,
    supervisor::{Action, Again, Dialler, Status, Wanted},
};
use netroam_platform::clock::Time;

use super::{Books, Broken, Cause, HOLD, Must, View, broken, view};

/// An allowance of one connection a second may put an attempt off so long.
const ALLOWANCE: Duration = Duration::from_secs(1);

/// Refused: 1, 2, 4, 8 s, then 15 s with jitter (design, "Dialling").
const REFUSED: [u64; 4] = [1, 2, 4, 8];
const REFUSED_LAST: Duration = Duration::from_secs(18);

/// A connection waits for its run no longer than a probe, or an ssh that does not want to end, takes.
const KEPT: Duration = Duration::from_secs(10);

/// The silenced run is killed so long after the new one is attached.
const LAST_WORDS: Duration = Duration::from_millis(2100);

impl Books {
    /// Sees that nothing more is wanted after a fact, and when the supervisor wants to be called.
    pub(crate) fn rest(&mut self, now: Time, timer: Option<Time>) -> Result<(), Broken> {
        let must = std::mem::replace(&mut self.must, Must::Nothing);
        let batch = std::mem::take(&mut self.batch);
        // The one attempt is made at once, or when an ssh that dials by itself has made room.
        self.anywhere &= self.settings.dialler == Dialler::Ssh && self.live.is_none();
        self.did(now, must, &batch, timer)?;
        if self.over {
            return Ok(());
        }
        self.follows(&batch)?;
        self.live_run(now)?;
        self.keeps_nothing(now)?;
        self.is_quiet(now, timer)?;
        self.says_the_truth(now, timer)
    }

    fn did(
        &self,
        now: Time,
        must: Must,
        batch: &[Action],
        timer: Option<Time>,
    ) -> Result<(), Broken> {
        match must {
            Must::End(run) if self.live.as_ref().is_some_and(|live| live.id == run) => broken(
                "a dead run is ended within one look",
                format!("run {} is kept", run.0),
            ),
            Must::End(_) | Must::Nothing => Ok(()),
            Must::LeaveAlone => match batch
                .iter()
                .find(|action| !matches!(action, Action::Kill(_)))
            {
                Some(action) => broken(
                    "nobody is disturbed",
                    format!("{action:?}, and the session's path is as it was"),
                ),
                None => Ok(()),
            },
            Must::Ignore => match batch
                .iter()
                .find(|action| !matches!(action, Action::Discard(_)))
            {
                Some(action) => broken(
                    "what is late is ignored",
                    format!("{action:?}, because of a run or an attempt that is over"),
                ),
                None => Ok(()),
            },
            Must::Dial | Must::Try => {
                let goes =
                    !self.attempts.is_empty() || !self.sockets.is_empty() || self.live.is_some();
                let asks = batch.contains(&Action::FindFirstHop);
                let soon = timer.is_some_and(|timer| timer.since(now) <= ALLOWANCE);
                if self.over || goes || asks || soon {
                    return Ok(());
                }
                if must == Must::Try {
                    return broken("a new network is tried once", "nothing is done");
                }
                broken(
                    "a path is dialled at once",
                    "there is a path again, and nothing is done",
                )
            }
        }
    }

    fn follows(&self, batch: &[Action]) -> Result<(), Broken> {
        match self.cause {
            Cause::Quit => broken("q ends it", "it does not end"),
            Cause::Final if self.parked.is_none() => broken(
                "no storm",
                "only a person can mend that, and it goes on by itself",
            ),
            Cause::Final
            | Cause::Looked
            | Cause::Names
            | Cause::Time
            | Cause::Restart
            | Cause::Person
            | Cause::Authenticated
            | Cause::Refused
            | Cause::Other => {
                let dials = batch
                    .iter()
                    .filter(|action| matches!(action, Action::Dial { .. }))
                    .count();
                if dials > 1 {
                    return broken(
                        "one unauthenticated connection a second",
                        format!("{dials} attempts at once"),
                    );
                }
                Ok(())
            }
        }
    }

    fn live_run(&self, now: Time) -> Result<(), Broken> {
        let Some(live) = &self.live else {
            return Ok(());
        };
        let overdue = |since: Time, after: Duration| {
            // Where the supervisor has not been called at that very moment, or the machine slept.
            now.since(since.max(self.slept)) >= after + Duration::from_secs(1)
        };
        if !live.held && live.cut_since.is_some_and(|since| overdue(since, HOLD)) {
            return broken(
                "a run without a path is held for 3 s",
                format!("run {} is kept for longer", live.id.0),
            );
        }
        let attached = live.authenticated;
        if let Some(silenced) = self.silenced
            && attached.is_some_and(|since| overdue(since, LAST_WORDS))
        {
            return broken("nothing leaks", format!("run {} stays stopped", silenced.0));
        }
        if self.cause == Cause::Looked
            && live.doubt
            && let Some(look) = &self.look
            && let View::Here(path) = view::of(look, live)
            && live.asked.as_ref() != Some(&path)
        {
            return broken(
                "what is in doubt is asked",
                format!("run {} is not asked over {path}", live.id.0),
            );
        }
        Ok(())
    }

    fn keeps_nothing(&self, now: Time) -> Result<(), Broken> {
        if let Some((attempt, _)) = self
            .sockets
            .iter()
            .find(|(_, socket)| now.since(socket.since) > KEPT)
        {
            return broken(
                "nothing leaks",
                format!(
                    "the connection of attempt {} is kept, and no run has it",
                    attempt.0
                ),
            );
        }
        let Some(silenced) = self.silenced else {
            return Ok(());
        };
        if self.parked.is_some() {
            return broken(
                "nothing leaks",
                format!(
                    "run {} stays stopped, and nothing comes in its place",
                    silenced.0
                ),
            );
        }
        Ok(())
    }

    /// No timer but those of the design.
    fn is_quiet(&self, now: Time, timer: Option<Time>) -> Result<(), Broken> {
        let Some(timer) = timer else { return Ok(()) };
        if self.cause == Cause::Time && timer <= now {
            return broken("no spin", "it wants to be called at once, for ever");
        }
        if self.ruled {
            return Ok(());
        }
        if self.parked.is_some() {
            return broken("quiet", "there is a timer, and only a person can go on");
        }
        if let Some(live) = &self.live {
            let silenced = self.silenced.is_some();
            if live.authenticated.is_some() && live.is_calm() && !silenced {
                return broken(
                    "quiet",
                    format!(
                        "there is a timer, and run {} is attached and well",
                        live.id.0
                    ),
                );
            }
            return Ok(());
        }
        if let Some(look) = &self.look
            && view::reach(look, &self.wanted) == view::Reach::Not
        {
            let names =
                self.names_fail && self.wanted == Wanted::Anything && look.snapshot.online();
            // What comes of these stops it.
            let under_way = !self.attempts.is_empty();
            let owed = self.owed && timer.since(now) <= ALLOWANCE;
            // The end of a run that is stopped.
            let ends = self.silenced.is_some() && timer.since(now) <= LAST_WORDS;
            if !names && !under_way && !owed && !ends {
                return broken("quiet", "there is a timer, and no path");
            }
        }
        let refused = self.cause == Cause::Refused;
        if let Some(refusals) = self.refusals.filter(|refusals| refused && *refusals > 0) {
            let step = usize::try_from(refusals - 1)
                .ok()
                .and_then(|step| REFUSED.get(step));
            let most = step.map_or(REFUSED_LAST, |seconds| Duration::from_secs(*seconds));
            if timer.since(now) > most + ALLOWANCE {
                return broken(
                    "a change begins anew",
                    format!(
                        "{refusals} refusals since the network changed, and a wait of {:?}",
                        timer.since(now)
                    ),
                );
            }
        }
        Ok(())
    }

    fn says_the_truth(&self, now: Time, timer: Option<Time>) -> Result<(), Broken> {
        let Some(status) = self.status.as_ref().filter(|_| self.live.is_none()) else {
            return Ok(());
        };
        let goes_on = timer.is_some()
            || !self.attempts.is_empty()
            || !self.sockets.is_empty()
            || !self.ending.is_empty();
        let reach = self
            .look
            .as_ref()
            .map(|look| view::reach(look, &self.wanted));
        let no_path = reach == Some(view::Reach::Not);
        let leaving = self.settings.again == Again::Never && self.ran;
        // The old ssh has to go before there is anything new to say.
        // And the allowance may put it off a little.
        let soon = timer.is_some_and(|timer| timer.since(now) <= ALLOWANCE);
        let truth = !self.ending.is_empty()
            || soon
            || match status {
                Status::Parked(_) => self.parked.is_some() || goes_on,
                Status::NoPath(_) => no_path || reach.is_none() || self.names_fail,
                Status::Waiting { failure, .. } => no_path || failure.is_some(),
                // It names what is missing.
                Status::Retrying(Failure::Local(_)) => true,
                Status::Retrying(_)
                | Status::RetryingSsh(_)
                | Status::RetryingLogin { .. }
                | Status::Dialling(_)
                | Status::Attaching { .. }
                | Status::Holding(_) => goes_on || leaving,
            };
        if !truth {
            return broken("the status is true", crate::transcript::shown(status));
        }
        Ok(())
    }
}
