//! The configuration file: defaults for the options of `netroam watch`, for all hosts and for single ones, and the sessions of `netroam up`.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use etcetera::{BaseStrategy as _, base_strategy::choose_base_strategy};
use serde::Deserialize;

use crate::{
    alert::Hooks,
    cli::{ContextChoice, DialChoice, EventsChoice, ScrollbackChoice},
    ssh::Version,
    supervisor::Via,
};

mod check;
mod named;

pub use check::Problem;
pub use named::Named;

/// The whole file. A key that is not known is an error, not a surprise later.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    /// For every host.
    pub defaults: Preferences,
    /// For single hosts, by the name that is typed.
    pub host: BTreeMap<String, Preferences>,
    /// What `netroam up` keeps, by name.
    pub session: BTreeMap<String, Named>,
}

/// What may be set: options by their names, and what has no option.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Preferences {
    /// `--session`
    pub session: Option<String>,
    /// `--context`
    pub context: Option<ContextChoice>,
    /// `--scrollback`
    pub scrollback: Option<ScrollbackChoice>,
    /// `--via`
    pub via: Option<Via>,
    /// `--dial`
    pub dial: Option<DialChoice>,
    /// `--events`
    pub events: Option<EventsChoice>,
    /// `--stall`, in seconds
    #[serde(deserialize_with = "stall")]
    pub stall: Option<u64>,
    /// A command line for `/bin/sh -c` when a person is needed ([`crate::alert`]); an empty one is none.
    pub on_wait: Option<String>,
    /// The same for when the session is attached.
    pub on_attached: Option<String>,
    /// The same for when it was taken over elsewhere.
    pub on_taken_over: Option<String>,
    /// Whether the desktop's notification service is told as well; by default it is.
    pub notify: Option<bool>,
}

/// Where a file is, and what it says or all that is wrong in it.
pub type Checked = (PathBuf, std::result::Result<Configuration, Vec<Problem>>);

impl Configuration {
    /// Reads `file`, or the user's own if none is given; where the user has none, everything is at its default.
    ///
    /// # Errors
    /// A file that was asked for and is not there, one that cannot be read, and one that says what is not understood: with line and column.
    pub fn read(file: Option<&Path>) -> Result<Self> {
        let Some((path, text)) = text(file)? else {
            return Ok(Self::default());
        };
        Self::parse(&text).or_else(|problems| {
            let more = match problems.len() {
                0 | 1 => String::new(),
                count => format!(" (and {} more: netroam config check)", count - 1),
            };
            match problems.first() {
                Some(first) => bail!(
                    "the configuration {} is wrong: {first}{more}",
                    path.display()
                ),
                None => bail!("the configuration {} is wrong", path.display()),
            }
        })
    }

    /// Where the file is and what it says, or everything that is wrong in it, for the ssh of this `version`.
    ///
    /// # Errors
    /// As for reading it; also if there is no file at all.
    pub fn check(file: Option<&Path>, version: Version) -> Result<Checked> {
        Self::check_if_there(file, version)?.with_context(|| {
            let path = default_path().unwrap_or_default();
            format!("there is no configuration {}", path.display())
        })
    }

    /// The same; `None` where none was asked for, and the user has none.
    ///
    /// # Errors
    /// A file that was asked for and is not there, and one that cannot be read.
    pub fn check_if_there(file: Option<&Path>, version: Version) -> Result<Option<Checked>> {
        let Some((path, text)) = text(file)? else {
            return Ok(None);
        };
        let checked = Self::parse(&text).and_then(|configuration| {
            let problems = check::sessions(&text, &configuration, version);
            if problems.is_empty() {
                Ok(configuration)
            } else {
                Err(problems)
            }
        });
        Ok(Some((path, checked)))
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// All that is wrong with its keys, and the first value that is.
    pub fn parse(text: &str) -> std::result::Result<Self, Vec<Problem>> {
        check::parse(text)
    }

    /// What holds for `host`: its own preferences before the defaults.
    pub fn for_host(&self, host: &str) -> Preferences {
        let own = self.host.get(host).cloned().unwrap_or_default();
        own.or(&self.defaults)
    }
}

impl Preferences {
    /// These, and where they say nothing, `others`.
    #[must_use]
    pub fn or(self, others: &Self) -> Self {
        let others = others.clone();
        Self {
            session: self.session.or(others.session),
            context: self.context.or(others.context),
            scrollback: self.scrollback.or(others.scrollback),
            via: self.via.or(others.via),
            dial: self.dial.or(others.dial),
            events: self.events.or(others.events),
            stall: self.stall.or(others.stall),
            on_wait: self.on_wait.or(others.on_wait),
            on_attached: self.on_attached.or(others.on_attached),
            on_taken_over: self.on_taken_over.or(others.on_taken_over),
            notify: self.notify.or(others.notify),
        }
    }

    /// The commands to run on occasions.
    pub fn hooks(&self) -> Hooks {
        let command = |hook: &Option<String>| hook.clone().filter(|hook| !hook.trim().is_empty());
        Hooks {
            wait: command(&self.on_wait),
            attached: command(&self.on_attached),
            taken_over: command(&self.on_taken_over),
        }
    }
}

/// As `--stall`: at least 3 s.
fn stall<'a, D: serde::Deserializer<'a>>(from: D) -> std::result::Result<Option<u64>, D::Error> {
    let seconds = u64::deserialize(from)?;
    if seconds < 3 {
        return Err(serde::de::Error::custom("must be at least 3 seconds"));
    }
    Ok(Some(seconds))
}

/// The path of the file and what is in it; `None` where none was asked for, and the user has none.
fn text(file: Option<&Path>) -> Result<Option<(PathBuf, String)>> {
    let path = match file {
        Some(file) => file.to_owned(),
        None => match default_path() {
            Some(path) => path,
            None => return Ok(None),
        },
    };
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some((path, text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound && file.is_none() => Ok(None),
        Err(error) => {
            Err(error).with_context(|| format!("cannot read the configuration {}", path.display()))
        }
    }
}

/// `netroam/config.toml` under `XDG_CONFIG_HOME`, by default `~/.config`.
fn default_path() -> Option<PathBuf> {
    choose_base_strategy()
        .ok()
        .map(|base| base.config_dir().join("netroam/config.toml"))
}

#[cfg(test)]
mod tests;
