//! `netroam guard`: stays, and ends the connections of other ssh processes whose path is gone.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result};
use etcetera::{BaseStrategy as _, base_strategy::choose_base_strategy};
use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
};

use super::{CHECK, usage};
use crate::{
    cli::Guard, config::Configuration, connect::handover, context::Claims, dirs, guard, log, report,
};

/// Runs until it is told to end, which is no failure.
pub(super) fn run(guard: &Guard) -> Result<ExitCode> {
    let configuration = match Configuration::read(None) {
        Ok(configuration) => configuration,
        Err(error) => return Ok(usage(&format!("{error:#}"), CHECK)),
    };
    let events = configuration.defaults.events.unwrap_or_default();
    log::start_where_possible(guard.logging.level, guard.logging.file.as_deref())?;
    let directory = directory()?;
    handover::private(&directory).with_context(|| format!("cannot use {}", directory.display()))?;
    let Some(_lock) = lock(&directory)? else {
        return Ok(ExitCode::from(report::status::IN_USE));
    };
    let runtime = super::runtime()?;
    let ended = runtime.block_on(guard::keep(&directory, events.into()));
    // Not to wait for its threads: zbus connects in one, and a bus that hangs does not let it go.
    runtime.shutdown_background();
    ended.map(|()| ExitCode::SUCCESS)
}

/// Where `netroam dial` finds a guard.
pub(super) fn directory() -> Result<PathBuf> {
    let base = choose_base_strategy().context("cannot find the home directory")?;
    Ok(Claims::directory(
        base.runtime_dir().as_deref(),
        &dirs::state()?,
    ))
}

/// The process of the guard that runs, if one does.
pub(super) fn running(directory: &Path) -> Result<Option<String>> {
    let path = directory.join("guard.lock");
    let mut file = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.with_context(|| format!("cannot open {}", path.display()))?,
    };
    let mut holder = String::new();
    file.read_to_string(&mut holder)
        .with_context(|| format!("cannot read {}", path.display()))?;
    match Flock::lock(file, FlockArg::LockSharedNonblock) {
        Ok(_) => Ok(None),
        Err((_, Errno::EWOULDBLOCK)) => Ok(Some(holder.trim().to_owned())),
        Err((_, error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
    }
}

/// Makes sure that it is the only one; says so if it is not.
fn lock(directory: &Path) -> Result<Option<Flock<File>>> {
    let path = directory.join("guard.lock");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(nix::libc::O_NOFOLLOW)
        .open(&path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    let mut holder = String::new();
    file.read_to_string(&mut holder)
        .with_context(|| format!("cannot read {}", path.display()))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(mut lock) => {
            lock.set_len(0)?;
            lock.rewind()?;
            write!(lock, "{}", std::process::id())
                .with_context(|| format!("cannot write {}", path.display()))?;
            Ok(Some(lock))
        }
        Err((_, Errno::EWOULDBLOCK)) => {
            let holder = report::plain(holder.trim());
            report::line(&format!("a guard runs already (pid {holder})"));
            Ok(None)
        }
        Err((_, error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
    }
}
