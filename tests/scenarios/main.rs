//! The decisions in simulated time: hours of a laptop's day in milliseconds, nothing real.

#![expect(clippy::unwrap_used, reason = "a test ends where something fails")]

mod edges;
mod endings;
mod logins;
mod moves;
mod random;
mod restarts;
mod vpn;
mod world;
