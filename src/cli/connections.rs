//! The command lines of the verbs that are about the connections of other ssh processes.

use std::time::Duration;

use clap::Args;

use super::{Logging, whole_seconds};
use crate::supervisor::Via;

/// `netroam dial HOSTNAME PORT`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
        Host *\n    \
        ProxyCommand netroam dial --host %n %h %p\n    \
        ProxyUseFdpass yes\n\n\
        These are lines for ssh_config(5); `netroam config ssh` prints them.")]
pub struct Dial {
    /// The host as it was typed, for what is configured and learnt of it [default: HOSTNAME]
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,

    /// Over what to connect: any path, a tunnel, an interface by name or pattern (`wg*`), or auto: as the last session [default: auto]
    #[arg(long, value_name = "auto|any|tunnel|INTERFACE")]
    pub via: Option<Via>,

    /// How long to wait for the network, the tunnel or the name when it is missing [default: 120]
    #[arg(long, value_name = "SECONDS", value_parser = whole_seconds)]
    pub wait: Option<Duration>,

    /// The name or address to connect to
    pub hostname: String,

    /// Its TCP port
    pub port: u16,
}

/// `netroam guard`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
        netroam guard               until Ctrl-C\n  \
        netroam guard --log debug   and all that it decides is in the log")]
pub struct Guard {
    /// What to log, and where.
    #[command(flatten)]
    pub logging: Logging,
}

/// `netroam sweep [--dry-run]`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
        netroam sweep -n   what it would end, and why\n  \
        netroam sweep      once: after the VPN came up, from a hook")]
pub struct Sweep {
    /// List every connection with what is to be said of it, and end none
    #[arg(long, short = 'n')]
    pub dry_run: bool,

    /// What to log, and where.
    #[command(flatten)]
    pub logging: Logging,
}
