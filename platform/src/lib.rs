//! What the operating system says: networks, paths, TCP health, child processes and time.
//!
//! The only crate of netroam that reads a clock, holds `unsafe` code or asks which operating system it runs on. Each question has
//! one answer type, plain and equal on every system; no type of another crate is part of it.
//!
//! | question | answer |
//! |---|---|
//! | did something change? | [`Events`] of [`Event`]: a reason to look, never the new state itself |
//! | would it be heard? | [`trial`], one harmless event in a network of one's own |
//! | who tells of a sleep? | [`SleepSource`] |
//! | is it awake for its user? | [`Dark`] of [`Events::dark`] |
//! | what is there? | [`Snapshot`]: interfaces, addresses and flags at one moment |
//! | how is a destination reached now? | [`Lookup`] of a [`Query`]: the kernel's own answer |
//! | both at once? | [`Look`] of [`Network::look`] |
//! | how is a connection doing? | [`tcp::health`], and [`tcp::ask`] to make the kernel find out, as far as it shows that |
//! | who ends what nobody answers? | the kernel, by [`tcp::keep_honest`] |
//! | what became of a child? | [`process::reap`]; [`process::spawn`] ties its life to ours |
//! | which connections do others of this user's processes have? | [`others::running`], [`others::Watch`], [`others::end`] |
//! | has it ended? | [`apart::Apart`], a child that is waited for and leaves nothing behind |
//! | who looks elsewhere? | [`desktop::Desktop`], which shows a notification; [`desktop::shows`], whether it could |
//! | who gets this socket? | [`handover`], the way ssh takes it |
//! | is there something to read? | [`readable::Readable`], without a flag that others would see |
//! | what does ssh say to a terminal? | [`pty::open`], whose other side is read here |
//! | who starts a user's services? | [`SERVICES`] |
//! | what time is it? | [`clock::now`], which counts sleep |
//!
//! It decides nothing: what an answer means for a session is the supervisor's business.

pub mod apart;
pub mod clock;
mod dark;
pub mod desktop;
mod event;
#[cfg(all(feature = "fuzzing", not(test)))]
pub mod fuzzing;
pub mod handover;
#[cfg(not(any(target_os = "linux", target_os = "freebsd", target_os = "dragonfly")))]
mod lifeline;
mod network;
pub mod others;
mod path;
pub mod process;
pub mod pty;
pub mod readable;
mod service;
mod sleep;
mod snapshot;
pub mod tcp;
pub mod trial;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(any(target_os = "macos", test))]
mod macos;
mod portable;

#[cfg(target_os = "linux")]
use linux as imp;
#[cfg(target_os = "macos")]
use macos as imp;
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
use portable as imp;

pub use dark::Dark;
pub use event::{Event, Lost};
pub use network::{Events, Look, Network, Source};
pub use path::{Lookup, NoPath, Path, Query};
pub use service::{SERVICES, Services};
pub use sleep::{SleepSource, sleep_source};
pub use snapshot::{Interface, Snapshot};

#[cfg(all(test, target_os = "linux"))]
#[path = "../tests/namespace/mod.rs"]
mod namespace;
