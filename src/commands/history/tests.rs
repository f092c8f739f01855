use std::{
    os::unix::fs::{PermissionsExt as _, symlink},
    thread,
    time::Duration,
};

use roxmltree::{Document, Node};

use super::*;
use crate::{journal::Entry, terminal::fit};

const LAB: [&str; 4] = [
    include_str!("../../history/tests/roam.jsonl"),
    include_str!("../../history/tests/vpn.jsonl"),
    include_str!("../../history/tests/hold.jsonl"),
    include_str!("../../history/tests/question.jsonl"),
];

fn at(text: &str) -> Stamp {
    text.parse().unwrap()
}

/// What the lab wrote, five seconds later; who has not said goodbye lives, but for the one who was killed.
fn lab() -> (History, (Stamp, Stamp)) {
    let range = (at("2026-11-19T15:02:10Z"), at("2026-11-26T15:02:10Z"));
    let entries = LAB.iter().flat_map(|journal| journal.lines());
    let entries = entries.map(|line| serde_json::from_str::<Entry>(line).unwrap());
    let lives = |_: &str, session: Option<&str>, _: u32| session == Some("people");
    (History::of(entries, lives, range.0, range.1), range)
}

/// The lab's journals as those of so many hosts, begun so much earlier and as much longer.
fn stretched(hosts: usize, factor: i64, name: &str) -> (History, (Stamp, Stamp)) {
    let now = at("2026-11-26T15:02:10Z");
    let mut entries = Vec::new();
    for number in 0..hosts {
        for line in LAB[number % LAB.len()].lines() {
            let mut entry: Entry = serde_json::from_str(line).unwrap();
            let ago = now.unix_ms() - entry.at.unix_ms();
            entry.at = Stamp::from_unix_ms(now.unix_ms() - ago * factor).unwrap();
            entry.host = format!("{number}{name}");
            entries.push(entry);
        }
    }
    let since = now.before(Duration::from_secs(14 * 24 * 3600));
    (
        History::of(entries, |_, _, _| false, since, now),
        (since, now),
    )
}

const HOSTILE: &str = "<&\">'\u{1b}[31m\u{202e}\u{ffff}\r\nשרת]]>--&lt;";

#[test]
fn the_table_is_as_wide_as_the_terminal() {
    let (history, (_, now)) = lab();
    for (name, width) in [
        ("table", None),
        ("table-100", Some(100)),
        ("table-60", Some(60)),
    ] {
        insta::assert_snapshot!(name, table::text(&history.outages, now, Zone::UTC, width));
    }
}

#[test]
fn the_plot_is_as_wide_as_the_terminal() {
    let (history, range) = lab();
    for width in [40, 80, 200] {
        let plot = plot::text(&history, range, Zone::UTC, width, false);
        insta::assert_snapshot!(format!("plot-{width}"), plot);
    }
}

#[test]
fn colours_add_nothing_that_is_not_there_without_them() {
    let (history, range) = lab();
    let plain = plot::text(&history, range, Zone::UTC, 80, false);
    let coloured = plot::text(&history, range, Zone::UTC, 80, true);
    let mut screen = vt100::Parser::new(40.try_into().unwrap(), 80.try_into().unwrap(), 0);
    screen.process(coloured.replace('\n', "\r\n").as_bytes());
    let shown = screen.screen().contents();
    assert_eq!(shown.trim_end(), plain.trim_end());
    for code in ["\x1b[31m▄", "\x1b[32m█", "\x1b[90m▁"] {
        assert!(coloured.contains(code), "{code:?}");
    }
}

#[test]
fn no_line_is_wider_than_the_terminal_whatever_the_host_is_called() {
    for factor in [1, 60, 10_000] {
        for hosts in [1, 30] {
            let (history, range) = stretched(hosts, factor, HOSTILE);
            for width in [20, 40, 61, 80, 200] {
                let plot = plot::text(&history, range, Zone::UTC, width, false);
                let table = table::text(&history.outages, range.1, Zone::UTC, Some(width));
                for line in plot.lines().chain(table.lines()) {
                    assert!(line.chars().count() <= width, "{width}: {line}");
                    let control = |char: char| char.is_control() || char == '\u{202e}';
                    assert!(!line.contains(control), "{line:?}");
                }
                assert!(plot.lines().count() > hosts + 4, "{plot}");
            }
        }
    }
}

#[test]
fn an_outage_of_a_moment_is_seen_in_a_week() {
    let (mut history, range) = lab();
    history.sessions.retain(|session| session.host == "inside");
    let spans = &mut history.sessions[0].spans;
    spans[1].from = range.0;
    spans.remove(0);
    let week = at("2026-11-19T15:02:10Z");
    assert_eq!(spans[0].from, week);
    let plot = plot::text(&history, range, Zone::UTC, 80, false);
    let bar = plot.lines().nth(1).unwrap();
    assert!(bar.contains("█████") && bar.ends_with('▄'), "{plot}");
    let text = svg::text(&history, range, Zone::UTC);
    let svg = Document::parse(&text).unwrap();
    let person = svg
        .descendants()
        .find(|node| node.attribute("class") == Some("person"));
    assert!(number(person.unwrap(), "width") >= 1.5);
}

fn number(node: Node<'_, '_>, name: &str) -> f64 {
    node.attribute(name).unwrap().parse().unwrap()
}

#[test]
fn the_picture_is_a_document_of_its_own() {
    let (history, range) = lab();
    let text = svg::text(&history, range, Zone::UTC);
    insta::assert_snapshot!("picture", text);
    let svg = Document::parse(&text).unwrap();
    let titles = svg
        .descendants()
        .filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "title")));
    assert!(titles.count() > 10);
}

#[test]
fn whatever_a_host_is_called_the_picture_is_well_formed_and_says_it() {
    for name in [
        HOSTILE,
        "",
        "\u{0}",
        "]]>",
        "</svg><script>alert(1)</script>",
        "😀",
    ] {
        let (history, range) = stretched(2, 1, name);
        let text = svg::text(&history, range, Zone::UTC);
        let svg = Document::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert!(svg.descendants().all(|node| !node.has_tag_name("script")));
        let shown = crate::report::plain(name).replace('\u{ffff}', "\u{fffd}");
        let labels: Vec<&str> = svg
            .descendants()
            .filter(|node| node.tag_name().name() == "text")
            .filter_map(|node| node.text())
            .collect();
        let label = fit::cut(&format!("0{shown}/probe"), plot::LONGEST_NAME);
        assert!(labels.contains(&&*label), "{label}: {labels:?}");
    }
}

/// Where a text begins and ends, by a width of its characters that few fonts go beyond.
fn extent(text: Node<'_, '_>) -> (f64, f64) {
    let chars = text.text().unwrap().chars().count();
    let x = number(text, "x");
    (x, x + 7.23 * f64::from(u32::try_from(chars).unwrap()))
}

#[test]
fn no_text_of_the_picture_is_cut_off_or_lies_over_another() {
    for factor in [1, 60, 10_000] {
        for hosts in [1, 30] {
            for name in [
                "",
                "-with-a-name-that-is-far-longer-than-there-is-room-for.example",
            ] {
                let (history, range) = stretched(hosts, factor, name);
                let text = svg::text(&history, range, Zone::UTC);
                let svg = Document::parse(&text).unwrap();
                let (width, height) = (
                    number(svg.root_element(), "width"),
                    number(svg.root_element(), "height"),
                );
                let texts: Vec<_> = svg
                    .descendants()
                    .filter(|node| node.tag_name().name() == "text")
                    .collect();
                let marks = texts
                    .iter()
                    .filter(|node| node.attribute("class") == Some("faint"));
                assert!(marks.count() >= 3, "{text}");
                for (place, one) in texts.iter().enumerate() {
                    let (y, (first, last)) = (number(*one, "y"), extent(*one));
                    assert!(first >= 0.0 && last <= width && y < height - 4.0, "{one:?}");
                    for other in &texts[place + 1..] {
                        let (begin, end) = extent(*other);
                        let apart = (number(*other, "y") - y).abs() >= 14.0
                            || begin >= last
                            || first >= end;
                        assert!(apart, "{:?} {:?}", one.text(), other.text());
                    }
                }
                // A bar lies within its track.
                let left = svg
                    .descendants()
                    .find(|node| node.attribute("class") == Some("track"));
                let left = number(left.unwrap(), "x");
                for bar in svg
                    .descendants()
                    .filter(|node| node.children().any(|child| child.has_tag_name("title")))
                {
                    if bar.tag_name().name() == "rect" {
                        let x = number(bar, "x");
                        assert!(
                            x >= left - 0.1 && x + number(bar, "width") <= width - 15.9,
                            "{bar:?}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn a_file_is_written_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("week.svg");
    fs::write(&file, "old").unwrap();
    write(&file, "new").unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "new");
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o600, 0o600);
    // A folder is in the way.
    let taken = folder.path().join("taken.svg");
    fs::create_dir(&taken).unwrap();
    fs::write(taken.join("x"), "x").unwrap();
    assert!(write(&taken, "new").is_err());
    assert!(write(&folder.path().join("none/week.svg"), "new").is_err());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn a_link_stays_and_a_pipe_is_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let [file, link, pipe] = ["week.svg", "link", "pipe"].map(|name| folder.path().join(name));
    fs::write(&file, "old").unwrap();
    symlink(&file, &link).unwrap();
    write(&link, "new").unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "new");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let reader = thread::spawn({
        let pipe = pipe.clone();
        move || fs::read_to_string(pipe).unwrap()
    });
    write(&pipe, "new").unwrap();
    assert!(!fs::symlink_metadata(&pipe).unwrap().is_file());
    assert_eq!(reader.join().unwrap(), "new");
}
