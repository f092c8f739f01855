//! What a server, or a network in its place, says first.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netroam::connect::banner::{Said, judge};

fuzz_target!(|bytes: &[u8]| {
    match judge(bytes) {
        Said::Banner(line) => {
            assert!(line.starts_with("SSH-"), "{line:?}");
            assert!(!line.contains(char::is_control), "{line:?}");
            let begins = |line: &[u8]| line.starts_with(b"SSH-");
            assert!(bytes.split(|byte| *byte == b'\n').any(begins));
        }
        // More of it changes nothing.
        said @ (Said::Refusal | Said::Foreign) => {
            let mut more = bytes.to_vec();
            more.extend(b"\nSSH-2.0-OpenSSH_9.2\r\n");
            assert!(said != Said::Refusal || judge(&more) == Said::Refusal);
        }
        Said::Unclear => {
            let mut more = bytes.to_vec();
            more.extend(b"\nSSH-2.0-OpenSSH_9.2\r\n");
            assert_eq!(judge(&more), Said::Banner("SSH-2.0-OpenSSH_9.2".into()));
        }
    }
});
