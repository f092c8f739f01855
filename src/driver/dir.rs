//! The private directory of one netroam: its fifos and sockets, gone when it ends.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
    sys::stat::Mode,
    unistd::{mkdtemp, mkfifo},
};

use crate::control::PREFIX;

/// A directory of mode 0700 that is removed on drop.
///
/// It is locked (flock(2)) for as long as this process lives. One without a lock was left by a netroam that was killed, and the next one removes it.
#[derive(Debug)]
pub(crate) struct RunDir {
    path: PathBuf,
    /// None below one that is locked.
    _lock: Option<Flock<File>>,
}

impl RunDir {
    /// Makes one in `base`, which is there already, and removes what killed ones left there.
    pub(crate) fn create(base: &Path) -> io::Result<Self> {
        sweep(base)?;
        loop {
            let path = mkdtemp(&base.join(format!("{PREFIX}XXXXXX")))?;
            // Before it was locked, another netroam may have taken it for a left one.
            if let Some(lock) = lock(&path)?
                && path.exists()
            {
                return Ok(Self {
                    path,
                    _lock: Some(lock),
                });
            }
        }
    }

    /// Makes one below this, of this number, for one of many sessions. Names of Unix sockets are short, so this one is.
    pub(super) fn below(&self, number: u64) -> io::Result<Self> {
        let path = self.path.join(number.to_string());
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self { path, _lock: None })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a fifo and opens it for reading and writing, so that it never ends and a writer never waits for a reader.
    pub(super) fn fifo(&self, number: u64) -> io::Result<(PathBuf, File)> {
        let path = self.path.join(format!("log.{number}"));
        mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR)?;
        let file = OpenOptions::new().read(true).write(true).open(&path)?;
        Ok((path, file))
    }
}

/// Removes from `base` what netroams that were killed left there.
///
/// # Errors
/// It cannot be read.
pub fn sweep(base: &Path) -> io::Result<()> {
    for path in directories(base)? {
        let removed = match lock(&path) {
            Ok(Some(_lock)) => fs::remove_dir_all(&path),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = removed {
            tracing::warn!(path = %path.display(), %error, "cannot remove what an earlier netroam left");
        }
    }
    Ok(())
}

/// How many directories of netroams that were killed are in `base`.
///
/// # Errors
/// It cannot be read.
pub fn left(base: &Path) -> io::Result<usize> {
    let free = |path: &PathBuf| matches!(lock(path), Ok(Some(_)));
    Ok(directories(base)?.iter().filter(|path| free(path)).count())
}

/// The directories of all netroams, those of dead ones among them.
fn directories(base: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(base)? {
        let entry = entry?;
        if entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(PREFIX.as_bytes())
        {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Locks a directory; `None` if somebody else has, or has removed it.
fn lock(path: &Path) -> io::Result<Option<Flock<File>>> {
    let directory = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    match Flock::lock(directory, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, error)) => Err(error.into()),
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove a directory");
        }
    }
}
