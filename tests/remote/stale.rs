//! The commands beside a session that know whose connection it is, in every login shell.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
};

use netroam::{
    context::{Name, Stale, stale},
    ssh::{Forward, Master},
};
use tempfile::TempDir;

use crate::server::{SHELLS, Server};

/// A connection without a session of its own, which can be asked for one.
struct Beside {
    ssh: Child,
    master: Master,
    _log: BufReader<ChildStderr>,
    _dir: TempDir,
}

impl Beside {
    fn open(server: &Server, shell: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let master = Master::at("ssh".as_ref(), dir.path().join("master")).unwrap();
        #[expect(clippy::disallowed_methods, reason = "this ssh is not netroam's")]
        let mut ssh = Command::new("ssh")
            .args(["-v", "-N", "-M", "-o", "BatchMode=yes", "-S"])
            .arg(master.path())
            .args(server.login(shell))
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(ssh.stderr.take().unwrap());
        let mut said = String::new();
        // ssh has its control socket by then.
        while !said.contains("Entering interactive session.") {
            assert_ne!(log.read_line(&mut said).unwrap(), 0, "{shell}: {said}");
        }
        Self {
            ssh,
            master,
            _log: log,
            _dir: dir,
        }
    }
}

impl Beside {
    /// Its status.
    fn run(&self, command: &str) -> Option<i32> {
        self.master.run(command).output().unwrap().status.code()
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        let _gone = self.ssh.kill();
        self.ssh.wait().expect("ssh can be waited for");
    }
}

/// The one note in this home.
fn note(home: &Path) -> PathBuf {
    let found = fs::read_dir(home.join(".ssh")).unwrap();
    let mut found = found
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "owner"));
    let path = found.next().unwrap();
    assert_eq!(found.next(), None);
    path
}

#[test]
fn every_login_shell_ends_the_last_connection_of_this_netroam_and_no_other() {
    let server = Server::start();
    let forwards = Forward::all(&["remoteforward 1 [h]:2".into()]);
    let (ours, theirs) = (
        Stale::new("laptop", &forwards),
        Stale::new("laptop", &forwards),
    );
    for shell in SHELLS {
        println!("{shell}");
        let mut first = Beside::open(&server, shell);
        assert_eq!(first.run(&ours.replace(&[])), Some(0));
        // The same connection once more is not ended by itself.
        assert_eq!(first.run(&ours.replace(&[])), Some(0));
        assert!(first.ssh.try_wait().unwrap().is_none());
        let second = Beside::open(&server, shell);
        assert_eq!(second.run(&ours.replace(&[])), Some(0));
        assert_eq!(first.ssh.wait().unwrap().code(), Some(255));
        // Another netroam's connection of the same name: each takes the note over, and ends nobody.
        let other = Beside::open(&server, shell);
        assert_eq!(other.run(&theirs.replace(&[])), Some(0));
        let third = Beside::open(&server, shell);
        assert_eq!(third.run(&ours.replace(&[])), Some(0));
        for mut left in [second, other, third] {
            assert!(left.ssh.try_wait().unwrap().is_none(), "{shell}");
        }
    }
}

#[test]
fn every_login_shell_waits_until_the_context_has_noted_this_connection() {
    let server = Server::start();
    let name: Name = "context".parse().unwrap();
    let forwards = Forward::all(&["remoteforward 1 [h]:2".into()]);
    let stale = Stale::new("laptop", &forwards);
    for shell in SHELLS {
        let connection = Beside::open(&server, shell);
        let noted = || connection.run(&stale::noted(&name));
        assert_eq!(noted(), Some(1), "{shell}");
        // What the context's command writes has the same form.
        assert_eq!(connection.run(&stale.replace(&[])), Some(0));
        let here = server.ask(shell, "uname -n");
        let own = note(&server.home(shell));
        let context = own.with_file_name(format!("netroam-{here}-{name}.owner"));
        let written = fs::read_to_string(own).unwrap();
        fs::write(&context, &written).unwrap();
        // It is root's, and cannot be written by whoever asks: that is no reason to wait.
        assert_eq!(noted(), Some(0), "{shell}");
        // That of another connection says nothing.
        let token = written.split(' ').next().unwrap();
        fs::write(&context, format!("{token} 1 then\n")).unwrap();
        assert_eq!(noted(), Some(1), "{shell}");
    }
}
