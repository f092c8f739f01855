//! The journal keeps what was written whole: whatever a kill, a full disk or another writer does to the end of the file.

use super::*;

/// Lines as a week has them, of two sessions in turn; gives their texts.
fn outages(state: &Path, count: u64) -> Vec<String> {
    let journals = ["mac", "web"].map(|name| Journal::open(state, "gw1", Some(name)));
    for number in 0..count {
        for journal in &journals {
            let here = path("wlan0", "192.168.1.2", false);
            let away = Duration::from_secs(number);
            journal.note(&Note::attached(RunId(number), Some(&here), Some(away)));
            journal.note(&Note::ended(
                RunId(number),
                &Ending::Lost { why: "ü".into() },
            ));
        }
    }
    texts(state)
}

#[test]
fn cut_at_any_byte_of_its_last_lines_all_before_is_read_and_two_writers_lose_nothing() {
    let state = tempfile::tempdir().unwrap();
    let texts_of_all = outages(state.path(), 3);
    let whole = fs::read(file(state.path())).unwrap();
    let lines = whole.split_inclusive(|byte| *byte == b'\n');
    // Where each line ends, without its newline.
    let ends: Vec<usize> = lines
        .scan(0, |end, line| {
            *end += line.len();
            Some(*end - 1)
        })
        .collect();
    assert_eq!(ends.len(), texts_of_all.len());
    for cut in ends[ends.len() - 4]..=whole.len() {
        fs::write(file(state.path()), &whole[..cut]).unwrap();
        let kept = ends.iter().filter(|end| **end <= cut).count();
        assert_eq!(texts(state.path()), texts_of_all[..kept], "cut at {cut}");
        let others = ["mac", "web"].map(|name| Journal::open(state.path(), "gw1", Some(name)));
        thread::scope(|scope| {
            for (journal, seconds) in others.iter().zip([11, 12]) {
                let note = slept(seconds);
                let journal = Journal::open(state.path(), "gw1", journal.session.as_deref());
                scope.spawn(move || journal.note(&note));
            }
        });
        let mut found = texts(state.path());
        let mut new = found.split_off(kept);
        new.sort();
        assert_eq!(found, texts_of_all[..kept], "cut at {cut}");
        let expected = ["the machine slept for 11 s", "the machine slept for 12 s"];
        assert_eq!(new, expected, "cut at {cut}");
    }
}

#[test]
fn a_cut_file_is_put_aside_as_it_is_and_no_line_joins_another() {
    let state = tempfile::tempdir().unwrap();
    let before = outages(state.path(), 2);
    let mut content = fs::read(file(state.path())).unwrap();
    content.resize(usize::try_from(LARGEST).unwrap(), b'\n');
    content.extend(b"{\"at\":\"2026-11-2");
    fs::write(file(state.path()), content).unwrap();
    Journal::open(state.path(), "gw1", None).note(&slept(11));
    assert!(old(&file(state.path())).exists());
    let mut expected = before;
    expected.push("the machine slept for 11 s".into());
    assert_eq!(texts(state.path()), expected);
}

#[test]
fn whoever_had_the_file_open_when_it_was_put_aside_loses_nothing() {
    let state = tempfile::tempdir().unwrap();
    Journal::open(state.path(), "gw1", None).note(&slept(11));
    // Another writer is between open(2) and write(2).
    let mut other = open(&file(state.path())).unwrap();
    let line = fs::read(file(state.path())).unwrap();
    let padding = vec![b'\n'; usize::try_from(LARGEST).unwrap()];
    open(&file(state.path()))
        .unwrap()
        .write_all(&padding)
        .unwrap();
    Journal::open(state.path(), "gw1", None).note(&slept(12));
    assert!(old(&file(state.path())).exists());
    other.write_all(&line).unwrap();
    assert_eq!(
        texts(state.path()),
        [11, 11, 12].map(|seconds| format!("the machine slept for {seconds} s"))
    );
}

#[test]
fn an_outage_takes_so_many_bytes_as_the_bound_says() {
    let lines: Vec<&str> = include_str!("../../history/tests/vpn.jsonl")
        .lines()
        .collect();
    let from = lines.iter().position(|line| line.contains("\"verdict\""));
    let to = lines.iter().rposition(|line| line.contains("\"attached\""));
    let outage = &lines[from.unwrap()..=to.unwrap()];
    let bytes: usize = outage.iter().map(|line| line.len() + 1).sum();
    assert!((1200..2000).contains(&bytes), "{bytes}");
    let kept = LARGEST / u64::try_from(bytes).unwrap();
    assert!(kept > 500, "{kept} outages at least");
}

#[test]
fn every_host_with_a_journal_is_listed_as_it_was_typed() {
    let state = tempfile::tempdir().unwrap();
    assert_eq!(hosts(state.path()).unwrap(), (vec![], vec![]));
    let long = "x".repeat(300);
    let names = ["gw1", "2001:db8::1", "<&\">", &long];
    for host in names {
        Journal::open(state.path(), host, None).note(&slept(11));
    }
    Journal::open(state.path(), "GW1", None).note(&slept(12));
    // One that was just put aside, one that says nothing, and what is none.
    fs::rename(
        path_of(state.path(), "2001:db8::1"),
        old(&path_of(state.path(), "2001:db8::1")),
    )
    .unwrap();
    fs::write(folder(state.path()).join("empty.jsonl"), "\n{\n").unwrap();
    fs::write(folder(state.path()).join("notes.txt"), "x").unwrap();
    fs::create_dir(folder(state.path()).join("folder.jsonl")).unwrap();
    let (found, problems) = hosts(state.path()).unwrap();
    assert_eq!(found, ["2001:db8::1", "<&\">", "GW1", &long]);
    assert!(
        matches!(&problems[..], [problem] if problem.contains("folder.jsonl: it is not a file")),
        "{problems:?}"
    );
}
