//! Handing a socket to a real ssh that logs in to a real sshd.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    future::ready,
    io::Read as _,
    net::TcpListener,
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use netroam::connect::{Dialled, Failure, HandOver, Resolver, Target, dial, handover};
use netroam_platform::{process, tcp};

/// An sshd of our own with one key that may log in. It ends with the thread that started it.
struct Sshd {
    directory: tempfile::TempDir,
    port: u16,
    pid: process::Pid,
}

impl Sshd {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for key in ["host", "user"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(at(key))
                .status()
                .expect("ssh-keygen");
            assert!(made.success());
        }
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let config = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {0}/host\nAuthorizedKeysFile {0}/user.pub\n\
             StrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin yes\n",
            directory.path().display()
        );
        fs::write(at("sshd_config"), config).unwrap();
        if cfg!(target_os = "linux") {
            // Where Debian's confines itself before the login; a Mac has its own place.
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let log = fs::File::create(at("log")).unwrap();
        let mut command = Command::new("/usr/sbin/sshd");
        command.args(["-D", "-e", "-f"]).arg(at("sshd_config"));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let pid = process::spawn(command).expect("sshd (package openssh-server)");
        Self {
            directory,
            port,
            pid,
        }
    }

    /// Dials until it listens.
    async fn dial(&self) -> Dialled {
        let target = Target::new("127.0.0.1", self.port);
        for _ in 0..100 {
            match dial(&target, &[], &Resolver::system(), |_| ready(Ok(())), |_| {}).await {
                Ok(dialled) => return dialled,
                Err(Failure::Refused(_)) => tokio::time::sleep(Duration::from_millis(50)).await,
                Err(other) => panic!("{other}"),
            }
        }
        panic!(
            "sshd does not listen: {}",
            fs::read_to_string(self.directory.path().join("log")).unwrap()
        );
    }

    fn ssh(&self, path: &Path) -> Command {
        let at = self.directory.path().display();
        let mut command = Command::new("ssh");
        command
            .args([
                "-F",
                "none",
                "-T",
                "-o",
                "BatchMode=yes",
                "-o",
                "ProxyUseFdpass=yes",
            ])
            .args(["-o", "ProxyCommand=\"$NETROAM_EXE\" hand-over"])
            .args([
                "-o",
                "StrictHostKeyChecking=no",
                "-o",
                "IdentitiesOnly=yes",
                "-o",
                "LogLevel=VERBOSE",
            ])
            .args(["-o", &format!("UserKnownHostsFile={at}/known_hosts")])
            .args([
                "-i",
                &format!("{at}/user"),
                "root@gw1",
                "echo arrived; exit 7",
            ])
            .env("NETROAM_EXE", env!("CARGO_BIN_EXE_netroam"))
            .env(handover::VARIABLE, path)
            .stdin(Stdio::null());
        command
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        drop(process::signal(self.pid, process::Signal::Kill));
        drop(process::reap(self.pid));
    }
}

#[tokio::test]
async fn ssh_logs_in_over_the_socket_that_it_is_handed() {
    let sshd = Sshd::start();
    let hand_over = HandOver::listen(&sshd.directory.path().join("private")).unwrap();
    for _ in 0..2 {
        let dialled = sshd.dial().await;
        assert!(
            dialled.banner.starts_with("SSH-2.0-OpenSSH"),
            "{}",
            dialled.banner
        );
        let mut ssh = sshd.ssh(hand_over.path());
        let running = tokio::task::spawn_blocking(move || ssh.output().expect("ssh"));
        hand_over.give(&dialled.socket).await.unwrap();
        let Output {
            status,
            stdout,
            stderr,
        } = running.await.unwrap();
        let log = String::from_utf8_lossy(&stderr);
        assert_eq!(
            (status.code(), &stdout[..]),
            (Some(7), &b"arrived\n"[..]),
            "{log}"
        );
        assert!(log.contains("Authenticated to gw1 ([127.0.0.1]:"), "{log}");
        // The duplicate that stayed here hears sshd hang up, which is after ssh has ended.
        let mut held = dialled.socket;
        held.set_nonblocking(false).unwrap();
        held.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        assert_eq!(held.read(&mut [0; 1]).unwrap(), 0);
        assert!(!tcp::health(&held).unwrap().established);
    }
}

#[test]
fn the_hand_over_verb_says_what_is_wrong() {
    let verb = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_netroam"));
        command.arg("hand-over").env_remove(handover::VARIABLE);
        command
    };
    let said = |mut command: Command| {
        let Output { status, stderr, .. } = command.output().unwrap();
        (status.code(), String::from_utf8(stderr).unwrap())
    };
    let (status, text) = said(verb());
    assert_eq!(status, Some(240));
    assert_eq!(
        text,
        "netroam: hand-over is for ssh to run, with NETROAM_HANDOVER set\n"
    );
    let mut command = verb();
    command.env(handover::VARIABLE, "/nonexistent/socket");
    let (status, text) = said(command);
    assert_eq!(status, Some(240));
    assert!(
        text.starts_with("netroam: cannot reach the session at /nonexistent/socket: "),
        "{text}"
    );
}
