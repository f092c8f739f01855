//! The table of all sessions.

use std::time::Duration;

use super::{duration, plain};
use crate::{
    control::Status,
    record::{Stamp, State},
    terminal::{
        fit::cut,
        table::{self, Cell, Column},
    },
};

/// The columns, and what goes first where the terminal is narrow: what is mostly nought, then what the name mostly says.
const COLUMNS: [Column; 8] = [
    column("NAME", 12, None),
    column("HOST", 12, Some(1)),
    column("STATE", usize::MAX, None),
    column("PATH", 14, Some(3)),
    right(column("FOR", usize::MAX, Some(5))),
    right(column("RTT", usize::MAX, Some(2))),
    right(column("UNACKED", usize::MAX, Some(0))),
    column("NEXT", 22, Some(4)),
];

const fn column(head: &'static str, least: usize, rank: Option<u8>) -> Column {
    Column {
        head,
        least,
        rank,
        right: false,
    }
}

const fn right(column: Column) -> Column {
    Column {
        right: true,
        ..column
    }
}

/// What to ask for the names of sessions.
pub const WHICH_RUN: &str = "hint: netroam ls lists the sessions that run";

/// What to do where none runs.
pub const BEGIN_ONE: &str = "hint: netroam watch HOST begins one";

/// That no session runs, or none of this name.
pub fn none(name: Option<&str>) -> String {
    name.map_or_else(
        || "no session runs".into(),
        |name| format!("no session {} runs", plain(name)),
    )
}

/// The word for a state that JSON has for it.
pub fn state_word(state: State) -> String {
    let word = serde_json::to_value(state).unwrap_or_default();
    word.as_str().unwrap_or("unknown").to_owned()
}

/// All sessions at a moment, as `netroam status --follow` shows them on a terminal.
#[derive(Clone, Copy, Debug)]
pub struct Overview<'a> {
    /// The sessions, in their order.
    pub sessions: &'a [Status],
    /// Of which sessions alone, if not of all.
    pub name: Option<&'a str>,
    /// What else is to be said, a line each.
    pub problems: &'a [String],
    /// When that was.
    pub now: Stamp,
    /// The columns and rows of the terminal.
    pub size: (usize, usize),
    /// Whether it may be coloured.
    pub coloured: bool,
}

impl Overview<'_> {
    /// Its lines, none wider and not more than there is room for.
    pub fn lines(&self) -> Vec<String> {
        let (width, height) = self.size;
        let mut lines = vec![cut(&self.first(), width)];
        let problems = self.problems.iter();
        lines.extend(problems.map(|problem| cut(&plain(problem), width)));
        if !self.sessions.is_empty() {
            lines.push(String::new());
            let rows = self.sessions.iter().map(|status| self.row(status));
            let rows: Vec<_> = rows.collect();
            lines.extend(table::lines(&COLUMNS, &rows, width, self.coloured));
        }
        if lines.len() > height {
            let more = lines.split_off(height.saturating_sub(1)).len();
            lines.push(cut(&format!("and {more} more"), width));
        }
        lines
    }

    fn first(&self) -> String {
        let quit = "[q: quit]";
        let attached = self.sessions.iter().filter(|status| is_up(status)).count();
        match (self.sessions.len(), self.name) {
            (0, name) => format!("netroam: {} {quit}", none(name)),
            (1, _) => format!("netroam: 1 session, {attached} attached {quit}"),
            (all, _) => format!("netroam: {all} sessions, {attached} attached {quit}"),
        }
    }

    fn row(&self, status: &Status) -> Vec<Cell> {
        let run = status.run.as_ref();
        let health = run.and_then(|run| run.health.as_ref());
        let hanging = run.is_some_and(|run| run.hanging).then_some(RED);
        let path = status.path.as_ref();
        let path = path.map(|path| format!("{} ({})", plain(&path.interface), path.source));
        let round_trip = health.and_then(|health| health.round_trip_ms);
        let state = Cell {
            text: state_word(status.state),
            style: colour(status.state),
        };
        let unacknowledged = Cell {
            text: health.map_or_else(String::new, |health| health.unacknowledged.to_string()),
            style: hanging,
        };
        vec![
            plain(&status.id).into(),
            plain(&status.host).into(),
            state,
            path.unwrap_or_default().into(),
            seconds(self.now.since(status.since)).into(),
            round_trip.map_or_else(String::new, milliseconds).into(),
            unacknowledged,
            next(status).into(),
        ]
    }
}

/// What it does next, or waits for. Attached, that is nothing.
fn next(status: &Status) -> String {
    if let Some(health) = status.run.as_ref().and_then(|run| run.health.as_ref())
        && status.run.as_ref().is_some_and(|run| run.hanging)
    {
        let for_so_long = seconds(Duration::from_millis(health.unanswered_ms));
        return format!("unanswered for {for_so_long}");
    }
    let text = plain(&status.text);
    match status.state {
        State::Attached => String::new(),
        State::Retrying | State::NoName | State::Connecting => match status.next_ms {
            Some(next) => format!("in {}: {text}", seconds(Duration::from_millis(next))),
            None => text,
        },
        State::LoggingIn
        | State::Doubtful
        | State::NoPath
        | State::NoTunnel
        | State::Holding
        | State::NeedsPerson
        | State::TakenOver
        | State::ContextGone
        | State::Ended
        | State::Unknown => text,
    }
}

fn is_up(status: &Status) -> bool {
    matches!(status.state, State::Attached | State::Doubtful)
}

const RED: &str = "31";

/// The colour of a state, which its word says as well: green where one can work, yellow where it goes on by itself, red where it does not.
fn colour(state: State) -> Option<&'static str> {
    match state {
        State::Attached => Some("32"),
        State::Connecting
        | State::LoggingIn
        | State::Doubtful
        | State::NoPath
        | State::NoName
        | State::Holding
        | State::Retrying => Some("33"),
        State::NoTunnel | State::NeedsPerson | State::TakenOver | State::ContextGone => Some(RED),
        State::Ended | State::Unknown => None,
    }
}

/// As [`duration`] has it, in whole seconds: it is looked at once a second.
fn seconds(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..10 => format!("{seconds} s"),
        _ => duration(time),
    }
}

fn milliseconds(time: f64) -> String {
    if time < 10.0 {
        format!("{time:.1} ms")
    } else {
        format!("{time:.0} ms")
    }
}

#[cfg(test)]
mod tests;
