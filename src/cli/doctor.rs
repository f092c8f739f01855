//! `netroam doctor [netroam options] [any ssh option] [[user@]HOST]`

use std::{ffi::OsString, path::PathBuf};

use clap::Args;

use super::{ContextChoice, DialChoice, EventsChoice, ScrollbackChoice, Watch};
use crate::supervisor::Via;

/// What `netroam doctor` is asked.
#[derive(Debug, Args)]
#[command(
    override_usage = "netroam doctor [NETROAM OPTIONS] [ANY SSH OPTION] [[USER@]HOST]",
    after_help = "Examples:\n  \
        netroam doctor         this machine alone\n  \
        netroam doctor gw1     this machine, the way to gw1, and what gw1 has\n  \
        netroam doctor gw1 --show-remote-command\n\n\
        It asks nothing, changes nothing, accepts no host key, and logs in once at most. Status 0: netroam watch will work, \
        warnings or not; 1: something is wrong. docs/doctor.md has every check and what to do."
)]
pub struct Doctor {
    /// One JSON object instead of lines for people
    #[arg(long)]
    pub json: bool,

    /// Print the command that the first `netroam watch HOST` would run on the host, and do nothing else
    #[arg(long, conflicts_with = "json")]
    pub show_remote_command: bool,

    /// As for watch
    #[arg(long, value_name = "NAME")]
    pub session: Option<String>,

    /// As for watch
    #[arg(long, value_enum)]
    pub context: Option<ContextChoice>,

    /// As for watch
    #[arg(long, value_enum)]
    pub scrollback: Option<ScrollbackChoice>,

    /// As for watch
    #[arg(long, value_name = "auto|any|tunnel|INTERFACE")]
    pub via: Option<Via>,

    /// As for watch
    #[arg(long, value_enum)]
    pub dial: Option<DialChoice>,

    /// As for watch
    #[arg(long, value_enum)]
    pub events: Option<EventsChoice>,

    /// Read this configuration instead of the one under the XDG configuration directory
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Options of ssh, and the host
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    pub ssh: Vec<OsString>,
}

impl Doctor {
    /// The `netroam watch` that this is about.
    pub fn watch(&self) -> Watch {
        Watch {
            session: self.session.clone(),
            context: self.context,
            scrollback: self.scrollback,
            via: self.via.clone(),
            dial: self.dial,
            events: self.events,
            config: self.config.clone(),
            ssh: self.ssh.clone(),
            ..Watch::default()
        }
    }
}
