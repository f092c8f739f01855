//! The demo: the main job, shown in the lab with a real sshd and screen; or hands on.

#![expect(clippy::print_stderr, reason = "it says why not")]

#[cfg(target_os = "linux")]
mod demo;

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    demo::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("demo: the lab is made of Linux's network namespaces");
    ExitCode::FAILURE
}
