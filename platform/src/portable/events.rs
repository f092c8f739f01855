//! A look every few seconds.

use std::{io, time::Duration};

use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::event::{Event, Lost};

/// From one look to the next.
const PERIOD: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Events {
    first: Option<Event>,
    ticks: Interval,
}

impl Events {
    #[expect(clippy::unnecessary_wraps, reason = "as every system has it")]
    pub(crate) fn open() -> io::Result<Self> {
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.reset();
        Ok(Self {
            first: Some(Event::Everything(Lost::Subscribed)),
            ticks,
        })
    }

    /// The next event. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Event {
        if let Some(first) = self.first.take() {
            return first;
        }
        self.ticks.tick().await;
        Event::Due
    }
}
