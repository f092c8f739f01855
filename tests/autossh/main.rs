//! The command lines of docs/autossh.md, with autossh 1.4g and with netroam in its place, on networks that are real to the kernel.
//!
//! Needs what the lab needs, and autossh; fails with a clear message where something is missing.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "all of this crate is tests")]

mod background;
mod beside;
mod monitor;
mod roaming;
mod sessions;
mod signals;
mod support;
