//! Noticing that the machine slept, by two clocks that disagree.

use std::time::{Duration, SystemTime};

use nix::time::{ClockId, clock_gettime};

use crate::clock;

/// Less than this is no sleep: the clocks are not read at the same moment, and a wall clock is set by a second or so now and then. One that is set
/// forward by more is taken for a sleep, which costs one question to a connection.
const SHORTEST: Duration = Duration::from_secs(3);

/// A clock that stands still while the machine sleeps: macOS, FreeBSD, `DragonFly` and OpenBSD have one of its own for that
/// (`clock_gettime(2)` of each).
#[cfg(target_os = "macos")]
const AWAKE: ClockId = ClockId::from_raw(libc::CLOCK_UPTIME_RAW);
#[cfg(any(target_os = "freebsd", target_os = "dragonfly", target_os = "openbsd"))]
const AWAKE: ClockId = ClockId::from_raw(libc::CLOCK_UPTIME);
#[cfg(not(any(
    target_os = "macos",
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "openbsd"
)))]
const AWAKE: ClockId = ClockId::CLOCK_MONOTONIC;

/// Time awake since boot; zero where that cannot be read.
pub(super) fn awake() -> Duration {
    clock_gettime(AWAKE).map_or(Duration::ZERO, Duration::from)
}

/// Both clocks at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    wall: SystemTime,
    awake: Duration,
}

impl Reading {
    /// Reads them. A clock that cannot be read says zero, and then tells of no sleep.
    pub(super) fn now() -> Self {
        Self {
            wall: clock::wall(),
            awake: awake(),
        }
    }

    /// How long the machine slept between an earlier reading and this one, if it did.
    pub(super) fn slept_since(&self, earlier: &Self) -> Option<Duration> {
        // A wall clock that was set back says nothing.
        let passed = self.wall.duration_since(earlier.wall).ok()?;
        let awake = self.awake.checked_sub(earlier.awake)?;
        let slept = passed.checked_sub(awake)?;
        (slept >= SHORTEST).then_some(slept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(wall: u64, awake: u64) -> Reading {
        Reading {
            wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + wall),
            awake: Duration::from_secs(5_000 + awake),
        }
    }

    #[test]
    fn a_sleep_is_what_the_wall_clock_has_and_the_other_has_not() {
        let hour = 3600;
        assert_eq!(
            at(hour + 5, 5).slept_since(&at(0, 0)),
            Some(Duration::from_secs(hour))
        );
        assert_eq!(at(8, 5).slept_since(&at(0, 0)), Some(SHORTEST));
        for (wall, awake, why) in [
            (5, 5, "nothing"),
            (7, 5, "set forward by a step of NTP"),
            (600, 600, "stopped by the shell, or starved"),
        ] {
            assert_eq!(at(wall, awake).slept_since(&at(0, 0)), None, "{why}");
        }
    }

    #[test]
    fn a_clock_that_is_set_back_or_cannot_be_read_tells_of_no_sleep() {
        assert_eq!(at(0, 5).slept_since(&at(100, 0)), None);
        let unread = Reading {
            awake: Duration::ZERO,
            ..at(5, 0)
        };
        assert_eq!(unread.slept_since(&at(0, 0)), None);
    }

    #[test]
    fn awake_the_clocks_agree() {
        let earlier = Reading::now();
        assert!(earlier.awake > Duration::ZERO, "this system has the clock");
        assert_eq!(Reading::now().slept_since(&earlier), None);
    }
}
