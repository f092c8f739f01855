//! Clients as values: what a user might type on the laptop to keep a session.

use std::ffi::OsString;
use std::path::Path;

use anyhow::Result;

use crate::{Lab, Terminal};

/// What keeps the work on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mux {
    /// GNU screen.
    Screen,
    /// tmux.
    Tmux,
}

impl Mux {
    /// Its command name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Screen => "screen",
            Self::Tmux => "tmux",
        }
    }

    /// The command that attaches to a session, and takes it from whoever has it; as one typed it by hand.
    pub fn attach(self, session: &str) -> String {
        match self {
            Self::Screen => format!("screen -d -R {session}"),
            Self::Tmux => format!("tmux new-session -A -D -s {session}"),
        }
    }
}

/// A way to keep a session: a name for tables, and a command line.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its name in tables and messages.
    pub name: String,
    /// Program and arguments.
    pub arguments: Vec<OsString>,
    /// Environment beyond the laptop's.
    pub env: Vec<(&'static str, String)>,
}

impl Client {
    fn new(name: &str, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self {
            name: name.to_owned(),
            arguments: arguments.into_iter().map(Into::into).collect(),
            env: Vec::new(),
        }
    }

    fn env(mut self, key: &'static str, value: &str) -> Self {
        self.env.push((key, value.to_owned()));
        self
    }

    /// A bare `ssh -t HOST screen -d -R NAME`.
    pub fn ssh(lab: &Lab, host: &str, mux: Mux, session: &str) -> Self {
        Self::new(
            "ssh",
            ["ssh", "-F", &config(lab), "-t", host, &mux.attach(session)],
        )
    }

    /// A shell loop around ssh with keepalives, as found in many dotfiles.
    pub fn ssh_loop(lab: &Lab, host: &str, mux: Mux, session: &str) -> Self {
        let script = format!(
            "until ssh -F {} -o ServerAliveInterval=5 -o ServerAliveCountMax=2 -o ConnectTimeout=5 -t {host} '{}'; \
             do sleep 1; done",
            config(lab),
            mux.attach(session)
        );
        Self::new("loop", ["bash", "-c", &script])
    }

    /// autossh with its monitor ports, polling every 5 s.
    pub fn autossh_monitor(lab: &Lab, host: &str, mux: Mux, session: &str) -> Self {
        Self::new(
            "autossh -M",
            [
                "autossh",
                "-M",
                "20000",
                "-F",
                &config(lab),
                "-t",
                host,
                &mux.attach(session),
            ],
        )
        .env("AUTOSSH_POLL", "5")
        .env("AUTOSSH_GATETIME", "0")
    }

    /// autossh that leaves noticing to ssh's keepalives, as most guides say.
    pub fn autossh_keepalive(lab: &Lab, host: &str, mux: Mux, session: &str) -> Self {
        let options = [
            "autossh",
            "-M",
            "0",
            "-o",
            "ServerAliveInterval=5",
            "-o",
            "ServerAliveCountMax=2",
            "-F",
        ];
        Self::new(
            "autossh -M0",
            options
                .into_iter()
                .chain([&*config(lab), "-t", host, &mux.attach(session)]),
        )
        .env("AUTOSSH_GATETIME", "0")
    }

    /// mosh.
    pub fn mosh(lab: &Lab, host: &str, mux: Mux, session: &str) -> Self {
        let ssh = format!("--ssh=ssh -F {}", config(lab));
        let attach = mux.attach(session);
        Self::new(
            "mosh",
            ["mosh", &*ssh, host, "--"]
                .into_iter()
                .chain(attach.split(' ')),
        )
    }

    /// netroam, from this path.
    pub fn netroam(lab: &Lab, netroam: &Path, host: &str, mux: Mux, session: &str) -> Self {
        // A program on the laptop starts in /.
        let program = std::path::absolute(netroam).unwrap_or_else(|_| netroam.to_owned());
        let mut client = Self::new(&format!("netroam {}", mux.name()), [program]);
        client.arguments.extend(
            [
                "watch",
                "--session",
                session,
                "--context",
                mux.name(),
                "-F",
                &config(lab),
                host,
            ]
            .map(Into::into),
        );
        client
    }
}

impl Lab {
    /// Runs a client on the laptop, under a terminal of 24 rows and 80 columns.
    pub fn run(&self, client: &Client) -> Result<Terminal> {
        let env: Vec<_> = client
            .env
            .iter()
            .map(|(key, value)| (*key, value.as_str()))
            .collect();
        self.terminal_with(&client.arguments, 24, 80, &env)
    }

    /// Starts the probe on the server, in a detached session of the account `dev`, for clients to attach to.
    pub fn start_probe(&self, mux: Mux, session: &str) -> Result<()> {
        self.start_session(mux, session, &self.probe_command())
    }

    /// Starts a command (without quotes) on the server, in a detached session of the account `dev`.
    pub fn start_session(&self, mux: Mux, session: &str, command: &str) -> Result<()> {
        let create = match mux {
            Mux::Screen => format!("screen -d -m -S {session} {command}"),
            Mux::Tmux => format!("tmux new-session -d -s {session} '{command}'"),
        };
        // A daemon keeps the streams that it was given; a shell's pipe would never end.
        self.server()
            .sh_as("dev", &format!("{create} </dev/null >/dev/null 2>&1"))
            .map(drop)
    }

    /// The command that runs the probe, in any shell on the server.
    pub fn probe_command(&self) -> String {
        format!("bash {}", self.dir().join("probe").display())
    }
}

fn config(lab: &Lab) -> String {
    lab.ssh_config().display().to_string()
}
