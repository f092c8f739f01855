//! What the supervisor is told, and what it answers. Plain data.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use netroam_platform::{Lookup, NoPath, Path, Snapshot};

use super::{Again, Connection, Limit, Wanted};
use crate::{
    connect::{Failure, Sign},
    ssh::Ending,
};

/// One ssh process of a session, by the order of starting. Answers about an earlier run are ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunId(pub u64);

/// One attempt to reach the first hop, by the order of starting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttemptId(pub u64);

/// What there is, and how the kernel reaches each address of the first hop, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Interfaces and addresses.
    pub snapshot: Snapshot,
    /// One answer for every address of the first hop known so far, and for the peer of every live run. Empty while the name has
    /// not been resolved yet.
    pub paths: BTreeMap<IpAddr, Lookup>,
}

/// A fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A look was taken.
    Looked(Look),
    /// The machine slept.
    Woke,
    /// Names may resolve differently now.
    NamesChanged,
    /// An attempt reached something: a connection is open, its banner not read yet.
    Reached(AttemptId),
    /// An attempt has a connection to an ssh server; its socket waits to be handed to ssh.
    Connected {
        /// Which attempt.
        attempt: AttemptId,
        /// What it stands on.
        connection: Connection,
    },
    /// An attempt failed.
    NotConnected {
        /// Which attempt.
        attempt: AttemptId,
        /// Why.
        failure: Failure,
    },
    /// ssh dials by itself and is started; this is what its connection will stand on by the kernel's answer.
    Assumed {
        /// Which run.
        run: RunId,
        /// `None` if the first hop's address is not known.
        connection: Option<Connection>,
    },
    /// A run's ssh has the server's banner: what follows takes no person and no other machine.
    Greeted(RunId),
    /// A run's ssh has the server's answer to its key exchange: large packets come through, and from now on a person may be asked.
    KeyExchanged(RunId),
    /// A run's ssh has authenticated: the session is attached.
    Authenticated(RunId),
    /// A run was stopped as told and is silent now.
    Silenced {
        /// Which run.
        run: RunId,
        /// Bytes that were sent but never acknowledged.
        unacknowledged: bool,
    },
    /// A run's ssh is gone.
    Ended {
        /// Which run.
        run: RunId,
        /// How, by its log, its last words and its status.
        ending: Ending,
        /// Bytes that were sent but never acknowledged when the connection was given up.
        unacknowledged: bool,
    },
    /// The connection of a run was asked for a sign of life.
    Probed {
        /// Which run.
        run: RunId,
        /// Whether there was an answer in time.
        answer: Answer,
    },
    /// A person pressed a key while no run owned the terminal.
    Person(Wish),
    /// Somebody wants another run now: in place of a live one only where it says why that is to end.
    Restart(Option<String>),
    /// What goes through a run's forwards does not come back.
    Mute {
        /// Which run.
        run: RunId,
        /// How it showed.
        why: String,
    },
    /// From now on there is nobody whom ssh could ask: netroam went to the background.
    Alone,
    /// netroam has to go, because of this signal (its number).
    Quit(i32),
}

/// The answer to a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The peer acknowledged.
    Alive,
    /// Nothing came back in time.
    Silent,
    /// netroam does not hold this connection and cannot ask, or the system does not show what came of the question.
    Unaskable,
}

/// What a person wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Enter: try now, even over a path that is not wanted; answer the question, take the session back.
    Now,
    /// q: give up.
    Quit,
    /// ?: say more.
    Details,
}

/// Something for the driver to carry out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Dial the first hop.
    Dial {
        /// The new attempt.
        attempt: AttemptId,
        /// Send nothing to an address whose path is not this.
        over: Wanted,
        /// How large a segment may be.
        segments: Segments,
    },
    /// Find out the addresses of the first hop that ssh will dial, and look for the paths to them.
    FindFirstHop,
    /// Give up this attempt and close its socket if it has one.
    Discard(AttemptId),
    /// Start ssh.
    Start {
        /// The new run.
        run: RunId,
        /// The attempt whose socket it gets; `None`: ssh dials.
        over: Option<AttemptId>,
        /// Whether ssh may ask a person.
        questions: bool,
        /// Whether it may create the context or may only attach to it.
        purpose: Purpose,
    },
    /// End the run now and wait for it.
    End {
        /// Which run.
        run: RunId,
        /// Why.
        reason: Reason,
    },
    /// Stop the run where it stands, so that its last words do not reach the server yet; give the terminal back.
    Silence {
        /// Which run.
        run: RunId,
        /// Why.
        reason: Reason,
    },
    /// Keep the run's connection through any silence: its address may come back. [`Action::Probe`] ends that.
    Hold(RunId),
    /// Kill a silenced run.
    Kill(RunId),
    /// Ask the run's connection for a sign of life.
    Probe {
        /// Which run.
        run: RunId,
        /// What counts as one.
        sign: Sign,
        /// How long to wait for it; `None`: 2 round trips + 300 ms.
        patience: Option<Duration>,
    },
    /// The session is attached over this path to this address: what is worth knowing next time.
    Learn {
        /// The path.
        path: Path,
        /// The address of the first hop.
        peer: IpAddr,
    },
    /// The state changed: show it while no run owns the terminal.
    Show(Status),
    /// Say this for good, as soon as no run owns the terminal.
    Say(Notice),
    /// All is over.
    Finish(Exit),
}

/// How large a TCP segment of the connection may be, in either direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segments {
    /// As the system has it for the path.
    Usual,
    /// Small enough for any path: large ones were swallowed.
    Small,
}

/// What a run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A person asked for the session: it may create the context, and takes it over from whoever has it.
    Open,
    /// netroam comes back, and what the person asked for may not have come about: it may create the context, but takes none away from somebody
    /// else.
    Resume,
    /// netroam comes back: it may neither create a context nor take one away from somebody else.
    Reattach,
}

/// Why a run was judged as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The source address is gone.
    AddressLost {
        /// It was this.
        address: IpAddr,
        /// On this interface, if known.
        interface: Option<String>,
        /// What reaches the first hop now.
        now: Option<Path>,
    },
    /// There is no path, though the source address is still ours.
    PathLost {
        /// It led over this interface, if known.
        interface: Option<String>,
        /// Why there is none.
        why: NoPath,
    },
    /// The kernel reaches the first hop another way.
    PathMoved {
        /// It was this.
        from: Path,
        /// It is this.
        to: Path,
    },
    /// The path is back as it was.
    PathBack,
    /// The machine slept.
    Slept,
    /// A probe went unanswered for that reason to ask.
    Silent(Box<Reason>),
    /// ssh itself says that the connection is lost.
    Connection(String),
    /// The path leads through this tunnel, and the network under that is gone.
    Adrift(String),
    /// The login did not come to its end in time.
    Stuck(Stage),
}

/// How far a login has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The host's banner is missing, though ssh dials and nobody is asked anything.
    Banner,
    /// The server's answer to the key exchange is missing.
    KeyExchange,
    /// The user is not let in yet.
    Authentication,
}

/// What the session is doing while no run owns the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// ssh logs in over this path (if the kernel's answer is known), so long after the loss.
    Attaching {
        /// Over this path, if known.
        path: Option<Path>,
        /// How long the session was away; `None` if it was not attached before.
        outage: Option<Duration>,
    },
    /// Dialling over this path (if the kernel's answer is known).
    Dialling(Option<Path>),
    /// No path: waiting for the operating system to say that something changed.
    NoPath(NoPath),
    /// No path of the kind that is wanted: nothing is sent until there is one.
    Waiting {
        /// What is wanted.
        wanted: Wanted,
        /// The interface over which the session was attached last, if known, and if it is one that is wanted.
        last: Option<String>,
        /// What became of the attempt that a person wanted all the same.
        failure: Option<Failure>,
    },
    /// The path is cut, the run is kept for the case that it comes back as it was.
    Holding(Reason),
    /// The last attempt failed; the next one comes by itself.
    Retrying(Failure),
    /// ssh, which dials by itself, could not reach the first hop.
    RetryingSsh(String),
    /// The last login hung; the next one comes by itself.
    RetryingLogin {
        /// Where it hung.
        stage: Stage,
        /// How large the segments of the next one are.
        segments: Segments,
    },
    /// Waiting until a person answers.
    Parked(Need),
}

impl Status {
    /// Whether it is worth a line that stays, where there is no terminal to redraw it on: not what is over in a moment and no news.
    pub fn lasts(&self) -> bool {
        match self {
            Self::Dialling(_) | Self::Attaching { outage: None, .. } => false,
            Self::Attaching { .. }
            | Self::NoPath(_)
            | Self::Waiting { .. }
            | Self::RetryingLogin { .. }
            | Self::Holding(_)
            | Self::Retrying(_)
            | Self::RetryingSsh(_)
            | Self::Parked(_) => true,
        }
    }
}

/// What a person is needed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// ssh has a question (password, one-time password, host key, key touch).
    Question(String),
    /// The session is attached elsewhere now; Enter takes it back.
    TakenOver,
    /// The context is gone on the remote host; Enter starts a new one.
    ContextGone,
}

/// A line that stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The session is lost for now.
    Lost {
        /// Why.
        reason: Reason,
        /// What was typed last was not acknowledged.
        input_in_doubt: bool,
        /// What follows.
        again: Again,
    },
    /// More about the present state, on request.
    Details {
        /// What the session is doing.
        status: Status,
        /// Why it was lost, if it was.
        lost: Option<Reason>,
        /// When the next attempt comes by itself, from now.
        next: Option<Duration>,
    },
}

/// How it all ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// As a plain ssh would have ended.
    Ssh(Ending),
    /// The host key is not the known one, on a network over which the session was not attached last.
    StrangeKey(Path),
    /// Taken over elsewhere, and nobody is there to press Enter.
    TakenOver,
    /// The context is gone, and nobody is there to press Enter.
    ContextGone,
    /// A person is needed and there is no terminal to ask on.
    PersonNeeded(String),
    /// The connection of a plain remote command was lost; it may have run, and is not run again.
    CommandLost(Reason),
    /// A limit that the user set is reached.
    Limit(Limit),
    /// A person gave up while the session was not attached.
    GaveUp,
    /// Ended by this signal.
    Signal(i32),
}
