//! A real VPN with a login by hand: OpenVPN, a user name and a code that is good for one login.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::Ipv4Addr;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;

use crate::daemon::{Daemon, PATIENCE};
use crate::{Lab, Node};

/// Where the server listens; 1194 is the lab's own tunnel's.
const FAR_END: (&str, &str) = ("203.0.113.1", "1195");
/// The one user.
const USER: &str = "dev";
/// What OpenVPN says when the tunnel is up, its routes included.
const UP: &str = "Initialization Sequence Completed";
/// The host number that the first login gets.
const FIRST_HOST: u8 = 11;

/// The server's side, on the internet's machine. Dropping it ends it.
#[derive(Debug)]
pub struct OpenVpn {
    server: Daemon,
    laptop: Arc<Node>,
    dir: PathBuf,
    codes: AtomicU32,
    logins: AtomicU32,
}

/// The client's side: one login. Dropping it kills it.
#[derive(Debug)]
pub struct VpnLogin {
    client: Daemon,
    laptop: Arc<Node>,
}

/// What the laptop has been given by a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TunnelAddress {
    /// The interface: `tun0` unless another was asked for.
    pub device: String,
    /// The laptop's address in it, 10.9.0.N.
    pub address: Ipv4Addr,
}

impl Lab {
    /// Starts an OpenVPN server (203.0.113.1, UDP 1195) and returns when it listens. Each login is given the next
    /// address of 10.9.0.0/24, from 10.9.0.11 on, and a route to each of these networks (`10.99.0.0/24`): with none,
    /// it is a tunnel that carries nothing of ours.
    pub fn openvpn(&self, routes: &[&str]) -> Result<OpenVpn> {
        let dir = self.dir().join("openvpn");
        fs::create_dir_all(dir.join("tmp"))?;
        make_certificate(&dir)?;
        let path = |name: &str| dir.join(name).display().to_string();
        fs::write(path("codes"), "")?;
        fs::write(path("next"), FIRST_HOST.to_string())?;
        // The code has to be one that was given out, and unspent: making its directory spends it.
        write_script(
            &dir.join("verify"),
            &format!(
                "{{ read -r user; read -r code; }} < \"$1\"\n[ \"$user\" = {USER} ] && grep -qxF -- \"$code\" {} \
                 && mkdir \"{}/spent-$code\"\n",
                path("codes"),
                dir.display()
            ),
        )?;
        write_script(
            &dir.join("connect"),
            &format!(
                "read -r next < {0}\necho \"ifconfig-push 10.9.0.$next 255.255.255.0\" > \"$1\"\necho $((next + 1)) > {0}\n",
                path("next")
            ),
        )?;
        let mut command = Daemon::command("openvpn");
        command
            .args(["--mode", "server", "--tls-server", "--proto", "udp4"])
            .args(["--local", FAR_END.0, "--port", FAR_END.1])
            .args(["--dev", "ovpn", "--dev-type", "tun", "--disable-dco"])
            .args(["--topology", "subnet"])
            .args(["--ifconfig", "10.9.0.1", "255.255.255.0"])
            .args(["--push", "topology subnet"])
            .args(["--push", "route-gateway 10.9.0.1"])
            .args(["--cert", &path("cert"), "--key", &path("key")])
            .args(["--ca", &path("cert"), "--dh", "none"])
            .args(["--verify-client-cert", "none", "--username-as-common-name"])
            .args(["--script-security", "3", "--tmp-dir", &path("tmp")])
            .args(["--auth-user-pass-verify", &path("verify"), "via-file"])
            .args(["--client-connect", &path("connect")])
            .args(["--keepalive", "10", "60", "--verb", "3"]);
        for route in routes {
            command.args(["--push", &format!("route {}", with_mask(route)?)]);
        }
        let mut server = Daemon::start(&self.internet, &mut command, &dir.join("server.log"))?;
        server
            .wait_for_log(UP, PATIENCE)
            .context("openvpn's server")?;
        Ok(OpenVpn {
            server,
            laptop: Arc::clone(&self.laptop),
            dir,
            codes: AtomicU32::new(314_159),
            logins: AtomicU32::new(0),
        })
    }
}

impl OpenVpn {
    /// Gives out a code that the server takes, once.
    pub fn code(&self) -> Result<String> {
        let code = format!("{:06}", self.codes.fetch_add(7, Ordering::Relaxed));
        let mut codes = OpenOptions::new()
            .append(true)
            .open(self.dir.join("codes"))?;
        writeln!(codes, "{code}")?;
        Ok(code)
    }

    /// Decides the address of the next login: 10.9.0.N. The one after it gets N + 1.
    pub fn next_host(&self, host: u8) -> Result<()> {
        fs::write(self.dir.join("next"), host.to_string()).context("cannot write the next host")
    }

    /// Logs in as a person does who has just typed the code: returns when the client is started, not when it is
    /// connected. The client needs no network for that; it tries until there is one (for a minute at least).
    pub fn login(&self, code: &str) -> Result<VpnLogin> {
        self.login_with(code, &[])
    }

    /// The same with further options for the client, which win: `["--dev", "tun7"]` for another interface,
    /// `["--route-nopull"]` for none of the routes.
    pub fn login_with(&self, code: &str, options: &[&str]) -> Result<VpnLogin> {
        let n = self.logins.fetch_add(1, Ordering::Relaxed);
        let secret = self.dir.join(format!("login-{n}"));
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&secret)?;
        write!(file, "{USER}\n{code}\n")?;
        let mut command = Daemon::command("openvpn");
        command
            .args(["--client", "--proto", "udp4", "--nobind"])
            .args(["--remote", FAR_END.0, FAR_END.1])
            .args(["--dev", "tun", "--dev-type", "tun", "--disable-dco"])
            .arg("--ca")
            .arg(self.dir.join("cert"))
            .args(["--remote-cert-tls", "server"])
            .arg("--auth-user-pass")
            .arg(&secret)
            .args(["--auth-nocache", "--auth-retry", "none", "--verb", "3"])
            .args(options);
        let log = self.dir.join(format!("client-{n}.log"));
        Ok(VpnLogin {
            client: Daemon::start(&self.laptop, &mut command, &log)?,
            laptop: Arc::clone(&self.laptop),
        })
    }

    /// What the server has said so far.
    pub fn log(&self) -> String {
        self.server.log()
    }
}

impl VpnLogin {
    /// The client's process id.
    pub fn pid(&self) -> u32 {
        self.client.pid()
    }

    /// What the client has said so far.
    pub fn log(&self) -> String {
        self.client.log()
    }

    /// Waits until the tunnel is up and its routes are there.
    pub fn wait_up(&mut self, within: Duration) -> Result<TunnelAddress> {
        self.client
            .wait_for_log(UP, within)
            .context("openvpn's client")?;
        let log = self.log();
        let device = log
            .split("TUN/TAP device ")
            .nth(1)
            .and_then(|rest| rest.split_whitespace().next())
            .with_context(|| format!("no interface in openvpn's log:\n{log}"))?
            .to_owned();
        let shown = self.laptop.ip(&format!("-o -4 addr show dev {device}"))?;
        let address = shown
            .split_whitespace()
            .find_map(|word| word.split_once('/')?.0.parse().ok())
            .with_context(|| format!("{device} has no address: {shown}"))?;
        Ok(TunnelAddress { device, address })
    }

    /// Waits for the client to end by itself: refused, as a rule.
    pub fn wait_exit(&mut self, within: Duration) -> Result<ExitStatus> {
        self.client.wait_exit(within)
    }

    /// Ends the login and waits for the client's end: SIGTERM as a person does, SIGKILL as a crash. The interface is
    /// gone then, with its address and routes.
    pub fn end(mut self, signal: Signal) -> Result<()> {
        self.client.end(signal).map(drop)
    }
}

/// One certificate, which is its own authority: the server's, checked by the client.
pub(crate) fn make_certificate(dir: &Path) -> Result<()> {
    let output = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt"])
        .args(["ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=vpn.example"])
        .args(["-addext", "keyUsage=critical,digitalSignature,keyCertSign"])
        .args(["-addext", "extendedKeyUsage=serverAuth", "-keyout"])
        .arg(dir.join("key"))
        .arg("-out")
        .arg(dir.join("cert"))
        .output()
        .context("cannot run openssl")?;
    ensure!(
        output.status.success(),
        "openssl: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

fn write_script(path: &Path, body: &str) -> Result<()> {
    fs::write(path, format!("#!/bin/bash\n{body}"))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// `10.99.0.0/24` as OpenVPN wants it: `10.99.0.0 255.255.255.0`.
fn with_mask(network: &str) -> Result<String> {
    let parts = network.split_once('/').and_then(|(address, bits)| {
        let bits: u32 = bits.parse().ok().filter(|bits| *bits <= 32)?;
        Some((address.parse::<Ipv4Addr>().ok()?, bits))
    });
    let (address, bits) = parts.with_context(|| format!("no IPv4 network: {network}"))?;
    let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
    Ok(format!("{address} {}", Ipv4Addr::from(mask)))
}
