//! `netroam history [HOST]`: the outages of the last days, as a table, as JSON, or as a picture.
//!
//! It reads the journals and asks the running netroams which sessions still live; nothing is changed.

use std::{
    fs::{self, OpenOptions},
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result};
use serde::Serialize;
use terminal_size::terminal_size_of;

use super::{sessions::asked, usage};
use crate::{
    cli::{History as Options, Since},
    dirs,
    history::{History, Outage, Summary},
    journal,
    record::{Stamp, Zone},
    report,
    ssh::host_of,
    terminal::coloured,
};

mod plot;
mod svg;
mod table;

/// Columns of what is no terminal.
const COLUMNS: usize = 80;

/// What was found: the object that `--json` prints. The names of the fields are documented in docs/json.md.
#[derive(Debug, Serialize)]
struct Found {
    at: Stamp,
    since: Stamp,
    #[serde(flatten)]
    history: History,
    problems: Vec<String>,
}

/// Prints what is found; status 0 whatever it is.
pub(super) fn run(options: &Options) -> Result<ExitCode> {
    let (now, zone) = (Stamp::now(), Zone::LOCAL);
    let since = match options.since {
        Since::Ago(ago) => Some(now.before(ago)),
        Since::Day(day) => day.begins(zone),
    };
    let Some(since) = since.filter(|since| *since < now) else {
        return Ok(usage("that day has not come", "netroam history --help"));
    };
    let state = dirs::state()?;
    let host = options.host.as_deref().map(host_of);
    let found = find(&state, host, since, now)?;
    if options.json {
        return print(&(report::json(&found).context("cannot write it as JSON")? + "\n"));
    }
    for problem in &found.problems {
        report::line(&report::plain(problem));
    }
    let Found { history, .. } = &found;
    let nothing = || {
        let place = host.map_or_else(
            || journal::folder(&state),
            |host| journal::path_of(&state, host),
        );
        let known = !history.sessions.is_empty();
        report::history::nothing(host, &since.local(now, zone), &place, known) + "\n"
    };
    match &options.plot {
        Some(_) if history.sessions.is_empty() => print(&nothing()),
        None if history.outages.is_empty() => print(&nothing()),
        None => print(&table::text(&history.outages, now, zone, columns())),
        Some(None) => {
            let width = columns().unwrap_or(COLUMNS);
            print(&plot::text(history, (since, now), zone, width, coloured()))
        }
        Some(Some(file)) => {
            write(file, &svg::text(history, (since, now), zone))
                .with_context(|| format!("cannot write {}", file.display()))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn find(state: &Path, host: Option<&str>, since: Stamp, now: Stamp) -> Result<Found> {
    let (hosts, mut problems) = match host {
        Some(host) => (vec![host.to_owned()], Vec::new()),
        None => journal::hosts(state).context("cannot read the journals")?,
    };
    let answers = asked()?;
    problems.extend(answers.problems);
    let mut entries = Vec::new();
    for host in hosts {
        match journal::read(state, &host, usize::MAX) {
            Ok(read) => entries.extend(read),
            Err(error) => problems.push(format!("cannot read the journal of {host}: {error}")),
        }
    }
    let running = answers.sessions;
    let lives = |host: &str, session: Option<&str>, pid| {
        running.iter().any(|status| {
            let same = status.session.as_deref() == session || Some(&*status.id) == session;
            status.pid == pid && same && status.host.eq_ignore_ascii_case(host)
        })
    };
    Ok(Found {
        at: now,
        since,
        history: History::of(entries, lives, since, now),
        problems,
    })
}

/// The width of the terminal, where standard output is one.
fn columns() -> Option<usize> {
    let stdout = io::stdout();
    terminal_size_of(&stdout)
        .filter(|_| stdout.is_terminal())
        .map(|(width, _)| usize::from(width.0))
}

/// All outages in one line, in parts that stay together where that is too long.
fn summary(outages: &[Outage]) -> Vec<String> {
    let text = report::history::summary(&Summary::of(outages));
    let parts = text.split_inclusive("; ");
    parts.map(|part| part.trim_end().to_owned()).collect()
}

fn print(text: &str) -> Result<ExitCode> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        // Whoever reads has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        written => written
            .context("cannot write to stdout")
            .map(|()| ExitCode::SUCCESS),
    }
}

/// Puts a file in its place as a whole, or leaves what is there. A link stays, and leads to it; what is no file (a pipe, a device) is written to.
fn write(file: &Path, text: &str) -> io::Result<()> {
    let file = &match fs::canonicalize(file) {
        Ok(there) => there,
        Err(error) if error.kind() == io::ErrorKind::NotFound => file.to_owned(),
        Err(error) => return Err(error),
    };
    if fs::metadata(file).is_ok_and(|there| !there.is_file()) {
        return OpenOptions::new()
            .write(true)
            .open(file)?
            .write_all(text.as_bytes());
    }
    let mut name = std::ffi::OsString::from(".");
    name.push(file.file_name().unwrap_or_default());
    name.push(format!(".{}", std::process::id()));
    let new: PathBuf = file.with_file_name(name);
    let mut opened = OpenOptions::new().write(true).create_new(true).open(&new)?;
    let written = opened
        .write_all(text.as_bytes())
        .and_then(|()| fs::rename(&new, file));
    if written.is_err()
        && let Err(error) = fs::remove_file(&new)
    {
        tracing::debug!(%error, "cannot remove what was half written");
    }
    written
}

#[cfg(test)]
mod tests;
