//! Asking a connection whether it is alive.

use std::{io, os::fd::AsFd, time::Duration};

use netroam_platform::{
    clock,
    tcp::{self, answered},
};
use tokio::time::sleep;

/// Beside two round trips, what an answer may take: a delayed acknowledgement (Linux: at most 200 ms, `TCP_DELACK_MAX`), and the
/// spread of a crowded line.
const ALLOWANCE: Duration = Duration::from_millis(300);

/// The time from the question to the first look, where the round-trip time is not known.
const UNKNOWN_RTT: Duration = Duration::from_millis(100);

/// The kernel's question leaves at the latest this long after it was put: when a second has passed without a word from the other side.
/// Half a second beyond that is the kernel's own time for a probe.
const LEAVES_WITHIN: Duration = Duration::from_millis(1500);

/// What counts as a sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Any word from the other side: the path is the one on which the connection was well.
    Word,
    /// That it hears us: what we send goes another way now, and a server that is in the middle of its output goes on sending for a while
    /// to somebody whom it does not hear any more.
    Receipt,
}

/// What a connection said.
#[derive(Debug)]
pub enum Answer {
    /// The other side is there.
    Alive,
    /// No sign of it in time.
    Silent,
    /// No sign of it in time, where the kernel does not say whether it has asked.
    Untold,
    /// The connection is over, or cannot be asked.
    Gone(io::Error),
}

/// Asks the other side of `socket` for a sign of life through the kernel, and waits for it.
///
/// Nothing is written into the stream. The patience (by default two round trips and 300 ms) counts from the moment when the
/// question leaves: on a line that was heard less than a second ago that is when the second is over. Somebody who was given a patience of his own
/// has much to lose, so that there it also counts as a [`Sign::Receipt`] if new data still comes in the second half of it: by then a
/// server that hears nothing repeats itself. The kernel goes on asking
/// every second until [`tcp::keep_honest`] or [`tcp::hold`] is called, which is the caller's to do. Cancel-safe.
pub async fn probe(socket: &impl AsFd, sign: Sign, patience: Option<Duration>) -> Answer {
    match ask(socket, sign, patience).await {
        Ok(answer) => answer,
        Err(error) => Answer::Gone(error),
    }
}

async fn ask(socket: &impl AsFd, sign: Sign, patience: Option<Duration>) -> io::Result<Answer> {
    let mut before = tcp::ask(socket)?;
    let rtt = before.rtt.unwrap_or(UNKNOWN_RTT);
    let tolerant = patience.is_some();
    let patience = patience.unwrap_or(rtt * 2 + ALLOWANCE);
    let mut asked = clock::now();
    let mut left = None;
    let mut halfway = None;
    // The kernel's clock ticks every 1 to 10 ms, so an answer cannot be seen earlier.
    let mut interval = (rtt + rtt / 4).max(Duration::from_millis(5));
    loop {
        let now = clock::now();
        let health = tcp::health(socket)?;
        match answered(&before, &health) {
            tcp::Answer::Alive => return Ok(Answer::Alive),
            tcp::Answer::Heard if sign == Sign::Word => return Ok(Answer::Alive),
            // What was on its way when we asked has arrived: by which path, nobody knows. Now that nothing is, an acknowledgement tells.
            tcp::Answer::Heard if before.unacknowledged > 0 && health.unacknowledged == 0 => {
                before = tcp::ask(socket)?;
                asked = now;
                (left, halfway) = (None, None);
            }
            tcp::Answer::Ended => return Ok(Answer::Gone(io::ErrorKind::NotConnected.into())),
            tcp::Answer::Heard | tcp::Answer::Silent => left = left.or(Some(now)),
            tcp::Answer::Unsure if now.since(asked) >= LEAVES_WITHIN => left = left.or(Some(now)),
            tcp::Answer::Untold if now.since(asked) >= LEAVES_WITHIN + patience => {
                return Ok(Answer::Untold);
            }
            tcp::Answer::Unsure | tcp::Answer::Untold => {}
        }
        let pause = match left {
            None => interval,
            Some(left) => {
                let waited = now.since(left);
                if waited >= patience / 2 {
                    let then = *halfway.get_or_insert(health.bytes_received);
                    if waited >= patience {
                        let going_on = tolerant && health.bytes_received > then;
                        return Ok(if going_on {
                            Answer::Alive
                        } else {
                            Answer::Silent
                        });
                    }
                }
                interval.min(patience.saturating_sub(waited))
            }
        };
        sleep(pause).await;
        interval = (interval * 3 / 2).min(Duration::from_millis(250));
    }
}
