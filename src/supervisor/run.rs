//! The live run: judged by each look, asked when in doubt, given up when that is what the table says.

use std::time::Duration;

use netroam_platform::{Lookup, Path, clock::Time};

use crate::connect::Sign;

use super::{
    Action, Again, Answer, Connection, Dialler, GivenUp, Look, Notice, Phase, Reach, Reason, RunId,
    Stage, Status, Supervisor, Verdict, Via, Wanted, adrift, judge, judge::astray, login,
};

/// How long a run is kept while its source address is ours but there is no path. A blip costs nothing then (measured: 0.08 s
/// instead of a login).
const HOLD: Duration = Duration::from_secs(3);

/// How long a connection without a context is given to answer a probe: losing it loses work.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long after the new run has authenticated the silenced one is killed: its hang-up while the new one attaches would make screen's server
/// sleep for a second (measured), and the remote command itself ends the stale server side half a second after attaching.
const LAST_WORDS: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Run {
    pub(super) id: RunId,
    pub(super) connection: Option<Connection>,
    /// The path on which it was last known to be well.
    pub(super) path: Option<Path>,
    /// What was wanted of its path; another one is none.
    pub(super) wanted: Wanted,
    /// There was a network for a tunnel's own packets when it was last known to be well.
    pub(super) grounded: bool,
    /// ssh may ask a person.
    pub(super) questions: bool,
    /// What its login waits for.
    pub(super) stage: Stage,
    /// When the next stage of its login must be reached.
    pub(super) deadline: Option<Time>,
    pub(super) authenticated: Option<Time>,
    pub(super) state: State,
}

#[derive(Debug)]
pub(super) enum State {
    Well,
    /// No path; kept until then, or for as long as it takes.
    Cut {
        reason: Reason,
        until: Option<Time>,
    },
    /// The path leads through a tunnel under which there is no network; kept until then, or for as long as it takes.
    Adrift {
        until: Option<Time>,
    },
    /// To be asked; `asked` is the path over which the question went.
    Doubtful {
        reason: Reason,
        asked: Option<Path>,
    },
    /// Asked in vain, over a path that may not carry anything yet; to be asked again when it does, until then, or for as long as it takes.
    Unheard {
        reason: Reason,
        until: Option<Time>,
    },
}

impl State {
    pub(super) fn doubtful(reason: Reason) -> Self {
        Self::Doubtful {
            reason,
            asked: None,
        }
    }
}

impl Supervisor {
    /// The time that the machine slept counts for nobody's patience: no network could come back, no server answer.
    pub(super) fn woke(&mut self, now: Time) {
        if matches!(self.phase, Phase::Seeking) && self.cadence.next().is_some() {
            self.cadence.restart(now);
        }
        if let Phase::Running(run) = &mut self.phase {
            if let Some(deadline) = &mut run.deadline {
                *deadline = now + login::patience(run.stage, self.hung);
            }
            match &mut run.state {
                State::Well | State::Unheard { .. } => {
                    run.state = State::doubtful(Reason::Slept);
                }
                State::Doubtful { asked, .. } => *asked = None,
                State::Cut { until, .. } => *until = until.map(|_| now + HOLD),
                State::Adrift { until } => *until = until.map(|_| now + adrift::HOLD),
            }
        }
    }

    /// Judges the live run by the latest look, and asks it if that leaves a doubt.
    pub(super) fn judge_run(&mut self, now: Time) {
        // The address that it is connected to may be out of reach, and the host not: one family of addresses is gone, the other is there.
        let otherwise = match self.reach() {
            Reach::Over(path) => path,
            Reach::Not(_) => None,
        };
        let (Phase::Running(run), Some(look)) = (&mut self.phase, &self.look) else {
            return;
        };
        let Some(connection) = &run.connection else {
            return;
        };
        let keeps_work_here = run.authenticated.is_some() && self.settings.again != Again::Attach;
        match judge(connection, run.path.as_ref(), &run.wanted, look) {
            Verdict::Unknown => return,
            Verdict::Alive if run.lost_ground(look) => return self.adrift(now),
            Verdict::Alive => {
                run.grounded |= look.snapshot.grounded();
                match run.state {
                    State::Cut { .. } | State::Adrift { .. } => {
                        run.state = State::doubtful(Reason::PathBack);
                    }
                    State::Well | State::Doubtful { .. } | State::Unheard { .. } => {
                        run.path = found(look, connection, &run.wanted).or(run.path.take());
                    }
                }
            }
            Verdict::Doubtful(reason) => match run.state {
                State::Well | State::Cut { .. } | State::Adrift { .. } | State::Unheard { .. } => {
                    run.state = State::doubtful(reason);
                }
                State::Doubtful { .. } => {}
            },
            Verdict::Cut(reason) => {
                let replaceable = otherwise.is_some() && self.settings.again != Again::Never;
                let held = keeps_work_here && !replaceable;
                return self.cut(reason, (!held).then(|| now + HOLD));
            }
            Verdict::Severed(reason) if keeps_work_here && otherwise.is_none() => {
                return self.cut(reason, None);
            }
            Verdict::Severed(Reason::AddressLost {
                address, interface, ..
            }) => {
                let reason = Reason::AddressLost {
                    address,
                    interface,
                    now: otherwise,
                };
                return self.lose(now, reason, false);
            }
            Verdict::Severed(reason) | Verdict::Dead(reason) => {
                return self.lose(now, reason, false);
            }
        }
        self.ask(now);
    }

    /// There is no path: the run is kept for the case that it comes back, and nothing is dialled.
    fn cut(&mut self, reason: Reason, until: Option<Time>) {
        let Phase::Running(run) = &mut self.phase else {
            return;
        };
        let id = run.id;
        if let State::Cut {
            reason: because,
            until: given,
        } = &mut run.state
        {
            let was = *given;
            *given = until.map(|until| was.unwrap_or(until));
            if std::mem::discriminant(because) != std::mem::discriminant(&reason) {
                because.clone_from(&reason);
                self.show(Status::Holding(reason));
            }
            if was.is_some() && until.is_none() {
                self.act(Action::Hold(id));
            }
        } else {
            run.state = State::Cut {
                reason: reason.clone(),
                until,
            };
            self.cadence.stop();
            self.discard_attempts();
            self.show(Status::Holding(reason));
            if until.is_none() {
                self.act(Action::Hold(id));
            }
        }
    }

    /// Asks a doubtful run over the present path, once per path, and dials meanwhile so that nothing is lost if the answer is no.
    pub(super) fn ask(&mut self, now: Time) {
        // A run that a person let go past the tunnel is asked where nothing else may be dialled.
        if self.probe() && !self.waits_for_wanted() {
            self.seek(now);
        }
    }

    /// Asks a doubtful run, unless it was asked over this path; true if it is worth dialling meanwhile.
    pub(super) fn probe(&mut self) -> bool {
        let (Phase::Running(run), Some(look)) = (&mut self.phase, &self.look) else {
            return false;
        };
        let (State::Doubtful { asked, .. }, Some(connection)) = (&mut run.state, &run.connection)
        else {
            return false;
        };
        let path = found(look, connection, &run.wanted);
        if path.is_none() || *asked == path {
            return false;
        }
        let sign = if run.path.is_some() && run.path != path {
            Sign::Receipt
        } else {
            Sign::Word
        };
        *asked = path;
        let authenticated = run.authenticated.is_some();
        let patience = (authenticated && self.settings.again != Again::Attach).then_some(PATIENCE);
        let run = run.id;
        self.act(Action::Probe {
            run,
            sign,
            patience,
        });
        authenticated
            && self.settings.dialler == Dialler::Ours
            && self.settings.again != Again::Never
    }

    pub(super) fn probed(&mut self, now: Time, id: RunId, answer: Answer) {
        let Phase::Running(run) = &mut self.phase else {
            return;
        };
        let State::Doubtful { reason, .. } = &run.state else {
            return;
        };
        if run.id != id {
            return;
        }
        let reason = reason.clone();
        if answer == Answer::Silent && self.may_yet_carry(now) {
            return;
        }
        let Phase::Running(run) = &mut self.phase else {
            return;
        };
        let moved = matches!(reason, Reason::PathMoved { .. });
        let alive = match answer {
            Answer::Alive => true,
            Answer::Silent => false,
            // It cannot be asked. Where the path is the same as ever it probably lives, and ssh's own ServerAlive finds out; on another
            // path it is given up where a context makes that cheap.
            Answer::Unaskable => !moved || self.settings.again != Again::Attach,
        };
        if alive {
            run.state = State::Well;
            if let (Some(look), Some(connection)) = (&self.look, &run.connection) {
                run.path = found(look, connection, &run.wanted);
                run.grounded = look.snapshot.grounded();
            }
            self.cadence.stop();
            self.discard_attempts();
            self.status = None;
        } else {
            self.lose(now, Reason::Silent(Box::new(reason)), true);
        }
    }

    /// Gives the live run up. `audible`: its last words could still reach the server, so it is silenced instead of ended.
    pub(super) fn lose(&mut self, now: Time, reason: Reason, audible: bool) {
        let Phase::Running(run) = std::mem::replace(&mut self.phase, Phase::Seeking) else {
            return;
        };
        let authenticated = run.authenticated.is_some();
        self.note_loss(now, &run, &reason);
        // Where nothing will be attached in its place soon, its last words disturb nobody.
        if audible
            && authenticated
            && matches!(self.reach(), Reach::Over(_))
            && self.settings.again == Again::Attach
            && self.settings.may_silence
        {
            if let Some((older, _)) = self.silenced.replace((run.id, None)) {
                self.act(Action::Kill(older));
            }
            self.act(Action::Silence {
                run: run.id,
                reason,
            });
        } else {
            let given_up = GivenUp {
                reason: reason.clone(),
                authenticated,
            };
            self.ending.insert(run.id, given_up);
            self.act(Action::End {
                run: run.id,
                reason,
            });
        }
        if self.settings.again == Again::Never && authenticated {
            self.phase = Phase::Leaving;
            return;
        }
        if self.ready.is_some() {
            self.start_if_ready(now);
        } else {
            self.seek(now);
        }
    }

    pub(super) fn note_loss(&mut self, now: Time, run: &Run, reason: &Reason) {
        if let Some(authenticated) = run.authenticated {
            self.lost.get_or_insert((reason.clone(), now));
            self.opened.lost(authenticated, now);
        }
    }

    pub(super) fn silent_now(&mut self, run: RunId, unacknowledged: bool) {
        if self.silenced.is_some_and(|(silenced, _)| silenced == run)
            && let Some((reason, _)) = &self.lost
        {
            let reason = reason.clone();
            self.act(Action::Say(Notice::Lost {
                reason,
                input_in_doubt: unacknowledged,
                again: self.settings.again,
            }));
        }
    }

    pub(super) fn assumed(&mut self, id: RunId, connection: Option<Connection>) {
        if let (Phase::Running(run), Some(look)) = (&mut self.phase, &self.look)
            && run.id == id
        {
            run.path = connection
                .as_ref()
                .and_then(|connection| found(look, connection, &run.wanted));
            run.connection = connection;
        }
    }

    pub(super) fn authenticated(&mut self, now: Time, id: RunId) {
        if let Some(given_up) = self.ending.get_mut(&id) {
            // It logged in while it was told to end: a plain command may have begun.
            given_up.authenticated = true;
            self.opened.lost(now, now);
            if self.settings.again == Again::Never {
                self.discard_attempts();
                self.phase = Phase::Leaving;
            }
            return;
        }
        let Phase::Running(run) = &mut self.phase else {
            return;
        };
        if run.id != id || run.authenticated.is_some() {
            return;
        }
        run.authenticated = Some(now);
        run.deadline = None;
        // Its path went while the last words of its login were on their way: what it does from now on is not to be lost.
        let held = self.settings.again != Again::Attach
            && match &mut run.state {
                State::Cut { until, .. } => until.take().is_some(),
                State::Well
                | State::Adrift { .. }
                | State::Doubtful { .. }
                | State::Unheard { .. } => false,
            };
        let learnt = run.path.clone().zip(run.connection.as_ref());
        if let Some((path, connection)) = learnt {
            let peer = connection.peer;
            if self.settings.via == Via::Auto {
                self.wanted = self.settings.via.wanted(path.tunnel);
                run.wanted = self.wanted.clone();
            }
            self.last = Some(path.clone());
            self.act(Action::Learn { path, peer });
        }
        self.without = false;
        self.insisted = false;
        self.lost = None;
        self.status = None;
        self.cadence.succeeded();
        self.hung = 0;
        if held {
            self.act(Action::Hold(id));
        }
        if let Some((_, until)) = &mut self.silenced {
            *until = Some(now + LAST_WORDS);
        }
    }
}

/// The path under a connection, if there is one that is wanted.
pub(super) fn found(look: &Look, connection: &Connection, wanted: &Wanted) -> Option<Path> {
    match look.paths.get(&connection.peer) {
        Some(lookup) if astray(lookup, wanted) => None,
        Some(Lookup::Found(path)) => Some(path.clone()),
        Some(Lookup::None(_) | Lookup::Unknown(_)) | None => None,
    }
}
