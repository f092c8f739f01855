//! What this machine has.

use std::path::{Path, PathBuf};

use netroam_platform::{SleepSource, Snapshot, desktop::Shows};

use super::{Finding, many};
use crate::{
    config::Problem,
    ssh::{Agent, Version, version::NoSsh},
};

/// ssh, and where it is.
pub fn ssh_version(found: &Result<Version, NoSsh>, place: Option<&Path>) -> Finding {
    let check = "ssh-version";
    match found {
        Ok(version) => {
            let at = place.map_or_else(String::new, |path| format!(" at {}", path.display()));
            Finding::ok(check, format!("OpenSSH {version}{at}"))
        }
        Err(error @ NoSsh::NotFound) => Finding::wrong(
            check,
            error.to_string(),
            "Debian and Ubuntu: apt install openssh-client; Fedora: dnf install openssh-clients; macOS has it",
        ),
        Err(error @ (NoSsh::TooOld(_) | NoSsh::Foreign(_) | NoSsh::Failed(_))) => Finding::wrong(
            check,
            error.to_string(),
            "put a newer OpenSSH in front of it in PATH",
        ),
    }
}

/// Whether that ssh takes what netroam passes; `said` is its complaint.
pub fn ssh_options(said: Result<(), &str>) -> Finding {
    let check = "ssh-options";
    match said {
        Ok(()) => Finding::ok(check, "this ssh takes every option that netroam passes"),
        Err(words) => Finding::wrong(
            check,
            format!("this ssh does not take what netroam passes: {words}"),
            "put an unpatched OpenSSH in front of it in PATH",
        ),
    }
}

/// Whether events come.
#[derive(Debug)]
pub enum Heard {
    /// One was seen.
    Yes,
    /// Subscribed; whether one arrives cannot be tried, for this reason.
    Untried(String),
    /// It was caused, and did not arrive.
    No,
    /// There is a look every few seconds instead.
    Looks,
    /// No subscription.
    Refused(String),
}

/// The event source.
pub fn event_source(heard: &Heard) -> Finding {
    let check = "event-source";
    let portable = "events = \"portable\" in the configuration has netroam look every 5 s instead";
    match heard {
        Heard::Yes => Finding::ok(
            check,
            "the system tells of changes: one was caused, and seen",
        ),
        Heard::Untried(why) => Finding::ok(
            check,
            format!(
                "subscribed to the system's events; that one arrives cannot be tried here ({why})"
            ),
        ),
        Heard::Looks => Finding::ok(
            check,
            "nothing tells of changes: a look every 5 s, and the first was made",
        ),
        Heard::No => Finding::wrong(
            check,
            "subscribed to the system's events, but one that was caused did not arrive",
            portable,
        ),
        Heard::Refused(why) => Finding::wrong(
            check,
            format!("cannot subscribe to the system's events: {why}"),
            portable,
        ),
    }
}

/// What is there now, with the path that leads out, in words.
pub fn network(look: &Result<(Snapshot, Option<String>), String>) -> Finding {
    let check = "network";
    match look {
        Ok((_, Some(path))) => Finding::ok(check, format!("the default path is {path}")),
        Ok((snapshot, None)) if snapshot.online() => {
            Finding::ok(check, "there is a network, and no default path")
        }
        Ok((_, None)) => Finding::warning(
            check,
            "no network now",
            "netroam works all the same: a session waits for one, and begins the moment that it is there",
        ),
        Err(why) => Finding::wrong(
            check,
            format!("the system cannot be asked about its network: {why}"),
            "events = \"portable\" in the configuration asks in another way",
        ),
    }
}

/// Who tells of a sleep.
pub fn sleep_source(source: SleepSource) -> Finding {
    let text = match source {
        SleepSource::Logind => "logind tells of each sleep, over the system bus",
        SleepSource::PowerManager => "the power manager tells of each sleep (IOKit)",
        SleepSource::ClocksAndTimer => {
            "the clocks tell of each sleep; there is no logind, and none is needed"
        }
        SleepSource::Clocks => "only the clocks tell of a sleep, at the next event",
    };
    Finding::ok("sleep-source", text)
}

/// Who shows notifications.
pub fn notifications(shows: &Shows, wanted: bool) -> Finding {
    let check = "notifications";
    let hint = "on-wait = \"…\" can call you in another way, notify = false silences this (docs/configuration.md)";
    match shows {
        _ if !wanted => Finding::ok(check, "not wanted (notify = false)"),
        Shows::By(service) => Finding::ok(check, format!("shown by {service}")),
        Shows::Nobody => Finding::warning(
            check,
            "nobody shows them on this bus: a session that needs you says so in its terminal only",
            hint,
        ),
        Shows::NoDesktop => Finding::warning(
            check,
            "there is no desktop here: a session that needs you says so in its terminal only",
            hint,
        ),
        Shows::Unanswered(why) => {
            Finding::warning(check, format!("the desktop does not answer ({why})"), hint)
        }
        Shows::NotBuilt => Finding::ok(check, "this netroam was built without them"),
    }
}

/// The terminal: its name, whether this machine knows it, and whether this is one at all.
pub fn terminal(term: Option<&str>, known: Option<bool>, both: bool) -> Finding {
    let check = "terminal";
    let hint = "run netroam in a terminal, which sets TERM";
    let here = if both {
        ""
    } else {
        ", though not here: this is none"
    };
    match (term, known) {
        (None | Some(""), _) => Finding::warning(check, "TERM is not set", hint),
        (Some(term @ ("dumb" | "unknown")), _) => {
            Finding::warning(check, format!("TERM is {term}: nothing can be drawn"), hint)
        }
        (Some(term), Some(false)) => Finding::warning(
            check,
            format!("{term}, which this machine has no terminfo of"),
            "install ncurses-term, or what came with the terminal",
        ),
        (Some(term), Some(true) | None) => Finding::ok(check, format!("{term}{here}")),
    }
}

/// What the configuration says.
pub fn configuration(file: Option<&Path>, problems: &[Problem], sessions: usize) -> Vec<Finding> {
    let check = "configuration";
    let Some(file) = file else {
        return vec![Finding::ok(
            check,
            "there is none: everything is at its default",
        )];
    };
    let file = file.display();
    if problems.is_empty() {
        let named = many(sessions, "session", "sessions");
        return vec![Finding::ok(
            check,
            format!("{file} is right; it names {named}"),
        )];
    }
    let wrong = problems.iter().map(|problem| {
        let (line, column) = (problem.line, problem.column);
        Finding::wrong(
            check,
            format!("{file}:{line}:{column}: {}", problem.text),
            "docs/configuration.md says what may stand there",
        )
    });
    wrong.collect()
}

/// A configuration that cannot be read.
pub fn unreadable(error: &str) -> Finding {
    let hint = "make it readable, or leave --config out";
    Finding::wrong("configuration", error, hint)
}

/// The agent.
pub fn agent(agent: &Agent) -> Finding {
    let check = "agent";
    let without = "a key file without a passphrase does as well";
    match agent {
        Agent::Keys(0) => Finding::ok(check, format!("answers, and has no key; {without}")),
        Agent::Keys(keys) => {
            let keys = many(usize::try_from(*keys).unwrap_or(usize::MAX), "key", "keys");
            Finding::ok(check, format!("answers, with {keys}"))
        }
        Agent::Unnamed => Finding::ok(
            check,
            format!("there is none (SSH_AUTH_SOCK is not set); {without}"),
        ),
        Agent::Unwanted => {
            Finding::ok(check, format!("not wanted (IdentityAgent none); {without}"))
        }
        Agent::Unread(path) => Finding::ok(check, format!("{path}, which only ssh can read")),
        Agent::Gone { socket, link } => {
            let leads = link.as_ref().map_or_else(String::new, |to: &PathBuf| {
                format!(", a link to {}", to.display())
            });
            Finding::warning(
                check,
                format!(
                    "nobody answers at {}{leads}: its agent is gone",
                    socket.display()
                ),
                "start one (eval $(ssh-agent); ssh-add), or point SSH_AUTH_SOCK at one that runs",
            )
        }
        Agent::Strange { socket, why } => Finding::warning(
            check,
            format!(
                "{} does not answer as an agent does: {why}",
                socket.display()
            ),
            "start another one (eval $(ssh-agent); ssh-add)",
        ),
    }
}

/// The sessions that run on this laptop, and the netroams that did not answer.
pub fn sessions(ids: &[String], problems: &[String]) -> Finding {
    let check = "sessions";
    if let Some(problem) = problems.first() {
        let hint = "netroam ls says which are asked; end the one that does not answer";
        return Finding::warning(check, problem.as_str(), hint);
    }
    match ids {
        [] => Finding::ok(check, "none is running"),
        ids => Finding::ok(check, format!("{}: {}", ids.len(), ids.join(", "))),
    }
}

/// The tunnels that are there now, up or not.
pub fn tunnels(snapshot: &Snapshot) -> Finding {
    let tunnels = snapshot.interfaces.values().filter(|one| one.tunnel);
    let words = tunnels.map(|one| {
        let addresses: Vec<String> = one.addresses.iter().map(ToString::to_string).collect();
        match (one.up, &addresses[..]) {
            (false, _) => format!("{} (down)", one.name),
            (true, []) => format!("{} (without an address)", one.name),
            (true, some) => format!("{} ({})", one.name, some.join(", ")),
        }
    });
    let text = match words.collect::<Vec<_>>() {
        none if none.is_empty() => "there is none now".to_owned(),
        some => some.join("; "),
    };
    Finding::ok("tunnels", text)
}

/// Whether a guard runs.
pub fn guard(running: Result<Option<&str>, &str>) -> Finding {
    let check = "guard";
    match running {
        Ok(Some(pid)) => Finding::ok(check, format!("runs (pid {pid})")),
        Ok(None) => Finding::ok(check, "none runs; sessions need none (docs/guard.md)"),
        Err(why) => Finding::warning(check, why, "netroam guard says more"),
    }
}
