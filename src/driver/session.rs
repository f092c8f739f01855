//! What a session is: everything that is known before the first look.

use std::{ffi::OsString, fs::File, path::PathBuf, time::Duration};

use netroam_platform::Source;

use super::StandIn;
use crate::{
    alert::Hooks,
    connect::Target,
    context::{Attach, Claim, Mux, Name, Recipe, Scrollback, Token, When},
    learnt::Learnt,
    ssh::{Args, Config, Hop},
    supervisor::{Again, Dialler, Purpose, Via},
};

/// One host to be kept connected, with its context.
#[derive(Debug)]
pub struct Session {
    /// What the user typed, for messages.
    pub host: String,
    /// Its name in the configuration; such a session has no terminal, and others live in the same process.
    pub named: Option<String>,
    /// Holds that name on this laptop, where it has one, for as long as it lives.
    pub claim: Option<Claim>,
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
    /// What is different where netroam stands in autossh's place.
    pub stand_in: Option<StandIn>,
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

impl Context {
    /// The remote command that attaches it.
    pub fn command(&self, when: When) -> String {
        let attach = Attach {
            name: &self.name,
            mux: self.mux,
            scrollback: self.scrollback,
            token: &self.token,
            when,
        };
        attach.command()
    }
}

impl Session {
    /// What its lines begin with.
    pub(super) fn label(&self) -> &str {
        self.named.as_ref().unwrap_or(&self.host)
    }

    /// By what other programs call it, among those of one process: its name in the configuration, or the host and its name there.
    pub(super) fn id(&self) -> String {
        match (&self.named, self.name()) {
            (Some(named), _) => named.clone(),
            (None, Some(name)) => format!("{}/{name}", self.key),
            (None, None) => self.key.clone(),
        }
    }

    /// The session's name on the host; without a context it has none.
    pub(super) fn name(&self) -> Option<&str> {
        let context = self.context.as_ref().map(|context| &context.name);
        let recipe = self.recipe().map(Recipe::name);
        context.or(recipe).map(Name::as_str)
    }

    /// The words after `netroam` that attach it in another terminal; none where nothing keeps it, and nobody would lend it.
    pub(super) fn attach_words(&self) -> Option<Vec<String>> {
        if let Some(named) = &self.named {
            return Some(["up", "--ask", named].map(str::to_owned).to_vec());
        }
        let context = self.context.as_ref()?;
        let mux: &[&str] = match context.mux {
            Mux::Auto => &[],
            Mux::Screen => &["--context", "screen"],
            // Another terminal may know nothing of control mode; the session is the same.
            Mux::Tmux | Mux::TmuxControl => &["--context", "tmux"],
        };
        let via = self.via.to_string();
        let via: &[&str] = if self.via_configured {
            &["--via", &via]
        } else {
            &[]
        };
        let own = [&["watch"], mux, via, &["--take-over", "--session"]].concat();
        let own = own.into_iter().chain([context.name.as_str()]);
        // The other terminal may be in another directory.
        let here = std::env::current_dir().ok()?;
        let ssh = self.args.from_anywhere(&here).words_without(b"");
        let ssh = ssh.into_iter().chain([self.args.destination.clone()]);
        own.map(|word| Some(word.to_owned()))
            .chain(ssh.map(|word| word.into_string().ok()))
            .collect()
    }

    /// The user's own command that attaches, if it is one.
    fn recipe(&self) -> Option<&Recipe> {
        self.stand_in.as_ref()?.recipe.as_ref()
    }

    /// Whether its runs put the terminal into tmux's control mode.
    pub(super) fn control_mode(&self) -> bool {
        self.context
            .as_ref()
            .is_some_and(|context| context.mux == Mux::TmuxControl)
    }

    /// The remote command of the next run.
    pub(super) fn attach_command(&self, purpose: Purpose) -> Option<String> {
        let when = match purpose {
            Purpose::Open => When::First,
            Purpose::Resume => When::Resumed,
            Purpose::Reattach => When::Again,
        };
        if let Some(recipe) = self.recipe() {
            return Some(recipe.command(when));
        }
        let context = self.context.as_ref()?;
        Some(context.command(when))
    }
}
