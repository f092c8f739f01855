//! A moment as RFC 3339 in UTC, to the second: `2026-11-22T19:13:47Z`.

use std::time::SystemTime;

use serde::{Deserialize as _, Deserializer, Serializer, de, ser};
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

pub(super) fn serialize<S: Serializer>(at: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
    let at = OffsetDateTime::from(*at).truncate_to_second();
    let text = at.format(&Rfc3339).map_err(ser::Error::custom)?;
    to.serialize_str(&text)
}

pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<SystemTime, D::Error> {
    let text = String::deserialize(from)?;
    OffsetDateTime::parse(&text, &Rfc3339)
        .ok()
        // What is no moment in UTC could not be written or shown.
        .and_then(|at| at.checked_to_offset(UtcOffset::UTC))
        .map(SystemTime::from)
        .ok_or_else(|| de::Error::custom(format_args!("{text:?} is no time of RFC 3339")))
}
