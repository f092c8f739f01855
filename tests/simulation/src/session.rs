//! One session: its supervisor, and what a driver has in its hands for it.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    future::Future,
    net::IpAddr,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use netroam::{
    driver::{Pace, Place, Queue, Turn},
    supervisor::{Action, AttemptId, Connection, Look, Purpose, RunId, Supervisor},
};
use netroam_platform::{Path, clock::Time};

use crate::{
    attempt::Attempt, child::Child, dice::Dice, passage::Tcp, promises::Books, setup::Kind,
    world::World,
};

/// So many addresses of the first hop are looked at, and so many that answered are kept, as the driver does it.
const MOST: usize = 16;
const MOST_GOOD: usize = 4;

/// Who waits for a place at the server.
pub(crate) struct Waiting(Pin<Box<dyn Future<Output = Place>>>);

impl Waiting {
    pub(crate) fn at(queue: Queue) -> Self {
        Self(Box::pin(async move { queue.wait().await }))
    }

    /// The place, if it is there. Has to be asked once to stand in the queue.
    pub(crate) fn place(&mut self) -> Option<Place> {
        match self
            .0
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(place) => Some(place),
            Poll::Pending => None,
        }
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waiting")
    }
}

/// A run of an ssh that dials by itself, which waits for its turn.
#[derive(Debug)]
pub(crate) struct Postponed {
    pub(crate) run: RunId,
    pub(crate) questions: bool,
    pub(crate) purpose: Purpose,
    pub(crate) waiting: Waiting,
}

/// What is on the server for this session.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Context0 {
    pub(crate) there: bool,
    /// Another laptop has it.
    pub(crate) elsewhere: bool,
}

/// Everything about one session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) kind: Kind,
    pub(crate) supervisor: Supervisor,
    pub(crate) books: Books,
    pub(crate) dice: Dice,
    /// Addresses that answered, the last first, and what the resolver said.
    pub(crate) good: Vec<IpAddr>,
    resolved: Vec<IpAddr>,
    seen: BTreeSet<IpAddr>,
    pub(crate) pace: Pace,
    /// There is a reason to look.
    pub(crate) due: bool,
    pub(crate) woke: bool,
    pub(crate) names_changed: bool,
    pub(crate) attempts: BTreeMap<AttemptId, Attempt>,
    pub(crate) sockets: BTreeMap<AttemptId, Tcp>,
    pub(crate) children: BTreeMap<RunId, Child>,
    /// What the supervisor wants and is not carried out yet.
    pub(crate) actions: VecDeque<Action>,
    pub(crate) probe: Option<(u64, RunId)>,
    pub(crate) probes: u64,
    pub(crate) turn: Option<Turn>,
    pub(crate) postponed: Option<Postponed>,
    /// When the supervisor wants to be called.
    pub(crate) timer: Option<Time>,
    pub(crate) context: Context0,
    /// It might be attached, and is not, since then.
    pub(crate) missing: Option<(Time, Path)>,
    /// Attempts that are over.
    pub(crate) past_attempts: Vec<AttemptId>,
    pub(crate) past_runs: Vec<RunId>,
}

impl Session {
    pub(crate) fn new(kind: Kind, number: u64, seed: u64, queue: Option<Queue>) -> Self {
        let supervisor = Supervisor::new(kind.settings.clone());
        let supervisor = match kind.rules {
            Some(rules) => supervisor.under(rules),
            None => supervisor,
        };
        Self {
            books: Books::new(&kind, queue.is_some()),
            supervisor,
            dice: Dice::of(seed, 1, number),
            good: Vec::new(),
            resolved: Vec::new(),
            seen: BTreeSet::new(),
            pace: Pace::default(),
            due: false,
            woke: false,
            names_changed: false,
            attempts: BTreeMap::new(),
            sockets: BTreeMap::new(),
            children: BTreeMap::new(),
            actions: VecDeque::new(),
            probe: None,
            probes: 0,
            turn: queue.map(Turn::new),
            postponed: None,
            timer: None,
            context: Context0::default(),
            missing: None,
            past_attempts: Vec::new(),
            past_runs: Vec::new(),
            kind,
        }
    }

    /// Takes a look, as the driver does it.
    pub(crate) fn look(&mut self, world: &World, now: Time) -> Look {
        self.pace.look(now);
        let addresses = first_of(self.good.iter().chain(&self.resolved).copied(), MOST);
        self.seen = addresses.iter().copied().collect();
        Look {
            snapshot: if world.blind {
                netroam_platform::Snapshot::default()
            } else {
                world.snapshot()
            },
            paths: addresses
                .into_iter()
                .map(|address| (address, world.lookup(address)))
                .collect(),
        }
    }

    /// Notes what the resolver says; true if the last look did not ask for all of it.
    pub(crate) fn learn(&mut self, addresses: &[IpAddr]) -> bool {
        let unseen = addresses.iter().any(|address| !self.seen.contains(address));
        let older = std::mem::take(&mut self.resolved);
        self.resolved = first_of(addresses.iter().copied().chain(older), MOST);
        unseen
    }

    /// Notes an address that answered; true if the last look did not ask for it.
    pub(crate) fn learn_good(&mut self, address: IpAddr) -> bool {
        let older = std::mem::take(&mut self.good);
        self.good = first_of([address].into_iter().chain(older), MOST_GOOD);
        !self.seen.contains(&address)
    }

    /// The run that owns the terminal, if it is attached.
    pub(crate) fn attached(&self) -> Option<&Child> {
        self.children.values().find(|child| child.is_attached())
    }
}

/// What a connection stands on.
pub(crate) fn connection(tcp: &Tcp) -> Connection {
    Connection {
        local: tcp.local,
        peer: tcp.peer,
    }
}

fn first_of(addresses: impl Iterator<Item = IpAddr>, most: usize) -> Vec<IpAddr> {
    let mut first = Vec::new();
    for address in addresses {
        if first.len() < most && !first.contains(&address) {
            first.push(address);
        }
    }
    first
}
