//! The picture of the README: a roam in the lab, recorded from a real terminal, as an SVG that moves by itself.

#![expect(clippy::print_stderr, reason = "it says why not")]

#[cfg(target_os = "linux")]
mod record;

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    match record::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("record: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("record: the lab is made of Linux's network namespaces");
    ExitCode::FAILURE
}
