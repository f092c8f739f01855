//! What `netroam watch` offers to choose from where no host was named.

use super::{duration, plain};
use crate::{control::Status, record::Stamp, terminal::Row};

/// In front of what is typed to choose.
pub const WHICH: &str = "netroam: which host or session? ";

/// In front of the answer where the list has numbers.
pub const WHICH_NUMBER: &str = "netroam: which one (its number, or its name)? ";

/// A session that runs, and the words after `netroam` that attach it here.
pub fn running(status: &Status, words: &[String], now: Stamp) -> Row {
    let since = duration(now.since(status.since));
    let on = if status.id.starts_with(&status.host) {
        String::new()
    } else {
        format!("on {}, ", plain(&status.host))
    };
    Row {
        name: plain(&status.id),
        about: format!("{since:>7}  {on}{}", plain(&status.text)),
        does: does(words),
    }
}

/// A host, and the words after `netroam` that open a session with it.
pub fn host(name: &str, words: &[String]) -> Row {
    Row {
        name: plain(name),
        about: String::new(),
        does: does(words),
    }
}

/// A list in lines, for a terminal on which nothing can be drawn over; a number stands in front of each row.
pub fn numbered(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.name.chars().count()).max();
    let width = width.unwrap_or(0);
    let digits = rows.len().to_string().len();
    let lines = rows.iter().enumerate().map(|(at, row)| {
        let line = format!("{:digits$}  {:width$}  {}", at + 1, row.name, row.about);
        format!("{}\n", line.trim_end())
    });
    lines.collect()
}

/// That no row is called so.
pub fn no_row(typed: &str) -> String {
    format!(
        "{} is not one of these; for any other host: netroam watch HOST",
        plain(typed)
    )
}

/// That there is nothing to choose from; and a hint.
pub const NOTHING: (&str, &str) = (
    "no host given, and neither ssh_config nor a running session offers one",
    "netroam watch [USER@]HOST",
);

fn does(words: &[String]) -> String {
    plain(&format!("netroam {}", words.join(" ")))
}
