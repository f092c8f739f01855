//! Telling each sleep once, and only when the machine is awake for its user.

use std::time::Duration;

use super::power::Phase;

/// Less than this is no sleep: the two clocks are not read at the same moment.
const SHORTEST: Duration = Duration::from_millis(500);

/// Awake for this long on end without word from the power manager, the machine counts as awake: a dark wake ends within a minute
/// (`pmset -g log`), but one that is kept up, by a backup or a remote login, must not leave the sessions alone for hours. It is also the
/// net for a word that never came. The next sleep, which is not announced again, ends it: then it is dark as before.
const LONGEST_DARK: Duration = Duration::from_secs(180);

/// The clocks at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// Time slept since boot: what `CLOCK_MONOTONIC_RAW` counts and `CLOCK_UPTIME_RAW` does not (`clock_gettime(3)`).
    pub(super) asleep: Duration,
    /// Time awake since boot.
    pub(super) awake: Duration,
}

/// What a moment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// Nothing to tell.
    Awake,
    /// Awake at best in the dark: nobody is to be told of anything.
    Dark,
    /// Awake after a sleep of about this length, which is told now.
    Woke(Duration),
}

/// Tells each sleep once.
///
/// The power manager's word goes first: from the announcement of a sleep until the machine is awake for its user, or has been up for
/// [`LONGEST_DARK`] on end, every moment is a dark one, whatever the clocks say. A sleep of which it has not said a word (it could not be
/// asked, or failed) is told as soon as the clocks are looked at; it may have been a dark wake then.
#[derive(Debug)]
pub(super) struct Wakes {
    /// The time slept that is told already.
    told: Duration,
    /// Where it is dark.
    up: Option<Up>,
}

/// The time since the machine last slept, in the dark.
#[derive(Clone, Copy, Debug)]
struct Up {
    /// The first look.
    since: Reading,
    /// It has lasted for [`LONGEST_DARK`], and that is told.
    told: bool,
}

impl Wakes {
    /// What was slept up to now is nobody's business.
    pub(super) const fn since(now: Reading) -> Self {
        Self {
            told: now.asleep,
            up: None,
        }
    }

    /// A look at the clocks. What is [`Moment::Woke`] is told with that.
    pub(super) fn looked(&mut self, phase: Phase, now: Reading) -> Moment {
        let slept = now.asleep.saturating_sub(self.told);
        let woke = match phase {
            Phase::Awake => slept >= SHORTEST,
            Phase::Woken => true,
            Phase::Asleep => match self.dark(now) {
                Some(first) => first,
                None => return Moment::Dark,
            },
        };
        if phase != Phase::Asleep {
            self.up = None;
        }
        if !woke {
            return Moment::Awake;
        }
        self.told = now.asleep;
        Moment::Woke(slept)
    }

    /// Whether this is the first look at a machine that is kept up in the dark; `None` if it is not, or not for long enough.
    fn dark(&mut self, now: Reading) -> Option<bool> {
        let up = self
            .up
            .filter(|up| now.asleep.saturating_sub(up.since.asleep) < SHORTEST)
            .unwrap_or(Up {
                since: now,
                told: false,
            });
        let kept_up = now.awake.saturating_sub(up.since.awake) >= LONGEST_DARK;
        self.up = Some(Up {
            told: kept_up,
            ..up
        });
        kept_up.then_some(!up.told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    const fn at(awake: u64, asleep: u64) -> Reading {
        Reading {
            asleep: s(asleep),
            awake: s(awake),
        }
    }

    #[test]
    fn a_sleep_is_told_once_when_the_machine_is_awake_for_its_user() {
        let mut wakes = Wakes::since(at(900, 100));
        assert_eq!(wakes.looked(Phase::Awake, at(901, 100)), Moment::Awake);
        assert_eq!(wakes.looked(Phase::Asleep, at(902, 100)), Moment::Dark);
        // Three dark wakes of a night; the machine is up for longer than LONGEST_DARK in all.
        for nap in 1..=3 {
            for second in 0..2 {
                let now = at(902 + nap * 100 + second * 60, 100 + nap * 3600);
                assert_eq!(wakes.looked(Phase::Asleep, now), Moment::Dark, "{now:?}");
            }
        }
        let morning = at(1300, 28900);
        assert_eq!(wakes.looked(Phase::Woken, morning), Moment::Woke(s(28800)));
        assert_eq!(wakes.looked(Phase::Awake, morning), Moment::Awake);
        assert_eq!(wakes.looked(Phase::Awake, at(9999, 28900)), Moment::Awake);
    }

    #[test]
    fn a_sleep_that_was_called_off_is_told_too() {
        let mut wakes = Wakes::since(at(0, 0));
        assert_eq!(wakes.looked(Phase::Asleep, at(10, 0)), Moment::Dark);
        assert_eq!(wakes.looked(Phase::Woken, at(11, 0)), Moment::Woke(s(0)));
    }

    #[test]
    fn without_a_word_the_clocks_tell() {
        let mut wakes = Wakes::since(at(0, 0));
        assert_eq!(wakes.looked(Phase::Awake, at(5, 60)), Moment::Woke(s(60)));
        assert_eq!(wakes.looked(Phase::Awake, at(6, 60)), Moment::Awake);
        // The clocks are read one after the other.
        let skew = Reading {
            asleep: s(60) + Duration::from_millis(3),
            awake: s(7),
        };
        assert_eq!(wakes.looked(Phase::Awake, skew), Moment::Awake);
    }

    #[test]
    fn a_machine_that_stays_up_in_the_dark_counts_as_awake() {
        let mut wakes = Wakes::since(at(0, 0));
        assert_eq!(wakes.looked(Phase::Asleep, at(1, 0)), Moment::Dark);
        assert_eq!(wakes.looked(Phase::Asleep, at(100, 600)), Moment::Dark);
        assert_eq!(wakes.looked(Phase::Asleep, at(279, 600)), Moment::Dark);
        assert_eq!(
            wakes.looked(Phase::Asleep, at(280, 600)),
            Moment::Woke(s(600))
        );
        assert_eq!(wakes.looked(Phase::Asleep, at(281, 600)), Moment::Awake);
        // It sleeps again, unannounced, and wakes up in the dark: for a short time, and for a long one.
        assert_eq!(wakes.looked(Phase::Asleep, at(300, 4200)), Moment::Dark);
        assert_eq!(wakes.looked(Phase::Asleep, at(330, 7800)), Moment::Dark);
        assert_eq!(
            wakes.looked(Phase::Asleep, at(510, 7800)),
            Moment::Woke(s(7200))
        );
        // Then its user comes.
        assert_eq!(
            wakes.looked(Phase::Woken, at(520, 7800)),
            Moment::Woke(s(0))
        );
        assert_eq!(wakes.looked(Phase::Awake, at(521, 7800)), Moment::Awake);
        // The next sleep begins to count anew.
        assert_eq!(wakes.looked(Phase::Asleep, at(900, 7800)), Moment::Dark);
    }
}
