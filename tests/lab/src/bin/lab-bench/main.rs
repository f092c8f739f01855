//! The benchmark: scenarios × clients × delays, in the lab, as a table and as JSON.

#![expect(clippy::print_stderr, reason = "it says why not")]

#[cfg(target_os = "linux")]
mod bench;

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    bench::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("bench: the lab is made of Linux's network namespaces");
    ExitCode::FAILURE
}
