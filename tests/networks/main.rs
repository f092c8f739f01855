//! netroam itself on real networks: namespaces, kernel events, real sshd, screen and tmux, real terminals.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test ends where something fails")]

mod absent_vpn;
mod alerts;
mod anyconnect;
mod chains;
mod choosing;
mod completing;
mod control_mode;
mod dialler;
mod doctor;
mod endings;
mod faults;
mod following;
mod forwards;
mod guarding;
mod history;
mod hundreds;
mod log;
mod many;
mod moves;
mod names;
mod noise;
mod notes;
mod outages;
mod people;
mod polling;
mod portals;
mod ports;
mod processes;
mod scrollback;
mod sessions;
mod settings;
mod sleep;
mod stalls;
mod support;
mod tunnels;
mod unattended;
mod words;
