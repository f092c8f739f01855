//! Noticing that the machine slept, without a tick.

use std::{future::pending, io, time::Duration};

use nix::{
    errno::Errno,
    sys::{
        time::{TimeSpec, TimeValLike as _},
        timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags},
    },
    time::{self, clock_gettime},
};

use crate::readable::Readable;

/// Less than this is no sleep: the two clocks are not read at the same moment.
const SHORTEST: Duration = Duration::from_millis(500);

/// The year 2100. The timer never expires; what matters is that it is cancelled.
const FAR: i64 = 4_102_444_800;

/// Knows how long the machine has slept.
#[derive(Debug)]
pub(crate) struct Sleep {
    /// Cancelled when the machine resumes (Linux 5.15: `timerfd_resume` in `fs/timerfd.c`) or its clock is set. Without it a sleep is noticed
    /// at the next network event.
    timer: Option<(TimerFd, Readable)>,
    meter: Meter,
}

/// Sleep is what `CLOCK_BOOTTIME` counts and `CLOCK_MONOTONIC` does not (`clock_gettime(2)`).
#[derive(Debug, Default)]
struct Meter {
    before: Duration,
}

impl Sleep {
    pub(crate) fn open() -> Self {
        let timer = arm().inspect_err(|error| tracing::info!(%error, "no timer tells of a sleep"));
        let mut meter = Meter::default();
        meter.slept(
            read(time::ClockId::CLOCK_BOOTTIME),
            read(time::ClockId::CLOCK_MONOTONIC),
        );
        Self {
            timer: timer.ok(),
            meter,
        }
    }

    /// How long the machine slept since this was last asked, if it did.
    pub(crate) fn slept(&mut self) -> Option<Duration> {
        let boottime = read(time::ClockId::CLOCK_BOOTTIME);
        self.meter
            .slept(boottime, read(time::ClockId::CLOCK_MONOTONIC))
    }

    /// Waits until the machine has slept. Cancel-safe.
    pub(crate) async fn woke(&mut self) -> Duration {
        loop {
            if !self.cancelled().await {
                self.timer = None;
            }
            if let Some(slept) = self.slept() {
                return slept;
            }
        }
    }

    /// Waits until the timer is cancelled, and arms it again; false if that fails.
    async fn cancelled(&self) -> bool {
        let Some((timer, readable)) = &self.timer else {
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
}

impl Meter {
    fn slept(&mut self, boottime: Duration, monotonic: Duration) -> Option<Duration> {
        let asleep = boottime.saturating_sub(monotonic);
        let slept = asleep.saturating_sub(self.before);
        if slept < SHORTEST {
            return None;
        }
        self.before = asleep;
        Some(slept)
    }
}

fn read(clock: time::ClockId) -> Duration {
    clock_gettime(clock).map_or(Duration::ZERO, Duration::from)
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
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn sleep_is_what_only_one_clock_counts_and_is_told_once() {
        let mut meter = Meter::default();
        assert_eq!(
            meter.slept(s(1000), s(900)),
            Some(s(100)),
            "slept before we began"
        );
        assert_eq!(meter.slept(s(1060), s(960)), None);
        assert_eq!(meter.slept(s(5000), s(970)), Some(s(3930)));
        assert_eq!(meter.slept(s(5001), s(971)), None);
        // The clocks are read one after the other.
        assert_eq!(
            meter.slept(s(5002) + Duration::from_millis(3), s(972)),
            None
        );
    }

    #[tokio::test]
    async fn a_machine_that_is_awake_says_nothing() {
        let mut sleep = Sleep::open();
        assert!(sleep.timer.is_some(), "this kernel has the timer");
        let quiet = tokio::time::timeout(Duration::from_millis(200), sleep.woke());
        assert!(quiet.await.is_err());
        assert_eq!(sleep.slept(), None);
    }
}
