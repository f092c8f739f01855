//! `netroam forget HOST`: drops what was learnt of it.

use std::process::ExitCode;

use anyhow::Result;

use crate::{cli::Forget, learnt::Store, report, ssh::host_of};

/// Drops it for each host, and says of each whether there was anything. Nothing to forget is no failure.
#[expect(
    clippy::print_stdout,
    reason = "what became of each host is this verb's output"
)]
pub(super) fn run(forget: &Forget, store: &Store) -> Result<ExitCode> {
    for destination in &forget.hosts {
        let host = host_of(destination);
        println!("{}", report::forgotten(host, store.forget(host)?));
    }
    Ok(ExitCode::SUCCESS)
}
