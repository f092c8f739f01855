//! Connections of the user's own ssh processes, as the system shows them.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use netroam_platform::{
    clock::Time,
    others::{self, Connection, Identity, Other},
};

use super::Past;
use crate::supervisor::{Look, Reason, Verdict};

/// The program that is looked for.
const SSH: &str = "ssh";

/// An ssh below this program is looked after already.
const OURS: &str = "netroam";

/// An ssh process with connections that leave this machine.
#[derive(Clone, Debug)]
pub struct Ssh(Other);

impl Ssh {
    /// All of this user's, by process number. Not those that a netroam has started.
    ///
    /// # Errors
    /// Those of [`others::running`].
    pub fn all() -> io::Result<Vec<Self>> {
        let mut all: Vec<Self> = others::running(SSH)?
            .into_iter()
            .filter(|other| !is_ours(other.parent))
            .map(|mut other| {
                // Neither what others opened to a port that it forwards, nor what stays on this machine, says anything of the path.
                other
                    .connections
                    .retain(|connection| !connection.accepted && leaves(connection));
                Self(other)
            })
            .filter(|ssh| !ssh.0.connections.is_empty())
            .collect();
        all.sort_by_key(|ssh| ssh.0.identity);
        Ok(all)
    }

    /// Its process number.
    pub fn pid(&self) -> i32 {
        self.0.identity.pid()
    }

    /// Which process it is.
    pub const fn identity(&self) -> Identity {
        self.0.identity
    }

    /// Its command line, or what it calls itself.
    pub fn command(&self) -> &str {
        &self.0.command
    }

    /// The other ends of its connections; the first is the server's, where nothing is forwarded.
    pub fn peers(&self) -> impl Iterator<Item = SocketAddr> {
        self.0.connections.iter().map(|connection| connection.peer)
    }

    /// Whether it has this very connection.
    pub fn has(&self, local: SocketAddr, peer: SocketAddr) -> bool {
        self.0
            .connections
            .iter()
            .any(|connection| (connection.local, connection.peer) == (local, peer))
    }

    /// Ends it, if it is still the same process; false if it is gone already.
    ///
    /// A master takes `SIGTERM` as it takes `ssh -O exit`: it removes its control socket, its clients end within 0.2 s, and the next ssh
    /// connects anew (measured with 9.2p1). Unlike `-O exit`, which asks whoever listens on a path, this reaches the process that was judged.
    ///
    /// # Errors
    /// Those of kill(2).
    pub fn end(&self) -> io::Result<bool> {
        others::end(self.0.identity, SSH)
    }
}

/// What is remembered of the connections that were found.
#[derive(Debug, Default)]
pub struct Found(BTreeMap<(Identity, SocketAddr, SocketAddr), Past>);

impl Found {
    /// The addresses whose paths a look has to have.
    pub fn peers(all: &[Ssh]) -> Vec<IpAddr> {
        let mut peers: Vec<IpAddr> = all
            .iter()
            .flat_map(Ssh::peers)
            .map(|peer| peer.ip())
            .collect();
        peers.sort_unstable();
        peers.dedup();
        peers
    }

    /// What a look says of each, in their order. A process is dead only if every one of its connections is: which of them is the one to the
    /// server cannot be seen from outside.
    pub fn judge(&mut self, now: Time, all: &[Ssh], look: &Look) -> Vec<Verdict> {
        let mut past = std::mem::take(&mut self.0);
        let mut verdicts = Vec::new();
        for ssh in all {
            let mut best: Option<Verdict> = None;
            for connection in &ssh.0.connections {
                let key = key(ssh, connection);
                let mut known = past.remove(&key).unwrap_or_default();
                let verdict = known.judge(now, connection, look);
                self.0.insert(key, known);
                let dead = |verdict: &Verdict| matches!(verdict, Verdict::Dead(_));
                best = match best {
                    Some(before) if !dead(&before) || dead(&verdict) => Some(before),
                    Some(_) | None => Some(verdict),
                };
            }
            verdicts.push(best.unwrap_or(Verdict::Unknown));
        }
        verdicts
    }

    /// All of them may not have survived a sleep.
    pub fn slept(&mut self, now: Time, all: &[Ssh]) {
        for ssh in all {
            for connection in &ssh.0.connections {
                let known = self.0.entry(key(ssh, connection)).or_default();
                known.suspect(now, Reason::Slept, connection.health);
            }
        }
    }

    /// How long to wait before the next look by ourselves: while a connection is in doubt, only its use tells, of which there is no event.
    pub fn next_look(&self, now: Time) -> Option<Duration> {
        const FRESH: Duration = Duration::from_secs(60);
        let doubts = self.0.values().filter_map(Past::doubtful_since);
        let pressing = |(since, waiting): (Time, bool)| waiting || now.since(since) < FRESH;
        doubts
            .map(|doubt| Duration::from_secs(if pressing(doubt) { 1 } else { 5 }))
            .min()
    }
}

/// Whether this process, or one above it, is netroam: what it runs is looked after.
pub fn is_ours(pid: i32) -> bool {
    others::lineage(pid).iter().any(|program| program == OURS)
}

fn key(ssh: &Ssh, connection: &Connection) -> (Identity, SocketAddr, SocketAddr) {
    (ssh.0.identity, connection.local, connection.peer)
}

/// Whether it goes through a network at all.
fn leaves(connection: &Connection) -> bool {
    !connection.peer.ip().is_loopback() && connection.local.ip() != connection.peer.ip()
}
