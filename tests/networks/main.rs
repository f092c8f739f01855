//! netroam itself on real networks: namespaces, kernel events, real sshd, screen and tmux, real terminals.
#![expect(clippy::unwrap_used, reason = "a test ends where something fails")]

mod endings;
mod moves;
mod names;
mod outages;
mod people;
mod processes;
mod sessions;
mod support;
mod tunnels;
mod vpn;
mod words;
