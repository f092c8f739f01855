//! A look every few seconds, and what can be found out beside it.

use std::{collections::VecDeque, io, mem, time::Duration};

use tokio::{
    select,
    time::{Interval, MissedTickBehavior, interval},
};

use super::{clocks::Reading, names::Names, routes::Routes};
use crate::event::{Event, Lost};

/// From one look to the next.
///
/// No crate watches these systems better: if-watch 3.2 asks for the addresses every 10 s there, on a thread of its own, and says nothing of
/// links and routes. A look of ours sees addresses and routes.
const PERIOD: Duration = Duration::from_secs(5);

/// Ticks, for ever.
#[derive(Debug)]
pub(crate) struct Events {
    ready: VecDeque<Event>,
    ticks: Interval,
    read: Reading,
    names: Names,
    routes: Routes,
}

impl Events {
    /// Begins to tick.
    #[expect(clippy::unnecessary_wraps, reason = "as every system has it")]
    pub(crate) fn open() -> io::Result<Self> {
        Ok(Self::every(PERIOD))
    }

    fn every(period: Duration) -> Self {
        tracing::info!(
            every = ?period,
            unseen = "another gateway on the same interface, and what comes and goes between two looks",
            carrier = cfg!(target_os = "linux"),
            "looking at the network, since nothing tells of its changes"
        );
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.reset();
        Self {
            ready: VecDeque::from([Event::Everything(Lost::Subscribed)]),
            ticks,
            read: Reading::now(),
            names: Names::look(),
            routes: Routes::open(),
        }
    }

    /// The next event. Cancel-safe: it waits only while it holds nothing.
    pub(crate) async fn next(&mut self) -> Event {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return event;
            }
            select! {
                biased;
                _ = self.ticks.tick() => self.tick(),
                () = self.routes.changed() => return Event::Due,
            }
        }
    }

    /// Holds at least one event afterwards; each of them is a reason to look.
    fn tick(&mut self) {
        self.routes.renew();
        let now = Reading::now();
        let slept = now.slept_since(&mem::replace(&mut self.read, now));
        self.ready.extend(slept.map(Event::Woke));
        if self.names.changed() {
            self.ready.push_back(Event::Names);
        }
        if self.ready.is_empty() {
            self.ready.push_back(Event::Due);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, sleep, timeout};

    use super::*;

    /// Long enough for a loaded machine.
    const PERIOD: Duration = Duration::from_millis(400);

    #[tokio::test]
    async fn after_the_first_event_there_is_one_at_each_tick() {
        let mut events = Events::every(PERIOD);
        let start = Instant::now();
        assert_eq!(events.next().await, Event::Everything(Lost::Subscribed));
        assert_eq!(events.next().await, Event::Due);
        assert!(start.elapsed() >= PERIOD);
        // Nobody asked for a while: that is one tick, not all that were missed.
        sleep(PERIOD * 2).await;
        assert_eq!(events.next().await, Event::Due);
        assert!(timeout(PERIOD / 2, events.next()).await.is_err());
        // And who gave up has taken none along.
        assert_eq!(events.next().await, Event::Due);
    }
}
