//! A screen of its own, redrawn in place: the terminal's alternate one, so that the scrollback and what stood there stay as they were.

use std::{
    env,
    fmt::Write as _,
    io::{self, IsTerminal as _, Write},
    os::fd::AsFd,
};

use terminal_size::terminal_size_of;

use super::{modes::is_dumb, tty::foreground};

/// The alternate screen, with the cursor saved and hidden (xterm's ctlseqs, 1049 and DECTCEM).
const ENTER: &str = "\x1b[?1049h\x1b[?25l";

/// Back, as it was.
const LEAVE: &str = "\x1b[0m\x1b[?25h\x1b[?1049l";

/// The size of a terminal that does not say how large it is.
const SIZE: (usize, usize) = (80, 24);

/// Whether standard output is a terminal that shows colours, and its user has not said that none are wanted (no-color.org: set, and not empty).
pub fn coloured() -> bool {
    let none = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stdout().is_terminal() && !is_dumb(env::var_os("TERM").as_deref()) && !none
}

/// What is drawn on. Dropping it, also while a panic unwinds, gives the terminal back.
///
/// While we are in the background, nothing is drawn, and nothing is given back: the shell has the terminal.
#[derive(Debug)]
pub struct Screen<W: Write + AsFd> {
    output: W,
    entered: bool,
}

impl Screen<io::Stdout> {
    /// The screen of standard output; `None` where that is no terminal, or one that shows every byte.
    pub fn stdout() -> Option<Self> {
        let dumb = is_dumb(env::var_os("TERM").as_deref());
        let stdout = io::stdout();
        (stdout.is_terminal() && !dumb).then(|| Self::on(stdout))
    }
}

impl<W: Write + AsFd> Screen<W> {
    /// The screen of the terminal `output`.
    pub fn on(output: W) -> Self {
        Self {
            output,
            entered: false,
        }
    }

    /// Its columns and rows. The last column is left out: a character there leaves the cursor beyond it, where terminals differ.
    pub fn size(&self) -> (usize, usize) {
        let size = terminal_size_of(&self.output)
            .map(|(width, height)| (usize::from(width.0), usize::from(height.0)))
            // 0 is what a terminal says that was never told.
            .filter(|(width, height)| *width > 0 && *height > 0);
        let (width, height) = size.unwrap_or(SIZE);
        (width - 1, height)
    }

    /// Shows these lines and nothing else, at once and without emptying the screen in between; those that do not fit are not shown.
    ///
    /// # Errors
    /// Those of write(2): the terminal is gone.
    pub fn draw(&mut self, lines: &[String]) -> io::Result<()> {
        if !foreground(self.output.as_fd()) {
            return Ok(());
        }
        let mut frame = String::new();
        if !std::mem::replace(&mut self.entered, true) {
            frame += ENTER;
        }
        frame += "\x1b[H";
        let (_, rows) = self.size();
        for (row, line) in lines.iter().take(rows).enumerate() {
            let newline = if row == 0 { "" } else { "\r\n" };
            // The rest of the line is emptied after it: nothing is dark in between.
            write!(frame, "{newline}{line}\x1b[K").unwrap_or_default();
        }
        if lines.len() < rows {
            frame += "\x1b[J";
        }
        self.output.write_all(frame.as_bytes())?;
        self.output.flush()
    }

    /// Gives the terminal back; the next [`Self::draw`] takes it again.
    ///
    /// # Errors
    /// Those of write(2): the terminal is gone.
    pub fn leave(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.entered) || !foreground(self.output.as_fd()) {
            return Ok(());
        }
        self.output.write_all(LEAVE.as_bytes())?;
        self.output.flush()
    }

    /// Says that the terminal may have been somebody else's meanwhile: the next [`Self::draw`] takes it anew.
    pub fn lost(&mut self) {
        self.entered = false;
    }
}

impl<W: Write + AsFd> Drop for Screen<W> {
    fn drop(&mut self) {
        // It fails when the terminal is gone, and then there is nothing to give back and nobody to tell.
        drop(self.leave());
    }
}
