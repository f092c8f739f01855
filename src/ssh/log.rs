//! ssh's log: what each line means, and whether a plain ssh would have shown it.
//!
//! The texts are those of OpenSSH 9.2 and 10.x (clientloop.c, sshconnect.c, sshconnect2.c, packet.c, channels.c, readconf.c). A line that is not known
//! means nothing and is shown as ssh would have shown it.

use std::net::IpAddr;

use super::config::LogLevel;
use crate::connect::is_refusal;

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
}

impl LogReader {
    /// A reader for a user whose own log level is `level` ([`Config::log_level`](super::config::Config)).
    pub fn new(level: LogLevel) -> Self {
        Self {
            level,
            pending: Vec::new(),
        }
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
        (!text.is_empty()).then(|| LogLine {
            event: event(&text),
            shown: level_of(&text) <= self.level && self.level > LogLevel::Quiet,
            text,
        })
    }
}

/// Makes text of bytes, with `?` for whatever a terminal would act on (C0, DEL, C1) instead of showing it.
pub fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.trim_end_matches('\r')
        .chars()
        .map(|c| if c == '\t' || !c.is_control() { c } else { '?' })
        .collect()
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
    if line.contains(": Permission denied (") || line.contains("Too many authentication failures") {
        return Some(LogEvent::PermissionDenied(said()));
    }
    if line.contains("REMOTE HOST IDENTIFICATION HAS CHANGED")
        || line.contains(" has changed and you have requested strict checking.")
    {
        return Some(LogEvent::HostKeyChanged);
    }
    if line == "Host key verification failed." {
        return Some(LogEvent::HostKeyRefused);
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(level: LogLevel, bytes: &[u8]) -> Vec<LogLine> {
        let mut reader = LogReader::new(level);
        let mut lines = reader.feed(bytes);
        lines.extend(reader.finish());
        lines
    }

    #[test]
    fn lines_are_understood() {
        for (line, expected) in [
            (
                "Authenticated to h ([::1]:22) using \"publickey\".",
                Some(LogEvent::Authenticated),
            ),
            (
                "debug1: kex_exchange_identification: banner line 0: Not allowed at this time",
                Some(LogEvent::TurnedAway("Not allowed at this time".into())),
            ),
            (
                "debug1: kex_exchange_identification: banner line 0: Welcome",
                None,
            ),
            (
                "debug1: Remote protocol version 2.0, remote software version OpenSSH_9.2p1",
                Some(LogEvent::Greeted),
            ),
            (
                "debug1: SSH2_MSG_NEWKEYS received",
                Some(LogEvent::KeyExchanged),
            ),
            // Seen on macOS 26 (OpenSSH_10.0p2): Apple's ssh does not say which address of a name it connects to, nor is there an event then.
            ("debug1: Connecting to localhost port 2222.", None),
            ("debug1: OpenSSH_10.0p2, LibreSSL 3.3.6", None),
            (
                "ssh: Could not resolve hostname gw1: nodename nor servname provided, or not known",
                Some(LogEvent::CouldNotResolve(
                    "ssh: Could not resolve hostname gw1: nodename nor servname provided, or not known".into(),
                )),
            ),
            (
                "debug1: client_input_channel_req: channel 0 rtype exit-status reply 0",
                Some(LogEvent::RemoteExit),
            ),
            (
                "debug1: client_input_channel_req: channel 0 rtype exit-signal reply 0",
                Some(LogEvent::RemoteSignal),
            ),
            ("debug1: Exit status -1", Some(LogEvent::LoopEnded)),
            ("debug1: Sending command: echo Killed by signal 9.", None),
            ("Killed by signal 15.", Some(LogEvent::Killed("15".into()))),
            (
                "Host key verification failed.",
                Some(LogEvent::HostKeyRefused),
            ),
            ("whatever the future brings", None),
        ] {
            assert_eq!(event(line), expected, "{line}");
        }
    }

    #[test]
    fn what_a_plain_ssh_would_have_shown() {
        for (line, from) in [
            ("debug1: x", LogLevel::Debug1),
            ("debug3: x", LogLevel::Debug3),
            ("Authenticated to h", LogLevel::Verbose),
            (
                "Warning: Permanently added 'h' (ED25519) to the list of known hosts.",
                LogLevel::Info,
            ),
            (
                "** WARNING: connection is not using a post-quantum key exchange algorithm.",
                LogLevel::Info,
            ),
            ("Host key verification failed.", LogLevel::Fatal),
        ] {
            for level in [
                LogLevel::Quiet,
                LogLevel::Fatal,
                LogLevel::Error,
                LogLevel::Info,
                LogLevel::Verbose,
                LogLevel::Debug1,
                LogLevel::Debug3,
            ] {
                assert_eq!(
                    read(level, line.as_bytes())[0].shown,
                    level >= from,
                    "{line} at {level:?}"
                );
            }
        }
    }

    #[test]
    fn what_is_said_at_every_login_is_told_from_the_rest() {
        let lines = "** WARNING: connection is not using a post-quantum key exchange algorithm.\n\
                     ** This session may be vulnerable to \"store now, decrypt later\" attacks.\n\
                     ** The server may need to be upgraded. See https://openssh.com/pq.html\n\
                     Warning: remote port forwarding failed for listen port 80\n";
        let lines = read(LogLevel::Info, lines.as_bytes());
        let repeated = lines.iter().map(LogLine::is_said_at_every_login);
        assert_eq!(repeated.collect::<Vec<_>>(), [true, true, true, false]);
        assert!(lines[..3].iter().all(|line| line.event.is_none()));
    }

    #[test]
    fn nothing_in_a_line_moves_the_terminal() {
        let lines = read(
            LogLevel::Info,
            "a\u{1b}]0;x\u{7}b\u{9b}2J\tc\r\nd".as_bytes(),
        );
        assert_eq!(
            lines
                .iter()
                .map(|line| line.text.as_str())
                .collect::<Vec<_>>(),
            ["a?]0;x?b?2J\tc", "d"]
        );
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_make_the_same_lines(bytes: Vec<u8>, cut in 0usize..100) {
            let mut reader = LogReader::new(LogLevel::Info);
            let cut = cut.min(bytes.len());
            let mut lines = reader.feed(&bytes[..cut]);
            lines.extend(reader.feed(&bytes[cut..]));
            lines.extend(reader.finish());
            let escapes = lines.iter().any(|line| line.text.contains('\u{1b}'));
            prop_assert!(!escapes);
            prop_assert_eq!(lines, read(LogLevel::Info, &bytes));
        }
    }

    #[test]
    fn a_line_without_end_stays_bounded() {
        let mut reader = LogReader::new(LogLevel::Info);
        for _ in 0..1000 {
            assert!(reader.feed(&[b'x'; 1000]).is_empty());
        }
        assert_eq!(reader.finish().unwrap().text.len(), LONGEST_LINE);
    }
}
