//! What an ssh has started to reach its host: the ssh of a jump host, a program of the user's. All of it ends with the run.
//!
//! An ssh that ends in order hangs up on what it started. One that is killed cannot, and then the ssh of a jump host whose path is dead
//! would wait for ever for somebody to talk to.

use std::{process::Command, time::Duration};

use netroam_platform::process::Pid;
use nix::{
    sys::signal::{Signal, kill},
    unistd,
};
use tokio::{task::spawn_blocking, time::sleep};

use super::{Driver, Message, act::report_to};
use crate::supervisor::{Dialler, RunId};

/// What a chain is given to end by itself, link after link; an ssh needs 0 to 10 ms (measured).
const BY_ITSELF: Duration = Duration::from_millis(100);

/// What it is given to end when told to.
const WHEN_TOLD: Duration = Duration::from_millis(250);

/// A process, as `ps` (POSIX; `lstart` is everybody's) tells it from a later one of its number.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Link {
    pid: i32,
    parent: i32,
    group: i32,
    started: String,
}

/// The processes below an ssh.
#[derive(Clone, Debug, Default)]
pub(super) struct Chain(Vec<Link>);

impl Chain {
    /// Those that there are now. Not those that have left our process group: they mean to stay, as a `ControlPersist` master of a jump host does.
    pub(super) fn below(ssh: Pid) -> Self {
        let group = unistd::getpgrp().as_raw();
        let mut links = all();
        links.retain(|link| link.group == group);
        let mut found: Vec<Link> = Vec::new();
        let mut parents = vec![ssh.number()];
        while let Some(parent) = parents.pop() {
            for link in links.iter().filter(|link| link.parent == parent) {
                parents.push(link.pid);
                found.push(link.clone());
            }
        }
        Self(found)
    }

    /// Sees to it that all of them are gone.
    pub(super) async fn end(mut self) {
        for (wait, signal) in [(BY_ITSELF, Signal::SIGTERM), (WHEN_TOLD, Signal::SIGKILL)] {
            // Without a look at all processes, which costs more.
            self.0
                .retain(|link| kill(unistd::Pid::from_raw(link.pid), None).is_ok());
            if self.0.is_empty() {
                return;
            }
            sleep(wait).await;
            let now = spawn_blocking(all).await.unwrap_or_default();
            self.0.retain(|link| {
                let same = |other: &&Link| other.pid == link.pid && other.started == link.started;
                now.iter().any(|other| same(&other))
            });
            for link in &self.0 {
                tracing::info!(pid = link.pid, %signal, "what ssh had started is still there");
                let pid = unistd::Pid::from_raw(link.pid);
                if let Err(error) = kill(pid, signal).and_then(|()| kill(pid, Signal::SIGCONT)) {
                    tracing::debug!(pid = link.pid, %error, "it is gone");
                }
            }
        }
    }
}

impl Driver {
    /// Whether ssh starts others to reach the host.
    pub(super) fn is_chained(&self) -> bool {
        let config = &self.session.config;
        self.session.dialler == Dialler::Ssh
            && (config.proxy_jump.is_some() || config.proxy_command.is_some())
    }

    /// The host has answered, so that the whole chain is there: notes what it consists of.
    pub(super) fn note_chain(&self, run: RunId) {
        if let Some(live) = self.runs.get(&run)
            && self.is_chained()
        {
            let (ssh, messages) = (live.pid, self.messages.clone());
            tokio::spawn(async move {
                match spawn_blocking(move || Chain::below(ssh)).await {
                    Ok(chain) => report_to(&messages, Message::Chain(run, chain)),
                    Err(error) => tracing::warn!(%error, "cannot look for what ssh has started"),
                }
            });
        }
    }

    /// A run is over: so is its chain.
    pub(super) fn end_chain(&mut self, chain: Option<Chain>) {
        if let Some(chain) = chain {
            self.chains.retain(|ending| !ending.is_finished());
            self.chains.push(tokio::spawn(chain.end()));
        }
    }
}

/// Every process.
fn all() -> Vec<Link> {
    let words = [
        "-A", "-o", "pid=", "-o", "ppid=", "-o", "pgid=", "-o", "lstart=",
    ];
    match Command::new("ps").args(words).output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(link)
            .collect(),
        Err(error) => {
            tracing::info!(%error, "cannot look for what ssh has started");
            Vec::new()
        }
    }
}

fn link(line: &str) -> Option<Link> {
    let mut words = line.split_whitespace();
    let mut number = || words.next()?.parse().ok();
    Some(Link {
        pid: number()?,
        parent: number()?,
        group: number()?,
        started: words.collect::<Vec<_>>().join(" "),
    })
}
