//! The command lines of the verbs that are about a host and the network.

use std::{ffi::OsString, path::PathBuf};

use clap::Args;

use super::EventsChoice;

/// `netroam why [netroam options] [any ssh option] [user@]HOST`
#[derive(Debug, Args)]
#[command(
    override_usage = "netroam why [NETROAM OPTIONS] [ANY SSH OPTION] [USER@]HOST",
    after_help = "Examples:\n  \
        netroam why gw1               its path, what is wanted, what was\n  \
        netroam why -p 2222 me@gw1    with options of ssh, as for watch\n  \
        netroam why --json gw1        for other programs"
)]
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
#[command(after_help = "Examples:\n  \
        netroam events          until Ctrl-C\n  \
        netroam events gw1      and after each burst the path to gw1\n  \
        netroam events --json   for other programs")]
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
#[command(after_help = "Examples:\n  \
        netroam forget gw1        it need not be through the VPN any more\n  \
        netroam forget gw1 gw2")]
pub struct Forget {
    /// Hosts, as for watch
    #[arg(value_name = "HOST", required = true)]
    pub hosts: Vec<String>,
}
