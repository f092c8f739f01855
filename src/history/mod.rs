//! What happened, told from the journal: outages, and what each session was doing when.
//!
//! Entries in, plain data out: it reads no file and no clock, and is told what time it is and which netroams still live.

use std::{collections::BTreeMap, time::Duration};

use serde::{Serialize, Serializer};

use crate::{
    journal::{Entry, Event},
    record::{PathFacts, Stamp},
};

mod axis;
mod life;
mod rows;
mod shares;
mod summary;

pub use axis::{Tick, ticks};
pub use summary::{Share, Summary};

use life::Life;

/// What a session was doing, as far as it matters to whoever waits for it. In the order of how much it is worth seeing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// What is typed goes to the host.
    Attached,
    /// Attached, and the connection is being asked whether it still lives.
    Doubtful,
    /// Nobody knows: the netroam that kept it is gone without a word.
    Unknown,
    /// The path is cut, the connection is kept.
    Holding,
    /// Connecting or logging in.
    Connecting,
    /// There is a path, and no answer.
    Retrying,
    /// Waiting for the network.
    Network,
    /// Waiting for a person: the tunnel, a question.
    Person,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Attached,
        Self::Doubtful,
        Self::Holding,
        Self::Connecting,
        Self::Retrying,
        Self::Network,
        Self::Person,
        Self::Unknown,
    ];
}

/// A time in which a session was doing one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// When it began.
    pub from: Stamp,
    /// When it ended; now, while it lasts.
    pub to: Stamp,
    /// What it was doing.
    pub state: Phase,
    /// The netroam that kept it.
    pub pid: u32,
    /// The same in the words that the terminal had for it last.
    pub text: String,
    /// The path that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathFacts>,
    /// Why the session was lost, where it is part of an outage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<String>,
}

/// A session with a host. One name has several where several netroams kept it at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Session {
    /// The host as it was typed last.
    pub host: String,
    /// The session's name; `None` where nothing keeps it.
    pub session: Option<String>,
    /// The netroams that kept it, one after the other.
    pub pids: Vec<u32>,
    /// What it was doing, in the order of time; they do not overlap.
    pub spans: Vec<Span>,
}

/// How an outage ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// The session was attached again.
    Attached,
    /// It lasts.
    Lasts,
    /// A person gave up.
    GaveUp,
    /// netroam ended.
    Ended,
    /// Nobody knows: netroam was killed, or the machine went down.
    Unknown,
}

/// An outage: from the loss until the session is attached again.
///
/// It begins when the connection was cut, or came into doubt, where that led to its loss. The four shares together are as long as it lasted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outage {
    /// The host as it was typed.
    pub host: String,
    /// The session's name.
    pub session: Option<String>,
    /// The netroam that kept it.
    pub pid: u32,
    /// When it began.
    pub lost: Stamp,
    /// When it was over, or when netroam said its last word; `None` while it lasts.
    pub until: Option<Stamp>,
    /// How long it lasted, or has lasted.
    #[serde(rename = "lasted_ms", serialize_with = "milliseconds")]
    pub lasted: Duration,
    /// How it ended.
    pub end: End,
    /// With what netroam ended ([`crate::record::exit_word`]), where it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit: Option<String>,
    /// Why: [`crate::record::reason_word`]; `None` where the journal has lost the line.
    pub reason: Option<String>,
    /// Why, for people.
    pub text: String,
    /// The path before, if known.
    pub from: Option<PathFacts>,
    /// The path after, if known.
    pub to: Option<PathFacts>,
    /// How long there was no path, or it was cut and the connection kept.
    #[serde(rename = "network_ms", serialize_with = "milliseconds")]
    pub network: Duration,
    /// How long a person was waited for.
    #[serde(rename = "person_ms", serialize_with = "milliseconds")]
    pub person: Duration,
    /// How long the host did not answer over a path that was there.
    #[serde(rename = "host_ms", serialize_with = "milliseconds")]
    pub host_silent: Duration,
    /// How long netroam took itself.
    #[serde(rename = "netroam_ms", serialize_with = "milliseconds")]
    pub netroam: Duration,
    /// What was typed last may be lost.
    pub in_doubt: bool,
}

/// Everything in a range of time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct History {
    /// By the time of their loss.
    pub outages: Vec<Outage>,
    /// By host and name.
    pub sessions: Vec<Session>,
}

impl History {
    /// Tells what reaches into the time from `since` to `now`. The `entries` of each host are in the order of its journal; `lives` says
    /// whether the netroam with this pid still keeps this session with this host (in lower case).
    pub fn of(
        entries: impl IntoIterator<Item = Entry>,
        lives: impl Fn(&str, Option<&str>, u32) -> bool,
        since: Stamp,
        now: Stamp,
    ) -> Self {
        let mut present: BTreeMap<_, Life> = BTreeMap::new();
        let mut past = Vec::new();
        for mut entry in entries {
            entry.at = entry.at.min(now);
            let key = (entry.host.to_lowercase(), entry.session.clone(), entry.pid);
            let ended = present
                .get(&key)
                .is_some_and(|life| life.is_over() || entry.event == Event::Began);
            if ended && let Some(life) = present.remove(&key) {
                // A clock that was set back must not have them overlap.
                entry.at = entry.at.max(life.last);
                past.push((false, life));
            }
            present
                .entry(key)
                .or_insert_with(|| Life::begin(&entry))
                .take(&entry);
        }
        past.extend(present.into_iter().map(|((host, session, pid), life)| {
            let lives = !life.is_over() && lives(&host, session.as_deref(), pid);
            (lives, life)
        }));
        let mut history = rows::arrange(past, now);
        history.retain(since);
        history
    }

    /// Leaves out what was over before `since`.
    fn retain(&mut self, since: Stamp) {
        self.outages
            .retain(|outage| outage.until.is_none_or(|until| until >= since));
        for session in &mut self.sessions {
            session.spans.retain(|span| span.to >= since);
            let spans = &session.spans;
            session
                .pids
                .retain(|pid| spans.iter().any(|span| span.pid == *pid));
        }
        self.sessions.retain(|session| !session.spans.is_empty());
    }
}

fn milliseconds<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
