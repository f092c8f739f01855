//! The private directory of one netroam: its fifos and sockets, gone when it ends.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use nix::{sys::stat::Mode, unistd::mkfifo};

/// A directory of mode 0700 that is removed on drop.
#[derive(Debug)]
pub(super) struct RunDir {
    path: PathBuf,
}

impl RunDir {
    /// Makes one in `base`, which is there already.
    pub(super) fn create(base: &Path) -> io::Result<Self> {
        let path = nix::unistd::mkdtemp(&base.join("run.XXXXXX"))?;
        Ok(Self { path })
    }

    pub(super) fn path(&self) -> &Path {
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

impl Drop for RunDir {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove a directory");
        }
    }
}
