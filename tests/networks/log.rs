//! netroam's own log as evidence: what was decided, in which order.

use std::{
    fs,
    path::{Path, PathBuf},
};

use netroam_lab::{Lab, Terminal};

use super::support::netroam;

/// A log at level debug, in which each action of the supervisor is a line.
pub(crate) struct Log(PathBuf);

impl Log {
    pub(crate) fn new(lab: &Lab) -> Self {
        Self(lab.dir().join("netroam.log"))
    }

    /// netroam that writes this log, with these words and this environment.
    pub(crate) fn watch(&self, lab: &Lab, words: &[&str], env: &[(&str, &str)]) -> Terminal {
        let config = lab.ssh_config();
        let own = [
            netroam(),
            Path::new("watch"),
            Path::new("--log-file"),
            &self.0,
        ];
        let own = own.map(|word| word.to_str().unwrap());
        let ssh = ["--log", "debug", "-F", config.to_str().unwrap()];
        let arguments = [&own[..], &ssh, words].concat();
        lab.terminal_with(&arguments, 24, 80, env).unwrap()
    }

    /// All of it, without what is before this many bytes.
    pub(crate) fn since(&self, mark: usize) -> String {
        fs::read_to_string(&self.0).unwrap()[mark..].to_owned()
    }

    /// How much there is.
    pub(crate) fn mark(&self) -> usize {
        self.since(0).len()
    }

    /// What the supervisor wanted since then, in order.
    pub(crate) fn actions(&self, mark: usize) -> Vec<String> {
        let action = |line: &str| Some(line.split_once(" action=")?.1.to_owned());
        self.since(mark).lines().filter_map(action).collect()
    }
}

/// Where the first of these that begins like this stands.
pub(crate) fn place(actions: &[String], beginning: &str) -> usize {
    let place = actions
        .iter()
        .position(|action| action.starts_with(beginning));
    place.unwrap_or_else(|| panic!("no {beginning} in {actions:#?}"))
}
