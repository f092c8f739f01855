//! A record of what comes out of a socket: emptied by a thread, or by whoever asks first.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::SystemTime;

use anyhow::Result;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Takes everything that the socket, which does not block, holds; it became readable at this moment at the latest.
pub(crate) type TakeIn<T> = fn(BorrowedFd<'_>, SystemTime, &mut Vec<T>);

/// The record. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Recorder<T> {
    record: Arc<Record<T>>,
    stop: Option<std::io::PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Record<T> {
    socket: OwnedFd,
    taken: Mutex<Vec<T>>,
    take_in: TakeIn<T>,
}

impl<T: Send + 'static> Recorder<T> {
    /// Starts the record. Its thread runs with real-time priority, so it is rarely later than any other receiver.
    pub(crate) fn start(socket: OwnedFd, take_in: TakeIn<T>) -> Result<Self> {
        let record = Arc::new(Record {
            socket,
            taken: Mutex::default(),
            take_in,
        });
        let (stopped, stop) = std::io::pipe()?;
        let shared = Arc::clone(&record);
        let thread = thread::spawn(move || {
            hurry();
            shared.follow(&stopped);
        });
        Ok(Self {
            record,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Looks at all that came before this call.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&[T]) -> R) -> R {
        self.record.look(SystemTime::now(), look)
    }
}

impl<T> Record<T> {
    fn look<R>(&self, at: SystemTime, look: impl FnOnce(&[T]) -> R) -> R {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        (self.take_in)(self.socket.as_fd(), at, &mut taken);
        look(&taken)
    }

    fn follow(&self, stopped: &std::io::PipeReader) {
        loop {
            let mut waiting = [
                PollFd::new(self.socket.as_fd(), PollFlags::POLLIN),
                PollFd::new(stopped.as_fd(), PollFlags::POLLIN),
            ];
            let _ready = poll(&mut waiting, PollTimeout::NONE);
            let at = SystemTime::now();
            if waiting[1].revents().is_some_and(|seen| !seen.is_empty()) {
                return;
            }
            self.look(at, |_taken| ());
        }
    }
}

impl<T> Drop for Recorder<T> {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            let _joined = thread.join();
        }
    }
}

/// Gives the calling thread real-time priority, so that what it notes or delays is on time on a busy machine. Where
/// that is not allowed (some containers) it goes on without.
pub(crate) fn hurry() {
    let thread = nix::unistd::gettid().to_string();
    let _allowed = Command::new("chrt")
        .args(["--fifo", "--pid", "10", &thread])
        .output();
}
