//! The decisions: facts in, actions out.
//!
//! A [`Supervisor`] keeps one session. It is told facts ([`Input`]) together with the time, and answers with [`Action`]s. It performs no
//! IO, reads no clock and knows no runtime; the driver does all that. Four calls are all there is:
//!
//! - [`Supervisor::handle`] takes a fact,
//! - [`Supervisor::poll_action`] gives the next action, until there is none,
//! - [`Supervisor::poll_timeout`] says when it wants to be called without a fact: `None` while nothing needs time to pass,
//! - [`Supervisor::handle_timeout`] is that call.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use netroam_platform::{Lookup, NoPath, Path, clock::Time};

mod cadence;
mod endings;
mod fact;
mod judge;
mod seek;

pub use fact::{
    Action, Answer, AttemptId, Exit, Input, Look, Need, Notice, Purpose, Reason, RunId, Status,
    Wish,
};
pub use judge::{Connection, Verdict, judge};

use cadence::Cadence;

/// How long a run is kept while its source address is ours but there is no path. A blip costs nothing then (measured: 0.08 s
/// instead of a login).
const HOLD: Duration = Duration::from_secs(3);

/// How long a connection without a context is given to answer a probe: losing it loses work.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long after authentication the context surely exists, so that a loss may only lead back to it, never make another.
const CONTEXT_EXISTS: Duration = Duration::from_secs(3);

/// How long after the new run has authenticated the silenced one is killed: its hang-up while the new one attaches would make screen's server
/// sleep for a second (measured), and the remote command itself ends the stale server side half a second after attaching.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A run that ends sooner than this after authentication counts as a refusal, so that a server which drops us at once is not hammered.
const SETTLED: Duration = Duration::from_secs(10);

/// Who opens the connection to the first hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialler {
    /// netroam, which hands the socket to ssh.
    Ours,
    /// ssh itself (its configuration has a proxy, or the user wants it).
    Ssh,
}

/// What may be done when a run is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Attach to the context that keeps the work.
    Attach,
    /// Start another login shell or another connection without a command: there is no work to find again.
    Anew,
    /// Run the plain remote command again: the user says that it may be.
    Rerun,
    /// Nothing: a plain remote command may have run.
    Never,
}

/// What is fixed for the life of a session.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who dials.
    pub dialler: Dialler,
    /// What follows a loss.
    pub again: Again,
    /// A terminal is there, so a person may be asked.
    pub attended: bool,
    /// Seeds the jitter, so that a run of the supervisor can be repeated.
    pub seed: u64,
}

/// Keeps one session connected. See the module's documentation.
#[derive(Debug)]
pub struct Supervisor {
    settings: Settings,
    look: Option<Look>,
    phase: Phase,
    /// Runs that were told to end and are not gone yet, and why.
    ending: BTreeMap<RunId, Reason>,
    /// A stopped run whose last words must not reach the server before this time (`None`: before the new run is attached).
    silenced: Option<(RunId, Option<Time>)>,
    attempts: BTreeSet<AttemptId>,
    /// The attempt that has a connection and waits for the banner.
    reached: Option<AttemptId>,
    ready: Option<(AttemptId, Connection)>,
    cadence: Cadence,
    lost: Option<(Reason, Time)>,
    /// The context surely exists on the remote host.
    opened: bool,
    /// A person asked for the next run, which may therefore ask back.
    insisted: bool,
    runs: u64,
    dials: u64,
    status: Option<Status>,
    actions: VecDeque<Action>,
    random: fastrand::Rng,
}

#[derive(Debug)]
enum Phase {
    /// No live run: dial when there is a path.
    Seeking,
    /// A live run, connecting or attached.
    Running(Run),
    /// Only a person can go on.
    Parked(Need),
    /// The run was told to end, and nothing follows it.
    Leaving,
    /// Finished.
    Over,
}

#[derive(Debug)]
struct Run {
    id: RunId,
    connection: Option<Connection>,
    /// The path on which it was last known to be well.
    path: Option<Path>,
    authenticated: Option<Time>,
    state: State,
}

#[derive(Debug)]
enum State {
    Well,
    /// No path; kept until then, or for as long as it takes.
    Cut {
        reason: Reason,
        until: Option<Time>,
    },
    /// To be asked; `asked` is the path over which the question went.
    Doubtful {
        reason: Reason,
        asked: Option<Path>,
    },
}

impl Supervisor {
    /// Begins a session that has done nothing yet. The first look starts it.
    pub fn new(settings: Settings) -> Self {
        let random = fastrand::Rng::with_seed(settings.seed);
        Self {
            settings,
            look: None,
            phase: Phase::Seeking,
            ending: BTreeMap::new(),
            silenced: None,
            attempts: BTreeSet::new(),
            reached: None,
            ready: None,
            cadence: Cadence::new(),
            lost: None,
            opened: false,
            insisted: false,
            runs: 0,
            dials: 0,
            status: None,
            actions: VecDeque::new(),
            random,
        }
    }

    /// Takes a fact.
    pub fn handle(&mut self, now: Time, input: Input) {
        match (&self.phase, input) {
            (Phase::Over, _) => {}
            (_, Input::Looked(look)) => self.looked(now, look),
            (_, Input::Woke) => self.woke(),
            (_, Input::Reached(attempt)) => self.reached(attempt),
            (
                _,
                Input::Connected {
                    attempt,
                    connection,
                },
            ) => self.connected(now, attempt, connection),
            (_, Input::NotConnected { attempt, failure }) => {
                self.not_connected(now, attempt, failure)
            }
            (_, Input::Assumed { run, connection }) => self.assumed(run, connection),
            (_, Input::Authenticated(run)) => self.authenticated(now, run),
            (
                _,
                Input::Silenced {
                    run,
                    unacknowledged,
                },
            ) => self.silent_now(run, unacknowledged),
            (
                _,
                Input::Ended {
                    run,
                    ending,
                    unacknowledged,
                },
            ) => self.ended(now, run, ending, unacknowledged),
            (_, Input::Probed { run, answer }) => self.probed(now, run, answer),
            (_, Input::Person(wish)) => self.person(now, wish),
            (_, Input::Quit(signal)) => self.finish(Exit::Signal(signal)),
        }
    }

    /// Tells that time has passed. Harmless when nothing is due.
    pub fn handle_timeout(&mut self, now: Time) {
        if let Some((run, Some(_))) = self
            .silenced
            .filter(|(_, until)| until.is_some_and(|until| until <= now))
        {
            self.silenced = None;
            self.act(Action::Kill(run));
        }
        if let Phase::Running(Run {
            state:
                State::Cut {
                    reason,
                    until: Some(until),
                },
            ..
        }) = &self.phase
            && *until <= now
        {
            let reason = reason.clone();
            self.lose(now, reason, false);
        }
        self.dial_if_due(now);
    }

    /// Gives the next action to carry out.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Says when [`Supervisor::handle_timeout`] is wanted; `None`: only a fact can change anything.
    pub fn poll_timeout(&self) -> Option<Time> {
        let cut = match &self.phase {
            Phase::Running(Run {
                state: State::Cut { until, .. },
                ..
            }) => *until,
            Phase::Running(_)
            | Phase::Seeking
            | Phase::Parked(_)
            | Phase::Leaving
            | Phase::Over => None,
        };
        let silenced = self.silenced.and_then(|(_, until)| until);
        let dial = self.cadence.next().filter(|_| self.may_dial());
        [cut, silenced, dial].into_iter().flatten().min()
    }

    fn looked(&mut self, now: Time, look: Look) {
        let before = self.look.replace(look);
        self.judge_ready();
        match &self.phase {
            Phase::Running(_) => self.judge_run(now),
            Phase::Seeking if self.differs(before.as_ref()) => self.seek_anew(now),
            Phase::Seeking | Phase::Parked(_) | Phase::Leaving | Phase::Over => {}
        }
    }

    /// Whether the latest look differs from the one before in what matters for reaching the first hop. An address that was merely learnt is
    /// no difference; where no known address can be reached, any new address of ours is one.
    fn differs(&self, before: Option<&Look>) -> bool {
        let (Some(before), Some(now)) = (before, &self.look) else {
            return true;
        };
        let moved = now.paths.iter().any(|(address, answer)| {
            before
                .paths
                .get(address)
                .is_some_and(|before| before != answer)
        });
        let stuck = now.paths.is_empty() || matches!(self.reach(), Reach::Not(_));
        moved || stuck && before.snapshot.reaching() != now.snapshot.reaching()
    }

    fn woke(&mut self) {
        if let Phase::Running(run) = &mut self.phase {
            match run.state {
                State::Well => {
                    run.state = State::Doubtful {
                        reason: Reason::Slept,
                        asked: None,
                    }
                }
                State::Doubtful { ref mut asked, .. } => *asked = None,
                State::Cut { .. } => {}
            }
        }
    }

    /// Judges the live run by the latest look, and asks it if that leaves a doubt.
    fn judge_run(&mut self, now: Time) {
        let (Phase::Running(run), Some(look)) = (&mut self.phase, &self.look) else {
            return;
        };
        let Some(connection) = &run.connection else {
            return;
        };
        let keeps_work_here = run.authenticated.is_some() && self.settings.again != Again::Attach;
        match judge(connection, run.path.as_ref(), look) {
            Verdict::Unknown => return,
            Verdict::Alive => match run.state {
                State::Cut { .. } => {
                    run.state = State::Doubtful {
                        reason: Reason::PathBack,
                        asked: None,
                    }
                }
                State::Well | State::Doubtful { .. } => {
                    if run.path.is_none() {
                        run.path = found(look, connection);
                    }
                }
            },
            Verdict::Doubtful(reason) => match run.state {
                State::Well | State::Cut { .. } => {
                    run.state = State::Doubtful {
                        reason,
                        asked: None,
                    }
                }
                State::Doubtful { .. } => {}
            },
            Verdict::Cut(reason) => {
                return self.cut(reason, (!keeps_work_here).then(|| now + HOLD));
            }
            Verdict::Severed(reason) if keeps_work_here => return self.cut(reason, None),
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
        if !matches!(run.state, State::Cut { .. }) {
            run.state = State::Cut {
                reason: reason.clone(),
                until,
            };
            let id = run.id;
            self.cadence.stop();
            self.discard_attempts();
            self.show(Status::Holding(reason));
            if until.is_none() {
                self.act(Action::Hold(id));
            }
        }
    }

    /// Asks a doubtful run over the present path, once per path, and dials meanwhile so that nothing is lost if the answer is no.
    fn ask(&mut self, now: Time) {
        let (Phase::Running(run), Some(look)) = (&mut self.phase, &self.look) else {
            return;
        };
        let (State::Doubtful { asked, .. }, Some(connection)) = (&mut run.state, &run.connection)
        else {
            return;
        };
        let path = found(look, connection);
        if path.is_none() || *asked == path {
            return;
        }
        *asked = path;
        let authenticated = run.authenticated.is_some();
        let patience = (authenticated && self.settings.again != Again::Attach).then_some(PATIENCE);
        let run = run.id;
        self.act(Action::Probe { run, patience });
        if authenticated
            && self.settings.dialler == Dialler::Ours
            && self.settings.again != Again::Never
        {
            self.discard_attempts();
            self.cadence.restart(now);
            self.dial_if_due(now);
        }
    }

    fn probed(&mut self, now: Time, id: RunId, answer: Answer) {
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
                run.path = found(look, connection);
            }
            self.cadence.stop();
            self.discard_attempts();
        } else {
            self.lose(now, Reason::Silent(Box::new(reason)), true);
        }
    }

    /// Gives the live run up. `audible`: its last words could still reach the server, so it is silenced instead of ended.
    fn lose(&mut self, now: Time, reason: Reason, audible: bool) {
        let Phase::Running(run) = std::mem::replace(&mut self.phase, Phase::Seeking) else {
            return;
        };
        self.note_loss(now, &run, &reason);
        if audible && self.settings.again == Again::Attach && run.authenticated.is_some() {
            if let Some((older, _)) = self.silenced.replace((run.id, None)) {
                self.act(Action::Kill(older));
            }
            self.act(Action::Silence {
                run: run.id,
                reason,
            });
        } else {
            self.ending.insert(run.id, reason.clone());
            self.act(Action::End {
                run: run.id,
                reason,
            });
        }
        if self.settings.again == Again::Never && run.authenticated.is_some() {
            self.phase = Phase::Leaving;
            return;
        }
        if self.ready.is_some() {
            self.start_if_ready(now)
        } else {
            self.seek(now)
        }
    }

    fn note_loss(&mut self, now: Time, run: &Run, reason: &Reason) {
        if let Some(authenticated) = run.authenticated {
            self.lost.get_or_insert((reason.clone(), now));
            self.opened |= now.since(authenticated) >= CONTEXT_EXISTS;
        }
    }

    fn silent_now(&mut self, run: RunId, unacknowledged: bool) {
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

    fn assumed(&mut self, id: RunId, connection: Option<Connection>) {
        if let (Phase::Running(run), Some(look)) = (&mut self.phase, &self.look)
            && run.id == id
        {
            run.path = connection
                .as_ref()
                .and_then(|connection| found(look, connection));
            run.connection = connection;
        }
    }

    fn authenticated(&mut self, now: Time, id: RunId) {
        let Phase::Running(run) = &mut self.phase else {
            return;
        };
        if run.id != id || run.authenticated.is_some() {
            return;
        }
        run.authenticated = Some(now);
        self.insisted = false;
        self.lost = None;
        self.status = None;
        self.cadence.succeeded();
        if let Some((_, until)) = &mut self.silenced {
            *until = Some(now + LAST_WORDS);
        }
    }

    fn person(&mut self, now: Time, wish: Wish) {
        match wish {
            Wish::Quit => self.finish(Exit::GaveUp),
            Wish::Details => {
                if let Some(status) = self.status.clone() {
                    let lost = self.lost.as_ref().map(|(reason, _)| reason.clone());
                    let next = self.poll_timeout().map(|next| next.since(now));
                    self.act(Action::Say(Notice::Details { status, lost, next }));
                }
            }
            Wish::Now => {
                match &self.phase {
                    Phase::Running(_) | Phase::Leaving | Phase::Over => return,
                    Phase::Parked(Need::Question(_)) => self.insisted = true,
                    Phase::Parked(Need::TakenOver | Need::ContextGone) => self.opened = false,
                    Phase::Seeking => {}
                }
                self.phase = Phase::Seeking;
                self.cadence.insist(now);
                self.dial_now(now);
            }
        }
    }

    fn park(&mut self, need: Need) {
        self.cadence.stop();
        self.discard_attempts();
        self.phase = Phase::Parked(need.clone());
        self.show(Status::Parked(need));
    }

    fn finish(&mut self, exit: Exit) {
        self.phase = Phase::Over;
        self.act(Action::Finish(exit));
    }

    fn show(&mut self, status: Status) {
        if self.status.as_ref() != Some(&status) {
            self.status = Some(status.clone());
            self.act(Action::Show(status));
        }
    }

    fn act(&mut self, action: Action) {
        self.actions.push_back(action);
    }
}

fn found(look: &Look, connection: &Connection) -> Option<Path> {
    match look.paths.get(&connection.peer) {
        Some(Lookup::Found(path)) => Some(path.clone()),
        Some(Lookup::None(_) | Lookup::Unknown(_)) | None => None,
    }
}

/// Whether, and over which path, the first hop can be reached.
enum Reach {
    Over(Option<Path>),
    Not(NoPath),
}
