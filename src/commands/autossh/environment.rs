//! autossh's environment variables.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, bail};

use super::log::Severity;

/// What `AUTOSSH_POLL` is where it is not set (autossh 1.4g).
const POLL: Duration = Duration::from_secs(600);
/// What `AUTOSSH_GATETIME` is where it is not set (autossh 1.4g).
const GATE: Duration = Duration::from_secs(30);
/// The longest `AUTOSSH_MESSAGE`, in bytes (autossh 1.4g).
const LONGEST_MESSAGE: usize = 64;
/// How long a step of the monitoring may take, at most (autossh 1.4g).
const PATIENCE: Duration = Duration::from_secs(15);
/// The bounds of how long sent data may stay unacknowledged: netroam's own default, and the least that it takes.
const STALL: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(15));

/// What they say. `AUTOSSH_NTSERVICE` counts under Cygwin only, as for autossh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Environment {
    /// `AUTOSSH_DEBUG` is there.
    pub(super) debug: bool,
    /// `AUTOSSH_POLL`.
    pub(super) poll: Duration,
    /// `AUTOSSH_FIRST_POLL`.
    pub(super) first_poll: Duration,
    /// `AUTOSSH_GATETIME`.
    pub(super) gate: Duration,
    /// `AUTOSSH_LOGLEVEL`.
    pub(super) level: Severity,
    /// `AUTOSSH_LOGFILE`.
    pub(super) log_file: Option<PathBuf>,
    /// `AUTOSSH_MAXLIFETIME`.
    pub(super) lifetime: Option<Duration>,
    /// `AUTOSSH_MAXSTART`.
    pub(super) most_starts: Option<u64>,
    /// `AUTOSSH_MESSAGE`.
    pub(super) message: String,
    /// `AUTOSSH_PATH`.
    pub(super) path: Option<OsString>,
    /// `AUTOSSH_PIDFILE`.
    pub(super) pid_file: Option<PathBuf>,
    /// `AUTOSSH_PORT`.
    pub(super) port: Option<OsString>,
    /// `AUTOSSH_MONITOR=force`, which is netroam's own: the monitoring ports are opened.
    pub(super) forced: bool,
}

impl Environment {
    /// Reads what `get` has of each variable.
    pub(super) fn read(get: impl Fn(&str) -> Option<OsString>) -> Result<Self> {
        let set = |name: &str| get(name).filter(|value| !value.is_empty());
        let number = |name: &str| -> Result<Option<i64>> {
            let Some(value) = set(name) else {
                return Ok(None);
            };
            let text = value.to_string_lossy();
            let number = text.trim_start().parse::<i64>();
            number
                .map(Some)
                .with_context(|| format!("{name} is {text:?}, which is no number"))
        };
        // What is not negative, and not zero where zero means nothing.
        let seconds = |name: &str, least: u64| -> Result<Option<Duration>> {
            match number(name)?.map(u64::try_from) {
                None => Ok(None),
                Some(Ok(seconds)) if seconds >= least => Ok(Some(Duration::from_secs(seconds))),
                Some(_) => bail!("{name} must be at least {least}"),
            }
        };
        // A negative one is the default, as in autossh.
        let poll = match number("AUTOSSH_POLL")? {
            Some(negative) if negative < 0 => None,
            Some(_) | None => seconds("AUTOSSH_POLL", 1)?,
        };
        let lifetime = seconds("AUTOSSH_MAXLIFETIME", 0)?.filter(|lifetime| !lifetime.is_zero());
        let longest = lifetime.unwrap_or(Duration::MAX);
        let poll = poll.unwrap_or(POLL).min(longest);
        let first_poll = seconds("AUTOSSH_FIRST_POLL", 1)?.unwrap_or(poll);
        let debug = get("AUTOSSH_DEBUG").is_some();
        let level = match number("AUTOSSH_LOGLEVEL")? {
            None => Severity::Info,
            Some(level) => Severity::of(level)
                .with_context(|| format!("AUTOSSH_LOGLEVEL is {level}, which is not 0 to 7"))?,
        };
        let message = set("AUTOSSH_MESSAGE").unwrap_or_default();
        if message.len() > LONGEST_MESSAGE {
            bail!("AUTOSSH_MESSAGE has more than {LONGEST_MESSAGE} bytes");
        }
        let forced = match set("AUTOSSH_MONITOR") {
            None => false,
            Some(value) if value == "force" => true,
            Some(value) => bail!("AUTOSSH_MONITOR is {}, which is not force", value.display()),
        };
        Ok(Self {
            debug,
            poll,
            first_poll: first_poll.min(longest),
            gate: seconds("AUTOSSH_GATETIME", 0)?.unwrap_or(GATE),
            level: if debug { Severity::Debug } else { level },
            log_file: set("AUTOSSH_LOGFILE").map(PathBuf::from),
            lifetime,
            most_starts: match number("AUTOSSH_MAXSTART")? {
                None | Some(-1) => None,
                Some(most) => {
                    Some(u64::try_from(most).context("AUTOSSH_MAXSTART must be at least -1")?)
                }
            },
            message: message.to_string_lossy().into_owned(),
            path: set("AUTOSSH_PATH"),
            pid_file: set("AUTOSSH_PIDFILE").map(PathBuf::from),
            port: set("AUTOSSH_PORT"),
            forced,
        })
    }

    /// How long a step of the monitoring may take.
    pub(super) fn patience(&self) -> Duration {
        (self.poll / 2).min(PATIENCE)
    }

    /// How long sent data may stay unacknowledged where that is not to be as usual: never longer than autossh would need to notice.
    pub(super) fn stall(&self) -> Option<Duration> {
        let stall = self.poll.saturating_mul(2).max(STALL.0);
        (stall < STALL.1).then_some(stall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Environment> {
        Environment::read(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn without_any_it_is_as_autossh_has_it() {
        let environment = read(&[]).unwrap();
        assert_eq!(environment.poll, Duration::from_secs(600));
        assert_eq!(environment.first_poll, Duration::from_secs(600));
        assert_eq!(environment.gate, Duration::from_secs(30));
        assert_eq!(environment.level, Severity::Info);
        assert_eq!(environment.most_starts, None);
        assert_eq!(environment.lifetime, None);
        assert_eq!(environment.stall(), None);
        assert_eq!(environment.patience(), Duration::from_secs(15));
        assert!(!environment.debug && !environment.forced);
    }

    #[test]
    fn each_has_its_bounds() {
        for (name, good, bad) in [
            (
                "AUTOSSH_POLL",
                &["1", "5", "-1"][..],
                &["0", "x", "1.5"][..],
            ),
            ("AUTOSSH_FIRST_POLL", &["1"], &["0", "-1", "x"]),
            ("AUTOSSH_GATETIME", &["0", "7"], &["-1", "x"]),
            ("AUTOSSH_LOGLEVEL", &["0", "7"], &["-1", "8", "x"]),
            ("AUTOSSH_MAXLIFETIME", &["0", "7"], &["-1", "x"]),
            ("AUTOSSH_MAXSTART", &["-1", "0", "3"], &["-2", "x"]),
            ("AUTOSSH_MONITOR", &["force", ""], &["yes"]),
        ] {
            for value in good {
                assert!(read(&[(name, value)]).is_ok(), "{name}={value}");
            }
            for value in bad {
                let error = read(&[(name, value)]).unwrap_err();
                assert!(format!("{error:#}").contains(name), "{error:#}");
            }
        }
        assert!(read(&[("AUTOSSH_MESSAGE", &"m".repeat(64))]).is_ok());
        assert!(read(&[("AUTOSSH_MESSAGE", &"m".repeat(65))]).is_err());
    }

    #[test]
    fn one_bounds_another() {
        let of = |poll, lifetime| {
            read(&[("AUTOSSH_POLL", poll), ("AUTOSSH_MAXLIFETIME", lifetime)]).unwrap()
        };
        assert_eq!(of("600", "20").poll, Duration::from_secs(20));
        assert_eq!(of("600", "20").first_poll, Duration::from_secs(20));
        assert_eq!(of("600", "0").poll, Duration::from_secs(600));
        let short = of("5", "0");
        assert_eq!(short.stall(), Some(Duration::from_secs(10)));
        assert_eq!(of("1", "0").stall(), Some(Duration::from_secs(3)));
        assert_eq!(of("8", "0").stall(), None);
        assert_eq!(short.patience(), Duration::from_millis(2500));
        assert_eq!(of("-1", "0").poll, Duration::from_secs(600));
        let loud = read(&[("AUTOSSH_DEBUG", ""), ("AUTOSSH_LOGLEVEL", "1")]).unwrap();
        assert!(loud.debug);
        assert_eq!(loud.level, Severity::Debug);
    }
}
