//! `netroam events`: the event stream as it comes, and what a look makes of it.

use std::{process::ExitCode, time::Duration};

use anyhow::{Context as _, Result};
use netroam_platform::{Lookup, Network, Query, clock};
use tokio::time::timeout;

use crate::cli::Events;

/// A burst is over when nothing has come for this long.
const QUIET: Duration = Duration::from_millis(50);

/// Prints until it is interrupted.
pub(super) fn run(events: &Events) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(print(events))
}

#[expect(clippy::print_stdout, reason = "the events are this verb's output")]
async fn print(events: &Events) -> Result<ExitCode> {
    let (network, mut stream) =
        Network::open().context("cannot subscribe to the kernel's network events")?;
    loop {
        let mut event = Some(stream.next().await);
        while let Some(one) = event {
            println!("{} {one:?}", clock::now());
            event = timeout(QUIET, stream.next()).await.ok();
        }
        for destination in &events.destinations {
            let answer = match network.path_to(&Query::to(*destination)).await {
                Lookup::Found(path) => {
                    let gateway = path
                        .gateway
                        .map_or_else(|| "on link".into(), |gateway| format!("via {gateway}"));
                    let tunnel = if path.tunnel { ", a tunnel" } else { "" };
                    format!("{path} {gateway}{tunnel}")
                }
                Lookup::None(why) => format!("none: {why}"),
                Lookup::Unknown(error) => format!("unknown: {error}"),
            };
            println!("{} path to {destination}: {answer}", clock::now());
        }
    }
}
