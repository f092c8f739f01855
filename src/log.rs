//! The log: to a file, never to the terminal.

use std::{fs, io, os::unix::fs::DirBuilderExt as _, path::Path, sync::Mutex};

use anyhow::{Context as _, Result};
use tracing::{Level, level_filters::LevelFilter};

use crate::{
    dirs::{self, Unusable},
    report,
};

/// A log that has grown beyond this starts anew when netroam starts; the one before is kept beside it.
const LARGEST: u64 = 4 << 20;

/// Starts logging.
///
/// `level` from the command line goes before `NETROAM_LOG`, and that before `info`.
///
/// # Errors
/// The file cannot be opened, or `NETROAM_LOG` is no level.
pub fn start(level: Option<Level>, file: Option<&Path>) -> Result<()> {
    let level = match (level, std::env::var("NETROAM_LOG")) {
        (Some(level), _) => level,
        (None, Ok(text)) => text.parse().ok().with_context(|| {
            format!("NETROAM_LOG is {text:?}, which is none of error, warn, info, debug, trace")
        })?,
        (None, Err(_)) => Level::INFO,
    };
    let (path, unusable): (_, fn(String) -> Unusable) = match file {
        Some(file) => (file.to_owned(), Unusable::Named),
        None => (dirs::state()?.join("netroam.log"), Unusable::Own),
    };
    let file = open(&path, file.is_none())
        .with_context(|| unusable(format!("cannot write the log {}", path.display())))?;
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::from_level(level))
        .with_ansi(false)
        .with_target(false)
        // A full disk would else be said on stderr, over what ssh shows there.
        .log_internal_errors(false)
        .with_writer(Mutex::new(file))
        .init();
    tracing::info!(
        pid = std::process::id(),
        version = env!("CARGO_PKG_VERSION"),
        "netroam starts"
    );
    Ok(())
}

/// The same for what goes on without a log: where it cannot be written (a full disk, a home that is read-only) one line says so. One that was
/// asked for by name must be there.
///
/// # Errors
/// The `file` cannot be opened, or `NETROAM_LOG` is no level.
pub fn start_where_possible(level: Option<Level>, file: Option<&Path>) -> Result<()> {
    match (start(level, file), file) {
        (Err(error), None) if error.downcast_ref().is_some_and(goes_without) => {
            report::line(&report::plain(&format!("{error:#}; going on without one")));
            Ok(())
        }
        (started, _) => started,
    }
}

/// Whether a session goes on without a log that cannot be written for this reason: there is no room, or nothing can be written at all. What
/// others have a hand in is another matter.
pub fn goes_without(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
    )
}

/// Opens it; `own`: in netroam's own directory, which nobody else may have a hand in.
fn open(path: &Path, own: bool) -> io::Result<fs::File> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    match directory {
        Some(directory) if own => dirs::own(directory)?,
        Some(directory) => fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)?,
        None => {}
    }
    if fs::metadata(path).is_ok_and(|log| log.is_file() && log.len() > LARGEST) {
        fs::rename(path, path.with_extension("log.old"))?;
    }
    dirs::open_to_append(path)
}
