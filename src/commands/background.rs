//! `-f`, in the foreground: starts the netroam that goes to the background, and waits until it does.

use std::{
    env,
    io::Read as _,
    os::{fd::OwnedFd, unix::net::UnixStream},
    process::{Command, ExitCode, Stdio},
};

use anyhow::{Context as _, Result};
use netroam_platform::process::{self, Change};

use crate::driver::background::VARIABLE;

/// Starts the same command line again; the status is 0 when that is attached and in the background, else its own.
pub(super) fn start() -> Result<ExitCode> {
    let (mut ours, theirs) = UnixStream::pair().context("cannot make a pair of sockets")?;
    let mut command =
        Command::new(env::current_exe().context("cannot find netroam's own program")?);
    command
        .args(env::args_os().skip(1))
        .env(VARIABLE, std::process::id().to_string())
        .stdin(Stdio::from(OwnedFd::from(theirs)));
    let pid = process::spawn_beside(command)
        .context("cannot start the netroam that goes to the background")?;
    // As long as nothing is said, it is the shell's job, and so are we.
    if ours.read_exact(&mut [0]).is_ok() {
        return Ok(ExitCode::SUCCESS);
    }
    match process::wait(pid)
        .context("cannot wait for the netroam that was to go to the background")?
    {
        Change::Exited(status) => Ok(ExitCode::from(status)),
        Change::Signalled(signal) => process::die_of(signal),
        Change::Stopped(_) | Change::Continued => Ok(ExitCode::FAILURE),
    }
}
