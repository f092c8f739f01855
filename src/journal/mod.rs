//! What happened to a host's sessions, kept for `netroam why` and for telling outages.
//!
//! One file for each host, `journal/HOST.jsonl` in netroam's state directory, with one JSON object on each line ([`Entry`]). Several netroams
//! write to it: each line is one write(2) under `O_APPEND`. A line that was torn (a full disk, a power cut) is passed over by the reader, and
//! the next writer begins on a fresh line. A file that has grown beyond [`LARGEST`] is renamed to `HOST.jsonl.old`, so that there are at most
//! two of that size. Attempts that go and fail like those before them are not written again ([`repeats`]).
//!
//! Nothing is open and nothing runs while nothing happens: the file is opened for each line.
//!
//! # For the driver
//! One [`Journal::open`] for each session, and a [`Journal::note`] each time that one of [`Note`]'s makers names. It never fails: that nothing
//! can be written is one warning in the log. It takes some system calls on a local file, and waits for nobody.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
};

use crate::{dirs, file_name, record::Stamp};

mod entry;
mod repeats;

pub use entry::{Entry, Event, Judged, Note};
use repeats::Repeats;

/// A file that has grown to so many bytes is put aside.
///
/// An outage takes about 1700 bytes (measured: 8 lines of 210), so that the last 600 at least are kept of all sessions with a host: 80 on each
/// day of a bad week.
pub const LARGEST: u64 = 1 << 20;

/// So much of the end of a file is read; what is longer was not written by netroam alone.
const READ: u64 = 4 * LARGEST;

/// Where the journals are, below netroam's state directory.
const FOLDER: &str = "journal";

/// Writes down what happens to one session.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    host: String,
    session: Option<String>,
    repeats: RefCell<Repeats>,
    /// It was said that nothing can be written.
    warned: Cell<bool>,
}

impl Journal {
    /// The journal of `host` (what the user typed, without user and port) below netroam's state directory `state`, for the session of this
    /// name. Nothing is made before something is noted.
    pub fn open(state: &Path, host: &str, session: Option<&str>) -> Self {
        Self {
            path: path_of(state, host),
            host: host.to_owned(),
            session: session.map(str::to_owned),
            repeats: RefCell::default(),
            warned: Cell::new(false),
        }
    }

    /// Writes it down, with the time, the session and our process; not what only repeats itself.
    pub fn note(&self, note: &Note) {
        let due = self.repeats.borrow_mut().take(Stamp::now(), note);
        for (at, note) in due {
            self.write(at, &note);
        }
    }

    fn write(&self, at: Stamp, note: &Note) {
        let entry = Entry {
            at,
            host: self.host.clone(),
            session: self.session.clone(),
            pid: std::process::id(),
            event: note.event.clone(),
            text: note.text.clone(),
        };
        if let Err(error) = append(&self.path, &entry)
            && !self.warned.replace(true)
        {
            tracing::warn!(path = %self.path.display(), %error, "cannot write the journal");
        }
    }
}

/// The last `most` entries about `host` below `state`, the oldest first; none if there is no journal.
///
/// # Errors
/// A file that is there and cannot be read.
pub fn read(state: &Path, host: &str, most: usize) -> io::Result<Vec<Entry>> {
    let path = path_of(state, host);
    let mut entries = Vec::new();
    // The old one last: what is put aside in between is then there twice rather than not at all.
    let mut current = content(&path)?;
    let old = content(&old(&path))?;
    if old.starts_with(&current) {
        current.clear();
    }
    for content in [&old, &current] {
        entries.extend(parse(content));
    }
    entries.drain(..entries.len().saturating_sub(most));
    Ok(entries)
}

/// The entries in what a file says. A torn line, and a word of a newer netroam, are passed over.
pub fn parse(content: &[u8]) -> impl Iterator<Item = Entry> {
    content
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
}

/// The hosts that have a journal below `state`, as they were typed last, in the order of their names; and what could not be read, in words.
///
/// # Errors
/// The folder is there and cannot be read.
pub fn hosts(state: &Path) -> io::Result<(Vec<String>, Vec<String>)> {
    let (mut hosts, mut problems) = (BTreeMap::new(), Vec::new());
    let found = match fs::read_dir(folder(state)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), problems)),
        found => found?,
    };
    for file in found {
        let path = file?.path();
        let name = path.as_os_str().as_encoded_bytes();
        if !name.ends_with(b".jsonl") && !name.ends_with(b".jsonl.old") {
            continue;
        }
        let entries = match content(&path) {
            Ok(entries) => entries,
            Err(error) => {
                problems.push(format!("cannot read {}: {error}", path.display()));
                continue;
            }
        };
        // A name that is too long is cut, and only the entries have all of it.
        let mut entries = entries.rsplit(|byte| *byte == b'\n');
        let last = entries.find_map(|line| serde_json::from_slice::<Entry>(line).ok());
        if let Some(Entry { host, .. }) = last {
            hosts.insert(host.to_lowercase(), host);
        }
    }
    Ok((hosts.into_values().collect(), problems))
}

/// The folder with the journals below `state`.
pub fn folder(state: &Path) -> PathBuf {
    state.join(FOLDER)
}

fn content(path: &Path) -> io::Result<Vec<u8>> {
    // Not to wait for whoever writes to a fifo.
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(nix::libc::O_NONBLOCK)
        .open(path);
    let mut file = match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened?,
    };
    let surplus = size_of_file(&file)?.saturating_sub(READ);
    file.seek(SeekFrom::Start(surplus))?;
    let mut content = Vec::new();
    file.take(READ).read_to_end(&mut content)?;
    Ok(content)
}

/// The size of what is a file: others may have no end, or hold up whoever reads or writes.
fn size_of_file(file: &File) -> io::Result<u64> {
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    Ok(found.len())
}

/// The file about `host` below `state`.
pub fn path_of(state: &Path, host: &str) -> PathBuf {
    // Case makes no difference in the name of a host (RFC 4343).
    let name = file_name::of(&host.to_lowercase());
    folder(state).join(format!("{name}.jsonl"))
}

fn old(path: &Path) -> PathBuf {
    path.with_extension("jsonl.old")
}

fn append(path: &Path, entry: &Entry) -> io::Result<()> {
    let mut line = entry.line()?;
    let mut file = open(path)?;
    let mut size = size_of_file(&file)?;
    if size >= LARGEST {
        file = put_aside(path, file)?;
        size = size_of_file(&file)?;
    }
    // Whoever was cut off in the middle of a line has left it without its end.
    if size > 0 {
        let mut last = [0];
        file.read_exact_at(&mut last, size - 1)?;
        if last != *b"\n" {
            line.insert(0, b'\n');
        }
    }
    if file.write(&line)? < line.len() {
        return Err(io::ErrorKind::WriteZero.into());
    }
    Ok(())
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(directory) = path.parent() {
        dirs::own(directory)?;
    }
    OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(nix::libc::O_NOFOLLOW)
        .open(path)
}

/// Renames the file that has grown too large, unless somebody else is at it or has done it; gives the one to write to.
fn put_aside(path: &Path, file: File) -> io::Result<File> {
    let lock = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => lock,
        Err((_, Errno::EWOULDBLOCK)) => return open(path),
        Err((_, error)) => return Err(error.into()),
    };
    let (named, locked) = (fs::symlink_metadata(path), lock.metadata()?);
    if named.is_ok_and(|named| (named.dev(), named.ino()) == (locked.dev(), locked.ino())) {
        fs::rename(path, old(path))?;
    }
    open(path)
}

#[cfg(test)]
mod tests;
