//! The journal of a host, and the moments in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netroam::{
    journal,
    record::{Stamp, Zone},
};

fuzz_target!(|content: &[u8]| {
    let entries: Vec<_> = journal::parse(content).collect();
    let mut written = Vec::new();
    for entry in &entries {
        let line = entry.line().expect("an entry can be written down");
        let (end, words) = line.split_last().expect("its end");
        let one = *end == b'\n' && !words.contains(end);
        assert!(one, "an entry is one line");
        written.extend(line);
        let _ = entry.at.local(entries[0].at, Zone::UTC);
        let _ = entry.at.since(entries[0].at);
    }
    let again: Vec<_> = journal::parse(&written).collect();
    assert_eq!(again, entries, "what is written down is read again");

    // A line that was torn takes nothing else with it.
    let mut torn = content.to_vec();
    torn.extend(b"\n{\"at\":\"2026-11-22T19:1\n");
    torn.extend(&written);
    assert_eq!(journal::parse(&torn).count(), 2 * entries.len());

    if let Ok(text) = str::from_utf8(content)
        && let Ok(stamp) = text.parse::<Stamp>()
    {
        assert_eq!(stamp.to_string().parse(), Ok(stamp));
        let _ = stamp.local_with_slashes(Zone::LOCAL);
        let _ = stamp.local_as_syslog(Zone::LOCAL);
    }
});
