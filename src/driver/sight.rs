//! When to look, and at what.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use netroam_platform::{Event, Events, Lookup, Network, Query, Snapshot, clock};
use tokio::{select, time::sleep};

use super::pace::Pace;
use crate::supervisor::{Connection, Look};

/// So many addresses of the first hop are kept: more than any name that is one machine has.
const MOST: usize = 16;

/// Watches the network for one session.
#[derive(Debug)]
pub(super) struct Sight {
    network: Network,
    events: Events,
    /// Addresses of the first hop, the last good one first.
    known: Vec<IpAddr>,
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
            known: Vec::new(),
            seen: BTreeSet::new(),
            bind,
            interface,
            pace: Pace::default(),
            due: false,
            slept: None,
        })
    }

    pub(super) fn known(&self) -> Vec<IpAddr> {
        self.known.clone()
    }

    /// Puts addresses that the resolver gave before older ones, but behind the last good one. Old ones stay as candidates, for a resolver that
    /// is slow or broken elsewhere.
    pub(super) fn learn(&mut self, addresses: Vec<IpAddr>) {
        let good = self.known.first().copied();
        let older = std::mem::take(&mut self.known);
        for address in good.into_iter().chain(addresses).chain(older) {
            if self.known.len() < MOST && !self.known.contains(&address) {
                self.known.push(address);
            }
        }
    }

    /// Puts an address that answered in front; true if the last look did not ask for it.
    pub(super) fn learn_good(&mut self, address: IpAddr) -> bool {
        self.known.retain(|known| *known != address);
        self.known.insert(0, address);
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
        self.seen = self.known.iter().copied().collect();
        let queries: Vec<Query> = self
            .known
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
                paths: self.known.iter().copied().zip(look.paths).collect(),
            },
            Err(error) => {
                tracing::warn!(%error, "cannot look at the network");
                let unknown = Lookup::Unknown(error.to_string());
                let paths = self.known.iter().map(|address| (*address, unknown.clone()));
                Look {
                    snapshot: Snapshot::default(),
                    paths: paths.collect(),
                }
            }
        }
    }
}

/// What a connection that ssh opens by itself will stand on.
pub(super) fn expected(look: &Look) -> Option<Connection> {
    look.paths.iter().find_map(|(peer, lookup)| match lookup {
        Lookup::Found(path) => Some(Connection {
            local: path.source,
            peer: *peer,
        }),
        Lookup::None(_) | Lookup::Unknown(_) => None,
    })
}
