//! netroam keeps ssh sessions alive on a laptop that moves.
//!
//! The rooms, and what each may touch:
//!
//! - [`supervisor`]: the decisions. Facts in, actions out; no IO, no clock, no tokio.
//! - [`driver`]: the one `select!` loop, and the one place that carries actions out.
//! - [`ssh`]: all that knows OpenSSH: its configuration, its command line, its log.
//! - [`connect`]: dialling the first hop, checking its banner, handing the socket to ssh, probing it.
//! - [`context`]: screen and tmux: the remote command that attaches.
//! - [`terminal`]: the local terminal: saved, restored, the status line.
//! - [`commands`]: one file per verb.
//! - [`report`]: every line a user reads.

pub mod connect;
pub mod terminal;
