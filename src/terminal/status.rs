//! One line that says what happened and what is waited for.

use std::{
    env,
    io::{self, IsTerminal as _, Write},
    os::fd::AsFd,
};

use terminal_size::terminal_size_of;

use super::{modes::is_dumb, tty::foreground};
use crate::report::plain;

/// The columns of a terminal that does not say how many it has.
const COLUMNS: u16 = 80;

/// To the start of the line, and the line emptied.
const EMPTY: &str = "\r\x1b[K";
/// The same, and all below it: what a run left there, which the next one draws anew.
const EMPTY_BELOW: &str = "\r\x1b[J";

/// The status line, on standard error: redrawn in place on a terminal, a plain line for each change elsewhere.
///
/// It writes only when it is told to, and draws nothing while we are in the background. Before ssh gets the terminal,
/// [`Self::clear`] it.
#[derive(Debug)]
pub struct Status<W: Write + AsFd> {
    output: W,
    live: bool,
    /// What it says now.
    text: Option<String>,
    /// The keys that do something meanwhile.
    keys: &'static str,
    /// A run's last output may be half a line, and the cursor behind it.
    astray: bool,
}

impl Status<io::Stderr> {
    /// The status line on standard error; a plain line for each change where nothing can be redrawn.
    pub fn stderr() -> Self {
        if is_dumb(env::var_os("TERM").as_deref()) {
            Self::lines()
        } else {
            Self::on(io::stderr())
        }
    }

    /// A plain line for each change on standard error, even if that is a terminal: it is not this session's alone, or is dumb.
    pub fn lines() -> Self {
        Self {
            live: false,
            ..Self::on(io::stderr())
        }
    }
}

impl<W: Write + AsFd> Status<W> {
    /// The status line on `output`.
    pub fn on(output: W) -> Self {
        let live = output.as_fd().is_terminal();
        Self {
            output,
            live,
            text: None,
            keys: "",
            astray: false,
        }
    }

    /// Says `text` in place of what it said before; nothing is written if that is the same. On a terminal `keys` stand behind it.
    ///
    /// # Errors
    /// Those of write(2).
    pub fn say(&mut self, text: &str, keys: &'static str) -> io::Result<()> {
        let text = plain(text);
        if self.text.as_ref() == Some(&text) && self.keys == keys {
            return Ok(());
        }
        self.keys = keys;
        let line = format!("{text}\n");
        self.text = Some(text);
        if self.live {
            self.redraw()
        } else {
            self.write(&line)
        }
    }

    /// Draws it again: the terminal has changed its size, or was the shell's meanwhile.
    ///
    /// # Errors
    /// Those of write(2).
    pub fn redraw(&mut self) -> io::Result<()> {
        if !self.drawable() {
            return Ok(());
        }
        let Some(text) = &self.text else {
            return Ok(());
        };
        // The last column stays free: a character there leaves the cursor beyond it, where terminals differ.
        let text = fit(text, self.keys, self.columns().saturating_sub(1));
        let newline = if self.astray { "\r\n" } else { "" };
        let drawn = format!("{newline}{EMPTY}{text}");
        self.astray = false;
        self.write(&drawn)
    }

    /// Whether it is redrawn in place, on a terminal.
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// Takes the line off the terminal while something else is written there.
    ///
    /// # Errors
    /// Those of write(2).
    pub fn make_room(&mut self) -> io::Result<()> {
        if self.live { self.clear() } else { Ok(()) }
    }

    /// Takes the line off the terminal, with what a run drew below it, and forgets what it said.
    ///
    /// The picture of a full-screen program is there to be looked at until then, and is not to be scrolled into the history when the
    /// next run draws its own.
    ///
    /// # Errors
    /// Those of write(2).
    pub fn clear(&mut self) -> io::Result<()> {
        if self.text.take().is_some() && self.drawable() && !self.astray {
            self.write(EMPTY_BELOW)?;
        }
        Ok(())
    }

    /// Writes a line that stays, above the status line. It may be longer than the terminal is wide.
    ///
    /// # Errors
    /// Those of write(2).
    pub fn line(&mut self, text: &str) -> io::Result<()> {
        // Where the cursor is there may be what the run drew, the bar of tmux for one.
        let start = if std::mem::take(&mut self.astray) {
            "\r\n\x1b[K"
        } else if !self.drawable() {
            ""
        } else if self.text.is_some() {
            EMPTY
        } else {
            "\x1b[K"
        };
        let text = plain(text);
        // Where it ends in a further row, that one may have something of the run as well. The space is for a cursor that stands beyond the last
        // column: what is erased there is that, and no letter.
        let wraps = !start.is_empty() && text.len() >= self.columns();
        let rest = if wraps { " \x1b[K" } else { "" };
        self.write(&format!("{start}{text}{rest}\n"))?;
        self.redraw()
    }

    /// Says that a run was cut off, and its last output may be half a line: the next thing written begins on a line of its own. Not if
    /// the status line is where the cursor is.
    pub fn below(&mut self) {
        self.astray = self.live && self.text.is_none();
    }

    fn columns(&self) -> usize {
        let columns = terminal_size_of(&self.output).map_or(COLUMNS, |(width, _)| width.0);
        columns.into()
    }

    fn drawable(&self) -> bool {
        self.live && foreground(self.output.as_fd())
    }

    /// All at once, so that nothing comes between.
    fn write(&mut self, text: &str) -> io::Result<()> {
        self.output.write_all(text.as_bytes())?;
        self.output.flush()
    }
}

/// `text` and `keys` in one line. Where it is too short for both, it is said how the keys can be seen.
fn fit(text: &str, keys: &str, columns: usize) -> String {
    const KEYS: &str = "[?: keys]";
    let beside = |keys: &str| cut(text, columns.saturating_sub(keys.len() + 1));
    if keys.is_empty() {
        cut(text, columns).to_owned()
    } else if beside(keys).len() == text.len() {
        format!("{text} {keys}")
    } else {
        // What follows these is cut off.
        let whole = beside(KEYS).trim_end_matches([' ', ',', ';', ':']);
        format!("{whole} {KEYS}")
    }
}

/// As much of `text` as surely fits into `columns`: what is not ASCII counts as two, the most that any character takes (UAX 11).
pub(super) fn cut(text: &str, columns: usize) -> &str {
    let mut used = 0;
    for (index, character) in text.char_indices() {
        used += if character.is_ascii() { 1 } else { 2 };
        if used > columns {
            return &text[..index];
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_never_wraps() {
        assert_eq!(cut("reconnecting", 5), "recon");
        assert_eq!(cut("reconnecting", 12), "reconnecting");
        assert_eq!(cut("café", 4), "caf");
        assert_eq!(cut("東京", 3), "東");
        assert_eq!(cut("x", 0), "");
    }

    #[test]
    fn where_the_line_is_short_it_says_how_to_see_the_keys() {
        for (columns, line) in [
            (40, "gw1: no route [Enter: now, q: quit]"),
            (35, "gw1: no route [Enter: now, q: quit]"),
            (34, "gw1: no route [?: keys]"),
            (20, "gw1: no ro [?: keys]"),
            (15, "gw1 [?: keys]"),
        ] {
            assert_eq!(fit("gw1: no route", "[Enter: now, q: quit]", columns), line);
        }
    }

    #[test]
    fn strangers_cannot_move_the_cursor() {
        assert_eq!(
            plain("a\x1b[2Jb\nc\u{9b}d\u{202e}"),
            "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d\u{fffd}"
        );
    }
}
