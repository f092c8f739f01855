//! Asking a connection whether it is alive.

use std::{io, mem, os::fd::AsFd, time::Duration};

use netroam_platform::{
    clock::{self, Time},
    tcp::{self, Health, answered},
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

/// The kernel asks when so long nothing was heard.
const SECOND: Duration = Duration::from_secs(1);

/// Beside three round trips, how long a server may send new data that hears nothing, counted from the first: see [`Stream`].
const DEAF: Duration = Duration::from_millis(1500);

/// Data that came for so long came all the time.
const STEADY: Duration = Duration::from_millis(150);

/// How often is looked while data comes.
const CLOSELY: Duration = Duration::from_millis(25);

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
/// question leaves: on a line that was heard less than a second ago that is when the second is over. As long as data comes it does not leave at all; what
/// that data says of a [`Sign::Receipt`] is told by [`Stream`]. The kernel goes on asking every second until [`tcp::keep_honest`] or
/// [`tcp::hold`] is called, which is the caller's to do. Cancel-safe.
pub async fn probe(socket: &impl AsFd, sign: Sign, patience: Option<Duration>) -> Answer {
    match ask(socket, sign, patience).await {
        Ok(answer) => answer,
        Err(error) => Answer::Gone(error),
    }
}

async fn ask(socket: &impl AsFd, sign: Sign, given: Option<Duration>) -> io::Result<Answer> {
    let mut before = tcp::ask(socket)?;
    let rtt = before.rtt.unwrap_or(UNKNOWN_RTT);
    let patience = given.unwrap_or(rtt * 2 + ALLOWANCE);
    let mut asked = clock::now();
    let mut stream = Stream::new(rtt, patience, asked, &before);
    let mut left = None;
    // The kernel's clock ticks every 1 to 10 ms, so an answer cannot be seen earlier.
    let mut interval = (rtt + rtt / 4).max(Duration::from_millis(5));
    loop {
        let now = clock::now();
        let health = tcp::health(socket)?;
        let answer = answered(&before, &health);
        let nothing_on_its_way = health.unacknowledged == 0;
        match answer {
            tcp::Answer::Alive => return Ok(Answer::Alive),
            tcp::Answer::Heard if sign == Sign::Word => return Ok(Answer::Alive),
            tcp::Answer::Ended => return Ok(Answer::Gone(io::ErrorKind::NotConnected.into())),
            tcp::Answer::Heard
            | tcp::Answer::Silent
            | tcp::Answer::Unsure
            | tcp::Answer::Untold => {}
        }
        let flow = stream.look(now, &health);
        // What was on its way when we asked has arrived: by which path, nobody knows. Now that nothing is, an acknowledgement tells.
        let arrived = answer == tcp::Answer::Heard && before.unacknowledged > 0;
        if nothing_on_its_way && (arrived || flow == Flow::Comes) {
            before = tcp::ask(socket)?;
            asked = now;
            left = None;
        } else {
            match (answer, flow) {
                (_, Flow::Hears) if nothing_on_its_way => return Ok(Answer::Alive),
                (_, Flow::Stopped) if nothing_on_its_way && given.is_none() => {
                    return Ok(Answer::Silent);
                }
                // The question has not left yet: what has is our acknowledgement of that data.
                (_, Flow::Stopped | Flow::Pauses) if nothing_on_its_way => {}
                (tcp::Answer::Heard | tcp::Answer::Silent, _) => left = left.or(Some(now)),
                (tcp::Answer::Unsure, _) if now.since(asked) >= LEAVES_WITHIN => {
                    left = left.or(Some(now));
                }
                (tcp::Answer::Untold, _) if now.since(asked) >= LEAVES_WITHIN + patience => {
                    return Ok(Answer::Untold);
                }
                (
                    tcp::Answer::Alive
                    | tcp::Answer::Unsure
                    | tcp::Answer::Untold
                    | tcp::Answer::Ended,
                    _,
                ) => {}
            }
        }
        let pause = match left {
            None => interval,
            Some(left) if now.since(left) >= patience => return Ok(Answer::Silent),
            Some(left) => interval.min(patience.saturating_sub(now.since(left))),
        };
        sleep(if flow == Flow::None {
            pause
        } else {
            pause.min(CLOSELY)
        })
        .await;
        interval = (interval * 3 / 2).min(Duration::from_millis(250));
    }
}

/// What the data says that comes while we wait.
///
/// A server that hears nothing of us sends on until its retransmission time-out, and a word or two at the next one. With Linux new data came for 0.4 s at most
/// after the first that was not acknowledged where there is no delay (a write every 5 to 800 ms), and for 0.96 s where the delay had just grown from 20 to
/// 300 ms, of which our own round-trip time knows nothing yet. So whoever sends new data later than [`DEAF`] hears us. One that wrote all the time
/// and falls silent does not: a lost packet is made good within the patience. Of any other silence nothing can be told.
#[derive(Debug)]
struct Stream {
    /// For so long after the first word a server may go on that does not hear us.
    deaf: Duration,
    /// Whoever writes all the time pauses for less than this, or than three times the longest pause before.
    patience: Duration,
    bytes: u64,
    first: Option<Time>,
    last: Time,
    looked: Time,
    arrivals: u32,
    longest: Duration,
}

/// What a look at the data says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    /// There was none yet, or none for so long that the kernel has asked.
    None,
    /// There is more, which says nothing yet.
    Comes,
    /// There is more, and the other side hears us.
    Hears,
    /// There is no more for the moment.
    Pauses,
    /// There should be more by now.
    Stopped,
}

impl Stream {
    fn new(rtt: Duration, patience: Duration, now: Time, health: &Health) -> Self {
        Self {
            deaf: DEAF + rtt * 3,
            patience,
            bytes: health.bytes_received,
            first: None,
            last: now,
            looked: now,
            arrivals: 0,
            longest: Duration::ZERO,
        }
    }

    fn look(&mut self, now: Time, health: &Health) -> Flow {
        let looked = mem::replace(&mut self.looked, now);
        if health.bytes_received > self.bytes {
            self.bytes = health.bytes_received;
            let first = *self.first.get_or_insert(now);
            if looked.since(first) > self.deaf {
                return Flow::Hears;
            }
            if self.arrivals > 0 {
                self.longest = self.longest.max(now.since(self.last));
            }
            self.arrivals += 1;
            self.last = now;
            return Flow::Comes;
        }
        let Some(first) = self.first else {
            return Flow::None;
        };
        let pause = now.since(self.last);
        let steady = self.arrivals >= 4 && self.last.since(first) >= STEADY;
        if pause >= SECOND {
            Flow::None
        } else if steady && pause >= (self.longest * 3).max(self.patience) {
            Flow::Stopped
        } else {
            Flow::Pauses
        }
    }
}
