//! What the kernel knows of a TCP connection, in its own words and in ours.

use std::{mem::offset_of, time::Duration};

use crate::tcp::{Health, Question};

/// `struct tcp_connection_info` of xnu's `bsd/netinet/tcp.h`, public since OS X 10.11. (That of the libc crate spells the one word of bit fields
/// as fifteen, and has all that follows in the wrong place.)
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Info {
    pub(super) state: u8,
    send_scale: u8,
    receive_scale: u8,
    padding: u8,
    options: u32,
    flags: u32,
    /// The retransmission time-out that is running, in milliseconds; zero while none is.
    retransmission: u32,
    segment: u32,
    threshold: u32,
    congestion_window: u32,
    send_window: u32,
    /// Bytes in the send buffer: sent and not acknowledged, or not sent yet.
    buffered: u32,
    receive_window: u32,
    last_rtt: u32,
    /// Milliseconds.
    smoothed_rtt: u32,
    rtt_variance: u32,
    fast_open: u32,
    /// Segments and bytes sent that carried data, each time that they were.
    sent: u64,
    sent_bytes: u64,
    /// Of those, what was sent again.
    resent_bytes: u64,
    /// Segments and bytes received that carried data.
    received: u64,
    received_bytes: u64,
    out_of_order_bytes: u64,
    resent: u64,
}

const _: () = {
    assert!(size_of::<Info>() == 112 && align_of::<Info>() == 8);
    assert!(offset_of!(Info, flags) == 8);
    assert!(offset_of!(Info, buffered) == 32);
    assert!(offset_of!(Info, smoothed_rtt) == 44);
    assert!(offset_of!(Info, fast_open) == 52);
    assert!(offset_of!(Info, sent) == 56);
    assert!(offset_of!(Info, resent_bytes) == 72);
    assert!(offset_of!(Info, received) == 80);
    assert!(offset_of!(Info, resent) == 104);
};

/// `struct socket_fdinfo` of xnu's `bsd/sys/proc_info.h`, for a TCP socket: only what is read has a name.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
pub(super) struct Socket {
    /// `struct proc_fileinfo`, and `struct socket_info` as far as its union.
    before: [u8; 256],
    pub(super) kind: i32,
    reserved: u32,
    /// `struct in_sockinfo`.
    addresses: [u8; 80],
    pub(super) state: i32,
    /// Retransmission, persistence, keepalive, end (`TSI_T_*`), in milliseconds.
    pub(super) timers: [u32; 4],
    after: [u8; 428],
}

const _: () = {
    assert!(size_of::<Socket>() == 792 && align_of::<Socket>() == 8);
    assert!(offset_of!(Socket, kind) == 256);
    assert!(offset_of!(Socket, state) == 344);
    assert!(offset_of!(Socket, timers) == 348);
};

impl Socket {
    /// `SOCKINFO_TCP`.
    const TCP: i32 = 2;
    /// `TSI_T_KEEP`.
    const KEEPALIVE: usize = 2;

    /// To be filled in by the kernel.
    pub(super) const EMPTY: Self = Self {
        before: [0; 256],
        kind: 0,
        reserved: 0,
        addresses: [0; 80],
        state: 0,
        timers: [0; 4],
        after: [0; 428],
    };

    /// The keepalive timer of a connection in that state: a cross-check that this is what it is taken for.
    pub(super) fn keepalive(&self, state: u8) -> Option<u32> {
        (self.kind == Self::TCP && self.state == i32::from(state))
            .then_some(self.timers[Self::KEEPALIVE])
    }
}

/// `tcpi_state`: a number of `netinet/tcp_fsm.h`.
const ESTABLISHED: u8 = 4;

/// `TCPCI_FLAG_LOSSRECOVERY`: something was sent again, and not acknowledged since.
const LOSS_RECOVERY: u32 = 0x1;

impl Info {
    /// Of a connection of which the kernel knows nothing any more.
    pub(super) fn over() -> Self {
        Self::default()
    }

    /// `keepalive` is the keepalive timer, if the kernel shows it.
    pub(super) fn health(&self, keepalive: Option<u32>) -> Health {
        let waiting = self.flags & LOSS_RECOVERY != 0;
        let retransmission = Duration::from_millis(self.retransmission.into());
        // What is still to be sent for the first time counts as if it were sent and not acknowledged, so that the sum comes too low. Sent
        // later, it raises the sum without an acknowledgement, but ssh's data hardly ever waits with `TCP_NODELAY`, if not for one.
        let first_time = self.sent_bytes.saturating_sub(self.resent_bytes);
        let count =
            |segments: u64| u32::try_from(segments & u64::from(u32::MAX)).unwrap_or(u32::MAX);
        Health {
            established: self.state == ESTABLISHED,
            rtt: (self.smoothed_rtt != 0).then(|| Duration::from_millis(self.smoothed_rtt.into())),
            unacknowledged: self.buffered.div_ceil(self.segment.max(1)),
            unsent: 0,
            undelivered: self.buffered.into(),
            backoff: 0,
            retransmits: waiting.into(),
            probes: 0,
            // Each time-out is twice the one before: what is running now has at least half of it behind it.
            since_last_ack: if waiting {
                retransmission / 2
            } else {
                Duration::ZERO
            },
            since_last_sent: Duration::ZERO,
            acknowledgements: 0,
            acknowledged: first_time.saturating_sub(self.buffered.into()),
            bytes_received: self.received_bytes,
            sent: count(self.sent),
            received: count(self.received),
            question: keepalive.map_or(Question::Hidden, Question::Timer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcp::{Answer, answered};

    const IDLE: Info = Info {
        state: ESTABLISHED,
        send_scale: 6,
        receive_scale: 6,
        padding: 0,
        options: 0,
        flags: 0,
        retransmission: 0,
        segment: 1448,
        threshold: 0,
        congestion_window: 14480,
        send_window: 65536,
        buffered: 0,
        receive_window: 65536,
        last_rtt: 20,
        smoothed_rtt: 20,
        rtt_variance: 2,
        fast_open: 0,
        sent: 10,
        sent_bytes: 4000,
        resent_bytes: 0,
        received: 12,
        received_bytes: 9000,
        out_of_order_bytes: 0,
        resent: 0,
    };
    const ASKED: u32 = 31_000;
    const OUT: u32 = 86_400_000;
    const HEARD: u32 = 1_020;

    fn answer(now: Info, keepalive: Option<u32>) -> Answer {
        answered(&IDLE.health(Some(ASKED)), &now.health(keepalive))
    }

    #[test]
    fn an_answer_that_carries_no_data_is_read_off_the_timer() {
        assert_eq!(answer(IDLE, Some(ASKED)), Answer::Untold);
        assert_eq!(answer(IDLE, Some(OUT)), Answer::Silent);
        assert_eq!(answer(IDLE, Some(HEARD)), Answer::Alive);
        // Whatever the kernel does not show is no silence.
        assert_eq!(answer(IDLE, None), Answer::Untold);
    }

    #[test]
    fn data_is_heard_and_what_leaves_the_buffer_is_acknowledged() {
        let data = Info {
            received: 13,
            received_bytes: 9500,
            ..IDLE
        };
        for keepalive in [Some(HEARD), Some(OUT), None] {
            assert_eq!(answer(data, keepalive), Answer::Heard);
        }
        let delivered = Info {
            sent: 11,
            sent_bytes: 4048,
            ..IDLE
        };
        assert_eq!(answer(delivered, Some(OUT)), Answer::Alive);
        // The first half of it only.
        let half = Info {
            buffered: 24,
            ..delivered
        };
        assert_eq!(answer(half, None), Answer::Alive);
    }

    #[test]
    fn what_was_sent_and_sent_again_is_no_answer() {
        let stuck = Info {
            flags: LOSS_RECOVERY,
            retransmission: 1600,
            buffered: 48,
            sent: 14,
            sent_bytes: 4000 + 4 * 48,
            resent_bytes: 3 * 48,
            resent: 3,
            ..IDLE
        };
        assert_eq!(answer(stuck, Some(OUT)), Answer::Silent);
        assert_eq!(answer(stuck, Some(ASKED)), Answer::Untold);
        let health = stuck.health(None);
        assert_eq!(health.undelivered, 48);
        assert_eq!(health.since_last_ack, Duration::from_millis(800));
        // Written and not even sent: the buffer is larger than what has left it.
        let unsent = Info {
            buffered: 5000,
            ..IDLE
        };
        assert_eq!(answer(unsent, Some(OUT)), Answer::Silent);
    }

    #[test]
    fn a_connection_that_is_over_is_known() {
        assert_eq!(answer(Info::over(), None), Answer::Ended);
        for state in [2, 5, 6, 8, 9] {
            let info = Info { state, ..IDLE };
            assert!(!info.health(None).established, "{state}");
        }
    }

    #[test]
    fn a_socket_of_another_kind_shows_no_timer() {
        let mut socket = Socket::EMPTY;
        assert_eq!(socket.keepalive(ESTABLISHED), None);
        socket.kind = Socket::TCP;
        socket.timers = [1, 2, 3, 4];
        assert_eq!(socket.keepalive(ESTABLISHED), None, "it says closed");
        socket.state = ESTABLISHED.into();
        assert_eq!(socket.keepalive(ESTABLISHED), Some(3));
    }
}
