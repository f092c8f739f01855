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

use netroam_platform::{Path, clock::Time};

mod adrift;
mod cadence;
mod endings;
mod fact;
mod judge;
mod login;
mod opened;
mod reach;
mod restarts;
mod run;
mod seek;
mod via;

pub use fact::{
    Action, Answer, AttemptId, Exit, Input, Look, Need, Notice, Purpose, Reason, RunId, Segments,
    Stage, Status, Wish,
};
pub use judge::{Connection, Verdict, judge};
pub use restarts::{Limit, Restarts};
pub use via::{Via, Wanted};

use crate::connect::Failure;
use cadence::Cadence;
use opened::Opened;
use reach::Reach;
use restarts::Rules;
use run::{Run, State, found};

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
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that do not exclude each other"
)]
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who dials.
    pub dialler: Dialler,
    /// Where ssh dials: the first hop has a name or an address that netroam knows, too.
    pub hop_known: bool,
    /// What follows a loss.
    pub again: Again,
    /// A terminal is there, on which netroam can ask for a key.
    pub attended: bool,
    /// ssh finds somebody to ask, be it on a terminal that is not our input.
    pub askable: bool,
    /// A run that is given up may be stopped first and ended later. Not where it holds local ports that the next one needs.
    pub may_silence: bool,
    /// Over what the first hop may be reached.
    pub via: Via,
    /// The path over which the session was attached last; its index means nothing.
    pub last: Option<Path>,
    /// Seeds the jitter, so that a run of the supervisor can be repeated.
    pub seed: u64,
}

impl Settings {
    /// A person can say that it is to try again, but nobody can be asked anything: what a person may mend is waited for, be it the first time.
    pub(crate) fn unattended(&self) -> bool {
        self.attended && !self.askable
    }
}

/// Keeps one session connected. See the module's documentation.
#[derive(Debug)]
pub struct Supervisor {
    settings: Settings,
    /// What decides before everything else about the end of a run.
    rules: Option<Rules>,
    look: Option<Look>,
    phase: Phase,
    /// Runs that were told to end and are not gone yet.
    ending: BTreeMap<RunId, GivenUp>,
    /// A stopped run whose last words must not reach the server before this time (`None`: before the new run is attached).
    silenced: Option<(RunId, Option<Time>)>,
    attempts: BTreeSet<AttemptId>,
    /// The path over which the attempts in flight went.
    dialled_over: Option<Path>,
    /// The attempt that has a connection and waits for the banner.
    reached: Option<AttemptId>,
    ready: Option<(AttemptId, Connection)>,
    cadence: Cadence,
    /// How the server last said that it takes no connection of ours for now.
    busy: Option<Failure>,
    /// What a path must be.
    wanted: Wanted,
    /// A person wants an attempt over whatever there is.
    without: bool,
    /// The path over which the session was attached last.
    last: Option<Path>,
    /// The interface over which large packets were swallowed.
    small: Option<String>,
    /// So many logins in a row hung.
    hung: u32,
    lost: Option<(Reason, Time)>,
    /// How far a person's wish for the session has come.
    opened: Opened,
    /// A person asked for the next run, which may therefore ask back.
    insisted: bool,
    runs: u64,
    dials: u64,
    /// The attempts up to this one had begun when the last refusal was counted.
    refused: u64,
    status: Option<Status>,
    actions: VecDeque<Action>,
    random: fastrand::Rng,
}

/// A run that was told to end.
#[derive(Debug)]
struct GivenUp {
    reason: Reason,
    /// It was attached, so its end is a loss.
    authenticated: bool,
}

#[expect(clippy::large_enum_variant, reason = "there is one of it")]
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

impl Supervisor {
    /// Begins a session that has done nothing yet. The first look starts it.
    pub fn new(settings: Settings) -> Self {
        let random = fastrand::Rng::with_seed(settings.seed);
        let last_was_tunnel = settings.last.as_ref().is_some_and(|path| path.tunnel);
        Self {
            wanted: settings.via.wanted(last_was_tunnel),
            without: false,
            last: settings.last.clone(),
            small: None,
            hung: 0,
            settings,
            rules: None,
            look: None,
            phase: Phase::Seeking,
            ending: BTreeMap::new(),
            silenced: None,
            attempts: BTreeSet::new(),
            dialled_over: None,
            reached: None,
            ready: None,
            cadence: Cadence::new(),
            busy: None,
            lost: None,
            opened: Opened::Not,
            insisted: false,
            runs: 0,
            dials: 0,
            refused: 0,
            status: None,
            actions: VecDeque::new(),
            random,
        }
    }

    /// Takes a fact.
    pub fn handle(&mut self, now: Time, input: Input) {
        self.begin(now);
        match (&self.phase, input) {
            (Phase::Over, _) => {}
            (_, Input::Looked(look)) => self.looked(now, look),
            (_, Input::Woke) => self.woke(now),
            (_, Input::NamesChanged) => self.names_changed(now),
            (_, Input::Reached(attempt)) => self.reached(attempt),
            (
                _,
                Input::Connected {
                    attempt,
                    connection,
                },
            ) => self.connected(now, attempt, connection),
            (_, Input::NotConnected { attempt, failure }) => {
                self.not_connected(now, attempt, failure);
            }
            (_, Input::Assumed { run, connection }) => self.assumed(run, connection),
            (_, Input::Greeted(run)) => self.greeted(now, run),
            (_, Input::KeyExchanged(run)) => self.key_exchanged(now, run),
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
            (_, Input::Restart(live)) => self.restart(now, live),
            (_, Input::Mute { run, why }) => self.restart_run(now, run, why),
            (_, Input::Alone) => self.settings.askable = false,
            (_, Input::Quit(signal)) => self.finish(Exit::Signal(signal)),
        }
        self.stop_at_limit(now);
    }

    /// Tells that time has passed. Harmless when nothing is due.
    pub fn handle_timeout(&mut self, now: Time) {
        self.stop_at_limit(now);
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
        self.ground_if_due(now);
        self.give_up_unheard_if_due(now);
        self.give_up_login_if_due(now);
        self.dial_if_due(now);
    }

    /// Gives the next action to carry out.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Says when [`Supervisor::handle_timeout`] is wanted; `None`: only a fact can change anything.
    pub fn poll_timeout(&self) -> Option<Time> {
        let run = match &self.phase {
            Phase::Running(Run {
                state:
                    State::Cut { until, .. } | State::Adrift { until } | State::Unheard { until, .. },
                ..
            }) => *until,
            Phase::Running(run) => run.deadline,
            Phase::Seeking | Phase::Parked(_) | Phase::Leaving | Phase::Over => None,
        };
        let silenced = self.silenced.and_then(|(_, until)| until);
        let dial = self.cadence.next().filter(|_| self.may_dial());
        let rules = self.rules.as_ref();
        let limit = rules
            .filter(|_| !matches!(self.phase, Phase::Over))
            .and_then(Rules::end);
        [run, silenced, dial, limit].into_iter().flatten().min()
    }

    fn looked(&mut self, now: Time, look: Look) {
        let before = self.look.replace(look);
        let kept = self.judge_ready();
        match &self.phase {
            Phase::Running(_) => self.judge_run(now),
            Phase::Seeking if !kept || self.differs(before.as_ref()) => self.seek_anew(now),
            Phase::Seeking => {
                if let Some(first) = self.invites(before.as_ref()) {
                    self.seek_beside(now, first);
                }
            }
            Phase::Parked(_) | Phase::Leaving | Phase::Over => {}
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
                    Phase::Parked(Need::Question(_)) => {
                        self.insisted = true;
                        self.without &= self.waits_for_wanted();
                    }
                    Phase::Parked(Need::TakenOver | Need::ContextGone) => {
                        self.opened = Opened::Not;
                    }
                    // It is as good as there, when the old run is gone.
                    Phase::Seeking if self.ready.is_some() => return,
                    Phase::Seeking => {
                        let offered = matches!(self.status, Some(Status::Waiting { .. }));
                        self.without |= offered || self.waits_for_wanted();
                    }
                }
                self.phase = Phase::Seeking;
                self.cadence.insist(now);
                if self.waits_for_wanted() && !self.without {
                    self.seek(now);
                } else {
                    self.dial_now(now);
                }
            }
        }
    }

    fn park(&mut self, need: Need) {
        self.cadence.stop();
        self.discard_attempts();
        self.kill_silenced();
        self.phase = Phase::Parked(need.clone());
        self.show(Status::Parked(need));
    }

    /// Nothing will be attached in its place soon, so that its last words disturb nobody.
    fn kill_silenced(&mut self) {
        if let Some((run, _)) = self.silenced.take() {
            self.act(Action::Kill(run));
        }
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
