//! From a path to a run: dialling, and handing the connection over.

use std::collections::BTreeSet;

use netroam_platform::{Lookup, NoPath, clock::Time};

use super::{
    Action, AttemptId, Connection, Dialler, Opened, Phase, Reach, Run, RunId, Segments, State,
    Status, Supervisor, Verdict, Wanted, found, judge,
};
use crate::connect::Failure;

impl Supervisor {
    /// Starts over at once where there is a path, and waits without a timer where there is none.
    pub(super) fn seek(&mut self, now: Time) {
        match self.reach() {
            // A person's attempt goes over what there is, and is one.
            Reach::Not(_) if self.without && !self.attempts.is_empty() => self.cadence.stop(),
            Reach::Not(why) => {
                self.discard_attempts();
                self.cadence.stop();
                self.kill_silenced();
                self.without = false;
                self.show_no_path(why, None);
            }
            // These go over a path that is still there: the server must not see them given up.
            Reach::Over(_) if !self.attempts.is_empty() && self.dialled_path_is_there() => {}
            Reach::Over(_) => {
                self.without = false;
                self.discard_attempts();
                self.cadence.restart(now);
                self.dial_if_due(now);
                if let Some(busy) = self.busy.clone()
                    && self.cadence.turned_away(now)
                    && matches!(self.phase, Phase::Seeking)
                {
                    self.show(Status::Retrying(busy));
                }
            }
        }
    }

    /// Says that there is no path, or none that is wanted.
    pub(super) fn show_no_path(&mut self, why: NoPath, failure: Option<Failure>) {
        self.show(match &self.wanted {
            Wanted::Anything => Status::NoPath(why),
            wanted @ (Wanted::Tunnel | Wanted::Interface(_)) => Status::Waiting {
                wanted: wanted.clone(),
                last: self
                    .last
                    .as_ref()
                    .filter(|path| wanted.admits(path))
                    .map(|path| path.interface.clone()),
                failure,
            },
        });
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
    /// the network looks like, because the name may be a local one. Where a certain path is wanted not even the resolver is asked: the question
    /// alone would tell the network where the laptop wants to go.
    pub(super) fn seek_anew(&mut self, now: Time) {
        let online = self
            .look
            .as_ref()
            .is_some_and(|look| look.snapshot.online());
        let untried = self.dials == 0 && self.runs == 0;
        let may_ask = self.wanted == Wanted::Anything && (online || untried);
        if let Reach::Not(why) = self.reach()
            && may_ask
        {
            self.discard_attempts();
            self.cadence.restart(now);
            let made = self.dial_if_due(now);
            // It may have to wait: for the allowance, or until the old ssh is gone. Not for as long as a server wants to be left alone.
            if made || self.cadence.turned_away(now) {
                self.cadence.stop();
            }
            if !made {
                self.show_no_path(why, None);
            }
        } else {
            self.seek(now);
        }
    }

    /// Starts over without giving up what is under way. Where there was no path, that is an attempt which has just found this one.
    pub(super) fn seek_beside(&mut self, now: Time, first: bool) {
        if self.without {
            self.seek(now);
        } else if self.ready.is_none() {
            self.cadence.restart(now);
            if first && !self.attempts.is_empty() {
                self.cadence.made(now);
            } else {
                self.dial_if_due(now);
            }
        }
    }

    /// What could not be found, or somewhere else, may be found now.
    pub(super) fn names_changed(&mut self, now: Time) {
        if !matches!(self.phase, Phase::Seeking) || self.ready.is_some() {
            return;
        }
        // What is under way has asked the resolver of before.
        if matches!(self.reach(), Reach::Over(_))
            && !self.attempts.is_empty()
            && self.dialled_path_is_there()
        {
            self.seek_beside(now, false);
        } else {
            self.seek_anew(now);
        }
    }

    /// Whether an attempt may be made at all now.
    pub(super) fn may_dial(&self) -> bool {
        let wanted = match &self.phase {
            Phase::Seeking => true,
            Phase::Running(run) => {
                matches!(run.state, State::Doubtful { .. } | State::Unheard { .. })
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

    /// Makes the attempt that is due; false if none is.
    pub(super) fn dial_if_due(&mut self, now: Time) -> bool {
        let due = self.may_dial() && self.cadence.take(now);
        if due {
            self.dial_over_path(now);
        }
        due
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
                if self.wanted_now() != Wanted::Anything {
                    return;
                }
                None
            }
        };
        // In a silence that lasts, the line is not to change with every SYN.
        let silence = self.status == Some(Status::Retrying(Failure::TimedOut));
        if matches!(self.phase, Phase::Seeking) && !silence {
            self.show(Status::Dialling(path.clone()));
        }
        match self.settings.dialler {
            Dialler::Ours => {
                let small = path.as_ref().is_some_and(|path| self.small_over(path));
                self.dialled_over = path;
                self.dials += 1;
                let attempt = AttemptId(self.dials);
                self.attempts.insert(attempt);
                self.act(Action::Dial {
                    attempt,
                    over: self.wanted_now(),
                    segments: if small {
                        Segments::Small
                    } else {
                        Segments::Usual
                    },
                });
                if self.without {
                    self.cadence.stop();
                }
            }
            // ssh asks nobody before it sends.
            Dialler::Ssh if self.wants_first_hop(self.look.as_ref()) => {
                self.act(Action::FindFirstHop);
            }
            Dialler::Ssh => self.start(now, None),
        }
    }

    /// What is wanted of the path of an attempt that is made now.
    pub(super) fn wanted_now(&self) -> Wanted {
        if self.without {
            Wanted::Anything
        } else {
            self.wanted.clone()
        }
    }

    /// An attempt has a connection. Those beside it, which may be answered in the same moment, are given up: the server would count each of
    /// their connections as one that never logs in.
    pub(super) fn reached(&mut self, attempt: AttemptId) {
        if !self.attempts.contains(&attempt) || self.reached.is_some() {
            return;
        }
        self.reached = Some(attempt);
        for beside in std::mem::replace(&mut self.attempts, BTreeSet::from([attempt])) {
            if beside != attempt {
                self.act(Action::Discard(beside));
            }
        }
    }

    pub(super) fn connected(&mut self, now: Time, attempt: AttemptId, connection: Connection) {
        if !self.attempts.remove(&attempt) || self.ready.is_some() {
            return self.act(Action::Discard(attempt));
        }
        self.discard_attempts();
        self.cadence.stop();
        self.ready = Some((attempt, connection));
        self.ask_unheard();
        self.start_if_ready(now);
    }

    /// Whether asking the resolver again may show a path where there is none: one that comes later than the address is no event of the kernel's.
    /// What netroam dials sends nothing to the host for that; ssh does, as soon as it has an address.
    pub(super) fn resolver_may_follow(&self, failure: &Failure) -> bool {
        let online = self
            .look
            .as_ref()
            .is_some_and(|look| look.snapshot.online());
        online
            && self.wanted == Wanted::Anything
            && matches!(failure, Failure::Resolve(_) | Failure::NoSuchName(_))
    }

    pub(super) fn not_connected(&mut self, now: Time, attempt: AttemptId, failure: Failure) {
        if !self.attempts.remove(&attempt) {
            return;
        }
        if self.reached == Some(attempt) {
            self.reached = None;
        }
        if self.failed_at_start(now, &failure) {
            return;
        }
        // However the path is by now, and whoever wanted the attempt.
        let busy = matches!(failure, Failure::Busy { .. });
        if busy {
            self.cadence.busy(now, self.random.f64());
            self.busy = Some(failure.clone());
        }
        if let Reach::Not(why) = self.reach()
            && matches!(self.phase, Phase::Seeking)
        {
            // One that a failure of the same moment has put off stays planned: see below.
            if busy || attempt.0 > self.refused {
                self.cadence.stop();
            }
            if self.wanted != Wanted::Anything {
                if self.attempts.is_empty() {
                    self.without = false;
                    self.show_no_path(why, Some(failure));
                }
                return;
            }
            if attempt.0 > self.refused && self.resolver_may_follow(&failure) {
                self.cadence.refused(now, self.random.f64());
                self.refused = self.dials;
            }
            return self.show(match failure {
                // It names what is missing.
                Failure::Local(_) => Status::Retrying(failure),
                Failure::Resolve(_)
                | Failure::NoSuchName(_)
                | Failure::Astray(_)
                | Failure::Unreachable(_)
                | Failure::TimedOut
                | Failure::Refused(_)
                | Failure::Closed(_)
                | Failure::Silent(_)
                | Failure::Foreign { .. }
                | Failure::Busy { .. } => Status::NoPath(why),
            });
        }
        if self.without && matches!(self.phase, Phase::Seeking) {
            if self.attempts.is_empty() {
                self.without = false;
                self.cadence.refused(now, self.random.f64());
                self.show_no_path(NoPath::NoRoute, Some(failure));
            }
            return;
        }
        match &failure {
            // The next one is already planned.
            Failure::TimedOut | Failure::Unreachable(_) | Failure::Busy { .. } => {}
            // It was made before the last refusal came, which has put off the next one already.
            _ if attempt.0 <= self.refused => {}
            Failure::Closed(_) | Failure::Foreign { .. } | Failure::Silent(_) => {
                self.cadence.impersonated(now, self.random.f64());
                self.refused = self.dials;
            }
            Failure::Resolve(_)
            | Failure::NoSuchName(_)
            | Failure::Astray(_)
            | Failure::Refused(_)
            | Failure::Local(_) => {
                self.cadence.refused(now, self.random.f64());
                self.refused = self.dials;
            }
        }
        if matches!(self.phase, Phase::Seeking) {
            match failure {
                // The name leads elsewhere than the addresses that are known.
                Failure::Astray(_) => self.show_no_path(NoPath::NoRoute, Some(failure)),
                Failure::Resolve(_)
                | Failure::NoSuchName(_)
                | Failure::Unreachable(_)
                | Failure::TimedOut
                | Failure::Local(_)
                | Failure::Refused(_)
                | Failure::Closed(_)
                | Failure::Silent(_)
                | Failure::Foreign { .. }
                | Failure::Busy { .. } => self.show(Status::Retrying(failure)),
            }
        }
    }

    /// A connection that waits for its run is judged like a run; false if it was given up.
    pub(super) fn judge_ready(&mut self) -> bool {
        if let (Some((_, connection)), Some(look)) = (&self.ready, &self.look) {
            let wanted = self.wanted_now();
            let path = found(look, connection, &wanted);
            match judge(connection, path.as_ref(), &wanted, look) {
                Verdict::Alive | Verdict::Unknown | Verdict::Doubtful(_) => {}
                Verdict::Cut(_) | Verdict::Severed(_) | Verdict::Dead(_) => {
                    self.discard_attempts();
                    return false;
                }
            }
        }
        true
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
        self.note_start(now);
        let run = RunId(self.runs);
        let (over, connection) = over.map_or((None, None), |(attempt, connection)| {
            (Some(attempt), Some(connection))
        });
        let wanted = self.wanted_now();
        let path = match (&self.look, &connection) {
            (Some(look), Some(connection)) => found(look, connection, &wanted),
            (None, _) | (_, None) => None,
        };
        let grounded = self
            .look
            .as_ref()
            .is_some_and(|look| look.snapshot.grounded());
        let questions = self.settings.askable && (self.insisted || self.opened == Opened::Not);
        let (stage, deadline) = self.first_stage(now, over.is_some(), questions);
        let outage = self.lost.as_ref().map(|(_, since)| now.since(*since));
        self.show(Status::Attaching {
            path: path.clone(),
            outage,
        });
        self.phase = Phase::Running(Run {
            id: run,
            connection,
            path,
            wanted,
            grounded,
            questions,
            stage,
            deadline,
            authenticated: None,
            state: State::Well,
        });
        self.act(Action::Start {
            run,
            over,
            questions,
            purpose: self.opened.purpose(),
        });
    }

    pub(super) fn discard_attempts(&mut self) {
        self.reached = None;
        let ready = self.ready.take().map(|(attempt, _)| attempt);
        for attempt in std::mem::take(&mut self.attempts).into_iter().chain(ready) {
            self.act(Action::Discard(attempt));
        }
    }
}
