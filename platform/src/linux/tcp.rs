//! `TCP_INFO`, keepalive and time-outs.

use std::{
    io, mem,
    os::fd::{AsRawFd as _, BorrowedFd},
    time::Duration,
};

use nix::errno::Errno;
use socket2::{SockRef, TcpKeepalive};

use crate::tcp::{Health, Pace, Question};

/// `TCP_RTO_MAX_MS` of `linux/tcp.h`, since Linux 6.15; the libc crate has no name for it.
const TCP_RTO_MAX_MS: libc::c_int = 44;

/// The longest time from one retransmission to the next. The kernel takes 1 s to 120 s; one second would be below the round-trip
/// time of a crowded mobile network, and every segment there would be sent twice.
///
/// Measured on Linux 6.18, one key typed into a router's silence of 8 s: heard 1.4 s after it, and 5.5 s without this.
/// (`TCP_THIN_LINEAR_TIMEOUTS` changed nothing at any length.)
const LONGEST_RETRANSMISSION: Duration = Duration::from_secs(2);

/// Probes before the kernel gives up, where no `TCP_USER_TIMEOUT` says when: as many as it takes (`MAX_TCP_KEEPCNT`,
/// `net/tcp.h`). Asking must not end a connection that is being held.
const MOST_PROBES: u32 = 127;

/// `TCP_ESTABLISHED` of `net/tcp_states.h`.
const ESTABLISHED: u8 = 1;

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
    Errno::result(answer)?;
    Ok(meaning(&info))
}

/// Reads a `tcp_info` that the kernel sent in a message.
pub(super) fn read(bytes: &[u8]) -> Health {
    #[expect(
        unsafe_code,
        reason = "an older kernel fills in less, the rest stays zero"
    )]
    // SAFETY: all bytes zero is a valid `tcp_info`; it has nothing but numbers.
    let mut info: libc::tcp_info = unsafe { mem::zeroed() };
    let length = bytes.len().min(size_of_val(&info));
    #[expect(unsafe_code, reason = "the structure arrives as bytes")]
    // SAFETY: `length` bytes are there on both sides, which do not overlap, and any bytes are numbers.
    unsafe {
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), (&raw mut info).cast(), length);
    }
    meaning(&info)
}

fn meaning(info: &libc::tcp_info) -> Health {
    Health {
        established: info.tcpi_state == ESTABLISHED,
        rtt: (info.tcpi_rtt != 0).then(|| Duration::from_micros(info.tcpi_rtt.into())),
        unacknowledged: info.tcpi_unacked,
        unsent: info.tcpi_notsent_bytes,
        // What was sent counts each time, and what was acknowledged has one more for the SYN (`tcpi_bytes_acked` in `net/ipv4/tcp.c`): a
        // single byte is overlooked, but ssh's smallest packet has 16 (RFC 4253 6).
        undelivered: info
            .tcpi_bytes_sent
            .saturating_sub(info.tcpi_bytes_retrans)
            .saturating_sub(info.tcpi_bytes_acked)
            .saturating_add(info.tcpi_notsent_bytes.into()),
        backoff: info.tcpi_backoff,
        retransmits: info.tcpi_retransmits,
        probes: info.tcpi_probes,
        since_last_ack: Duration::from_millis(info.tcpi_last_ack_recv.into()),
        since_last_sent: Duration::from_millis(info.tcpi_last_data_sent.into()),
        sent: info.tcpi_segs_out,
        received: info.tcpi_segs_in,
        acknowledgements: info.tcpi_segs_in.wrapping_sub(info.tcpi_data_segs_in),
        acknowledged: info.tcpi_bytes_acked,
        bytes_received: info.tcpi_bytes_received,
        question: Question::Counted,
    }
}

/// The health just before is what an answer is measured by.
pub(crate) fn ask(socket: BorrowedFd<'_>) -> io::Result<Health> {
    let before = health(socket)?;
    let second = Duration::from_secs(1);
    // The idle time last: setting it is what starts the kernel's timer anew (tcp_sock_set_keepidle_locked in net/ipv4/tcp.c), even when it
    // was one second before, and a connection that is idle for longer has its probe due at once.
    let socket = SockRef::from(&socket);
    socket.set_tcp_keepalive(
        &TcpKeepalive::new()
            .with_interval(second)
            .with_retries(MOST_PROBES),
    )?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(second))?;
    Ok(before)
}

pub(crate) fn keep_honest(
    socket: BorrowedFd<'_>,
    stall: Duration,
    pace: Option<Pace>,
) -> io::Result<()> {
    let options = SockRef::from(&socket);
    options.set_tcp_user_timeout(Some(stall))?;
    match pace {
        Some(pace) => options.set_tcp_keepalive(
            &TcpKeepalive::new()
                .with_interval(pace.interval)
                .with_retries(pace.probes)
                .with_time(pace.idle),
        )?,
        None => options.set_keepalive(false)?,
    }
    match cap_retransmission(socket) {
        // An older kernel: it doubles the time up to two minutes, and `stall` is all the bound there is.
        Err(Errno::ENOPROTOOPT) | Ok(_) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

pub(crate) fn hold(socket: BorrowedFd<'_>) -> io::Result<()> {
    let options = SockRef::from(&socket);
    options.set_tcp_user_timeout(None)?;
    options.set_keepalive(false)
}

fn cap_retransmission(socket: BorrowedFd<'_>) -> nix::Result<libc::c_int> {
    let milliseconds =
        libc::c_int::try_from(LONGEST_RETRANSMISSION.as_millis()).unwrap_or(libc::c_int::MAX);
    let size = libc::socklen_t::try_from(size_of_val(&milliseconds)).map_err(|_| Errno::EINVAL)?;
    #[expect(
        unsafe_code,
        reason = "the option is too new for the crates that wrap the others"
    )]
    // SAFETY: the kernel reads one int, which lives through the call.
    let answer = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            TCP_RTO_MAX_MS,
            (&raw const milliseconds).cast(),
            size,
        )
    };
    Errno::result(answer)
}
