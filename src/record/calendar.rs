//! Moments by the calendar, and by the clock on the wall of a zone.

use std::{str::FromStr, time::Duration};

use time::{Date, Month, OffsetDateTime, UtcOffset};

use super::{Stamp, Zone, date};

impl Stamp {
    /// Milliseconds since 1970 began in UTC.
    pub fn unix_ms(self) -> i64 {
        i64::try_from(self.0.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
    }

    /// The moment so many milliseconds after 1970 began in UTC; `None` beyond all years.
    pub fn from_unix_ms(ms: i64) -> Option<Self> {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000)
            .ok()
            .map(Self)
    }

    /// The moment so long before this one; the beginning of 1970 where that would be earlier.
    #[must_use]
    pub fn before(self, time: Duration) -> Self {
        let earlier = time::Duration::try_from(time)
            .ok()
            .and_then(|time| self.0.checked_sub(time));
        Self(earlier.map_or(OffsetDateTime::UNIX_EPOCH, |at| {
            at.max(OffsetDateTime::UNIX_EPOCH)
        }))
    }

    /// What the clock on the wall shows, as milliseconds since it showed the beginning of 1970.
    pub fn wall_ms(self, zone: Zone) -> i64 {
        self.unix_ms() + zone.offset_ms(self)
    }

    /// When the clock on the wall shows this (see [`Stamp::wall_ms`]); once of the two times that it does so when the clocks go back.
    pub fn at_wall(ms: i64, zone: Zone) -> Option<Self> {
        let about = Self::from_unix_ms(ms.checked_sub(zone.offset_ms(Self::from_unix_ms(ms)?))?)?;
        Self::from_unix_ms(ms.checked_sub(zone.offset_ms(about))?)
    }

    /// The time of the day without seconds: `22:14`.
    pub fn minute(self, zone: Zone) -> String {
        let (hour, minute, _) = zone.shows(self.0).to_hms();
        format!("{hour:02}:{minute:02}")
    }

    /// The time of the day with seconds: `22:14:00`.
    pub fn second(self, zone: Zone) -> String {
        let (hour, minute, second) = zone.shows(self.0).to_hms();
        format!("{hour:02}:{minute:02}:{second:02}")
    }

    /// The day without its year: `Nov 2`.
    pub fn day(self, zone: Zone) -> String {
        let at = zone.shows(self.0);
        let month: String = at.month().to_string().chars().take(3).collect();
        format!("{month} {}", at.day())
    }

    /// The day with its year: `2026-11-02`.
    pub fn date(self, zone: Zone) -> String {
        date(zone.shows(self.0))
    }
}

impl Zone {
    fn offset_ms(self, at: Stamp) -> i64 {
        1000 * i64::from(self.shows(at.0).offset().whole_seconds())
    }
}

/// A day of the calendar, written `2026-11-20`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day(Date);

impl Day {
    /// When it begins.
    pub fn begins(self, zone: Zone) -> Option<Stamp> {
        let midnight = OffsetDateTime::new_in_offset(self.0, time::Time::MIDNIGHT, UtcOffset::UTC);
        Stamp::at_wall(Stamp(midnight).unix_ms(), zone)
    }
}

impl FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let no_day = || format!("{text:?} is no day as in 2026-11-20");
        let parts: Vec<&str> = text.split('-').collect();
        let [year, month, day] = parts[..] else {
            return Err(no_day());
        };
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if (year.len(), month.len(), day.len()) != (4, 2, 2)
            || !parts.iter().all(|part| digits(part))
        {
            return Err(no_day());
        }
        let parsed = || {
            let month = Month::try_from(month.parse::<u8>().ok()?).ok()?;
            Date::from_calendar_date(year.parse().ok()?, month, day.parse().ok()?).ok()
        };
        parsed().map(Self).ok_or_else(no_day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_read_and_begins_at_midnight_of_the_zone() {
        let day: Day = "2026-11-20".parse().unwrap();
        let zone = Zone(Some(UtcOffset::from_hms(1, 0, 0).unwrap()));
        let begins = day.begins(zone).unwrap();
        assert_eq!(begins.to_string(), "2026-11-19T23:00:00.000Z");
        assert_eq!(begins.minute(zone), "00:00");
        assert_eq!(begins.day(zone), "Nov 20");
        for text in [
            "2026-13-01",
            "2026-02-30",
            "26-11-20",
            "2026-11-2",
            "+026-11-20",
            "",
        ] {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_clock_on_the_wall_is_read_both_ways_and_the_past_ends() {
        let at: Stamp = "2026-11-22T19:14:00.123Z".parse().unwrap();
        let zone = Zone(Some(UtcOffset::from_hms(-9, -30, 0).unwrap()));
        assert_eq!(Stamp::at_wall(at.wall_ms(zone), zone), Some(at));
        assert_eq!(Stamp::from_unix_ms(at.unix_ms()), Some(at));
        let hour = Duration::from_secs(3600);
        assert_eq!(at.before(hour).to_string(), "2026-11-22T18:14:00.123Z");
        assert_eq!(at.before(Duration::MAX).unix_ms(), 0);
        assert_eq!(Stamp::from_unix_ms(i64::MAX), None);
        assert_eq!(Stamp::at_wall(i64::MIN, Zone::UTC), None);
    }
}
