//! Moments, paths and states as other programs read them: in the journal, over the control socket, and as `--json`.
//!
//! The names here are a promise: fields and words may be added, none may change its meaning. A reader that meets a word it does not know is
//! older than the writer, and passes over it.

use std::{fmt, net::IpAddr, str::FromStr, time::Duration, time::SystemTime};

use netroam_platform::{Path, clock};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

use crate::{
    connect::Failure,
    ssh::Ending,
    supervisor::{Exit, Need, Reason, Status},
};

mod calendar;

pub use calendar::Day;

/// A moment of the wall clock, to the millisecond; written as RFC 3339 in UTC: `2026-11-22T19:14:00.123Z`.
///
/// For people and other programs; no decision is taken from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(OffsetDateTime);

impl Stamp {
    /// This moment.
    pub fn now() -> Self {
        clock::wall().into()
    }

    /// How long before `self` the `earlier` moment was; zero if it was not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::try_from(self.0 - earlier.0).unwrap_or_default()
    }

    /// As people read it: the time of the day, and in front of it the date where that is not the one of `now`.
    pub fn local(self, now: Self, zone: Zone) -> String {
        let (at, today) = (zone.shows(self.0), zone.shows(now.0).date());
        let (hour, minute, second) = at.to_hms();
        let time = format!("{hour:02}:{minute:02}:{second:02}");
        if at.date() == today {
            time
        } else {
            format!("{} {time}", date(at))
        }
    }

    /// As autossh writes it in front of a line: `2026/11/22 22:14:00`.
    pub fn local_with_slashes(self, zone: Zone) -> String {
        let at = zone.shows(self.0);
        let (hour, minute, second) = at.to_hms();
        let date = date(at).replace('-', "/");
        format!("{date} {hour:02}:{minute:02}:{second:02}")
    }

    /// As the system's log has it (RFC 3164, 4.1.2): `Nov  2 22:14:00`.
    pub fn local_as_syslog(self, zone: Zone) -> String {
        let at = zone.shows(self.0);
        let (hour, minute, second) = at.to_hms();
        let month = at.month().to_string();
        let month: String = month.chars().take(3).collect();
        format!("{month} {:2} {hour:02}:{minute:02}:{second:02}", at.day())
    }

    /// The time of the day to the millisecond.
    pub fn local_to_the_millisecond(self, zone: Zone) -> String {
        let (hour, minute, second, millisecond) = zone.shows(self.0).to_hms_milli();
        format!("{hour:02}:{minute:02}:{second:02}.{millisecond:03}")
    }
}

fn date(at: OffsetDateTime) -> String {
    let (year, month, day) = at.to_calendar_date();
    format!("{year:04}-{:02}-{day:02}", u8::from(month))
}

impl From<SystemTime> for Stamp {
    fn from(time: SystemTime) -> Self {
        Self(OffsetDateTime::from(time).truncate_to_millisecond())
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hour, minute, second, millisecond) = self.0.to_hms_milli();
        let date = date(self.0);
        write!(
            f,
            "{date}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z"
        )
    }
}

impl FromStr for Stamp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        OffsetDateTime::parse(text, &Rfc3339)
            .ok()
            .and_then(|at| at.checked_to_offset(UtcOffset::UTC))
            .map(|at| Self(at.truncate_to_millisecond()))
            .ok_or_else(|| format!("{text:?} is no time of RFC 3339"))
    }
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'a> Deserialize<'a> for Stamp {
    fn deserialize<D: Deserializer<'a>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// In whose time people read a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone(Option<UtcOffset>);

impl Zone {
    /// UTC.
    pub const UTC: Self = Self(Some(UtcOffset::UTC));

    /// This machine's time zone, as it is or was at each moment; UTC where the system does not say.
    pub const LOCAL: Self = Self(None);

    fn shows(self, at: OffsetDateTime) -> OffsetDateTime {
        let local = || UtcOffset::local_offset_at(at).unwrap_or(UtcOffset::UTC);
        // At the end of all years there may be no such moment.
        at.checked_to_offset(self.0.unwrap_or_else(local))
            .unwrap_or(at)
    }
}

/// Who opens the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Connects {
    /// netroam.
    Netroam,
    /// ssh, because the configuration says `dial = "ssh"`.
    SshAsAsked,
    /// ssh, over its jump hosts.
    ProxyJump,
    /// ssh, by a program of the user's: what it connects to is not known.
    ProxyCommand,
}

/// A path, without what means nothing outside this moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathFacts {
    /// Name of the outgoing interface.
    pub interface: String,
    /// The source address.
    pub source: IpAddr,
    /// The next hop; `None` where the destination is on the link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    /// Whether the interface is a tunnel.
    pub tunnel: bool,
}

impl From<&Path> for PathFacts {
    fn from(path: &Path) -> Self {
        Self {
            interface: path.interface.clone(),
            source: path.source,
            gateway: path.gateway,
            tunnel: path.tunnel,
        }
    }
}

impl fmt::Display for PathFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.interface, self.source)?;
        if let Some(gateway) = self.gateway {
            write!(f, " via {gateway}")?;
        }
        f.write_str(if self.tunnel { ", a tunnel" } else { "" })
    }
}

/// What a session is doing, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Dialling the first hop.
    Connecting,
    /// ssh logs in.
    LoggingIn,
    /// What is typed goes to the host.
    Attached,
    /// Attached, and the connection is being asked whether it still lives.
    Doubtful,
    /// No path leads to the host.
    NoPath,
    /// No path of the kind that is wanted: waiting for a tunnel, or for a certain interface.
    NoTunnel,
    /// The name of the host does not resolve here.
    NoName,
    /// The path is cut, the connection is kept for the case that it comes back.
    Holding,
    /// The last attempt failed, the next one comes by itself.
    Retrying,
    /// ssh has a question.
    NeedsPerson,
    /// Attached elsewhere now.
    TakenOver,
    /// The context is gone on the remote host.
    ContextGone,
    /// Over; where others live in its process, it can be started again.
    Ended,
    /// A word of a newer netroam.
    #[serde(other)]
    Unknown,
}

impl State {
    /// The word for what the supervisor wants to be shown.
    pub fn of(status: &Status) -> Self {
        match status {
            Status::Attaching { .. } => Self::LoggingIn,
            Status::Dialling(_) => Self::Connecting,
            Status::NoPath(_) => Self::NoPath,
            Status::Waiting { .. } => Self::NoTunnel,
            Status::Holding(_) => Self::Holding,
            Status::Retrying(Failure::Resolve(_) | Failure::NoSuchName(_)) => Self::NoName,
            Status::Retrying(_) | Status::RetryingSsh(_) | Status::RetryingLogin { .. } => {
                Self::Retrying
            }
            Status::Parked(Need::Question(_)) => Self::NeedsPerson,
            Status::Parked(Need::TakenOver) => Self::TakenOver,
            Status::Parked(Need::ContextGone) => Self::ContextGone,
        }
    }

    /// Whether an attempt now would go past what is waited for: a tunnel, or a person's word that the session may be taken back or made
    /// anew.
    pub fn waits_for_word(self) -> bool {
        matches!(self, Self::NoTunnel | Self::TakenOver | Self::ContextGone)
    }

    /// Whether it goes on only when a person does something: answers, presses Enter, starts the VPN.
    pub fn waits_for_person(self) -> bool {
        match self {
            Self::NoTunnel | Self::NeedsPerson | Self::TakenOver | Self::ContextGone => true,
            Self::Connecting
            | Self::LoggingIn
            | Self::Attached
            | Self::Doubtful
            | Self::NoPath
            | Self::NoName
            | Self::Holding
            | Self::Retrying
            | Self::Ended
            | Self::Unknown => false,
        }
    }
}

/// The path that a status speaks of.
pub fn path_of(status: &Status) -> Option<&Path> {
    match status {
        Status::Attaching { path, .. } | Status::Dialling(path) => path.as_ref(),
        Status::NoPath(_)
        | Status::Waiting { .. }
        | Status::Holding(_)
        | Status::Retrying(_)
        | Status::RetryingSsh(_)
        | Status::RetryingLogin { .. }
        | Status::Parked(_) => None,
    }
}

/// The word for why a run was judged as it was.
pub fn reason_word(reason: &Reason) -> &'static str {
    match reason {
        Reason::AddressLost { .. } => "address-lost",
        Reason::PathLost { .. } => "path-lost",
        Reason::PathMoved { .. } => "path-moved",
        Reason::PathBack => "path-back",
        Reason::Slept => "slept",
        Reason::Silent(_) => "silent",
        Reason::Connection(_) => "connection",
        Reason::Adrift(_) => "adrift",
        Reason::Stuck(_) => "stuck",
    }
}

/// The path that the reason says was left, and the one that there is instead, as far as it says so.
pub fn paths_of(reason: &Reason) -> (Option<&Path>, Option<&Path>) {
    match reason {
        Reason::AddressLost { now, .. } => (None, now.as_ref()),
        Reason::PathMoved { from, to } => (Some(from), Some(to)),
        Reason::Silent(why) => paths_of(why),
        Reason::PathLost { .. }
        | Reason::PathBack
        | Reason::Slept
        | Reason::Connection(_)
        | Reason::Adrift(_)
        | Reason::Stuck(_) => (None, None),
    }
}

/// The word for how a run ended.
pub fn ending_word(ending: &Ending) -> &'static str {
    match ending {
        Ending::Finished { .. } => "finished",
        Ending::RemoteKilled => "remote-killed",
        Ending::Escaped => "escaped",
        Ending::Interrupted { .. } => "interrupted",
        Ending::Killed { .. } => "killed",
        Ending::Lost { .. } => "lost",
        Ending::Unreachable { .. } => "unreachable",
        Ending::NeedsPerson { .. } => "needs-person",
        Ending::Denied { .. } => "denied",
        Ending::HostKeyChanged => "host-key-changed",
        Ending::HostKeyRefused => "host-key-refused",
        Ending::UnknownHost { .. } => "unknown-host",
        Ending::TurnedAway { .. } => "turned-away",
        Ending::TakenOver => "taken-over",
        Ending::ContextGone => "context-gone",
        Ending::Unusable { .. } => "unusable",
        Ending::EndedByUs => "ended-by-us",
    }
}

/// The word for how a session ended.
pub fn exit_word(exit: &Exit) -> &'static str {
    match exit {
        Exit::Ssh(ending) => ending_word(ending),
        Exit::StrangeKey(_) => "strange-key",
        Exit::TakenOver => "taken-over",
        Exit::ContextGone => "context-gone",
        Exit::PersonNeeded(_) => "needs-person",
        Exit::CommandLost(_) => "command-lost",
        Exit::Limit(_) => "limit",
        Exit::GaveUp => "gave-up",
        Exit::Signal(_) => "signal",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_to_the_millisecond_and_read_back() {
        let stamp: Stamp = "2026-11-22T20:14:00.1239+01:00".parse().unwrap();
        assert_eq!(stamp.to_string(), "2026-11-22T19:14:00.123Z");
        assert_eq!(stamp.to_string().parse::<Stamp>().unwrap(), stamp);
        let whole: Stamp = "2026-11-22T19:14:00Z".parse().unwrap();
        assert_eq!(whole.to_string(), "2026-11-22T19:14:00.000Z");
        assert_eq!(stamp.since(whole), Duration::from_millis(123));
        assert_eq!(whole.since(stamp), Duration::ZERO);
    }

    #[test]
    fn a_moment_beyond_all_years_is_none_and_the_last_one_is_shown_as_it_is() {
        let beyond = "9999-12-31T23:59:59-01:00".parse::<Stamp>();
        assert!(beyond.unwrap_err().contains("no time of RFC 3339"));
        let last: Stamp = "9999-12-31T23:59:59Z".parse().unwrap();
        let zone = Zone(Some(UtcOffset::from_hms(1, 0, 0).unwrap()));
        assert_eq!(last.local(last, zone), "23:59:59");
    }

    #[test]
    fn people_read_the_date_only_where_it_is_another() {
        let zone = Zone(Some(UtcOffset::from_hms(1, 0, 0).unwrap()));
        let at = |text: &str| text.parse::<Stamp>().unwrap();
        let now = at("2026-11-22T19:14:00Z");
        assert_eq!(
            at("2026-11-21T23:30:01Z").local(now, zone),
            "00:30:01",
            "that is today here"
        );
        assert_eq!(
            at("2026-11-21T22:30:01Z").local(now, zone),
            "2026-11-21 23:30:01"
        );
    }
}
