//! The clock, and what is due when.

use std::{collections::BTreeMap, time::Duration};

use netroam_platform::clock::Time;

/// When every simulation begins.
pub const START: Time = Time::from_origin(Duration::from_secs(5000));

/// What is to happen, in the order of time, and of being entered where that is the same.
#[derive(Debug)]
pub struct Agenda<E> {
    now: Time,
    entered: u64,
    due: BTreeMap<(Time, u64), E>,
}

impl<E> Agenda<E> {
    /// Begins at [`START`].
    pub fn new() -> Self {
        Self {
            now: START,
            entered: 0,
            due: BTreeMap::new(),
        }
    }

    /// The simulated time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Enters what is to happen after so long.
    pub fn after(&mut self, wait: Duration, event: E) {
        self.at(self.now + wait, event);
    }

    /// Enters what is to happen then.
    pub fn at(&mut self, time: Time, event: E) {
        self.entered += 1;
        self.due.insert((time, self.entered), event);
    }

    /// When the next thing happens.
    pub fn next(&self) -> Option<Time> {
        self.due.first_key_value().map(|((time, _), _)| *time)
    }

    /// Takes the next thing that happens.
    pub fn take(&mut self) -> Option<E> {
        let ((time, _), event) = self.due.pop_first()?;
        self.now = self.now.max(time);
        Some(event)
    }

    /// Lets time go on to then, if it is not later already; what is due meanwhile is overdue.
    pub fn go_on_to(&mut self, time: Time) {
        self.now = self.now.max(time);
    }
}

impl<E> Default for Agenda<E> {
    fn default() -> Self {
        Self::new()
    }
}
