//! How a run ended. Status 255 is six different things; only all that is known of a run tells them apart.
//!
//! What was measured with OpenSSH 9.2, a terminal, `LogLevel=DEBUG1` (tests/remote/endings.rs measures it again each time), after `Authenticated to`:
//!
//! | ended by | status | log | standard error |
//! |---|---|---|---|
//! | remote exit | that of it, 255 too | `rtype exit-status`, `Exit status N` | `closed.` |
//! | remote program killed | 255 | `rtype exit-signal`, `Exit status -1` | `closed.` |
//! | `~.` | 255 | `Exit status -1` | `closed.` |
//! | sshd ended (FIN) | 255 | `Exit status -1` | `closed by remote host.`, `closed.` |
//! | RST, shutdown of the socket | 255 | `client_loop: send disconnect: Broken pipe` | nothing |
//! | signal to ssh | 255 | `Killed by signal N.` | nothing |
//!
//! So `~.` is: logged in, left its loop in order, no word of the remote command's end, and neither the log nor standard error says that the
//! connection failed. It is the same whether ssh or netroam dialled, because ssh's loop does not know who did.

use super::log::LogEvent;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// With a status.
    Status(i32),
    /// By a signal.
    Signal(i32),
}

/// All that is known of a run that is over.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is one fact of its own")]
pub struct Evidence<'a> {
    /// How ssh ended.
    pub exit: Exit,
    /// What its log said, in order.
    pub log: &'a [LogEvent],
    /// What it wrote to its standard error; the last few KiB will do.
    pub stderr: &'a [u8],
    /// netroam ended it: by a signal, or by the socket that it held.
    pub ended_by_us: bool,
    /// It ran with `BatchMode`.
    pub unattended: bool,
    /// It ran the command that attaches a context.
    pub context: bool,
    /// Somebody could type `~.`: it had a terminal.
    pub escapable: bool,
    /// `ExitOnForwardFailure` is on.
    pub exit_on_forward_failure: bool,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The remote command ended, with this status.
    Finished {
        /// Its status.
        status: i32,
    },
    /// The remote command was ended by a signal; ssh does not say which.
    RemoteKilled,
    /// The user typed `~.`.
    Escaped,
    /// The user pressed ^C (or somebody else sent this signal) before the login was complete.
    Interrupted {
        /// The signal.
        signal: i32,
    },
    /// Somebody else ended ssh by a signal, after login.
    Killed {
        /// The signal, as ssh names it.
        signal: String,
    },
    /// The connection was lost after login.
    Lost {
        /// ssh's words.
        why: String,
    },
    /// The connection did not come about; trying again may help.
    Unreachable {
        /// ssh's words.
        why: String,
    },
    /// The server takes no connection of ours now (`PerSourcePenalties`, `MaxStartups` of `sshd_config(5)`).
    TurnedAway {
        /// The server's words.
        said: String,
    },
    /// The login needs somebody who answers, and nobody was to be asked.
    NeedsPerson {
        /// What for, in ssh's words.
        what: String,
    },
    /// The login was refused although somebody was there to answer.
    Denied {
        /// ssh's words.
        why: String,
    },
    /// The host has another key than the known one. Never to be tried again by itself.
    HostKeyChanged,
    /// The user did not accept the host's key.
    HostKeyRefused,
    /// The name of the host does not resolve.
    UnknownHost {
        /// ssh's words.
        why: String,
    },
    /// Another client has the session now.
    TakenOver,
    /// A reconnect found no session of that name.
    ContextGone,
    /// ssh cannot do what it was asked; trying again does not help.
    Unusable {
        /// ssh's words.
        line: String,
    },
    /// netroam ended it.
    EndedByUs,
}

/// What ssh writes to its standard error when the server closes the connection (clientloop.c).
const CLOSED_BY_SERVER: &[u8] = b" closed by remote host.";

/// Says how a run ended.
pub fn classify(evidence: &Evidence<'_>) -> Ending {
    let has = |wanted: &LogEvent| evidence.log.contains(wanted);
    if has(&LogEvent::HostKeyChanged) && !has(&LogEvent::Authenticated) {
        return Ending::HostKeyChanged;
    }
    // The remote command's own end counts even if netroam was about to end the run.
    if has(&LogEvent::RemoteExit)
        && let Exit::Status(status) = evidence.exit
    {
        return finished(status, evidence.context);
    }
    if has(&LogEvent::RemoteSignal) {
        return Ending::RemoteKilled;
    }
    if evidence.ended_by_us {
        return Ending::EndedByUs;
    }
    match evidence.exit {
        Exit::Signal(signal) if !has(&LogEvent::Authenticated) => Ending::Interrupted { signal },
        Exit::Signal(signal) => Ending::Killed {
            signal: signal.to_string(),
        },
        Exit::Status(_) if has(&LogEvent::Authenticated) => after_login(evidence),
        Exit::Status(status) => before_login(evidence, status),
    }
}

fn finished(status: i32, context: bool) -> Ending {
    use crate::context::bootstrap::{CONTEXT_GONE, TAKEN_OVER};
    match status {
        TAKEN_OVER if context => Ending::TakenOver,
        CONTEXT_GONE if context => Ending::ContextGone,
        status => Ending::Finished { status },
    }
}

fn after_login(evidence: &Evidence<'_>) -> Ending {
    let find =
        |pick: fn(&LogEvent) -> Option<&String>| evidence.log.iter().rev().find_map(pick).cloned();
    if let Some(signal) = find(|event| {
        if let LogEvent::Killed(signal) = event {
            Some(signal)
        } else {
            None
        }
    }) {
        return Ending::Killed { signal };
    }
    if evidence.exit_on_forward_failure
        && let Some(line) = find(|event| {
            if let LogEvent::ForwardFailed(line) = event {
                Some(line)
            } else {
                None
            }
        })
    {
        // The first run had these forwards: what holds a port now is the end of an earlier run, here or there, and it will go.
        return if evidence.unattended {
            Ending::Lost { why: line }
        } else {
            Ending::Unusable { line }
        };
    }
    if let Some(why) = find(|event| match event {
        LogEvent::Lost(why) | LogEvent::Unreachable(why) => Some(why),
        LogEvent::Connecting(_)
        | LogEvent::Greeted
        | LogEvent::KeyExchanged
        | LogEvent::TurnedAway(_)
        | LogEvent::Authenticated
        | LogEvent::SessionStarted
        | LogEvent::RemoteExit
        | LogEvent::RemoteSignal
        | LogEvent::LoopEnded
        | LogEvent::CouldNotResolve(_)
        | LogEvent::PermissionDenied(_)
        | LogEvent::HostKeyChanged
        | LogEvent::HostKeyRefused
        | LogEvent::ForwardFailed(_)
        | LogEvent::Listening(_)
        | LogEvent::CannotListen
        | LogEvent::Listens { .. }
        | LogEvent::ForcedCommand
        | LogEvent::KexFailed(_)
        | LogEvent::Killed(_)
        | LogEvent::Unusable(_) => None,
    }) {
        return Ending::Lost { why };
    }
    if evidence
        .stderr
        .windows(CLOSED_BY_SERVER.len())
        .any(|window| window == CLOSED_BY_SERVER)
    {
        return Ending::Lost {
            why: "closed by the server".into(),
        };
    }
    if evidence.log.contains(&LogEvent::LoopEnded) {
        // Left in order without a word of the remote command: status 0 is a session without one (`-N`, `-W`).
        return match evidence.exit {
            Exit::Status(0) => Ending::Finished { status: 0 },
            Exit::Status(_) | Exit::Signal(_) if evidence.escapable => Ending::Escaped,
            // Without a terminal its standard error is not read, and nobody can type `~.`.
            Exit::Status(_) | Exit::Signal(_) => Ending::Lost {
                why: "closed by the server".into(),
            },
        };
    }
    match evidence.exit {
        Exit::Status(255) => Ending::Lost {
            why: "ssh did not say why".into(),
        },
        Exit::Status(status) => Ending::Finished { status },
        Exit::Signal(signal) => Ending::Killed {
            signal: signal.to_string(),
        },
    }
}

fn before_login(evidence: &Evidence<'_>, status: i32) -> Ending {
    let mut lost = None;
    for event in evidence.log {
        // What follows says only that the connection was closed.
        if let LogEvent::TurnedAway(said) = event {
            return Ending::TurnedAway { said: said.clone() };
        }
    }
    for event in evidence.log.iter().rev() {
        match event {
            LogEvent::PermissionDenied(line) if evidence.unattended => {
                return Ending::NeedsPerson { what: line.clone() };
            }
            LogEvent::PermissionDenied(line) => return Ending::Denied { why: line.clone() },
            LogEvent::HostKeyRefused if evidence.unattended => {
                return Ending::NeedsPerson {
                    what: "the host key is not known".into(),
                };
            }
            LogEvent::HostKeyRefused => return Ending::HostKeyRefused,
            LogEvent::CouldNotResolve(why) => return Ending::UnknownHost { why: why.clone() },
            LogEvent::ForwardFailed(line)
            | LogEvent::KexFailed(line)
            | LogEvent::Unusable(line) => {
                return Ending::Unusable { line: line.clone() };
            }
            LogEvent::Killed(signal) => {
                return Ending::Killed {
                    signal: signal.clone(),
                };
            }
            LogEvent::Unreachable(why) => return Ending::Unreachable { why: why.clone() },
            LogEvent::Lost(why) => lost = lost.or(Some(why)),
            LogEvent::Connecting(_)
            | LogEvent::Greeted
            | LogEvent::KeyExchanged
            | LogEvent::TurnedAway(_)
            | LogEvent::Authenticated
            | LogEvent::SessionStarted
            | LogEvent::RemoteExit
            | LogEvent::RemoteSignal
            | LogEvent::LoopEnded
            | LogEvent::Listening(_)
            | LogEvent::CannotListen
            | LogEvent::Listens { .. }
            | LogEvent::ForcedCommand
            | LogEvent::HostKeyChanged => {}
        }
    }
    match lost {
        Some(why) => Ending::Unreachable { why: why.clone() },
        // Nothing about a connection: ssh refused its command line, on standard error or in its log.
        None => Ending::Unusable {
            line: String::from_utf8_lossy(evidence.stderr)
                .lines()
                .find(|line| !line.trim().is_empty())
                .map_or_else(
                    || format!("ssh ended with status {status} and did not say why"),
                    |line| super::log::plain(line.as_bytes()),
                ),
        },
    }
}

#[cfg(test)]
mod tests;
