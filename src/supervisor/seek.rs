//! From a path to a run: dialling, and handing the connection over.

use netroam_platform::{Lookup, NoPath, clock::Time};

use super::{
    Action, AttemptId, Connection, Dialler, Exit, Phase, Purpose, Reach, Run, RunId, State, Status,
    Supervisor, Verdict, found, judge,
};
use crate::connect::Failure;

impl Supervisor {
    /// Starts over at once where there is a path, and waits without a timer where there is none.
    pub(super) fn seek(&mut self, now: Time) {
        match self.reach() {
            Reach::Not(why) => {
                self.discard_attempts();
                self.cadence.stop();
                self.kill_silenced();
                self.show(Status::NoPath(why));
            }
            // These go over a path that is still there: the server must not see them given up.
            Reach::Over(_) if !self.attempts.is_empty() && self.dialled_path_is_there() => {}
            Reach::Over(_) => {
                self.discard_attempts();
                self.cadence.restart(now);
                self.dial_if_due(now);
            }
        }
    }

    fn dialled_path_is_there(&self) -> bool {
        let (Some(dialled), Some(look)) = (&self.dialled_over, &self.look) else {
            return false;
        };
        let there = |answer: &Lookup| matches!(answer, Lookup::Found(path) if path == dialled);
        look.paths.values().any(there)
    }

    /// As [`Self::seek`], on a network that has changed. There the name may have another address (a network with only IPv6 and NAT64, a
    /// VPN's own names), so that one attempt is made even where the known ones cannot be reached; and the very first one whatever
    /// the network looks like, because the name may be a local one.
    pub(super) fn seek_anew(&mut self, now: Time) {
        let online = self
            .look
            .as_ref()
            .is_some_and(|look| look.snapshot.online());
        let untried = self.dials == 0 && self.runs == 0;
        if matches!(self.reach(), Reach::Not(_)) && (online || untried) {
            self.discard_attempts();
            self.cadence.restart(now);
            self.dial_if_due(now);
            self.cadence.stop();
        } else {
            self.seek(now);
        }
    }

    /// Whether an attempt may be made at all now.
    pub(super) fn may_dial(&self) -> bool {
        let wanted = match &self.phase {
            Phase::Seeking => true,
            Phase::Running(run) => {
                matches!(run.state, State::Doubtful { .. })
                    && self.settings.dialler == Dialler::Ours
            }
            Phase::Parked(_) | Phase::Leaving | Phase::Over => false,
        };
        let free = match self.settings.dialler {
            Dialler::Ours => self.ready.is_none() && self.reached.is_none(),
            Dialler::Ssh => self.ending.is_empty(),
        };
        wanted && free
    }

    /// Makes the attempt that is due, if one is.
    pub(super) fn dial_if_due(&mut self, now: Time) {
        if self.may_dial() && self.cadence.take(now) {
            self.dial_over_path(now);
        }
    }

    /// Makes an attempt now because a person wants it, even where there seems to be no path.
    pub(super) fn dial_now(&mut self, now: Time) {
        self.discard_attempts();
        self.dial_if_due(now);
    }

    fn dial_over_path(&mut self, now: Time) {
        let path = match self.reach() {
            Reach::Over(path) => path,
            Reach::Not(_) => {
                self.cadence.stop();
                None
            }
        };
        if matches!(self.phase, Phase::Seeking) {
            self.show(Status::Dialling(path.clone()));
        }
        match self.settings.dialler {
            Dialler::Ours => {
                self.dialled_over = path;
                self.dials += 1;
                let attempt = AttemptId(self.dials);
                self.attempts.insert(attempt);
                self.act(Action::Dial(attempt));
            }
            Dialler::Ssh => self.start(now, None),
        }
    }

    pub(super) fn reached(&mut self, attempt: AttemptId) {
        if self.attempts.contains(&attempt) {
            self.reached.get_or_insert(attempt);
        }
    }

    pub(super) fn connected(&mut self, now: Time, attempt: AttemptId, connection: Connection) {
        if !self.attempts.remove(&attempt) || self.ready.is_some() {
            return self.act(Action::Discard(attempt));
        }
        self.discard_attempts();
        self.cadence.stop();
        self.ready = Some((attempt, connection));
        self.start_if_ready(now);
    }

    pub(super) fn not_connected(&mut self, now: Time, attempt: AttemptId, failure: Failure) {
        if !self.attempts.remove(&attempt) {
            return;
        }
        if self.reached == Some(attempt) {
            self.reached = None;
        }
        if let Reach::Not(why) = self.reach()
            && matches!(self.phase, Phase::Seeking)
        {
            if self.attempts.is_empty() {
                self.cadence.stop();
            }
            // A resolver that comes later than the address is no event of the kernel's: ask it again, which sends nothing to the host.
            let online = self
                .look
                .as_ref()
                .is_some_and(|look| look.snapshot.online());
            if online && matches!(failure, Failure::Resolve(_) | Failure::NoSuchName(_)) {
                self.cadence.refused(now, self.random.f64());
            }
            return self.show(Status::NoPath(why));
        }
        if let Failure::NoSuchName(why) = &failure
            && self.dials == 1
        {
            return self.finish(Exit::NoSuchHost(why.clone()));
        }
        match &failure {
            // The next fresh SYN is already planned.
            Failure::TimedOut | Failure::Unreachable(_) => {}
            Failure::Busy { .. } => self.cadence.busy(now, self.random.f64()),
            Failure::Resolve(_)
            | Failure::NoSuchName(_)
            | Failure::Refused(_)
            | Failure::Closed(_)
            | Failure::Foreign { .. }
            | Failure::Silent(_)
            | Failure::Local(_) => self.cadence.refused(now, self.random.f64()),
        }
        if matches!(self.phase, Phase::Seeking) {
            self.show(Status::Retrying(failure));
        }
    }

    /// A connection that waits for its run is judged like a run.
    pub(super) fn judge_ready(&mut self) {
        if let (Some((_, connection)), Some(look)) = (&self.ready, &self.look) {
            let path = found(look, connection);
            match judge(connection, path.as_ref(), look) {
                Verdict::Alive | Verdict::Unknown | Verdict::Doubtful(_) => {}
                Verdict::Cut(_) | Verdict::Severed(_) | Verdict::Dead(_) => self.discard_attempts(),
            }
        }
    }

    /// Starts the run for which a connection waits, once nothing stands in its way.
    pub(super) fn start_if_ready(&mut self, now: Time) {
        if matches!(self.phase, Phase::Seeking)
            && self.ending.is_empty()
            && let Some(ready) = self.ready.take()
        {
            self.start(now, Some(ready));
        }
    }

    fn start(&mut self, now: Time, over: Option<(AttemptId, Connection)>) {
        self.runs += 1;
        let run = RunId(self.runs);
        let (over, connection) = over.map_or((None, None), |(attempt, connection)| {
            (Some(attempt), Some(connection))
        });
        let path = match (&self.look, &connection) {
            (Some(look), Some(connection)) => found(look, connection),
            (None, _) | (_, None) => None,
        };
        let outage = self.lost.as_ref().map(|(_, since)| now.since(*since));
        self.show(Status::Attaching {
            path: path.clone(),
            outage,
        });
        self.phase = Phase::Running(Run {
            id: run,
            connection,
            path,
            authenticated: None,
            state: State::Well,
        });
        let questions = self.settings.askable && (self.insisted || !self.opened);
        let purpose = if self.opened {
            Purpose::Reattach
        } else {
            Purpose::Open
        };
        self.act(Action::Start {
            run,
            over,
            questions,
            purpose,
        });
    }

    pub(super) fn discard_attempts(&mut self) {
        self.reached = None;
        let ready = self.ready.take().map(|(attempt, _)| attempt);
        for attempt in std::mem::take(&mut self.attempts).into_iter().chain(ready) {
            self.act(Action::Discard(attempt));
        }
    }

    /// Whether the first hop can be reached by what the kernel said last.
    pub(super) fn reach(&self) -> Reach {
        let Some(look) = &self.look else {
            return Reach::Over(None);
        };
        if look.paths.is_empty() {
            return if look.snapshot.online() {
                Reach::Over(None)
            } else {
                Reach::Not(NoPath::NoRoute)
            };
        }
        let mut answer = Reach::Not(NoPath::NoRoute);
        for lookup in look.paths.values() {
            match lookup {
                Lookup::Found(path) => return Reach::Over(Some(path.clone())),
                Lookup::Unknown(_) => answer = Reach::Over(None),
                Lookup::None(why) => {
                    if matches!(answer, Reach::Not(NoPath::NoRoute)) {
                        answer = Reach::Not(why.clone());
                    }
                }
            }
        }
        answer
    }
}
