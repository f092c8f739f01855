//! `netroam up` and the signals that it is sent.
#![expect(clippy::unwrap_used, reason = "a test ends where something fails")]
#![expect(
    clippy::disallowed_methods,
    reason = "the program is this test's own child"
)]

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    process::{Child, Command, ExitStatus},
    time::Duration,
};

use netroam_platform::clock;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

const LIMIT: Duration = Duration::from_secs(10);

/// Ended when the test is.
struct Up(Child);

impl Drop for Up {
    fn drop(&mut self) {
        // It may have ended as it should.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Up {
    fn send(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.0.id()).unwrap()), signal).unwrap();
    }

    fn ended(&mut self) -> ExitStatus {
        let deadline = clock::now() + LIMIT;
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(clock::now() < deadline, "it does not end");
            std::thread::yield_now();
        }
    }
}

#[test]
fn nothing_begins_any_more_when_it_was_told_to_end() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("config.toml");
    // A server that says what it is, and no more.
    let server = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = server.local_addr().unwrap().port();
    let session =
        |name| format!("[session.{name}]\nhost = '127.0.0.1'\nssh = ['-N', '-p', '{port}']\n");
    fs::write(&file, session("a")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_netroam"));
    command.args(["up", "--config"]).arg(&file);
    for variable in [
        "HOME",
        "XDG_RUNTIME_DIR",
        "XDG_STATE_HOME",
        "XDG_CONFIG_HOME",
    ] {
        command.env(variable, home.path());
    }
    let mut up = Up(command.env_remove("NOTIFY_SOCKET").spawn().unwrap());
    // ssh runs, and takes a moment to end.
    let (mut login, _) = server.accept().unwrap();
    login.write_all(b"SSH-2.0-silent\r\n").unwrap();
    login.set_read_timeout(Some(LIMIT)).unwrap();
    login.read_exact(&mut [0; 8]).unwrap();

    fs::write(&file, session("a") + &session("b")).unwrap();
    // Both are there when it looks.
    for signal in [
        Signal::SIGSTOP,
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGCONT,
    ] {
        up.send(signal);
    }
    assert_eq!(up.ended().code(), Some(0));
}
