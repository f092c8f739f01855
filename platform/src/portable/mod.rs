//! The answers of any Unix: what the network is like can be asked, but nobody tells of a change, or only that there was one.

mod clocks;
mod events;
#[cfg(target_os = "freebsd")]
mod freebsd_tcp;
#[cfg(any(test, target_os = "freebsd"))]
mod heard;
mod look;
mod names;
mod routes;

pub(crate) use events::Events;
pub(crate) use look::look;
#[cfg(target_os = "macos")]
pub(crate) use look::{path, snapshot};

#[cfg(not(target_os = "linux"))]
pub(crate) mod process;
#[cfg(not(target_os = "linux"))]
mod system;
#[cfg(not(target_os = "linux"))]
pub(crate) mod trial;
#[cfg(not(target_os = "linux"))]
pub(crate) use system::handover;
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub(crate) mod tcp;
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub(crate) use system::{CLOCK_COUNTING_SLEEP, sleep_source};
