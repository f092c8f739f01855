//! What a session is: everything that is known before the first look.

use std::{ffi::OsString, fs::File, path::PathBuf, time::Duration};

use netroam_platform::Source;

use crate::{
    alert::Hooks,
    connect::Target,
    context::{Attach, Claim, Mux, Name, Scrollback, Token, When},
    learnt::Learnt,
    ssh::{Args, Config, Hop},
    supervisor::{Again, Dialler, Purpose, Via},
};

/// One host to be kept connected, with its context.
#[derive(Debug)]
pub struct Session {
    /// What the user typed, for messages.
    pub host: String,
    /// The ssh program.
    pub ssh: OsString,
    /// netroam's own program, which ssh runs to fetch the connection.
    pub exe: PathBuf,
    /// Where netroam keeps its sockets and fifos; nobody else's.
    pub directory: PathBuf,
    /// What the user typed for ssh.
    pub args: Args,
    /// What `ssh -G` said of it.
    pub config: Config,
    /// Where the user wants to have what ssh logs (`-E`).
    pub log_file: Option<File>,
    /// Where netroam dials.
    pub target: Target,
    /// Who dials.
    pub dialler: Dialler,
    /// Where ssh connects to first, when it dials; `None` if only a program of the user's knows.
    pub first_hop: Option<Hop>,
    /// What follows a loss.
    pub again: Again,
    /// How to attach the context; `None` without one.
    pub context: Option<Context>,
    /// Over what the host may be reached.
    pub via: Via,
    /// What is known of the host from earlier.
    pub learnt: Learnt,
    /// The user said so, on the command line or in the configuration.
    pub via_configured: bool,
    /// netroam's state directory, where what is learnt and what happens is written down.
    pub state: PathBuf,
    /// The host without user and port, under which it is.
    pub key: String,
    /// The user's commands for what a person is to know.
    pub hooks: Hooks,
    /// Whether the desktop is told as well.
    pub notify: bool,
    /// Who says that the network changed.
    pub events: Source,
    /// How long unacknowledged data may hang before the kernel ends the connection.
    pub stall: Duration,
}

/// The context of a session, and our claim on it.
#[derive(Debug)]
pub struct Context {
    /// Its name on the remote host.
    pub name: Name,
    /// What keeps it.
    pub mux: Mux,
    /// Where its scrollback goes.
    pub scrollback: Scrollback,
    /// Tells our own connections from everybody else's.
    pub token: Token,
    /// Holds the name on this laptop for as long as it lives.
    pub claim: Claim,
}

impl Session {
    /// The session's name on the host; without a context it has none.
    pub(super) fn name(&self) -> Option<&str> {
        self.context.as_ref().map(|context| context.name.as_str())
    }

    /// The remote command of the next run.
    pub(super) fn attach_command(&self, purpose: Purpose) -> Option<String> {
        let context = self.context.as_ref()?;
        let attach = Attach {
            name: &context.name,
            mux: context.mux,
            scrollback: context.scrollback,
            token: &context.token,
            when: match purpose {
                Purpose::Open => When::First,
                Purpose::Reattach => When::Again,
            },
        };
        Some(attach.command())
    }
}
