//! Asking a run of ours, which is a master for nobody else, for what it did not get when it logged in.
//!
//! ssh asks for its forwards right after the login, once. What was refused then is asked for again over the control socket of that same
//! run, in netroam's private directory: one connection, one login (ssh(1), `-O`).

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
    process::Command,
};

use super::forward::Forward;

/// The longest path of a control socket: what every system takes (`sun_path` has 104 bytes on macOS) less its final zero and the 17 bytes that
/// ssh adds while it makes the socket (`muxserver_listen` in mux.c).
const LONGEST: usize = 103 - 17;

/// The control socket of one run.
#[derive(Clone, Debug)]
pub struct Master {
    ssh: OsString,
    path: PathBuf,
}

impl Master {
    /// A control socket at this path, which is not there yet; `None` if ssh could not make it.
    pub fn at(ssh: &OsStr, path: PathBuf) -> Option<Self> {
        // ssh reads `${NAME}` in it as a variable of the environment, and there is no way to write it otherwise.
        let readable = !path.to_string_lossy().contains("${");
        (readable && path.as_os_str().len() <= LONGEST).then(|| Self {
            ssh: ssh.to_owned(),
            path,
        })
    }

    /// The value of `-S` for the run: `%` is written twice (`ssh_config(5)`, TOKENS).
    pub fn option(&self) -> OsString {
        let mut value = Vec::new();
        for &byte in self.path.as_os_str().as_bytes() {
            value.push(byte);
            if byte == b'%' {
                value.push(byte);
            }
        }
        OsString::from_vec(value)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What has the run forget that it asked for this forward in vain. Without that, ssh takes it for one that is there already, and says that all is
    /// well (measured with 9.2: `-O forward` then ends with status 0 and asks nobody).
    pub fn forget(&self, forward: &Forward) -> Command {
        self.ask("cancel", forward)
    }

    /// What asks for this forward.
    pub fn forward(&self, forward: &Forward) -> Command {
        self.ask("forward", forward)
    }

    /// What runs a command on the host over the connection of the run, without input and without a terminal. It ends with the status of the command, or
    /// with 255 and words of ssh's own.
    pub fn run(&self, command: &str) -> Command {
        // Where the server grants no second channel, ssh would connect by itself: it is given a dialler that never does.
        let own = ["-T", "-o", "ProxyCommand=false", "-o", "BatchMode=yes"];
        self.say(&own, &[command])
    }

    fn ask(&self, what: &str, forward: &Forward) -> Command {
        let [letter, value] = forward.words();
        self.say(&["-O", what, letter.as_str(), value.as_str()], &[])
    }

    /// The user's configuration is not for this ssh: it would ask for the forwards in it as well.
    fn say(&self, own: &[&str], remote: &[&str]) -> Command {
        let mut command = Command::new(&self.ssh);
        command.args(own);
        command.args(["-F", "none", "-S"]).arg(self.option());
        command.args(["--", "master"]).args(remote);
        command
    }
}
