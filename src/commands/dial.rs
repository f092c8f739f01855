//! `netroam dial HOSTNAME PORT`: ssh's dialler, for `ProxyCommand` with `ProxyUseFdpass`.
//!
//! ssh runs it with descriptor 1 as a Unix socket, waits for the connection on that, and then for our end. Whatever is said goes to stderr, which
//! is ssh's own. Signals keep their default actions: Ctrl-C reaches the whole foreground group, and the end of ssh is seen on descriptor 1.

use std::{
    io,
    os::{fd::AsFd as _, unix::net::UnixStream},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, Result};
use netroam_platform::{handover, others, readable::Readable, tcp};
use tokio::{
    select,
    sync::watch::{self, Receiver},
    time::sleep,
};

use super::{CHECK, usage, watch::STALL};
use crate::{
    cli::Dial,
    config::Configuration,
    connect::{Dialled, Failure, Target},
    dirs,
    driver::{self, Once},
    guard::{self, Offer},
    learnt::Store,
    log, report,
    supervisor::{Status, Wanted},
};

/// How long what is not there is waited for, unless the user says otherwise: as long as a connect(2) that nobody answers takes by itself (Linux:
/// `tcp_syn_retries`, tcp(7): about 127 s).
const WAIT: Duration = Duration::from_secs(120);

/// So many lines about what it waits for: a network that flaps is not to fill the terminal of git.
const MOST_LINES: usize = 4;

/// How it came out.
enum Outcome {
    Connected(Dialled, Wanted),
    Answered(Failure),
    /// What is missing did not come; it was waited for so long.
    Missing(Status),
    /// ssh is gone.
    NobodyWaits,
}

/// Dials and passes the connection to ssh.
pub(super) fn run(dial: &Dial) -> Result<ExitCode> {
    if !takes_descriptors() {
        report::line(
            "ssh does not take the connection: write ProxyUseFdpass yes beside this ProxyCommand (netroam config ssh prints both lines)",
        );
        return Ok(ExitCode::from(report::status::USAGE));
    }
    let typed = dial.host.as_ref().unwrap_or(&dial.hostname);
    let host = report::plain(typed);
    let preferences = match Configuration::read(None) {
        Ok(configuration) => configuration.for_host(typed),
        Err(error) => return Ok(usage(&format!("{error:#}"), CHECK)),
    };
    // git works without a log.
    if let Err(error) = log::start(None, None) {
        report::error(&error);
    }
    tracing::info!(host, dial.hostname, dial.port, "dials for ssh");
    let (learnt, warning) = Store::new(&dirs::state()?).read(typed);
    if let Some(warning) = warning {
        report::line(&warning);
    }
    let once = Once {
        target: Target::new(&dial.hostname, dial.port),
        events: preferences.events.unwrap_or_default().into(),
        via: dial.via.clone().or(preferences.via).unwrap_or_default(),
        learnt,
    };
    let runtime = super::runtime()?;
    let wait = dial.wait.unwrap_or(WAIT);
    match runtime.block_on(outcome(&host, once, wait))? {
        Outcome::Connected(dialled, wanted) => {
            let stall = preferences.stall.map_or(STALL, Duration::from_secs);
            if let Err(error) = tcp::keep_honest(&dialled.socket, stall, true) {
                tracing::warn!(%error, "the kernel does not watch this connection");
            }
            handover::send(io::stdout().as_fd(), dialled.socket.as_fd())
                .context("cannot pass the connection to ssh")?;
            runtime.block_on(offer(&dialled, &host, &wanted, stall));
            runtime.shutdown_background();
            return Ok(ExitCode::SUCCESS);
        }
        Outcome::Answered(failure) => {
            let text = report::failure(&host, &failure);
            report::line(&format!("{host}: {text}"));
        }
        Outcome::Missing(status) => report::line(&report::given_up(&host, &status, wait)),
        Outcome::NobodyWaits => {}
    }
    // Not to wait for its threads: a resolver that hangs does not let it go.
    runtime.shutdown_background();
    Ok(ExitCode::from(report::status::SSH))
}

/// Gives a guard, if one runs, a duplicate of the connection. ssh has what it needs and waits for our end.
async fn offer(dialled: &Dialled, host: &str, wanted: &Wanted, stall: Duration) {
    let ssh = others::waits_at(io::stdout().as_fd());
    if guard::is_ours(ssh) {
        return;
    }
    let offer = Offer {
        ssh,
        host: host.to_owned(),
        via: via_of(wanted),
        stall: stall.as_secs(),
    };
    let given = match super::guard::directory() {
        Ok(directory) => guard::offer(&directory, &dialled.socket, &offer).await,
        Err(error) => Err(error),
    };
    match given {
        Ok(taken) => tracing::info!(taken, "offered the connection to a guard"),
        Err(error) => {
            tracing::warn!(error = format!("{error:#}"), "no guard took the connection");
        }
    }
}

async fn outcome(host: &str, once: Once, wait: Duration) -> Result<Outcome> {
    let ssh = Readable::duplicate(io::stdout()).context("cannot watch for the end of ssh")?;
    let (tell, told) = watch::channel(None);
    let say = |status: &Status| {
        tell.send_replace(Some(status.clone()));
    };
    select! {
        biased;
        // It never says anything: what can be read is its end.
        gone = ssh.readable() => gone.map(|()| Outcome::NobodyWaits).context("cannot watch for the end of ssh"),
        dialled = driver::dial_once(once, say) => Ok(match dialled? {
            Ok((dialled, wanted)) => Outcome::Connected(dialled, wanted),
            Err(failure) => Outcome::Answered(failure),
        }),
        status = patience(host, wait, told) => Ok(Outcome::Missing(status)),
    }
}

/// Says what is waited for, and returns when that took too long. The time begins when it is known that something is missing.
async fn patience(host: &str, wait: Duration, mut told: Receiver<Option<Status>>) -> Status {
    let mut said: Vec<String> = Vec::new();
    let mut missing = loop {
        if let Some(status) = next(&mut told).await {
            break status;
        }
    };
    let mut end = std::pin::pin!(sleep(wait));
    loop {
        let line = report::waits(host, &missing, wait);
        if !wait.is_zero() && said.len() < MOST_LINES && !said.contains(&line) {
            report::line(&line);
            said.push(line);
        }
        select! {
            () = &mut end => return missing,
            status = next(&mut told) => if let Some(status) = status {
                missing = status;
            }
        }
    }
}

/// The next status, if it is one that lasts.
async fn next(told: &mut Receiver<Option<Status>>) -> Option<Status> {
    if told.changed().await.is_err() {
        // Who tells is gone with the dialling itself, and this with it.
        std::future::pending::<()>().await;
    }
    told.borrow_and_update().clone().filter(Status::lasts)
}

/// Over what the connection may go, as `--via` has it.
fn via_of(wanted: &Wanted) -> String {
    match wanted {
        Wanted::Anything => "any".into(),
        Wanted::Tunnel => "tunnel".into(),
        Wanted::Interface(pattern) => pattern.as_str().into(),
    }
}

/// Whether descriptor 1 is a Unix socket: with `ProxyUseFdpass`, and only then (sshconnect.c).
fn takes_descriptors() -> bool {
    io::stdout()
        .as_fd()
        .try_clone_to_owned()
        .is_ok_and(|stdout| UnixStream::from(stdout).local_addr().is_ok())
}
