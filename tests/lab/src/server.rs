//! The server: a real sshd with accounts of its own.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{Node, Proc};

/// The login shells that accounts exist for: `dev-SHELL`, and `dev` with the first.
pub const SHELLS: [&str; 5] = ["bash", "zsh", "fish", "dash", "tcsh"];

/// The password of every account, for a lab whose sshd takes passwords ([`crate::Builder::sshd`]); by default it takes keys only.
pub const PASSWORD: &str = "between us";
/// The same as crypt(3) keeps it.
const HASH: &str =
    "$6$lab$rzy4dgobaQojV4IJcSFbYHpjQj4fUQpb24VtQjKkJ3fZ5256JMwg9hGdZdEWOVsRp71b9Vtg4Shx1Ffzmp2Qy/";

/// User ids of the lab's accounts, from here on; only the server's own passwd knows them.
const FIRST_UID: u32 = 64_200;

/// How long sshd may take to listen: measured 20 ms, on a machine that compiles at the same time 1 s.
const PATIENCE: Duration = Duration::from_secs(20);

/// How many connections sshd has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    /// TCP connections accepted.
    pub all: usize,
    /// Those that authenticated.
    pub authenticated: usize,
}

impl Connections {
    /// Those that did not authenticate (yet): what servers punish.
    pub fn unauthenticated(self) -> usize {
        self.all.saturating_sub(self.authenticated)
    }
}

/// The server: its machine, its sshd and its files.
#[derive(Debug)]
pub struct Server {
    sshd: Mutex<Option<Child>>,
    node: Node,
    dir: PathBuf,
}

impl Server {
    pub(crate) fn start(node: Node, lab_dir: &Path, sshd_lines: &str) -> Result<Self> {
        let dir = lab_dir.join("server");
        fs::create_dir_all(dir.join("tmp"))?;
        let server = Self {
            sshd: Mutex::new(None),
            node,
            dir,
        };
        server.make_key("host_key")?;
        server.make_key("user_key")?;
        server.make_accounts()?;
        server.node.sh(&format!(
            "cd {}; mount --bind passwd /etc/passwd; mount --bind tmp /tmp; chmod 1777 tmp
             mount -t tmpfs -o mode=755 tmpfs /run; mkdir -p /run/sshd /run/screen
             screen=$(command -v screen || true)
             if [ -u \"$screen\" ]; then mode=755; elif [ -g \"$screen\" ]; then mode=775; else mode=1777; fi
             chgrp utmp /run/screen; chmod $mode /run/screen # as screen wants it, by how it is installed
             mount -t tmpfs tmpfs /var/log",
            server.dir.display()
        ))?;
        let config = format!(
            "{sshd_lines}Port 22\nListenAddress 0.0.0.0\nListenAddress ::\nHostKey {0}/host_key\nPidFile none\n\
             AuthorizedKeysFile {0}/user_key.pub\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\nPrintMotd no\nPrintLastLog no\nUseDNS no\nLogLevel VERBOSE\n\
             MaxStartups 100\nAcceptEnv LANG LC_*\nX11Forwarding no\n",
            server.dir.display()
        );
        fs::write(server.dir.join("sshd_config"), config)?;
        server.start_sshd()?;
        Ok(server)
    }

    /// The machine: for commands there, and for its network.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The home directory of an account.
    pub fn home_of(&self, account: &str) -> PathBuf {
        self.dir.join("home").join(account)
    }

    /// Runs a shell script there as an account, in its home directory, with its HOME.
    pub fn sh_as(&self, account: &str, script: &str) -> Result<String> {
        let home = self.home_of(account);
        let uid = uid_of(account).with_context(|| format!("no such account: {account}"))?;
        let file = self.dir.join("script");
        fs::write(&file, script)?;
        self.node.sh(&format!(
            "cd {0}; exec setpriv --reuid {uid} --regid {uid} --clear-groups env -i PATH=/usr/bin:/bin HOME={0} USER={account} TERM=xterm-256color \
             LANG=C.UTF-8 bash {1}",
            home.display(),
            file.display()
        ))
    }

    /// Starts sshd (again) and returns when it listens.
    pub fn start_sshd(&self) -> Result<()> {
        let before = self.log().matches("Server listening").count();
        let mut command = Command::new("/usr/sbin/sshd");
        command
            .args(["-D", "-f"])
            .arg(self.dir.join("sshd_config"))
            .arg("-E")
            .arg(self.dir.join("sshd.log"));
        // A server's environment, not this process's: sshd hands parts of its own on.
        command
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = self.node.spawn(&mut command)?;
        *lock(&self.sshd) = Some(child);
        let deadline = Instant::now() + PATIENCE;
        while self.log().matches("Server listening").count() < before + 2 {
            ensure!(
                Instant::now() < deadline,
                "sshd does not listen:\n{}",
                self.log()
            );
            thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// Ends the listening sshd; sessions stay.
    pub fn stop_sshd(&self) -> Result<()> {
        if let Some(mut child) = lock(&self.sshd).take() {
            kill(Pid::from_raw(i32::try_from(child.id())?), Signal::SIGTERM)?;
            child.wait()?;
        }
        Ok(())
    }

    /// Kills (SIGKILL) every sshd process of a session, so that its TCP connection ends; the listener stays.
    pub fn kill_sessions(&self) -> Result<usize> {
        let listener = lock(&self.sshd).as_ref().map(Child::id);
        let mut killed = 0;
        for process in self.processes()? {
            if process.name.starts_with("sshd") && Some(process.pid) != listener {
                // It may have ended by itself, with its sibling.
                killed += usize::from(process.signal(Signal::SIGKILL).is_ok());
            }
        }
        Ok(killed)
    }

    /// Gives the server another host key and restarts its listener.
    pub fn change_host_key(&self) -> Result<()> {
        fs::remove_file(self.dir.join("host_key"))?;
        self.make_key("host_key")?;
        self.stop_sshd()?;
        self.start_sshd()
    }

    /// Has sshd take no key of the user's any more, or take it again.
    pub fn take_key(&self, take: bool) -> Result<()> {
        let (key, away) = (
            self.dir.join("user_key.pub"),
            self.dir.join("user_key.away"),
        );
        let (from, to) = if take { (away, key) } else { (key, away) };
        fs::rename(from, to).context("cannot move the user's public key")
    }

    /// What sshd has logged so far, at level VERBOSE.
    pub fn log(&self) -> String {
        // Before the first start there is none.
        fs::read_to_string(self.dir.join("sshd.log")).unwrap_or_default()
    }

    /// How many connections there have been so far, by sshd's log.
    pub fn connections(&self) -> Connections {
        let log = self.log();
        // "Accepted key …" only says that a key was found; "Accepted publickey for …" that it was proven.
        let accepted = |line: &&str| line.starts_with("Accepted ") && line.contains(" for ");
        Connections {
            all: log.matches("Connection from ").count(),
            authenticated: log.lines().filter(accepted).count(),
        }
    }

    /// Every process on the server.
    pub fn processes(&self) -> Result<Vec<Proc>> {
        self.node.processes()
    }

    /// The configuration that reaches this server from the laptop.
    pub(crate) fn client_config(&self, lab_dir: &Path) -> String {
        let mut text = String::new();
        let mut host = |alias: &str, name: &str, account: &str| {
            let _infallible = writeln!(
                text,
                "Host {alias}\n    HostName {name}\n    User {account}"
            );
        };
        host("work", "server.example", "dev");
        host("work4", "server4.example", "dev");
        host("work6", "server6.example", "dev");
        host("inside", "inside.example", "dev");
        host("corp", crate::Names::CORP, "dev");
        for shell in SHELLS {
            host(
                &format!("work-{shell}"),
                "server.example",
                &format!("dev-{shell}"),
            );
        }
        let _infallible = write!(
            text,
            "Host *\n    Port 22\n    IdentityFile {0}/user_key\n    IdentitiesOnly yes\n    IdentityAgent none\n    \
             UserKnownHostsFile {1}/laptop/known_hosts\n    GlobalKnownHostsFile none\n    \
             StrictHostKeyChecking accept-new\n    HashKnownHosts no\n",
            self.dir.display(),
            lab_dir.display()
        );
        text
    }

    fn make_key(&self, name: &str) -> Result<()> {
        let output = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"])
            .arg(self.dir.join(name))
            .output()
            .context("cannot run ssh-keygen")?;
        ensure!(
            output.status.success(),
            "ssh-keygen: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    fn make_accounts(&self) -> Result<()> {
        let mut passwd = fs::read_to_string("/etc/passwd")?;
        for account in accounts() {
            let home = self.home_of(&account);
            let uid = uid_of(&account).context("accounts have ids")?;
            fs::create_dir_all(&home)?;
            fs::set_permissions(&home, fs::Permissions::from_mode(0o700))?;
            chown(&home, Some(uid), Some(uid))?;
            // A shell that is not installed makes an account that cannot log in: the test that wants it then says so.
            let shell = shell_path(account.strip_prefix("dev-").unwrap_or(SHELLS[0]));
            let _infallible = writeln!(
                passwd,
                "{account}:{HASH}:{uid}:{uid}::{}:{shell}",
                home.display()
            );
        }
        // zsh and fish greet a new user with questions; an empty file is an answer. screen covers the first 5 s of a
        // new session with a message.
        let files = [
            (".zshrc", ""),
            (".config/fish/config.fish", ""),
            (".screenrc", "msgwait 0\nstartup_message off\n"),
        ];
        for (name, text) in files {
            for account in accounts() {
                let file = self.home_of(&account).join(name);
                let uid = uid_of(&account);
                for parent in file
                    .ancestors()
                    .skip(1)
                    .take_while(|path| *path != self.home_of(&account))
                    .collect::<Vec<_>>()
                    .into_iter()
                    .rev()
                {
                    fs::create_dir_all(parent)?;
                    chown(parent, uid, uid)?;
                }
                fs::write(&file, text)?;
                chown(&file, uid, uid)?;
            }
        }
        fs::write(self.dir.join("passwd"), passwd)?;
        // The key is the accounts' too: sshd reads it as the user who logs in.
        fs::set_permissions(&self.dir, fs::Permissions::from_mode(0o755))?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its machine's end would kill it as well; the child has to be waited for.
        if let Some(mut child) = lock(&self.sshd).take() {
            let _ended = child.kill().and_then(|()| child.wait());
        }
    }
}

fn accounts() -> impl Iterator<Item = String> {
    std::iter::once("dev".to_owned()).chain(SHELLS.iter().map(|shell| format!("dev-{shell}")))
}

fn uid_of(account: &str) -> Option<u32> {
    accounts()
        .zip(FIRST_UID..)
        .find(|(name, _)| name == account)
        .map(|(_, uid)| uid)
}

fn shell_path(shell: &str) -> String {
    ["/bin", "/usr/bin"]
        .iter()
        .map(|dir| format!("{dir}/{shell}"))
        .find(|path| Path::new(path).exists())
        .unwrap_or_else(|| format!("/usr/bin/{shell}"))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
