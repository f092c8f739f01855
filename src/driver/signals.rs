//! The signals that netroam listens to.

use std::io;

use nix::{
    libc,
    sys::signal::{Signal, raise},
    unistd::{getpid, getppid, getsid},
};
use tokio::{
    select,
    signal::unix::{Signal as Stream, SignalKind, signal},
};

/// What a signal means here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrived {
    ChildChanged,
    /// End, because of this signal. `SIGINT` is one of them whoever owns the terminal: while a run has it raw, ^C is only a byte, and
    /// in a cooked one (a login, `-N`, a command without a terminal) it ends a plain ssh as well.
    Quit(i32),
    /// Another netroam of this user takes the session.
    TakenOver,
    /// ^Z in a cooked terminal.
    Suspend,
    /// Going on after a stop.
    Continued,
    /// The terminal has another size.
    Resized,
}

#[derive(Debug)]
pub(super) struct Signals {
    child: Stream,
    interrupt: Stream,
    terminate: Stream,
    hangup: Stream,
    quit: Stream,
    suspend: Stream,
    continued: Stream,
    taken_over: Stream,
    resized: Stream,
}

impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            child: signal(SignalKind::child())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            quit: signal(SignalKind::quit())?,
            suspend: signal(SignalKind::from_raw(libc::SIGTSTP))?,
            continued: signal(SignalKind::from_raw(libc::SIGCONT))?,
            taken_over: signal(SignalKind::user_defined1())?,
            resized: signal(SignalKind::window_change())?,
        })
    }

    /// Waits for the next one. Cancel-safe.
    pub(super) async fn next(&mut self) -> Arrived {
        select! {
            _ = self.child.recv() => Arrived::ChildChanged,
            _ = self.interrupt.recv() => Arrived::Quit(libc::SIGINT),
            _ = self.terminate.recv() => Arrived::Quit(libc::SIGTERM),
            _ = self.hangup.recv() => Arrived::Quit(libc::SIGHUP),
            _ = self.quit.recv() => Arrived::Quit(libc::SIGQUIT),
            _ = self.suspend.recv() => Arrived::Suspend,
            _ = self.continued.recv() => Arrived::Continued,
            _ = self.taken_over.recv() => Arrived::TakenOver,
            _ = self.resized.recv() => Arrived::Resized,
        }
    }
}

/// Stops this process, as the default action of `SIGTSTP` would, and returns when somebody continues it.
///
/// Where nobody could (an orphaned process group: netroam is what the terminal runs), it does nothing, as the kernel does then.
pub(super) fn stop_ourselves() {
    let session = getsid(None);
    if session == Ok(getpid()) || getsid(Some(getppid())) != session {
        return;
    }
    if let Err(error) = raise(Signal::SIGSTOP) {
        tracing::warn!(%error, "cannot stop");
    }
}
