//! A child that ends with its parent.

use std::io;

use nix::{
    errno::Errno,
    sys::{prctl, signal::Signal},
    unistd::{self, Pid},
};

use crate::process;

/// Called in the child between fork and exec: has the kernel send `SIGTERM` when `parent` ends.
pub(crate) fn die_with(parent: Pid) -> io::Result<()> {
    prctl::set_pdeathsig(Signal::SIGTERM)?;
    // The parent may have ended before the call; the signal then never comes.
    if unistd::getppid() == parent {
        Ok(())
    } else {
        Err(Errno::ESRCH.into())
    }
}

/// The kernel knows already.
pub(crate) fn tie(_child: process::Pid) {}

/// The kernel knows already.
pub(crate) fn untie(_child: process::Pid) {}
