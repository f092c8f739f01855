//! Reading off a keepalive timer what became of a question, where no counter tells.
//!
//! xnu counts only segments that carry data, and so neither keepalive probes nor the answers to them (`bsd/netinet/tcp_input.c`,
//! `tcp_subr.c`). But it shows the timer that sends them (`tcpsi_timer` of `sys/proc_info.h`), in milliseconds (`TCP_RETRANSHZ`) since the
//! connection's timers last ran, and there is exactly one way to each value:
//!
//! - `TCP_KEEPALIVE` sets it to that idle time from now, and so does every segment that arrives (`tcp_keepalive_reset`);
//! - when it expires, a probe leaves, and it is set to `TCP_KEEPINTVL` (`tcp_timers`, `TCPT_KEEP`);
//! - when any timer of the connection runs, what has passed since the last time is taken off (`tcp_run_conn_timer`).
//!
//! So a question is asked with an interval that is out of all proportion to the idle time: as long as the timer has that, a probe is out and
//! nothing was heard since. Once it has the idle time again, something was.

use std::time::Duration;

/// A second of idle time: the probe leaves then, counted from the question, whatever was heard before.
pub(crate) const IDLE: Duration = Duration::from_secs(1);

/// Until the next probe.
pub(crate) const INTERVAL: Duration = Duration::from_secs(86_400);

/// What became of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// A probe has left, and nothing was heard since.
    Out,
    /// Something was heard since the question was put.
    Heard,
    /// Neither is known.
    Pending,
}

/// By the timer just after the question was put, and now.
pub(super) fn fate(asked: u32, now: u32) -> Fate {
    const FAR: u128 = INTERVAL.as_millis() / 2;
    if u128::from(asked) >= FAR {
        // It was never put in this way.
        Fate::Pending
    } else if u128::from(now) >= FAR {
        Fate::Out
    } else if now == asked || u128::from(now) < IDLE.as_millis() {
        // As it was, or another timer ran: less than the idle time is left.
        Fate::Pending
    } else {
        Fate::Heard
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// xnu's timer, as far as a keepalive goes.
    struct Kernel {
        now: u32,
        ran: u32,
        timer: u32,
    }

    const IDLE_MS: u32 = 1000;
    const INTERVAL_MS: u32 = 86_400_000;

    impl Kernel {
        fn set(&mut self, milliseconds: u32) {
            self.timer = self.now - self.ran + milliseconds;
        }

        fn pass(&mut self, milliseconds: u32) {
            self.now += milliseconds;
        }

        /// Runs what is due, or what another timer makes run; whether a probe leaves.
        fn run(&mut self) -> bool {
            let passed = self.now - self.ran;
            let due = passed >= self.timer;
            if due {
                self.set(INTERVAL_MS);
            }
            self.timer -= passed;
            self.ran = self.now;
            due
        }
    }

    #[test]
    fn an_idle_connection_is_asked_and_answers() {
        let mut kernel = Kernel {
            now: 500_000,
            ran: 100_000,
            timer: 700_000,
        };
        kernel.set(IDLE_MS);
        let asked = kernel.timer;
        assert_eq!(fate(asked, kernel.timer), Fate::Pending);
        kernel.pass(1000);
        assert!(kernel.run(), "the probe leaves");
        assert_eq!(fate(asked, kernel.timer), Fate::Out);
        kernel.pass(40);
        assert_eq!(fate(asked, kernel.timer), Fate::Out);
        kernel.set(IDLE_MS);
        assert_eq!(fate(asked, kernel.timer), Fate::Heard);
        // A second later the next one leaves; nobody answers.
        kernel.pass(1000);
        assert!(kernel.run());
        kernel.pass(60_000);
        assert_eq!(fate(asked, kernel.timer), Fate::Out);
    }

    #[test]
    fn a_timer_that_is_off_or_was_set_by_others_says_nothing() {
        assert_eq!(fate(1000, 0), Fate::Pending);
        assert_eq!(fate(0, 0), Fate::Pending);
        assert_eq!(fate(INTERVAL_MS, INTERVAL_MS), Fate::Pending);
    }

    proptest! {
        #[test]
        fn the_timer_tells_whether_anything_was_heard(
            quiet in 0_u32..7_200_000,
            steps in proptest::collection::vec((1_u32..400, 0_u8..4), 1..60),
        ) {
            let mut kernel = Kernel { now: quiet, ran: 0, timer: quiet + 10_000 };
            kernel.set(IDLE_MS);
            let asked = kernel.timer;
            let (mut heard, mut out) = (false, false);
            for (milliseconds, what) in steps {
                kernel.pass(milliseconds);
                if kernel.now - kernel.ran >= kernel.timer || what == 0 {
                    out |= kernel.run();
                }
                if what == 1 {
                    kernel.set(IDLE_MS);
                    (heard, out) = (true, false);
                }
                let fate = fate(asked, kernel.timer);
                // Never a silence that is none, never a word that was not said.
                prop_assert!(fate != Fate::Out || out, "{fate:?}");
                prop_assert!(fate != Fate::Heard || heard, "{fate:?}");
                // And a silence is seen.
                prop_assert!(!out || fate == Fate::Out, "{fate:?}");
            }
        }
    }
}
