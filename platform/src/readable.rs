//! Waiting until something can be read, without touching how others see it.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    unistd,
};
use tokio::io::{Interest, unix::AsyncFd};

/// A descriptor that the runtime watches for something to read: a terminal, the master of a pty, a fifo, a socket.
///
/// It does not set `O_NONBLOCK`: that flag belongs to the open file description, which a terminal or a passed socket shares with
/// the shell and with ssh; ssh's next read would fail. Instead, every read is preceded by poll(2), and happens only when that says
/// that something is there. So a read cannot block as long as nobody else reads the same thing at the same moment: whoever
/// has a `Readable` of the terminal must not hold one while a run owns the terminal. Dropping it ends the watching.
#[derive(Debug)]
pub struct Readable {
    watched: AsyncFd<OwnedFd>,
}

impl Readable {
    /// Watches `fd`, and owns it.
    ///
    /// # Errors
    /// `PermissionDenied` for what is always ready, a regular file or `/dev/null` (`EPERM` of `epoll_ctl(2)`): read such a thing
    /// directly.
    ///
    /// # Panics
    /// Outside a tokio runtime that has IO enabled.
    pub fn new(fd: impl Into<OwnedFd>) -> io::Result<Self> {
        #[expect(
            unsafe_code,
            reason = "registration trusts that the descriptor stays open, and an owned one does"
        )]
        // SAFETY: the OwnedFd is open, moves into the AsyncFd, is never replaced (no `&mut` to it is ever given out) and is
        // closed only after the AsyncFd has deregistered it.
        let watched = unsafe { AsyncFd::register_with_interest(fd.into(), Interest::READABLE) };
        Ok(Self {
            watched: watched.map_err(|error| error.into_parts().1)?,
        })
    }

    /// Watches a duplicate of `fd`, which stays its owner's: for descriptors 0 to 2, which must outlive us.
    ///
    /// # Errors
    /// As [`Self::new`], and those of dup(2).
    ///
    /// # Panics
    /// As [`Self::new`].
    pub fn duplicate(fd: impl AsFd) -> io::Result<Self> {
        Self::new(fd.as_fd().try_clone_to_owned()?)
    }

    /// Waits until there is something to read, or the end. Cancel-safe.
    ///
    /// # Errors
    /// When the runtime is shutting down.
    pub async fn readable(&self) -> io::Result<()> {
        loop {
            let mut ready = self.watched.readable().await?;
            if self.pending()?.is_some() {
                return Ok(());
            }
            ready.clear_ready();
        }
    }

    /// Waits, then reads what is there, at most `buffer.len()` bytes; 0 is the end. Cancel-safe: nothing is lost.
    ///
    /// The end of a pty's master is that the last slave was closed (Linux says `EIO` then).
    ///
    /// # Errors
    /// Those of read(2).
    pub async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.readable().await?;
            if let Some(count) = self.try_read(buffer)? {
                return Ok(count);
            }
        }
    }

    /// Reads what is there, at most `buffer.len()` bytes, without waiting: `None` if nothing is, `Some(0)` at the end.
    ///
    /// # Errors
    /// Those of read(2).
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let Some(pending) = self.pending()? else {
            return Ok(None);
        };
        match unistd::read(&self.watched, buffer) {
            Ok(count) => Ok(Some(count)),
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
            Err(Errno::EIO) if pending.contains(PollFlags::POLLHUP) => Ok(Some(0)),
            Err(error) => Err(error.into()),
        }
    }

    /// What a read would find at this moment.
    fn pending(&self) -> io::Result<Option<PollFlags>> {
        let mut question = [PollFd::new(self.as_fd(), PollFlags::POLLIN)];
        match poll(&mut question, PollTimeout::ZERO) {
            Ok(0) | Err(Errno::EINTR) => Ok(None),
            Ok(_) => Ok(question[0].revents()),
            Err(error) => Err(error.into()),
        }
    }
}

impl AsFd for Readable {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.watched.get_ref().as_fd()
    }
}
