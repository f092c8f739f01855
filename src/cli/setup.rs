//! The command lines of the verbs that set netroam up.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `netroam service …`
#[derive(Debug, Subcommand)]
pub enum ServiceVerb {
    /// Write a systemd user unit or a `LaunchAgent`, and start it
    #[command(after_help = "Examples:\n  \
        netroam service install           from now on, at each login\n  \
        netroam service install --force   over one that was changed")]
    Install {
        /// Replace one that is there and was changed; the old one is kept beside it
        #[arg(long)]
        force: bool,
    },
    /// Stop and remove it
    #[command(after_help = "Examples:\n  \
        netroam service uninstall")]
    Uninstall {
        /// Remove it even if it was changed
        #[arg(long)]
        force: bool,
    },
    /// Print what install would write
    #[command(after_help = "Examples:
  \
        netroam service print | less
  \
        netroam service print --program /usr/bin/netroam")]
    Print {
        /// Print what a package would install for every user, with the program here
        #[arg(long, value_name = "PATH")]
        program: Option<PathBuf>,
    },
}

/// `netroam config …`
#[derive(Debug, Subcommand)]
pub enum ConfigVerb {
    /// Say what is wrong with the configuration, by line and column; status 2 if anything is
    #[command(after_help = "Examples:\n  \
        netroam config check            the one that is used\n  \
        netroam config check new.toml   another, before it is")]
    Check {
        /// Check this file instead of the one under the XDG configuration directory
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Print the lines for ~/.ssh/config with which every ssh connects through netroam
    #[command(after_help = "Examples:\n  \
        netroam config ssh                    to read\n  \
        netroam config ssh >> ~/.ssh/config   to use")]
    Ssh,
}

/// `netroam man [--dir DIR] [VERB…]`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
        netroam man watch | man -l -   read one\n  \
        netroam man config check       the page of a verb below a verb\n  \
        netroam man --dir man1         all of them, as packages want them")]
pub struct Man {
    /// Write all pages there; it is made if it is missing
    #[arg(long, value_name = "DIR", conflicts_with = "verb")]
    pub dir: Option<PathBuf>,

    /// The verb [default: the page of netroam itself]
    #[arg(value_name = "VERB")]
    pub verb: Vec<String>,
}
