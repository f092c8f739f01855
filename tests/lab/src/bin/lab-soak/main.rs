//! The soak: thousands of random moves, with sessions and tunnels attached.

#![expect(clippy::print_stderr, reason = "it says why not")]

#[cfg(target_os = "linux")]
mod soak;

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    soak::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("soak: the lab is made of Linux's network namespaces");
    ExitCode::FAILURE
}
