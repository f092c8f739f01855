//! The file in which is kept what was learnt of a host.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netroam::learnt::Learnt;

// The first line is the name of the host.
fuzz_target!(|input: &str| {
    let (host, text) = input.split_once('\n').unwrap_or(("gw1", input));
    match Learnt::parse(text) {
        Ok(learnt) => {
            assert!(learnt.addresses.len() <= 4);
            let Ok(written) = learnt.text(host) else {
                return;
            };
            let again = Learnt::parse(&written).expect("what is written is read again");
            assert_eq!(
                Learnt::parse(&again.text("h").expect("and written again")),
                Ok(again.clone())
            );
            assert_eq!(again.addresses, learnt.addresses);
            let path = |learnt: &Learnt| learnt.last.as_ref().map(netroam::learnt::LastRun::path);
            assert_eq!(path(&again), path(&learnt));
        }
        Err(why) => assert!(!why.contains('\n'), "{why:?}"),
    }
});
