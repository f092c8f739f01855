//! The command lines of the verbs that are about a host and the network.

use std::{ffi::OsString, path::PathBuf};

use clap::Args;

use super::EventsChoice;

/// `netroam why [netroam options] [any ssh option] [user@]HOST`
#[derive(Debug, Args)]
#[command(override_usage = "netroam why [NETROAM OPTIONS] [ANY SSH OPTION] [USER@]HOST")]
pub struct Why {
    /// One JSON object instead of lines for people
    #[arg(long)]
    pub json: bool,

    /// Whom to ask for the paths: the operating system, or a socket as on any Unix [default: system]
    #[arg(long, value_enum)]
    pub events: Option<EventsChoice>,

    /// Read this configuration instead of the one under the XDG configuration directory
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Options of ssh, and the host
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    pub ssh: Vec<OsString>,
}

/// `netroam events [--json] [--events system|portable] [HOST|ADDRESS…]`
#[derive(Debug, Args)]
pub struct Events {
    /// One JSON object on each line instead of lines for people
    #[arg(long)]
    pub json: bool,

    /// Who says that the network changed: the operating system, or a look every 5 s, of which only what differs is printed
    #[arg(long, value_enum, default_value_t = EventsChoice::System)]
    pub events: EventsChoice,

    /// Hosts or addresses whose path is looked up after each burst of events; names are looked up once, at the start
    #[arg(value_name = "HOST|ADDRESS")]
    pub destinations: Vec<String>,
}

/// `netroam forget HOST…`
#[derive(Debug, Args)]
pub struct Forget {
    /// Hosts, as for watch
    #[arg(value_name = "HOST", required = true)]
    pub hosts: Vec<String>,
}
