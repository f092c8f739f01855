//! `netroam doctor [HOST]`: what netroam needs, what it found, and what to do about it.
//!
//! It finds out by doing what a session does, with the same code: it subscribes, looks, dials, and has ssh log in. It changes nothing, asks
//! nobody, and every step has its time.

use std::{
    ffi::OsStr,
    io::{self, Write as _},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, Result};
use netroam_platform::process;
use serde::Serialize;
use tokio::{
    select,
    signal::unix::{SignalKind, signal},
    task::spawn_blocking,
    time::timeout,
};

use super::usage;
use crate::{
    cli::Doctor,
    record::Stamp,
    report::{
        self,
        doctor::{Finding, Style, Verdict},
    },
    ssh::{Args, Asked, Version},
    terminal::coloured,
};

mod directories;
mod events;
mod first_command;
mod here;
mod host;
mod login;

pub(super) use events::trial as event_trial;

/// How long ssh may take to say its version or to read its configuration: it may run a program of the user's (`Match exec`).
const ASKING_SSH: Duration = Duration::from_secs(5);

const HELP: &str = "netroam doctor --help";

/// Prints what is found; status 1 if a session would not work.
pub(super) fn run(doctor: &Doctor, ssh: &OsStr, version: Version) -> Result<ExitCode> {
    let args = match Args::parse(&doctor.ssh, version) {
        _ if doctor.ssh.is_empty() && !doctor.show_remote_command => None,
        Ok(Asked::Session(args)) => Some(args),
        Ok(Asked::Other(_)) => return Ok(usage("this is no session", HELP)),
        Err(error) => return Ok(usage(&error.to_string(), HELP)),
    };
    if let (Some(args), true) = (&args, doctor.show_remote_command) {
        return first_command::show(doctor, args, ssh);
    }
    let runtime = super::runtime()?;
    let mut page = Page::new(doctor.json);
    let examined = runtime.block_on(async {
        let mut interrupts = signal(SignalKind::interrupt())?;
        let mut ends = signal(SignalKind::terminate())?;
        let mut hangups = signal(SignalKind::hangup())?;
        select! {
            examined = examine(&mut page, doctor, args.as_ref(), ssh) => examined.map(|()| None),
            _ = interrupts.recv() => Ok(Some(SignalKind::interrupt())),
            _ = ends.recv() => Ok(Some(SignalKind::terminate())),
            _ = hangups.recv() => Ok(Some(SignalKind::hangup())),
        }
    });
    // Not to wait for its threads: a resolver, a bus or an ssh that hangs does not let them go.
    runtime.shutdown_background();
    if let Some(signal) = examined? {
        // What was started is ended by now, with the future that had it.
        process::die_of(signal.as_raw_value());
    }
    let host = args.map(|args| report::plain(&args.destination.to_string_lossy()));
    page.close(host)
}

async fn examine(page: &mut Page, doctor: &Doctor, args: Option<&Args>, ssh: &OsStr) -> Result<()> {
    let here = here::examine(page, doctor, args, ssh).await?;
    if let (Some(args), Some(here)) = (args, here) {
        host::examine(page, doctor, args, ssh, &here).await?;
    }
    Ok(())
}

/// Does what may block, and is not waited for for ever.
async fn bounded<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    timeout(limit, spawn_blocking(work)).await.ok()?.ok()
}

/// What was found so far. People see each line as it comes.
struct Page {
    json: bool,
    style: Style,
    findings: Vec<Finding>,
}

/// The object that `--json` prints; documented in docs/json.md.
#[derive(Serialize)]
struct Whole<'a> {
    at: Stamp,
    host: Option<String>,
    works: bool,
    checks: &'a [Finding],
}

impl Page {
    fn new(json: bool) -> Self {
        let size = terminal_size::terminal_size_of(io::stdout());
        Self {
            json,
            style: Style {
                colour: coloured(),
                width: size.map(|(width, _)| width.0),
            },
            findings: Vec::new(),
        }
    }

    fn add(&mut self, finding: Finding) -> Result<()> {
        let text = self.style.finding(&finding);
        self.findings.push(finding);
        if self.json { Ok(()) } else { print(&text) }
    }

    fn add_all(&mut self, findings: impl IntoIterator<Item = Finding>) -> Result<()> {
        findings
            .into_iter()
            .try_for_each(|finding| self.add(finding))
    }

    /// Says what it comes to.
    fn close(self, host: Option<String>) -> Result<ExitCode> {
        let works = self
            .findings
            .iter()
            .all(|finding| finding.verdict != Verdict::Wrong);
        if self.json {
            let whole = Whole {
                at: Stamp::now(),
                host,
                works,
                checks: &self.findings,
            };
            let text = report::json(&whole).context("cannot write it as JSON")?;
            print(&(text + "\n"))?;
        } else {
            print(&self.style.closing(host.as_deref(), &self.findings))?;
        }
        Ok(if works {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

fn print(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        // Whoever reads has read enough; the status still says what was found.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to stdout"),
    }
}
