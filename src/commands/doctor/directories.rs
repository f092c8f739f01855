//! netroam's own directories and its log, looked at as a session would use them.

use std::{
    env,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
};

use nix::unistd::{AccessFlags, Uid, access};
use tracing::Level;

use crate::{
    connect::handover,
    driver,
    report::doctor::{
        Finding,
        directories::{self as words, Directory},
    },
};

/// The longest that is in it: a run's own directory, and the socket there.
const SOCKET: &str = "run.XXXXXX/control";

/// So much has to fit.
const ROOM: usize = 4096;

/// The directory of locks, fifos and sockets; whether a session can use it.
pub(super) fn runtime(path: &Path) -> (Vec<Finding>, bool) {
    let check = "runtime-directory";
    let found = examine(path);
    let left = match &found {
        Directory::Right | Directory::Readable(_) => driver::left(path).unwrap_or_default(),
        Directory::ToBeMade
        | Directory::NotMade(_)
        | Directory::NoDirectory
        | Directory::Foreign
        | Directory::Open(_)
        | Directory::NotWritten(_) => 0,
    };
    let usable = matches!(
        found,
        Directory::Right | Directory::Readable(_) | Directory::ToBeMade
    );
    let mut findings = vec![words::directory(check, path, &found, &words::left(left))];
    let length = path.join(SOCKET).as_os_str().len();
    if length > handover::LONGEST {
        findings.push(words::socket_path(path, length, handover::LONGEST));
    }
    (findings, usable)
}

/// The directory of what outlives a netroam, and the log in it.
pub(super) fn state(path: &Path) -> [Finding; 2] {
    let found = examine(path);
    let log = path.join("netroam.log");
    let level = env::var("NETROAM_LOG").ok();
    let strange = level
        .as_deref()
        .filter(|level| level.parse::<Level>().is_err());
    let written = match OpenOptions::new().append(true).open(&log) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        // Whether it can be made, the directory tells.
        Ok(_) | Err(_) => Ok(()),
    };
    [
        words::directory("state-directory", path, &found, ""),
        words::log(&log, written.as_ref().copied(), strange),
    ]
}

fn examine(path: &Path) -> Directory {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return makeable(path),
        Err(error) => return Directory::NotMade(error.to_string()),
    };
    let mode = found.mode() & 0o777;
    if !found.is_dir() {
        Directory::NoDirectory
    } else if found.uid() != Uid::effective().as_raw() {
        Directory::Foreign
    } else if mode & 0o022 != 0 {
        Directory::Open(mode)
    } else if let Err(error) = write_to(path) {
        Directory::NotWritten(error)
    } else if mode & 0o077 != 0 {
        Directory::Readable(mode)
    } else {
        Directory::Right
    }
}

/// Whether the nearest directory above, which is there, lets us make it.
fn makeable(path: &Path) -> Directory {
    let above = path.ancestors().skip(1).find(|above| above.exists());
    let Some(above) = above else {
        return Directory::NotMade("there is nothing above it".into());
    };
    match access(above, AccessFlags::W_OK | AccessFlags::X_OK) {
        Ok(()) if above.is_dir() => Directory::ToBeMade,
        Ok(()) => Directory::NotMade(format!("{} is no directory", above.display())),
        Err(error) => Directory::NotMade(format!("{}: {}", above.display(), error.desc())),
    }
}

/// Writes a little, and removes it.
fn write_to(directory: &Path) -> io::Result<()> {
    let path = directory.join(format!(".doctor.{}", std::process::id()));
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path);
    let written = file.and_then(|mut file| file.write_all(&[0; ROOM]));
    match fs::remove_file(&path) {
        Err(error) if written.is_ok() => Err(error),
        Err(_) | Ok(()) => written,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_directory_is_judged_as_a_session_would() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("netroam");
        assert!(matches!(examine(&path), Directory::ToBeMade));
        fs::create_dir(&path).unwrap();
        let with = |mode| {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            examine(&path)
        };
        assert!(matches!(with(0o700), Directory::Right));
        assert!(matches!(with(0o755), Directory::Readable(0o755)));
        assert!(matches!(with(0o777), Directory::Open(0o777)));
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0, "nothing stays");
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        fs::write(&file, "").unwrap();
        symlink(&path, &link).unwrap();
        assert!(matches!(examine(&file), Directory::NoDirectory));
        assert!(matches!(examine(&link), Directory::NoDirectory));
        let below = examine(&file.join("below"));
        assert!(matches!(below, Directory::NotMade(_)), "{below:?}");
    }

    #[test]
    fn a_long_path_and_what_was_left_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let long = dir.path().join("x".repeat(90));
        assert_eq!(runtime(&long).0.len(), 2);
        fs::create_dir(dir.path().join("run.abcdef")).unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let (findings, usable) = runtime(dir.path());
        assert!(
            usable && findings[0].text.ends_with("the next one removes"),
            "{findings:?}"
        );
        assert!(
            dir.path().join("run.abcdef").exists(),
            "nothing is removed here"
        );
    }
}
