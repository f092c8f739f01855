//! netroam itself on real networks: namespaces, kernel events, real sshd, screen and tmux, real terminals.
#![expect(clippy::unwrap_used, reason = "a test ends where something fails")]

mod absent_vpn;
mod alerts;
mod dialler;
mod endings;
mod guarding;
mod log;
mod moves;
mod names;
mod noise;
mod outages;
mod people;
mod portals;
mod processes;
mod sessions;
mod sleep;
mod stalls;
mod support;
mod tunnels;
mod words;
