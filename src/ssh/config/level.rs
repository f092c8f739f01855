//! What ssh logs.

use crate::ssh::args::Args;

/// ssh's log levels, in ssh's order (log.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Nothing (`-q`).
    Quiet,
    /// What ends ssh.
    Fatal,
    /// Errors.
    Error,
    /// The default.
    Info,
    /// `Authenticated to …` and the like.
    Verbose,
    /// `-v`
    Debug1,
    /// `-vv`
    Debug2,
    /// `-vvv`
    Debug3,
}

impl LogLevel {
    /// Reads the name that `ssh -G` prints (`SILENT` is its name for `QUIET`).
    pub(super) fn of(name: &str) -> Self {
        match name {
            "QUIET" | "SILENT" => Self::Quiet,
            "FATAL" => Self::Fatal,
            "ERROR" => Self::Error,
            "VERBOSE" => Self::Verbose,
            "DEBUG" | "DEBUG1" => Self::Debug1,
            "DEBUG2" => Self::Debug2,
            "DEBUG3" => Self::Debug3,
            _ => Self::Info,
        }
    }

    /// The name as a configuration writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quiet => "QUIET",
            Self::Fatal => "FATAL",
            Self::Error => "ERROR",
            Self::Info => "INFO",
            Self::Verbose => "VERBOSE",
            Self::Debug1 => "DEBUG1",
            Self::Debug2 => "DEBUG2",
            Self::Debug3 => "DEBUG3",
        }
    }
}

/// `-q` and `-v` as ssh.c takes them: each overrides what came before it, and further `-v` add up.
pub(super) fn log_level(configured: LogLevel, args: &Args) -> LogLevel {
    let mut level = configured;
    let mut verbose = false;
    for option in &args.options {
        match option.letter {
            b'q' => level = LogLevel::Quiet,
            b'v' if !verbose => {
                verbose = true;
                level = LogLevel::Debug1;
            }
            b'v' => {
                level = match level {
                    LogLevel::Quiet => LogLevel::Fatal,
                    LogLevel::Fatal => LogLevel::Error,
                    LogLevel::Error => LogLevel::Info,
                    LogLevel::Info => LogLevel::Verbose,
                    LogLevel::Verbose => LogLevel::Debug1,
                    LogLevel::Debug1 => LogLevel::Debug2,
                    LogLevel::Debug2 | LogLevel::Debug3 => LogLevel::Debug3,
                }
            }
            _ => {}
        }
    }
    level
}
