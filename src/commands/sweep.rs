//! `netroam sweep`: one look at the connections of other ssh processes.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use netroam_platform::{Network, Query, clock};

use crate::{
    cli::Sweep,
    guard::{Found, Ssh},
    log, report,
    supervisor::{Look, Verdict},
};

/// Ends what is dead, or says what is there.
pub(super) fn run(sweep: &Sweep) -> Result<ExitCode> {
    log::start_where_possible(sweep.logging.level, sweep.logging.file.as_deref())?;
    let runtime = super::runtime()?;
    let looked = runtime.block_on(look());
    runtime.shutdown_background();
    let (all, look) = looked?;
    let verdicts = Found::default().judge(clock::now(), &all, &look);
    let mut lines = Vec::new();
    for (ssh, verdict) in all.iter().zip(&verdicts) {
        tracing::info!(pid = ssh.pid(), ?verdict, "found");
        if sweep.dry_run {
            lines.push(report::found(ssh, verdict) + "\n");
        } else if let Verdict::Dead(reason) = verdict
            && ssh
                .end()
                .with_context(|| format!("cannot end ssh {}", ssh.pid()))?
        {
            tracing::info!(pid = ssh.pid(), "ended");
            lines.push(report::guarded(ssh, reason) + "\n");
        }
    }
    if sweep.dry_run && lines.is_empty() {
        lines.push("no ssh of yours has a connection that leaves this machine\n".into());
    }
    report::output(&lines.concat()).context("cannot write to stdout")?;
    Ok(ExitCode::SUCCESS)
}

async fn look() -> Result<(Vec<Ssh>, Look)> {
    let (network, _) = Network::open().context("cannot ask the kernel about the network")?;
    let all = Ssh::all().context("cannot look for the connections of ssh")?;
    let peers = Found::peers(&all);
    let queries: Vec<Query> = peers.iter().copied().map(Query::to).collect();
    let look = network
        .look(&queries)
        .await
        .context("cannot look at the network")?;
    Ok((
        all,
        Look {
            snapshot: look.snapshot,
            paths: peers.into_iter().zip(look.paths).collect(),
        },
    ))
}
