//! TCP health, keepalive and time-outs, where there is nothing better; checked by the compiler only.
//!
//! FreeBSD says when a connection was heard last. Elsewhere nothing is known of a connection: asking fails with `Unsupported`, which is not
//! silence, and the run is treated like one whose connection ssh made.

use std::{io, os::fd::BorrowedFd, time::Duration};

use socket2::SockRef;

#[cfg(not(target_os = "freebsd"))]
use crate::tcp::Health;
use crate::tcp::Pace;

#[cfg(target_os = "freebsd")]
pub(crate) use super::freebsd_tcp::{ask, health};

#[cfg(not(target_os = "freebsd"))]
pub(crate) fn health(_socket: BorrowedFd<'_>) -> io::Result<Health> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "freebsd"))]
pub(crate) fn ask(_socket: BorrowedFd<'_>) -> io::Result<Health> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Where the options are known to be seconds (tcp(4) of FreeBSD and NetBSD), keepalive bounds any silence, data in flight or not: both end
/// the connection by when it was heard last. Elsewhere the system's own pace is all there is, and ssh's `ServerAlive`.
pub(crate) fn keep_honest(
    socket: BorrowedFd<'_>,
    _stall: Duration,
    pace: Option<Pace>,
) -> io::Result<()> {
    let options = SockRef::from(&socket);
    options.set_keepalive(pace.is_some())?;
    #[cfg(any(target_os = "freebsd", target_os = "netbsd"))]
    if let Some(pace) = pace {
        options.set_tcp_keepalive(
            &socket2::TcpKeepalive::new()
                .with_interval(pace.interval)
                .with_retries(pace.probes)
                .with_time(pace.idle),
        )?;
    }
    Ok(())
}

pub(crate) fn hold(socket: BorrowedFd<'_>) -> io::Result<()> {
    SockRef::from(&socket).set_keepalive(false)
}
