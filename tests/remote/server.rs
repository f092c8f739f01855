//! An sshd of our own, in namespaces of its own, with one user for each login shell.
//!
//! The mount namespace gives it its own users, `/run` and keys, so that nothing of the machine's is touched; the process namespace ends
//! everything that was started in it (screen and tmux go to the background) when the server is dropped.

use std::{
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
};

use tempfile::TempDir;

/// The login shells that have a user of their own, named `nr-SHELL`; `ash` is busybox's.
pub(crate) const SHELLS: [&str; 8] = [
    "bash", "zsh", "fish", "dash", "tcsh", "mksh", "ksh93", "ash",
];
/// Ids that no distribution gives out to people (Debian policy 9.2.2: 60000-64999 are for packages, on demand).
const FIRST_ID: u32 = 61_300;

/// What a server has in the place of a program of /usr/bin.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Instead<'a> {
    /// Nothing that can be run.
    Nothing,
    /// Another program, under this name.
    Program(&'a str),
    /// A script, in which `REAL` is the program itself; it may also be none that is there.
    Script(&'a str),
}

/// A running sshd; dropping it ends it and everything in it.
#[derive(Debug)]
pub(crate) struct Server {
    /// Where it listens on 127.0.0.1.
    pub(crate) port: u16,
    dir: TempDir,
    child: Child,
    log: BufReader<ChildStderr>,
}

impl Server {
    /// Starts one.
    pub(crate) fn start() -> Self {
        Self::without(&[])
    }

    /// Starts one on which these programs of /usr/bin cannot be run.
    pub(crate) fn without(hidden: &[&str]) -> Self {
        let hidden: Vec<_> = hidden
            .iter()
            .map(|name| (*name, Instead::Nothing))
            .collect();
        Self::with(&hidden)
    }

    /// Starts one on which these programs of /usr/bin are others.
    pub(crate) fn with(others: &[(&str, Instead<'_>)]) -> Self {
        for program in [
            "/usr/sbin/sshd",
            "/usr/bin/screen",
            "/usr/bin/tmux",
            "/usr/bin/unshare",
            "/usr/bin/busybox",
        ]
        .map(PathBuf::from)
        .into_iter()
        .chain(
            SHELLS
                .into_iter()
                .filter(|shell| *shell != "ash")
                .map(|shell| Path::new("/usr/bin").join(shell)),
        ) {
            assert!(program.exists(), "this test needs {}", program.display());
        }
        assert!(
            nix::unistd::geteuid().is_root(),
            "this test needs root: it makes users in a mount namespace"
        );
        let dir = tempfile::Builder::new()
            .prefix("netroam-sshd-")
            .tempdir()
            .unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let at = |name: &str| dir.path().join(name);
        make_keys(dir.path());
        let (passwd, shadow) = make_users(dir.path());
        fs::write(at("passwd"), passwd).unwrap();
        fs::write(at("shadow"), shadow).unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        fs::write(
            at("sshd_config"),
            format!(
                "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nUsePAM no\nStrictModes no\nPidFile none\nPasswordAuthentication no\n\
                 KbdInteractiveAuthentication no\nPrintMotd no\nPrintLastLog no\nMaxStartups 100\nAllowAgentForwarding yes\n\
                 SetEnv TMUX_TMPDIR=/run/tmux PATH=/usr/bin:/bin:/usr/sbin:/sbin:{}\nAcceptEnv LANG LC_* TZ\n",
                at("host").display(),
                at("bin").display()
            ),
        )
        .unwrap();
        fs::create_dir(at("bin")).unwrap();
        let others: Vec<_> = others
            .iter()
            .map(|(name, instead)| place(dir.path(), name, *instead))
            .collect();
        let others = others.concat();
        // From OpenSSH 9.8 on, logins that fail on purpose would shut the next ones out.
        let script = format!(
            "penalties() {{ /usr/sbin/sshd -t -f sshd_config -o PerSourcePenalties=no && echo -oPerSourcePenalties=no; }} 2>/dev/null\n\
             cd {dir} && mount --bind passwd /etc/passwd && mount --bind shadow /etc/shadow && mount -t tmpfs tmpfs /run && \
             mkdir -p /run/sshd /run/screen /run/tmux && chmod 1777 /run/screen /run/tmux && {others} \
             {{ /usr/sbin/sshd -D -e -f {dir}/sshd_config $(penalties) & wait; }}",
            dir = dir.path().display()
        );
        let mut command = Command::new("/usr/bin/unshare");
        command.args([
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "/bin/sh",
            "-c",
            &script,
        ]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .env_remove("TMUX")
            .env_remove("STY");
        #[expect(
            clippy::disallowed_methods,
            reason = "the server is not a child of netroam's"
        )]
        let mut child = command.spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("Server listening on") {
            assert_ne!(
                log.read_line(&mut said).unwrap(),
                0,
                "sshd did not start: {said}"
            );
        }
        Self {
            port,
            dir,
            child,
            log,
        }
    }

    /// A file of the server's directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The home directory of the user with this login shell.
    pub(crate) fn home(&self, shell: &str) -> PathBuf {
        self.path(&format!("nr-{shell}"))
    }

    /// The words that make ssh log in as the user with this login shell, and know the host key.
    pub(crate) fn login(&self, shell: &str) -> Vec<String> {
        let known = self.path("known_hosts");
        if !known.exists() {
            let key = fs::read_to_string(self.path("host.pub")).unwrap();
            fs::write(&known, format!("[127.0.0.1]:{} {key}", self.port)).unwrap();
        }
        let mut words: Vec<String> = ["-F", "/dev/null", "-o", "IdentitiesOnly=yes"]
            .map(String::from)
            .into();
        words.extend([
            "-o".into(),
            format!("UserKnownHostsFile={}", known.display()),
            "-o".into(),
            "GlobalKnownHostsFile=/dev/null".into(),
        ]);
        words.extend([
            "-i".into(),
            self.path("user").display().to_string(),
            "-p".into(),
            self.port.to_string(),
        ]);
        words.push(format!("nr-{shell}@127.0.0.1"));
        words
    }

    /// Runs a POSIX command on the server in a session of its own, and returns what it said.
    pub(crate) fn ask(&self, shell: &str, command: &str) -> String {
        assert!(!command.contains('\''));
        let output = Command::new("ssh")
            .args(["-o", "BatchMode=yes", "-T"])
            .args(self.login(shell))
            .arg(format!("exec sh -c '{command}'"))
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

/// The shell commands that put something in the place of a program; a mount keeps the file that it covers, and its rights, elsewhere.
fn place(dir: &Path, name: &str, instead: Instead<'_>) -> String {
    let from = match instead {
        Instead::Nothing => "/dev/null".into(),
        Instead::Program(path) => path.to_owned(),
        Instead::Script(text) => {
            let real = dir.join(format!("real-{name}"));
            fs::write(&real, "").unwrap();
            let script = dir.join("bin").join(name);
            let text = text.replace("REAL", &real.display().to_string());
            fs::write(&script, format!("#!/bin/sh\n{text}")).unwrap();
            fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
            if !Path::new("/usr/bin").join(name).exists() {
                return String::new();
            }
            return format!(
                "mount --bind /usr/bin/{name} {} && mount --bind {} /usr/bin/{name} && ",
                real.display(),
                script.display()
            );
        }
    };
    format!("mount --bind {from} /usr/bin/{name} && ")
}

fn make_keys(dir: &Path) {
    for key in ["host", "other-host", "user", "stranger"] {
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(dir.join(key))
            .status()
            .unwrap();
        assert!(made.success());
    }
}

/// Makes the home of each user in `dir`; returns passwd(5) and shadow(5) with them.
fn make_users(dir: &Path) -> (String, String) {
    let (mut passwd, mut shadow) = (
        fs::read_to_string("/etc/passwd").unwrap(),
        fs::read_to_string("/etc/shadow").unwrap(),
    );
    let ash = dir.join("ash");
    std::os::unix::fs::symlink("/usr/bin/busybox", &ash).unwrap();
    for (shell, id) in SHELLS.into_iter().zip(FIRST_ID..) {
        let program = if shell == "ash" {
            ash.clone()
        } else {
            Path::new("/usr/bin").join(shell)
        };
        let home = dir.join(format!("nr-{shell}"));
        writeln!(
            passwd,
            "nr-{shell}:x:{id}:{id}::{}:{}",
            home.display(),
            program.display()
        )
        .unwrap();
        writeln!(shadow, "nr-{shell}:*:20000:0:99999:7:::").unwrap();
        fs::create_dir_all(home.join(".ssh")).unwrap();
        fs::copy(dir.join("user.pub"), home.join(".ssh/authorized_keys")).unwrap();
        fs::write(home.join(".zshrc"), "PS1='$ '\n").unwrap();
        for path in [
            &home,
            &home.join(".ssh"),
            &home.join(".ssh/authorized_keys"),
            &home.join(".zshrc"),
        ] {
            chown(path, Some(id), Some(id)).unwrap();
        }
    }
    (passwd, shadow)
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().expect("unshare can be killed");
        self.child.wait().expect("unshare can be waited for");
        // Everything in the namespace held the pipe: its end says that all of it is gone and the directory can be removed.
        let mut rest = Vec::new();
        self.log
            .read_to_end(&mut rest)
            .expect("the log of sshd can be read");
    }
}
