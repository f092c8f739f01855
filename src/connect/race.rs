//! Which address is tried when (RFC 8305, "Happy Eyeballs").

use std::{
    collections::VecDeque, fmt, future::poll_fn, io, net::SocketAddr, pin::Pin, task::Poll,
    time::Duration,
};

use tokio::net::TcpStream;

/// From one address to the next, while the earlier ones go on ("Connection Attempt Delay", RFC 8305 section 5).
pub const DELAY: Duration = Duration::from_millis(250);

/// The addresses that are still to be tried, best first; none is tried twice by itself.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    waiting: VecDeque<SocketAddr>,
    seen: Vec<SocketAddr>,
}

impl Candidates {
    /// Adds those of `addresses` that are new, behind those that wait already, with the families taking turns (RFC 8305 section 4).
    pub(super) fn add(&mut self, addresses: impl IntoIterator<Item = SocketAddr>) {
        let mut fresh = Vec::new();
        for address in addresses {
            if !self.seen.contains(&address) {
                self.seen.push(address);
                fresh.push(address);
            }
        }
        self.waiting.extend(take_turns(&fresh));
    }

    /// Puts addresses back in front, whose attempts were given up through no fault of theirs.
    pub(super) fn put_back(&mut self, addresses: impl DoubleEndedIterator<Item = SocketAddr>) {
        for address in addresses.rev() {
            self.waiting.push_front(address);
        }
    }

    pub(super) fn next(&mut self) -> Option<SocketAddr> {
        self.waiting.pop_front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

/// The order of preference, with the families taking turns, beginning with that of the first.
fn take_turns(addresses: &[SocketAddr]) -> impl Iterator<Item = SocketAddr> {
    let first_is_v4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (mut first, mut second): (VecDeque<_>, VecDeque<_>) = addresses
        .iter()
        .partition(|address| address.is_ipv4() == first_is_v4);
    let mut turn = false;
    std::iter::from_fn(move || {
        turn = !turn;
        let (mine, other) = if turn {
            (&mut first, &mut second)
        } else {
            (&mut second, &mut first)
        };
        mine.pop_front().or_else(|| other.pop_front())
    })
}

/// The connections that are being made. Dropping it closes them.
#[derive(Default)]
pub(super) struct Connecting(Vec<(SocketAddr, Attempt)>);

type Attempt = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

impl Connecting {
    pub(super) fn add(
        &mut self,
        address: SocketAddr,
        attempt: impl Future<Output = io::Result<TcpStream>> + Send + 'static,
    ) {
        self.0.push((address, Box::pin(attempt)));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Waits for the first that ends, either way; for ever if there is none. Cancel-safe.
    pub(super) async fn first(&mut self) -> (SocketAddr, io::Result<TcpStream>) {
        poll_fn(|context| {
            for (index, (address, attempt)) in self.0.iter_mut().enumerate() {
                if let Poll::Ready(outcome) = attempt.as_mut().poll(context) {
                    let address = *address;
                    drop(self.0.remove(index));
                    return Poll::Ready((address, outcome));
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Gives up all of them; returns their addresses, the earliest first.
    pub(super) fn give_up(&mut self) -> impl DoubleEndedIterator<Item = SocketAddr> {
        std::mem::take(&mut self.0)
            .into_iter()
            .map(|(address, _)| address)
    }
}

impl fmt::Debug for Connecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(address, _)| address))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts
            .iter()
            .map(|text| SocketAddr::new(text.parse().unwrap(), 22))
            .collect()
    }

    #[test]
    fn families_take_turns_and_nothing_is_tried_twice() {
        let mut candidates = Candidates::default();
        candidates.add(addresses(&["192.0.2.9"]));
        candidates.add(addresses(&[
            "2001:db8::1",
            "2001:db8::2",
            "2001:db8::3",
            "192.0.2.1",
            "192.0.2.9",
        ]));
        let order: Vec<_> = std::iter::from_fn(|| candidates.next()).collect();
        assert_eq!(
            order,
            addresses(&[
                "192.0.2.9",
                "2001:db8::1",
                "192.0.2.1",
                "2001:db8::2",
                "2001:db8::3"
            ])
        );
        candidates.add(addresses(&["192.0.2.1"]));
        assert!(candidates.is_empty());
    }

    #[test]
    fn what_was_given_up_is_next_in_its_old_order() {
        let mut candidates = Candidates::default();
        candidates.add(addresses(&["192.0.2.3"]));
        candidates.put_back(addresses(&["192.0.2.1", "192.0.2.2"]).into_iter());
        let order: Vec<_> = std::iter::from_fn(|| candidates.next()).collect();
        assert_eq!(order, addresses(&["192.0.2.1", "192.0.2.2", "192.0.2.3"]));
    }
}
