//! logind's word of sleep over a real bus, from a stand-in for logind; and what becomes of the events where there is no bus.
//!
//! It has no test harness, because the bus is named in the environment, which is a process's and has to stand before its first
//! thread. Called with `watch`, it is the process that watches. Only Linux has logind; elsewhere there is nothing to test.

#![cfg_attr(
    target_os = "linux",
    expect(
        clippy::unwrap_used,
        clippy::print_stdout,
        reason = "a test fails by panicking, and the process that watches says what it sees"
    )
)]

#[cfg(target_os = "linux")]
mod bus;
#[cfg(target_os = "linux")]
#[path = "../namespace/mod.rs"]
mod namespace;

fn main() {
    #[cfg(target_os = "linux")]
    bus::main();
}
