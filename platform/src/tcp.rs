//! How a TCP connection is doing, and making the kernel find out.
//!
//! Everything here works on any descriptor of the connection: the duplicate that netroam keeps is as good as the one that ssh
//! has. Nothing is ever written into the connection's stream or read from it, no pending error is taken from ssh, and no
//! question waits for an answer: the kernel does the timing.
//!
//! It does not judge whether a run is dead; that takes the path too, and is the supervisor's business.

pub(crate) mod question;

use std::{io, os::fd::AsFd, time::Duration};

use socket2::SockRef;

use self::question::Fate;
use crate::imp;

/// What the kernel knows of a connection at one moment (Linux: `TCP_INFO`, tcp(7) and `linux/tcp.h`; macOS: `TCP_CONNECTION_INFO`, xnu's
/// `bsd/netinet/tcp.h`).
///
/// Where a system does not say something, its number is zero. That goes for macOS and what is unsent, when something was sent last, back-off,
/// probes and acknowledgements, which it does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// Both directions are open. False before the handshake, after either side has closed, and after a reset or time-out.
    pub established: bool,
    /// The smoothed round-trip time; `None` before the first measurement.
    pub rtt: Option<Duration>,
    /// Segments sent and not yet acknowledged (macOS: with those not yet sent).
    pub unacknowledged: u32,
    /// Bytes written by ssh and not yet sent at all.
    pub unsent: u32,
    /// Bytes written by ssh that the other side never acknowledged. Unlike the two above this is also known after the kernel has given the
    /// connection up (not on macOS, which forgets all of it then).
    pub undelivered: u64,
    /// How often the retransmission time-out was doubled since the last acknowledgement.
    pub backoff: u8,
    /// Retransmissions of the oldest segment since the last acknowledgement (macOS: one stands for any number).
    pub retransmits: u8,
    /// Keepalive or window probes that no answer came to.
    pub probes: u8,
    /// Since an acknowledgement arrived (every segment of an established connection carries one). It says nothing by itself:
    /// an idle connection hears none. (macOS: at least that long, and zero while nothing had to be sent again.)
    pub since_last_ack: Duration,
    /// Since data was sent, for the first time or again.
    pub since_last_sent: Duration,
    /// Segments received that carry no data: acknowledgements, answers to probes. Wraps around. One that comes after a question says that
    /// the question arrived, which data does not: the other side may be sending without hearing us.
    pub acknowledgements: u32,
    /// Bytes of ours that were acknowledged in all (macOS: at least).
    pub acknowledged: u64,
    /// New bytes received in all; what is sent a second time does not count.
    pub bytes_received: u64,
    /// Segments sent in all: data, acknowledgements, retransmissions, probes (macOS: data and retransmissions). Wraps around.
    pub sent: u32,
    /// Segments received in all (macOS: those that carry data). Wraps around.
    pub received: u32,
    /// Where the kernel's own question is to be seen.
    pub question: Question,
}

impl Health {
    /// Bytes of ours that are acknowledged in all when everything that was sent until now is, and one more: Linux has the SYN in
    /// [`Self::acknowledged`] and not in [`Self::undelivered`].
    fn all_sent(&self) -> u64 {
        let on_its_way = self.undelivered.saturating_sub(self.unsent.into());
        self.acknowledged
            .saturating_add(on_its_way)
            .saturating_add(1)
    }
}

/// Where a question of the kernel's to the other side, and the answer to it, leave a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// In the counters (Linux).
    Counted,
    /// In the keepalive timer, in milliseconds, as `tcp/question.rs` reads it (macOS).
    Timer(u32),
    /// Nowhere (macOS, where it does not show the timer: a connection that a VPN for single programs takes over leaves the kernel's TCP
    /// out).
    Hidden,
}

/// What a look at a connection says about an earlier look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The other side has acknowledged something that was sent since: it hears us.
    Alive,
    /// The other side was heard since, but only with data, or with an acknowledgement of what was on its way then already. It may be
    /// sending without hearing us: what it sends comes over one path, and what we send goes over another from now on.
    Heard,
    /// Something was sent since, and nothing heard. How long that may go on is for the asker to say.
    Silent,
    /// Nothing was sent and nothing heard: nobody has asked yet.
    Unsure,
    /// Nothing that the kernel counts was heard. It does not say whether it has asked yet, nor whether it ever will.
    Untold,
    /// The connection is over.
    Ended,
}

/// Asks the kernel how the connection is doing. One system call, no packet.
///
/// # Errors
/// Those of getsockopt(2): not a TCP socket.
pub fn health(socket: &impl AsFd) -> io::Result<Health> {
    imp::tcp::health(socket.as_fd())
}

/// Makes the kernel ask the other side for a sign of life; returns the health at that moment, for [`answered`].
///
/// On a connection that heard nothing for a second or more, a keepalive probe leaves at once (measured on Linux 6.18: within 4 ms,
/// the next tick of the kernel's clock). On one that heard something less than a second ago, it leaves when the second is
/// over. While data is in flight the kernel sends no probe, because the data asks the question already.
///
/// The kernel goes on asking every second until [`keep_honest`] or [`hold`] sets the pace again; call one of them when the
/// answer is in. It can be asked again at any time.
///
/// Where [`keep_honest`] is in force, a connection that has heard nothing for the whole stall time is ended by the kernel one second
/// after the question.
///
/// macOS sends one probe, always a second after the question (its timers may add half of one), whatever was heard before; another one
/// leaves only a second after an answer, and none of them ends the connection.
///
/// # Errors
/// Those of setsockopt(2): not a TCP socket.
pub fn ask(socket: &impl AsFd) -> io::Result<Health> {
    imp::tcp::ask(socket.as_fd())
}

/// Whether the other side has answered between two looks at the same connection.
///
/// ```text
/// let before = tcp::ask(&socket)?;
/// // … a round trip later:
/// let answer = tcp::answered(&before, &tcp::health(&socket)?);
/// ```
pub fn answered(before: &Health, now: &Health) -> Answer {
    if !now.established {
        return Answer::Ended;
    }
    let acknowledges =
        now.acknowledgements != before.acknowledgements || now.acknowledged > before.acknowledged;
    let on_its_way = before.unacknowledged > 0;
    let beyond = now.acknowledged > before.all_sent();
    if beyond || (acknowledges && !on_its_way) {
        return Answer::Alive;
    }
    if acknowledges || now.received != before.received {
        return Answer::Heard;
    }
    match (before.question, now.question) {
        (Question::Counted, _) if now.sent != before.sent => Answer::Silent,
        (Question::Counted, _) => Answer::Unsure,
        (Question::Timer(asked), Question::Timer(now)) => match question::fate(asked, now) {
            Fate::Out => Answer::Silent,
            // Not data, so it was an acknowledgement.
            Fate::Heard if on_its_way => Answer::Heard,
            Fate::Heard => Answer::Alive,
            Fate::Pending => Answer::Untold,
        },
        (Question::Timer(_), Question::Counted | Question::Hidden) | (Question::Hidden, _) => {
            Answer::Untold
        }
    }
}

/// Has the kernel end the connection (`ETIMEDOUT`, and ssh with it) when nothing is heard from the other side for long.
///
/// - Data unacknowledged for `stall` ends it (`TCP_USER_TIMEOUT`, RFC 5482). macOS counts from the first retransmission and looks only when
///   the next one is due, so it may be twice that (`TCP_RXT_CONNDROPTIME`); but its keepalive ends it in time even then.
/// - With `keepalive`, an idle connection is probed after two thirds of `stall` without a word, then every fifteenth of it (whole
///   seconds, at least 1), and ended when nothing was heard for `stall`: at the latest `stall` plus one such interval, plus 1 s,
///   after the last word. So one lost probe ends nothing, and a NAT mapping is kept fresh. Without `keepalive`, because the
///   user has said `TCPKeepAlive no`, an idle dead line stays unnoticed until somebody asks.
/// - Small segments leave at once (`TCP_NODELAY`).
/// - Where the kernel can (Linux 6.15), it retransmits at least every two seconds, so that after a router's silence the next
///   attempt is never far.
///
/// It also sets the pace again after [`ask`]. `stall` is at least 3 s: less could end a connection over one bad moment.
///
/// # Errors
/// Those of setsockopt(2): not a TCP socket.
pub fn keep_honest(socket: &impl AsFd, stall: Duration, keepalive: bool) -> io::Result<()> {
    let stall = stall.max(SHORTEST_STALL);
    SockRef::from(socket).set_tcp_nodelay(true)?;
    imp::tcp::keep_honest(
        socket.as_fd(),
        stall,
        keepalive.then(|| Pace::within(stall)),
    )
}

/// Undoes [`keep_honest`] and [`ask`] as far as ending goes: the connection outlives any silence that the kernel's own limit
/// allows (Linux: `tcp_retries2`, about a quarter of an hour), and an idle one has no limit.
///
/// For a run that waits for its address to come back.
///
/// # Errors
/// Those of setsockopt(2): not a TCP socket.
pub fn hold(socket: &impl AsFd) -> io::Result<()> {
    imp::tcp::hold(socket.as_fd())
}

/// Shorter than three seconds there is no room for a probe, its answer over a slow line, and a second probe.
const SHORTEST_STALL: Duration = Duration::from_secs(3);

/// How an idle connection is probed; whole seconds, since that is what the kernels take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// Without a word for this long, the first probe leaves.
    pub(crate) idle: Duration,
    /// From one probe to the next.
    pub(crate) interval: Duration,
    /// Unanswered probes that end the connection, where the kernel counts them. (Linux goes by `TCP_USER_TIMEOUT`.)
    pub(crate) probes: u32,
}

impl Pace {
    fn within(stall: Duration) -> Self {
        let stall = stall.as_secs();
        let (idle, interval) = ((stall * 2 / 3).max(1), (stall / 15).max(1));
        let probes = (stall - idle).div_ceil(interval);
        Self {
            idle: Duration::from_secs(idle),
            interval: Duration::from_secs(interval),
            probes: u32::try_from(probes).unwrap_or(u32::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::{TcpListener, TcpStream},
    };

    use super::*;

    const QUIET: Health = Health {
        established: true,
        rtt: Some(Duration::from_millis(1)),
        unacknowledged: 0,
        undelivered: 0,
        unsent: 0,
        backoff: 0,
        retransmits: 0,
        probes: 0,
        since_last_sent: Duration::ZERO,
        since_last_ack: Duration::from_secs(9),
        acknowledgements: 0,
        acknowledged: 0,
        bytes_received: 0,
        sent: u32::MAX,
        received: 7,
        question: Question::Counted,
    };

    #[test]
    fn only_a_segment_heard_since_is_an_answer() {
        assert_eq!(answered(&QUIET, &QUIET), Answer::Unsure);
        // Counters wrap around.
        let asked = Health {
            sent: 0,
            probes: 1,
            ..QUIET
        };
        assert_eq!(answered(&QUIET, &asked), Answer::Silent);
        assert_eq!(
            answered(
                &QUIET,
                &Health {
                    received: 8,
                    acknowledgements: 1,
                    ..asked
                }
            ),
            Answer::Alive
        );
        // What was on its way before the question may have gone another way than what is sent since.
        let writing = Health {
            unacknowledged: 1,
            acknowledged: 101,
            undelivered: 35,
            ..QUIET
        };
        let until_then = Health {
            received: 8,
            acknowledgements: 1,
            acknowledged: 137,
            undelivered: 0,
            ..asked
        };
        assert_eq!(answered(&writing, &until_then), Answer::Heard);
        let since = Health {
            acknowledged: 173,
            ..until_then
        };
        assert_eq!(answered(&writing, &since), Answer::Alive);
        let one_byte = Health {
            acknowledged: 138,
            ..until_then
        };
        assert_eq!(answered(&writing, &one_byte), Answer::Alive);
        // What had not left yet leaves after the question.
        let unsent = Health {
            unsent: 36,
            undelivered: 71,
            ..writing
        };
        assert_eq!(answered(&unsent, &until_then), Answer::Heard);
        assert_eq!(answered(&unsent, &one_byte), Answer::Alive);
        let data = Health {
            received: 8,
            bytes_received: 30,
            ..asked
        };
        assert_eq!(answered(&QUIET, &data), Answer::Heard);
        assert_eq!(
            answered(
                &asked,
                &Health {
                    since_last_ack: Duration::ZERO,
                    ..asked
                }
            ),
            Answer::Unsure
        );
        assert_eq!(
            answered(
                &QUIET,
                &Health {
                    established: false,
                    received: 8,
                    ..asked
                }
            ),
            Answer::Ended
        );
    }

    #[test]
    fn the_pace_leaves_room_for_lost_probes_within_the_stall_time() {
        for stall in 3..=600 {
            let pace = Pace::within(Duration::from_secs(stall));
            let last = pace.idle + pace.interval * pace.probes;
            assert!(
                last >= Duration::from_secs(stall)
                    && last < Duration::from_secs(stall) + pace.interval,
                "{stall}: {pace:?}"
            );
            assert!(stall < 6 || pace.probes >= 2, "{stall}: {pace:?}");
        }
        let pace = Pace::within(Duration::from_secs(15));
        assert_eq!(
            (pace.idle, pace.interval, pace.probes),
            (Duration::from_secs(10), Duration::from_secs(1), 5)
        );
    }

    #[test]
    fn a_connection_is_seen_through_its_whole_life() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut far = listener.accept().unwrap().0;
        let duplicate = near.try_clone().unwrap();
        let before = health(&duplicate).unwrap();
        assert!(before.established && before.rtt.is_some(), "{before:?}");
        far.write_all(b"hello").unwrap();
        near.read_exact(&mut [0; 5]).unwrap();
        // Data says that the other side speaks, not that it hears us.
        assert_eq!(
            answered(&before, &health(&duplicate).unwrap()),
            Answer::Heard
        );
        drop(far);
        assert_eq!(near.read(&mut [0; 1]).unwrap(), 0);
        assert_eq!(
            answered(&before, &health(&duplicate).unwrap()),
            Answer::Ended
        );
    }
}
