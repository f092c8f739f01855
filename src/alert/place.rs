//! How many notifications one process shows.

use std::sync::atomic::{AtomicUsize, Ordering};

/// So many are shown at once: where hundreds of sessions wait for the same VPN, the first few say it.
const MOST: usize = 5;

/// Those that are taken.
static TAKEN: AtomicUsize = AtomicUsize::new(0);

/// A notification's place on the desktop, until it is dropped.
#[derive(Debug)]
pub(super) struct Place(());

impl Place {
    /// One, if any is left.
    pub(super) fn take() -> Option<Self> {
        let free = |taken| (taken < MOST).then_some(taken + 1);
        let taken = TAKEN.fetch_update(Ordering::Relaxed, Ordering::Relaxed, free);
        taken.is_ok().then_some(Self(()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        TAKEN.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_at_once_and_then_others() {
        let mut taken: Vec<_> = (0..MOST).map(|_| Place::take().unwrap()).collect();
        assert!(Place::take().is_none());
        taken.pop();
        assert!(Place::take().is_some());
    }
}
