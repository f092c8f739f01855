//! The command lines of the verbs that keep a session in this terminal.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::Args;

use super::{ContextChoice, DialChoice, EventsChoice, Logging, ScrollbackChoice, seconds};
use crate::supervisor::Via;

/// `netroam watch [netroam options] [any ssh option] [user@]HOST [COMMAND…]`
#[derive(Debug, Default, Args)]
#[command(
    override_usage = "netroam watch [NETROAM OPTIONS] [ANY SSH OPTION] [USER@]HOST [COMMAND...]",
    after_help = "Examples:\n  \
        netroam watch                      choose a host or a session\n  \
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

/// `netroam autossh …`, and the program called as `autossh`
#[derive(Debug, Args)]
#[command(
    override_usage = "netroam autossh [-V] [-M PORT[:ECHO_PORT]] [-f] [ANY SSH OPTION] [USER@]HOST [COMMAND...]",
    after_help = "Examples:\n  \
        netroam autossh -M 0 -N -L 8080:web:80 gw1\n  \
        ln -s \"$(command -v netroam)\" ~/bin/autossh   for what calls autossh\n\n  \
        -M PORT[:ECHO_PORT]  accepted; opened only with AUTOSSH_MONITOR=force, because the kernel watches the connection\n  \
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
