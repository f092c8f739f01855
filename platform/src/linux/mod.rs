//! The answers of Linux.

pub(crate) mod handover;
pub(crate) mod process;
pub(crate) mod tcp;

use nix::time::ClockId;

/// Goes on while the machine sleeps (`clock_gettime(2)`).
pub(crate) const CLOCK_COUNTING_SLEEP: ClockId = ClockId::CLOCK_BOOTTIME;
