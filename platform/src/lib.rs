//! What the operating system says: networks, paths, TCP health, child processes and time.
//!
//! The only crate of netroam that reads a clock, holds `unsafe` code or asks which operating system it runs on.
//! Every question has one answer type, plain and equal on every system:
//!
//! | question | answer |
//! |---|---|
//! | did something change? | [`Events`] of [`Event`]: a reason to look, never the new state itself |
//! | what is there? | [`Snapshot`]: interfaces, addresses and flags at one moment |
//! | how is a destination reached now? | [`Lookup`] of [`Network::path_to`]: the kernel's own answer |
//! | how is a connection doing? | [`tcp::health`], and [`tcp::ask`] to make the kernel find out |
//! | what time is it? | [`clock::now`], which counts sleep |
//!
//! It decides nothing: what an answer means for a session is the supervisor's business.

pub mod clock;
mod event;
pub mod handover;
mod network;
mod path;
pub mod process;
pub mod pty;
pub mod readable;
mod snapshot;
pub mod tcp;

#[cfg(target_os = "linux")]
#[path = "linux/mod.rs"]
mod imp;

#[cfg(not(target_os = "linux"))]
compile_error!(
    "netroam-platform does not know this operating system yet: it needs a `mod imp` as src/linux has"
);

pub use event::{Event, Lost};
pub use network::{Events, Look, Network};
pub use path::{Lookup, NoPath, Path, Query};
pub use snapshot::{Interface, Snapshot};

#[cfg(all(test, target_os = "linux"))]
#[path = "../tests/namespace/mod.rs"]
mod namespace;
