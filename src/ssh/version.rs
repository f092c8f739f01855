//! The ssh that is there, and whether it is new enough.

use std::{ffi::OsStr, fmt, io, process::Command};

use thiserror::Error;

/// A release of OpenSSH, without its portability level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The 9 of 9.2p1.
    pub major: u32,
    /// The 2 of 9.2p1.
    pub minor: u32,
}

/// The oldest release that has all that netroam uses.
///
/// 8.7 (August 2021, release notes) made `-N`, `-n` and `-f` configuration keywords (`SessionType`, `StdinNull`,
/// `ForkAfterAuthentication`), so that `ssh -G` says whether a configuration asks for a shell at all. The rest is older: `-E` 6.3,
/// `ProxyUseFdpass` 6.5, `ssh -G` 6.8, `ProxyJump` 7.3, `RemoteCommand` 7.6.
pub const NEEDED: Version = Version { major: 8, minor: 7 };

/// Why the ssh that is there cannot be used.
#[derive(Debug, Error)]
pub enum NoSsh {
    /// There is none.
    #[error("no ssh in PATH")]
    NotFound,
    /// It cannot be run.
    #[error("cannot run ssh: {0}")]
    Failed(io::Error),
    /// Another program of that name.
    #[error("the ssh in PATH is not OpenSSH: it says {0:?}")]
    Foreign(String),
    /// Older than [`NEEDED`].
    #[error("the ssh in PATH is OpenSSH {0}, but netroam needs {NEEDED} or newer")]
    TooOld(Version),
}

impl Version {
    /// Asks the `ssh` that PATH finds (or the one at a path).
    ///
    /// # Errors
    /// [`NoSsh`], one clear line each.
    pub fn of(ssh: &OsStr) -> Result<Self, NoSsh> {
        let output = Command::new(ssh).arg("-V").output().map_err(|error| {
            if error.kind() == io::ErrorKind::NotFound {
                NoSsh::NotFound
            } else {
                NoSsh::Failed(error)
            }
        })?;
        // OpenSSH says it on stderr.
        let said = [output.stderr, output.stdout].concat();
        let line = String::from_utf8_lossy(&said)
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned();
        let version = Self::parse(&line).ok_or_else(|| {
            if output.status.success() {
                NoSsh::Foreign(line)
            } else {
                NoSsh::Failed(io::Error::other(line))
            }
        })?;
        if version < NEEDED {
            Err(NoSsh::TooOld(version))
        } else {
            Ok(version)
        }
    }

    /// Reads `OpenSSH_9.2p1 Debian-2, …`.
    fn parse(line: &str) -> Option<Self> {
        let (major, rest) = line.strip_prefix("OpenSSH_")?.split_once('.')?;
        let minor = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        Some(Self {
            major: major.parse().ok()?,
            minor: minor.parse().ok()?,
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn versions_are_read() {
        for (line, version) in [
            (
                "OpenSSH_9.2p1 Debian-2+deb12u10, OpenSSL 3.0.19 27 Jan 2026",
                Some((9, 2)),
            ),
            // As macOS 13, 15 and 26 have it.
            ("OpenSSH_9.0p1, LibreSSL 3.3.6", Some((9, 0))),
            ("OpenSSH_9.9p2, LibreSSL 3.3.6", Some((9, 9))),
            ("OpenSSH_10.0p2, LibreSSL 3.3.6", Some((10, 0))),
            ("OpenSSH_10.2p1, LibreSSL 3.3.6", Some((10, 2))),
            ("OpenSSH_8.7, LibreSSL 3.4", Some((8, 7))),
            ("Dropbear v2022.83", None),
            ("OpenSSH_x.y", None),
            ("", None),
        ] {
            assert_eq!(
                Version::parse(line),
                version.map(|(major, minor)| Version { major, minor }),
                "{line}"
            );
        }
        assert!(
            Version {
                major: 10,
                minor: 0
            } > Version { major: 9, minor: 9 }
        );
    }

    #[test]
    fn the_real_ssh_is_accepted_and_others_are_refused() {
        assert!(Version::of("ssh".as_ref()).unwrap() >= NEEDED);
        assert!(matches!(
            Version::of("/no/such/ssh".as_ref()),
            Err(NoSsh::NotFound)
        ));
        let dir = tempfile::tempdir().unwrap();
        let fake = dir.path().join("ssh");
        for (says, line) in [
            (
                "No user exists for uid 4242' >&2; exit 255; echo '",
                "cannot run ssh: No user exists for uid 4242",
            ),
            (
                "OpenSSH_7.4p1",
                "the ssh in PATH is OpenSSH 7.4, but netroam needs 8.7 or newer",
            ),
            (
                "Dropbear v2022.83",
                "the ssh in PATH is not OpenSSH: it says \"Dropbear v2022.83\"",
            ),
        ] {
            fs::write(&fake, format!("#!/bin/sh\necho '{says}' >&2\n")).unwrap();
            fs::set_permissions(&fake, fs::Permissions::from_mode(0o755)).unwrap();
            assert_eq!(Version::of(fake.as_os_str()).unwrap_err().to_string(), line);
        }
    }
}
