//! Where on an axis of time its marks stand.

use crate::record::{Stamp, Zone};

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Between marks; each is something that a clock or a calendar has.
const STEPS: [i64; 26] = [
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    7 * DAY,
    14 * DAY,
    28 * DAY,
    91 * DAY,
    182 * DAY,
    364 * DAY,
    3640 * DAY,
];

/// 1970 began on a Thursday; weeks begin on a Monday.
const MONDAY: i64 = 4 * DAY;

/// A mark on the axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tick {
    /// Where.
    pub at: Stamp,
    /// What is to be read there: a time of the day, or a day.
    pub label: String,
}

/// The marks between two moments, at most so many; none where there is no room, or no time between them.
pub fn ticks(from: Stamp, to: Stamp, most: usize, zone: Zone) -> Vec<Tick> {
    let (first, last) = (from.wall_ms(zone), to.wall_ms(zone));
    let Ok(most) = i64::try_from(most) else {
        return Vec::new();
    };
    let range = last - first;
    let fits = |step: &&i64| range / **step < most;
    let Some(step) = STEPS.iter().find(fits).copied().filter(|_| range > 0) else {
        return Vec::new();
    };
    let origin = if step >= 7 * DAY { MONDAY } else { 0 };
    let begin = first + (origin - first).rem_euclid(step);
    (0..most)
        .map(|number| begin + number * step)
        .take_while(|wall| *wall <= last)
        .filter_map(|wall| {
            // What the clocks leave out in spring is nowhere.
            let at = Stamp::at_wall(wall, zone).filter(|at| at.wall_ms(zone) == wall)?;
            let label = if step >= 28 * DAY {
                at.date(zone)
            } else if wall.rem_euclid(DAY) == 0 {
                at.day(zone)
            } else if step < MINUTE {
                at.second(zone)
            } else {
                at.minute(zone)
            };
            Some(Tick { at, label })
        })
        .filter(|tick| tick.at >= from && tick.at <= to)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn labels(range: Duration, most: usize) -> String {
        let now: Stamp = "2026-11-26T14:44:56.105Z".parse().unwrap();
        let ticks = ticks(now.before(range), now, most, Zone::UTC);
        let labels: Vec<String> = ticks.into_iter().map(|tick| tick.label).collect();
        labels.join(" ")
    }

    #[test]
    fn marks_stand_where_a_clock_or_a_calendar_has_them() {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        for (range, most, expected) in [
            (
                Duration::from_secs(7),
                4,
                "14:44:50 14:44:52 14:44:54 14:44:56",
            ),
            (minutes(60), 8, "13:50 14:00 14:10 14:20 14:30 14:40"),
            (minutes(60), 3, "14:00 14:30"),
            (minutes(24 * 60), 5, "18:00 Nov 26 06:00 12:00"),
            (
                minutes(7 * 24 * 60),
                9,
                "Nov 20 Nov 21 Nov 22 Nov 23 Nov 24 Nov 25 Nov 26",
            ),
            (minutes(21 * 24 * 60), 5, "Nov 9 Nov 16 Nov 23"),
            (
                minutes(400 * 24 * 60),
                6,
                "2025-10-27 2026-01-26 2026-04-27 2026-07-27 2026-10-26",
            ),
            (Duration::ZERO, 5, ""),
            (minutes(60), 0, ""),
            (minutes(60), 1, "14:00"),
        ] {
            assert_eq!(labels(range, most), expected, "{range:?} {most}");
        }
    }
}
