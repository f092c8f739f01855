//! When to look, and at what.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use netroam_platform::{Event, Lookup, Network, Query, Snapshot, clock};
use tokio::{select, time::sleep};

use super::{hub::Outlook, pace::Pace};
use crate::{
    connect::Failure,
    supervisor::{Connection, Look, Wanted},
};

/// So many addresses of the first hop are kept: more than any name that is one machine has.
const MOST: usize = 16;

/// And so many of those that answered.
const MOST_GOOD: usize = 4;

/// Watches the network for one session.
#[derive(Debug)]
pub(super) struct Sight {
    outlook: Outlook,
    /// Addresses of the first hop that answered, the last one first.
    good: Vec<IpAddr>,
    /// What the resolver said, the latest first.
    resolved: Vec<IpAddr>,
    /// Those that the last look asked for.
    seen: BTreeSet<IpAddr>,
    bind: Option<IpAddr>,
    interface: Option<String>,
    pace: Pace,
    /// There is a reason to look.
    due: bool,
    changed: Changed,
    /// The last look, and whether it was like the one before.
    looked: Option<Look>,
    new: bool,
}

/// What the events were about, beside the network.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Changed {
    /// The system said that something changed; else it was merely time to look.
    said: bool,
    /// The machine slept for so long.
    pub(super) slept: Option<Duration>,
    /// Names may resolve differently.
    pub(super) names: bool,
}

impl Changed {
    /// It was merely time to look.
    pub(super) fn nothing_said(self) -> bool {
        !self.said
    }
}

impl Sight {
    /// Looks for the addresses that were good `before`, as the user's configuration has bound the connection to an
    /// address or interface.
    pub(super) fn new(
        outlook: Outlook,
        before: &[IpAddr],
        bind: Option<IpAddr>,
        interface: Option<String>,
    ) -> Self {
        Self {
            due: outlook.is_shared(),
            outlook,
            good: first_of(before.iter().copied(), MOST_GOOD),
            resolved: Vec::new(),
            seen: BTreeSet::new(),
            bind,
            interface,
            pace: Pace::default(),
            changed: Changed::default(),
            looked: None,
            new: true,
        }
    }

    /// The addresses that have answered, the last first: candidates for where the resolver is slow or broken.
    pub(super) fn good(&self) -> Vec<IpAddr> {
        self.good.clone()
    }

    /// Notes what the resolver says now; true if the last look did not ask for all of it. What it said elsewhere stays to be looked at: a
    /// path to it may yet matter to a run.
    pub(super) fn learn(&mut self, addresses: Vec<IpAddr>) -> bool {
        let unseen = addresses.iter().any(|address| !self.seen.contains(address));
        let older = std::mem::take(&mut self.resolved);
        self.resolved = first_of(addresses.into_iter().chain(older), MOST);
        unseen
    }

    /// Notes an address that answered; true if the last look did not ask for it.
    pub(super) fn learn_good(&mut self, address: IpAddr) -> bool {
        let older = std::mem::take(&mut self.good);
        self.good = first_of([address].into_iter().chain(older), MOST_GOOD);
        !self.seen.contains(&address)
    }

    /// Waits until it is time to look. Cancel-safe.
    pub(super) async fn changed(&mut self) -> Changed {
        loop {
            if !self.due {
                let event = self.outlook.next().await;
                self.absorb(&event);
                continue;
            }
            let wait = self.pace.next().since(clock::now());
            if wait.is_zero() {
                self.due = false;
                return std::mem::take(&mut self.changed);
            }
            select! {
                biased;
                () = sleep(wait) => {
                    self.due = false;
                    return std::mem::take(&mut self.changed);
                }
                event = self.outlook.next() => self.absorb(&event),
            }
        }
    }

    fn absorb(&mut self, event: &Event) {
        tracing::debug!(?event, "event");
        self.due = true;
        self.changed.said |= *event != Event::Due;
        match event {
            Event::Woke(time) => self.changed.slept = Some(*time),
            Event::Names => self.changed.names = true,
            Event::Interface { .. }
            | Event::Address { .. }
            | Event::Route { .. }
            | Event::Rule { .. }
            | Event::Everything(_)
            | Event::Due => {}
        }
    }

    /// The question for the path to one address, as the user has bound the connection.
    fn query(&self, destination: IpAddr) -> Query {
        Query {
            destination,
            source: self.bind,
            interface: self.interface.clone(),
        }
    }

    /// Gives what decides at the last moment, before anything is sent to an address, whether its path is wanted.
    pub(super) fn gate(&self, wanted: Wanted) -> Gate {
        Gate {
            network: self.outlook.network(),
            query: self.query(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            wanted,
        }
    }

    /// Takes a look: interfaces and addresses, and the kernel's own answer for each address of the first hop.
    pub(super) async fn look(&mut self) -> Look {
        self.pace.look(clock::now());
        let addresses = first_of(self.good.iter().chain(&self.resolved).copied(), MOST);
        self.seen = addresses.iter().copied().collect();
        let queries: Vec<Query> = addresses
            .iter()
            .map(|address| self.query(*address))
            .collect();
        let look = match self.outlook.look(&queries).await {
            Ok(look) => Look {
                snapshot: look.snapshot,
                paths: addresses.into_iter().zip(look.paths).collect(),
            },
            Err(error) => {
                tracing::warn!(%error, "cannot look at the network");
                let unknown = Lookup::Unknown(error.to_string());
                let paths = addresses.iter().map(|address| (*address, unknown.clone()));
                Look {
                    snapshot: Snapshot::default(),
                    paths: paths.collect(),
                }
            }
        };
        self.new = self.looked.as_ref() != Some(&look);
        if self.new {
            self.looked = Some(look.clone());
        }
        look
    }

    /// Whether the last look may be out of date without a word.
    pub(super) fn polls(&self) -> bool {
        self.outlook.polls()
    }

    /// Whether the machine is awake for nobody: then nothing that has to do with the network is to be begun. The end of that is a change.
    pub(super) fn in_the_dark(&self) -> bool {
        self.outlook.in_the_dark()
    }

    /// Whether the last look differs from the one before, whoever asked for that.
    pub(super) fn saw_something_new(&self) -> bool {
        self.new
    }
}

/// Lets nothing be sent to an address whose path is not wanted.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    network: Network,
    query: Query,
    wanted: Wanted,
}

impl Gate {
    /// Whether a connection to `destination` may be begun now.
    pub(super) async fn admits(self, destination: IpAddr) -> Result<(), Failure> {
        if self.wanted == Wanted::Anything {
            return Ok(());
        }
        let query = Query {
            destination,
            ..self.query
        };
        let why = match self.network.path_to(&query).await {
            Lookup::Found(path) if self.wanted.admits(&path) => return Ok(()),
            Lookup::Found(path) => format!("is reached over {}", path.interface),
            Lookup::None(why) => format!("is not reached: {why}"),
            Lookup::Unknown(error) => format!("may be reached anyhow: {error}"),
        };
        Err(Failure::Astray(format!("{destination} {why}")))
    }
}

/// What a connection that ssh opens by itself to the first of these addresses that has a path will stand on.
pub(super) fn expected(look: &Look, addresses: &[IpAddr]) -> Option<Connection> {
    addresses
        .iter()
        .find_map(|peer| match look.paths.get(peer) {
            Some(Lookup::Found(path)) => Some(Connection {
                local: path.source,
                peer: *peer,
            }),
            Some(Lookup::None(_) | Lookup::Unknown(_)) | None => None,
        })
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
