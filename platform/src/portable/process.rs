//! A child that ends with its parent.

#[cfg(any(target_os = "freebsd", target_os = "dragonfly"))]
mod imp {
    use std::{io, ptr};

    use nix::{errno::Errno, unistd};

    use crate::process;

    /// Called in the child between fork and exec: has the kernel send `SIGTERM` when `parent` ends (procctl(2)).
    pub(crate) fn die_with(parent: unistd::Pid) -> io::Result<()> {
        let mut signal = libc::SIGTERM;
        #[expect(unsafe_code, reason = "procctl has no safe call")]
        // SAFETY: the kernel reads one int, which lives through the call; process 0 is the calling one.
        let answer = unsafe {
            libc::procctl(
                libc::P_PID,
                0,
                libc::PROC_PDEATHSIG_CTL,
                ptr::from_mut(&mut signal).cast(),
            )
        };
        Errno::result(answer)?;
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
}

#[cfg(not(any(target_os = "freebsd", target_os = "dragonfly")))]
mod imp {
    use std::io;

    use nix::unistd::Pid;

    pub(crate) use crate::lifeline::{tie, untie};

    /// The child can ask for nothing: it is tied once it has started.
    #[expect(clippy::unnecessary_wraps, reason = "as every system has it")]
    pub(crate) fn die_with(_parent: Pid) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) use imp::{die_with, tie, untie};
