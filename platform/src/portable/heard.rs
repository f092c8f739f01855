//! The health of a connection of which little more is known than when it was heard last.

use std::time::Duration;

use crate::tcp::{Health, Question};

/// The moment at which a connection was heard last is counted in these. Two clocks are read for it, one of which ticks every 1 to 10 ms, so it may
/// come out a little differently each time; the longer the unit, the more seldom that looks like a word. And what answers a question comes
/// at least a second after the word before it, the time that [`crate::tcp::ask`] leaves a connection alone: always in another unit.
const UNIT: Duration = Duration::from_millis(500);

/// What the kernel says of a connection, and when it was asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard {
    pub(super) established: bool,
    pub(super) rtt: Duration,
    /// Since any segment arrived.
    pub(super) silent_for: Duration,
    /// Of the next byte from the other side. Wraps around.
    pub(super) next_byte: u32,
    /// Time awake since boot.
    pub(super) now: Duration,
}

impl Heard {
    /// A health that [`crate::tcp::answered`] calls alive when a segment has arrived since, and otherwise unsure. Never silent: it is not known what
    /// was sent, so whoever waits for an answer has to allow for all the time that the question may take to leave. Nor heard: a pure
    /// acknowledgement and data look the same, and what cannot be told apart must not end a live connection.
    pub(super) fn health(self) -> Health {
        let last = self.now.saturating_sub(self.silent_for);
        // Wraps around after 68 years.
        let unit = u32::try_from(last.as_millis() / UNIT.as_millis()).unwrap_or(u32::MAX);
        Health {
            established: self.established,
            rtt: (!self.rtt.is_zero()).then_some(self.rtt),
            unacknowledged: 0,
            unsent: 0,
            undelivered: 0,
            backoff: 0,
            retransmits: 0,
            probes: 0,
            since_last_ack: self.silent_for,
            since_last_sent: Duration::ZERO,
            acknowledgements: unit,
            acknowledged: 0,
            bytes_received: self.next_byte.into(),
            sent: 0,
            received: unit,
            question: Question::Counted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcp::{Answer, answered};

    /// A connection heard last at one moment, and asked at another; both in ms of time awake.
    fn heard(last: u64, now: u64) -> Heard {
        Heard {
            established: true,
            rtt: Duration::from_millis(30),
            silent_for: Duration::from_millis(now - last),
            next_byte: 7,
            now: Duration::from_millis(1_000_000 + now),
        }
    }

    #[test]
    fn any_segment_after_the_question_is_life_and_nothing_is_silence() {
        for last in (0..2_000).step_by(7) {
            let before = heard(last, 2_000).health();
            for now in [2_000, 2_300, 9_000] {
                let same = answered(&before, &heard(last, now).health());
                assert_eq!(same, Answer::Unsure, "{last} {now}");
            }
            // The kernel asks when the connection was left alone for a second.
            let answer = last.max(1_000) + 1_000;
            let now = heard(answer, answer + 250).health();
            assert_eq!(answered(&before, &now), Answer::Alive, "{last}");
        }
    }

    #[test]
    fn clocks_that_tick_differently_seldom_look_like_a_word() {
        let mistaken = (0..1_000).filter(|last| {
            let before = heard(*last, 5_000).health();
            // Read 10 ms later than it says.
            let now = heard(*last + 10, 6_000).health();
            answered(&before, &now) == Answer::Alive
        });
        assert_eq!(mistaken.count(), 20, "of 1000");
    }

    #[test]
    fn over_is_over_and_nothing_is_claimed_to_be_undelivered() {
        let before = heard(0, 100).health();
        let now = Heard {
            established: false,
            ..heard(200, 300)
        };
        assert_eq!(answered(&before, &now.health()), Answer::Ended);
        assert_eq!(before.rtt, Some(Duration::from_millis(30)));
        assert_eq!((before.undelivered, before.unacknowledged), (0, 0));
    }
}
