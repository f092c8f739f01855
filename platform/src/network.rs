//! The network: what changed, what is there, and how a destination is reached.

use std::io;

use crate::{
    dark::Dark,
    event::Event,
    imp,
    path::{Lookup, Query},
    portable,
    snapshot::Snapshot,
};

/// Where to look at the network.
///
/// It answers for the network namespace of the thread that asks, keeps no state and caches nothing: each look is the system's
/// state at that moment. It never computes a route itself, since policy rules would make that wrong.
#[derive(Clone, Copy, Debug)]
pub struct Network(Source);

/// Who says what changes, and who is asked for a look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// The system's own subscription, and its own answers.
    #[default]
    System,
    /// What every Unix has: a look every few seconds. It is the system's own where there is nothing better.
    Portable,
}

/// One look: the snapshot, and the answer to each query in the queries' order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// All interfaces and addresses.
    pub snapshot: Snapshot,
    /// How each destination is reached.
    pub paths: Vec<Lookup>,
}

/// The subscription to what changes. It outlives every failure of its source.
#[derive(Debug)]
pub struct Events(Subscription);

#[derive(Debug)]
enum Subscription {
    System(Box<imp::Events>),
    Portable(portable::Events),
}

impl Network {
    /// Opens the network and subscribes to its changes, within the calling thread's network namespace.
    ///
    /// # Errors
    /// When the system gives no socket for it (Linux: netlink, `socket(2)`; macOS: the same of `PF_ROUTE`, or no session with configd).
    ///
    /// # Panics
    /// Outside a tokio runtime that has IO and time enabled.
    pub fn open() -> io::Result<(Self, Events)> {
        Self::by(Source::System)
    }

    /// As [`Self::open`], by the source of one's choice.
    ///
    /// # Errors
    /// As [`Self::open`].
    ///
    /// # Panics
    /// As [`Self::open`].
    pub fn by(source: Source) -> io::Result<(Self, Events)> {
        let events = match source {
            Source::System => Subscription::System(Box::new(imp::Events::open()?)),
            Source::Portable => Subscription::Portable(portable::Events::open()?),
        };
        Ok((Self(source), Events(events)))
    }

    /// Looks at everything once, with one set of questions.
    ///
    /// What changes while it looks is an event of its own; so after the last event the last look is right.
    ///
    /// # Errors
    /// When the system cannot be asked for the snapshot. That is not knowing; it does not mean that there is no network.
    #[expect(
        clippy::unused_async,
        reason = "not every system answers within the call"
    )]
    pub async fn look(&self, queries: &[Query]) -> io::Result<Look> {
        let (snapshot, paths) = match self.0 {
            Source::System => imp::look(queries),
            Source::Portable => portable::look(queries),
        }?;
        Ok(Look { snapshot, paths })
    }

    /// All interfaces and addresses.
    ///
    /// # Errors
    /// As [`Self::look`].
    pub async fn snapshot(&self) -> io::Result<Snapshot> {
        self.look(&[]).await.map(|look| look.snapshot)
    }

    /// How `query`'s destination is reached: the kernel's own answer for a TCP connection of ours (Linux: `RTM_GETROUTE`; elsewhere that for
    /// a datagram socket, and on macOS the gateway by `RTM_GET`), checked against what is there. A path over an interface that is down or has no carrier is none, and so is one that has no
    /// usable source address: Linux answers with both.
    ///
    /// It sends nothing: whether anybody answers on that path is another question.
    pub async fn path_to(&self, query: &Query) -> Lookup {
        match self.look(std::slice::from_ref(query)).await {
            Ok(mut look) => look
                .paths
                .pop()
                .unwrap_or_else(|| Lookup::Unknown("the query got no answer".into())),
            Err(error) => Lookup::Unknown(error.to_string()),
        }
    }
}

impl Events {
    /// Whether changes are found by looking alone: then what was seen last may be out of date by the seconds from one [`Event::Due`] to the
    /// next, and whoever is about to act on it looks first.
    pub fn polls(&self) -> bool {
        match self.0 {
            Subscription::System(_) => cfg!(not(any(target_os = "linux", target_os = "macos"))),
            Subscription::Portable(_) => true,
        }
    }

    /// Whether the machine is awake for its user. It holds for as long as this subscription is kept and its events are asked for.
    pub fn dark(&self) -> Dark {
        #[cfg(target_os = "macos")]
        if let Subscription::System(events) = &self.0 {
            return events.dark();
        }
        Dark::default()
    }

    /// The next event; the first is always [`crate::Lost::Subscribed`]. Cancel-safe, and never at an end: a lost subscription is
    /// renewed, and then everything may have changed.
    ///
    /// It does not gather bursts: whoever looks at once and again after a while needs every one. While nothing changes, nothing
    /// wakes up, unless it [polls](Self::polls). (macOS: once a minute, since its kernel may drop a message without a word.)
    pub async fn next(&mut self) -> Event {
        match &mut self.0 {
            Subscription::System(events) => events.next().await,
            Subscription::Portable(events) => events.next().await,
        }
    }
}
