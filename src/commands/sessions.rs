//! `netroam ls` and `netroam status [NAME]`: how the sessions of every running netroam of this user are.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context as _, Result};
use etcetera::{BaseStrategy as _, base_strategy::choose_base_strategy};
use serde::Serialize;

use super::{follow, why::details};
use crate::{
    cli::{Ls, Status as StatusOptions},
    context::Claims,
    control::{self, Answers, Status},
    dirs, driver,
    record::{Stamp, State, Zone},
    report::{self, duration, plain},
};

/// How long each running netroam may take to answer; one with some hundred sessions needs some tens of milliseconds.
pub(super) const ASKING: Duration = Duration::from_secs(2);

/// Where running netroams are found.
pub(super) fn directory() -> Result<PathBuf> {
    let base = choose_base_strategy().context("cannot find the home directory")?;
    let directory = Claims::directory(base.runtime_dir().as_deref(), &dirs::state()?);
    if directory.exists()
        && let Err(error) = driver::sweep(&directory)
    {
        report::line(&format!("cannot remove what dead netroams left: {error}"));
    }
    Ok(directory)
}

/// Whether a person means this session by that name: its own, its host's, or the one that it has there.
pub(super) fn is_meant(status: &Status, name: &str) -> bool {
    status.id == name
        || status.host.eq_ignore_ascii_case(name)
        || status.session.as_deref() == Some(name)
}

/// One line for each session.
pub(super) fn list(ls: &Ls) -> Result<ExitCode> {
    let answers = asked()?;
    if ls.json {
        return json(&answers.sessions);
    }
    let now = Stamp::now();
    let rows: Vec<[String; 5]> = answers
        .sessions
        .iter()
        .map(|status| row(status, now))
        .collect();
    let mut lines = Vec::new();
    if !rows.is_empty() {
        let head = ["NAME", "HOST", "STATE", "FOR", "WHAT"].map(String::from);
        let width = |column: usize| {
            let cells = rows
                .iter()
                .chain([&head])
                .map(|row| row[column].chars().count());
            cells.max().unwrap_or(0)
        };
        let widths = [width(0), width(1), width(2), width(3)];
        for row in [&head].into_iter().chain(&rows) {
            let cells = row.iter().zip(widths);
            let cells: Vec<_> = cells
                .map(|(cell, width)| format!("{cell:width$}"))
                .collect();
            lines.push(format!("{}  {}\n", cells.join("  "), row[4]));
        }
    }
    problems(&answers);
    if rows.is_empty() && answers.problems.is_empty() {
        none_runs();
    }
    print(&lines.concat())
}

/// Says so on standard error: what reads the rows gets none.
pub(super) fn none_runs() {
    report::line(&report::sessions::none(None));
    report::line(report::sessions::BEGIN_ONE);
}

/// All that is known of the sessions that are meant; status 1 if there is none.
pub(super) fn show(options: &StatusOptions) -> Result<ExitCode> {
    if options.follow {
        return follow::run(options);
    }
    let mut answers = asked()?;
    if let Some(name) = &options.name {
        answers.sessions.retain(|status| is_meant(status, name));
    }
    if options.json {
        json(&answers.sessions)?;
    } else {
        let now = Stamp::now();
        let text: String = answers
            .sessions
            .iter()
            .map(|status| paragraph(status, now))
            .collect();
        print(&text)?;
    }
    problems(&answers);
    match &options.name {
        Some(name) if answers.sessions.is_empty() => {
            report::line(&report::sessions::none(Some(name)));
            report::line(report::sessions::WHICH_RUN);
            Ok(ExitCode::FAILURE)
        }
        None if answers.sessions.is_empty() && answers.problems.is_empty() && !options.json => {
            none_runs();
            Ok(ExitCode::SUCCESS)
        }
        Some(_) | None => Ok(ExitCode::SUCCESS),
    }
}

/// Every running netroam is asked.
pub(super) fn asked() -> Result<Answers> {
    let directory = directory()?;
    super::runtime()?
        .block_on(control::ask(&directory, ASKING))
        .context("cannot look for running sessions")
}

fn row(status: &Status, now: Stamp) -> [String; 5] {
    [
        plain(&status.id),
        plain(&status.host),
        report::state_word(status.state),
        duration(now.since(status.since)),
        plain(&status.text),
    ]
}

fn paragraph(status: &Status, now: Stamp) -> String {
    let (id, host) = (plain(&status.id), plain(&status.host));
    let since = duration(now.since(status.since));
    let mut lines = vec![format!(
        "{id} ({host}, netroam {}): {}, for {since}",
        status.pid,
        plain(&status.text)
    )];
    let want = &status.want;
    if status.state != State::Ended {
        lines.push(format!("  wanted: {} (via {})", want.wanted, want.via));
    }
    lines.extend(details(status, now, Zone::LOCAL));
    lines.join("\n") + "\n"
}

pub(super) fn problems(answers: &Answers) {
    for problem in &answers.problems {
        report::line(&plain(problem));
    }
}

fn json(sessions: &[Status]) -> Result<ExitCode> {
    #[derive(Serialize)]
    struct All<'a> {
        at: Stamp,
        sessions: &'a [Status],
    }
    let all = All {
        at: Stamp::now(),
        sessions,
    };
    print(&(report::json(&all).context("cannot write it as JSON")? + "\n"))
}

fn print(text: &str) -> Result<ExitCode> {
    write(text).map(|_| ExitCode::SUCCESS)
}

/// Writes to standard output; whether somebody still reads it.
pub(super) fn write(text: &str) -> Result<bool> {
    report::output(text).context("cannot write to stdout")
}
