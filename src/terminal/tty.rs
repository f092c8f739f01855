//! The modes of the line discipline: saved at the start, given back on every way out.

use std::{
    cell::{Cell, RefCell},
    env,
    fs::File,
    io::{self, IsTerminal as _, Write as _},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    rc::Rc,
    time::Duration,
};

use netroam_platform::clock::{self, Time};
use nix::{
    errno::Errno,
    sys::{
        signal::{SigSet, SigmaskHow, Signal},
        termios::{
            FlushArg, InputFlags, LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcflush,
            tcgetattr, tcsetattr,
        },
    },
    unistd::{getpgrp, tcgetpgrp},
};

use super::{keys::Keys, modes};

/// For so long after control mode was left, what comes from the terminal is its own, and no key: iTerm2 answers the end of tmux with an empty line, as
/// tmux 3.2 and newer want it (TmuxGateway.m), and may still have commands for it under way (iterm2 issue 5632). It is a matter of milliseconds;
/// nobody reads a line and presses Enter within a second.
const ANSWERING: Duration = Duration::from_secs(1);

/// What to give back after a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    /// The line discipline only: the run ended by itself, and its programs have cleaned up.
    TermiosOnly,
    /// Also the modes that a program leaves on when its connection is cut.
    Modes,
}

/// The user's terminal, with its modes as they were at the start.
///
/// Dropping it, also while a panic unwinds, gives them back; and if a run had the terminal then, undoes what that had switched on.
/// While we are in the background the terminal is somebody else's, and nothing of it is touched.
#[derive(Debug)]
pub struct Terminal {
    tty: OwnedFd,
    /// Where a run's programs write, if that is a terminal.
    screen: Option<File>,
    saved: Termios,
    /// It shows every byte that it is sent, and so has no modes.
    dumb: bool,
    /// Runs put it into tmux's control mode.
    control: bool,
    /// Until then it answers to the end of control mode.
    answering: Cell<Option<Time>>,
    /// A run has the terminal.
    lent: Cell<bool>,
    /// The modes at the moment of a stop.
    stopped: RefCell<Option<Termios>>,
}

impl Terminal {
    /// Saves the terminal of standard input; `None` if that is none. What a run shows is on standard output, if that is one.
    pub fn open() -> Option<Self> {
        let stdout = io::stdout();
        let screen = stdout.is_terminal().then(|| stdout.as_fd());
        let terminal = Self::on(io::stdin().as_fd(), screen).ok()?;
        Some(if modes::is_dumb(env::var_os("TERM").as_deref()) {
            terminal.for_dumb()
        } else {
            terminal
        })
    }

    /// Saves the terminal `tty`; `screen` is where a run's programs write.
    ///
    /// # Errors
    /// `ENOTTY` if it is none; those of dup(2).
    pub fn on(tty: BorrowedFd<'_>, screen: Option<BorrowedFd<'_>>) -> io::Result<Self> {
        let saved = tcgetattr(tty)?;
        let screen = match screen {
            Some(screen) => Some(File::from(screen.try_clone_to_owned()?)),
            None => None,
        };
        Ok(Self {
            tty: tty.try_clone_to_owned()?,
            screen,
            saved,
            dumb: false,
            control: false,
            answering: Cell::new(None),
            lent: Cell::new(false),
            stopped: RefCell::new(None),
        })
    }

    /// The same terminal, which runs put into tmux's control mode (`tmux -CC`): it is told when tmux is gone, and what it answers is no key.
    #[must_use]
    pub fn for_control_mode(mut self) -> Self {
        self.control = true;
        self
    }

    /// The same terminal, which shows every byte that it is sent: it is sent no control sequence.
    #[must_use]
    pub fn for_dumb(mut self) -> Self {
        self.dumb = true;
        self
    }

    /// Whether what comes from the terminal is its own answer to the end of control mode.
    pub(super) fn answering(&self) -> bool {
        self.answering
            .get()
            .is_some_and(|until| clock::now() < until)
    }

    /// Whether the terminal is ours to touch: our process group is the one in its foreground.
    pub fn foreground(&self) -> bool {
        foreground(self.tty.as_fd())
    }

    /// Says that a run has the terminal from now on; what was typed before is thrown away.
    ///
    /// # Errors
    /// Those of tcflush(3): the terminal is gone.
    pub fn lend(&self) -> io::Result<()> {
        self.lent.set(true);
        self.discard_input()
    }

    /// Takes the terminal back from a run, and gives it the modes that it had at the start.
    ///
    /// # Errors
    /// Those of tcsetattr(3) and write(2): the terminal is gone.
    pub fn restore(&self, reset: Reset) -> io::Result<()> {
        if self.lent.replace(false) && self.control {
            self.answering.set(Some(clock::now() + ANSWERING));
        }
        if !self.foreground() {
            return Ok(());
        }
        self.set(&self.saved)?;
        match (reset, &self.screen) {
            (Reset::Modes, Some(screen)) => {
                let mut screen: &File = screen;
                if self.control {
                    screen.write_all(modes::LEAVE_CONTROL_MODE.as_bytes())?;
                }
                if self.dumb {
                    return Ok(());
                }
                screen.write_all(modes::reset().as_bytes())
            }
            (Reset::Modes, None) | (Reset::TermiosOnly, _) => Ok(()),
        }
    }

    /// Throws away what was typed and not yet read.
    ///
    /// # Errors
    /// Those of tcflush(3): the terminal is gone.
    pub fn discard_input(&self) -> io::Result<()> {
        if self.foreground() {
            unstopped(|| tcflush(&self.tty, FlushArg::TCIFLUSH))?;
        }
        Ok(())
    }

    /// Listens for keys; what was typed before is thrown away. `None` while we are in the background.
    ///
    /// # Errors
    /// Those of tcsetattr(3): the terminal is gone.
    ///
    /// # Panics
    /// Outside a tokio runtime that has IO enabled.
    pub fn listen(self: &Rc<Self>) -> io::Result<Option<Keys>> {
        if !self.foreground() {
            return Ok(None);
        }
        // From here on, whatever fails: dropping it gives the modes back.
        let keys = Keys::new(Rc::clone(self))?;
        let mut modes = self.saved.clone();
        // A key at a time, not shown; the keys of signals work as ever.
        modes
            .local_flags
            .remove(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ECHONL);
        modes.local_flags.insert(LocalFlags::ISIG);
        // Ctrl-S would stop the terminal, and us with it at the next word of the status line.
        modes.input_flags.remove(InputFlags::IXON);
        // A read returns what is there, nothing included (termios(3)).
        modes.control_chars[SpecialCharacterIndices::VMIN as usize] = 0;
        modes.control_chars[SpecialCharacterIndices::VTIME as usize] = 0;
        self.set(&modes)?;
        self.discard_input()?;
        Ok(Some(keys))
    }

    /// Gives the terminal to the shell before we stop ourselves (`^Z`, `~^Z`).
    ///
    /// # Errors
    /// Those of tcgetattr(3) and tcsetattr(3): the terminal is gone.
    pub fn before_stop(&self) -> io::Result<()> {
        if !self.foreground() {
            return Ok(());
        }
        let modes = tcgetattr(&self.tty)?;
        self.stopped.replace(Some(modes));
        self.set(&self.saved)
    }

    /// Puts the terminal back as it was before [`Self::before_stop`], once we are in the foreground again: to be called at every
    /// `SIGCONT`, and before a stopped run goes on, which then sets what it needs itself.
    ///
    /// # Errors
    /// Those of tcsetattr(3): the terminal is gone.
    pub fn after_continue(&self) -> io::Result<()> {
        if !self.foreground() {
            return Ok(());
        }
        match self.stopped.take() {
            Some(modes) => self.set(&modes),
            None => Ok(()),
        }
    }

    /// Ends listening: the modes of the start, and what was typed is thrown away.
    pub(super) fn unlisten(&self) -> io::Result<()> {
        self.stopped.take();
        if !self.foreground() {
            return Ok(());
        }
        self.discard_input()?;
        self.set(&self.saved)
    }

    /// At once, without waiting for output: a terminal that takes none must not hold us up.
    fn set(&self, modes: &Termios) -> io::Result<()> {
        unstopped(|| tcsetattr(&self.tty, SetArg::TCSANOW, modes))?;
        Ok(())
    }
}

impl AsFd for Terminal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.tty.as_fd()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let reset = if self.lent.get() {
            Reset::Modes
        } else {
            Reset::TermiosOnly
        };
        // It fails when the terminal is gone, and then there is nothing to give back and nobody to tell.
        drop(self.restore(reset));
    }
}

/// Whether our process group is the one in the foreground of `tty`.
pub(super) fn foreground(tty: BorrowedFd<'_>) -> bool {
    match tcgetpgrp(tty) {
        Ok(group) => group == getpgrp(),
        // Not our controlling terminal: there is no job control between it and us.
        Err(errno) => errno == Errno::ENOTTY,
    }
}

/// Does `action` with `SIGTTOU` blocked: it would stop us if we were put into the background between the look and the touch.
/// Blocked, not ignored, and only here: ssh would inherit either.
fn unstopped(action: impl Fn() -> nix::Result<()>) -> nix::Result<()> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTTOU);
    let before = signals.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    let mut outcome = action();
    while outcome == Err(Errno::EINTR) {
        outcome = action();
    }
    before.thread_set_mask()?;
    outcome
}

#[cfg(test)]
mod tests {
    use std::{env, process::Command};

    use super::*;

    /// Runs itself as a background job of a shell that has a terminal, and touches that as if it had lost the foreground just now.
    #[test]
    fn losing_the_foreground_between_look_and_touch_stops_nobody() {
        const CHILD: &str = "NETROAM_TEST_TOUCH";
        const NAME: &str =
            "terminal::tty::tests::losing_the_foreground_between_look_and_touch_stops_nobody";
        if env::var_os(CHILD).is_some() {
            let terminal = Terminal::open().expect("standard input is a terminal");
            assert!(!terminal.foreground());
            terminal.set(&terminal.saved).unwrap();
            unstopped(|| tcflush(&terminal.tty, FlushArg::TCIFLUSH)).unwrap();
            assert!(!SigSet::thread_get_mask().unwrap().contains(Signal::SIGTTOU));
            return;
        }
        let own = env::current_exe().unwrap();
        let job = format!(
            "set -m; {} --exact {NAME} >/dev/null & wait $!; echo status=$?",
            own.display()
        );
        let output = Command::new("script")
            .args(["-qec", &format!("bash -c '{job}'"), "/dev/null"])
            .env(CHILD, "1")
            .output()
            .expect("script (package bsdutils) and bash");
        let shown = String::from_utf8_lossy(&output.stdout);
        assert!(shown.contains("status=0"), "{shown}");
    }
}
