//! The control socket, from both sides, and what `netroam dial` tells `netroam guard` of a connection.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netroam::{
    control::{Answer, Question, Status},
    guard::Offer,
};

fuzz_target!(|line: &[u8]| {
    match Question::parse(line) {
        Ok(Question::Retry(id) | Question::Stop(id)) => {
            assert!(!id.contains([' ', '\n']) || id.is_empty(), "{id:?}");
        }
        Ok(Question::Status | Question::Follow) => {}
        Err(why) => assert!(!why.is_empty()),
    }
    for mut status in Answer::parse(line).unwrap_or_default().sessions {
        // serde_json reads a fraction to the last digit but one.
        if let Some(health) = status.run.as_mut().and_then(|run| run.health.as_mut()) {
            health.round_trip_ms = None;
        }
        let written = serde_json::to_string(&status).expect("a status can be written down");
        assert!(!written.contains('\n'), "an answer is one line");
        let again: Status = serde_json::from_str(&written).expect("and read again");
        assert_eq!(again, status);
    }
    if let Ok(offer) = serde_json::from_slice::<Offer>(line) {
        let written = serde_json::to_vec(&offer).expect("an offer can be written down");
        assert_eq!(serde_json::from_slice::<Offer>(&written).ok(), Some(offer));
    }
});
