//! Noticing that names may resolve differently, by looking at files now and then.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

/// The files that say who is asked, or answer themselves: `resolv.conf(5)`, `hosts(5)`, `nsswitch.conf(5)`.
const FILES: [&str; 3] = ["/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf"];

/// What the files were like when they were looked at last.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<Option<Stamp>>);

/// What changes when a file, or a link on the way to it, is replaced or written. Two changes of the same length within one tick of the file
/// system's clock look like one.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    modified: (i64, i64),
    inode: (u64, u64),
    length: u64,
}

impl Names {
    /// Looks for the first time.
    pub(super) fn look() -> Self {
        Self::at(&FILES)
    }

    /// Looks again; true if a file is another one, or has changed, come or gone since.
    pub(super) fn changed(&mut self) -> bool {
        self.changed_at(&FILES)
    }

    fn at(files: &[impl AsRef<Path>]) -> Self {
        Self(files.iter().map(stamp).collect())
    }

    fn changed_at(&mut self, files: &[impl AsRef<Path>]) -> bool {
        let before = std::mem::replace(self, Self::at(files));
        before.0 != self.0
    }
}

/// `None` for a file that is not there, or may not be looked at.
fn stamp(file: &impl AsRef<Path>) -> Option<Stamp> {
    let found = fs::metadata(file).ok()?;
    Some(Stamp {
        modified: (found.mtime(), found.mtime_nsec()),
        inode: (found.dev(), found.ino()),
        length: found.len(),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_that_is_written_replaced_removed_or_linked_elsewhere_has_changed() {
        let root = tempfile::TempDir::new().unwrap();
        let path = |name: &str| root.path().join(name);
        let files = [path("resolv.conf"), path("hosts")];
        fs::write(path("one"), "nameserver 192.0.2.1\n").unwrap();
        fs::write(path("two"), "nameserver 192.0.2.2\n").unwrap();
        symlink("one", path("resolv.conf")).unwrap();
        let mut names = Names::at(&files);
        let mut changed = |what: &str, expected: bool| {
            assert_eq!(names.changed_at(&files), expected, "{what}");
            assert!(!names.changed_at(&files), "{what}, and that was told");
        };
        changed("nothing", false);
        fs::write(path("two"), "nameserver 192.0.2.22\n").unwrap();
        changed("another file", false);
        fs::write(path("one"), "nameserver 192.0.2.11\n").unwrap();
        changed("written in place", true);
        fs::rename(path("two"), path("one")).unwrap();
        changed("replaced", true);
        fs::write(path("hosts"), "").unwrap();
        changed("made", true);
        symlink("hosts", path("new")).unwrap();
        fs::rename(path("new"), path("resolv.conf")).unwrap();
        changed("the link leads elsewhere", true);
        fs::remove_file(path("hosts")).unwrap();
        changed("removed", true);
    }
}
