//! `-f`: going to the background before ssh is started.
//!
//! The program is started anew, apart from the terminal, and what was called ends. Nothing is forked in the middle of its work, and it is the same on
//! every system.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use anyhow::{Context as _, Result};
use netroam_platform::process;

use super::{NAME, environment::Environment, is_called};

/// The first word of the program in the background.
const MARK: &str = "--in-background";

/// Whether this is the program in the background, and the words after the mark of that.
pub(super) fn is_there(words: &[OsString]) -> (bool, &[OsString]) {
    match words.split_first() {
        Some((first, rest)) if first == MARK => (true, rest),
        Some(_) | None => (false, words),
    }
}

/// Starts the program in the background, in `/` and with its streams at `/dev/null`, as daemon(3) has it.
///
/// Files that were named by a relative path are where they would be without `-f`.
pub(super) fn go(
    program: &OsStr,
    environment: &Environment,
    words: &[OsString],
) -> Result<ExitCode> {
    let mut command = Command::new(path_of(program)?);
    if !is_called(program) {
        command.arg(NAME);
    }
    command
        .arg(MARK)
        .args(words)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    for (name, path) in [
        ("AUTOSSH_LOGFILE", &environment.log_file),
        ("AUTOSSH_PIDFILE", &environment.pid_file),
    ] {
        if let Some(path) = path {
            let path = std::path::absolute(path).context("cannot find this directory")?;
            command.env(name, path);
        }
    }
    process::spawn_apart(command).context("cannot go to the background")?;
    Ok(ExitCode::SUCCESS)
}

/// Where we are: by the name under which we were called, so that in a list of processes we are called so too.
fn path_of(program: &OsStr) -> Result<PathBuf> {
    let ours = env::current_exe().context("cannot find netroam's own program")?;
    let is_us = |path: &PathBuf| path.canonicalize().is_ok_and(|path| path == ours);
    let called = Path::new(program);
    let found = if called.components().count() > 1 {
        std::path::absolute(called).ok().filter(is_us)
    } else {
        let path = env::var_os("PATH").unwrap_or_default();
        let mut places = env::split_paths(&path).map(|place| place.join(called));
        places.find(is_us)
    };
    Ok(found.unwrap_or(ours))
}
