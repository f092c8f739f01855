//! The answers of Linux.

mod events;
#[cfg(all(feature = "fuzzing", not(test)))]
pub(crate) mod fuzzing;
pub(crate) mod handover;
mod link;
mod logind;
mod look;
mod message;
mod names;
mod netlink;
pub(crate) mod others;
pub(crate) mod process;
mod sleep;
mod sockets;
pub(crate) mod tcp;
mod trail;
pub(crate) mod trial;

use nix::time::ClockId;

pub(crate) use events::Events;
pub(crate) use look::look;
pub(crate) use sleep::source as sleep_source;

/// Goes on while the machine sleeps (`clock_gettime(2)`).
pub(crate) const CLOCK_COUNTING_SLEEP: ClockId = ClockId::CLOCK_BOOTTIME;
