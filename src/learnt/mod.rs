//! What netroam has learnt of a host from its good runs, kept from one netroam to the next.
//!
//! One small TOML file for each host, for people to read and to throw away (`netroam forget HOST`). Nothing in it is believed: an address is
//! a candidate to dial, whose host key ssh checks as ever, and the path says only what to wait for. The driver reads it once before the
//! first look, and writes it each time that a run is attached.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    net::IpAddr,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::{
    dirs::{self, Unusable},
    file_name, report,
};

mod stamp;

/// So many addresses are kept: as many as the driver keeps of those that answered.
const MOST: usize = 4;

/// A file that is larger was not written by netroam; its own have some hundred bytes.
const LARGEST: u64 = 64 << 10;

/// What is known of a host; by default nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Learnt {
    /// Addresses of the first hop that answered, the last good one first; at most 4.
    pub addresses: Vec<IpAddr>,
    /// What the last run that was attached stood on.
    pub last: Option<LastRun>,
}

/// What a run stood on when it was attached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRun {
    /// The interface.
    pub interface: String,
    /// The source address.
    pub source: IpAddr,
    /// The gateway, where there was one.
    pub gateway: Option<IpAddr>,
    /// Whether the interface was a tunnel.
    pub tunnel: bool,
    /// When it was attached, by [`netroam_platform::clock::wall`]. Written as RFC 3339 in UTC, to the second.
    #[serde(with = "stamp")]
    pub at: SystemTime,
}

impl Learnt {
    /// Reads the text of a file. Of the addresses the first few are kept, and of a name what is printable.
    ///
    /// # Errors
    /// What is not understood, on one line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut learnt: Self =
            toml::from_str(text).map_err(|error| error.message().replace('\n', " "))?;
        learnt.addresses.truncate(MOST);
        if let Some(last) = &mut learnt.last {
            last.interface = report::plain(&last.interface);
        }
        Ok(learnt)
    }

    /// The text of the file about `host`, which [`Learnt::parse`] reads.
    ///
    /// # Errors
    /// A moment that cannot be written down.
    pub fn text(&self, host: &str) -> Result<String> {
        let host = report::plain(host);
        let mut learnt = self.clone();
        learnt.addresses.truncate(MOST);
        let body = toml::to_string(&learnt).context("cannot write down what was learnt")?;
        Ok(format!(
            "# What netroam learnt of {host}, only to be quicker the next time. `netroam forget {host}` drops it.\n{body}"
        ))
    }
}

impl LastRun {
    /// The path that it was. Its interface may have another index by now, or be gone.
    pub fn path(&self) -> netroam_platform::Path {
        netroam_platform::Path {
            index: 0,
            interface: self.interface.clone(),
            source: self.source,
            gateway: self.gateway,
            tunnel: self.tunnel,
        }
    }
}

/// Where it is kept.
#[derive(Clone, Debug)]
pub struct Store {
    directory: PathBuf,
}

impl Store {
    /// The store in netroam's state directory, which is [`dirs::state`] for the user's own. Nothing is made before
    /// something is written.
    pub fn new(state: &Path) -> Self {
        Self {
            directory: state.join("hosts"),
        }
    }

    /// What is known of `host`, which is what the user typed, without user and port; and a line for the user where the file is no good.
    ///
    /// A file that cannot be understood is renamed to `FILE.broken` and counts as none. Keys that this netroam does not know are passed over.
    pub fn read(&self, host: &str) -> (Learnt, Option<String>) {
        let path = self.path(host);
        match read(&path) {
            Ok(learnt) => (learnt, None),
            Err(Unread::Missing) => (Learnt::default(), None),
            Err(Unread::Unreadable(error)) => {
                let path = path.display();
                let line = format!("{host}: cannot read what was learnt of it in {path}: {error}");
                (Learnt::default(), Some(report::plain(&line)))
            }
            Err(Unread::Broken(why)) => {
                let aside = broken(&path);
                let then = match fs::rename(&path, &aside) {
                    Ok(()) => format!("is now {}", aside.display()),
                    Err(error) => format!("cannot be set aside: {error}"),
                };
                let path = path.display();
                let line = format!(
                    "{host}: what was learnt of it is not understood ({why}); {path} {then}"
                );
                (Learnt::default(), Some(report::plain(&line)))
            }
        }
    }

    /// Replaces what is known of `host`.
    ///
    /// The new file takes the place of the old one in one step, so that nobody sees half of it, and a full disk leaves the old one. It does
    /// not wait for the disk (fsync): after a power cut the file may be the old one, or empty, and then nothing is known.
    ///
    /// # Errors
    /// The directory cannot be made or the file not be written.
    pub fn write(&self, host: &str, learnt: &Learnt) -> Result<()> {
        let path = self.path(host);
        let text = learnt.text(host)?;
        dirs::own(&self.directory)?;
        // A name of this process's own, which no host's file has: those begin with no dot.
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let new = path.with_file_name(format!(".{name}.{}", std::process::id()));
        let written = create(&new, &text).and_then(|()| fs::rename(&new, &path));
        written
            .inspect_err(|_| drop(remove(&new)))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Drops what is known of `host`, and what was set aside; false if there was nothing.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn forget(&self, host: &str) -> Result<bool> {
        let path = self.path(host);
        let mut known = false;
        for path in [broken(&path), path] {
            known |= remove(&path)
                .with_context(|| Unusable::Own(format!("cannot remove {}", path.display())))?;
        }
        Ok(known)
    }

    fn path(&self, host: &str) -> PathBuf {
        // Host names do not differ in case (RFC 4343).
        let name = file_name::of(&host.to_lowercase());
        self.directory.join(name + ".toml")
    }
}

enum Unread {
    Missing,
    Unreadable(io::Error),
    /// Why, on one line.
    Broken(String),
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound {
            Self::Missing
        } else if error.kind() == io::ErrorKind::InvalidData {
            Self::Broken("it is not UTF-8".into())
        } else {
            Self::Unreadable(error)
        }
    }
}

fn read(path: &Path) -> Result<Learnt, Unread> {
    let found = fs::metadata(path)?;
    if !found.is_file() {
        return Err(Unread::Broken("it is not a file".into()));
    }
    if found.len() > LARGEST {
        return Err(Unread::Broken("it is too large".into()));
    }
    Learnt::parse(&fs::read_to_string(path)?).map_err(Unread::Broken)
}

fn create(path: &Path, text: &str) -> io::Result<()> {
    // What an earlier process of this number may have left.
    remove(path)?;
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?
        .write_all(text.as_bytes())
}

/// Removes a file; false if there was none.
fn remove(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn broken(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".broken");
    name.into()
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt as _, time::Duration};

    use netroam_platform::clock;

    use super::*;

    fn learnt() -> Learnt {
        Learnt {
            addresses: vec!["10.8.0.1".parse().unwrap(), "2001:db8::1".parse().unwrap()],
            last: Some(LastRun {
                interface: "tun0".into(),
                source: "10.8.0.2".parse().unwrap(),
                gateway: None,
                tunnel: true,
                at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_374_827),
            }),
        }
    }

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(&dir.path().join("netroam"));
        (dir, store)
    }

    /// A store whose file for gw1 says `text`.
    fn saying(text: &[u8]) -> (tempfile::TempDir, Store) {
        let (dir, store) = store();
        store.write("gw1", &Learnt::default()).unwrap();
        fs::write(store.path("gw1"), text).unwrap();
        (dir, store)
    }

    #[test]
    fn what_was_learnt_is_read_again_until_it_is_forgotten() {
        let (_dir, store) = store();
        assert_eq!(store.read("gw1"), (Learnt::default(), None));
        assert!(!store.forget("gw1").unwrap());
        store.write("gw1", &Learnt::default()).unwrap();
        store.write("gw1", &learnt()).unwrap();
        store.write("gw2", &Learnt::default()).unwrap();
        assert_eq!(store.read("GW1"), (learnt(), None));
        assert_eq!(store.read("gw2"), (Learnt::default(), None));
        assert!(store.forget("gw1").unwrap());
        assert_eq!(store.read("gw1"), (Learnt::default(), None));
        assert!(!store.forget("gw1").unwrap());
    }

    #[test]
    fn the_file_is_for_people_and_for_its_owner_alone() {
        let (_dir, store) = store();
        store.write("gw1", &learnt()).unwrap();
        insta::assert_snapshot!(fs::read_to_string(store.path("gw1")).unwrap(), @r#"
        # What netroam learnt of gw1, only to be quicker the next time. `netroam forget gw1` drops it.
        addresses = ["10.8.0.1", "2001:db8::1"]

        [last]
        interface = "tun0"
        source = "10.8.0.2"
        tunnel = true
        at = "2026-11-22T19:13:47Z"
        "#);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&store.path("gw1")), 0o600);
        assert_eq!(mode(&store.directory), 0o700);
        let names: Vec<_> = fs::read_dir(&store.directory).unwrap().collect();
        assert_eq!(names.len(), 1, "{names:?}");
    }

    #[test]
    fn now_is_kept_to_the_second() {
        let (_dir, store) = store();
        let now = clock::wall();
        let mut known = learnt();
        known.last.as_mut().unwrap().at = now;
        store.write("gw1", &known).unwrap();
        let read = store.read("gw1").0.last.unwrap().at;
        assert!(now.duration_since(read).unwrap() < Duration::from_secs(1));
    }

    #[test]
    fn a_host_can_put_nothing_into_its_file() {
        let (_dir, store) = store();
        let host = "x\naddresses = ['6.6.6.6']";
        store.write(host, &Learnt::default()).unwrap();
        assert_eq!(store.read(host), (Learnt::default(), None));
    }

    #[test]
    fn a_newer_netroam_may_know_more() {
        let (_dir, store) = saying(
            b"addresses = ['10.8.0.1']\nmood = 'good'\n[last]\ninterface = 'wlan0'\nsource = '192.168.1.2'\ntunnel = false\nat = '2026-11-22T20:13:47.5+01:00'\nmtu = 1420\n[more]\n",
        );
        let (learnt, warning) = store.read("gw1");
        assert_eq!(warning, None);
        let last = learnt.last.unwrap();
        assert_eq!((last.interface.as_str(), last.gateway), ("wlan0", None));
        assert_eq!(
            last.at,
            SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_374_827_500)
        );
    }

    #[test]
    fn a_file_cannot_do_harm() {
        let many: Vec<String> = (1..100).map(|n| format!("'10.0.0.{n}'")).collect();
        let text = format!(
            "addresses = [{}]\n[last]\ninterface = \"a\\u001b[2Jb\"\nsource = '::1'\ntunnel = true\nat = '2026-11-22T20:13:47Z'\n",
            many.join(", ")
        );
        let (_dir, store) = saying(text.as_bytes());
        let (learnt, warning) = store.read("gw1");
        assert_eq!(warning, None);
        assert_eq!(learnt.addresses.len(), MOST);
        assert!(!learnt.last.unwrap().interface.contains('\u{1b}'));
    }

    #[test]
    fn a_broken_file_is_set_aside_once_and_forgotten_with_the_rest() {
        let large = vec![b'#'; usize::try_from(LARGEST).unwrap() + 1];
        let cases: [(&[u8], &str); 7] = [
            (b"addresses = [", "unclosed array"),
            (b"addresses = ['gw1']", "invalid IP address"),
            (b"last = { tunnel = true }", "missing field `interface`"),
            (
                b"[last]\ninterface='a'\nsource='::1'\ntunnel=true\nat='2026'",
                "\"2026\" is no time of RFC 3339",
            ),
            (
                b"[last]\ninterface='a'\nsource='::1'\ntunnel=true\nat='9999-12-31T23:59:59-01:00'",
                "is no time of RFC 3339",
            ),
            (b"\xff\xfe", "it is not UTF-8"),
            (&large, "it is too large"),
        ];
        for (text, why) in cases {
            let (_dir, store) = saying(text);
            let path = store.path("gw1");
            let (learnt, warning) = store.read("gw1");
            let warning = warning.expect("a warning");
            assert_eq!(learnt, Learnt::default());
            assert!(
                warning.starts_with("gw1: what was learnt of it is not understood (")
                    && warning.contains(why)
                    && warning.ends_with(".toml.broken")
                    && !warning.contains('\n'),
                "{why}: {warning}"
            );
            assert_eq!(fs::read(broken(&path)).unwrap(), text);
            assert_eq!(store.read("gw1"), (Learnt::default(), None));
            store.write("gw1", &learnt).unwrap();
            assert!(store.forget("gw1").unwrap());
            assert_eq!(fs::read_dir(&store.directory).unwrap().count(), 0);
        }
    }

    #[test]
    fn what_is_no_file_is_set_aside_too() {
        let (_dir, store) = store();
        fs::create_dir_all(store.path("gw1")).unwrap();
        let warning = store.read("gw1").1.expect("a warning");
        assert!(warning.contains("it is not a file"), "{warning}");
        store.write("gw1", &learnt()).unwrap();
        assert_eq!(store.read("gw1"), (learnt(), None));
    }
}
