//! What docs/security.md says, with the real programs, a second user, and in the lab a real sshd; so these run as root.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod escapes;
mod files;
mod others;
mod secrets;
mod support;
mod words;
