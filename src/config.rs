//! The configuration file: defaults for the options of `netroam watch`, for all hosts and for single ones.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use etcetera::{BaseStrategy as _, base_strategy::choose_base_strategy};
use serde::Deserialize;

use crate::{
    alert::Hooks,
    cli::{ContextChoice, DialChoice, EventsChoice, ScrollbackChoice},
    supervisor::Via,
};

/// The whole file. A key that is not known is an error, not a surprise later.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Configuration {
    /// For every host.
    #[serde(default)]
    pub defaults: Preferences,
    /// For single hosts, by the name that is typed.
    #[serde(default)]
    pub host: BTreeMap<String, Preferences>,
}

/// What may be set: options by their names, and what has no option.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
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

impl Configuration {
    /// Reads `file`, or the user's own if none is given; where the user has none, everything is at its default.
    ///
    /// # Errors
    /// A file that was asked for and is not there, one that cannot be read, and one that says what is not understood: with line and column.
    pub fn read(file: Option<&Path>) -> Result<Self> {
        let path = match file {
            Some(file) => file.to_owned(),
            None => match default_path() {
                Some(path) => path,
                None => return Ok(Self::default()),
            },
        };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound && file.is_none() => {
                return Ok(Self::default());
            }
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("cannot read the configuration {}", path.display()));
            }
        };
        Self::parse(&text).with_context(|| format!("the configuration {} is wrong", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        toml::from_str(text).map_err(|error| {
            let at = error.span().map_or_else(String::new, |span| {
                let before = text.get(..span.start).unwrap_or(text);
                let line = before.matches('\n').count() + 1;
                let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
                format!("line {line}, column {column}: ")
            });
            anyhow::anyhow!("{at}{}", error.message().replace('\n', " "))
        })
    }

    /// What holds for `host`: its own preferences before the defaults.
    pub fn for_host(&self, host: &str) -> Preferences {
        let own = self.host.get(host).cloned().unwrap_or_default();
        let defaults = self.defaults.clone();
        Preferences {
            session: own.session.or(defaults.session),
            context: own.context.or(defaults.context),
            scrollback: own.scrollback.or(defaults.scrollback),
            via: own.via.or(defaults.via),
            dial: own.dial.or(defaults.dial),
            events: own.events.or(defaults.events),
            stall: own.stall.or(defaults.stall),
            on_wait: own.on_wait.or(defaults.on_wait),
            on_attached: own.on_attached.or(defaults.on_attached),
            on_taken_over: own.on_taken_over.or(defaults.on_taken_over),
            notify: own.notify.or(defaults.notify),
        }
    }
}

impl Preferences {
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

/// `netroam/config.toml` under `XDG_CONFIG_HOME`, by default `~/.config`.
fn default_path() -> Option<PathBuf> {
    choose_base_strategy()
        .ok()
        .map(|base| base.config_dir().join("netroam/config.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_goes_before_the_defaults() {
        let text = "[defaults]\ncontext = 'tmux'\nstall = 20\n[host.gw1]\ncontext = 'screen'\nevents = 'portable'\n";
        let configuration = Configuration::parse(text).unwrap();
        let gw1 = configuration.for_host("gw1");
        assert_eq!(
            (gw1.context, gw1.stall, gw1.events),
            (
                Some(ContextChoice::Screen),
                Some(20),
                Some(EventsChoice::Portable)
            )
        );
        assert_eq!(
            configuration.for_host("other").context,
            Some(ContextChoice::Tmux)
        );
    }

    #[test]
    fn a_host_has_its_own_hooks_and_may_have_none() {
        let text = "[defaults]\non-wait = 'beep'\non-attached = 'hello'\nnotify = false\n\
            [host.gw1]\non-wait = ''\non-taken-over = 'bye'\nnotify = true\n";
        let gw1 = Configuration::parse(text).unwrap().for_host("gw1");
        let hooks = Hooks {
            wait: None,
            attached: Some("hello".into()),
            taken_over: Some("bye".into()),
        };
        assert_eq!((gw1.hooks(), gw1.notify), (hooks, Some(true)));
    }

    #[test]
    fn an_error_says_where_it_is() {
        let wrong = Configuration::parse("[defaults]\nstall = 20\ncontxt = 'tmux'\n").unwrap_err();
        let text = wrong.to_string();
        assert!(
            text.starts_with("line 3, column 1: unknown field `contxt`"),
            "{text}"
        );
        let wrong = Configuration::parse("[defaults]\ncontext = 'vim'\n").unwrap_err();
        assert!(
            wrong.to_string().starts_with("line 2, column 11: "),
            "{wrong}"
        );
    }

    #[test]
    fn a_file_that_was_asked_for_must_be_there() {
        let error = Configuration::read(Some(Path::new("/nonexistent/netroam.toml"))).unwrap_err();
        assert!(
            format!("{error:#}").contains("/nonexistent/netroam.toml: No such file"),
            "{error:#}"
        );
    }
}
