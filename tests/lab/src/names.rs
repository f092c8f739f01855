//! Name servers: one outside that everybody may ask, one inside that knows more.

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::daemon::{Daemon, PATIENCE};
use crate::{Lab, Node};

/// Two dnsmasqs that log each question. Dropping it ends them.
#[derive(Debug)]
pub struct Names {
    outside: Daemon,
    inside: Daemon,
}

/// A question that a name server was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What for: `A`, `AAAA`…
    pub kind: String,
    /// The name.
    pub name: String,
    /// Who asked.
    pub from: String,
}

impl Names {
    /// The name server outside, reached from home and the café. It knows `server.example`, and that there is no
    /// [`Names::CORP`].
    pub const OUTSIDE: &'static str = "203.0.113.53";
    /// The name server inside, reached through a tunnel to [`Lab::INSIDE_NET`] only. It knows [`Names::CORP`], and
    /// what the one outside knows.
    pub const INSIDE: &'static str = "10.99.0.53";
    /// The name that only the name server inside knows: [`Lab::INSIDE_V4`]. The host `corp` of the laptop's ssh
    /// configuration has it.
    pub const CORP: &'static str = "inside.corp.test";

    /// What the name server outside has been asked so far, in order.
    pub fn asked_outside(&self) -> Vec<Question> {
        questions(&self.outside.log())
    }

    /// What the name server inside has been asked so far, in order.
    pub fn asked_inside(&self) -> Vec<Question> {
        questions(&self.inside.log())
    }
}

impl Lab {
    /// Starts the name servers and returns when they answer. The laptop asks neither before [`Lab::set_resolver`].
    pub fn names(&self) -> Result<Names> {
        let public = format!(
            "--host-record=server.example,{},{}",
            Self::SERVER_V4,
            Self::SERVER_V6
        );
        let corp = format!("--host-record={},{}", Names::CORP, Self::INSIDE_V4);
        let server = self.server().node();
        Ok(Names {
            outside: self.name_server(&self.internet, Names::OUTSIDE, &[&public])?,
            inside: self.name_server(server, Names::INSIDE, &[&public, &corp])?,
        })
    }

    /// Has the laptop ask this name server, as a VPN client does that rewrites `resolv.conf(5)` in place: one try of a
    /// second for each question. At first the laptop's is 192.0.2.53, where nobody answers.
    pub fn set_resolver(&self, address: &str) -> Result<()> {
        let text = format!("nameserver {address}\noptions timeout:1 attempts:1\n");
        let file = self.dir().join("laptop/resolv.conf");
        // Written in place: the file is mounted over the laptop's.
        fs::write(&file, &text).with_context(|| format!("cannot write {}", file.display()))?;
        let seen = self.laptop().sh("cat /etc/resolv.conf")?;
        ensure!(
            seen == text,
            "the laptop's resolv.conf is not the lab's: {seen}"
        );
        Ok(())
    }

    fn name_server(&self, node: &Node, address: &str, records: &[&str]) -> Result<Daemon> {
        node.ip(&format!("addr add {address}/32 dev wire"))?;
        let mut command = Daemon::command("dnsmasq");
        command
            .args([
                "--keep-in-foreground",
                "--conf-file=/dev/null",
                "--pid-file",
            ])
            .args(["--user=root", "--no-hosts", "--no-resolv", "--no-poll"])
            .args(["--bind-interfaces", "--listen-address", address])
            // It has no other server to ask: what it does not know does not exist.
            .args(["--local=/test/", "--local=/example/"])
            .args(["--log-queries", "--log-facility=-", "--local-ttl=0"])
            .args(records);
        let log = self.dir().join(format!("dnsmasq-{}.log", node.name()));
        let mut daemon = Daemon::start(node, &mut command, &log)?;
        daemon
            .wait_for_log("started", PATIENCE)
            .context("dnsmasq")?;
        Ok(daemon)
    }
}

/// dnsmasq's `query[A] name from address`.
fn questions(log: &str) -> Vec<Question> {
    log.lines()
        .filter_map(|line| {
            let (kind, rest) = line.split_once("query[")?.1.split_once("] ")?;
            let (name, from) = rest.split_once(" from ")?;
            Some(Question {
                kind: kind.to_owned(),
                name: name.to_owned(),
                from: from.to_owned(),
            })
        })
        .collect()
}
