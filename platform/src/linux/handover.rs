//! Who is at the other end of a channel.

use std::{io, os::fd::BorrowedFd};

use nix::sys::socket::{MsgFlags, getsockopt, sockopt::PeerCredentials};

/// Has received descriptors closed on exec from the very start (recvmsg(2)).
pub(crate) const CLOSE_ON_EXEC: MsgFlags = MsgFlags::MSG_CMSG_CLOEXEC;

/// A broken channel is an error, not a signal (send(2)).
pub(crate) const NO_SIGNAL: MsgFlags = MsgFlags::MSG_NOSIGNAL;

/// The user who connected, or made the pair (`SO_PEERCRED`, unix(7)).
pub(crate) fn peer_uid(channel: BorrowedFd<'_>) -> io::Result<u32> {
    Ok(getsockopt(&channel, PeerCredentials)?.uid())
}
