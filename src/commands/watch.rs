//! `netroam watch HOST`: keeps a session attached.

use std::{
    ffi::OsStr,
    fs::File,
    io::{IsTerminal as _, stdin, stdout},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, ExitCode},
    time::Duration,
};

use anyhow::{Context as _, Result};
use etcetera::{BaseStrategy as _, base_strategy::choose_base_strategy};
use netroam_platform::process;
use nix::unistd::{gethostname, ttyname};
use tokio::runtime::Runtime;

use super::{CHECK, background, usage};
use crate::{
    cli::{ContextChoice, DialChoice, ScrollbackChoice, Watch},
    config::{Configuration, Preferences},
    connect::{Family, Target},
    context::{BadName, Claims, InUse, Mux, Name, Scrollback, Token},
    dirs::{self, Unusable},
    driver::{self, Context, Session},
    learnt::Store,
    log, report,
    ssh::{AddressFamily, Args, Asked, Config, Dial, Ending, SessionType, Version},
    supervisor::{Again, Dialler, Exit},
    terminal::modes::is_dumb,
};

/// Data unacknowledged for so long ends a connection, unless the user says otherwise.
pub(super) const STALL: Duration = Duration::from_secs(15);

/// How long another terminal may take to let go of a session.
const TAKE_OVER: Duration = Duration::from_secs(5);

const HELP: &str = "netroam watch --help";

/// Why there is nothing to keep.
pub(super) enum Refusal {
    /// The command line or the configuration is wrong; and a hint.
    Usage(String, String),
    /// Another terminal of this laptop has the session.
    InUse(Name, InUse),
    /// netroam cannot work.
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Refusal {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

/// Keeps the session until it ends; the exit status is the remote command's, ssh's, or netroam's own ([`mod@report::status`]).
pub(super) fn run(watch: &Watch, ssh: &OsStr, version: Version) -> Result<ExitCode> {
    let args = match Args::parse(&watch.ssh, version) {
        Ok(Asked::Session(args)) => args,
        Ok(Asked::Other(_)) => {
            return Err(Command::new(ssh).args(&watch.ssh).exec()).context("cannot run ssh");
        }
        Err(error) => return Ok(usage(&error.to_string(), HELP)),
    };
    log::start_where_possible(watch.logging.level, watch.logging.file.as_deref())?;
    // One thread, the main one: its end is what ends ssh when netroam is killed.
    let runtime = super::runtime()?;
    let host = report::plain(&args.destination.to_string_lossy());
    let session = match configured(watch, args, ssh, &host, &runtime) {
        Ok(session) => session,
        Err(Refusal::Usage(error, hint)) => return Ok(usage(&error, &hint)),
        Err(Refusal::InUse(name, holder)) => {
            report::line(&format!("{host}: session {name} is {holder}"));
            report::line("hint: --take-over takes it, --session NAME opens another one");
            return Ok(ExitCode::from(report::status::IN_USE));
        }
        Err(Refusal::Failed(error)) => return Err(error),
    };
    if session.config.fork_after_authentication && !driver::background::is_meant() {
        // Its claims are for the one that goes to the background.
        drop(session);
        return background::start();
    }
    let exit = runtime.block_on(driver::keep(session));
    // Not to wait for its threads: zbus connects in one, and a bus that hangs does not let it go.
    runtime.shutdown_background();
    leave(&host, &exit?)
}

/// Says how it ended, and ends as that is told to others.
pub(super) fn leave(host: &str, exit: &Exit) -> Result<ExitCode> {
    tracing::info!(?exit, "netroam ends");
    let (line, code) = report::exit(host, exit);
    if let Some(line) = line {
        report::line(&line);
    }
    match exit {
        Exit::Signal(signal) | Exit::Ssh(Ending::Interrupted { signal }) => {
            process::die_of(*signal)
        }
        Exit::Ssh(_)
        | Exit::StrangeKey(_)
        | Exit::TakenOver
        | Exit::ContextGone
        | Exit::PersonNeeded(_)
        | Exit::CommandLost(_)
        | Exit::Limit(_)
        | Exit::GaveUp => Ok(ExitCode::from(code)),
    }
}

/// Puts together what the command line, the configuration and ssh's own configuration say.
pub(super) fn configured(
    watch: &Watch,
    args: Args,
    ssh: &OsStr,
    host: &str,
    runtime: &Runtime,
) -> Result<Session, Refusal> {
    let configuration = Configuration::read(watch.config.as_deref())
        .map_err(|error| Refusal::Usage(format!("{error:#}"), CHECK.into()))?;
    let preferences = configuration.for_host(&args.host());
    session(watch, &preferences, args, ssh, host, Some(runtime))
}

/// Puts together what netroam's options, the preferences for where they say nothing, and ssh's own configuration say. Without a `runtime`
/// no session is taken over.
pub(super) fn session(
    watch: &Watch,
    preferences: &Preferences,
    args: Args,
    ssh: &OsStr,
    host: &str,
    runtime: Option<&Runtime>,
) -> Result<Session, Refusal> {
    let config = Config::read(ssh, &args).map_err(|error| {
        Refusal::Usage(
            format!("{error:#}"),
            "ssh -G HOST shows what ssh makes of it".into(),
        )
    })?;
    let keeper = keeper(watch, preferences, &args, &config, Streams::ours())?;
    let base = choose_base_strategy().context("cannot find the home directory")?;
    let directory = Claims::directory(base.runtime_dir().as_deref(), &dirs::state()?);
    let claims = Claims::new(&directory, &config.user, &config.hostname, config.port)?;
    let dial = config.dial(ssh, &args)?;
    let wanted = watch.dial.or(preferences.dial).unwrap_or(DialChoice::Auto);
    let (dialler, first_hop) = match (wanted, dial) {
        (DialChoice::Auto, Dial::Ours) => (Dialler::Ours, None),
        (DialChoice::Ssh, Dial::Ours) => (Dialler::Ssh, Some(config.hop())),
        (DialChoice::Auto | DialChoice::Ssh, Dial::Ssh { first_hop, why }) => {
            tracing::info!(?why, ?first_hop, "ssh dials");
            (Dialler::Ssh, first_hop)
        }
    };
    for what in config.overridden(dialler == Dialler::Ours) {
        tracing::info!("netroam overrides {what}");
    }
    let (again, context) = match keeper {
        Some(mux) => (
            Again::Attach,
            Some(context(watch, preferences, &claims, runtime, mux)?),
        ),
        None if config.is_login(&args, stdin().is_terminal())
            || config.session_type == SessionType::None =>
        {
            (Again::Anew, None)
        }
        None if watch.rerun => (Again::Rerun, None),
        None => (Again::Never, None),
    };
    let via = watch.via.clone().or(preferences.via.clone());
    let via_configured = via.is_some();
    let via = via.unwrap_or_default();
    let (state, key) = (dirs::state()?, args.host());
    let (learnt, warning) = Store::new(&state).read(&key);
    if let Some(warning) = warning {
        report::line(&warning);
    }
    let stall = watch.stall.or(preferences.stall.map(Duration::from_secs));
    let log_file = match args.log_file() {
        Some(path) => Some(open_log(&path)?),
        None => None,
    };
    Ok(Session {
        host: host.to_owned(),
        named: None,
        claim: None,
        ssh: ssh.to_owned(),
        exe: std::env::current_exe().context("cannot find netroam's own program")?,
        directory,
        target: target(&config)?,
        log_file,
        args,
        config,
        dialler,
        first_hop,
        again,
        context,
        via,
        via_configured,
        learnt,
        state,
        key,
        hooks: preferences.hooks(),
        events: watch
            .events
            .or(preferences.events)
            .unwrap_or_default()
            .into(),
        notify: preferences.notify.unwrap_or(true),
        stall: stall.unwrap_or(STALL),
        stand_in: None,
    })
}

/// Which of the standard streams are a terminal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Streams {
    pub(super) input: bool,
    pub(super) output: bool,
}

impl Streams {
    /// As on a terminal, wherever this is.
    pub(super) const TERMINAL: Self = Self {
        input: true,
        output: true,
    };

    fn ours() -> Self {
        Self {
            input: stdin().is_terminal(),
            output: stdout().is_terminal(),
        }
    }
}

/// What keeps the work: a login in a terminal gets screen or tmux; whatever has a command of its own, or no terminal, gets nothing.
pub(super) fn keeper(
    watch: &Watch,
    preferences: &Preferences,
    args: &Args,
    config: &Config,
    streams: Streams,
) -> Result<Option<Mux>, Refusal> {
    let login = config.is_login(args, streams.input);
    let named = watch.session.is_some() || watch.take_over;
    let terminal = streams.input && streams.output;
    let control_mode = |choice| choice == Some(ContextChoice::TmuxCc);
    if control_mode(watch.context.or(preferences.context.filter(|_| login))) {
        if watch.scrollback.is_some() {
            return Err(Refusal::Usage(
                "--scrollback has no meaning with --context tmux-cc: the windows are your terminal's own, and so is what scrolls off".into(),
                "leave --scrollback out".into(),
            ));
        }
        if !terminal {
            return Err(Refusal::Usage(
                "--context tmux-cc needs a terminal, on standard input and output: its windows are the session's".into(),
                "--context tmux needs none that knows of tmux".into(),
            ));
        }
    }
    let dumb = is_dumb(std::env::var_os("TERM").as_deref());
    if login && dumb && watch.context != Some(ContextChoice::None) {
        return Err(Refusal::Usage(
            "TERM is dumb, and neither screen nor tmux draws on such a terminal".into(),
            "--context none opens a shell that nothing keeps; else TERM names the terminal, as xterm-256color does".into(),
        ));
    }
    let choice = match (watch.context, login) {
        (Some(ContextChoice::None), _) => return Ok(None),
        (None, false) if !named => return Ok(None),
        (Some(_) | None, false) => {
            return Err(Refusal::Usage(
                "only a login session has a name and a context, and this is none: it has a command, or -N, -T, -W or -s, or no terminal".into(),
                "leave --session, --context and --take-over out".into(),
            ));
        }
        (choice, true) => choice.or(preferences.context),
    };
    Ok(match choice.unwrap_or(ContextChoice::Auto) {
        ContextChoice::Auto => Some(Mux::Auto),
        ContextChoice::Screen => Some(Mux::Screen),
        ContextChoice::Tmux => Some(Mux::Tmux),
        ContextChoice::TmuxCc => Some(Mux::TmuxControl),
        ContextChoice::None => None,
    })
}

/// Claims the session's name on this laptop.
pub(super) fn context(
    watch: &Watch,
    preferences: &Preferences,
    claims: &Claims,
    runtime: Option<&Runtime>,
    mux: Mux,
) -> Result<Context, Refusal> {
    let tty =
        ttyname(stdin()).map_or_else(|_| "no terminal".into(), |path| path.display().to_string());
    let name = match watch.session.as_ref().or(preferences.session.as_ref()) {
        Some(text) => Some(
            text.parse::<Name>()
                .map_err(|error| Refusal::Usage(format!("{error}"), BadName::hint(text)))?,
        ),
        None => None,
    };
    let base = || -> Result<Name> {
        let laptop = gethostname().context("cannot read this machine's name")?;
        Ok(Name::of_host(&laptop.to_string_lossy()))
    };
    let claim = match (name, runtime.filter(|_| watch.take_over)) {
        (None, None) => claims.first_free(&base()?, &tty)?,
        (Some(name), None) => match claims.named(&name, &tty)? {
            Ok(claim) => claim,
            Err(holder) => return Err(Refusal::InUse(name, holder)),
        },
        (name, Some(runtime)) => {
            let name = name.map_or_else(base, Ok)?;
            runtime.block_on(claims.take_over(&name, &tty, TAKE_OVER))?
        }
    };
    Ok(Context {
        name: claim.name().clone(),
        mux,
        scrollback: match watch.scrollback.or(preferences.scrollback) {
            None | Some(ScrollbackChoice::Native) => Scrollback::Native,
            Some(ScrollbackChoice::Mux) => Scrollback::Mux,
        },
        token: Token::random(),
        claim,
    })
}

/// Opens the user's log of ssh as ssh itself does (log.c).
fn open_log(path: &Path) -> Result<File> {
    dirs::open_to_append(path)
        .with_context(|| Unusable::Named(format!("cannot write ssh's log {}", path.display())))
}

/// What ssh would have honoured when connecting, and netroam has to, because it connects.
pub(super) fn target(config: &Config) -> Result<Target, Refusal> {
    let bind_address = match &config.bind_address {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| {
            Refusal::Usage(
                format!("BindAddress {text} is no address"),
                "--dial=ssh leaves connecting to ssh".into(),
            )
        })?),
    };
    let mut target = Target::new(&config.hostname, config.port);
    target.family = match config.address_family {
        AddressFamily::Any => Family::Any,
        AddressFamily::V4 => Family::V4,
        AddressFamily::V6 => Family::V6,
    };
    target.bind_address = bind_address;
    target.bind_interface.clone_from(&config.bind_interface);
    target.connect_timeout = config.connect_timeout;
    target.qos = config.type_of_service;
    target.keepalive = config.tcp_keep_alive;
    Ok(target)
}
