//! What is said of connections that `netroam guard` and `netroam sweep` look after.

use std::net::SocketAddr;

use super::{over, plain, reason_text};
use crate::{
    guard::Ssh,
    supervisor::{Reason, Verdict},
};

/// So much of a command line is shown.
const LONGEST: usize = 60;

/// An ssh that was found and ended.
pub fn guarded(ssh: &Ssh, reason: &Reason) -> String {
    format!("{}: ended, {}", who(ssh), why(reason))
}

/// A connection that was handed over and ended.
pub fn guarded_host(host: &str, ssh: i32, peer: SocketAddr, reason: &Reason) -> String {
    let host = plain(host);
    format!(
        "{host}: ended the connection of ssh {ssh} to {}, {}",
        address(peer),
        why(reason)
    )
}

/// What a look says of an ssh that was found.
pub fn found(ssh: &Ssh, verdict: &Verdict) -> String {
    let who = who(ssh);
    match verdict {
        Verdict::Alive => format!("{who}: alive"),
        Verdict::Unknown => format!("{who}: not known"),
        Verdict::Doubtful(reason) => format!("{who}: doubtful, {}", why(reason)),
        Verdict::Cut(reason) | Verdict::Severed(reason) => {
            format!("{who}: no path, {}", why(reason))
        }
        Verdict::Dead(reason) => format!("{who}: dead, {}", why(reason)),
    }
}

fn who(ssh: &Ssh) -> String {
    let mut command: String = plain(ssh.command()).chars().take(LONGEST).collect();
    if command.len() < plain(ssh.command()).len() {
        command.push('…');
    }
    let to: Vec<String> = ssh.peers().map(address).collect();
    format!("ssh {} to {} ({command})", ssh.pid(), to.join(", "))
}

fn why(reason: &Reason) -> String {
    let text = reason_text(reason);
    match reason {
        Reason::AddressLost {
            now: Some(path), ..
        } => format!("{text}, the host is reached{} now", over(Some(path))),
        Reason::AddressLost { now: None, .. }
        | Reason::PathLost { .. }
        | Reason::PathMoved { .. }
        | Reason::PathBack
        | Reason::Slept
        | Reason::Silent(_)
        | Reason::Connection(_)
        | Reason::Adrift(_)
        | Reason::Stuck(_) => text,
    }
}

/// As ssh writes it.
fn address(peer: SocketAddr) -> String {
    format!("{} port {}", peer.ip(), peer.port())
}
