//! A child process apart from us that is waited for, and that leaves nothing behind.

use std::{
    io,
    os::fd::OwnedFd,
    process::{Command, Stdio},
    time::Duration,
};

use tokio::{
    signal::unix::{self, SignalKind, signal},
    time::timeout,
};

use crate::{
    process::{self, Change, Pid, Signal},
    readable::Readable,
};

/// A child that [`process::spawn_apart`] started with `/dev/null` for its input and output. On drop it is killed with its process group,
/// unless its end was seen.
#[derive(Debug)]
pub struct Apart {
    pid: Pid,
    /// Says that some child of ours changed.
    children: unix::Signal,
    reaped: bool,
}

impl Apart {
    /// Starts it.
    ///
    /// # Errors
    /// As for [`process::spawn`].
    ///
    /// # Panics
    /// Outside a tokio runtime that has IO enabled.
    pub fn start(mut command: Command) -> io::Result<Self> {
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> io::Result<Self> {
        // Listening before there is anything to be heard.
        let children = signal(SignalKind::child())?;
        command.stdin(Stdio::null());
        Ok(Self {
            pid: process::spawn_apart(command)?,
            children,
            reaped: false,
        })
    }

    /// Starts it with its output in a pipe of ours; its standard error is as the command has it.
    ///
    /// # Errors
    /// As for [`process::spawn`], and those of pipe(2).
    ///
    /// # Panics
    /// As for [`Self::start`].
    pub fn heard(mut command: Command) -> io::Result<(Self, Readable)> {
        let (ours, its) = io::pipe()?;
        command.stdout(its);
        let child = Self::spawn(command)?;
        Ok((child, Readable::new(OwnedFd::from(ours))?))
    }

    /// Starts it with its output and its standard error in one pipe of ours.
    ///
    /// # Errors
    /// As for [`Self::heard`].
    ///
    /// # Panics
    /// As for [`Self::start`].
    pub fn overheard(mut command: Command) -> io::Result<(Self, Readable)> {
        let (ours, its) = io::pipe()?;
        command.stdout(its.try_clone()?).stderr(its);
        let child = Self::spawn(command)?;
        Ok((child, Readable::new(OwnedFd::from(ours))?))
    }

    /// Its number.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Waits for its end, and says which it was: [`Change::Exited`] or [`Change::Signalled`]. Cancel-safe.
    ///
    /// # Errors
    /// `ECHILD` if its end was reported before.
    pub async fn ended(&mut self) -> io::Result<Change> {
        loop {
            match process::reap(self.pid) {
                Ok(Some(change @ (Change::Exited(_) | Change::Signalled(_)))) => {
                    self.reaped = true;
                    return Ok(change);
                }
                Ok(Some(Change::Stopped(_) | Change::Continued) | None) => {}
                Err(error) => {
                    self.reaped = true;
                    return Err(error);
                }
            }
            self.children.recv().await;
        }
    }

    /// Ends it, with all that it started: when it is gone, or has had its time, the rest of its process group is killed.
    pub async fn end(mut self, grace: Duration) {
        self.signal(Signal::Terminate);
        // Whether it ended in time makes no difference to what follows.
        drop(timeout(grace, self.ended()).await);
        self.signal(Signal::Kill);
        if !self.reaped {
            drop(self.ended().await);
        }
    }

    fn signal(&self, signal: Signal) {
        if let Err(error) = process::signal_group(self.pid, signal) {
            tracing::warn!(pid = self.pid.number(), ?signal, %error, "cannot signal a process group");
        }
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        if !self.reaped {
            self.signal(Signal::Kill);
        }
    }
}
