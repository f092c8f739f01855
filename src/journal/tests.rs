use std::{
    fs::Permissions, io::Read as _, os::unix::fs::PermissionsExt as _, thread, time::Duration,
};

use super::*;
use crate::{
    record::State,
    ssh::Ending,
    supervisor::{Again, Notice, Reason, RunId, Status, Wanted},
};

mod kept;

fn file(state: &Path) -> PathBuf {
    state.join("journal/gw1.jsonl")
}

fn texts(state: &Path) -> Vec<String> {
    let entries = read(state, "gw1", usize::MAX).unwrap();
    entries.into_iter().map(|entry| entry.text).collect()
}

fn slept(seconds: u64) -> Note {
    Note::slept(std::time::Duration::from_secs(seconds))
}

fn path(interface: &str, source: &str, tunnel: bool) -> netroam_platform::Path {
    netroam_platform::Path {
        index: 2,
        interface: interface.into(),
        source: source.parse().unwrap(),
        gateway: None,
        tunnel,
    }
}

#[test]
fn what_is_noted_is_read_back_by_whatever_case_the_host_is_typed() {
    let state = tempfile::tempdir().unwrap();
    let journal = Journal::open(state.path(), "GW1", Some("mac"));
    assert!(read(state.path(), "gw1", 9).unwrap().is_empty());
    assert!(
        !state.path().join(FOLDER).exists(),
        "nothing before something is noted"
    );
    journal.note(&Note::attached(
        RunId(1),
        Some(&path("tun0", "10.8.0.2", true)),
        None,
    ));
    let lost = Reason::AddressLost {
        address: "10.8.0.2".parse().unwrap(),
        interface: Some("tun0".into()),
        now: None,
    };
    let notice = Notice::Lost {
        reason: lost.clone(),
        input_in_doubt: true,
        again: Again::Attach,
    };
    journal.note(&Note::verdict(RunId(1), Judged::End, Some(&lost)));
    journal.note(&Note::notice("gw1", &notice).unwrap());
    journal.note(&Note::ended(RunId(1), &Ending::Finished { status: 255 }));
    let entries = read(state.path(), "gw1", 3).unwrap();
    assert_eq!(entries.len(), 3, "the last ones");
    assert!(
        entries
            .iter()
            .all(|entry| entry.session.as_deref() == Some("mac")
                && entry.host == "GW1"
                && entry.pid == std::process::id())
    );
    assert_eq!(
        texts(state.path()),
        [
            "attached via tun0 (10.8.0.2)",
            "tun0 lost 10.8.0.2: ends ssh",
            "tun0 lost 10.8.0.2; what was typed in the last seconds may be lost",
            "ssh ended with status 255",
        ]
    );
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&state.path().join(FOLDER)), 0o700);
    assert_eq!(mode(&file(state.path())), 0o600);
    let text = fs::read_to_string(file(state.path())).unwrap();
    let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(first["event"], "attached");
    assert_eq!(first["path"]["interface"], "tun0");
    assert_eq!(first["at"].as_str().unwrap().len(), 24, "{first}");
}

/// What `netroam history` has to tell of each outage, from the lines alone.
#[test]
fn an_outage_can_be_told_from_the_lines() {
    let state = tempfile::tempdir().unwrap();
    let journal = Journal::open(state.path(), "gw1", Some("mac"));
    let (before, after) = (
        path("tun0", "10.8.0.2", true),
        path("tun0", "10.8.0.9", true),
    );
    let reason = Reason::AddressLost {
        address: before.source,
        interface: Some("tun0".into()),
        now: None,
    };
    let five_minutes = std::time::Duration::from_secs(300);
    journal.note(&Note::attached(RunId(1), Some(&before), None));
    let notice = Notice::Lost {
        reason,
        input_in_doubt: false,
        again: Again::Attach,
    };
    journal.note(&Note::notice("gw1", &notice).unwrap());
    let need = crate::supervisor::Need::Question("a password".into());
    journal.note(&Note::status("gw1", &Status::Parked(need)));
    journal.note(&Note::status(
        "gw1",
        &Status::Attaching {
            path: Some(after.clone()),
            outage: Some(five_minutes),
        },
    ));
    journal.note(&Note::attached(RunId(2), Some(&after), Some(five_minutes)));

    let (mut last, mut told) = (None, Vec::new());
    for entry in read(state.path(), "gw1", usize::MAX).unwrap() {
        match entry.event {
            Event::Attached {
                path: Some(path),
                outage_ms,
                ..
            } => {
                if let Some(outage) = outage_ms {
                    told.push(format!("attached after {outage} to {path}"));
                }
                last = Some(path);
            }
            Event::Lost { reason, .. } => {
                told.push(format!("lost by {reason} from {}", last.clone().unwrap()));
            }
            Event::Status { person: true, .. } => told.push("waits for a person".into()),
            Event::Status {
                path: Some(path), ..
            } => told.push(format!("back on {path}")),
            Event::Attached { .. }
            | Event::Began
            | Event::Status { .. }
            | Event::Started { .. }
            | Event::Verdict { .. }
            | Event::Answered { .. }
            | Event::Ended { .. }
            | Event::Slept { .. }
            | Event::Forward { .. }
            | Event::Exited { .. } => panic!("not noted"),
        }
    }
    assert_eq!(
        told,
        [
            "lost by address-lost from tun0 (10.8.0.2), a tunnel",
            "waits for a person",
            "back on tun0 (10.8.0.9), a tunnel",
            "attached after 300000 to tun0 (10.8.0.9), a tunnel",
        ]
    );
}

#[test]
fn the_host_stands_in_the_words_only_where_they_need_it() {
    let waiting = Status::Waiting {
        wanted: Wanted::Tunnel,
        last: Some("tun0".into()),
        failure: None,
    };
    let note = Note::status("gw1", &waiting);
    assert_eq!(note.text, "waiting for a tunnel to gw1, last seen tun0");
    let Event::Status { state, person, .. } = note.event else {
        panic!("a status");
    };
    assert_eq!((state, person), (State::NoTunnel, true));
    let tried = Status::Waiting {
        wanted: Wanted::Tunnel,
        last: None,
        failure: Some(crate::connect::Failure::TimedOut),
    };
    assert_eq!(
        Note::status("gw1", &tried).text,
        "waiting for a tunnel to gw1 (no answer)",
        "what is waited for stands where a narrow terminal does not cut it off"
    );
    let offline = Status::NoPath(netroam_platform::NoPath::NoRoute);
    assert_eq!(
        Note::status("gw1", &offline).text,
        "no route, waiting for the network"
    );
}

#[test]
fn a_file_cut_at_any_byte_loses_no_more_than_that_line() {
    let state = tempfile::tempdir().unwrap();
    let journal = Journal::open(state.path(), "gw1", None);
    journal.note(&slept(11));
    journal.note(&slept(12));
    let whole = fs::read(file(state.path())).unwrap();
    let first = 1 + whole.iter().position(|byte| *byte == b'\n').unwrap();
    for cut in 0..=whole.len() {
        fs::write(file(state.path()), &whole[..cut]).unwrap();
        journal.note(&slept(13));
        let mut expected = vec!["the machine slept for 13 s"];
        // A line that lacks only its end is no loss.
        if cut >= whole.len() - 1 {
            expected.insert(0, "the machine slept for 12 s");
        }
        if cut >= first - 1 {
            expected.insert(0, "the machine slept for 11 s");
        }
        assert_eq!(texts(state.path()), expected, "cut at {cut}");
    }
}

#[test]
fn a_line_of_a_newer_netroam_and_one_that_is_no_text_are_passed_over() {
    let state = tempfile::tempdir().unwrap();
    let journal = Journal::open(state.path(), "gw1", None);
    journal.note(&slept(11));
    let newer = b"{\"at\":\"2030-01-01T00:00:00Z\",\"host\":\"gw1\",\"pid\":1,\"event\":\"beamed\",\"text\":\"up\"}\n\xff\xfe\n\n";
    let mut content = fs::read(file(state.path())).unwrap();
    content.extend(newer);
    fs::write(file(state.path()), content).unwrap();
    journal.note(&slept(12));
    assert_eq!(texts(state.path()).len(), 2);
}

#[test]
fn writers_at_once_lose_nothing_while_the_file_is_put_aside_under_them() {
    let state = tempfile::tempdir().unwrap();
    fs::create_dir(state.path().join(FOLDER)).unwrap();
    // So near the limit that it is crossed once, in the middle.
    let padding = vec![b'\n'; usize::try_from(LARGEST).unwrap() - 20_000];
    fs::write(file(state.path()), padding).unwrap();
    let (writers, each) = (8, 100);
    thread::scope(|scope| {
        for _ in 0..writers {
            scope.spawn(|| {
                let journal = Journal::open(state.path(), "gw1", None);
                for number in 0..each {
                    journal.note(&slept(number + 10));
                }
            });
        }
    });
    assert!(old(&file(state.path())).exists(), "it was put aside");
    let entries = read(state.path(), "gw1", usize::MAX).unwrap();
    assert_eq!(entries.len(), usize::try_from(writers * each).unwrap());
}

#[test]
fn it_never_takes_more_than_twice_its_size() {
    let state = tempfile::tempdir().unwrap();
    let journal = Journal::open(state.path(), "gw1", None);
    for _ in 0..24_000 {
        journal.note(&slept(10));
    }
    for path in [file(state.path()), old(&file(state.path()))] {
        let size = fs::metadata(&path).unwrap().len();
        assert!(size < LARGEST + 1000, "{}: {size}", path.display());
    }
    assert!(read(state.path(), "gw1", usize::MAX).unwrap().len() > 8000);
}

/// How many warnings `what` logs.
fn warnings(what: impl FnOnce()) -> usize {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .with_writer(std::sync::Mutex::new(writer))
        .finish();
    tracing::subscriber::with_default(subscriber, what);
    let mut said = String::new();
    reader.read_to_string(&mut said).unwrap();
    assert!(
        said.lines()
            .all(|line| line.contains("cannot write the journal")),
        "{said}"
    );
    said.lines().count()
}

#[test]
fn what_is_no_file_holds_nobody_up() {
    let state = tempfile::tempdir().unwrap();
    let journal = Journal::open(state.path(), "gw1", None);
    journal.note(&slept(1));
    fs::remove_file(file(state.path())).unwrap();
    nix::unistd::mkfifo(&file(state.path()), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let (done, over) = std::sync::mpsc::channel();
    let folder = state.path().to_owned();
    thread::spawn(move || {
        let found = read(&folder, "gw1", 9).unwrap_err().to_string();
        // More than a fifo takes before its writer has to wait (pipe(7)).
        let warned = warnings(|| (0..1000).for_each(|second| journal.note(&slept(second))));
        done.send((found, warned)).unwrap();
    });
    let (found, warned) = over
        .recv_timeout(std::time::Duration::from_secs(20))
        .expect("nobody waits for the other end");
    assert_eq!((found.as_str(), warned), ("it is not a file", 1));
}

#[test]
fn of_a_file_that_is_far_too_large_only_the_end_is_read() {
    let state = tempfile::tempdir().unwrap();
    let journal = Journal::open(state.path(), "gw1", None);
    journal.note(&slept(1));
    let large = OpenOptions::new().write(true).open(file(state.path()));
    let large = large.unwrap();
    large.set_len(1 << 40).unwrap();
    large.write_all_at(b"\n", (1 << 40) - 1).unwrap();
    fs::rename(file(state.path()), old(&file(state.path()))).unwrap();
    journal.note(&slept(2));
    assert_eq!(texts(state.path()), ["the machine slept for 2.0 s"]);
}

#[test]
fn a_place_that_cannot_be_written_is_one_warning() {
    let state = tempfile::tempdir().unwrap();
    fs::write(state.path().join(FOLDER), "a file in the way").unwrap();
    fs::set_permissions(state.path(), Permissions::from_mode(0o500)).unwrap();
    let journal = Journal::open(state.path(), "gw1", None);
    assert_eq!(
        warnings(|| {
            journal.note(&slept(10));
            journal.note(&slept(11));
        }),
        1
    );
}
