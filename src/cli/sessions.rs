//! The command lines of the verbs that are about sessions: kept without a terminal, listed, told what to do.

use std::path::PathBuf;

use clap::Args;

use super::{EventsChoice, Logging};

/// `netroam up [NAME…]`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
        netroam up             all sessions that the configuration names\n  \
        netroam up web db      these two\n  \
        netroam up --ask web   in this terminal, where ssh may ask\n\n\
        A session that the configuration names:\n  \
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
#[command(after_help = "Examples:\n  \
        netroam ls          a line for each session of this user\n  \
        netroam ls --json   for other programs")]
pub struct Ls {
    /// One JSON object instead of lines for people
    #[arg(long)]
    pub json: bool,
}

/// `netroam status [--json] [--follow] [NAME]`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
        netroam status                 all that each session says of itself\n  \
        netroam status gw1             one of them\n  \
        netroam status --follow        a table of all, kept up to date\n  \
        netroam status --follow | cat  a row for each change")]
pub struct Status {
    /// One JSON object instead of lines for people; with --follow one on each line
    #[arg(long)]
    pub json: bool,

    /// On a terminal a table that is kept up to date, until q; elsewhere a line for each session, and then one for each change
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
