//! The command line, except for what belongs to ssh.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};

use crate::supervisor::Via;

mod choice;
mod doctor;
mod history;

pub use choice::{ContextChoice, DialChoice, EventsChoice, ScrollbackChoice};
pub use doctor::Doctor;
pub use history::{History, Since};

/// Keeps ssh sessions alive on a laptop that moves.
#[derive(Debug, Parser)]
#[command(
    name = "netroam",
    version,
    max_term_width = 100,
    override_usage = "netroam [NETROAM OPTIONS] [ANY SSH OPTION] [USER@]HOST [COMMAND...]\n       netroam <VERB> [WORDS...]",
    after_help = "Where to begin:\n  \
        netroam gw1          keep a session with gw1 attached, as netroam watch gw1 does\n  \
        netroam watch        choose from the hosts of ssh_config and the sessions that run\n  \
        netroam watch --help\n\n\
        A verb wins over a host of its name; netroam watch status is for the host status."
)]
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
    /// Say what netroam needs and what it found, here and on a host, and what to do about it
    Doctor(Doctor),
    /// Print what the operating system says of the network, as it comes, and what a look makes of it
    Events(Events),
    /// Tell the outages of the last days: when, how long, why, and who took how long
    History(History),
    /// Drop what was learnt of a host: its addresses, and how it was last reached
    Forget(Forget),
    /// Keep the sessions that the configuration names, without a terminal
    Up(Up),
    /// List the sessions that run
    Ls(Ls),
    /// Say all that sessions say of themselves
    Status(Status),
    /// Have sessions try now, as Enter does: even past what they wait for
    Retry(Names),
    /// End sessions
    Stop(Names),
    /// Stand in for autossh, with its command line, environment, signals and exit statuses
    Autossh(Autossh),
    /// Connect for ssh, git, rsync and everything that runs ssh, as its `ProxyCommand`
    Dial(Dial),
    /// Stay, and end the connections of ssh, git, rsync and masters whose path is gone, so that the next use connects anew
    Guard(Guard),
    /// Look once, as guard does, and end the connections of ssh whose path is gone
    Sweep(Sweep),
    /// Check the configuration, and print some for other programs
    Config {
        /// What to do with it.
        #[command(subcommand)]
        what: ConfigVerb,
    },
    /// Have the system's service manager run `netroam up` for you
    Service {
        /// What to do with it.
        #[command(subcommand)]
        what: ServiceVerb,
    },
    /// Print what a shell reads to complete netroam's words
    Completion {
        /// Which shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Pass the dialled connection to ssh, which runs this by itself
    #[command(hide = true)]
    HandOver,
    /// See whether the system tells of a change, in a network of its own; doctor runs this by itself
    #[command(hide = true)]
    EventTrial,
}

/// `netroam watch [netroam options] [any ssh option] [user@]HOST [COMMAND…]`
#[derive(Debug, Default, Args)]
#[command(
    override_usage = "netroam watch [NETROAM OPTIONS] [ANY SSH OPTION] [USER@]HOST [COMMAND...]",
    after_help = "Examples:\n  \
        netroam watch                      choose from the hosts of ssh_config and the sessions that run\n  \
        netroam watch gw1                  a session in screen or tmux on gw1; netroam gw1 is the same\n  \
        netroam watch -p 2222 -A me@gw1    with options of ssh\n  \
        netroam watch --session work gw1   a session to share between laptops\n  \
        netroam watch -N -L 8080:web:80 gw1\n\n\
        While the session is away: Enter tries now, q quits, ? explains. Attached, the keys are ssh's own (~. quits)."
)]
pub struct Watch {
    /// Name of the session on the host [default: this laptop's name, and NAME-2, NAME-3... for further terminals]
    #[arg(long, value_name = "NAME")]
    pub session: Option<String>,

    /// What keeps the work on the host: auto is screen, else tmux, else a plain shell with a warning; tmux-cc is tmux with its windows as
    /// the terminal's own (iTerm2)
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

    /// Who says that the network changed: the operating system, or a look every 5 s [default: system]
    #[arg(long, value_enum)]
    pub events: Option<EventsChoice>,

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

    /// What to log, and where.
    #[command(flatten)]
    pub logging: Logging,

    /// Options of ssh, the host, and a command
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    pub ssh: Vec<OsString>,
}

/// What to log, and where.
#[derive(Clone, Debug, Default, Args)]
pub struct Logging {
    /// How much to log: error, warn, info, debug, trace [default: info; also `NETROAM_LOG`]
    #[arg(long = "log", value_name = "LEVEL")]
    pub level: Option<tracing::Level>,

    /// Log to this file instead of the one under the XDG state directory
    #[arg(long = "log-file", value_name = "FILE")]
    pub file: Option<PathBuf>,
}

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

/// `netroam autossh …`, and the program called as `autossh`
#[derive(Debug, Args)]
#[command(
    override_usage = "netroam autossh [-V] [-M PORT[:ECHO_PORT]] [-f] [ANY SSH OPTION] [USER@]HOST [COMMAND...]",
    after_help = "  -M PORT[:ECHO_PORT]  accepted; opened only with AUTOSSH_MONITOR=force, because the kernel watches the connection\n  \
        -f                   go to the background\n  \
        -V                   print the version\n\n\
        Its environment: AUTOSSH_DEBUG, FIRST_POLL, GATETIME, LOGFILE, LOGLEVEL, MAXLIFETIME, MAXSTART, MESSAGE, PATH, PIDFILE, POLL, PORT.\n\
        Called by the name autossh (a link), netroam is it. docs/autossh.md says what is the same and what is better."
)]
pub struct Autossh {
    /// autossh's own options, those of ssh, the host, and a command
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    pub words: Vec<OsString>,
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
    /// What to log, and where.
    #[command(flatten)]
    pub logging: Logging,
}

/// `netroam sweep [--dry-run]`
#[derive(Debug, Args)]
pub struct Sweep {
    /// List every connection with what is to be said of it, and end none
    #[arg(long, short = 'n')]
    pub dry_run: bool,

    /// What to log, and where.
    #[command(flatten)]
    pub logging: Logging,
}

/// `netroam up [NAME…]`
#[derive(Debug, Args)]
#[command(after_help = "A session that the configuration names:\n  \
        [session.web]\n  host = \"gw1\"\n  ssh = [\"-N\", \"-L\", \"8080:intranet:80\"]\n\n\
        netroam ls lists them, netroam retry NAME and netroam stop NAME tell one what to do.\n\
        SIGTERM ends all of them, SIGHUP reads the configuration again, SIGUSR1 has all try now.")]
pub struct Up {
    /// Names of sessions [default: all]
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,

    /// Who says that the network changed: the operating system, or a look every 5 s [default: system]
    #[arg(long, value_enum)]
    pub events: Option<EventsChoice>,

    /// Keep one session in this terminal, where ssh may ask; another `netroam up` lends it for that time
    #[arg(long)]
    pub ask: bool,

    /// Read this configuration instead of the one under the XDG configuration directory
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// What to log, and where.
    #[command(flatten)]
    pub logging: Logging,
}

/// `netroam ls [--json]`
#[derive(Debug, Args)]
pub struct Ls {
    /// One JSON object instead of lines for people
    #[arg(long)]
    pub json: bool,
}

/// `netroam status [--json] [--follow] [NAME]`
#[derive(Debug, Args)]
pub struct Status {
    /// One JSON object instead of lines for people; with --follow one on each line
    #[arg(long)]
    pub json: bool,

    /// Print a line for each session, and then one for each change
    #[arg(long)]
    pub follow: bool,

    /// The session's name as ls has it, its host, or its name there [default: all sessions]
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
}

/// `netroam retry NAME…`, `netroam stop NAME…`
#[derive(Debug, Args)]
pub struct Names {
    /// Names as ls has them, or hosts
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<String>,
}

/// `netroam service …`
#[derive(Debug, Subcommand)]
pub enum ServiceVerb {
    /// Write a systemd user unit or a `LaunchAgent`, and start it
    Install {
        /// Replace one that is there and was changed; the old one is kept beside it
        #[arg(long)]
        force: bool,
    },
    /// Stop and remove it
    Uninstall {
        /// Remove it even if it was changed
        #[arg(long)]
        force: bool,
    },
    /// Print what install would write
    Print,
}

/// `netroam config …`
#[derive(Debug, Subcommand)]
pub enum ConfigVerb {
    /// Say what is wrong with the configuration, by line and column; status 2 if anything is
    Check {
        /// Check this file instead of the one under the XDG configuration directory
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Print the lines for ~/.ssh/config with which every ssh connects through netroam
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
