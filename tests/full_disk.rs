//! A disk with no room left: `/dev/full` (full(4)), and a tmpfs of a few pages in a mount namespace of its own.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    io::{self, Read as _},
    path::Path,
    process::Command,
    sync::Mutex,
    thread,
    time::{Duration, SystemTime},
};

use netroam::{
    journal::{self, Journal, Note},
    learnt::{LastRun, Learnt, Store},
};
use nix::{
    mount::{MsFlags, mount, umount},
    sched::{CloneFlags, unshare},
};
use tracing_subscriber::filter::LevelFilter;

const NONE: Option<&str> = None;

/// Runs `test` on a thread for which this directory alone is a disk of this size (tmpfs(5)); other threads do not see it.
fn on_a_disk_of(size: &str, test: impl FnOnce(&Path) + Send) {
    thread::scope(|scope| {
        scope.spawn(|| {
            unshare(CloneFlags::CLONE_FS | CloneFlags::CLONE_NEWNS)
                .expect("this test mounts: run it as root");
            mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE).unwrap();
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().to_owned();
            let size = format!("size={size}");
            mount(NONE, &path, Some("tmpfs"), MsFlags::empty(), Some(&*size)).unwrap();
            test(directory.path());
            umount(&path).unwrap();
        });
    });
}

#[test]
fn the_terminal_does_not_hear_of_a_log_that_cannot_be_written() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netroam"));
    command.args(["watch", "--log-file", "/dev/full", "--log", "trace"]);
    command.args(["--config", "/nonexistent/netroam.toml", "gw1"]);
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.lines().count() == 2 && said.lines().all(|line| line.starts_with("netroam: ")),
        "{said}"
    );
}

#[test]
fn what_was_learnt_stays_as_it_was() {
    on_a_disk_of("64k", |disk| {
        let state = disk.join("netroam");
        let store = Store::new(&state);
        let learnt = Learnt {
            addresses: vec!["10.8.0.1".parse().unwrap()],
            last: Some(LastRun {
                interface: "tun0".into(),
                source: "10.8.0.2".parse().unwrap(),
                gateway: None,
                tunnel: true,
                at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_374_827),
            }),
        };
        store.write("gw1", &learnt).unwrap();
        let filler = fs::write(disk.join("filler"), vec![0; 1 << 20]);
        assert_eq!(filler.unwrap_err().kind(), io::ErrorKind::StorageFull);
        let error = store.write("gw1", &Learnt::default()).unwrap_err();
        assert!(format!("{error:#}").contains("No space left"), "{error:#}");
        assert_eq!(store.read("gw1"), (learnt, None));
        assert_eq!(fs::read_dir(state.join("hosts")).unwrap().count(), 1);
    });
}

#[test]
fn the_journal_is_one_warning_and_what_comes_after_it_is_read() {
    on_a_disk_of("4096", |disk| {
        let journal = Journal::open(disk, "gw1", None);
        let slept = |seconds| journal.note(&Note::slept(Duration::from_secs(seconds)));
        let entries = |state: &Path| journal::read(state, "gw1", usize::MAX).unwrap().len();
        let said = logged(|| (0..100).for_each(|_| slept(10)));
        assert!(said.contains("cannot write the journal"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        let fitted = entries(disk);
        assert!(fitted > 10, "{fitted}");
        let bigger = Some("size=65536");
        mount(NONE, disk, NONE, MsFlags::MS_REMOUNT, bigger).unwrap();
        slept(11);
        assert_eq!(entries(disk), fitted + 1);
    });
}

/// The warnings that `what` logs, a line for each.
fn logged(what: impl FnOnce()) -> String {
    let (mut reader, writer) = io::pipe().unwrap();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::WARN)
        .with_writer(Mutex::new(writer))
        .finish();
    tracing::subscriber::with_default(subscriber, what);
    let mut said = String::new();
    reader.read_to_string(&mut said).unwrap();
    said
}
