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
//! - [`alert`]: the user's own commands, and the desktop's notification, when a person is needed.
//! - [`learnt`]: what the last good runs taught of a host.
//! - [`journal`]: what happened to a host's sessions, kept for `netroam why`.
//! - [`history`]: outages, and what each session was doing when, from the journal; no IO, no clock.
//! - [`guard`]: connections of other ssh processes: found or handed over, judged, ended.
//! - [`control`]: the socket on which a running netroam tells how its session is.
//! - [`record`]: moments, paths and states as other programs read them.
//! - [`commands`]: one file per verb.
//! - [`report`]: every line a user reads.
//! - [`cli`], [`config`], [`log`], [`dirs`]: what netroam is told, and where it writes down what it did.

pub mod alert;
pub mod cli;
pub mod commands;
pub mod config;
pub mod connect;
pub mod context;
pub mod control;
pub mod dirs;
pub mod driver;
mod file_name;
pub mod guard;
pub mod history;
pub mod journal;
pub mod learnt;
pub mod log;
pub mod record;
pub mod report;
pub mod ssh;
pub mod supervisor;
pub mod terminal;
