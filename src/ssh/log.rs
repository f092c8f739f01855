//! ssh's log: what each line means, and whether a plain ssh would have shown it.
//!
//! The texts are those of OpenSSH 9.2 and 10.x (clientloop.c, sshconnect.c, sshconnect2.c, packet.c, channels.c, readconf.c). A line that is not known
//! means nothing and is shown as ssh would have shown it.

use std::net::IpAddr;

use super::config::LogLevel;
use crate::{connect::is_refusal, report::is_acted_on};

/// The longest line that is kept, in bytes; ssh's own buffer for a message is 1024 (`MSGBUFSIZ` in log.c).
const LONGEST_LINE: usize = 4096;
/// Messages that ssh logs at `VERBOSE` and that carry no prefix.
const VERBOSE: [&str; 5] = [
    "Authenticated to ",
    "Authenticated using ",
    "Transferred: sent ",
    "Bytes per second: sent ",
    "Killed by signal ",
];
/// What ssh logs of a line that comes before the banner; a number follows.
const BEFORE_BANNER: &str = "kex_exchange_identification: banner line ";
/// Messages that ssh logs at `INFO`, which `LogLevel=ERROR` hides.
const INFO: [&str; 4] = ["Warning: ", "Timeout, server ", "Server: ", AT_EVERY_LOGIN];
/// What 10.1 and newer say at each login to a server without a post-quantum key exchange, three lines of it (release notes of 10.1).
const AT_EVERY_LOGIN: &str = "** ";

/// What a line of the log says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogEvent {
    /// ssh connects to this address by itself.
    Connecting(IpAddr),
    /// The server has said its banner.
    Greeted,
    /// The server has answered the key exchange; whether its key is the known one is still open.
    KeyExchanged,
    /// The user is logged in.
    Authenticated,
    /// The session has begun.
    SessionStarted,
    /// The remote command said how it ended; its status is ssh's.
    RemoteExit,
    /// The remote command was ended by a signal. ssh does not log which.
    RemoteSignal,
    /// ssh left its main loop in order.
    LoopEnded,
    /// The connection failed after it was made: ssh's own words.
    Lost(String),
    /// The connection could not be made, or failed before login: ssh's own words.
    Unreachable(String),
    /// The server takes no connection of ours now: its own words, in the place of a banner.
    TurnedAway(String),
    /// The name does not resolve.
    CouldNotResolve(String),
    /// The server took none of what was offered.
    PermissionDenied(String),
    /// The key of the host is not the known one.
    HostKeyChanged,
    /// The key of the host was not accepted, by the user or because nobody could be asked.
    HostKeyRefused,
    /// A forward could not be made; fatal with `ExitOnForwardFailure` only.
    ForwardFailed(String),
    /// ssh is about to listen for this local forward, as it names it.
    Listening(String),
    /// It cannot.
    CannotListen,
    /// The server has answered whether it listens for this remote forward, as ssh names it.
    Listens {
        /// The end that listens.
        forward: String,
        /// It does.
        granted: bool,
    },
    /// Whatever command is asked for, the server runs another one.
    ForcedCommand,
    /// The two sides have no algorithm in common.
    KexFailed(String),
    /// ssh was ended by a signal of this name or number.
    Killed(String),
    /// The command line or the configuration cannot work.
    Unusable(String),
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The line, without its end and without anything that a terminal would act on.
    pub text: String,
    /// What it says, where that is known.
    pub event: Option<LogEvent>,
    /// A plain ssh at the user's log level would have shown it.
    pub shown: bool,
}

impl LogLine {
    /// Whether it says what it said at the last login, and will say at the next: once is enough for somebody who roams all day.
    pub fn is_said_at_every_login(&self) -> bool {
        self.text.starts_with(AT_EVERY_LOGIN)
    }
}

/// Cuts the log into lines as it comes.
#[derive(Debug)]
pub struct LogReader {
    level: LogLevel,
    pending: Vec<u8>,
    /// The channel of the session itself: commands that netroam runs beside it end, too.
    session: Option<String>,
    /// The last channel of such a command: that it is refused is nothing for the user.
    beside: Option<String>,
}

impl LogReader {
    /// A reader for a user whose own log level is `level` ([`Config::log_level`](super::config::Config)).
    pub fn new(level: LogLevel) -> Self {
        Self {
            level,
            pending: Vec::new(),
            session: None,
            beside: None,
        }
    }

    /// The same for a run that has neither a shell nor a command of its own (`-N`): whatever command ends there was netroam's.
    #[must_use]
    pub fn without_command(mut self) -> Self {
        // The name of no channel.
        self.session = Some(String::new());
        self
    }

    /// Takes what was read from the fifo, in pieces of any size, and returns the lines that are complete now.
    ///
    /// A line that is longer than 4 KiB loses what is beyond.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<LogLine> {
        let mut lines = Vec::new();
        for &byte in bytes {
            if byte == b'\n' {
                lines.extend(self.finish());
            } else if self.pending.len() < LONGEST_LINE {
                self.pending.push(byte);
            }
        }
        lines
    }

    /// Returns the last line if it had no end; for when ssh is gone.
    pub fn finish(&mut self) -> Option<LogLine> {
        let text = plain(&std::mem::take(&mut self.pending));
        if let Some((channel, kind)) = new_channel(&text) {
            let is_session = kind.contains("[client-session]");
            if is_session && self.session.is_none() {
                self.session = Some(channel.to_owned());
            } else if is_session {
                self.beside = Some(channel.to_owned());
            } else if self.beside.as_deref() == Some(channel) {
                self.beside = None;
            }
        }
        let ended_beside = ended_channel(&text)
            .is_some_and(|channel| self.session.as_deref().is_some_and(|own| own != channel));
        let refused_beside =
            refused_channel(&text).is_some_and(|channel| self.beside.as_deref() == Some(channel));
        (!text.is_empty()).then(|| LogLine {
            event: event(&text).filter(|_| !ended_beside),
            shown: level_of(&text) <= self.level && self.level > LogLevel::Quiet && !refused_beside,
            text,
        })
    }
}

/// Makes text of bytes, with `?` for whatever a terminal would act on instead of showing it ([`is_acted_on`]).
pub fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.trim_end_matches('\r')
        .chars()
        .map(|c| if c == '\t' || !is_acted_on(c) { c } else { '?' })
        .collect()
}

/// The channel that this line opens, and for what (channels.c).
fn new_channel(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("debug1: channel ")?.split_once(": new ")
}

/// The channel that the server does not open (`channel_input_open_failure` of channels.c).
fn refused_channel(line: &str) -> Option<&str> {
    let (channel, what) = line.strip_prefix("channel ")?.split_once(": ")?;
    what.starts_with("open failed: ").then_some(channel)
}

/// The channel whose command says in this line how it ended (clientloop.c).
fn ended_channel(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("debug1: client_input_channel_req: channel ")?;
    let (channel, what) = rest.split_once(" rtype ")?;
    what.starts_with("exit-").then_some(channel)
}

/// Whether a line is about a forward that could not be made, as far as it says so to a user (channels.c, misc.c, mux.c, ssh.c).
pub fn is_about_forward(line: &str) -> bool {
    is_about_asking_again(line)
        || line.starts_with("Warning: remote port forwarding failed")
        || line.starts_with("Could not request local forwarding")
        || line.starts_with("bind [")
        || line.starts_with("channel_setup_fwd_listener")
        || line.starts_with("unix_listener: ")
}

/// Whether only somebody who asks over the control socket causes such a line (mux.c).
pub fn is_about_asking_again(line: &str) -> bool {
    line.starts_with("mux_")
}

/// Whether a plain ssh at this level says goodbye on a terminal (clientloop.c). netroam runs ssh at `DEBUG1`, at which it always does.
pub fn says_goodbye(level: LogLevel) -> bool {
    level >= LogLevel::Info
}

/// Whether this line of ssh's standard error is its goodbye (clientloop.c): the last that it says, once or twice.
pub fn is_goodbye(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    line.starts_with(b"Connection to ")
        && (line.ends_with(b" closed.") || line.ends_with(b" closed by remote host."))
}

fn level_of(line: &str) -> LogLevel {
    let has = |prefixes: &[&str]| prefixes.iter().any(|prefix| line.starts_with(prefix));
    if has(&["debug3: "]) {
        LogLevel::Debug3
    } else if has(&["debug2: "]) {
        LogLevel::Debug2
    } else if has(&["debug1: "]) {
        LogLevel::Debug1
    } else if has(&VERBOSE) {
        LogLevel::Verbose
    } else if has(&INFO) {
        LogLevel::Info
    } else {
        LogLevel::Fatal
    }
}

/// What a line says that only `DEBUG1` has.
fn debug_event(debug: &str) -> Option<LogEvent> {
    match debug {
        _ if debug.starts_with("Connecting to ") => {
            let address = debug.split_once(" [")?.1.split_once(']')?.0;
            Some(LogEvent::Connecting(address.parse().ok()?))
        }
        // kex.c, kex_exchange_identification: a line before the banner.
        _ if debug.starts_with(BEFORE_BANNER) => {
            let (_, said) = debug.strip_prefix(BEFORE_BANNER)?.split_once(": ")?;
            is_refusal(said.as_bytes()).then(|| LogEvent::TurnedAway(said.to_owned()))
        }
        _ if debug.starts_with("Remote protocol version ") => Some(LogEvent::Greeted),
        // sshconnect.c, verify_host_key: before anybody is asked about the key.
        _ if debug.starts_with("Server host key: ") => Some(LogEvent::KeyExchanged),
        // kex.c; an exchange by GSSAPI, which some distributions add, has no host key.
        "SSH2_MSG_NEWKEYS received" => Some(LogEvent::KeyExchanged),
        "Entering interactive session." => Some(LogEvent::SessionStarted),
        // ssh.c, ssh_init_forwarding and ssh_confirm_remote_forward.
        _ if debug.starts_with("Local connections to ") => {
            let (listen, _) = debug
                .strip_prefix("Local connections to ")?
                .split_once(" forwarded to ")?;
            Some(LogEvent::Listening(listen.to_owned()))
        }
        _ if debug.starts_with("remote forward ") => {
            let (granted, rest) = debug
                .strip_prefix("remote forward ")?
                .split_once(" for: ")?;
            let (listen, _) = rest.strip_prefix("listen ")?.split_once(", connect ")?;
            Some(LogEvent::Listens {
                forward: listen.to_owned(),
                granted: granted == "success",
            })
        }
        // auth-options.c of the server: what the line of the key in authorized_keys allows.
        _ if debug.starts_with("Remote: ") => {
            let (_, options) = debug.split_once(": key options: ")?;
            let forced = options.split(' ').any(|option| option == "command");
            forced.then_some(LogEvent::ForcedCommand)
        }
        _ if debug.starts_with("Exit status ") => Some(LogEvent::LoopEnded),
        _ if debug.starts_with("client_input_channel_req: ")
            && debug.contains(" rtype exit-status ") =>
        {
            Some(LogEvent::RemoteExit)
        }
        _ if debug.starts_with("client_input_channel_req: ")
            && debug.contains(" rtype exit-signal ") =>
        {
            Some(LogEvent::RemoteSignal)
        }
        _ => None,
    }
}

fn event(line: &str) -> Option<LogEvent> {
    let said = || line.to_owned();
    if let Some(debug) = line.strip_prefix("debug1: ") {
        return debug_event(debug);
    }
    if line.starts_with("debug") {
        return None;
    }
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| line.starts_with(prefix));
    if starts(&["Authenticated to "]) {
        return Some(LogEvent::Authenticated);
    }
    if let Some(signal) = line.strip_prefix("Killed by signal ") {
        return Some(LogEvent::Killed(signal.trim_end_matches('.').to_owned()));
    }
    if starts(&["ssh: Could not resolve hostname "]) {
        return Some(LogEvent::CouldNotResolve(said()));
    }
    // The rest of such a line is the server's, or of whoever is in its place: of what ssh finds out by itself it says nothing.
    let own = !line.starts_with("Received disconnect from ");
    if (own && line.contains(": Permission denied ("))
        || line.contains("Too many authentication failures")
    {
        return Some(LogEvent::PermissionDenied(said()));
    }
    if own
        && (line.contains("REMOTE HOST IDENTIFICATION HAS CHANGED")
            || line.contains(" has changed and you have requested strict checking."))
    {
        return Some(LogEvent::HostKeyChanged);
    }
    if line == "Host key verification failed." {
        return Some(LogEvent::HostKeyRefused);
    }
    // channels.c and misc.c; a line for each address before it says why. Where the name to listen on does not resolve, that line is the only one.
    if (line.starts_with("channel_setup_fwd_listener")
        && (line.contains(": cannot listen to ") || line.contains(": getaddrinfo(")))
        || starts(&["unix_listener: "])
    {
        return Some(LogEvent::CannotListen);
    }
    if starts(&[
        "Could not request local forwarding",
        "Error: remote port forwarding failed",
        "Warning: remote port forwarding failed",
        "Error: remote forward ",
        "Warning: remote forward ",
    ]) {
        return Some(LogEvent::ForwardFailed(said()));
    }
    if starts(&["Unable to negotiate with "]) {
        return Some(LogEvent::KexFailed(said()));
    }
    if starts(&[
        "Cannot execute command-line and remote command",
        "Bad configuration option",
        "command-line: line ",
        "Bad owner or permissions on ",
        "Cannot specify ",
    ]) {
        return Some(LogEvent::Unusable(said()));
    }
    if starts(&[
        "ssh: connect to host ",
        "kex_exchange_identification: ",
        "banner exchange: ",
        "ssh_dispatch_run_fatal: ",
        "ssh_askpass: ",
        "mm_receive_fd: ",
        "proxy dialer ",
    ]) || line.starts_with("Connection timed out during banner exchange")
        || line.starts_with("Bad remote protocol version identification")
    {
        return Some(LogEvent::Unreachable(said()));
    }
    // Before login these say the same of a connection that never came to anything: the reader of the whole decides.
    if starts(&[
        "Timeout, server ",
        "client_loop: ",
        "Read from remote host ",
        "Write failed",
        "Received disconnect from ",
        "Disconnected from ",
        "Connection closed by ",
        "Connection reset by ",
    ]) || (line.starts_with("Connection to ")
        && (line.ends_with(" timed out") || line.ends_with(" closed by remote host.")))
        || line.contains(": Broken pipe")
        || line.contains("Corrupted MAC on input")
    {
        return Some(LogEvent::Lost(said()));
    }
    None
}

#[cfg(test)]
mod tests;
