//! Noticing that names may resolve differently, without a tick.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    future::pending,
    path::PathBuf,
};

use nix::{
    errno::Errno,
    sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor},
};

use super::trail::Trail;
use crate::readable::Readable;

/// The files that say who is asked, or answer themselves: `resolv.conf(5)`, `hosts(5)`, `nsswitch.conf(5)`.
///
/// The last one is systemd-resolved's record of the servers that it asks itself (`systemd-resolved.service(8)`). Where
/// `/etc/resolv.conf` names nobody but resolved's own stub, it is the only file that a new network or VPN changes.
const FILES: [&str; 4] = [
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/run/systemd/resolve/resolv.conf",
];

/// Of a directory: a name in it comes, goes, or is given to another file. What is written into its files stays unheard, so that noise
/// in `/etc` wakes nobody up.
const IN_A_DIRECTORY: AddWatchFlags = AddWatchFlags::IN_CREATE
    .union(AddWatchFlags::IN_DELETE)
    .union(AddWatchFlags::IN_MOVE)
    .union(AddWatchFlags::IN_DELETE_SELF)
    .union(AddWatchFlags::IN_MOVE_SELF)
    .union(AddWatchFlags::IN_ONLYDIR);

/// Of a file: it is written in place. A directory does not hear of that where another file is mounted over the name.
const IN_A_FILE: AddWatchFlags = AddWatchFlags::IN_MODIFY.union(AddWatchFlags::IN_CLOSE_WRITE);

/// How often the watches are set again while links and directories move under us.
const TRIES: u32 = 5;

/// Watches the files, each of them by its own name and by that of every link on the way to it.
#[derive(Debug)]
pub(super) struct Names {
    /// `None` where the system has no inotify instance left.
    watching: Option<Watching>,
}

#[derive(Debug)]
struct Watching {
    inotify: Inotify,
    readable: Readable,
    files: Vec<PathBuf>,
    /// What each watch is for: names in a directory, none for a file. Any event without a name is about the thing itself.
    watches: BTreeMap<WatchDescriptor, BTreeSet<OsString>>,
    complained: bool,
}

impl Names {
    /// Watches in the mount namespace of the calling thread.
    pub(super) fn open() -> Self {
        Self::of(FILES.map(PathBuf::from).into())
    }

    fn of(files: Vec<PathBuf>) -> Self {
        let watching = Watching::open(files)
            .inspect_err(|error| tracing::info!(%error, "nothing tells of a new resolver"));
        Self {
            watching: watching.ok(),
        }
    }

    /// Waits until one of the files may have changed. Cancel-safe. From then on the files as they are now are watched, so whoever
    /// looks at them after that misses nothing.
    pub(super) async fn changed(&mut self) {
        loop {
            let Some(watching) = &mut self.watching else {
                return pending().await;
            };
            match watching.next().await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => {
                    tracing::info!(%error, "nothing tells of a new resolver any more");
                    self.watching = None;
                }
            }
        }
    }
}

impl Watching {
    fn open(files: Vec<PathBuf>) -> std::io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        let readable = Readable::duplicate(&inotify)?;
        let mut watching = Self {
            inotify,
            readable,
            files,
            watches: BTreeMap::new(),
            complained: false,
        };
        watching.arm();
        Ok(watching)
    }

    /// Waits for the next events; true if one of them is about what is watched.
    async fn next(&mut self) -> std::io::Result<bool> {
        self.readable.readable().await?;
        let events = match self.inotify.read_events() {
            Ok(events) => events,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let matters = events.iter().any(|event| self.matters(event));
        if matters {
            self.arm();
        }
        Ok(matters)
    }

    fn matters(&self, event: &InotifyEvent) -> bool {
        if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
            return true;
        }
        // A watch that was taken back says so once more.
        let Some(names) = self.watches.get(&event.wd) else {
            return false;
        };
        event.name.as_ref().is_none_or(|name| names.contains(name))
    }

    /// Watches the files as they are, until the way to them is the same after as before: what moves from then on is an event of its own.
    fn arm(&mut self) {
        let mut trail = Trail::of(&self.files);
        for _ in 0..TRIES {
            self.watch(&trail);
            let now = Trail::of(&self.files);
            if now == trail {
                return;
            }
            trail = now;
        }
        tracing::debug!("the resolver's files do not stand still");
    }

    /// Watches what is on the trail, and nothing else. A watch that is there already stays as it is: the kernel has one for each inode.
    fn watch(&mut self, trail: &Trail) {
        let mut watches = BTreeMap::<_, BTreeSet<_>>::new();
        let nothing = BTreeSet::new();
        let directories = trail
            .directories
            .iter()
            .map(|(path, names)| (path, names, IN_A_DIRECTORY));
        let files = trail.files.iter().map(|path| (path, &nothing, IN_A_FILE));
        for (path, names, mask) in directories.chain(files) {
            match self.inotify.add_watch(path, mask) {
                Ok(watch) => watches
                    .entry(watch)
                    .or_default()
                    .extend(names.iter().cloned()),
                // It has just gone, and the next look at the trail sees that.
                Err(Errno::ENOENT | Errno::ENOTDIR) => {}
                Err(error) if self.complained => {
                    tracing::debug!(%error, path = %path.display(), "cannot watch");
                }
                Err(error) => {
                    self.complained = true;
                    tracing::info!(%error, path = %path.display(), "cannot watch, a new resolver may go unnoticed");
                }
            }
        }
        for old in self.watches.keys() {
            if !watches.contains_key(old) {
                // The kernel takes back the watches of what is gone by itself (`EINVAL` then).
                let _gone = self.inotify.rm_watch(*old);
            }
        }
        self.watches = watches;
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, OpenOptions},
        io::Write as _,
        os::unix::fs::{PermissionsExt as _, symlink},
        path::Path,
        time::Duration,
    };

    use tempfile::TempDir;
    use tokio::time::timeout;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    /// Files in a directory of one's own, and who watches them.
    struct World {
        root: TempDir,
        names: Names,
    }

    impl World {
        /// `furnish` makes the files before they are watched.
        fn new(watched: &[&str], furnish: impl FnOnce(&Path)) -> Self {
            let root = TempDir::new().unwrap();
            furnish(root.path());
            let names = Names::of(watched.iter().map(|file| root.path().join(file)).collect());
            Self { root, names }
        }

        fn path(&self, file: &str) -> PathBuf {
            self.root.path().join(file)
        }

        fn write(&self, file: &str, text: &str) {
            fs::write(self.path(file), text).unwrap();
        }

        /// Writes another file and puts it in the place of the first, as programs do that want no reader to see half of it.
        fn replace(&self, file: &str, text: &str) {
            let new = self.path("new");
            fs::write(&new, text).unwrap();
            fs::rename(new, self.path(file)).unwrap();
        }

        async fn tells(&mut self, what: &str) {
            let told = timeout(PATIENCE, self.names.changed()).await;
            assert!(told.is_ok(), "{what}");
            self.settles().await;
        }

        /// Takes the rest of a burst.
        async fn settles(&mut self) {
            let mut told = 0;
            while timeout(Duration::from_millis(50), self.names.changed())
                .await
                .is_ok()
            {
                told += 1;
                assert!(told < 10, "it never ends");
            }
        }

        /// The kernel tells of a write before the write returns, so no patience is needed here.
        async fn is_silent(&mut self, what: &str) {
            let told = timeout(Duration::from_millis(50), self.names.changed()).await;
            assert!(told.is_err(), "{what}");
        }
    }

    #[tokio::test]
    async fn a_file_is_written_in_place_and_replaced_and_removed_and_made_again() {
        let mut world = World::new(&["resolv.conf"], |root| {
            fs::write(root.join("resolv.conf"), "").unwrap();
        });
        world.is_silent("nothing has happened").await;
        world.write("resolv.conf", "nameserver 192.0.2.1\n");
        world.tells("written in place").await;
        for _ in 0..2 {
            world.replace("resolv.conf", "nameserver 192.0.2.2\n");
            world.tells("replaced").await;
            world.write("resolv.conf", "nameserver 192.0.2.3\n");
            world.tells("the new one written in place").await;
        }
        fs::remove_file(world.path("resolv.conf")).unwrap();
        world.tells("removed").await;
        world.write("resolv.conf", "nameserver 192.0.2.4\n");
        world.tells("made again").await;
        let mut open = OpenOptions::new()
            .append(true)
            .open(world.path("resolv.conf"))
            .unwrap();
        open.write_all(b"options timeout:1\n").unwrap();
        world.tells("written, and not closed yet").await;
    }

    #[tokio::test]
    async fn noise_beside_the_files_is_no_news() {
        let mut world = World::new(&["resolv.conf", "hosts"], |root| {
            fs::write(root.join("resolv.conf"), "").unwrap();
            fs::write(root.join("passwd"), "").unwrap();
        });
        world.write("passwd", "root");
        world.write("group", "root");
        world.replace("passwd", "nobody");
        fs::read(world.path("resolv.conf")).unwrap();
        fs::set_permissions(world.path("resolv.conf"), fs::Permissions::from_mode(0o600)).unwrap();
        world.is_silent("others' files, and reading").await;
        world.write("hosts", "192.0.2.1 server\n");
        world.tells("a file that was not there before").await;
    }

    #[tokio::test]
    async fn a_link_is_followed_wherever_it_leads() {
        let mut world = World::new(&["etc/resolv.conf"], |root| {
            for directory in ["etc", "run/one", "run/two", "store"] {
                fs::create_dir_all(root.join(directory)).unwrap();
            }
            fs::write(root.join("run/one/resolv.conf"), "").unwrap();
            fs::write(root.join("run/two/resolv.conf"), "").unwrap();
            symlink("../store/static/resolv.conf", root.join("etc/resolv.conf")).unwrap();
            symlink(root.join("run/one"), root.join("store/static")).unwrap();
        });
        world.write("run/one/resolv.conf", "1");
        world.tells("the target is written").await;
        world.replace("run/one/resolv.conf", "2");
        world.tells("the target is replaced").await;
        world.write("run/two/resolv.conf", "3");
        world.is_silent("another file").await;
        // The link in the middle moves, as it does where the whole of /etc is swapped at once.
        symlink(world.path("run/two"), world.path("store/new")).unwrap();
        fs::rename(world.path("store/new"), world.path("store/static")).unwrap();
        world.tells("a link on the way moves").await;
        world.write("run/one/resolv.conf", "4");
        world.is_silent("what was the target").await;
        world.write("run/two/resolv.conf", "5");
        world.tells("the new target is written").await;
        // The link moves that has the file's own name.
        symlink("../run/one/resolv.conf", world.path("etc/new")).unwrap();
        fs::rename(world.path("etc/new"), world.path("etc/resolv.conf")).unwrap();
        world.tells("the link moves").await;
        world.write("run/two/resolv.conf", "6");
        world.is_silent("what was the target").await;
        world.write("run/one/resolv.conf", "7");
        world.tells("the new target is written").await;
    }

    #[tokio::test]
    async fn directories_come_and_go() {
        let mut world = World::new(&["run/systemd/resolve/resolv.conf"], |_| {});
        fs::create_dir_all(world.path("run/systemd/resolve")).unwrap();
        world.settles().await;
        for _ in 0..2 {
            world.write("run/systemd/resolve/resolv.conf", "1");
            world.tells("made in a directory that was not there").await;
            world.write("run/systemd/resolve/stub-resolv.conf", "2");
            world.is_silent("the stub's file says nothing").await;
            fs::remove_dir_all(world.path("run/systemd/resolve")).unwrap();
            world.tells("gone with its directory").await;
            fs::create_dir(world.path("run/systemd/resolve")).unwrap();
            world.settles().await;
        }
        world.write("run/systemd/resolve/resolv.conf", "3");
        world.tells("made in the new directory").await;
        fs::rename(
            world.path("run/systemd/resolve"),
            world.path("run/systemd/old"),
        )
        .unwrap();
        world.tells("moved away with its directory").await;
        world.write("run/systemd/old/resolv.conf", "4");
        world.is_silent("it is another file now").await;
    }

    #[tokio::test]
    async fn links_in_a_circle_and_directories_in_the_place_of_files_end_nothing() {
        let mut world = World::new(&["resolv.conf", "hosts"], |root| {
            symlink("there", root.join("resolv.conf")).unwrap();
            symlink("resolv.conf", root.join("there")).unwrap();
            fs::create_dir(root.join("hosts")).unwrap();
        });
        world.replace("resolv.conf", "nameserver 192.0.2.1\n");
        world.tells("a file in the place of a link").await;
    }
}
