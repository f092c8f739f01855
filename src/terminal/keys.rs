//! The keys that the user may press between runs.

use std::{future::pending, io, os::fd::AsFd as _, rc::Rc, time::Duration};

use netroam_platform::readable::Readable;
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use tokio::time::timeout;

use super::tty::Terminal;

/// The bytes of an escape sequence come together; after so long without another one, the key Esc was meant. vim waits as long (`ttimeoutlen` of
/// its defaults.vim is 100 ms).
const SEQUENCE: Duration = Duration::from_millis(100);

/// A key that was pressed, or the end of all keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// Enter: try now.
    Enter,
    /// `q`: quit.
    Quit,
    /// `?`: say more.
    Details,
    /// Any other; also what was pasted, and what the terminal itself sends (cursor keys, reports), which is more than one byte.
    Other,
    /// The terminal is gone.
    HungUp,
}

/// Listening for keys. Nothing is shown of them, and `^C` and `^Z` stay the signals that they are.
///
/// Dropping it gives the terminal the modes that it had at the start, and throws away what was typed meanwhile; so it must not
/// live on when a run gets the terminal.
#[derive(Debug)]
pub struct Keys {
    terminal: Rc<Terminal>,
    input: Readable,
}

impl Keys {
    pub(super) fn new(terminal: Rc<Terminal>) -> io::Result<Self> {
        Ok(Self {
            input: Readable::duplicate(&*terminal)?,
            terminal,
        })
    }

    /// Waits for the next key. Cancel-safe.
    ///
    /// While we are in the background the keys are the shell's, and it waits for ever: call it anew after `SIGCONT`.
    ///
    /// # Errors
    /// Those of read(2), but for those of a terminal that is gone.
    pub async fn next(&self) -> io::Result<Key> {
        let typed = self.typed().await?;
        Ok(typed.map_or(Key::HungUp, |bytes| key(&bytes)))
    }

    /// Waits for what is typed next, as far as it comes at once; `None` when the terminal is gone. Otherwise as [`Self::next`].
    ///
    /// # Errors
    /// Those of [`Self::next`].
    pub async fn typed(&self) -> io::Result<Option<Vec<u8>>> {
        let mut buffer = [0; 64];
        loop {
            self.input.readable().await?;
            if self.hung_up() {
                return Ok(None);
            }
            if !self.terminal.foreground() {
                return pending().await;
            }
            match self.input.try_read(&mut buffer) {
                // With VMIN = 0, nothing is what a read finds when the key was thrown away meanwhile.
                Ok(Some(0) | None) => {}
                Ok(Some(_)) if self.terminal.answering() => {}
                Ok(Some(count)) => return Ok(Some(buffer[..count].to_vec())),
                // What a terminal says that was hung up just now.
                Err(error) if error.raw_os_error() == Some(Errno::EIO as i32) => {
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits for what still belongs to `typed`: it may end where an escape sequence begins. `None` when the terminal is gone.
    ///
    /// # Errors
    /// Those of [`Self::next`].
    pub async fn whole(&self, mut typed: Vec<u8>) -> io::Result<Option<Vec<u8>>> {
        while typed.ends_with(b"\x1b") {
            match timeout(SEQUENCE, self.typed()).await {
                Ok(Ok(Some(more))) => typed.extend(more),
                Ok(gone_or_error) => return gone_or_error,
                Err(_) => break,
            }
        }
        Ok(Some(typed))
    }

    fn hung_up(&self) -> bool {
        let mut question = [PollFd::new(self.input.as_fd(), PollFlags::POLLIN)];
        let gone = PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL;
        poll(&mut question, PollTimeout::ZERO).is_ok()
            && question[0]
                .revents()
                .is_some_and(|found| found.intersects(gone))
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // It fails when the terminal is gone; the next who asks the terminal for anything is told.
        drop(self.terminal.unlisten());
    }
}

fn key(bytes: &[u8]) -> Key {
    let Some(first) = bytes.first() else {
        return Key::Other;
    };
    // The same key twice is somebody impatient; a mixture is a paste, or a sequence.
    if bytes.iter().any(|byte| byte != first) {
        return Key::Other;
    }
    match first {
        b'\r' | b'\n' => Key::Enter,
        b'q' | b'Q' => Key::Quit,
        b'?' => Key::Details,
        _ => Key::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_single_keys_mean_something() {
        assert_eq!(key(b"\n"), Key::Enter);
        assert_eq!(key(b"\r"), Key::Enter);
        assert_eq!(key(b"\n\n"), Key::Enter);
        assert_eq!(key(b"q"), Key::Quit);
        assert_eq!(key(b"?"), Key::Details);
        for other in [&b"x"[..], b"quit\n", b"\x1b[?62;c", b"\x1b[A", b"\x04"] {
            assert_eq!(key(other), Key::Other, "{other:?}");
        }
    }
}
