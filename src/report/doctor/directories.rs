//! netroam's own directories, and its log.

use std::{io, path::Path};

use super::Finding;

/// What is the matter with a directory.
#[derive(Debug)]
pub enum Directory {
    /// Ours alone, and it can be written to.
    Right,
    /// Not there, and made at the first use.
    ToBeMade,
    /// Not there, and it cannot be made, for this reason.
    NotMade(String),
    /// It is something else, a link among it.
    NoDirectory,
    /// Another user's.
    Foreign,
    /// Others can write to it: this mode.
    Open(u32),
    /// Others can look into it: this mode.
    Readable(u32),
    /// It cannot be written to: full, for one.
    NotWritten(io::Error),
}

/// A directory of netroam's.
pub fn directory(check: &'static str, path: &Path, found: &Directory, left: &str) -> Finding {
    let at = path.display();
    match found {
        Directory::Right => Finding::ok(check, format!("{at}{left}")),
        Directory::ToBeMade => Finding::ok(check, format!("{at}, which the first session makes")),
        Directory::NotMade(why) => Finding::wrong(
            check,
            format!("{at} is not there, and cannot be made: {why}"),
            format!("make it: mkdir -p -m 700 {at}"),
        ),
        Directory::NoDirectory => Finding::wrong(
            check,
            format!("{at} is no directory"),
            "move it out of the way",
        ),
        Directory::Foreign => Finding::wrong(
            check,
            format!("{at} belongs to somebody else"),
            "move it out of the way; in a shared place somebody else could have put it there",
        ),
        Directory::Open(mode) => Finding::wrong(
            check,
            format!("{at} can be written by others (mode {mode:04o})"),
            format!("chmod 700 {at}"),
        ),
        Directory::Readable(mode) => {
            let guard = if check == "runtime-directory" {
                "; netroam guard does not start with it"
            } else {
                ""
            };
            Finding::warning(
                check,
                format!("{at} can be read by others (mode {mode:04o}){guard}"),
                format!("chmod 700 {at}"),
            )
        }
        Directory::NotWritten(error) => Finding::wrong(
            check,
            format!("{at} cannot be written to: {error}"),
            "make room, or set XDG_RUNTIME_DIR and XDG_STATE_HOME to where there is some",
        ),
    }
}

/// No home directory.
pub fn homeless(check: &'static str, why: &str) -> Finding {
    Finding::wrong(check, why, "set HOME")
}

/// What dead netroams left, behind the name of the directory.
pub fn left(count: usize) -> String {
    match count {
        0 => String::new(),
        1 => "; a netroam that was killed left something, which the next one removes".into(),
        count => format!(
            "; {count} netroams that were killed left something, which the next one removes"
        ),
    }
}

/// A directory whose sockets would have too long names: this long.
pub fn socket_path(path: &Path, length: usize, most: usize) -> Finding {
    Finding::warning(
        "runtime-directory",
        format!(
            "the socket in {} would have a name of {length} bytes, and {most} are taken everywhere: netroam why, ls and status cannot ask its sessions",
            path.display()
        ),
        "set XDG_RUNTIME_DIR to a shorter one",
    )
}

/// Where the log goes, or why it does not.
pub fn log(path: &Path, written: Result<(), &io::Error>, level: Option<&str>) -> Finding {
    let check = "log";
    if let Some(level) = level {
        return Finding::wrong(
            check,
            format!("NETROAM_LOG is {level:?}, which is no level"),
            "one of error, warn, info, debug, trace",
        );
    }
    let shown = path.display();
    match written {
        Ok(()) => Finding::ok(check, shown.to_string()),
        Err(error) if crate::log::goes_without(error) => Finding::warning(
            check,
            format!("{shown} cannot be written to, sessions go on without a log: {error}"),
            "make room, or let --log-file lead elsewhere",
        ),
        Err(error) => Finding::wrong(
            check,
            format!("{shown} cannot be written to: {error}"),
            format!("remove it, or: chmod u+w {shown}"),
        ),
    }
}
