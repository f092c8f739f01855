//! What ssh writes to its log and to its standard error, servers' words among it; and how netroam tells from it how a run ended.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netroam::{
    report,
    ssh::{
        Evidence, LogEvent, LogLine, LogReader, classify, config::LogLevel, ending::Exit,
        log::is_goodbye,
    },
};

/// ssh's own longest line, as netroam keeps it; a byte that is no text becomes a character of three.
const LONGEST: usize = 3 * 4096;

// The first byte has what else is known of the run, one bit each (a letter, in a seed), the second one its status; then comes what ssh wrote to its
// standard error, up to a zero byte, and its log.
fuzz_target!(|input: &[u8]| {
    let [flags, status, said @ ..] = input else {
        return;
    };
    let flag = |bit: u8| flags & 1 << bit != 0;
    let end = said
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(said.len());
    let (stderr, log) = said.split_at(end);
    let log = log.get(1..).unwrap_or_default();
    let reader = || {
        let reader = LogReader::new(LogLevel::Info);
        if flag(5) {
            reader.without_command()
        } else {
            reader
        }
    };
    let mut whole = reader();
    let mut lines = whole.feed(log);
    lines.extend(whole.finish());

    // However it comes, it says the same.
    let (first, rest) = log.split_at(log.len() * usize::from(*status) / 256);
    let mut halves = reader();
    let mut again: Vec<LogLine> = halves.feed(first);
    again.extend(halves.feed(rest));
    again.extend(halves.finish());
    assert_eq!(lines, again);

    for line in &lines {
        assert!(line.text.len() <= LONGEST);
        assert!(
            !line.text.chars().any(|c| c.is_control() && c != '\t'),
            "{:?}",
            line.text
        );
    }
    let _ = is_goodbye(stderr);
    let events: Vec<LogEvent> = lines.into_iter().filter_map(|line| line.event).collect();
    let ending = classify(&Evidence {
        exit: if flag(7) {
            Exit::Signal((*status).into())
        } else {
            Exit::Status((*status).into())
        },
        log: &events,
        stderr,
        ended_by_us: flag(0),
        unattended: flag(1),
        context: flag(2),
        escapable: flag(3),
        exit_on_forward_failure: flag(4),
    });
    let text = report::ending_text(&ending);
    assert!(
        !text.is_empty() && !text.contains(char::is_control),
        "{text:?}"
    );
});
