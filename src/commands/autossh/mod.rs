//! `netroam autossh …`, and the program called as `autossh`: autossh 1.4g's command line, environment, signals and exit statuses, on the
//! supervisor and the driver of `netroam watch`. docs/autossh.md says row by row what is the same and what is better.

use std::{
    ffi::{OsStr, OsString},
    net::{Ipv4Addr, TcpListener},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, ExitCode},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result};
use clap::Parser as _;
use netroam_platform::process;
use nix::libc;
use tokio::{
    runtime::Runtime,
    signal::unix::{SignalKind, signal},
};

use super::watch::{self, Refusal};
use crate::{
    cli::{Cli, ContextChoice, Logging, Watch},
    connect::echo::Loop,
    context::Recipe,
    driver::{self, Hearer, Monitor, Session, StandIn},
    report,
    ssh::{Args, Asked, Config, Ending, SessionType, Version, args::Opt},
    supervisor::{Again, Exit, Restarts},
};
use command_line::{CommandLine, MonitorPorts};
use environment::Environment;
use log::{Log, Severity};
use pid_file::PidFile;

mod background;
mod command_line;
mod environment;
mod heard;
mod log;
mod pid_file;

/// The name under which the program is autossh, and under which it logs.
const NAME: &str = "autossh";

/// What `-V` says on its first line, as scripts look for it.
const VERSION: &str = "autossh 1.4g";

/// autossh's status for everything that went wrong.
const FAILED: u8 = 1;

/// Whether the program was called as `autossh`.
pub(super) fn is_called(program: &OsStr) -> bool {
    Path::new(program).file_name() == Some(NAME.as_ref())
}

/// Does what autossh does with these words, of which `program` was the first.
pub(super) fn run(program: &OsStr, words: &[OsString]) -> ExitCode {
    match keep(program, words) {
        Ok(code) => code,
        Err(error) => {
            report::error(&error);
            ExitCode::from(FAILED)
        }
    }
}

fn keep(program: &OsStr, words: &[OsString]) -> Result<ExitCode> {
    if words.first().is_some_and(|word| word == "--help") {
        Cli::parse_from(["netroam", NAME, "--help"]);
    }
    let (in_background, words) = background::is_there(words);
    let environment = Environment::read(|name| std::env::var_os(name))?;
    let ssh = environment
        .path
        .clone()
        .unwrap_or_else(|| OsString::from("ssh"));
    let version = Version::of(&ssh).with_context(|| format!("cannot use {}", ssh.display()))?;
    let line = CommandLine::parse(words, version)?;
    if line.version {
        say_version();
        return Ok(ExitCode::SUCCESS);
    }
    let ports = MonitorPorts::choose(&environment, line.monitor.as_deref())?;
    let args = match Args::parse(&line.ssh, version).context(
        "usage: autossh [-V] [-M PORT[:ECHO_PORT]] [-f] [ANY SSH OPTION] [USER@]HOST [COMMAND...]",
    )? {
        Asked::Session(args) => args,
        Asked::Other(_) => {
            return Err(Command::new(&ssh).args(&line.ssh).exec()).context("cannot run ssh");
        }
    };
    if environment.most_starts == Some(0) {
        return Ok(ExitCode::SUCCESS);
    }
    let log = Arc::new(Log::open(&environment)?);
    if line.background && !in_background {
        return background::go(program, &environment, words);
    }
    let gate = if line.background || in_background {
        Duration::ZERO
    } else {
        environment.gate
    };
    let wanted = Wanted {
        environment: &environment,
        restarts: Restarts {
            gate,
            most_starts: environment.most_starts,
            lifetime: environment.lifetime,
            poll: environment.poll,
        },
        ports,
        log: &log,
    };
    let exit = wanted.keep(args, &ssh);
    // Nobody may see standard error.
    let exit = exit.inspect_err(|error| log.say(Severity::Error, &format!("{error:#}")))?;
    Ok(finish(&log, &exit))
}

/// What the user wants, apart from ssh's own words.
struct Wanted<'a> {
    environment: &'a Environment,
    restarts: Restarts,
    ports: Option<MonitorPorts>,
    log: &'a Arc<Log>,
}

impl Wanted<'_> {
    fn keep(&self, mut args: Args, ssh: &OsStr) -> Result<Exit> {
        let pid_file = self.environment.pid_file.as_deref().map(PidFile::write);
        let _pid_file = pid_file.transpose()?;
        if let Err(error) = crate::log::start(None, None) {
            self.log.say(Severity::Warning, &format!("{error:#}"));
        }
        // One thread, the main one: its end is what ends ssh when netroam is killed.
        let runtime = super::runtime()?;
        let monitor = self.monitor(&mut args, &runtime)?;
        let host = report::plain(&args.destination.to_string_lossy());
        let session = self.session(args, ssh, &host, &runtime, monitor)?;
        let exit = runtime.block_on(async {
            // It does nothing to autossh, and would end us.
            let _ignored =
                signal(SignalKind::user_defined2()).context("cannot listen for signals")?;
            driver::keep(session).await
        });
        // As for watch.
        runtime.shutdown_background();
        let exit = exit?;
        tracing::info!(?exit, "netroam ends");
        if let Exit::Ssh(Ending::Unreachable { why }) = &exit {
            report::line(&report::plain(&format!("{host}: {why}")));
        }
        Ok(exit)
    }

    /// The loop of forwards, opened, where the user insists on it.
    fn monitor(&self, args: &mut Args, runtime: &Runtime) -> Result<Option<Monitor>> {
        let Some(ports) = &self.ports else {
            self.log.say(Severity::Debug, "no monitoring ports");
            return Ok(None);
        };
        if !self.environment.forced {
            let text = format!(
                "monitoring port {ports} is not opened: the kernel watches the connection (AUTOSSH_MONITOR=force opens it)"
            );
            self.log.say(Severity::Info, &text);
            return Ok(None);
        }
        let back = match ports.back {
            None => None,
            Some(port) => {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
                    .with_context(|| format!("cannot listen on monitoring port {port}"))?;
                listener.set_nonblocking(true)?;
                let _entered = runtime.enter();
                Some(tokio::net::TcpListener::from_std(listener)?)
            }
        };
        let forwards = ports.forwards().map(|(letter, value)| Opt {
            letter,
            value: Some(value.into()),
        });
        args.options.splice(0..0, forwards);
        Ok(Some(Monitor {
            echo: Arc::new(Loop {
                port: ports.out,
                back,
                patience: self.environment.patience(),
                message: self.environment.message.clone(),
            }),
            first: self.environment.first_poll,
            every: self.environment.poll,
        }))
    }

    fn session(
        &self,
        args: Args,
        ssh: &OsStr,
        host: &str,
        runtime: &Runtime,
        monitor: Option<Monitor>,
    ) -> Result<Session> {
        let watch = Watch {
            session: None,
            context: Some(ContextChoice::None),
            scrollback: None,
            via: None,
            dial: None,
            events: None,
            stall: self.environment.stall(),
            take_over: false,
            rerun: true,
            config: None,
            logging: Logging::default(),
            ssh: Vec::new(),
        };
        let recipe = Recipe::of(&args.command);
        let mut session = match watch::configured(&watch, args, ssh, host, runtime) {
            Ok(session) => session,
            Err(Refusal::Usage(error, hint)) => anyhow::bail!("{error}; {hint}"),
            Err(Refusal::InUse(name, holder)) => anyhow::bail!("session {name} is {holder}"),
            Err(Refusal::Failed(error)) => return Err(error),
        };
        let recipe = recipe.filter(|_| shows_a_terminal(&session.config));
        if recipe.is_some() {
            session.again = Again::Attach;
        }
        session.stand_in = Some(StandIn {
            restarts: self.restarts,
            recipe,
            monitor,
            hearer: Hearer(heard::hearer(self.log, host, self.restarts)),
            quiet: !std::io::IsTerminal::is_terminal(&std::io::stderr()),
            outlives_terminal: session.config.session_type == SessionType::None,
        });
        Ok(session)
    }
}

/// A program that takes the terminal is given one.
fn shows_a_terminal(config: &Config) -> bool {
    use crate::ssh::config::RequestTty;
    match config.request_tty {
        RequestTty::Yes | RequestTty::Force => true,
        RequestTty::Auto | RequestTty::No => false,
    }
}

/// Says how it ended, and gives the status: autossh's, but a remote command's own where that ends it all.
fn finish(log: &Log, exit: &Exit) -> ExitCode {
    let (severity, text, code) = heard::exit(exit);
    log.say(severity, &text);
    match exit {
        Exit::Signal(libc::SIGQUIT) => process::die_of(libc::SIGQUIT),
        Exit::Signal(_)
        | Exit::Ssh(_)
        | Exit::StrangeKey(_)
        | Exit::TakenOver
        | Exit::ContextGone
        | Exit::PersonNeeded(_)
        | Exit::CommandLost(_)
        | Exit::Limit(_)
        | Exit::GaveUp => ExitCode::from(code),
    }
}

#[expect(clippy::print_stdout, reason = "what was asked for")]
fn say_version() {
    println!("{VERSION}\n(netroam {})", env!("CARGO_PKG_VERSION"));
}
