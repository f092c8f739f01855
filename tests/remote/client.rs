//! An ssh as a user runs it: on a terminal of its own, with its log in a fifo and its standard error on a second terminal.

use std::{
    ffi::OsStr,
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::fd::AsFd,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use netroam_platform::clock;
use nix::{
    fcntl::{FcntlArg, OFlag, fcntl},
    poll::{PollFd, PollFlags, PollTimeout, poll},
    pty::{Winsize, openpty},
    sys::stat::Mode,
};
use tempfile::TempDir;

/// How long anything may take; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(20);

/// An ssh that runs.
#[derive(Debug)]
pub(crate) struct Client {
    child: Child,
    terminal: File,
    errors: File,
    fifo: File,
    /// What came over the terminal, raw.
    pub(crate) screen: Vec<u8>,
    /// What ssh wrote to its standard error, raw.
    pub(crate) stderr: Vec<u8>,
    /// ssh's log.
    pub(crate) log: Vec<u8>,
    _dir: TempDir,
}

impl Client {
    /// Starts ssh; `arguments` makes its words from the path of the log.
    pub(crate) fn start<S: AsRef<OsStr>>(
        arguments: impl FnOnce(&std::path::Path) -> Vec<S>,
    ) -> Self {
        Self::start_with(arguments, |_| {})
    }

    /// The same, with a last word on the environment.
    pub(crate) fn start_with<S: AsRef<OsStr>>(
        arguments: impl FnOnce(&std::path::Path) -> Vec<S>,
        change: impl FnOnce(&mut Command),
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        nix::unistd::mkfifo(&log, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        // Open for both, so that no writer leaves the fifo at its end.
        let fifo = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&log)
            .unwrap();
        let size = Winsize {
            ws_row: 24,
            ws_col: 80,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let (terminal, errors) = (
            openpty(Some(&size), None).unwrap(),
            openpty(Some(&size), None).unwrap(),
        );
        // setsid -c makes its standard input the controlling terminal, then becomes ssh.
        let mut command = Command::new("/usr/bin/setsid");
        command
            .args(["-c", "ssh"])
            .args(arguments(&log))
            .env("TERM", "xterm-256color")
            .env_remove("SSH_AUTH_SOCK");
        command
            .env("SHELL", "/bin/sh")
            .env_remove("TMUX")
            .env_remove("STY");
        command
            .stdin(Stdio::from(terminal.slave.try_clone().unwrap()))
            .stdout(Stdio::from(terminal.slave))
            .stderr(Stdio::from(errors.slave));
        change(&mut command);
        #[expect(
            clippy::disallowed_methods,
            reason = "the tested part starts no process itself"
        )]
        let child = command.spawn().unwrap();
        let file = |fd| {
            let file = File::from(fd);
            fcntl(&file, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
            file
        };
        let (terminal, errors) = (file(terminal.master), file(errors.master));
        fcntl(&fifo, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
        Self {
            child,
            terminal,
            errors,
            fifo,
            screen: Vec::new(),
            stderr: Vec::new(),
            log: Vec::new(),
            _dir: dir,
        }
    }

    /// The process.
    pub(crate) fn pid(&self) -> nix::unistd::Pid {
        nix::unistd::Pid::from_raw(self.child.id().cast_signed())
    }

    /// Types.
    pub(crate) fn type_in(&mut self, text: &str) {
        self.terminal.write_all(text.as_bytes()).unwrap();
    }

    /// What the terminal has shown, as text.
    pub(crate) fn shown(&self) -> String {
        String::from_utf8_lossy(&self.screen).into_owned()
    }

    /// Waits until the terminal has shown `text`.
    pub(crate) fn expect(&mut self, text: &str) {
        self.wait_until(&format!("{text:?} is shown"), |client| {
            client.shown().contains(text)
        });
    }

    /// Waits until something holds.
    pub(crate) fn wait_until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let start = clock::now();
        while !holds(self) {
            assert!(
                clock::now().since(start) < PATIENCE,
                "{what} did not happen: {self}"
            );
            self.pump();
        }
    }

    /// Waits for the end of ssh and the last of what it said.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let start = clock::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                while self.pump() {}
                return status;
            }
            assert!(
                clock::now().since(start) < PATIENCE,
                "ssh did not end: {self}"
            );
            self.pump();
        }
    }

    /// Reads what there is, after waiting for it for at most 20 ms; whether there was anything.
    pub(crate) fn pump(&mut self) -> bool {
        let mut polled = [&self.terminal, &self.errors, &self.fifo]
            .map(|file| PollFd::new(file.as_fd(), PollFlags::POLLIN));
        poll(&mut polled, PollTimeout::from(20u8)).unwrap();
        let mut any = false;
        for (file, into) in [
            (&mut self.terminal, &mut self.screen),
            (&mut self.errors, &mut self.stderr),
            (&mut self.fifo, &mut self.log),
        ] {
            let mut buffer = [0; 4096];
            match file.read(&mut buffer) {
                Ok(read) => {
                    into.extend_from_slice(&buffer[..read]);
                    any |= read > 0;
                }
                // EIO: the other side of a terminal is gone.
                Err(error)
                    if error.kind() == io::ErrorKind::WouldBlock
                        || error.raw_os_error() == Some(nix::libc::EIO) => {}
                Err(error) => panic!("{error}"),
            }
        }
        any
    }
}

impl std::fmt::Display for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let log: Vec<_> = text(&self.log)
            .lines()
            .filter(|line| !line.starts_with("debug1: Sending command"))
            .map(str::to_owned)
            .collect();
        let log = log[log.len().saturating_sub(12)..].join("\n");
        write!(
            f,
            "\n--- screen\n{:?}\n--- stderr\n{:?}\n--- log\n{}",
            text(&self.screen),
            text(&self.stderr),
            log
        )
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.child.kill().expect("ssh can be killed");
            self.child.wait().expect("ssh can be waited for");
        }
    }
}
