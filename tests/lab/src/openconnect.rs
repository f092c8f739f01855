//! A VPN that speaks the protocol of Cisco's client: ocserv, and openconnect with its vpnc-script.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::Ipv4Addr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;

use crate::daemon::{Daemon, PATIENCE};
use crate::openvpn::make_certificate;
use crate::{Lab, Node};

/// Where the server listens, by TCP and UDP.
const FAR_END: (&str, u16) = ("203.0.113.1", 4433);
/// The one user, and the word that the login asks for.
const USER: &str = "dev";
const PASSWORD: &str = "271828";
/// The laptop's interface.
const DEVICE: &str = "tun0";

/// The server's side, on the internet's machine. Dropping it ends it.
#[derive(Debug)]
pub struct OpenConnect {
    // Held for its end.
    _server: Daemon,
    laptop: Arc<Node>,
    dir: PathBuf,
}

/// The client's side: one login. Dropping it kills it, which leaves its routes to the kernel.
#[derive(Debug)]
pub struct AnyConnectLogin {
    client: Daemon,
    laptop: Arc<Node>,
}

impl Lab {
    /// Starts an ocserv (203.0.113.1, TCP and UDP 4433) and returns when it listens. Each login is given another address of
    /// 10.10.0.0/24, and a route to each of these networks (`10.99.0.0/24`).
    pub fn openconnect(&self, routes: &[&str]) -> Result<OpenConnect> {
        let dir = self.dir().join("ocserv");
        fs::create_dir_all(&dir)?;
        make_certificate(&dir)?;
        let at = dir.display();
        let hashed = Command::new("openssl")
            .args(["passwd", "-6", PASSWORD])
            .output()
            .context("cannot run openssl")?;
        ensure!(hashed.status.success(), "openssl passwd: {hashed:?}");
        let hashed = String::from_utf8(hashed.stdout)?;
        fs::write(dir.join("passwd"), format!("{USER}:*:{}\n", hashed.trim()))?;
        let routes: Vec<_> = routes
            .iter()
            .map(|route| format!("route = {route}\n"))
            .collect();
        let settings = format!(
            "auth = \"plain[passwd={at}/passwd]\"\n\
             listen-host = {}\ntcp-port = {port}\nudp-port = {port}\n\
             run-as-user = root\nrun-as-group = root\nisolate-workers = false\n\
             socket-file = {at}/socket\nserver-cert = {at}/cert\nserver-key = {at}/key\n\
             device = ocend\nipv4-network = 10.10.0.0/24\npredictable-ips = false\n\
             dpd = 5\nrekey-time = 0\nmax-clients = 8\ncookie-timeout = 300\n{}",
            FAR_END.0,
            routes.concat(),
            port = FAR_END.1
        );
        fs::write(dir.join("settings"), settings)?;
        let mut command = Daemon::command("ocserv");
        command.args(["--foreground", "--log-stderr", "--config"]);
        command.arg(dir.join("settings"));
        let mut server = Daemon::start(&self.internet, &mut command, &dir.join("server.log"))?;
        server
            .wait_until("a listening socket", PATIENCE, || {
                let listening = format!("ss -Hltn sport = :{}", FAR_END.1);
                Ok(!self.internet.sh(&listening)?.is_empty())
            })
            .context("ocserv")?;
        Ok(OpenConnect {
            _server: server,
            laptop: Arc::clone(&self.laptop),
            dir,
        })
    }
}

impl OpenConnect {
    /// Logs in as a person does who has just typed the word: returns when the client is started, not when it is connected.
    pub fn login(&self) -> Result<AnyConnectLogin> {
        let secret = self.dir.join("login");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&secret)?;
        writeln!(file, "{PASSWORD}")?;
        let pin = pin(&self.dir)?;
        let at = self.dir.display();
        let mut command = Daemon::command("bash");
        // The server names no resolver, so that the script leaves the laptop's alone.
        command.arg("-c").arg(format!(
            "exec openconnect --protocol=anyconnect --user={USER} --passwd-on-stdin --servercert {pin} \
             --script /usr/share/vpnc-scripts/vpnc-script --interface {DEVICE} --non-inter \
             --reconnect-timeout 120 https://{}:{} < {at}/login",
            FAR_END.0, FAR_END.1
        ));
        Ok(AnyConnectLogin {
            client: Daemon::start(&self.laptop, &mut command, &self.dir.join("client.log"))?,
            laptop: Arc::clone(&self.laptop),
        })
    }
}

impl AnyConnectLogin {
    /// The laptop's interface.
    pub const DEVICE: &'static str = DEVICE;

    /// What the client has said so far.
    pub fn log(&self) -> String {
        self.client.log()
    }

    /// Waits until the tunnel leads inside; gives the laptop's address in it.
    pub fn wait_up(&mut self, within: Duration) -> Result<Ipv4Addr> {
        let mut found = None;
        let laptop = Arc::clone(&self.laptop);
        self.client
            .wait_until("a way inside", within, || {
                let way = laptop.sh(&format!("ip route get {} || true", Lab::INSIDE_V4))?;
                found = way
                    .split_once(&format!("dev {DEVICE} src "))
                    .and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok());
                Ok(found.is_some())
            })
            .context("openconnect")?;
        found.context("no address")
    }

    /// Tells the client that the network has changed (`SIGUSR2`), as a network manager's hook does: it connects anew, by its cookie and
    /// without a login, and its interface and address stay.
    pub fn network_changed(&mut self) -> Result<()> {
        nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(i32::try_from(self.client.pid())?),
            Signal::SIGUSR2,
        )
        .context("cannot tell openconnect")
    }

    /// Logs off (`SIGINT`: openconnect(8)) and waits for the client's end, after which its interface and routes are gone.
    pub fn end(mut self) -> Result<()> {
        self.client.end(Signal::SIGINT).map(drop)
    }
}

/// What openconnect wants to know a server by whose certificate nobody has signed.
fn pin(dir: &Path) -> Result<String> {
    let output = Command::new("bash")
        .arg("-c")
        .arg(format!(
            "set -o pipefail; openssl x509 -in {}/cert -noout -pubkey | openssl pkey -pubin -outform der \
             | openssl dgst -sha256 -binary | base64",
            dir.display()
        ))
        .output()
        .context("cannot run openssl")?;
    ensure!(output.status.success(), "openssl: {output:?}");
    let digest = String::from_utf8(output.stdout)?;
    Ok(format!("pin-sha256:{}", digest.trim()))
}
