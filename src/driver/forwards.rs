//! The forwards of one run: what is not there is asked for until it is.
//!
//! A session is never given up for a forward, unless the user wants that (`ExitOnForwardFailure`). Our own stale server side is ended first:
//! by the context's command, or, where there is no context, by one that runs beside the session. Both know it by a note that the run before
//! has left on the host. So a reconnect leaves its note before the server listens for it: a run that is lost in between holds nothing that the
//! next one cannot free.

use std::{
    collections::VecDeque,
    fs, io,
    os::unix::{fs::FileTypeExt as _, net::UnixStream},
    path::Path,
    time::Duration,
};

use anyhow::Result;
use netroam_platform::clock;
use tokio::{select, sync::mpsc, time::sleep};

use super::{
    Driver, GRACE, Message, Session,
    act::report_to,
    asking::{Vain, ask},
    checked,
    ear::Forwards,
};
use crate::{
    context::{Stale, stale},
    report,
    ssh::{Forward, Master, SessionType, Side},
    supervisor::RunId,
};

/// How long to wait before a forward is asked for again, so many times each. The context's command ends our stale server side half a second
/// after it began (see [`crate::context::bootstrap`]); after that, whoever holds a port is somebody else.
const PAUSES: [(usize, Duration); 3] = [
    (12, Duration::from_millis(250)),
    (10, Duration::from_secs(1)),
    (12, Duration::from_secs(10)),
];
const LAST_PAUSE: Duration = Duration::from_secs(60);

/// A forward that is not there for so long is worth a word: what our own stale server side held is free by then.
const WORTH_A_WORD: Duration = Duration::from_secs(3);

/// With `ExitOnForwardFailure`, how long a reconnect may do without a forward. Shorter than the time after which a run counts as settled, so
/// that the next one waits, as after any refusal.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the command on the host may take. It waits at most 2 s, for our stale sshd to go or for the context's note.
const COMMAND: Duration = Duration::from_secs(4);

/// How long ssh may take to ask for a forward; the server answers at once, whatever the answer is.
const REQUEST: Duration = Duration::from_secs(10);

/// What the short ssh says where the server grants no second channel for a command (`mux_client_request_session` of mux.c).
const NO_CHANNEL: &str = "Session open refused by peer";

/// Whether the host runs what it is asked to, beside the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beside {
    /// Nothing has been asked of it yet.
    Unknown,
    /// It does.
    Runs,
    /// What was asked of it last came to nothing, which may be the path's fault or the moment's.
    Doubtful,
    /// It came to nothing twice in a row, or the host grants no second channel.
    InVain,
    /// It runs a command of its own instead, which it is not to be made to.
    Forced,
}

/// What the log of a run says.
#[derive(Debug)]
pub(super) enum Heard {
    /// The run is logged in.
    Authenticated,
    /// It has asked for all that is on its command line, and can be asked itself.
    Started,
    /// The server runs another command than it is asked to.
    Forced,
    /// The server has answered for a remote forward.
    Answered,
    /// This forward is not there.
    Refused(Forward),
}

/// What became of a forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is not there, and is asked for again.
    Missing,
    /// It is there, after it was said to be missing.
    Back,
    /// The user does not want a connection without it.
    NotWithout,
}

/// How the forwards of a run are seen to.
#[derive(Debug)]
pub(super) struct Keep {
    /// An earlier run of this session had the forwards.
    pub(super) again: bool,
    /// ssh does not ask for them when it logs in.
    pub(super) late: bool,
    /// The command after which the host knows whose connection this is.
    pub(super) note: Option<String>,
    /// Whether the host runs such a command, as far as earlier runs have found out.
    pub(super) beside: Beside,
    /// The user wants no connection that is without one, and ssh was told otherwise.
    pub(super) strict: bool,
}

/// Sees to the forwards of one run.
#[derive(Debug)]
struct Keeper {
    run: RunId,
    master: Master,
    forwards: Vec<Forward>,
    how: Keep,
    /// A command beside the session was in vain.
    vain: bool,
    messages: mpsc::UnboundedSender<Message>,
}

impl Keep {
    /// Starts to see to the forwards of a run; its log is to be told to what this returns.
    pub(super) fn start(
        self,
        run: RunId,
        master: Master,
        forwards: &[Forward],
        messages: &mpsc::UnboundedSender<Message>,
    ) -> Forwards {
        let (tell, heard) = mpsc::unbounded_channel();
        let told = Forwards::new(forwards.to_vec(), self.again, tell);
        let keeper = Keeper {
            run,
            master,
            forwards: forwards.to_vec(),
            how: self,
            vain: false,
            messages: messages.clone(),
        };
        tokio::spawn(keeper.keep(heard));
        told
    }
}

/// A forward that is not there.
#[derive(Debug)]
struct Missing {
    forward: Forward,
    /// ssh does not take it for one that is there.
    forgotten: bool,
    said: bool,
}

impl Missing {
    fn new(forward: Forward, forgotten: bool) -> Self {
        Self {
            forward,
            forgotten,
            said: false,
        }
    }
}

impl Keeper {
    /// Keeps asking until the run is over, which is when nobody tells it anything any more.
    async fn keep(mut self, mut heard: mpsc::UnboundedReceiver<Heard>) {
        let mut missing: VecDeque<Missing> = VecDeque::new();
        let mut noted = false;
        let mut since = None;
        let mut tries = 0;
        loop {
            let word = if since.is_none() || missing.is_empty() {
                heard.recv().await
            } else {
                select! {
                    biased;
                    word = heard.recv() => word,
                    () = sleep(pause(tries)) => {
                        tries += 1;
                        self.ask(&mut missing, since.unwrap_or(clock::now())).await;
                        continue;
                    }
                }
            };
            match word {
                None => return,
                Some(Heard::Authenticated) => since = Some(clock::now()),
                Some(Heard::Forced) => self.runs(Beside::Forced),
                Some(Heard::Started) if !self.how.late => {}
                Some(Heard::Started) => {
                    missing.extend(self.asked_late(Side::Local));
                    self.ask(&mut missing, clock::now()).await;
                    self.note().await;
                    missing.extend(self.asked_late(Side::Remote));
                    since = Some(clock::now());
                    tries = 0;
                }
                Some(Heard::Answered) if self.how.late || noted => {}
                Some(Heard::Answered) => {
                    noted = true;
                    self.note().await;
                    tries = 0;
                }
                Some(Heard::Refused(forward)) => {
                    tracing::info!(run = self.run.0, %forward, "a forward is refused");
                    missing.push_back(Missing::new(forward, false));
                }
            }
        }
    }

    /// Asks once for each forward that is missing.
    async fn ask(&mut self, missing: &mut VecDeque<Missing>, since: clock::Time) {
        let sockets: Vec<_> = missing
            .iter()
            .filter(|missing| missing.forward.side == Side::Remote)
            .filter_map(|missing| missing.forward.socket().map(Path::to_owned))
            .collect();
        if self.how.again && !sockets.is_empty() {
            let sockets: Vec<_> = sockets.iter().map(AsRef::as_ref).collect();
            self.run(stale::remove(&sockets)).await;
        }
        for _ in 0..missing.len() {
            let Some(mut one) = missing.pop_front() else {
                return;
            };
            match self.ask_one(&mut one).await {
                Ok(()) => {
                    tracing::info!(run = self.run.0, forward = %one.forward, "a forward is back");
                    if one.forward.side == Side::Remote {
                        report_to(&self.messages, Message::ForwardGranted(self.run));
                    }
                    if one.said {
                        self.tell(&one.forward, Outcome::Back);
                    }
                    continue;
                }
                Err(vain) => {
                    let why = vain.why();
                    tracing::debug!(run = self.run.0, forward = %one.forward, why, "not yet");
                }
            }
            let waited = clock::now().since(since);
            if self.how.strict && waited >= PATIENCE {
                return self.tell(&one.forward, Outcome::NotWithout);
            }
            if !one.said && waited >= WORTH_A_WORD {
                one.said = true;
                self.tell(&one.forward, Outcome::Missing);
            }
            missing.push_back(one);
        }
    }

    async fn ask_one(&self, one: &mut Missing) -> Result<(), Vain> {
        if self.how.again {
            free_here(&one.forward);
        }
        if !one.forgotten {
            ask(self.master.forget(&one.forward), REQUEST).await?;
            one.forgotten = true;
        }
        ask(self.master.forward(&one.forward), REQUEST).await
    }

    /// Those for which this side listens, as far as ssh has not been asked for them.
    fn asked_late(&self, side: Side) -> impl Iterator<Item = Missing> {
        let forwards = self.forwards.iter();
        let forwards = forwards.filter(move |forward| forward.side == side);
        forwards.map(|forward| Missing::new(forward.clone(), true))
    }

    /// Leaves the note, and ends our stale server side where no context's command does.
    async fn note(&mut self) {
        if let Some(command) = self.how.note.clone() {
            self.run(command).await;
        }
    }

    /// Runs a command beside the session, where that is any use.
    async fn run(&mut self, command: String) {
        if self.vain || self.how.beside == Beside::Forced {
            return;
        }
        let vain = match ask(self.master.run(&command), COMMAND).await {
            Ok(()) => return self.runs(Beside::Runs),
            Err(vain) => vain,
        };
        let why = vain.why();
        tracing::info!(
            run = self.run.0,
            why,
            "a command beside the session is in vain"
        );
        // What ssh itself says else is that the connection is gone, and nothing of the host.
        let refused = matches!(&vain, Vain::Ended(u8::MAX, said) if said.contains(NO_CHANNEL));
        let gone = matches!(&vain, Vain::Ended(u8::MAX, _)) && !refused;
        if !gone {
            self.vain = true;
            let again = matches!(self.how.beside, Beside::Doubtful | Beside::InVain);
            self.runs(if refused || again {
                Beside::InVain
            } else {
                Beside::Doubtful
            });
        }
    }

    fn runs(&mut self, beside: Beside) {
        if self.how.beside != Beside::Forced && self.how.beside != beside {
            self.how.beside = beside;
            report_to(&self.messages, Message::Beside(beside));
        }
    }

    fn tell(&self, forward: &Forward, outcome: Outcome) {
        let message = Message::Forward(self.run, forward.clone(), outcome);
        report_to(&self.messages, message);
    }
}

impl Driver {
    /// Whether the forwards of a run are asked for after the note, and what leaves that note, or waits for it.
    pub(super) fn keep_forwards(&self, again: bool) -> (bool, Option<String>) {
        let (session, config) = (&self.session, &self.session.config);
        if !any_on(session, Side::Remote) {
            return (false, None);
        }
        // What begins with the login finds its forwards there. A host that has attached a context runs commands.
        let waits = match (&session.context, config.session_type) {
            (Some(_), _) => !matches!(self.beside, Beside::InVain | Beside::Forced),
            (None, SessionType::None) => self.beside == Beside::Runs,
            (None, SessionType::Default | SessionType::Subsystem) => false,
        };
        let late = again && waits && config.forwards_can_wait;
        let note = match (&session.context, &self.stale) {
            (Some(context), _) => late.then(|| stale::noted(&context.name)),
            (None, stale) => stale.as_ref().map(|stale| {
                let sockets = config.forwards.iter();
                let sockets = sockets.filter(|forward| forward.side == Side::Remote && again);
                let sockets: Vec<_> = sockets.filter_map(Forward::socket).collect();
                stale.replace(&sockets)
            }),
        };
        (late, note)
    }

    /// While a run owns the terminal nothing is drawn over what it shows; without a command or a shell, it shows nothing.
    pub(super) fn forward(&mut self, run: RunId, forward: &Forward, outcome: Outcome) {
        let Some(ssh) = self.runs.get_mut(&run) else {
            return;
        };
        let line = report::forward(forward, outcome);
        tracing::info!(run = run.0, "{line}");
        self.account.forward(run, forward, outcome);
        if outcome == Outcome::NotWithout {
            ssh.not_without = Some(forward.clone());
            return ssh.end(clock::now() + GRACE);
        }
        let silent = self.session.config.session_type == SessionType::None;
        if self.terminal.is_none() || silent {
            let whole = format!("netroam: {}: {line}", self.session.host);
            checked("write a line", self.status.line(&whole));
        }
    }
}

/// Whether the session has forwards for which this side listens.
pub(super) fn any_on(session: &Session, side: Side) -> bool {
    let forwards = session.config.forwards.iter();
    forwards.map(|forward| forward.side).any(|on| on == side)
}

/// What ends our own stale server side beside a session without a context.
pub(super) fn stale(session: &Session) -> Option<Stale> {
    if session.context.is_some() || !any_on(session, Side::Remote) {
        return None;
    }
    let laptop = nix::unistd::gethostname().unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot read this machine's name");
        "laptop".into()
    });
    let forwards = &session.config.forwards;
    Some(Stale::new(&laptop.to_string_lossy(), forwards))
}

/// Removes the Unix socket of a local forward that our last run, or whoever listened after it, left behind: ssh never removes one, and cannot
/// listen where one is. Only where nobody listens.
pub(super) fn free_here(forward: &Forward) {
    let Some(path) = forward.socket().filter(|_| forward.side == Side::Local) else {
        return;
    };
    let socket = fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    let refused = || {
        let answer = UnixStream::connect(path);
        matches!(answer, Err(error) if error.kind() == io::ErrorKind::ConnectionRefused)
    };
    if socket
        && refused()
        && let Err(error) = fs::remove_file(path)
    {
        tracing::warn!(path = %path.display(), %error, "cannot remove the socket of the last run");
    }
}

/// How long to wait before the next try, after so many.
fn pause(tries: usize) -> Duration {
    if tries == 0 {
        return Duration::ZERO;
    }
    let mut left = tries;
    for (times, pause) in PAUSES {
        if left <= times {
            return pause;
        }
        left -= times;
    }
    LAST_PAUSE
}
