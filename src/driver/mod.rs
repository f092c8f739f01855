//! The one `select!` loop ([`keep()`]), and the one place that carries actions out.
//!
//! Everything that happens (an event of the operating system, a child's end, an attempt's result, a key, a signal) becomes an
//! [`Input`] of the supervisor; every [`Action`](crate::supervisor::Action) that it answers with is carried out here. The driver decides nothing.
//!
//! Idle it costs nothing: no timer runs unless the supervisor asked for one, and the kernel watches the connection. (Where the system tells of no
//! changes there is a look every few seconds, and one before each of the supervisor's own moments.)

mod account;
mod act;
mod arrived;
mod asking;
pub mod background;
mod chain;
mod dir;
mod ear;
mod forwards;
mod hub;
mod keep;
mod kept;
mod many;
mod once;
mod orders;
mod pace;
mod plan;
mod queue;
mod run;
mod session;
mod show;
mod sight;
pub(crate) mod signals;
mod stand_in;
mod turn;

use std::{
    cell::RefCell,
    collections::BTreeMap,
    io::{self, Stderr},
    net::IpAddr,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use anyhow::Result;
use netroam_platform::clock::{self, Time};
use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinHandle},
    time::sleep,
};

pub(crate) use dir::RunDir;
pub use dir::{left, sweep};
pub use forwards::Outcome;
pub use keep::keep;
pub use many::keep_many;
pub use once::{Once, dial as dial_once};
pub use pace::Pace;
pub use plan::{News, Plan, Unkept};
pub use queue::{Place, Queue, Queues};
pub use session::{Context, Session};
pub(crate) use signals::{Arrived, Signals, stop_ourselves};
pub use stand_in::{Heard, Hearer, Monitor, StandIn};
pub use turn::Turn;

use crate::{
    connect::{Dialled, Failure, Progress, Resolver},
    context::Stale,
    control::{Followers, Listener},
    report,
    ssh::{Ending, Forward},
    supervisor::{Answer, AttemptId, Exit, Input, RunId, Status, Supervisor, Wish},
    terminal::{Key, Keys, Status as StatusLine, Terminal},
};
use account::Account;
use background::Waiting;
use chain::Chain;
use forwards::Beside;
use orders::Order;
use run::LiveRun;
use sight::{Changed, Sight};
use stand_in::stop_asking;
use turn::Postponed;

/// How long a run that was told to end may take before it is killed; ssh needs 0 to 10 ms (measured).
const GRACE: Duration = Duration::from_millis(250);

/// What the driver's own tasks report.
#[derive(Debug)]
enum Message {
    Progress(AttemptId, Progress),
    Dialled(AttemptId, Result<Dialled, Failure>),
    /// ssh dials by itself: the addresses of the first hop that it will try, or the one that it tries; this run of it, or the next.
    FirstHop(Option<RunId>, Vec<IpAddr>),
    /// It is our turn at the server.
    Admitted(Place),
    /// The answer to the question of this number.
    Probed(u64, RunId, Answer),
    Greeted(RunId),
    KeyExchanged(RunId),
    Authenticated(RunId),
    /// What goes through the run's forwards does not come back, because of this.
    Mute(RunId, String),
    /// What the run's ssh has started to reach the host.
    Chain(RunId, Chain),
    /// The server listens for a forward of this run.
    ForwardGranted(RunId),
    /// Whether the host runs commands beside the session.
    Beside(Beside),
    /// What became of a forward of this run.
    Forward(RunId, Forward, Outcome),
    /// What ssh wrote for the user.
    Said(Vec<u8>),
    /// ssh is reaped, and all it has said is read.
    Over(RunId, Ending),
}

/// Keeps one session; see [`keep()`].
#[derive(Debug)]
struct Driver {
    session: Session,
    supervisor: Supervisor,
    sight: Sight,
    terminal: Option<Rc<Terminal>>,
    keys: Option<Keys>,
    status: StatusLine<Stderr>,
    /// What the status line says while no run owns the terminal.
    shown: Option<Status>,
    /// What is to be said when the terminal is out of control mode: within, tmux alone speaks.
    unsaid: Vec<String>,
    dir: RunDir,
    /// What ends our own stale server side, where no context's command does and the server listens for us.
    stale: Option<Stale>,
    beside: Beside,
    resolver: Arc<Resolver>,
    runs: BTreeMap<RunId, LiveRun>,
    /// What is left of runs that are over, and is about to end.
    chains: Vec<JoinHandle<()>>,
    attempts: BTreeMap<AttemptId, AbortHandle>,
    /// Who asks for the addresses that ssh dials by itself, for a run or for the next one.
    finding: BTreeMap<Option<RunId>, AbortHandle>,
    sockets: BTreeMap<AttemptId, Dialled>,
    /// The question that is under way, by its number.
    probe: Option<(u64, AbortHandle)>,
    probes: u64,
    /// Who asks the live run's forwards for their echo.
    echo: Option<AbortHandle>,
    messages: mpsc::UnboundedSender<Message>,
    account: Account,
    control: Option<Listener>,
    /// What whoever keeps all sessions of the process wants of this one.
    orders: Option<mpsc::UnboundedReceiver<Order>>,
    followers: Rc<RefCell<Followers>>,
    turn: Option<Turn>,
    /// What is to be started when it is this session's turn.
    postponed: Option<Postponed>,
    /// Who waits until the session is attached, and is then told that it goes on in the background.
    waiting: Option<Waiting>,
    exit: Option<Exit>,
}

impl Driver {
    /// When something is due by the supervisor, or a run has outlived its grace. In the dark nothing is due but the latter: what was told to end
    /// ends there too, and what is overdue when the machine is awake for its user again is done then.
    fn deadline(&self) -> Option<Time> {
        let grace = self.runs.values().filter_map(|run| run.kill_at).min();
        let due = self.supervisor.poll_timeout();
        [due.filter(|_| !self.sight.in_the_dark()), grace]
            .into_iter()
            .flatten()
            .min()
    }

    fn tell(&mut self, input: Input) {
        tracing::debug!(?input, "fact");
        self.supervisor.handle(clock::now(), input);
    }

    async fn timed_out(&mut self) {
        // It may have become dark since the deadline was set.
        let dark = self.sight.in_the_dark();
        // What it decides now hangs on what there is now.
        if !dark && self.sight.polls() {
            self.look_for_news().await;
        }
        let now = clock::now();
        for run in self.runs.values_mut() {
            run.kill_if_due(now);
        }
        if !dark {
            self.supervisor.handle_timeout(now);
        }
    }

    async fn look(&mut self, changed: Changed) {
        if let Some(slept) = changed.slept {
            tracing::info!(?slept, "the machine slept");
            self.account.slept(slept);
            self.tell(Input::Woke);
        }
        if changed.nothing_said() {
            if self.look_for_news().await {
                self.find_first_hops();
            }
            return;
        }
        self.look_now().await;
        if changed.names {
            self.tell(Input::NamesChanged);
        }
        self.find_first_hops();
    }

    async fn look_now(&mut self) {
        let look = self.sight.look().await;
        self.account.looked(&look);
        self.tell(Input::Looked(look));
    }

    /// Looks where nobody said that anything has changed; true if something has. What is as it was is no fact.
    async fn look_for_news(&mut self) -> bool {
        let look = self.sight.look().await;
        self.account.looked(&look);
        let new = self.sight.saw_something_new();
        if new {
            self.tell(Input::Looked(look));
        }
        new
    }

    async fn received(&mut self, message: Message) {
        match message {
            Message::Progress(attempt, Progress::Reached) => {
                self.turn_is_used();
                self.tell(Input::Reached(attempt));
            }
            Message::Admitted(place) => self.admitted(place),
            Message::Progress(_, Progress::Resolved(addresses)) => {
                if self.sight.learn(addresses) {
                    // What becomes of the attempt is judged by the paths to where it goes.
                    self.look_now().await;
                }
            }
            Message::Dialled(attempt, result) => self.dialled(attempt, result).await,
            Message::FirstHop(run, addresses) => self.assume(run, addresses).await,
            Message::Probed(number, run, answer) => {
                if self.probe.take_if(|(asked, _)| *asked == number).is_none() {
                    return;
                }
                if let Some(live) = self.runs.get(&run) {
                    live.keep_honest(self.session.stall, self.session.config.tcp_keep_alive);
                }
                let peer = self.runs.get(&run).and_then(LiveRun::peer);
                self.account.answered(run, answer, peer);
                self.tell(Input::Probed { run, answer });
            }
            Message::Greeted(run) => {
                self.turn_is_used();
                self.note_chain(run);
                self.tell(Input::Greeted(run));
            }
            Message::Chain(run, chain) => match self.runs.get_mut(&run) {
                Some(live) => live.chain = Some(chain),
                None => self.end_chain(Some(chain)),
            },
            Message::KeyExchanged(run) => self.tell(Input::KeyExchanged(run)),
            Message::Authenticated(run) => self.authenticated(run),
            Message::Mute(run, why) => {
                let why = format!("the monitoring ports are silent: {why}");
                self.tell(Input::Mute { run, why });
            }
            Message::ForwardGranted(run) => self.forward_granted(run),
            Message::Beside(beside) => self.beside = beside,
            Message::Forward(run, forward, outcome) => self.forward(run, &forward, outcome),
            Message::Said(bytes) => self.said(&bytes),
            Message::Over(run, ending) => self.over(run, ending),
        }
    }

    async fn dialled(&mut self, attempt: AttemptId, result: Result<Dialled, Failure>) {
        if self.attempts.remove(&attempt).is_none() {
            return;
        }
        match result {
            Ok(dialled) => {
                tracing::info!(attempt = attempt.0, peer = %dialled.peer, local = %dialled.local, banner = dialled.banner, "connected");
                if self.sight.learn_good(dialled.peer.ip()) {
                    // The supervisor must know the path under a connection before anything happens to it.
                    self.look_now().await;
                }
                let connection = crate::supervisor::Connection {
                    local: dialled.local.ip(),
                    peer: dialled.peer.ip(),
                };
                self.sockets.insert(attempt, dialled);
                self.tell(Input::Connected {
                    attempt,
                    connection,
                });
            }
            Err(failure) => {
                tracing::info!(attempt = attempt.0, %failure, "not connected");
                self.tell(Input::NotConnected { attempt, failure });
                self.make_room();
            }
        }
    }

    /// ssh dials: its connection will stand on what the kernel answers now for the first hop.
    async fn assume(&mut self, run: Option<RunId>, addresses: Vec<IpAddr>) {
        self.sight.learn(addresses.clone());
        let look = self.sight.look().await;
        let connection = sight::expected(&look, &addresses);
        self.account.assumed(&look, connection.as_ref());
        self.tell(Input::Looked(look));
        let Some(run) = run else { return };
        if let Some(live) = self.runs.get_mut(&run) {
            live.placed = connection.is_some();
        }
        self.tell(Input::Assumed { run, connection });
    }

    fn authenticated(&mut self, run: RunId) {
        if let Some(turn) = &mut self.turn {
            turn.logged_in(run);
        }
        if let Some(live) = self.runs.get_mut(&run) {
            tracing::info!(run = run.0, "attached");
            live.attached();
            if let (true, Some(terminal)) = (live.unattended, &self.terminal) {
                checked("throw away what was typed", terminal.discard_input());
            }
            self.clear_status();
            self.shown = None;
            self.account.attached(run);
            self.let_hear(Heard::Attached(run));
            self.watch_echo(run);
        }
        self.tell(Input::Authenticated(run));
        self.go_to_background_with(run);
    }

    /// A run is gone: the terminal is ours again, unless another run has it already.
    fn over(&mut self, run: RunId, ending: Ending) {
        let Some(live) = self.runs.remove(&run) else {
            return;
        };
        self.finding.remove(&Some(run));
        self.end_chain(live.chain);
        let ending = match (live.not_without, ending) {
            (Some(forward), Ending::EndedByUs) => Ending::Lost {
                why: report::forward(&forward, Outcome::NotWithout),
            },
            (_, ending) => ending,
        };
        tracing::info!(run = run.0, ?ending, "run ended");
        self.account.ended(run, &ending);
        self.let_hear(Heard::Ended(run, &ending));
        stop_asking(&mut self.echo);
        if let Some(turn) = &mut self.turn {
            turn.ended(run, &ending);
        }
        let clean = matches!(ending, Ending::Finished { .. } | Ending::TakenOver);
        if !live.silenced {
            self.take_terminal(clean);
        }
        self.tell(Input::Ended {
            run,
            ending,
            unacknowledged: live.undelivered,
        });
    }

    fn pressed(&mut self, key: io::Result<Key>) {
        let wish = match key {
            Ok(Key::Enter) => Wish::Now,
            Ok(Key::Quit) => Wish::Quit,
            Ok(Key::Details) => Wish::Details,
            Ok(Key::Other) => return,
            Ok(Key::HungUp) if self.lives_without_terminal() => return,
            Ok(Key::HungUp) => return self.tell(Input::Quit(nix::libc::SIGHUP)),
            Err(error) => {
                tracing::warn!(%error, "cannot read the terminal any more");
                return self.tell(Input::Quit(nix::libc::SIGHUP));
            }
        };
        self.tell(Input::Person(wish));
    }

    fn clear_status(&mut self) {
        checked("clear the status line", self.status.clear());
    }
}

/// Notes in the log what could not be done to the terminal; when it is gone, a signal or its end says so too.
fn checked(what: &str, result: io::Result<()>) {
    if let Err(error) = result {
        tracing::warn!(%error, "cannot {what}");
    }
}

async fn until(deadline: Option<Time>) {
    match deadline {
        Some(deadline) => sleep(deadline.since(clock::now())).await,
        None => std::future::pending().await,
    }
}
