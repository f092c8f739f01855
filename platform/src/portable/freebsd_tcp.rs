//! What FreeBSD says of a connection, and how it is made to ask; checked by the compiler only.

use std::{
    io, mem,
    os::fd::{AsRawFd as _, BorrowedFd},
    time::Duration,
};

use nix::errno::Errno;
use socket2::{SockRef, TcpKeepalive};

use super::{clocks, heard::Heard};
use crate::tcp::Health;

/// `TCPS_ESTABLISHED` of `netinet/tcp_fsm.h`.
const ESTABLISHED: u8 = 4;

/// The kernel ends a connection that it probes after this many intervals without a word (`tcp_timer_keep` in `netinet/tcp_timer.c`), the
/// silence before the first probe included. Asking must not end one that is being held: so, more than a day.
const MOST_PROBES: u32 = 100_000;

pub(crate) fn health(socket: BorrowedFd<'_>) -> io::Result<Health> {
    #[expect(
        unsafe_code,
        reason = "an older kernel fills in less, the rest stays zero"
    )]
    // SAFETY: all bytes zero is a valid `tcp_info`; it has nothing but numbers.
    let mut info: libc::tcp_info = unsafe { mem::zeroed() };
    let mut length = libc::socklen_t::try_from(size_of_val(&info)).map_err(io::Error::other)?;
    #[expect(unsafe_code, reason = "TCP_INFO has no safe call")]
    // SAFETY: the kernel writes at most `length` bytes into `info`, which is that large.
    let answer = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut info).cast(),
            &raw mut length,
        )
    };
    let now = clocks::awake();
    Errno::result(answer)?;
    let micros = |number: u32| Duration::from_micros(number.into());
    Ok(Heard {
        established: info.tcpi_state == ESTABLISHED,
        rtt: micros(info.tcpi_rtt),
        // Of any segment, whatever its name says (`tcp_fill_info` in `netinet/tcp_usrreq.c` takes it from `t_rcvtime`, which
        // `tcp_do_segment` sets for each); in µs, so that it begins anew after 71 minutes.
        silent_for: micros(info.tcpi_last_data_recv),
        next_byte: info.tcpi_rcv_nxt,
        now,
    }
    .health())
}

/// The idle time last: setting it is what starts the kernel's timer anew, and the probe leaves when it is over.
pub(crate) fn ask(socket: BorrowedFd<'_>) -> io::Result<Health> {
    let before = health(socket)?;
    let second = Duration::from_secs(1);
    let socket = SockRef::from(&socket);
    socket.set_tcp_keepalive(
        &TcpKeepalive::new()
            .with_interval(second)
            .with_retries(MOST_PROBES),
    )?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(second))?;
    Ok(before)
}
