//! `netroam up [NAME…]`: keeps the sessions of the configuration, without a terminal, in one process.

use std::{
    collections::BTreeMap, ffi::OsString, io, path::PathBuf, process::ExitCode, time::Duration,
};

use anyhow::{Context as _, Result};
use etcetera::{BaseStrategy as _, base_strategy::choose_base_strategy};
use nix::{
    sys::resource::{Resource, getrlimit, setrlimit},
    unistd::dup2_stdin,
};

use super::{
    CHECK, ask,
    notify::Notify,
    runtime, usage,
    watch::{self, Refusal},
};
use crate::{
    cli::{EventsChoice, Logging, Up, Watch},
    config::{Configuration, Named},
    context::{Claims, Name},
    dirs,
    driver::{self, News, Plan, Session, Unkept},
    log, report,
    ssh::{SessionType, Version},
};

/// What others are told of where a session is.
const PLACE: &str = "netroam up";

/// Keeps them until they end or netroam is told to.
pub(super) fn run(up: &Up) -> Result<ExitCode> {
    let ssh = OsString::from("ssh");
    let version = Version::of(&ssh)?;
    log::start_where_possible(up.logging.level, up.logging.file.as_deref())?;
    let base = choose_base_strategy().context("cannot find the home directory")?;
    let directory = Claims::directory(base.runtime_dir().as_deref(), &dirs::state()?);
    let mut plan = Configured {
        ssh,
        version,
        file: up.config.clone(),
        names: up.names.clone(),
        events: None,
        claims: Claims::of_named(&directory)?,
        notify: Notify::from_environment(),
    };
    match plan.read() {
        Ok(wanted) if wanted.is_empty() => {
            return Ok(usage(
                "the configuration names no session",
                "[session.NAME] with a host and options of ssh makes one (docs/sessions.md)",
            ));
        }
        Ok(_) => {}
        Err(error) => return Ok(usage(&format!("{error:#}"), CHECK)),
    }
    if up.ask {
        return ask::run(&mut plan, &directory);
    }
    let _input = endless_input().context("cannot give the sessions an input that never ends")?;
    allow_many_files();
    // One thread, the main one: its end is what ends every ssh when netroam is killed.
    let runtime = runtime()?;
    let source = up.events.or(plan.events).unwrap_or_default().into();
    let status = runtime.block_on(driver::keep_many(&directory, source, &mut plan));
    // Not to wait for its threads: zbus connects in one, and a bus that hangs does not let it go.
    runtime.shutdown_background();
    let status = status?;
    tracing::info!(status, "netroam ends");
    Ok(ExitCode::from(status))
}

/// The sessions of the configuration that are wanted.
#[derive(Debug)]
pub(super) struct Configured {
    ssh: OsString,
    version: Version,
    file: Option<PathBuf>,
    /// All, if none is named.
    names: Vec<String>,
    /// What the defaults say: all sessions hear of the network from one source.
    events: Option<EventsChoice>,
    claims: Claims,
    notify: Option<Notify>,
}

impl Configured {
    /// None was named.
    pub(super) fn all(&self) -> bool {
        self.names.is_empty()
    }
}

impl Plan for Configured {
    fn read(&mut self) -> Result<BTreeMap<String, Named>> {
        let configuration = Configuration::read(self.file.as_deref())?;
        self.events = configuration.defaults.events;
        let mut wanted = configuration.session.clone();
        for name in &self.names {
            anyhow::ensure!(
                wanted.contains_key(name),
                "the configuration has no [session.{name}]"
            );
        }
        if !self.names.is_empty() {
            wanted.retain(|name, _| self.names.contains(name));
        }
        for named in wanted.values_mut() {
            let host = crate::ssh::host_of(&named.host);
            named.defaults = configuration.for_host(host);
        }
        Ok(wanted)
    }

    fn session(&mut self, name: &str, named: &Named) -> Result<Session, Unkept> {
        let wrong = |line: String| Unkept {
            line,
            status: report::status::USAGE,
        };
        let failed = |error: anyhow::Error| Unkept {
            line: format!("{error:#}"),
            status: report::status::FAILED,
        };
        let args = named.args(self.version).map_err(wrong)?;
        let parsed: Name = name.parse().map_err(|error| wrong(format!("{error}")))?;
        let claim = match self.claims.named(&parsed, PLACE).map_err(failed)? {
            Ok(claim) => claim,
            Err(holder) => {
                return Err(Unkept {
                    line: format!("this session is {holder}"),
                    status: report::status::IN_USE,
                });
            }
        };
        let host = report::plain(&named.host);
        let session = watch::session(
            &options(named),
            &named.defaults,
            args,
            &self.ssh,
            &host,
            None,
        )
        .map_err(|refusal| match refusal {
            Refusal::Usage(error, hint) => wrong(format!("{error} ({hint})")),
            Refusal::InUse(name, holder) => Unkept {
                line: format!("session {name} on {host} is {holder}"),
                status: report::status::IN_USE,
            },
            Refusal::Failed(error) => failed(error),
        })?;
        let idle = session.config.session_type == SessionType::Default
            && session.args.command.is_empty()
            && session.config.remote_command.is_none();
        if idle && session.context.is_none() {
            return Err(wrong(
                "nobody sits in front of a shell: it needs -N, or a command".into(),
            ));
        }
        let preferences = named.preferences.clone().or(&named.defaults);
        Ok(Session {
            named: Some(name.to_owned()),
            claim: Some(claim),
            hooks: preferences.hooks(),
            notify: preferences.notify.unwrap_or(true),
            ..session
        })
    }

    fn tell(&mut self, news: News) {
        if let Some(notify) = &self.notify {
            let line = match news {
                News::Ready => "READY=1",
                News::Reloading => "RELOADING=1",
                News::Ending => "STOPPING=1",
            };
            if let Err(error) = notify.send(line) {
                tracing::warn!(%error, line, "cannot tell the service manager");
            }
        }
    }
}

/// What one would type for `netroam watch`.
fn options(named: &Named) -> Watch {
    let own = named.preferences.clone();
    Watch {
        session: own.session,
        context: own.context,
        scrollback: own.scrollback,
        via: own.via,
        dial: own.dial,
        events: own.events,
        stall: own.stall.map(Duration::from_secs),
        take_over: false,
        rerun: named.rerun,
        config: None,
        logging: Logging::default(),
        ssh: Vec::new(),
    }
}

/// Puts in the place of our standard input, which every ssh inherits, a pipe into which nobody writes: no terminal to read from, and no end
/// that a remote program would take for a wish to end. Open for as long as what this gives lives.
fn endless_input() -> io::Result<io::PipeWriter> {
    let (reader, writer) = io::pipe()?;
    dup2_stdin(reader)?;
    Ok(writer)
}

/// Each session needs some descriptors, and the usual soft limit is one of select(2), which nothing here calls.
fn allow_many_files() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        tracing::info!(%error, "the number of open files stays limited");
    }
}
