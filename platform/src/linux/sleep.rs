//! Noticing that the machine slept, without a tick.
//!
//! Three ways lead here, and one wake is told once, whichever comes first: the clocks, looked at whenever anything wakes us up; a timer
//! that the kernel cancels on resume; and logind's word.

use std::{
    future::{pending, poll_fn},
    io,
    task::Poll,
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::{
        time::{TimeSpec, TimeValLike as _},
        timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags},
    },
    time::{self, clock_gettime},
};
use tokio::{select, time::timeout};

use super::logind::{self, Logind, Phase};
use crate::{readable::Readable, sleep::SleepSource};

/// Less than this is no sleep: the two clocks are not read at the same moment.
const SHORTEST: Duration = Duration::from_millis(500);

/// The year 2100. The timer never expires; what matters is that it is cancelled.
const FAR: i64 = 4_102_444_800;

/// Word of a sleep to come that is read within this long after the clocks have told of a wake is about the sleep before it: logind
/// says it, and the machine sleeps before we get to read it.
const LATE: Duration = Duration::from_secs(5);

/// How long the system bus may take to say whether logind is there.
const ASKING: Duration = Duration::from_secs(2);

/// Who tells of a sleep.
pub(crate) async fn source() -> SleepSource {
    match timeout(ASKING, logind::there()).await {
        Ok(Ok(true)) => SleepSource::Logind,
        Ok(Ok(false) | Err(_)) | Err(_) if arm().is_ok() => SleepSource::ClocksAndTimer,
        Ok(Ok(false) | Err(_)) | Err(_) => SleepSource::Clocks,
    }
}

/// Knows how long the machine has slept.
#[derive(Debug)]
pub(crate) struct Sleep {
    /// Cancelled when the machine resumes (Linux 5.15: `timerfd_resume` in `fs/timerfd.c`) or its clock is set. Without it a sleep is noticed
    /// at the next wake-up of any kind.
    timer: Option<(TimerFd, Readable)>,
    logind: Logind,
    clocks: fn() -> Reading,
    wakes: Wakes,
}

/// The clocks at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// Time slept since boot: what `CLOCK_BOOTTIME` counts and `CLOCK_MONOTONIC` does not (`clock_gettime(2)`).
    pub(super) asleep: Duration,
    /// Time awake since boot.
    pub(super) awake: Duration,
}

/// Tells each wake once.
#[derive(Debug)]
struct Wakes {
    /// The time slept that is told already.
    before: Duration,
    told: Told,
}

/// Whether a wake was told since the last sleep was announced, and what told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    No,
    /// At this time awake.
    ByClocks(Duration),
    ByLogind,
}

impl Sleep {
    pub(crate) fn open() -> Self {
        let timer = arm().inspect_err(|error| tracing::info!(%error, "no timer tells of a sleep"));
        Self::with(timer.ok(), Logind::connect(), read)
    }

    pub(super) fn with(
        timer: Option<(TimerFd, Readable)>,
        logind: Logind,
        clocks: fn() -> Reading,
    ) -> Self {
        Self {
            timer,
            logind,
            clocks,
            wakes: Wakes::since(clocks()),
        }
    }

    /// Waits until the machine has slept; returns for how long. Cancel-safe.
    ///
    /// Each time that it is polled it looks at the clocks, so whatever wakes up the task that waits also tells of a sleep.
    pub(crate) async fn woke(&mut self) -> Duration {
        loop {
            let (wakes, clocks) = (&mut self.wakes, self.clocks);
            let phase = select! {
                biased;
                slept = poll_fn(|_| wakes.looked(clocks()).map_or(Poll::Pending, Poll::Ready)) => return slept,
                phase = self.logind.next() => phase,
                cancelled = cancelled(self.timer.as_ref()) => {
                    if !cancelled {
                        self.timer = None;
                    }
                    continue;
                }
            };
            if let Some(slept) = self.wakes.said(phase, clocks()) {
                return slept;
            }
        }
    }
}

impl Wakes {
    /// What was slept up to now is nobody's business.
    fn since(now: Reading) -> Self {
        Self {
            before: now.asleep,
            told: Told::No,
        }
    }

    /// A look at the clocks: the time slept since the last wake that was told, if there was a sleep.
    fn looked(&mut self, now: Reading) -> Option<Duration> {
        (now.asleep.saturating_sub(self.before) >= SHORTEST)
            .then(|| self.tell(now, Told::ByClocks(now.awake)))
    }

    /// What logind said, as read now: the time slept, if there is a wake to be told.
    fn said(&mut self, phase: Phase, now: Reading) -> Option<Duration> {
        match (phase, self.told) {
            (Phase::Sleeping, told) => {
                // Its word is older than what the clocks say now, and than what they said just before.
                let late =
                    matches!(told, Told::ByClocks(at) if now.awake.saturating_sub(at) < LATE);
                if !late {
                    self.told = Told::No;
                }
                self.looked(now)
            }
            (Phase::Awake, Told::No) => Some(self.tell(now, Told::ByLogind)),
            (Phase::Awake, Told::ByClocks(_) | Told::ByLogind) => {
                let slept = self.looked(now);
                self.told = Told::ByLogind;
                slept
            }
        }
    }

    fn tell(&mut self, now: Reading, told: Told) -> Duration {
        let slept = now.asleep.saturating_sub(self.before);
        self.before = now.asleep;
        self.told = told;
        slept
    }
}

fn read() -> Reading {
    let [boottime, awake] = [
        time::ClockId::CLOCK_BOOTTIME,
        time::ClockId::CLOCK_MONOTONIC,
    ]
    .map(|clock| clock_gettime(clock).map_or(Duration::ZERO, Duration::from));
    Reading {
        asleep: boottime.saturating_sub(awake),
        awake,
    }
}

/// Waits until the timer is cancelled, and arms it again; false if that fails. Cancel-safe.
async fn cancelled(timer: Option<&(TimerFd, Readable)>) -> bool {
    let Some((timer, readable)) = timer else {
        return pending().await;
    };
    if readable.readable().await.is_err() {
        return false;
    }
    // A timer that was cancelled says so once, and waits again from then on.
    match timer.wait() {
        Ok(()) | Err(Errno::ECANCELED | Errno::EAGAIN) => set(timer).is_ok(),
        Err(error) => {
            tracing::info!(%error, "the timer that tells of a sleep failed");
            false
        }
    }
}

fn arm() -> io::Result<(TimerFd, Readable)> {
    let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
    let timer = TimerFd::new(ClockId::CLOCK_REALTIME, flags)?;
    set(&timer)?;
    let readable = Readable::duplicate(&timer)?;
    Ok((timer, readable))
}

fn set(timer: &TimerFd) -> nix::Result<()> {
    timer.set(
        Expiration::OneShot(TimeSpec::seconds(FAR)),
        TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET,
    )
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::time::{sleep, timeout};

    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn at(awake: u64, asleep: Duration) -> Reading {
        Reading {
            asleep,
            awake: s(awake),
        }
    }

    #[test]
    fn sleep_is_what_only_one_clock_counts_and_is_told_once() {
        let mut wakes = Wakes::since(at(900, s(100)));
        assert_eq!(wakes.looked(at(960, s(100))), None);
        assert_eq!(wakes.looked(at(970, s(4030))), Some(s(3930)));
        assert_eq!(wakes.looked(at(971, s(4030))), None);
        // The clocks are read one after the other.
        assert_eq!(wakes.looked(at(972, s(4030) + ms(3))), None);
    }

    #[test]
    fn a_wake_that_the_clocks_have_told_is_not_told_again_by_logind() {
        let mut wakes = Wakes::since(at(0, s(0)));
        for night in 1..=3 {
            let day = night * 1000;
            assert_eq!(wakes.said(Phase::Sleeping, at(day, s(night - 1))), None);
            assert_eq!(wakes.looked(at(day + 1, s(night))), Some(s(1)));
            assert_eq!(wakes.said(Phase::Awake, at(day + 9, s(night))), None);
        }
    }

    #[test]
    fn what_logind_says_first_is_not_told_again_by_the_clocks() {
        let mut wakes = Wakes::since(at(0, s(0)));
        assert_eq!(wakes.said(Phase::Sleeping, at(10, s(0))), None);
        assert_eq!(wakes.said(Phase::Awake, at(11, s(60))), Some(s(60)));
        assert_eq!(wakes.looked(at(11, s(60))), None);
        // A sleep that the clocks do not know of, or hardly.
        assert_eq!(wakes.said(Phase::Sleeping, at(30, s(60))), None);
        assert_eq!(wakes.said(Phase::Awake, at(31, s(60))), Some(s(0)));
        assert_eq!(wakes.said(Phase::Sleeping, at(50, s(60))), None);
        assert_eq!(
            wakes.said(Phase::Awake, at(51, s(60) + ms(400))),
            Some(ms(400))
        );
        assert_eq!(
            wakes.looked(at(52, s(60) + ms(800))),
            None,
            "what was told does not count again"
        );
    }

    #[test]
    fn logind_may_be_heard_in_the_middle_of_it() {
        let mut wakes = Wakes::since(at(0, s(0)));
        assert_eq!(wakes.said(Phase::Awake, at(10, s(0))), Some(s(0)));
        // Its announcement is read only after the machine has slept: with the sleep, or after the clocks have told of it.
        assert_eq!(wakes.said(Phase::Sleeping, at(100, s(60))), Some(s(60)));
        assert_eq!(wakes.said(Phase::Awake, at(102, s(60))), None);
        assert_eq!(wakes.looked(at(200, s(120))), Some(s(60)));
        assert_eq!(wakes.said(Phase::Sleeping, at(200, s(120))), None);
        assert_eq!(wakes.said(Phase::Awake, at(202, s(120))), None);
        // Awake for a moment only.
        assert_eq!(wakes.said(Phase::Sleeping, at(203, s(120))), None);
        assert_eq!(wakes.said(Phase::Awake, at(204, s(120))), Some(s(0)));
        // Two sleeps between two words of it.
        assert_eq!(wakes.said(Phase::Sleeping, at(300, s(120))), None);
        assert_eq!(wakes.looked(at(301, s(130))), Some(s(10)));
        assert_eq!(wakes.said(Phase::Awake, at(302, s(140))), Some(s(10)));
    }

    thread_local! {
        static SLEPT: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    }

    fn fake() -> Reading {
        at(100, SLEPT.get())
    }

    #[tokio::test]
    async fn whatever_wakes_us_up_tells_of_a_sleep() {
        let mut sleeper = Sleep::with(None, Logind::absent(), fake);
        let quiet = timeout(ms(50), sleeper.woke()).await;
        assert!(quiet.is_err(), "awake: {quiet:?}");
        let mut woke = std::pin::pin!(sleeper.woke());
        // One poll while awake; then a timer of somebody else's is all that happens.
        select! {
            biased;
            slept = &mut woke => panic!("slept {slept:?}"),
            () = std::future::ready(()) => {}
        }
        SLEPT.set(s(60));
        let slept = select! {
            biased;
            slept = &mut woke => Some(slept),
            () = sleep(ms(1)) => None,
        };
        assert_eq!(slept, Some(s(60)));
    }

    #[tokio::test]
    async fn a_machine_that_is_awake_says_nothing() {
        let mut sleep = Sleep::with(arm().ok(), Logind::absent(), read);
        assert!(sleep.timer.is_some(), "this kernel has the timer");
        let quiet = timeout(ms(200), sleep.woke()).await;
        assert!(quiet.is_err(), "{quiet:?}");
    }
}
