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
pub(crate) enum Arrived {
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

/// What one session listens to.
#[derive(Debug)]
pub(crate) struct Signals {
    child: Stream,
    /// None of these where another listens for all sessions of the process.
    own: Option<Own>,
}

#[derive(Debug)]
struct Own {
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
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            child: signal(SignalKind::child())?,
            own: Some(Own {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
                hangup: signal(SignalKind::hangup())?,
                quit: signal(SignalKind::quit())?,
                suspend: signal(SignalKind::from_raw(libc::SIGTSTP))?,
                continued: signal(SignalKind::from_raw(libc::SIGCONT))?,
                taken_over: signal(SignalKind::user_defined1())?,
                resized: signal(SignalKind::window_change())?,
            }),
        })
    }

    /// Listens for the ends of children alone.
    pub(crate) fn of_children() -> io::Result<Self> {
        Ok(Self {
            child: signal(SignalKind::child())?,
            own: None,
        })
    }

    /// Waits for the next one. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Arrived {
        let Some(own) = &mut self.own else {
            self.child.recv().await;
            return Arrived::ChildChanged;
        };
        select! {
            _ = self.child.recv() => Arrived::ChildChanged,
            _ = own.interrupt.recv() => Arrived::Quit(libc::SIGINT),
            _ = own.terminate.recv() => Arrived::Quit(libc::SIGTERM),
            _ = own.hangup.recv() => Arrived::Quit(libc::SIGHUP),
            _ = own.quit.recv() => Arrived::Quit(libc::SIGQUIT),
            _ = own.suspend.recv() => Arrived::Suspend,
            _ = own.continued.recv() => Arrived::Continued,
            _ = own.taken_over.recv() => Arrived::TakenOver,
            _ = own.resized.recv() => Arrived::Resized,
        }
    }
}

/// What a process that keeps many sessions is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// End, cleanly: `SIGTERM`, `SIGINT`, `SIGQUIT`.
    End,
    /// Read the configuration again: `SIGHUP`.
    Reload,
    /// Try now whatever waits for a while: `SIGUSR1`.
    Retry,
}

/// Listens for all sessions of a process.
#[derive(Debug)]
pub(super) struct Commands {
    interrupt: Stream,
    terminate: Stream,
    quit: Stream,
    hangup: Stream,
    retry: Stream,
}

impl Commands {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            quit: signal(SignalKind::quit())?,
            hangup: signal(SignalKind::hangup())?,
            retry: signal(SignalKind::user_defined1())?,
        })
    }

    /// Waits for the next one. Cancel-safe.
    pub(super) async fn next(&mut self) -> Told {
        select! {
            _ = self.interrupt.recv() => Told::End,
            _ = self.terminate.recv() => Told::End,
            _ = self.quit.recv() => Told::End,
            _ = self.hangup.recv() => Told::Reload,
            _ = self.retry.recv() => Told::Retry,
        }
    }
}

/// Stops this process, as the default action of `SIGTSTP` would, and returns when somebody continues it.
///
/// Where nobody could (an orphaned process group: netroam is what the terminal runs), it does nothing, as the kernel does then. Whether it has
/// stopped.
pub(crate) fn stop_ourselves() -> bool {
    let session = getsid(None);
    if session == Ok(getpid()) || getsid(Some(getppid())) != session {
        return false;
    }
    let stopped = raise(Signal::SIGSTOP);
    if let Err(error) = stopped {
        tracing::warn!(%error, "cannot stop");
    }
    stopped.is_ok()
}
