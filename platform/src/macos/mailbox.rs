//! What the run loop's thread leaves for the program.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::{
    hint::Hint,
    power::{Message, Phase},
};

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
        inside.phase = inside.phase.after(message);
        drop(inside);
        self.bell.notify_one();
    }

    pub(super) fn phase(&self) -> Phase {
        self.lock().phase
    }

    /// The wake is told; unless the next sleep was announced meanwhile.
    pub(super) fn awake(&self) {
        let mut inside = self.lock();
        if inside.phase == Phase::Woken {
            inside.phase = Phase::Awake;
        }
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
        assert_eq!(mailbox.phase(), Phase::Woken);
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

    #[test]
    fn a_wake_is_over_unless_the_next_sleep_was_announced() {
        let mailbox = Mailbox::default();
        mailbox.said(Message::HasPoweredOn);
        mailbox.said(Message::WillSleep);
        mailbox.awake();
        assert_eq!(mailbox.phase(), Phase::Asleep);
        mailbox.said(Message::HasPoweredOn);
        mailbox.awake();
        assert_eq!(mailbox.phase(), Phase::Awake);
    }
}
