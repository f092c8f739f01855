//! The answers of macOS.
//!
//! What can be pure is, and is tested on every system: the other files speak to the kernel and to Apple's frameworks, and only a
//! compiler for macOS sees them.

mod gateway;
mod hint;
mod info;
mod kind;
mod mailbox;
mod power;
mod route;
mod sleep;

#[cfg(target_os = "macos")]
mod carrier;
#[cfg(target_os = "macos")]
mod events;
#[cfg(target_os = "macos")]
mod layout;
#[cfg(target_os = "macos")]
mod look;
#[cfg(target_os = "macos")]
mod root_domain;
#[cfg(target_os = "macos")]
mod router;
#[cfg(target_os = "macos")]
mod routes;
#[cfg(target_os = "macos")]
mod run_loop;
#[cfg(target_os = "macos")]
mod store;
#[cfg(target_os = "macos")]
pub(crate) mod tcp;

#[cfg(target_os = "macos")]
pub(crate) use {
    crate::portable::{handover, process, trial},
    events::Events,
    look::look,
    root_domain::sleep_source,
};

/// Goes on while the machine sleeps, unlike `CLOCK_UPTIME_RAW`; and unlike `CLOCK_MONOTONIC` nobody slews it (`clock_gettime(3)`).
#[cfg(target_os = "macos")]
pub(crate) const CLOCK_COUNTING_SLEEP: nix::time::ClockId =
    nix::time::ClockId::from_raw(libc::CLOCK_MONOTONIC_RAW);
