//! Who tells that the machine slept.

use crate::imp;

/// Who tells, beside the clocks, which always do when anything wakes us up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SleepSource {
    /// systemd-logind, over the system bus, before and after each sleep.
    Logind,
    /// The power manager of macOS (`IOKit`), before and after each sleep.
    PowerManager,
    /// The clocks, and a timer that the kernel cancels on resume.
    ClocksAndTimer,
    /// The clocks alone.
    Clocks,
}

/// Who tells of a sleep here. It asks as a subscription would, and takes at most two seconds.
///
/// # Panics
/// Outside a tokio runtime that has IO and time enabled.
pub async fn sleep_source() -> SleepSource {
    imp::sleep_source().await
}
