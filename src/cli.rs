//! The command line, except for what belongs to ssh.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};

mod choice;
mod connections;
mod doctor;
mod history;
mod hosts;
mod sessions;
mod setup;
mod watch;

pub use choice::{ContextChoice, DialChoice, EventsChoice, ScrollbackChoice};
pub use connections::{Dial, Guard, Sweep};
pub use doctor::Doctor;
pub use history::{History, Since};
pub use hosts::{Events, Forget, Why};
pub use sessions::{Ls, Names, Status, Up};
pub use setup::{ConfigVerb, Man, ServiceVerb};
pub use watch::{Autossh, Watch};

/// Keeps ssh sessions alive on a laptop that moves.
#[derive(Debug, Parser)]
#[command(
    name = "netroam",
    version,
    max_term_width = 100,
    override_usage = "netroam [NETROAM OPTIONS] [ANY SSH OPTION] [USER@]HOST [COMMAND...]\n       netroam <VERB> [WORDS...]",
    before_help = "Examples:\n  \
        netroam doctor            whether all that it needs is there\n  \
        netroam watch gw1         like ssh gw1, attached again after each move\n  \
        netroam gw1               the same\n  \
        netroam watch             choose from hosts and the sessions that run\n  \
        netroam status --follow   how the sessions are\n  \
        netroam why gw1           why one waits\n  \
        netroam history           what interrupted them, and for how long\n\n\
        Nothing is installed on the host; screen or tmux keeps the work there. All options of ssh work, and its configuration.\n\
        A verb wins over a host of its name; netroam watch status is for the host status.",
    help_template = "{about}\n\n{before-help}{usage-heading} {usage}\n\n{all-args}"
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
    #[command(after_help = "Examples:\n  \
        netroam retry gw1      the sessions with a host\n  \
        netroam retry web db   by name, as netroam ls has them")]
    Retry(Names),
    /// End sessions
    #[command(after_help = "Examples:\n  \
        netroam stop gw1       the sessions with a host\n  \
        netroam stop web db    by name, as netroam ls has them")]
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
    #[command(after_help = "Examples:\n  \
        netroam config check\n  \
        netroam config ssh >> ~/.ssh/config")]
    Config {
        /// What to do with it.
        #[command(subcommand)]
        what: ConfigVerb,
    },
    /// Have the system's service manager run `netroam up` for you
    #[command(after_help = "Examples:\n  \
        netroam service install     from now on, at each login\n  \
        netroam service print       what that would write\n  \
        netroam service uninstall")]
    Service {
        /// What to do with it.
        #[command(subcommand)]
        what: ServiceVerb,
    },
    /// Print what a shell reads to complete netroam's words
    #[command(after_help = "Examples:\n  \
        source <(netroam completion bash)     in ~/.bashrc\n  \
        source <(netroam completion zsh)      in ~/.zshrc, after compinit\n  \
        netroam completion fish | source      in ~/.config/fish/config.fish\n\n\
        docs/completion.md says where packages put it.")]
    Completion {
        /// Which shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print the manual page of netroam or of a verb, or write all of them into a directory
    Man(Man),
    /// Pass the dialled connection to ssh, which runs this by itself
    #[command(hide = true)]
    HandOver,
    /// See whether the system tells of a change, in a network of its own; doctor runs this by itself
    #[command(hide = true)]
    EventTrial,
    /// Print what a word may be, for the scripts that completion prints
    #[command(hide = true)]
    Complete {
        /// The shell, the program and the words up to the cursor
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<OsString>,
    },
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
