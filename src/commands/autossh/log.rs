//! What autossh's user hears: in the system's log, or in `AUTOSSH_LOGFILE`.
//!
//! A line for the system's log is one datagram of the form that the C library sends (RFC 3164, 4.1, without the host, which the daemon knows).
//! Where no daemon listens, it is lost, as it is with the C library; netroam's own log has it all the same.

use std::{
    fs::File,
    io::{self, Write as _},
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use super::{NAME, environment::Environment};
use crate::{
    dirs,
    record::{Stamp, Zone},
    report,
};

/// Where a daemon listens: Linux, macOS, the BSDs (`_PATH_LOG` of each one's syslog.h).
const DAEMONS: [&str; 3] = ["/dev/log", "/var/run/syslog", "/var/run/log"];

/// Messages of user-level programs, as syslog(3) has it: `LOG_USER`.
const FACILITY: u8 = 1 << 3;

/// How much a line matters (syslog(3)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    /// The numbers that netroam itself never uses.
    Emergency,
    Alert,
    Critical,
    /// It ends, and not well.
    Error,
    /// It goes on, but not as it should.
    Warning,
    /// Worth knowing.
    Notice,
    /// What autossh says unless told otherwise.
    Info,
    /// Everything.
    Debug,
}

impl Severity {
    /// By its number.
    pub(super) fn of(number: i64) -> Option<Self> {
        let all = [
            Self::Emergency,
            Self::Alert,
            Self::Critical,
            Self::Error,
            Self::Warning,
            Self::Notice,
            Self::Info,
            Self::Debug,
        ];
        all.get(usize::try_from(number).ok()?).copied()
    }
}

/// Where the lines go.
#[derive(Debug)]
enum Sink {
    /// The first of these at which a daemon listens.
    System(Vec<PathBuf>),
    File(File),
}

/// The log.
#[derive(Debug)]
pub(super) struct Log {
    sink: Sink,
    level: Severity,
    /// On standard error as well.
    loud: bool,
}

impl Log {
    /// Opens it as the environment says.
    pub(super) fn open(environment: &Environment) -> Result<Self> {
        let sink = match &environment.log_file {
            None => Sink::System(DAEMONS.map(PathBuf::from).into()),
            Some(path) => Sink::File(
                dirs::open_to_append(path)
                    .with_context(|| format!("cannot write the log {}", path.display()))?,
            ),
        };
        Ok(Self {
            loud: environment.debug && environment.log_file.is_none(),
            sink,
            level: environment.level,
        })
    }

    /// Writes a line, if it matters enough. Nothing fails because the log does.
    pub(super) fn say(&self, severity: Severity, text: &str) {
        tracing::debug!(?severity, text, "autossh's log");
        if severity > self.level {
            return;
        }
        let (now, pid) = (Stamp::now(), std::process::id());
        let text = report::plain(text);
        if self.loud {
            report::relay(format!("{NAME}[{pid}]: {text}\r\n").as_bytes());
        }
        let written = match &self.sink {
            Sink::System(daemons) => {
                let priority = FACILITY | severity as u8;
                let at = now.local_as_syslog(Zone::LOCAL);
                send(
                    daemons,
                    format!("<{priority}>{at} {NAME}[{pid}]: {text}").as_bytes(),
                )
            }
            Sink::File(file) => {
                let at = now.local_with_slashes(Zone::LOCAL);
                let mut file = file;
                file.write_all(format!("{at} {NAME}[{pid}]: {text}\n").as_bytes())
            }
        };
        if let Err(error) = written {
            tracing::debug!(%error, "autossh's log cannot be written");
        }
    }
}

fn send(daemons: &[PathBuf], datagram: &[u8]) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    // A daemon that does not read holds nobody up.
    socket.set_nonblocking(true)?;
    let there = |path: &&PathBuf| Path::exists(path);
    let daemon = daemons.iter().find(there);
    let daemon = daemon.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    socket.send_to(datagram, daemon).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(sink: Sink, level: Severity) -> Log {
        Log {
            sink,
            level,
            loud: false,
        }
    }

    #[test]
    fn the_daemon_gets_one_datagram_for_each_line_that_matters() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let daemon = UnixDatagram::bind(&path).unwrap();
        daemon.set_nonblocking(true).unwrap();
        let log = log(
            Sink::System(vec![dir.path().join("absent"), path]),
            Severity::Notice,
        );
        log.say(Severity::Info, "not this");
        log.say(Severity::Error, "this \x1b[2J");
        let mut buffer = [0; 200];
        let length = daemon.recv(&mut buffer).unwrap();
        let line = String::from_utf8(buffer[..length].to_vec()).unwrap();
        // <11>: LOG_USER and LOG_ERR.
        assert!(line.starts_with("<11>"), "{line}");
        let end = format!(" autossh[{}]: this \u{fffd}[2J", std::process::id());
        assert!(line.ends_with(&end), "{line}");
        assert_eq!(line.len(), "<11>Nov 22 22:00:00".len() + end.len());
        assert!(daemon.recv(&mut buffer).is_err(), "nothing else");
    }

    #[test]
    fn a_file_gets_a_line_with_the_time_in_front() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        std::fs::write(&path, "before\n").unwrap();
        let file = dirs::open_to_append(&path).unwrap();
        log(Sink::File(file), Severity::Debug).say(Severity::Debug, "this");
        let written = std::fs::read_to_string(&path).unwrap();
        let line = written.strip_prefix("before\n").unwrap();
        let end = format!(" autossh[{}]: this\n", std::process::id());
        assert!(line.ends_with(&end), "{line}");
        let at = &line[..line.len() - end.len()];
        assert_eq!(at.len(), "2026/11/22 22:00:00".len());
        assert!(at.chars().all(|c| c.is_ascii_digit() || "/ :".contains(c)));
    }

    #[test]
    fn without_a_daemon_nothing_fails() {
        log(Sink::System(vec!["/nonexistent".into()]), Severity::Debug).say(Severity::Info, "this");
    }

    #[test]
    fn severities_are_the_numbers_of_syslog() {
        assert_eq!(Severity::of(3), Some(Severity::Error));
        assert_eq!(Severity::of(7), Some(Severity::Debug));
        assert_eq!(Severity::of(8), None);
        assert_eq!(Severity::of(-1), None);
        assert!((0..8).all(|n| Severity::of(n).is_some_and(|s| i64::from(s as u8) == n)));
    }
}
