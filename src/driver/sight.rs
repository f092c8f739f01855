//! When to look, and at what.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use netroam_platform::{Event, Events, Lookup, Network, Query, Snapshot, clock};
use tokio::{select, time::sleep};

use super::pace::Pace;
use crate::supervisor::{Connection, Look};

/// So many addresses of the first hop are kept: more than any name that is one machine has.
const MOST: usize = 16;

/// And so many of those that answered.
const MOST_GOOD: usize = 4;

/// Watches the network for one session.
#[derive(Debug)]
pub(super) struct Sight {
    network: Network,
    events: Events,
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
    slept: Option<Duration>,
}

impl Sight {
    /// Subscribes; looks as the user's configuration has bound the connection to an address or interface.
    pub(super) fn open(bind: Option<IpAddr>, interface: Option<String>) -> std::io::Result<Self> {
        let (network, events) = Network::open()?;
        Ok(Self {
            network,
            events,
            good: Vec::new(),
            resolved: Vec::new(),
            seen: BTreeSet::new(),
            bind,
            interface,
            pace: Pace::default(),
            due: false,
            slept: None,
        })
    }

    /// The addresses that have answered, the last first: candidates for where the resolver is slow or broken.
    pub(super) fn good(&self) -> Vec<IpAddr> {
        self.good.clone()
    }

    /// Notes what the resolver says now. What it said elsewhere stays to be looked at: a path to it may yet matter to a run.
    pub(super) fn learn(&mut self, addresses: Vec<IpAddr>) {
        let older = std::mem::take(&mut self.resolved);
        self.resolved = first_of(addresses.into_iter().chain(older), MOST);
    }

    /// Notes an address that answered; true if the last look did not ask for it.
    pub(super) fn learn_good(&mut self, address: IpAddr) -> bool {
        let older = std::mem::take(&mut self.good);
        self.good = first_of([address].into_iter().chain(older), MOST_GOOD);
        !self.seen.contains(&address)
    }

    /// Waits until it is time to look; gives the time that the machine slept, if it did. Cancel-safe.
    pub(super) async fn changed(&mut self) -> Option<Duration> {
        loop {
            if !self.due {
                let event = self.events.next().await;
                self.absorb(&event);
                continue;
            }
            let wait = self.pace.next().since(clock::now());
            if wait.is_zero() {
                self.due = false;
                return self.slept.take();
            }
            select! {
                biased;
                () = sleep(wait) => {
                    self.due = false;
                    return self.slept.take();
                }
                event = self.events.next() => self.absorb(&event),
            }
        }
    }

    fn absorb(&mut self, event: &Event) {
        tracing::debug!(?event, "event");
        self.due = true;
        if let Event::Woke(time) = event {
            self.slept = Some(*time);
        }
    }

    /// Takes a look: interfaces and addresses, and the kernel's own answer for each address of the first hop.
    pub(super) async fn look(&mut self) -> Look {
        self.pace.look(clock::now());
        let addresses = first_of(self.good.iter().chain(&self.resolved).copied(), MOST);
        self.seen = addresses.iter().copied().collect();
        let queries: Vec<Query> = addresses
            .iter()
            .map(|destination| Query {
                destination: *destination,
                source: self.bind,
                interface: self.interface.clone(),
            })
            .collect();
        match self.network.look(&queries).await {
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
        }
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
