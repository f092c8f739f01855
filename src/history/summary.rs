//! Many outages in a few numbers.

use std::time::Duration;

use super::{End, Outage};

/// What many outages have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many there were.
    pub outages: usize,
    /// How long they were together.
    pub total: Duration,
    /// How long the longest was.
    pub longest: Duration,
    /// Over those in which a person was waited for.
    pub person: Share,
    /// Over those after which the session was attached again.
    pub netroam: Share,
}

/// What somebody took of many outages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Of how many.
    pub outages: usize,
    /// Together.
    pub total: Duration,
    /// The one in the middle; of two in the middle the longer.
    pub median: Duration,
}

impl Summary {
    /// Of all of these.
    pub fn of(outages: &[Outage]) -> Self {
        let all = || outages.iter();
        let persons = all().map(|outage| outage.person);
        let again = all().filter(|outage| outage.end == End::Attached);
        Self {
            outages: outages.len(),
            total: all().map(|outage| outage.lasted).sum(),
            longest: all().map(|outage| outage.lasted).max().unwrap_or_default(),
            person: Share::of(persons.filter(|person| !person.is_zero())),
            netroam: Share::of(again.map(|outage| outage.netroam)),
        }
    }
}

impl Share {
    fn of(times: impl Iterator<Item = Duration>) -> Self {
        let mut times: Vec<Duration> = times.collect();
        times.sort_unstable();
        Self {
            outages: times.len(),
            total: times.iter().sum(),
            median: times.get(times.len() / 2).copied().unwrap_or_default(),
        }
    }
}
