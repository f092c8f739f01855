//! A WireGuard tunnel in user space, with the policy routing that wg-quick(8) sets up.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, ensure};

use crate::daemon::{Daemon, PATIENCE};
use crate::{Lab, Node};

/// The laptop's interface.
const DEVICE: &str = "wg0";
/// The far end's.
const FAR_DEVICE: &str = "wgend";
/// Where the far end listens; the port is also the mark of the tunnel's own packets, and the number of its routing
/// table, as wg-quick has it.
const FAR_END: (&str, u16) = ("203.0.113.1", 51820);

/// The far end, on the internet's machine, and the laptop's side while it is up. Dropping it ends both.
#[derive(Debug)]
pub struct WireGuard {
    near: Mutex<Option<Daemon>>,
    // Held for its end.
    _far: Daemon,
    laptop: Arc<Node>,
    dir: PathBuf,
    networks: Vec<String>,
}

impl Lab {
    /// Starts a WireGuard's far end; the laptop's side comes with [`WireGuard::up`]. These IPv4 networks go through
    /// the tunnel (`10.99.0.0/24`, or `0.0.0.0/0` for everything).
    pub fn wireguard(&self, networks: &[&str]) -> Result<WireGuard> {
        let dir = self.dir().join("wireguard");
        fs::create_dir_all(&dir)?;
        fs::set_permissions(&dir, Permissions::from_mode(0o700))?;
        let at = dir.display();
        // The control sockets have fixed names: one /run for each machine.
        self.internet.sh(&format!(
            "mount -t tmpfs -o mode=755 tmpfs /run; cd {at}
             for end in near far; do wg genkey > $end.key; wg pubkey < $end.key > $end.pub; done"
        ))?;
        let far = start(&self.internet, FAR_DEVICE, &dir.join("far.log"))?;
        self.internet.sh(&format!(
            "cd {at}; wg set {FAR_DEVICE} private-key far.key listen-port {} \
             peer $(cat near.pub) allowed-ips 10.7.0.2/32
             ip addr add 10.7.0.1/24 dev {FAR_DEVICE}; ip link set {FAR_DEVICE} up",
            FAR_END.1
        ))?;
        Ok(WireGuard {
            near: Mutex::new(None),
            _far: far,
            laptop: Arc::clone(&self.laptop),
            dir,
            networks: networks.iter().map(|&network| network.to_owned()).collect(),
        })
    }
}

impl WireGuard {
    /// The laptop's address in the tunnel.
    pub const ADDRESS: &'static str = "10.7.0.2";
    /// The laptop's interface.
    pub const DEVICE: &'static str = DEVICE;

    /// Brings the laptop's side up and returns when its routes are in force: `wg0`, kind tun, has 10.7.0.2, and the
    /// networks go there by rule, not by the main table. The tunnel stays up wherever the
    /// laptop goes; call [`WireGuard::follow`] after a move to have it work there at once.
    pub fn up(&self) -> Result<()> {
        let mut near = self.near();
        ensure!(near.is_none(), "{DEVICE} is up already");
        let daemon = start(&self.laptop, DEVICE, &self.dir.join("near.log"))?;
        let (address, port) = FAR_END;
        let allowed = self.networks.join(",");
        let own = Self::ADDRESS;
        self.laptop.sysctl("ipv4/conf/all/src_valid_mark", "1")?;
        self.laptop.sh(&format!(
            "cd {}; wg set {DEVICE} private-key near.key fwmark {port} peer $(cat far.pub) endpoint {address}:{port} \
             allowed-ips 10.7.0.1/32,{allowed} persistent-keepalive 5",
            self.dir.display()
        ))?;
        // wg-quick(8): what the tunnel has not sent itself asks the tunnel's table, but only after the main table,
        // without its default routes, had no answer. The later rule is asked first.
        let routes: Vec<_> = self
            .networks
            .iter()
            .map(|network| format!("route add {network} dev {DEVICE} table {port}\n"))
            .collect();
        self.laptop.ip_batch(&format!(
            "addr add {own}/24 dev {DEVICE}\nlink set {DEVICE} mtu 1420 up\n{}\
             rule add not fwmark {port} table {port}\nrule add table main suppress_prefixlength 0\n",
            routes.concat()
        ))?;
        *near = Some(daemon);
        Ok(())
    }

    /// Has the laptop's side send from whatever address it has now, as the kernel's own WireGuard does by itself.
    /// wireguard-go clings to the address that it last sent from: after a move its packets fail, measured for 15 to
    /// 20 s, unless this is called.
    pub fn follow(&self) -> Result<()> {
        self.laptop
            .sh(&format!(
                "wg set {DEVICE} peer $(cat {}/far.pub) endpoint {}:{}",
                self.dir.display(),
                FAR_END.0,
                FAR_END.1
            ))
            .map(drop)
    }

    /// Takes the laptop's side down: rules, then the interface with its routes. None up is no error.
    pub fn down(&self) -> Result<()> {
        let Some(daemon) = self.near().take() else {
            return Ok(());
        };
        self.laptop.ip_batch(&format!(
            "rule del table main suppress_prefixlength 0\nrule del not fwmark {0} table {0}\nlink del {DEVICE}\n",
            FAR_END.1
        ))?;
        drop(daemon);
        Ok(())
    }

    fn near(&self) -> MutexGuard<'_, Option<Daemon>> {
        self.near.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for WireGuard {
    fn drop(&mut self) {
        // The interface goes with its process in any case, the rules with the laptop.
        let _down = self.down();
    }
}

fn start(node: &Node, device: &str, log: &Path) -> Result<Daemon> {
    let mut daemon = Daemon::start(
        node,
        Daemon::command("wireguard-go").args(["--foreground", device]),
        log,
    )?;
    daemon
        .wait_until(device, PATIENCE, || {
            Ok(node.sh(&format!("wg show {device}")).is_ok())
        })
        .context("wireguard-go")?;
    Ok(daemon)
}
