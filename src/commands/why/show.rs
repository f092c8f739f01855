//! What `netroam why` found, for people: a screenful.

use std::{fmt::Write as _, time::Duration};

use super::found::{Address, Found, Name};
use crate::{
    control::{Health, Status},
    journal::Entry,
    record::{Connects, Stamp, Zone},
    report::{duration, plain},
};

/// The whole answer, in the time of `zone`.
pub(super) fn text(found: &Found, zone: Zone) -> String {
    let mut lines = vec![first(found)];
    let overridden = found.overridden.iter();
    lines.extend(overridden.map(|what| format!("  otherwise than your ssh configuration: {what}")));
    lines.extend(paths(found));
    lines.push(wanted(found, zone));
    if found.sessions.is_empty() {
        lines.push("sessions: none is running".into());
    }
    for status in &found.sessions {
        lines.extend(session(found, status, zone));
    }
    if !found.lately.is_empty() {
        lines.push("lately:".into());
        lines.extend(found.lately.iter().map(|entry| past(entry, found.at, zone)));
    }
    let problems = found.problems.iter();
    lines.extend(problems.map(|problem| format!("problem: {}", plain(problem))));
    lines.join("\n") + "\n"
}

fn first(found: &Found) -> String {
    let Found {
        host,
        hostname,
        port,
        ..
    } = found;
    let is = if host == hostname {
        format!("{host} port {port}")
    } else {
        format!("{host} is {hostname} port {port}")
    };
    let first = found.first_hop.as_deref().unwrap_or("an unknown host");
    match found.connects {
        Connects::Netroam => format!("{is}; netroam connects"),
        Connects::SshAsAsked => format!("{is}; ssh connects, as you wish"),
        Connects::ProxyJump => format!("{is}; ssh connects (ProxyJump), first to {first}"),
        Connects::ProxyCommand => {
            format!("{is}; ssh connects (ProxyCommand), to what only that program knows")
        }
    }
}

fn paths(found: &Found) -> Vec<String> {
    let used = found.addresses.iter().find(|address| address.wanted);
    let any = found
        .addresses
        .iter()
        .any(|address| address.facts.path.is_some());
    let mut lines = vec![match (&found.path, used) {
        (Some(path), Some(used)) => format!("path now: {path}, to {}", used.facts.address),
        _ if found.connects == Connects::ProxyCommand => "path now: not known".into(),
        _ if any => "path now: none that is wanted, a session would wait".into(),
        _ if found.addresses.is_empty() => "path now: none, no address is known".into(),
        _ => "path now: none, a session would wait for the network".into(),
    }];
    let said = match &found.name {
        Name::NotNeeded | Name::Resolved => None,
        Name::NotAsked => {
            Some("the name is not looked up while no wanted path leads to the host".to_owned())
        }
        Name::Unknown(words) => Some(format!("the name does not resolve here: {words}")),
        Name::Slow => Some("the resolver does not answer".to_owned()),
    };
    lines.extend(said.map(|said| format!("  {said}")));
    if found.addresses.len() > 1 || used.is_none() {
        lines.extend(found.addresses.iter().map(address));
    }
    lines
}

fn address(address: &Address) -> String {
    let facts = &address.facts;
    let way = match (&facts.path, &facts.why) {
        (Some(path), _) => path.to_string(),
        (None, Some(why)) => plain(why),
        (None, None) => "no path".into(),
    };
    let learnt = if address.learnt {
        " (answered before)"
    } else {
        ""
    };
    format!("  {}: {way}{learnt}", facts.address)
}

fn wanted(found: &Found, zone: Zone) -> String {
    let want = &found.want;
    let by = if want.configured {
        "in the configuration"
    } else {
        "by default"
    };
    let last = found.last.as_ref().map_or_else(
        || ": no good run is known yet".into(),
        |last| {
            let (at, ago) = (last.at.local(found.at, zone), ago(last.at, found.at));
            format!(": the last good run, {at} ({ago}), went over {}", last.path)
        },
    );
    let why = if want.via == "auto" {
        last
    } else {
        String::new()
    };
    format!("wanted: {} (via {}, {by}){why}", want.wanted, want.via)
}

fn session(found: &Found, status: &Status, zone: Zone) -> Vec<String> {
    // A session that nothing keeps may have a name in the configuration.
    let named = Some(status.id.as_str()).filter(|id| !id.is_empty() && *id != status.host);
    let name = status
        .session
        .as_deref()
        .or(named)
        .map_or_else(String::new, |name| format!(" {}", plain(name)));
    let since = duration(found.at.since(status.since));
    let text = plain(&status.text);
    let mut lines = vec![format!(
        "session{name} (pid {}): {text}, for {since}",
        status.pid
    )];
    if status.want != found.want {
        let want = &status.want;
        lines.push(format!("  wanted: {} (via {})", want.wanted, want.via));
    }
    lines.extend(details(status, found.at, zone));
    lines
}

/// What else a session says of itself, beside its state: its connection, what it saw, and when it tries again.
pub(in crate::commands) fn details(status: &Status, now: Stamp, zone: Zone) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(run) = &status.run {
        let health = run.health.as_ref().map_or_else(
            || "opened by ssh, which says nothing of it".into(),
            |health| health_text(health, run.hanging),
        );
        lines.push(format!("  connection (ssh {}): {health}", run.pid));
    }
    if let Some(look) = &status.look {
        let saw = look
            .paths
            .iter()
            .map(|facts| match (&facts.path, &facts.why) {
                (Some(path), _) => format!("{} by {path}", facts.address),
                (None, why) => {
                    let why = why.as_deref().map_or_else(|| "no path".into(), plain);
                    format!("{}: {why}", facts.address)
                }
            });
        let saw = match saw.collect::<Vec<_>>().join("; ") {
            none if none.is_empty() && look.online => "no address is known".into(),
            none if none.is_empty() => "no network".into(),
            some => some,
        };
        let (at, ago) = (look.at.local(now, zone), ago(look.at, now));
        lines.push(format!("  last look {at} ({ago}): {saw}"));
    }
    if let Some(next) = status.next_ms {
        let next = duration(Duration::from_millis(next));
        lines.push(format!("  next attempt in {next}, or at any change"));
    }
    lines
}

fn health_text(health: &Health, hanging: bool) -> String {
    let mut text = String::new();
    if let Some(round_trip) = health.round_trip_ms {
        write!(text, "round trip {round_trip} ms, ").unwrap_or_default();
    }
    let heard = duration(Duration::from_millis(health.last_heard_ms));
    if health.unacknowledged == 0 {
        write!(text, "all acknowledged, heard {heard} ago").unwrap_or_default();
    } else {
        let (bytes, again) = (health.unacknowledged, health.retransmissions);
        let state = if hanging { "hangs" } else { "waits" };
        write!(
            text,
            "{state}: {bytes} bytes unacknowledged, sent {again} more times, heard {heard} ago"
        )
        .unwrap_or_default();
    }
    text
}

fn past(entry: &Entry, now: Stamp, zone: Zone) -> String {
    let (at, ago) = (entry.at.local(now, zone), ago(entry.at, now));
    let session = entry.session.as_deref().map_or_else(String::new, plain);
    let text = plain(&entry.text);
    if session.is_empty() {
        format!("  {at} {ago:>13}  {text}")
    } else {
        format!("  {at} {ago:>13}  {session}: {text}")
    }
}

fn ago(at: Stamp, now: Stamp) -> String {
    format!("{} ago", duration(now.since(at)))
}

#[cfg(test)]
mod tests;
