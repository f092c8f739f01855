//! What is no question about the network, where there is nothing better.

#[cfg(not(target_os = "macos"))]
use nix::time::ClockId;

/// The only steady clock that POSIX has (`clock_gettime(2)`); whether it counts sleep is the system's own affair.
#[cfg(not(target_os = "macos"))]
pub(crate) const CLOCK_COUNTING_SLEEP: ClockId = ClockId::CLOCK_MONOTONIC;

/// Nobody tells of a sleep.
#[cfg(not(target_os = "macos"))]
pub(crate) async fn sleep_source() -> crate::SleepSource {
    crate::SleepSource::Clocks
}

pub(crate) mod handover {
    //! Who is at the other end of a channel.

    use std::{io, os::fd::BorrowedFd};

    use nix::{sys::socket::MsgFlags, unistd::getpeereid};

    /// Nothing: the descriptor is closed on exec after it was received. netroam starts its children from the thread that receives.
    pub(crate) const CLOSE_ON_EXEC: MsgFlags = MsgFlags::empty();

    /// Rust ignores `SIGPIPE` from the start.
    pub(crate) const NO_SIGNAL: MsgFlags = MsgFlags::empty();

    /// The user who connected, or made the pair (getpeereid(3)).
    pub(crate) fn peer_uid(channel: BorrowedFd<'_>) -> io::Result<u32> {
        Ok(getpeereid(channel)?.0.as_raw())
    }
}
