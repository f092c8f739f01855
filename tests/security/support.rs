//! A netroam of this user's, and somebody else.

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use netroam::report::is_acted_on;
use netroam_platform::clock;

/// Far more than anything here takes; only a failure waits for so long.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// Somebody else: `nobody`, on every Linux.
pub(crate) const NOBODY: u32 = 65_534;

pub(crate) fn netroam() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_netroam"))
}

/// A home of its own, outside of any lab.
pub(crate) struct Home(tempfile::TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        fs::create_dir(home.path("run")).unwrap();
        fs::create_dir(home.path("state")).unwrap();
        home
    }

    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.0.path().join(inside)
    }

    /// Others may come in, and meet what is there.
    pub(crate) fn opened(self) -> Self {
        for directory in ["", "run", "state"] {
            fs::set_permissions(self.path(directory), fs::Permissions::from_mode(0o755)).unwrap();
        }
        self
    }

    /// netroam with these words, and nothing of this process's environment but PATH.
    pub(crate) fn netroam(&self, words: &[&str]) -> Command {
        let mut command = Command::new(netroam());
        command
            .args(words)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.0.path())
            .env("XDG_STATE_HOME", self.path("state"))
            .env("XDG_RUNTIME_DIR", self.path("run"))
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::null());
        command
    }
}

/// Its standard error, which is lines of netroam's, of which none is repeated.
pub(crate) fn complaints(output: &Output) -> Vec<String> {
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    said.lines()
        .map(|line| line.strip_prefix("netroam: ").expect(line).to_owned())
        .filter(|line| !line.starts_with("hint: "))
        .collect()
}

/// Runs a few lines of Python as somebody else; what it prints.
pub(crate) fn as_nobody(script: &str, words: &[&Path]) -> Child {
    let mut python = Command::new("/usr/bin/python3");
    python
        .args(["-c", script])
        .args(words)
        .uid(NOBODY)
        .gid(NOBODY);
    #[expect(clippy::disallowed_methods, reason = "not a child of netroam's")]
    python
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

pub(crate) fn eventually(what: &str, mut there: impl FnMut() -> bool) {
    let deadline = clock::now() + SOON;
    while !there() {
        assert!(clock::now() < deadline, "waited for {what} for {SOON:?}");
        pause(0.01);
    }
}

#[expect(clippy::disallowed_methods, reason = "nothing tells of it")]
pub(crate) fn pause(seconds: f64) {
    std::thread::sleep(Duration::from_secs_f64(seconds));
}

/// Nothing in it does anything to a terminal, but the ends of lines.
pub(crate) fn assert_harmless(what: &str, bytes: &[u8]) {
    let text = str::from_utf8(bytes).expect("text");
    let found = text
        .char_indices()
        .find(|(_, char)| is_acted_on(*char) && *char != '\n');
    assert_eq!(found, None, "{what}: {text:?}");
}
