//! What a host says of itself when `netroam doctor` asks it, and what ssh's log says of the login before: words of a server's, both.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netroam::{
    context::{Mux, Survey},
    report::doctor::{
        Finding, Style,
        login::logged_in,
        there::{answers, survey},
    },
    ssh::Login,
};

const STYLE: Style = Style {
    colour: false,
    width: Some(80),
};

/// Nothing in a finding moves a terminal, on any of its lines.
fn harmless(finding: &Finding) {
    let lines = STYLE.finding(finding);
    assert!(
        !lines.chars().any(|char| char.is_control() && char != '\n'),
        "{lines:?}"
    );
}

// What the host says, up to a zero byte; then the log.
fuzz_target!(|input: &[u8]| {
    let said = String::from_utf8_lossy(input);
    let (said, log) = said.split_once('\0').unwrap_or((&said, ""));
    let read = Survey::read(said);
    // Whatever a login shell says before and after it changes nothing.
    let among = format!("motd\n{said}\nbye\n");
    assert_eq!(Survey::read(&among), read);
    if let Some(read) = &read {
        assert!(read.sessions.len() <= said.len());
        for mux in [
            None,
            Some(Mux::Auto),
            Some(Mux::Screen),
            Some(Mux::TmuxControl),
        ] {
            survey("gw1", read, mux, "xterm", read.clock)
                .iter()
                .for_each(harmless);
        }
    }
    let login = Login::read(log);
    let _ = login.asks_a_person();
    logged_in(&login).iter().for_each(harmless);
    harmless(&answers("203.0.113.10", said));
});
