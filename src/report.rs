//! Every line a user reads.
//!
//! Style: `netroam: ` in front, lower case, no final period on one sentence; the fact, then what netroam does. Everything goes to stderr,
//! because stdout is the remote command's. Whatever another program or a server said passes through [`plain()`] first.

use std::{
    io::{self, Write as _},
    path,
    time::Duration,
};

use netroam_platform::{NoPath, Path};

use crate::{
    alert::Occasion,
    connect::Failure,
    supervisor::{Need, Reason, Segments, Stage, Status},
};

mod choice;
pub mod doctor;
mod exits;
mod guarded;
mod hint;
pub mod history;
mod misread;
mod network;
mod notice;
mod past;
mod plain;
pub mod sessions;

pub use choice::{NOTHING, WHICH, WHICH_NUMBER, host, no_row, numbered, running};
pub use exits::{ended, exit};
pub use guarded::{found, guarded, guarded_host};
pub use misread::{bad_words, late_verb, misread, nearly_verb};
pub use network::{changes, event, interface_name, route_destination};
pub use notice::notice;
pub use past::{ending_text, forward, verdict_text};
pub use plain::{Plain, is_acted_on, json, plain, plain_lines};
pub use sessions::{Overview, state_word};

/// netroam's own exit statuses, far from what ssh (255), shells and remote programs use.
pub mod status {
    /// The command line or the configuration is wrong (as clap has it).
    pub const USAGE: u8 = 2;
    /// netroam itself cannot work: no ssh, no descriptor, no directory to write to.
    pub const FAILED: u8 = 240;
    /// The session is in use on this laptop.
    pub const IN_USE: u8 = 241;
    /// A person is needed, and there is no terminal to ask on.
    pub const PERSON_NEEDED: u8 = 242;
    /// The host key changed or was refused.
    pub const HOST_KEY: u8 = 243;
    /// The connection of a plain remote command was lost; it may have run.
    pub const COMMAND_LOST: u8 = 244;
    /// A person gave up while the session was not attached.
    pub const GAVE_UP: u8 = 245;
    /// The session was taken over elsewhere.
    pub const TAKEN_OVER: u8 = 246;
    /// The context is gone on the remote host.
    pub const CONTEXT_GONE: u8 = 247;
    /// What ssh says for everything that is its own failure.
    pub const SSH: u8 = 255;
}

/// Writes a line to stderr, or several. A stderr that cannot be written to is nobody's to tell.
pub fn line(text: &str) {
    let text = plain_lines(&plain::without_numbers(text)).replace('\n', "\nnetroam: ");
    relay(format!("netroam: {text}\n").as_bytes());
}

/// Writes lines to stdout, for verbs that answer there; whether somebody still reads.
///
/// # Errors
/// Those of write(2), but not that nobody reads any more.
pub fn output(text: &str) -> io::Result<bool> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(plain_lines(&plain::without_numbers(text)).as_bytes());
    match written.and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        written => written.map(|()| true),
    }
}

/// Writes to stderr, byte for byte: what ssh itself wrote.
pub fn relay(bytes: &[u8]) {
    let mut stderr = io::stderr().lock();
    if let Err(error) = stderr.write_all(bytes).and_then(|()| stderr.flush()) {
        tracing::debug!(%error, "cannot write to stderr");
    }
}

/// That nobody can ask the netroam with this directory how its sessions are. They are kept all the same.
pub fn unasked(directory: &path::Path, error: &io::Error) -> String {
    let directory = plain(&directory.display().to_string());
    format!("netroam why cannot ask: no socket in {directory} ({error})")
}

/// Writes to stderr what the ssh of the session of this name wrote, line by line.
pub fn relay_of(name: &str, bytes: &[u8]) {
    for words in bytes.split(|byte| *byte == b'\n') {
        let words = plain(&String::from_utf8_lossy(words.trim_ascii_end()));
        if !words.is_empty() {
            line(&format!("{name}: {words}"));
        }
    }
}

/// An error with its causes, and a hint where there is one.
pub fn error(error: &anyhow::Error) {
    line(&plain(&format!("{error:#}")));
    if let Some(hint) = hint::hint(error) {
        line(&format!("hint: {hint}"));
    }
}

/// The status line, and the keys that do something meanwhile.
pub fn status(host: &str, status: &Status) -> (String, &'static str) {
    let (text, keys) = state(host, status);
    // That one names the host itself, and is long enough.
    if matches!(status, Status::Waiting { .. }) {
        return (text, keys);
    }
    (format!("{host}: {text}"), keys)
}

/// The same for a session that the configuration names ([`status()`] else): nobody sits in front of it, so that no key is told.
pub fn status_of(host: &str, named: Option<&str>, status: &Status) -> (String, &'static str) {
    match named {
        None => self::status(host, status),
        Some(name) => {
            let text = state_of(host, named, status);
            (format!("{name}: {text}"), "")
        }
    }
}

/// The same without the name in front.
pub fn state_of(host: &str, named: Option<&str>, status: &Status) -> String {
    let (Some(name), Status::Parked(need)) = (named, status) else {
        return state(host, status).0;
    };
    match need {
        Need::Question(what) => format!(
            "ssh needs a person ({}), `netroam retry {name}` tries again, `netroam up --ask {name}` lets it ask",
            plain(what)
        ),
        Need::TakenOver => {
            format!("attached elsewhere now, `netroam retry {name}` takes it back")
        }
        Need::ContextGone => {
            format!("the session is gone on the host, `netroam retry {name}` starts another")
        }
    }
}

/// The status line without the host in front.
pub fn state(host: &str, status: &Status) -> (String, &'static str) {
    const WAITING: &str = "[Enter: now, q: quit, ?: why]";
    const PARKED: &str = "[q: quit]";
    match status {
        Status::Attaching { path, outage: None } => {
            (format!("logging in{}", over(path.as_ref())), "")
        }
        Status::Attaching {
            path,
            outage: Some(outage),
        } => {
            let (path, outage) = (over(path.as_ref()), duration(*outage));
            (
                format!("reachable again{path} after {outage}, attaching"),
                "",
            )
        }
        Status::Dialling(path) => (format!("connecting{}", over(path.as_ref())), "[q: quit]"),
        Status::NoPath(why) => (
            format!("{}, waiting for the network", no_path(why)),
            WAITING,
        ),
        Status::Waiting {
            wanted,
            last,
            failure,
        } => {
            // What came of a person's attempt is more than what was there before.
            let more = match (failure, last) {
                (Some(failure), _) => format!(" ({})", brief(host, failure)),
                (None, Some(name)) => format!(", last seen {}", plain(name)),
                (None, None) => String::new(),
            };
            let text = format!("waiting for {wanted} to {host}{more}");
            (text, "[Enter tries without]")
        }
        Status::Holding(reason) => (
            format!("{}, waiting for it to come back", reason_text(reason)),
            "",
        ),
        Status::Retrying(
            failure @ (Failure::Resolve(_) | Failure::NoSuchName(_) | Failure::Busy { .. }),
        ) => (format!("{}, waiting", brief(host, failure)), WAITING),
        Status::Retrying(failure) => (format!("{}, trying again", brief(host, failure)), WAITING),
        Status::RetryingLogin { stage, segments } => {
            let then = match segments {
                Segments::Small => ", trying with small packets",
                Segments::Usual => ", trying again",
            };
            let what = match stage {
                Stage::Banner => "no word from the host",
                Stage::KeyExchange => "the login hangs (MTU?)",
                Stage::Authentication => "the login hangs",
            };
            (format!("{what}{then}"), WAITING)
        }
        Status::RetryingSsh(why) => (format!("{}, trying again", plain(why)), WAITING),
        Status::Parked(Need::Question(what)) => (
            format!("ssh needs a person, Enter lets it ask ({})", plain(what)),
            PARKED,
        ),
        Status::Parked(Need::TakenOver) => {
            ("attached elsewhere now, Enter takes it back".into(), PARKED)
        }
        Status::Parked(Need::ContextGone) => (
            "the session is gone on the host, Enter starts another".into(),
            PARKED,
        ),
    }
}

/// What `netroam dial` waits for, and how long at most.
pub fn waits(host: &str, status: &Status, limit: Duration) -> String {
    let (text, _) = self::status(host, status);
    format!("{text} (at most {})", duration(limit))
}

/// What `netroam dial` has waited for so long.
pub fn given_up(host: &str, status: &Status, waited: Duration) -> String {
    let (text, _) = self::status(host, status);
    if waited.is_zero() {
        return text;
    }
    format!("{text}: given up after {}", duration(waited))
}

/// What a person who is not looking at the terminal is told. Without the host, which stands beside it.
pub fn occasion(occasion: &Occasion) -> String {
    match occasion {
        Occasion::Waiting { text, .. } => plain(text),
        Occasion::Attached { outage: None } => "attached".into(),
        Occasion::Attached {
            outage: Some(outage),
        } => format!("attached again after {}", duration(*outage)),
        Occasion::TakenOver => "attached elsewhere now".into(),
    }
}

/// What became of the wish to forget a host, of which something was known or not.
pub fn forgotten(host: &str, known: bool) -> String {
    let host = plain(host);
    if known {
        format!("{host}: forgotten")
    } else {
        format!("{host}: nothing was known")
    }
}

/// Why, in words.
pub fn reason_text(reason: &Reason) -> String {
    match reason {
        Reason::AddressLost {
            address, interface, ..
        } => {
            let on = interface
                .as_ref()
                .map_or_else(String::new, |name| format!("{name} "));
            format!("{on}lost {address}")
        }
        Reason::PathLost { interface, why } => match (interface, why) {
            (Some(interface), NoPath::NoRoute | NoPath::NotOurs) => {
                format!("the route over {interface} is gone")
            }
            (None, _) | (_, NoPath::NoCarrier(_)) => no_path(why),
        },
        Reason::PathMoved { from, to } => format!("the path moved from {from} to {to}"),
        Reason::PathBack => "the path is back".into(),
        Reason::Slept => "the machine slept".into(),
        Reason::Silent(why) => format!(
            "{}, and the old connection does not answer",
            reason_text(why)
        ),
        Reason::Connection(why) => format!("connection lost ({})", plain(why)),
        Reason::Adrift(tunnel) => format!("there is no network under {}", plain(tunnel)),
        Reason::Stuck(stage) => stuck(*stage).into(),
    }
}

/// What became of an attempt to connect, as short as the status line needs it; [`failure`] has the rest.
fn brief(host: &str, failure: &Failure) -> String {
    match failure {
        Failure::Resolve(_) | Failure::NoSuchName(_) => "does not resolve here".into(),
        Failure::Refused(_) => "connection refused".into(),
        Failure::Closed(_) | Failure::Silent(_) | Failure::Foreign { .. } => {
            format!("the network answers in {host}'s place (captive portal?)")
        }
        Failure::Busy { said, .. } => format!("turns us away ({})", plain(said)),
        Failure::Astray(_) | Failure::Unreachable(_) | Failure::TimedOut | Failure::Local(_) => {
            plain(&failure.to_string())
        }
    }
}

/// What became of an attempt to connect.
pub fn failure(host: &str, failure: &Failure) -> String {
    let text = plain(&failure.to_string());
    match failure {
        Failure::Closed(_) | Failure::Silent(_) | Failure::Foreign { .. } => {
            format!("{}: {text}", brief(host, failure))
        }
        Failure::Resolve(_)
        | Failure::NoSuchName(_)
        | Failure::Astray(_)
        | Failure::Unreachable(_)
        | Failure::TimedOut
        | Failure::Local(_)
        | Failure::Refused(_)
        | Failure::Busy { .. } => text,
    }
}

/// What a login that hangs looks like.
fn stuck(stage: Stage) -> &'static str {
    match stage {
        Stage::Banner => "no word from the host, over what ssh connects by",
        Stage::KeyExchange => {
            "the login hangs in the key exchange: large packets do not come through (MTU?)"
        }
        Stage::Authentication => "the login hangs: the server does not let us in, nor refuse",
    }
}

fn no_path(why: &NoPath) -> String {
    plain(&why.to_string())
}

fn over(path: Option<&Path>) -> String {
    path.map_or_else(String::new, |path| format!(" via {path}"))
}

/// As people write it: `0.4 s`, `45 s`, `5:13`, `1:02:03`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{}:{:02}", seconds / 60, seconds % 60),
        _ => format!(
            "{}:{:02}:{:02}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        ),
    }
}
