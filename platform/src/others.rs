//! Processes of this user that are not ours: which TCP connections they have, when they end, and ending them.
//!
//! Only the user's own processes are seen, and a process is known by its number and the moment of its start: numbers are given away
//! again. Nothing is read from a connection or written into it. What an answer means is not decided here.

use std::{
    io,
    net::SocketAddr,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
};

use crate::{readable::Readable, tcp::Health};

#[cfg(target_os = "linux")]
use crate::linux::others as imp;

#[cfg(target_os = "macos")]
#[path = "macos/others.rs"]
mod imp;

#[cfg(any(target_os = "macos", test))]
#[path = "macos/sockets.rs"]
mod sockets;

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
#[path = "portable/others.rs"]
mod imp;

#[cfg(not(target_os = "linux"))]
#[path = "portable/kqueue.rs"]
mod kqueue;

/// Which process: a number alone may be another's later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    pub(crate) pid: i32,
    /// When it started, in the system's own unit (Linux: ticks since boot, `proc_pid_stat(5)`; macOS: microseconds).
    pub(crate) started: u64,
}

impl Identity {
    /// The number, for people and logs.
    pub const fn pid(self) -> i32 {
        self.pid
    }
}

/// A process at the moment of looking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// Which one.
    pub identity: Identity,
    /// Its parent's number.
    pub parent: i32,
    /// Its command line, words joined by blanks, or whatever it calls itself; where the system does not say, the program's name.
    pub command: String,
    /// Its TCP connections, those that are only being made included.
    pub connections: Vec<Connection>,
}

/// A TCP connection of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// This machine's end.
    pub local: SocketAddr,
    /// The other end.
    pub peer: SocketAddr,
    /// Established; otherwise it is being made.
    pub established: bool,
    /// The process listens on the local port: somebody connected to it.
    pub accepted: bool,
    /// What the kernel knows of it; `None` where it does not tell of another process's.
    pub health: Option<Health>,
}

/// The user's own processes that run `program` (the file name of their executable) and have a TCP connection.
///
/// Their real, effective and saved user all have to be our effective one. What cannot be looked into is left out. Linux: `sock_diag(7)` and
/// `/proc`; macOS: `proc_pidfdinfo` (`libproc.h`); elsewhere none are found.
///
/// # Errors
/// The system cannot be asked for sockets or processes at all.
pub fn running(program: &str) -> io::Result<Vec<Other>> {
    imp::running(program)
}

/// The programs (file names) of the process `pid`, of its parent, its parent's parent and so on, as far as they can be seen.
pub fn lineage(pid: i32) -> Vec<String> {
    let mut programs = Vec::new();
    let mut next = pid;
    // No process has more ancestors; a loop can only come of numbers that were given away meanwhile.
    while next > 1 && programs.len() < 64 {
        let Some((program, parent)) = imp::program_and_parent(next) else {
            break;
        };
        programs.push(program);
        next = parent;
    }
    programs
}

/// Sends `SIGTERM` to a process, if it is still this one, still this user's and still runs `program`; `false` if not.
///
/// Linux 5.3 and later hold the process (`pidfd_open(2)`) while that is compared, so that no other can take its number in between;
/// elsewhere it is compared immediately before.
///
/// # Errors
/// Those of kill(2).
pub fn end(identity: Identity, program: &str) -> io::Result<bool> {
    imp::end(identity, program)
}

/// The process that made the Unix socket pair of which `channel` is one end, or else our parent: who waits at the other end.
pub fn waits_at(channel: BorrowedFd<'_>) -> i32 {
    imp::waits_at(channel)
}

/// Waits for the end of a process that is not our child.
#[derive(Debug)]
pub struct Watch(Readable);

impl Watch {
    /// Begins to watch; `None` if there is no process of this number any more.
    ///
    /// # Errors
    /// No descriptor is left; the system cannot watch (Linux before 5.3).
    ///
    /// # Panics
    /// Outside a tokio runtime that has IO enabled.
    pub fn over(pid: i32) -> io::Result<Option<Self>> {
        let handle: Option<OwnedFd> = imp::handle(pid)?;
        handle
            .map(|handle| Readable::new(handle).map(Self))
            .transpose()
    }

    /// Returns when it has ended; it need not be reaped. Cancel-safe.
    ///
    /// # Errors
    /// When the runtime is shutting down.
    pub async fn ended(&self) -> io::Result<()> {
        self.0.readable().await
    }

    /// Whether it has ended by now.
    ///
    /// # Errors
    /// Those of poll(2).
    pub fn has_ended(&self) -> io::Result<bool> {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        let mut question = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        Ok(poll(&mut question, PollTimeout::ZERO)? > 0)
    }
}
