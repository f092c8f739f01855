//! The command line, except for what belongs to ssh.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::supervisor::Via;

/// Keeps ssh sessions alive on a laptop that moves.
#[derive(Debug, Parser)]
#[command(name = "netroam", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What netroam can do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Keep a session with a host attached, wherever the laptop goes
    Watch(Watch),
    /// Say how a host is reached now, what is wanted, and what its sessions do and did
    Why(Why),
    /// Print what the operating system says of the network, as it comes, and what a look makes of it
    Events(Events),
    /// Drop what was learnt of a host: its addresses, and how it was last reached
    Forget(Forget),
    /// Connect for ssh, git, rsync and everything that runs ssh, as its `ProxyCommand`
    Dial(Dial),
    /// Stay, and end the connections of ssh, git, rsync and masters whose path is gone, so that the next use connects anew
    Guard(Guard),
    /// The same once
    Sweep(Sweep),
    /// Print configuration for other programs
    Config(Config),
    /// Pass the dialled connection to ssh, which runs this by itself
    #[command(hide = true)]
    HandOver,
}

/// `netroam watch [netroam options] [any ssh option] [user@]HOST [COMMAND…]`
#[derive(Debug, Args)]
#[command(
    override_usage = "netroam watch [NETROAM OPTIONS] [ANY SSH OPTION] [USER@]HOST [COMMAND...]",
    after_help = "Examples:\n  \
        netroam watch gw1                  a session in screen or tmux on gw1\n  \
        netroam watch -p 2222 -A me@gw1    with options of ssh\n  \
        netroam watch --session work gw1   a session to share between laptops\n  \
        netroam watch -N -L 8080:web:80 gw1\n\n\
        While the session is away: Enter tries now, q quits, ? explains. Attached, the keys are ssh's own (~. quits)."
)]
pub struct Watch {
    /// Name of the session on the host [default: this laptop's name, and NAME-2, NAME-3... for further terminals]
    #[arg(long, value_name = "NAME")]
    pub session: Option<String>,

    /// What keeps the work on the host: auto is screen, else tmux, else a plain shell with a warning
    #[arg(long, value_enum)]
    pub context: Option<ContextChoice>,

    /// Where what scrolled off is kept: in your terminal, or in screen or tmux
    #[arg(long, value_enum)]
    pub scrollback: Option<ScrollbackChoice>,

    /// Over what to connect: any path, a tunnel, an interface by name or pattern (`wg*`), or auto: as the last time [default: auto]
    #[arg(long, value_name = "auto|any|tunnel|INTERFACE")]
    pub via: Option<Via>,

    /// Who connects: netroam, or ssh as it always does
    #[arg(long, value_enum)]
    pub dial: Option<DialChoice>,

    /// Seconds that sent data may stay unacknowledged before the connection counts as dead [default: 15]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub stall: Option<Duration>,

    /// Take the session from another terminal of this laptop
    #[arg(long)]
    pub take_over: bool,

    /// Run COMMAND again when its connection was lost
    #[arg(long)]
    pub rerun: bool,

    /// Read this configuration instead of the one under the XDG configuration directory
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// How much to log: error, warn, info, debug, trace [default: info; also `NETROAM_LOG`]
    #[arg(long, value_name = "LEVEL")]
    pub log: Option<tracing::Level>,

    /// Log to this file instead of the one under the XDG state directory
    #[arg(long, value_name = "FILE")]
    pub log_file: Option<PathBuf>,

    /// Options of ssh, the host, and a command
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    pub ssh: Vec<OsString>,
}

/// `netroam why [--json] [any ssh option] [user@]HOST`
#[derive(Debug, Args)]
#[command(override_usage = "netroam why [--json] [ANY SSH OPTION] [USER@]HOST")]
pub struct Why {
    /// One JSON object instead of lines for people
    #[arg(long)]
    pub json: bool,

    /// Read this configuration instead of the one under the XDG configuration directory
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Options of ssh, and the host
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    pub ssh: Vec<OsString>,
}

/// `netroam events [--json] [HOST|ADDRESS…]`
#[derive(Debug, Args)]
pub struct Events {
    /// One JSON object on each line instead of lines for people
    #[arg(long)]
    pub json: bool,

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

/// `netroam dial HOSTNAME PORT`
#[derive(Debug, Args)]
#[command(
    after_help = "For ssh_config(5), where `netroam config ssh` prints it from:\n  \
        ProxyCommand netroam dial --host %n %h %p\n  \
        ProxyUseFdpass yes"
)]
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
pub struct Guard {
    /// How much to log: error, warn, info, debug, trace [default: info; also `NETROAM_LOG`]
    #[arg(long, value_name = "LEVEL")]
    pub log: Option<tracing::Level>,

    /// Log to this file instead of the one under the XDG state directory
    #[arg(long, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
}

/// `netroam sweep [--dry-run]`
#[derive(Debug, Args)]
pub struct Sweep {
    /// List every connection with what is to be said of it, and end none
    #[arg(long, short = 'n')]
    pub dry_run: bool,

    /// How much to log: error, warn, info, debug, trace [default: info; also `NETROAM_LOG`]
    #[arg(long, value_name = "LEVEL")]
    pub log: Option<tracing::Level>,

    /// Log to this file instead of the one under the XDG state directory
    #[arg(long, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
}

/// `netroam config ssh`
#[derive(Debug, Args)]
pub struct Config {
    /// What to do.
    #[command(subcommand)]
    pub verb: ConfigVerb,
}

/// What can be done about configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigVerb {
    /// Print the lines for ~/.ssh/config with which every ssh connects through netroam
    Ssh,
}

/// What keeps the work on the remote host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContextChoice {
    /// screen, else tmux, else a plain shell.
    Auto,
    /// screen.
    Screen,
    /// tmux.
    Tmux,
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

/// Reads a number of seconds.
fn whole_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<u32>().map_err(|error| error.to_string())?;
    Ok(Duration::from_secs(seconds.into()))
}

/// Reads a number of seconds, at least 3: less could end a connection over one bad moment.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<u64>().map_err(|error| error.to_string())?;
    if seconds < 3 {
        return Err("must be at least 3".into());
    }
    Ok(Duration::from_secs(seconds))
}
