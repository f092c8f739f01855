//! How a session is, as a running netroam tells it.

use std::{net::IpAddr, time::Duration};

use netroam_platform::{Lookup, tcp};
use serde::{Deserialize, Serialize};

use crate::{
    record::{PathFacts, Stamp, State},
    supervisor::{Look, Via, Wanted},
};

/// Data that is unacknowledged for longer hangs; shorter ones are what every network has.
const HANGS_AFTER: Duration = Duration::from_secs(2);

/// Linux's shortest time to the first retransmission, beyond a round trip: `TCP_RTO_MIN` of `net/tcp.h` bounds the variance that
/// `__tcp_set_rto` adds.
const SHORTEST_WAIT: Duration = Duration::from_millis(200);

/// The longest time between retransmissions that [`tcp::keep_honest`] leaves where the kernel can; others wait longer, not shorter.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// One session. The comments say from where the driver takes each field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// By what it is asked to try or to end: its name in the configuration, or `HOST/SESSION`, or `HOST` where nothing keeps it. Unique
    /// within the process.
    #[serde(default)]
    pub id: String,
    /// The host as it was typed, without user and port: the key of the journal and of what is learnt.
    pub host: String,
    /// The session's name; `None` where nothing keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The process of netroam.
    pub pid: u32,
    /// [`State::of`] the status shown last, [`State::Attached`] from authentication on, [`State::Doubtful`] while a probe is under way.
    pub state: State,
    /// The same in the terminal's words (`report::status`); while attached `attached via PATH`.
    pub text: String,
    /// When the state began.
    pub since: Stamp,
    /// The path of the run, or the one that the last look found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathFacts>,
    /// Over what it may go: [`Want::of`].
    pub want: Want,
    /// [`LookFacts::of`] the last look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look: Option<LookFacts>,
    /// The live run, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunFacts>,
    /// The words after `netroam` that attach it in another terminal ([`crate::driver::Session`]); `None` where nothing can be attached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attach: Option<Vec<String>>,
    /// The next attempt comes by itself in so many milliseconds (the supervisor's `poll_timeout`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_ms: Option<u64>,
}

impl Status {
    /// One that has no driver: it has not begun, or is over.
    pub fn idle(id: &str, host: &str, state: State, text: String) -> Self {
        Self {
            id: id.to_owned(),
            host: host.to_owned(),
            session: None,
            pid: std::process::id(),
            state,
            text,
            since: Stamp::now(),
            path: None,
            want: Want::of(&Via::Auto, false, false),
            look: None,
            run: None,
            attach: None,
            next_ms: None,
        }
    }
}

/// Over what the host may be reached, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Want {
    /// What the user said: `--via`.
    pub via: String,
    /// What that means now: `a path`, `a tunnel`, or a pattern of interface names.
    pub wanted: String,
    /// It was said on the command line or in the configuration; otherwise it is the default.
    pub configured: bool,
    /// It is a tunnel because the last good run went through one.
    pub learnt: bool,
}

impl Want {
    /// From `--via` (or the configuration's, or the default), whether the user gave it, and whether the last good run went through a tunnel.
    pub fn of(via: &Via, configured: bool, last_was_tunnel: bool) -> Self {
        let wanted = via.wanted(last_was_tunnel);
        Self {
            via: via.to_string(),
            wanted: wanted.to_string(),
            configured,
            learnt: *via == Via::Auto && wanted == Wanted::Tunnel,
        }
    }
}

/// What the last look saw of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookFacts {
    /// When.
    pub at: Stamp,
    /// Any other network might be reached at all.
    pub online: bool,
    /// How each known address is reached.
    pub paths: Vec<AddressFacts>,
}

/// How an address is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressFacts {
    /// The address.
    pub address: IpAddr,
    /// The path, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathFacts>,
    /// Why there is none, or why it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl LookFacts {
    /// From a look that was taken at `at`.
    pub fn of(look: &Look, at: Stamp) -> Self {
        Self {
            at,
            online: look.snapshot.online(),
            paths: look
                .paths
                .iter()
                .map(|(address, answer)| AddressFacts::of(*address, answer))
                .collect(),
        }
    }
}

impl AddressFacts {
    /// From the kernel's answer for `address`.
    pub fn of(address: IpAddr, answer: &Lookup) -> Self {
        let (path, why) = match answer {
            Lookup::Found(path) => (Some(path.into()), None),
            Lookup::None(why) => (None, Some(why.to_string())),
            Lookup::Unknown(error) => (None, Some(format!("not known: {error}"))),
        };
        Self { address, path, why }
    }
}

/// The live run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunFacts {
    /// Its number.
    pub run: u64,
    /// The process of ssh.
    pub pid: u32,
    /// The path that it stands on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathFacts>,
    /// How its connection is; `None` where ssh has opened it, and the kernel cannot be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// [`Health::hanging`] of that.
    pub hanging: bool,
}

impl RunFacts {
    /// From the run, its path, and what [`tcp::health`] says of the socket that netroam holds.
    pub fn of(run: u64, pid: u32, path: Option<PathFacts>, health: Option<&tcp::Health>) -> Self {
        let health = health.map(Health::of);
        Self {
            run,
            pid,
            path,
            hanging: health.as_ref().is_some_and(Health::hanging),
            health,
        }
    }
}

/// How a connection is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// The smoothed round-trip time in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_trip_ms: Option<f64>,
    /// Bytes that ssh wrote and the host never acknowledged.
    pub unacknowledged: u64,
    /// Retransmissions of the oldest of them.
    pub retransmissions: u8,
    /// How often the time to the next one was doubled.
    pub backoff: u8,
    /// Milliseconds since the host was heard.
    pub last_heard_ms: u64,
    /// For so many milliseconds, at least, data is unacknowledged that was sent more than once; 0 if there is none.
    pub unanswered_ms: u64,
}

impl Health {
    /// From what the kernel knows.
    pub fn of(health: &tcp::Health) -> Self {
        Self {
            round_trip_ms: health
                .rtt
                .map(|rtt| (rtt.as_secs_f64() * 10_000.0).round() / 10.0),
            unacknowledged: health.undelivered,
            retransmissions: health.retransmits,
            backoff: health.backoff,
            last_heard_ms: milliseconds(health.since_last_ack),
            unanswered_ms: milliseconds(unanswered(health)),
        }
    }

    /// Data has hung for longer than every network's moments: there is nobody to answer, or nothing comes through.
    pub fn hanging(&self) -> bool {
        Duration::from_millis(self.unanswered_ms) > HANGS_AFTER
    }
}

/// For how long the oldest data in flight has gone unacknowledged, at least; zero before it was sent again.
///
/// The kernel does not say when it was sent first, but how often since, how long ago last, and each wait was at least twice the one before
/// (RFC 6298, 5.5). No acknowledgement can have come in that time, which bounds it too.
fn unanswered(health: &tcp::Health) -> Duration {
    if health.unacknowledged == 0 || health.backoff == 0 {
        return Duration::ZERO;
    }
    let first = health.rtt.unwrap_or_default() + SHORTEST_WAIT;
    let waits = (0..u32::from(health.backoff))
        .map(|doubled| first.saturating_mul(1 << doubled.min(16)).min(LONGEST_WAIT))
        .sum::<Duration>();
    (waits + health.since_last_sent).min(health.since_last_ack)
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
