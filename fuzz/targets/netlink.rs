//! What the kernel of Linux says over rtnetlink(7) and `sock_diag(7)`: one datagram with messages.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netroam_platform::{Event, Lost, fuzzing};

/// The length of `struct nlmsghdr`; no message is shorter.
const HEADER: usize = 16;

fuzz_target!(|datagram: &[u8]| {
    let (events, interfaces) = fuzzing::events(datagram);
    let most = datagram.len().div_ceil(HEADER).max(1);
    assert!(events.len() <= most && interfaces.len() <= most);
    if datagram.len() < HEADER {
        let unreadable = Event::Everything(Lost::Unreadable);
        assert_eq!(
            events,
            [unreadable],
            "what cannot be read is a reason to look"
        );
    }
    assert!(fuzzing::sockets(datagram) <= most);
});
