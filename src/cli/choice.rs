//! The values from which an option chooses, on the command line as in the configuration.

use clap::ValueEnum;
use netroam_platform::Source;

/// What keeps the work on the remote host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContextChoice {
    /// screen, else tmux, else a plain shell.
    Auto,
    /// screen.
    Screen,
    /// tmux.
    Tmux,
    /// tmux in control mode, its windows as the terminal's own (iTerm2).
    TmuxCc,
    /// Nothing: a login shell that a loss ends.
    None,
}

/// Where what scrolled off is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScrollbackChoice {
    /// In the local terminal.
    Native,
    /// In screen or tmux.
    Mux,
}

/// Who connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DialChoice {
    /// netroam, unless the ssh configuration has a proxy or a jump host.
    Auto,
    /// ssh.
    Ssh,
}

/// Who says that the network changed, and is asked what it is like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventsChoice {
    /// The operating system.
    #[default]
    System,
    /// What every Unix has: a look every few seconds.
    Portable,
}

impl From<EventsChoice> for Source {
    fn from(choice: EventsChoice) -> Self {
        match choice {
            EventsChoice::System => Self::System,
            EventsChoice::Portable => Self::Portable,
        }
    }
}
