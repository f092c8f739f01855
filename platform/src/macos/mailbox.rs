//! What the run loop's thread leaves for the program.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use super::{
    hint::Hint,
    power::{Message, Phase},
    sleep::{Moment, Reading, Wakes},
};
use crate::dark::Dark;

/// So many hints wait at most. Another one is dropped: a look follows those that wait, later than what the dropped one is about.
const MOST: usize = 256;

/// Between the thread that hears and the task that tells. Leaving something never waits for anything but another's brief hold on the lock,
/// as behoves a callback that the system may be waiting for.
///
/// What must not get lost is no queue's business: the power manager's words come together into one [`Phase`], and that names changed
/// is one flag.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    inside: Mutex<Inside>,
    bell: Notify,
    dark: Dark,
}

#[derive(Debug, Default)]
struct Inside {
    hints: VecDeque<Hint>,
    names: bool,
    phase: Phase,
}

/// What is told of next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Letter {
    /// Names may resolve differently.
    Names,
    /// The network may have changed.
    Hint(Hint),
}

impl Mailbox {
    pub(super) fn put(&self, hint: Hint) {
        let mut inside = self.lock();
        if inside.hints.len() < MOST {
            inside.hints.push_back(hint);
        }
        drop(inside);
        self.bell.notify_one();
    }

    pub(super) fn names_changed(&self) {
        self.lock().names = true;
        self.bell.notify_one();
    }

    /// What the power manager said.
    pub(super) fn said(&self, message: Message) {
        let mut inside = self.lock();
        let before = inside.phase;
        inside.phase = before.after(message);
        if inside.phase == Phase::Asleep && before != Phase::Asleep {
            self.dark.set(true);
        }
        drop(inside);
        self.bell.notify_one();
    }

    /// What this moment is, as the clocks read `now`. A wake that it tells of is told, and so is each end of the dark.
    pub(super) fn looked(&self, wakes: &mut Wakes, now: Reading) -> Moment {
        let mut inside = self.lock();
        let moment = wakes.looked(inside.phase, now);
        let was_dark = self.dark.set(moment == Moment::Dark);
        match moment {
            Moment::Dark => Moment::Dark,
            Moment::Awake if was_dark => Moment::Woke(Duration::ZERO),
            Moment::Awake => Moment::Awake,
            Moment::Woke(slept) => {
                if inside.phase == Phase::Woken {
                    inside.phase = Phase::Awake;
                }
                Moment::Woke(slept)
            }
        }
    }

    /// Whether it is dark, from the announcement of a sleep on.
    #[cfg(any(target_os = "macos", test))]
    pub(super) fn dark(&self) -> Dark {
        self.dark.clone()
    }

    pub(super) fn take(&self) -> Option<Letter> {
        let mut inside = self.lock();
        if std::mem::take(&mut inside.names) {
            return Some(Letter::Names);
        }
        inside.hints.pop_front().map(Letter::Hint)
    }

    /// Throws the hints away, and keeps what must not get lost; how many there were.
    pub(super) fn discard(&self) -> usize {
        let mut inside = self.lock();
        let discarded = inside.hints.len();
        inside.hints.clear();
        discarded
    }

    /// Waits until something was left since the last such wait. Cancel-safe.
    pub(super) async fn filled(&self) {
        self.bell.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        // Nothing in here panics half-way.
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread, time::Duration};

    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn what_matters_survives_a_flood() {
        let mailbox = Arc::new(Mailbox::default());
        let leaving = Arc::clone(&mailbox);
        let thread = thread::spawn(move || {
            for _ in 0..2 * MOST {
                leaving.put(Hint::Interfaces);
            }
            leaving.said(Message::WillSleep);
            leaving.names_changed();
            leaving.said(Message::HasPoweredOn);
        });
        timeout(SOON, mailbox.filled()).await.unwrap();
        thread.join().unwrap();
        assert_eq!(mailbox.lock().phase, Phase::Woken);
        assert_eq!(mailbox.take(), Some(Letter::Names));
        let mut hints = 0;
        while let Some(letter) = mailbox.take() {
            assert_eq!(letter, Letter::Hint(Hint::Interfaces));
            hints += 1;
        }
        assert_eq!(hints, MOST);
    }

    #[tokio::test]
    async fn the_bell_is_heard_by_who_comes_later() {
        let mailbox = Mailbox::default();
        mailbox.put(Hint::Interfaces);
        timeout(SOON, mailbox.filled()).await.unwrap();
        let again = timeout(Duration::from_millis(20), mailbox.filled()).await;
        assert!(again.is_err(), "it rings once");
        mailbox.said(Message::WillSleep);
        timeout(SOON, mailbox.filled()).await.unwrap();
    }

    #[test]
    fn in_the_dark_hints_are_thrown_away_and_names_are_not() {
        let mailbox = Mailbox::default();
        mailbox.put(Hint::Interfaces);
        mailbox.names_changed();
        assert_eq!(mailbox.discard(), 1);
        assert_eq!(mailbox.take(), Some(Letter::Names));
        assert_eq!(mailbox.take(), None);
    }

    const fn at(awake: u64, asleep: u64) -> Reading {
        Reading {
            asleep: Duration::from_secs(asleep),
            awake: Duration::from_secs(awake),
        }
    }

    #[test]
    fn a_wake_is_over_unless_the_next_sleep_was_announced() {
        let mailbox = Mailbox::default();
        let mut wakes = Wakes::since(at(0, 0));
        mailbox.said(Message::HasPoweredOn);
        mailbox.said(Message::WillSleep);
        assert_eq!(mailbox.looked(&mut wakes, at(1, 0)), Moment::Dark);
        mailbox.said(Message::HasPoweredOn);
        let slept = Duration::from_secs(60);
        let woke = mailbox.looked(&mut wakes, at(2, 60));
        assert_eq!(woke, Moment::Woke(slept));
        assert_eq!(mailbox.looked(&mut wakes, at(3, 60)), Moment::Awake);
    }

    #[test]
    fn it_is_dark_from_the_announcement_until_the_wake_is_told() {
        let mailbox = Mailbox::default();
        let dark = mailbox.dark();
        let mut wakes = Wakes::since(at(0, 0));
        assert_eq!(mailbox.looked(&mut wakes, at(1, 0)), Moment::Awake);
        assert!(!dark.is_now());
        mailbox.said(Message::WillSleep);
        assert!(dark.is_now(), "before anybody has looked");
        assert_eq!(mailbox.looked(&mut wakes, at(5, 3600)), Moment::Dark);
        assert!(dark.is_now());
        mailbox.said(Message::HasPoweredOn);
        assert!(dark.is_now(), "nobody has been told of the wake yet");
        let woke = mailbox.looked(&mut wakes, at(6, 3600));
        assert_eq!(woke, Moment::Woke(Duration::from_secs(3600)));
        assert!(!dark.is_now());
    }

    #[test]
    fn it_is_dark_no_longer_when_the_machine_is_kept_up_and_again_after_that() {
        let mailbox = Mailbox::default();
        let dark = mailbox.dark();
        let mut wakes = Wakes::since(at(0, 0));
        mailbox.said(Message::WillSleep);
        assert_eq!(mailbox.looked(&mut wakes, at(1, 600)), Moment::Dark);
        let kept_up = mailbox.looked(&mut wakes, at(181, 600));
        assert_eq!(kept_up, Moment::Woke(Duration::from_secs(600)));
        assert!(!dark.is_now());
        assert_eq!(mailbox.looked(&mut wakes, at(182, 4200)), Moment::Dark);
        assert!(dark.is_now());
    }

    #[test]
    fn no_end_of_the_dark_goes_untold() {
        let mailbox = Mailbox::default();
        let mut wakes = Wakes::since(at(0, 0));
        mailbox.said(Message::WillSleep);
        assert_eq!(mailbox.looked(&mut wakes, at(1, 0)), Moment::Dark);
        let kept_up = mailbox.looked(&mut wakes, at(181, 0));
        assert_eq!(kept_up, Moment::Woke(Duration::ZERO));
        // Its user comes, and a sleep is announced before anybody has looked; the machine has not slept yet.
        mailbox.said(Message::HasPoweredOn);
        mailbox.said(Message::WillSleep);
        assert!(mailbox.dark().is_now());
        let end = mailbox.looked(&mut wakes, at(182, 0));
        assert_eq!(end, Moment::Woke(Duration::ZERO));
        assert!(!mailbox.dark().is_now());
    }
}
