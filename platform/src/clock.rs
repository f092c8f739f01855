//! Time that counts sleep.

use std::{
    fmt,
    ops::Add,
    time::{Duration, SystemTime},
};

use nix::time::clock_gettime;

use crate::imp;

/// A moment of a clock that goes on while the machine sleeps (Linux: `CLOCK_BOOTTIME`; macOS: `CLOCK_MONOTONIC_RAW`).
///
/// Comparable only within one boot. Subtraction saturates at zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(Duration);

impl Time {
    /// The moment `since_boot` after the clock's origin; simulations start here.
    pub const fn from_origin(since_boot: Duration) -> Self {
        Self(since_boot)
    }

    /// How long before `self` the `earlier` moment was; zero if it was not.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, later: Duration) -> Self {
        Self(self.0.saturating_add(later))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}", self.0.as_secs_f64())
    }
}

/// Reads the clock that counts sleep.
///
/// # Panics
/// Never in practice: the clock exists on every system that this crate is built for.
pub fn now() -> Time {
    let spec = clock_gettime(imp::CLOCK_COUNTING_SLEEP).expect("the system has this clock");
    Time(spec.into())
}

/// Reads the wall clock, for stamps that people read. It may jump either way; no decision is taken from it.
pub fn wall() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_forward_and_subtraction_saturates() {
        let earlier = now();
        let later = now();
        assert!(later >= earlier);
        assert_eq!(
            earlier.since(later + Duration::from_secs(1)),
            Duration::ZERO
        );
        assert_eq!(
            (earlier + Duration::from_secs(2)).since(earlier),
            Duration::from_secs(2)
        );
    }
}
