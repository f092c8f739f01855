//! Where netroam keeps its files, by the XDG base directory specification; and that nobody else has a hand in it.

use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use etcetera::{BaseStrategy as _, base_strategy::choose_base_strategy};
use nix::unistd::Uid;
use thiserror::Error;

/// What netroam cannot do with a file or a directory; why it cannot is said by what this stands in front of.
#[derive(Debug, Error)]
pub enum Unusable {
    /// One of netroam's own, below `$XDG_RUNTIME_DIR` or `$XDG_STATE_HOME`.
    #[error("{0}")]
    Own(String),
    /// One that the user named.
    #[error("{0}")]
    Named(String),
}

/// What outlives a netroam and may be lost without harm: `$XDG_STATE_HOME/netroam`, by default `~/.local/state/netroam`.
///
/// # Errors
/// There is no home directory.
pub fn state() -> Result<PathBuf> {
    let base = choose_base_strategy().context("cannot find the home directory")?;
    let state = base.state_dir().unwrap_or_else(|| base.data_dir());
    Ok(state.join("netroam"))
}

/// Makes a directory of mode 0700, or makes sure that the one which is there is this user's, and that nobody else may write in it. It may be
/// behind a link that this user made.
///
/// # Errors
/// `PermissionDenied` with words if it is somebody else's; those of mkdir(2).
pub fn own(directory: &Path) -> io::Result<()> {
    let made = DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory);
    made.map_err(|error| {
        let words = format!("cannot make {}: {error}", directory.display());
        io::Error::new(error.kind(), words)
    })?;
    let link = fs::symlink_metadata(directory)?;
    let found = fs::metadata(directory)?;
    let why = if !is_ours(&link) || !is_ours(&found) {
        "belongs to somebody else"
    } else if found.mode() & 0o022 != 0 {
        "can be written by others"
    } else {
        return Ok(());
    };
    Err(refused(directory, why))
}

/// Opens a file to be written at its end, made with mode 0600 if it is not there: one whose place the user chose, perhaps among files of others.
///
/// # Errors
/// `PermissionDenied` with words for a file, or a link to one, that somebody else has put there; those of open(2).
pub fn open_to_append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    // Whoever may put a link or a fifo there may also say where it leads, or who reads it.
    for found in [fs::symlink_metadata(path), fs::metadata(path)] {
        match found {
            Ok(found) if !is_ours(&found) && !is_of_system(&found) => {
                return Err(refused(path, "belongs to somebody else"));
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let file = options.open(path)?;
    let opened = file.metadata()?;
    if is_ours(&opened) || is_of_system(&opened) {
        Ok(file)
    } else {
        Err(refused(path, "belongs to somebody else"))
    }
}

fn is_ours(found: &Metadata) -> bool {
    found.uid() == Uid::effective().as_raw()
}

/// What root made is no trap, as `/dev/null` or the link `/dev/stderr`; nor is a terminal, whoever owns it.
fn is_of_system(found: &Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    found.uid() == 0 || found.file_type().is_char_device()
}

fn refused(path: &Path, why: &str) -> io::Error {
    let words = format!("{} {why}", path.display());
    io::Error::new(io::ErrorKind::PermissionDenied, words)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_directory_is_made_for_us_alone_and_others_may_not_write_in_one_that_is_there() {
        let base = tempfile::tempdir().unwrap();
        let directory = base.path().join("a/b");
        own(&directory).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&directory), 0o700);
        assert_eq!(mode(&base.path().join("a")), 0o700);
        let link = base.path().join("link");
        symlink(&directory, &link).unwrap();
        own(&link).unwrap();
        // To be read is no harm by itself: what is made there is for us alone.
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        own(&directory).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o775)).unwrap();
        for path in [&directory, &link] {
            let error = own(path).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
            assert!(error.to_string().ends_with("can be written by others"));
        }
        let file = base.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(own(&file).is_err());
    }

    #[test]
    fn a_file_is_made_for_us_alone_and_what_the_system_has_is_taken() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("log");
        open_to_append(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        open_to_append(Path::new("/dev/null")).unwrap();
        symlink(&path, base.path().join("link")).unwrap();
        open_to_append(&base.path().join("link")).unwrap();
        symlink("nowhere", base.path().join("new")).unwrap();
        open_to_append(&base.path().join("new")).unwrap();
        assert!(
            base.path().join("nowhere").exists(),
            "one's own link leads where one wants"
        );
        assert!(open_to_append(base.path()).is_err());
    }
}
