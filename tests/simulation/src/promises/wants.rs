//! Each action, held against the promises.

use std::time::Duration;

use netroam::supervisor::{
    Action, AttemptId, Dialler, Exit, Purpose, Reason, RunId, Status, Via, Wanted,
};
use netroam_platform::{Path, clock::Time};

use super::{Books, Broken, Cause, HOLD, Live, Must, View, broken, view};

/// How long the first stage of a login may take at least (design: a login that hangs is given up).
const LOGIN: Duration = Duration::from_secs(15);

impl Books {
    /// Enters something that the supervisor wants.
    pub(crate) fn wants(&mut self, now: Time, action: &Action) -> Result<(), Broken> {
        if self.over {
            return broken("over is over", format!("{action:?} after the end"));
        }
        self.batch.push(action.clone());
        match action {
            Action::Dial { attempt, over, .. } => self.dials(now, *attempt, over),
            Action::FindFirstHop => self.goes_on("asks for the first hop"),
            Action::Discard(attempt) => {
                if self.attempts.remove(attempt).is_none() && self.sockets.remove(attempt).is_none()
                {
                    return broken(
                        "nothing leaks",
                        format!("attempt {} is given up, and is not there", attempt.0),
                    );
                }
                Ok(())
            }
            Action::Start {
                run,
                over,
                questions,
                purpose,
            } => self.starts(now, *run, *over, *questions, *purpose),
            Action::End { run, reason } => {
                let live = self.loses(now, *run, reason)?;
                self.ending.insert(*run, live.authenticated.is_some());
                Ok(())
            }
            Action::Silence { run, reason } => {
                let live = self.loses(now, *run, reason)?;
                if live.authenticated.is_none() || !self.settings.may_silence {
                    return broken("one run", "a run is silenced that is to be ended");
                }
                if let Some(older) = self.silenced.replace(*run) {
                    return broken(
                        "nothing leaks",
                        format!("run {} stays stopped while another is", older.0),
                    );
                }
                Ok(())
            }
            Action::Kill(run) => match self.silenced.take_if(|silenced| silenced == run) {
                Some(_) => Ok(()),
                None => broken(
                    "one run",
                    format!("run {} is killed, and was not silenced", run.0),
                ),
            },
            Action::Hold(run) => match &self.live {
                Some(live) if live.id == *run && (live.cut_since.is_some() || live.adrift) => {
                    Ok(())
                }
                Some(_) | None => broken(
                    "one run",
                    format!(
                        "run {} is held, and is not the live one without a path",
                        run.0
                    ),
                ),
            },
            Action::Probe { run, .. } => self.asks(*run),
            Action::Learn { path, peer } => self.learns(path, *peer),
            Action::Show(status) => {
                if matches!(status, Status::Holding(_)) {
                    self.takes_back(now);
                }
                self.status = Some(status.clone());
                if let Status::Parked(need) = status {
                    self.parked = Some(need.clone());
                }
                Ok(())
            }
            Action::Say(_) => Ok(()),
            Action::Finish(exit) => {
                self.over = true;
                if self.cause == Cause::Quit && *exit != Exit::GaveUp {
                    return broken("q ends it", format!("it ended as {exit:?}"));
                }
                Ok(())
            }
        }
    }

    /// A SYN is sent: over this path, for this attempt.
    pub(crate) fn sends(&self, path: Option<&Path>, attempt: AttemptId) -> Result<(), Broken> {
        let over = self.attempts.get(&attempt);
        match (over, path) {
            (Some(over), Some(path)) if *over != Wanted::Anything && !over.admits(path) => {
                broken("nothing past the tunnel", format!("a SYN left over {path}"))
            }
            (Some(_) | None, _) => Ok(()),
        }
    }

    fn goes_on(&self, what: &str) -> Result<(), Broken> {
        if self.parked.is_some() {
            return broken(
                "no storm",
                format!("it {what} while only a person can go on"),
            );
        }
        if self.once() && !self.ruled {
            return broken(
                "a command runs once",
                format!("it {what} after the command may have run"),
            );
        }
        Ok(())
    }

    fn dials(&mut self, now: Time, attempt: AttemptId, over: &Wanted) -> Result<(), Broken> {
        self.goes_on("dials")?;
        self.leaves_server_alone(now)?;
        if *over != self.wanted
            && !(*over == Wanted::Anything && std::mem::take(&mut self.anywhere))
        {
            return broken(
                "nothing past the tunnel",
                format!("it dials over {over}, and wants {}", self.wanted),
            );
        }
        if let Some(look) = &self.look
            && view::reach(look, over) == view::Reach::Not
        {
            let names = look.snapshot.online() && (self.names_fail || self.owed);
            let asks = *over == Wanted::Anything && (names || self.dials == 0 && self.runs == 0);
            if !asks && self.cause != Cause::Person {
                return broken(
                    "no dial without a path",
                    format!("attempt {} has none", attempt.0),
                );
            }
        }
        self.owed = false;
        self.dials += 1;
        self.attempts.insert(attempt, over.clone());
        Ok(())
    }

    fn leaves_server_alone(&self, now: Time) -> Result<(), Broken> {
        if now < self.busy_until {
            return broken(
                "a busy server is left alone",
                "it said that it takes no connection, less than 20 s ago",
            );
        }
        Ok(())
    }

    fn starts(
        &mut self,
        now: Time,
        run: RunId,
        over: Option<AttemptId>,
        questions: bool,
        purpose: Purpose,
    ) -> Result<(), Broken> {
        self.goes_on("starts ssh")?;
        if let Some(live) = &self.live {
            return broken(
                "one run",
                format!("run {} starts beside run {}", run.0, live.id.0),
            );
        }
        if let Some(ending) = self.ending.keys().next() {
            return broken(
                "one run",
                format!("run {} starts while run {} ends", run.0, ending.0),
            );
        }
        let asks = self.settings.askable && (self.insisted || !self.entered);
        if questions != asks {
            return broken(
                "no question while unattended",
                format!("ssh may ask: {questions}; somebody is there to answer: {asks}"),
            );
        }
        let expected = match (self.entered, self.opened) {
            (false, _) => Purpose::Open,
            (true, false) => Purpose::Resume,
            (true, true) => Purpose::Reattach,
        };
        if purpose != expected {
            return broken(
                "only a person creates and takes",
                format!("run {} is to {purpose:?}, not to {expected:?}", run.0),
            );
        }
        let mut anywhere = false;
        let (connection, wanted) = if let Some(attempt) = over {
            match self.sockets.remove(&attempt) {
                Some(socket) => (Some(socket.connection), socket.over),
                None => {
                    return broken(
                        "nothing leaks",
                        format!("run {} starts over a socket that is not there", run.0),
                    );
                }
            }
        } else {
            self.leaves_server_alone(now)?;
            self.may_let_ssh_dial()?;
            anywhere = std::mem::take(&mut self.anywhere);
            (
                None,
                if anywhere {
                    Wanted::Anything
                } else {
                    self.wanted.clone()
                },
            )
        };
        let mut live = Live {
            id: run,
            connection,
            wanted,
            authenticated: None,
            stage_since: now,
            well: None,
            grounded: self
                .look
                .as_ref()
                .is_some_and(|look| look.snapshot.grounded()),
            cut_since: None,
            held: false,
            adrift: false,
            doubt: false,
            moved: false,
            afloat: false,
            asked: None,
            no: false,
            unheard: false,
            perhaps_anywhere: anywhere && self.looked_since,
        };
        live.well = self.look.as_ref().and_then(|look| view::path(look, &live));
        self.live = Some(live);
        self.owed = false;
        self.runs += 1;
        self.refusals = None;
        Ok(())
    }

    /// The present run is held: if that is because it may not go anywhere after all, it is without a path from now on.
    fn takes_back(&mut self, now: Time) {
        let (Some(live), Some(look)) = (&mut self.live, &self.look) else {
            return;
        };
        if live.perhaps_anywhere && matches!(view::of(look, live), View::Here(_)) {
            live.perhaps_anywhere = false;
            live.wanted.clone_from(&self.wanted);
            live.cut_since.get_or_insert(now);
            self.must = Must::Nothing;
        }
    }

    fn may_let_ssh_dial(&self) -> Result<(), Broken> {
        if self.settings.dialler == Dialler::Ours {
            return broken("nothing leaks", "ssh is to dial, and netroam does");
        }
        if let Some(look) = &self.look
            && view::reach(look, &self.wanted) == view::Reach::Not
            && self.wanted != Wanted::Anything
            && !self.anywhere
        {
            return broken(
                "nothing past the tunnel",
                format!("ssh dials, and there is no path over {}", self.wanted),
            );
        }
        Ok(())
    }

    fn loses(&mut self, now: Time, run: RunId, reason: &Reason) -> Result<Live, Broken> {
        let Some(live) = self.live.take_if(|live| live.id == run) else {
            return broken(
                "one run",
                format!("run {} is ended, and is not the live one", run.0),
            );
        };
        let look = self.look.as_ref();
        let local = live.connection.as_ref().map(|connection| connection.local);
        let why = match reason {
            Reason::AddressLost { address, .. } => {
                let gone = look.is_some_and(|look| !look.snapshot.owns(*address));
                gone && local == Some(*address)
            }
            Reason::PathLost { .. } => {
                !live.held && live.cut_since.is_some_and(|since| now.since(since) >= HOLD)
            }
            Reason::Silent(_) => live.no,
            Reason::Connection(_) => self.cause == Cause::Restart,
            Reason::Stuck(_) => {
                live.authenticated.is_none() && now.since(live.stage_since) >= LOGIN
            }
            Reason::PathMoved { .. } | Reason::PathBack | Reason::Slept | Reason::Adrift(_) => {
                false
            }
        };
        if !why {
            return broken(
                "no run is ended without a reason",
                format!("run {} is ended because of {reason:?}", run.0),
            );
        }
        self.lost(now, live.authenticated);
        Ok(live)
    }

    fn asks(&mut self, run: RunId) -> Result<(), Broken> {
        let look = self.look.as_ref();
        let Some(live) = self.live.as_mut().filter(|live| live.id == run) else {
            return broken(
                "one run",
                format!("run {} is asked, and is not the live one", run.0),
            );
        };
        live.afloat |= std::mem::take(&mut live.adrift);
        live.grounded &= !live.afloat;
        live.doubt = true;
        live.unheard = false;
        live.asked = look.and_then(|look| view::path(look, live));
        if live.asked.is_none() {
            return broken(
                "no dial without a path",
                format!("run {} is asked, and has no path", run.0),
            );
        }
        Ok(())
    }

    fn learns(&mut self, path: &Path, peer: std::net::IpAddr) -> Result<(), Broken> {
        let Some(live) = &mut self.live else {
            return broken("what is learnt is true", "there is no run");
        };
        let true_peer = live
            .connection
            .as_ref()
            .is_some_and(|connection| connection.peer == peer);
        if self.cause != Cause::Authenticated || !true_peer || live.well.as_ref() != Some(path) {
            return broken(
                "what is learnt is true",
                format!("{path} to {peer}, and the run's path is {:?}", live.well),
            );
        }
        if self.settings.via == Via::Auto {
            self.wanted = self.settings.via.wanted(path.tunnel);
            live.wanted = self.wanted.clone();
        }
        Ok(())
    }
}
