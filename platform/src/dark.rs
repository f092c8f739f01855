//! Awake, but not for the user.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Whether it is dark now: from the moment at which the system announces a sleep until the machine is awake for its user again. macOS wakes up in
/// the dark in between (Power Nap, maintenance, a network packet; `pmset -g log` calls it `DarkWake`), and timers go off then like by day.
///
/// Only macOS says so; elsewhere it never is dark. The end of the dark is always told as an [`Event::Woke`](crate::Event::Woke).
#[derive(Clone, Debug, Default)]
pub struct Dark(Arc<AtomicBool>);

impl Dark {
    /// Whether it is dark at this moment. What begins now would be begun for nobody, and be cut off by the sleep that follows.
    pub fn is_now(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Notes whether it is; whether it was.
    #[cfg(any(target_os = "macos", test))]
    pub(crate) fn set(&self, dark: bool) -> bool {
        self.0.swap(dark, Ordering::Relaxed)
    }
}
