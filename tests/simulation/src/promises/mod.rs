//! The promises, and the books that are kept to see whether they are: from what a supervisor is told and what it wants.
//!
//! The books know the design's tables, not the supervisor's code: what a look says of a run is worked out here once more.

use std::{collections::BTreeMap, time::Duration};

use netroam::supervisor::{
    Action, Again, AttemptId, Connection, Look, Need, RunId, Settings, Status, Wanted,
};
use netroam_platform::{Lookup, Path, clock::Time};

mod rate;
mod rest;
mod told;
mod view;
mod wants;

pub(crate) use rate::Rate;
use view::View;

use crate::setup::Kind;

/// How long a run is kept while its source address is ours but there is no path (design, "When a run is stale").
const HOLD: Duration = Duration::from_secs(3);

/// How long a server that says so is left alone at least, and at most (design, "Dialling").
const BUSY_LEAST: Duration = Duration::from_secs(20);
const BUSY_LAST: Duration = Duration::from_secs(600);

/// A promise that was not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which.
    pub promise: &'static str,
    /// What was seen.
    pub what: String,
}

/// Says that a promise is broken.
pub(crate) fn broken<T>(promise: &'static str, what: impl Into<String>) -> Result<T, Broken> {
    Err(Broken {
        promise,
        what: what.into(),
    })
}

/// So many connections of a session wait for a banner or for their run.
pub(crate) fn holds(accepted: usize) -> Result<(), Broken> {
    if accepted > 1 {
        return broken(
            "one accepted connection",
            format!("{accepted} of one session wait"),
        );
    }
    Ok(())
}

/// The run that owns the terminal.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that do not exclude each other"
)]
struct Live {
    id: RunId,
    connection: Option<Connection>,
    wanted: Wanted,
    authenticated: Option<Time>,
    stage_since: Time,
    /// The path on which it was last known to be well.
    well: Option<Path>,
    grounded: bool,
    /// It has no path since then; held for as long as it takes, or since then for 3 s.
    cut_since: Option<Time>,
    held: bool,
    adrift: bool,
    /// It is to be asked; because its path moved; because its tunnel lost the ground.
    doubt: bool,
    moved: bool,
    afloat: bool,
    /// The path over which it was asked last.
    asked: Option<Path>,
    /// The last answer was no.
    no: bool,
    unheard: bool,
    /// A person had let it go anywhere, and the network was looked at before it could: the supervisor may have taken that word back.
    perhaps_anywhere: bool,
}

/// A connection that waits for its run.
#[derive(Debug)]
struct Socket {
    connection: Connection,
    since: Time,
    over: Wanted,
}

/// What was told last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Looked,
    Names,
    Time,
    /// Somebody wants another run in place of the live one.
    Restart,
    Person,
    Quit,
    Authenticated,
    Refused,
    /// A run ended in a way that only a person can mend, or that ends it all.
    Final,
    Other,
}

/// What must have been done when all is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Must {
    Nothing,
    /// This run is dead.
    End(RunId),
    /// Nothing that matters has changed: no action at all.
    LeaveAlone,
    /// What was told is of the past.
    Ignore,
    /// There is a path again.
    Dial,
    /// The network is another one, where the name may have other addresses.
    Try,
}

/// The books of one session.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that do not exclude each other"
)]
pub(crate) struct Books {
    settings: Settings,
    ruled: bool,
    wanted: Wanted,
    look: Option<Look>,
    live: Option<Live>,
    silenced: Option<RunId>,
    /// Runs that were told to end, and whether they had authenticated.
    ending: BTreeMap<RunId, bool>,
    attempts: BTreeMap<AttemptId, Wanted>,
    sockets: BTreeMap<AttemptId, Socket>,
    status: Option<Status>,
    parked: Option<Need>,
    over: bool,
    /// A run has logged in since a person wished for the session.
    entered: bool,
    /// The context surely exists.
    opened: bool,
    /// A person has answered "now" to a question.
    insisted: bool,
    /// A person lets one attempt go anywhere.
    anywhere: bool,
    /// The network was looked at since.
    looked_since: bool,
    /// What has a question is such an attempt's run.
    asked_anywhere: bool,
    /// The machine woke up then.
    slept: Time,
    /// A run has logged in, ever.
    ran: bool,
    dials: u64,
    runs: u64,
    /// The server said so often in a row that it takes no connection: it is left alone until then, and tried again by then.
    busy: u32,
    busy_until: Time,
    busy_most: Time,
    /// The network is another one: the name may have other addresses there, and one attempt is due.
    owed: bool,
    /// The resolver failed since the network changed.
    names_fail: bool,
    /// Refusals since the network changed, where that began anew.
    refusals: Option<u32>,
    cause: Cause,
    must: Must,
    /// What is wanted since the last fact.
    batch: Vec<Action>,
}

impl Books {
    pub(crate) fn new(kind: &Kind, together: bool) -> Self {
        debug_assert!(!together || kind.rules.is_none());
        Self {
            settings: kind.settings.clone(),
            ruled: kind.rules.is_some(),
            wanted: kind.wanted(),
            look: None,
            live: None,
            silenced: None,
            ending: BTreeMap::new(),
            attempts: BTreeMap::new(),
            sockets: BTreeMap::new(),
            status: None,
            parked: None,
            over: false,
            entered: false,
            opened: false,
            insisted: false,
            anywhere: false,
            looked_since: false,
            asked_anywhere: false,
            slept: Time::default(),
            ran: false,
            dials: 0,
            runs: 0,
            busy: 0,
            busy_until: Time::default(),
            busy_most: Time::default(),
            owed: false,
            names_fail: false,
            refusals: None,
            cause: Cause::Other,
            must: Must::Nothing,
            batch: Vec::new(),
        }
    }

    /// The session is over.
    pub(crate) fn over(&self) -> bool {
        self.over
    }

    /// What a path must be.
    pub(crate) fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// Nothing forbids that it is attached by itself.
    pub(crate) fn may_be_attached(&self, now: Time) -> bool {
        let once = self.settings.again == Again::Never && self.ran && self.live.is_none();
        !self.over && !self.ruled && self.parked.is_none() && !once && self.busy_most <= now
    }

    /// There is no path that is wanted.
    pub(crate) fn waits(&self) -> bool {
        let reach = self
            .look
            .as_ref()
            .map(|look| view::reach(look, &self.wanted));
        self.wanted != Wanted::Anything && reach == Some(view::Reach::Not)
    }

    fn once(&self) -> bool {
        self.settings.again == Again::Never && self.ran
    }

    /// Losing the live run loses work.
    fn keeps_work_here(&self) -> bool {
        let authenticated = self
            .live
            .as_ref()
            .is_some_and(|live| live.authenticated.is_some());
        authenticated && self.settings.again != Again::Attach
    }
}

impl Live {
    fn is_calm(&self) -> bool {
        !self.doubt && self.cut_since.is_none() && !self.adrift && !self.unheard
    }

    fn calm(&mut self) {
        self.doubt = false;
        self.moved = false;
        self.afloat = false;
        self.asked = None;
        self.unheard = false;
        self.no = false;
    }
}

/// The path of an answer.
fn found(lookup: Option<&Lookup>) -> Option<Path> {
    match lookup {
        Some(Lookup::Found(path)) => Some(path.clone()),
        Some(Lookup::None(_) | Lookup::Unknown(_)) | None => None,
    }
}
