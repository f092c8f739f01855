//! Real ssh, sshd, screen, tmux and login shells, on loopback.
//!
//! Needs root, sshd, screen, tmux, zsh, fish, tcsh, mksh, ksh93, busybox and util-linux; fails with a clear message where one is missing.

#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "all of this crate is tests"
)]

mod bootstrap;
mod client;
mod endings;
mod laptop;
mod mac;
mod recipe;
mod server;
mod stale;
mod survey;
