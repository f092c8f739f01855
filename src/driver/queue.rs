//! How many connections that have not logged in yet one server is shown at once, where many sessions live in one process.
//!
//! sshd drops connections when ten have not authenticated (`MaxStartups 10:30:100` of `sshd_config(5)`), and punishes addresses whose
//! connections do not log in (`PerSourcePenalties`). So each session needs a [`Place`] at its server from its first SYN until ssh has
//! authenticated. There are few places, given in the order of asking; one that was used in vain comes back only when the server has
//! had the time to forget it.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use netroam_platform::clock::{self, Time};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};

use crate::connect::Resolver;

/// So many places: four less than the ten at which sshd begins to drop, for other programs of the user, and for connections whose end
/// the server did not hear of.
const PLACES: usize = 6;

/// What a connection costs that the server saw end without a login: a `noauth` penalty, 1 s of `PerSourcePenalties`.
pub(super) const UNUSED: Duration = Duration::from_secs(1);

/// A login that the server refused: an `authfail` penalty, 5 s of `PerSourcePenalties`.
pub(super) const REFUSED: Duration = Duration::from_secs(5);

/// A connection that lost its path: it counts for the server until `LoginGraceTime` (120 s) is over, and nobody can tell it. The few
/// places that are left for others allow for as many as this lets through in one roam that is cut off by the next.
pub(super) const UNHEARD: Duration = Duration::from_secs(4);

/// The servers, by what ssh connects to.
#[derive(Debug, Default)]
pub struct Queues(RefCell<BTreeMap<(String, u16), Queue>>);

/// Who waits for one server.
#[derive(Clone, Debug)]
pub struct Queue {
    places: Arc<Semaphore>,
    /// One question for its addresses is enough for all who wait.
    resolver: Arc<Resolver>,
    /// When the last of the places that were used in vain is free again.
    forgiven: Arc<Mutex<Time>>,
}

/// A session's place at its server; free again when it is dropped.
#[derive(Debug)]
pub struct Place {
    permit: OwnedSemaphorePermit,
    forgiven: Arc<Mutex<Time>>,
}

impl Queues {
    /// The queue of the server at this name or address, and port.
    pub fn of(self: &Rc<Self>, host: &str, port: u16) -> Queue {
        let key = (host.to_ascii_lowercase(), port);
        let mut queues = self.0.borrow_mut();
        queues.entry(key).or_insert_with(Queue::new).clone()
    }
}

impl Queue {
    fn new() -> Self {
        Self {
            places: Arc::new(Semaphore::new(PLACES)),
            resolver: Arc::new(Resolver::system()),
            forgiven: Arc::default(),
        }
    }

    /// Who knows the server's addresses.
    pub(super) fn resolver(&self) -> &Arc<Resolver> {
        &self.resolver
    }

    /// A place, if one is free and nobody waits for it.
    pub fn enter(&self) -> Option<Place> {
        let permit = Arc::clone(&self.places).try_acquire_owned().ok()?;
        Some(self.place(permit))
    }

    /// Waits for a place, behind everybody who waits already. Cancel-safe; whoever stops waiting is passed over.
    pub async fn wait(&self) -> Place {
        match Arc::clone(&self.places).acquire_owned().await {
            Ok(permit) => self.place(permit),
            Err(_) => unreachable!("nobody closes it"),
        }
    }

    fn place(&self, permit: OwnedSemaphorePermit) -> Place {
        Place {
            permit,
            forgiven: Arc::clone(&self.forgiven),
        }
    }

    /// All places are taken: whoever has one should not keep it for longer than it needs.
    pub(super) fn is_full(&self) -> bool {
        self.places.available_permits() == 0
    }
}

impl Place {
    /// It was used in vain: says how long after `now` it may be dropped, and be somebody else's. Those that were used in vain before come first.
    pub fn charge(&self, now: Time, price: Duration) -> Duration {
        let mut forgiven = self.forgiven.lock().unwrap_or_else(PoisonError::into_inner);
        *forgiven = (*forgiven).max(now) + price;
        forgiven.since(now)
    }

    /// As [`Self::charge`], and drops it then.
    pub(super) fn wasted(self, price: Duration) {
        let wait = self.charge(clock::now(), price);
        tokio::spawn(async move {
            sleep(wait).await;
            drop(self.permit);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn places_are_few_and_those_used_in_vain_come_back_one_after_the_other() {
        const PRICE: Duration = Duration::from_millis(100);
        let queues = Rc::new(Queues::default());
        let queue = queues.of("GW1", 22);
        let mut places: Vec<_> = std::iter::from_fn(|| queue.enter()).collect();
        assert_eq!(places.len(), PLACES);
        assert!(queues.of("gw1", 22).is_full() && !queues.of("gw1", 23).is_full());
        drop(places.pop());
        places.push(queue.enter().expect("one that was given back"));
        let began = clock::now();
        for place in places.drain(..3) {
            place.wasted(PRICE);
        }
        assert!(queue.enter().is_none());
        for number in 1..=3 {
            places.push(queue.wait().await);
            let waited = clock::now().since(began);
            assert!(waited >= PRICE * number, "{number}: {waited:?}");
        }
        assert!(queue.enter().is_none());
    }

    #[tokio::test]
    async fn who_stops_waiting_is_passed_over() {
        let queue = Queue::new();
        let mut places: Vec<_> = std::iter::from_fn(|| queue.enter()).collect();
        let waits = || {
            let queue = queue.clone();
            tokio::spawn(async move { queue.wait().await })
        };
        let impatient = waits();
        tokio::task::yield_now().await;
        let patient = waits();
        tokio::task::yield_now().await;
        impatient.abort();
        assert!(impatient.await.unwrap_err().is_cancelled());
        drop(places.pop());
        drop(patient.await.unwrap());
        assert!(queue.enter().is_some());
    }
}
