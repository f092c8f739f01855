//! Who took how long of an outage.

use std::time::Duration;

use super::{Phase, Span};
use crate::record::Stamp;

/// Together they are as long as the outage, as far as its spans say what was.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Shares {
    pub(super) network: Duration,
    pub(super) person: Duration,
    pub(super) host: Duration,
    pub(super) netroam: Duration,
}

/// The shares of the time from `lost` to `until` by these spans, which are in order.
///
/// An attempt after which the host is waited for all the same took the host's time, not netroam's.
pub(super) fn of(spans: &[Span], lost: Stamp, until: Stamp) -> Shares {
    let mut shares = Shares::default();
    for (place, span) in spans.iter().enumerate() {
        let time = span.to.min(until).since(span.from.max(lost));
        let in_vain = spans
            .get(place + 1)
            .is_some_and(|next| next.state == Phase::Retrying);
        let share = match span.state {
            Phase::Network | Phase::Holding => &mut shares.network,
            Phase::Person => &mut shares.person,
            Phase::Retrying => &mut shares.host,
            Phase::Connecting if in_vain => &mut shares.host,
            Phase::Connecting | Phase::Doubtful | Phase::Attached | Phase::Unknown => {
                &mut shares.netroam
            }
        };
        *share += time;
    }
    shares
}
