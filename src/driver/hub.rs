//! One subscription to the kernel's events, and one look, for all sessions of a process.

use std::{cell::RefCell, io, rc::Rc, time::Duration};

use netroam_platform::{
    Dark, Event, Events, Look, Lost, Network, Query, Source,
    clock::{self, Time},
};
use tokio::sync::broadcast::{self, error::RecvError};

/// A look is shared for no longer than this, though nothing was said to have changed since: the rate of looks of one session in a storm.
const SHARED: Duration = Duration::from_millis(50);

/// So many events are kept for a session that is busy; one that misses some is told that everything may have changed.
const KEPT: usize = 64;

/// Where a session hears of the network.
#[derive(Debug)]
pub(super) enum Outlook {
    /// Its own subscription.
    Own(Network, Box<Events>),
    /// One that it shares, and what of it is yet to be heard.
    Shared(Rc<Hub>, broadcast::Receiver<Event>),
}

/// Hands the events of one subscription on to each session.
#[derive(Debug)]
pub(super) struct Hub {
    network: Network,
    polls: bool,
    dark: Dark,
    events: broadcast::Sender<Event>,
    last: RefCell<Option<Taken>>,
}

/// A look that others may want too.
#[derive(Debug)]
struct Taken {
    at: Time,
    queries: Vec<Query>,
    look: Look,
}

impl Hub {
    /// Subscribes. Whoever keeps the sessions passes each of these events to [`Self::tell`].
    pub(super) fn open(source: Source) -> io::Result<(Rc<Self>, Events)> {
        let (network, events) = Network::by(source)?;
        let hub = Self {
            network,
            polls: events.polls(),
            dark: events.dark(),
            events: broadcast::Sender::new(KEPT),
            last: RefCell::default(),
        };
        Ok((Rc::new(hub), events))
    }

    /// Tells every session.
    pub(super) fn tell(&self, event: Event) {
        *self.last.borrow_mut() = None;
        // That nobody listens is no failure: all sessions may be over.
        drop(self.events.send(event));
    }

    /// The outlook of one session.
    pub(super) fn outlook(self: &Rc<Self>) -> Outlook {
        Outlook::Shared(Rc::clone(self), self.events.subscribe())
    }

    /// A look at the same that is newer than every event will do: what changes meanwhile is an event of its own.
    async fn look(&self, queries: &[Query]) -> io::Result<Look> {
        let now = clock::now();
        if let Some(taken) = &*self.last.borrow()
            && taken.queries == queries
            && now.since(taken.at) < SHARED
        {
            return Ok(taken.look.clone());
        }
        let look = self.network.look(queries).await?;
        *self.last.borrow_mut() = Some(Taken {
            at: now,
            queries: queries.to_vec(),
            look: look.clone(),
        });
        Ok(look)
    }
}

impl Outlook {
    /// A subscription of its own.
    pub(super) fn open(source: Source) -> io::Result<Self> {
        let (network, events) = Network::by(source)?;
        Ok(Self::Own(network, Box::new(events)))
    }

    /// What was there before it was subscribed to, no event of it will say.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self, Self::Shared(..))
    }

    /// Whether it hears of nothing, and so has to look every now and then.
    pub(super) fn polls(&self) -> bool {
        match self {
            Self::Own(_, events) => events.polls(),
            Self::Shared(hub, _) => hub.polls,
        }
    }

    /// Whether the machine is awake for nobody.
    pub(super) fn in_the_dark(&self) -> bool {
        match self {
            Self::Own(_, events) => events.dark().is_now(),
            Self::Shared(hub, _) => hub.dark.is_now(),
        }
    }

    /// The next event. Cancel-safe.
    pub(super) async fn next(&mut self) -> Event {
        match self {
            Self::Own(_, events) => events.next().await,
            Self::Shared(_, events) => match events.recv().await {
                Ok(event) => event,
                Err(RecvError::Lagged(_)) => Event::Everything(Lost::Overrun),
                // Only when this process ends.
                Err(RecvError::Closed) => std::future::pending().await,
            },
        }
    }

    /// As [`Network::look`].
    pub(super) async fn look(&self, queries: &[Query]) -> io::Result<Look> {
        match self {
            Self::Own(network, _) => network.look(queries).await,
            Self::Shared(hub, _) => hub.look(queries).await,
        }
    }

    /// Where to ask for single paths.
    pub(super) fn network(&self) -> Network {
        match self {
            Self::Own(network, _) => *network,
            Self::Shared(hub, _) => hub.network,
        }
    }
}
