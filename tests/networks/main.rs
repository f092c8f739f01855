//! netroam itself on real networks: namespaces, kernel events, real sshd, screen and tmux, real terminals.
#![expect(clippy::unwrap_used, reason = "a test ends where something fails")]

mod alerts;
mod endings;
mod moves;
mod outages;
mod people;
mod processes;
mod sessions;
mod support;
mod words;
