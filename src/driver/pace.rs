//! How soon after a look the next one may be taken.

use std::time::Duration;

use netroam_platform::clock::Time;

/// One look is earned this often: the rate of looks in a storm of events. A look costs 0.1 to 1.4 ms (measured: 3 and 51 interfaces).
const EARNED: Duration = Duration::from_millis(50);

/// After a quiet time so many looks more may follow at once. The messages of one move (link, address, route) come within milliseconds,
/// and the last of them, which brings the path, is to be answered as fast as the first.
const SAVED: u32 = 4;

/// Even then this long after the one before, for what comes in one go.
const APART: Duration = Duration::from_millis(2);

/// Allows the first looks of a burst at once, and then one every 50 ms.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    looked: Time,
    /// When all savings would be earned back if no look was taken any more.
    earned: Time,
}

impl Pace {
    /// Counts a look.
    pub fn look(&mut self, now: Time) {
        self.looked = now;
        self.earned = self.earned.max(now) + EARNED;
    }

    /// The moment from which the next look is allowed.
    pub fn next(self) -> Time {
        let overdrawn = self
            .earned
            .since(self.looked)
            .saturating_sub(EARNED * SAVED);
        self.looked + overdrawn.max(APART)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_looks_of_a_burst_are_close_and_a_storm_is_looked_at_twenty_times_a_second() {
        let start = Time::from_origin(Duration::from_secs(100));
        let mut pace = Pace::default();
        let mut now = start;
        let mut looks = Vec::new();
        while now.since(start) < Duration::from_secs(10) {
            looks.push(now.since(start).as_millis());
            pace.look(now);
            now = pace.next();
        }
        assert_eq!(&looks[..5], [0, 2, 4, 6, 8]);
        assert!(
            (200..=205).contains(&looks.len()),
            "{} looks in 10 s",
            looks.len()
        );
        let quiet = now + Duration::from_secs(1);
        pace.look(quiet);
        assert_eq!(pace.next(), quiet + APART);
    }
}
