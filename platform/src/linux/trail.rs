//! The way to a file: the link, the link's target, and so on.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs,
    path::{Component, Path, PathBuf},
};

/// As many links as the kernel follows (`MAXSYMLINKS` in `include/linux/namei.h`).
const LINKS: u32 = 40;

/// What has to be watched, as things are now.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Trail {
    /// The names that matter in each.
    pub(super) directories: BTreeMap<PathBuf, BTreeSet<OsString>>,
    pub(super) files: BTreeSet<PathBuf>,
}

impl Trail {
    pub(super) fn of(files: &[PathBuf]) -> Self {
        let mut trail = Self::default();
        for file in files {
            trail.follow(file);
        }
        trail
    }

    /// Goes from link to link as the kernel does, down to the file or to the first name that is not there.
    ///
    /// A directory on the way counts only while something is looked for in it; that it is a link itself is seen.
    fn follow(&mut self, file: &Path) {
        let (mut at, mut ahead, mut links) = (PathBuf::from("/"), names(file), 0);
        while let Some(name) = ahead.pop() {
            if name == ".." {
                at.pop();
                continue;
            }
            let here = at.join(&name);
            let found = fs::symlink_metadata(&here).ok();
            if found.as_ref().is_some_and(fs::Metadata::is_dir) {
                at = here;
                continue;
            }
            self.directories.entry(at.clone()).or_default().insert(name);
            match found {
                Some(link) if link.is_symlink() && links < LINKS => {
                    links += 1;
                    let Ok(target) = fs::read_link(&here) else {
                        return;
                    };
                    if target.is_absolute() {
                        at = PathBuf::from("/");
                    }
                    ahead.extend(names(&target));
                }
                Some(file) if file.is_file() => {
                    self.files.insert(here);
                    return;
                }
                Some(_) | None => return,
            }
        }
    }
}

/// The names in a path, the last one first; `..` among them.
fn names(path: &Path) -> Vec<OsString> {
    path.components()
        .rev()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn every_name_that_may_be_given_to_another_file_is_on_it() {
        let root = tempfile::TempDir::new().unwrap();
        // The directory may be behind a link itself.
        let root = root.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("etc")).unwrap();
        fs::create_dir_all(root.join("store/one")).unwrap();
        fs::write(root.join("store/one/hosts"), "").unwrap();
        symlink("../store/./static/hosts", root.join("etc/hosts")).unwrap();
        symlink(root.join("store/one"), root.join("store/static")).unwrap();
        let trail = Trail::of(&[root.join("etc/hosts"), root.join("run/systemd/resolv.conf")]);
        let named = |names: &[&str]| names.iter().map(OsString::from).collect();
        let expected = Trail {
            directories: BTreeMap::from([
                (root.clone(), named(&["run"])),
                (root.join("etc"), named(&["hosts"])),
                (root.join("store"), named(&["static"])),
                (root.join("store/one"), named(&["hosts"])),
            ]),
            files: BTreeSet::from([root.join("store/one/hosts")]),
        };
        assert_eq!(trail, expected);
    }
}
