//! When to dial: how often a server may hear from us, and how soon after what.

use std::time::Duration;

use netroam_platform::clock::Time;

/// A path but silence: the interval between fresh SYNs, by how long it has been silent. A SYN in the kernel's own back-off would
/// come back up to 30 s late (measured: a connect begun before the VPN is back takes 131 s to fail).
const SILENCE: [(Duration, Duration); 2] = [
    (Duration::from_secs(60), Duration::from_secs(1)),
    (Duration::from_secs(660), Duration::from_secs(3)),
];
const SILENCE_LAST: Duration = Duration::from_secs(15);

/// Refused or closed: the waits of the first tries, then [`REFUSED_LAST`] with jitter.
const REFUSED: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];
const REFUSED_LAST: Duration = Duration::from_secs(15);

/// Somebody answers in the host's place: a person has to log in at a portal, which no event tells of. The host sees none of these.
const IMPERSONATED: Duration = Duration::from_secs(15);

/// A server that says it will not serve us for now (sshd's penalties, enforced for at least 15 s: `PerSourcePenalties` in
/// `sshd_config(5)`; measured 15.8 s and 19 s): wait longer than that, and double it up to its default maximum of 600 s.
const BUSY_FIRST: Duration = Duration::from_secs(20);
const BUSY_LAST: Duration = Duration::from_secs(600);

/// At most this many connections at once and then one a second: sshd's default penalty for a connection that does not
/// authenticate is 1 s each, enforced from a sum of 15 s.
const BURST: u32 = 5;
const REFILL: Duration = Duration::from_secs(1);

/// Decides the moment of the next attempt.
#[derive(Clone, Debug)]
pub(super) struct Cadence {
    began: Time,
    next: Option<Time>,
    refusals: u32,
    busy: u32,
    busy_until: Time,
    allowance: u32,
    refilled: Time,
}

impl Cadence {
    pub(super) fn new() -> Self {
        Self {
            began: Time::default(),
            next: None,
            refusals: 0,
            busy: 0,
            busy_until: Time::default(),
            allowance: BURST,
            refilled: Time::default(),
        }
    }

    /// Starts over: something relevant changed, so the next attempt is due now.
    ///
    /// Neither the allowance nor a server's own request to stay away is forgotten by a change of our network.
    pub(super) fn restart(&mut self, now: Time) {
        self.began = now;
        self.refusals = 0;
        self.plan(now);
    }

    /// A person wants an attempt now, whatever the server asked for.
    pub(super) fn insist(&mut self, now: Time) {
        self.busy_until = now;
        self.allowance = self.allowance.max(1);
        self.restart(now);
    }

    /// Stops: no attempt is due until the next [`Cadence::restart`].
    pub(super) fn stop(&mut self) {
        self.next = None;
    }

    /// Stops because the server has let us in. That it refuses is forgotten only by [`Cadence::restart`]: it may drop us again at once.
    pub(super) fn succeeded(&mut self) {
        self.busy = 0;
        self.next = None;
    }

    /// When the next attempt is due, if one is planned.
    pub(super) fn next(&self) -> Option<Time> {
        self.next
    }

    /// Takes the attempt that is due at `now`, if any, and plans the one after it as if this one met silence.
    ///
    /// Returns whether to dial. An attempt beyond the allowance is put off, not dropped.
    pub(super) fn take(&mut self, now: Time) -> bool {
        if self.next.is_none_or(|next| next > now) {
            return false;
        }
        self.refill(now);
        if self.allowance == 0 {
            self.next = Some(self.refilled + REFILL);
            return false;
        }
        self.allowance -= 1;
        self.made(now);
        true
    }

    /// An attempt is under way since `now`: plans the one after it as if this one met silence.
    pub(super) fn made(&mut self, now: Time) {
        let silent_for = now.since(self.began);
        let interval = SILENCE
            .iter()
            .find(|(until, _)| silent_for < *until)
            .map_or(SILENCE_LAST, |(_, interval)| *interval);
        self.plan(now + interval);
    }

    /// Somebody else answered in the server's place.
    pub(super) fn impersonated(&mut self, now: Time, jitter: f64) {
        self.plan(now + IMPERSONATED.mul_f64(0.9 + 0.2 * jitter));
    }

    /// The server refused, or could not be tried: back off.
    pub(super) fn refused(&mut self, now: Time, jitter: f64) {
        let wait = step_of_refusal(self.refusals, jitter);
        self.refusals = self.refusals.saturating_add(1);
        self.plan(now + wait);
    }

    /// The next attempt is due after this wait, unless something relevant changes.
    pub(super) fn after(&mut self, now: Time, wait: Duration) {
        self.plan(now + wait);
    }

    /// The server said that it will not serve us for now.
    pub(super) fn busy(&mut self, now: Time, jitter: f64) {
        let wait = BUSY_FIRST
            .saturating_mul(1 << self.busy.min(10))
            .min(BUSY_LAST)
            .mul_f64(1.0 + 0.2 * jitter);
        self.busy = self.busy.saturating_add(1);
        self.busy_until = now + wait;
        self.next = Some(self.busy_until);
    }

    /// Plans the next attempt, unless the server wants to be left alone for longer.
    fn plan(&mut self, next: Time) {
        self.next = Some(next.max(self.busy_until));
    }

    /// Whether the server's request to stay away still holds.
    pub(super) fn turned_away(&self, now: Time) -> bool {
        self.busy_until > now
    }

    fn refill(&mut self, now: Time) {
        let elapsed = now.since(self.refilled);
        let earned = u32::try_from(elapsed.as_secs() / REFILL.as_secs()).unwrap_or(BURST);
        if earned >= BURST - self.allowance {
            self.allowance = BURST;
            self.refilled = now;
        } else {
            self.allowance += earned;
            self.refilled = self.refilled + REFILL * earned;
        }
    }
}

/// How long to wait after a refusal that had so many before it.
pub(super) fn step_of_refusal(before: u32, jitter: f64) -> Duration {
    let step = usize::try_from(before).unwrap_or(usize::MAX);
    let last = || REFUSED_LAST.mul_f64(0.8 + 0.4 * jitter);
    REFUSED.get(step).copied().unwrap_or_else(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::from_origin(Duration::from_millis(1_000_000 + millis))
    }

    /// The moments in ms, up to `until`, at which attempts are made when all meet silence.
    fn attempts(cadence: &mut Cadence, until: u64) -> Vec<u64> {
        let mut made = Vec::new();
        while let Some(next) = cadence.next().filter(|next| *next <= at(until)) {
            if cadence.take(next) {
                made.push(u64::try_from(next.since(at(0)).as_millis()).unwrap());
            }
        }
        made
    }

    #[test]
    fn silence_is_met_with_a_fresh_syn_every_second_then_less_often() {
        let mut cadence = Cadence::new();
        cadence.restart(at(0));
        let made = attempts(&mut cadence, 800_000);
        assert_eq!(&made[..4], &[0, 1000, 2000, 3000]);
        assert!(made.contains(&60_000) && made.contains(&63_000) && !made.contains(&61_000));
        let last = made[made.len() - 2..].to_vec();
        assert_eq!(last[1] - last[0], 15_000);
    }

    #[test]
    fn restarts_are_immediate_until_the_allowance_is_used_up() {
        let mut cadence = Cadence::new();
        let mut dialled = 0;
        for flap in 0..200_u64 {
            cadence.restart(at(flap * 50));
            dialled += u32::from(cadence.take(at(flap * 50)));
        }
        assert!((14..=15).contains(&dialled), "{dialled} attempts in 10 s");
        assert!(
            cadence.next().is_some(),
            "the last change is answered, if late"
        );
    }

    #[test]
    fn refusals_back_off_and_a_busy_server_is_left_alone() {
        let mut cadence = Cadence::new();
        cadence.restart(at(0));
        assert!(cadence.take(at(0)));
        for wait in [1, 2, 4, 8, 15, 15] {
            cadence.refused(at(0), 0.5);
            assert_eq!(cadence.next(), Some(at(wait * 1000)));
        }
        cadence.busy(at(0), 0.0);
        assert_eq!(cadence.next(), Some(at(20_000)));
        cadence.busy(at(0), 0.0);
        assert_eq!(cadence.next(), Some(at(40_000)));
        cadence.restart(at(1000));
        assert_eq!(
            cadence.next(),
            Some(at(40_000)),
            "another network event is no reason to knock again"
        );
        cadence.insist(at(2000));
        assert_eq!(cadence.next(), Some(at(2000)));
    }
}
