//! What the kernel of macOS says over a routing socket, in one read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netroam_platform::{Event, Lost, fuzzing};

/// The shortest message: length, version and type.
const HEADER: usize = 4;

fuzz_target!(|bytes: &[u8]| {
    let events = fuzzing::routing_socket(bytes);
    assert!(events.len() <= bytes.len().div_ceil(HEADER));
    let unreadable = Event::Everything(Lost::Unreadable);
    if let Some(at) = events.iter().position(|event| *event == unreadable) {
        assert_eq!(
            at + 1,
            events.len(),
            "nothing is read after what cannot be read"
        );
    }
    for event in events {
        if let Event::Route {
            destination: Some((address, prefix)),
            ..
        } = event
        {
            let most = if address.is_ipv4() { 32 } else { 128 };
            assert!(prefix <= most, "{address}/{prefix}");
        }
    }
});
