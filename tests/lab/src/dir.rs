//! Where a lab keeps its files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

/// The lab's directory. Below /var/tmp, because the server has a /tmp of its own.
#[derive(Debug)]
pub(crate) struct Dir(PathBuf);

impl Dir {
    const PREFIX: &str = "netroam-lab-";

    pub(crate) fn make() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        Self::sweep();
        let name = format!(
            "{}{}-{}",
            Self::PREFIX,
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let path = Path::new("/var/tmp").join(name);
        // An earlier process may have had our id.
        let _absent = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Removes what labs of killed processes left.
    fn sweep() {
        for entry in fs::read_dir("/var/tmp").into_iter().flatten().flatten() {
            let name = entry.file_name();
            let owner = name.to_str().and_then(|name| {
                name.strip_prefix(Self::PREFIX)?
                    .split('-')
                    .next()?
                    .parse::<u32>()
                    .ok()
            });
            if owner.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists()) {
                // Another process may be sweeping too.
                let _gone = fs::remove_dir_all(entry.path());
            }
        }
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        if std::env::var_os("NETROAM_LAB_KEEP").is_none() {
            let _gone = fs::remove_dir_all(&self.0);
        }
    }
}
