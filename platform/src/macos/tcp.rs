//! `TCP_CONNECTION_INFO`, the keepalive timer, and time-outs.

use std::{
    io,
    os::fd::{AsRawFd as _, BorrowedFd},
    process,
    time::Duration,
};

use nix::errno::Errno;
use socket2::{SockRef, TcpKeepalive};

use super::info::{Info, Socket};
use crate::tcp::{
    Health, Pace,
    question::{IDLE, INTERVAL},
};

/// `TCP_RXT_CONNDROPTIME` of `netinet/tcp.h`, in seconds; the libc crate does not have it.
const TCP_RXT_CONNDROPTIME: libc::c_int = 0x80;

/// So many [`INTERVAL`]s of silence end the connection: after three weeks, which asking must not bring nearer. In milliseconds it is still
/// within 31 bits, as the kernel's own arithmetic is.
const PROBES: u32 = 20;

/// `PROC_PIDFDSOCKETINFO` of `sys/proc_info.h`; the libc crate does not have it.
const PROC_PIDFDSOCKETINFO: libc::c_int = 3;

pub(crate) fn health(socket: BorrowedFd<'_>) -> io::Result<Health> {
    let info = info(socket)?;
    Ok(info.health(keepalive(socket, info.state)))
}

/// The health just after is what an answer is measured by: it has the timer as the question has set it.
pub(crate) fn ask(socket: BorrowedFd<'_>) -> io::Result<Health> {
    let options = SockRef::from(&socket);
    // The idle time last: it starts the timer.
    options.set_tcp_keepalive(
        &TcpKeepalive::new()
            .with_interval(INTERVAL)
            .with_retries(PROBES),
    )?;
    options.set_tcp_keepalive(&TcpKeepalive::new().with_time(IDLE))?;
    health(socket)
}

/// What ends a silent connection in time is its keepalive: it counts from the last segment heard, also while data is in flight, and no
/// probe that is lost moves it (`TCPT_KEEP` in xnu's `bsd/netinet/tcp_timer.c`).
pub(crate) fn keep_honest(
    socket: BorrowedFd<'_>,
    stall: Duration,
    pace: Option<Pace>,
) -> io::Result<()> {
    let options = SockRef::from(&socket);
    drop_after(socket, stall)?;
    match pace {
        Some(pace) => options.set_tcp_keepalive(
            &TcpKeepalive::new()
                .with_interval(pace.interval)
                .with_retries(pace.probes)
                .with_time(pace.idle),
        ),
        None => options.set_keepalive(false),
    }
}

pub(crate) fn hold(socket: BorrowedFd<'_>) -> io::Result<()> {
    drop_after(socket, Duration::ZERO)?;
    SockRef::from(&socket).set_keepalive(false)
}

fn info(socket: BorrowedFd<'_>) -> io::Result<Info> {
    let mut info = Info::default();
    let mut length = libc::socklen_t::try_from(size_of_val(&info)).map_err(io::Error::other)?;
    #[expect(unsafe_code, reason = "TCP_CONNECTION_INFO has no safe call")]
    // SAFETY: the kernel writes at most `length` bytes into `info`, which is that large and has nothing but numbers.
    let answer = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_CONNECTION_INFO,
            (&raw mut info).cast(),
            &raw mut length,
        )
    };
    match Errno::result(answer) {
        Ok(_) => Ok(info),
        // The kernel has forgotten the connection (`tcp_ctloutput` in xnu's `bsd/netinet/tcp_usrreq.c`).
        Err(Errno::ECONNRESET) => Ok(Info::over()),
        Err(error) => Err(error.into()),
    }
}

/// The keepalive timer of a connection in that state, which is our own process's to see; `None` where it is not shown.
fn keepalive(socket: BorrowedFd<'_>, state: u8) -> Option<u32> {
    let mut shown = Socket::EMPTY;
    let size = libc::c_int::try_from(size_of_val(&shown)).ok()?;
    let process = libc::c_int::try_from(process::id()).ok()?;
    #[expect(unsafe_code, reason = "proc_pidfdinfo has no safe call")]
    // SAFETY: the kernel writes at most `size` bytes into `shown`, which is that large and has nothing but numbers.
    let written = unsafe {
        libc::proc_pidfdinfo(
            process,
            socket.as_raw_fd(),
            PROC_PIDFDSOCKETINFO,
            (&raw mut shown).cast(),
            size,
        )
    };
    (written == size).then(|| shown.keepalive(state))?
}

/// Has the kernel drop the connection when it has sent data again for `limit`, in whole seconds; zero leaves it to its own patience.
fn drop_after(socket: BorrowedFd<'_>, limit: Duration) -> io::Result<()> {
    let seconds = libc::c_int::try_from(limit.as_secs()).unwrap_or(libc::c_int::MAX);
    let size = libc::socklen_t::try_from(size_of_val(&seconds)).map_err(io::Error::other)?;
    #[expect(
        unsafe_code,
        reason = "the crates that wrap the others do not have the option"
    )]
    // SAFETY: the kernel reads one int, which lives through the call.
    let answer = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            TCP_RXT_CONNDROPTIME,
            (&raw const seconds).cast(),
            size,
        )
    };
    Errno::result(answer)?;
    Ok(())
}
