//! Who connects to a host, and which address that is about first.

use std::{ffi::OsStr, process::Command};

use anyhow::{Context as _, Result, bail};

use super::{args::Args, config::Config};

/// Who connects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dial {
    /// netroam, which then hands the socket to ssh.
    Ours,
    /// ssh as it always does; netroam watches the path to the first hop.
    Ssh {
        /// The first hop; `None` where only the user's own program knows it.
        first_hop: Option<Hop>,
        /// Why not netroam.
        why: WhySsh,
    },
}

/// A host and a port to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// Why ssh has to dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhySsh {
    /// `ProxyJump`.
    ProxyJump,
    /// `ProxyCommand`.
    ProxyCommand,
}

/// A chain of jump hosts that is longer than this is a loop.
const LONGEST_CHAIN: usize = 16;

impl Config {
    /// Who connects to this host, asking ssh about the first jump host where there is one.
    ///
    /// # Errors
    /// What ssh says about the configuration of a jump host.
    pub fn dial(&self, ssh: &OsStr, args: &Args) -> Result<Dial> {
        if let Some(chain) = &self.proxy_jump {
            return Ok(Dial::Ssh {
                first_hop: first_hop(ssh, args, chain)?,
                why: WhySsh::ProxyJump,
            });
        }
        if self.proxy_command.is_some() {
            return Ok(Dial::Ssh {
                first_hop: None,
                why: WhySsh::ProxyCommand,
            });
        }
        // A ControlMaster of the user's is no reason: runs get ControlPath=none, because a stale master would swallow them.
        Ok(Dial::Ours)
    }

    /// The host itself, as a hop.
    pub fn hop(&self) -> Hop {
        Hop {
            host: self.hostname.clone(),
            port: self.port,
        }
    }
}

/// The host to connect to first on the way over the jump hosts in `chain`, which may themselves have jump hosts configured.
fn first_hop(ssh: &OsStr, args: &Args, chain: &str) -> Result<Option<Hop>> {
    let mut first = first_of(chain).to_owned();
    for _ in 0..LONGEST_CHAIN {
        let mut command = Command::new(ssh);
        command.arg("-G");
        // ssh itself passes -F on to the ssh of a jump host, and nothing else that changes where it connects (ssh.c).
        if let Some(file) = args.last(b'F') {
            command.arg("-F").arg(file);
        }
        let (destination, port) = destination_of(&first);
        if let Some(port) = port {
            command.args(["-p", port]);
        }
        let config = Config::ask(command_for(command, destination)).with_context(|| {
            format!("cannot read the ssh configuration of the jump host {first}")
        })?;
        match config.proxy_jump {
            Some(chain) => first_of(&chain).clone_into(&mut first),
            None if config.proxy_command.is_some() => return Ok(None),
            None => return Ok(Some(config.hop())),
        }
    }
    bail!("the jump hosts of {chain} lead to each other")
}

fn command_for(mut command: Command, destination: &str) -> Command {
    command.arg("--").arg(destination);
    command
}

fn first_of(chain: &str) -> &str {
    chain.split(',').next().unwrap_or(chain)
}

/// Splits `[user@]host[:port]` into what ssh takes as a destination and the port; URIs and IPv6 in brackets as ssh's `parse_user_host_port`.
fn destination_of(jump: &str) -> (&str, Option<&str>) {
    if jump.starts_with("ssh://") {
        return (jump, None);
    }
    match jump.rsplit_once(':') {
        // A second colon outside brackets is an IPv6 address without a port.
        Some((host, port)) if host.ends_with(']') || !host.contains(':') => {
            (unbracketed(host), Some(port))
        }
        Some(_) | None => (unbracketed(jump), None),
    }
}

fn unbracketed(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsString, fs};

    use super::*;
    use crate::ssh::{args::Asked, version::Version};

    fn args(words: &[&str]) -> Args {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        match Args::parse(&words, Version::of("ssh".as_ref()).unwrap()).unwrap() {
            Asked::Session(args) => args,
            Asked::Other(mode) => panic!("{mode:?}"),
        }
    }

    fn dial(file: &str, words: &[&str]) -> Result<Dial> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        fs::write(&path, file).unwrap();
        let args = args(&[&["-F", path.to_str().unwrap()], words].concat());
        Config::read("ssh".as_ref(), &args)?.dial("ssh".as_ref(), &args)
    }

    #[test]
    fn who_dials() {
        let ssh = |host: &str, port, why| Dial::Ssh {
            first_hop: Some(Hop {
                host: host.into(),
                port,
            }),
            why,
        };
        let jumps = "Host gw\n HostName gw.example\n Port 2200\nHost inner\n ProxyJump u@gw,mid\n";
        assert_eq!(
            dial(jumps, &["inner"]).unwrap(),
            ssh("gw.example", 2200, WhySsh::ProxyJump)
        );
        assert_eq!(
            dial(jumps, &["-J", "inner", "x"]).unwrap(),
            ssh("gw.example", 2200, WhySsh::ProxyJump)
        );
        assert_eq!(
            dial(jumps, &["-J", "gw:22", "x"]).unwrap(),
            ssh("gw.example", 22, WhySsh::ProxyJump)
        );
        assert_eq!(
            dial("", &["-J", "ssh://a@b:7", "x"]).unwrap(),
            ssh("b", 7, WhySsh::ProxyJump)
        );
        assert_eq!(
            dial("", &["-J", "[::1]:7", "x"]).unwrap(),
            ssh("::1", 7, WhySsh::ProxyJump)
        );
        assert_eq!(
            dial("ProxyCommand nc %h %p\n", &["h"]).unwrap(),
            Dial::Ssh {
                first_hop: None,
                why: WhySsh::ProxyCommand
            }
        );
        assert_eq!(dial("ProxyCommand none\n", &["h"]).unwrap(), Dial::Ours);
        assert_eq!(
            dial(
                "ControlMaster auto
ControlPath /nonexistent/%C
",
                &["h"]
            )
            .unwrap(),
            Dial::Ours
        );
        assert_eq!(
            dial("ControlPath /nonexistent/%C\n", &["h"]).unwrap(),
            Dial::Ours
        );
        let loops = dial("Host a\n ProxyJump b\nHost b\n ProxyJump a\n", &["a"]).unwrap_err();
        assert_eq!(loops.to_string(), "the jump hosts of b lead to each other");
    }
}
