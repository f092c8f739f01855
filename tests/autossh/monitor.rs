//! The monitoring ports, for who insists on them.

use nix::sys::signal::Signal;

use super::support::{Running, Who, at_home, eventually, forward};

const PORT: u16 = 2200;

#[test]
fn the_loop_is_asked_and_its_silence_starts_ssh_again() {
    let lab = at_home();
    let variables = [("MONITOR", "force"), ("POLL", "1"), ("DEBUG", "")];
    // Nothing on the server echoes.
    let words = ["-M", "20000:7", "-N", "-L", &forward(PORT), "work"];
    let mut running = Running::start(&lab, Who::Ours, &variables, &words);
    eventually(&format!("another ssh: {}", running.log()), || {
        running.starts() == 2
    });
    assert!(
        running.log().contains("the monitoring ports are silent"),
        "{}",
        running.log()
    );
    running.piped.signal(Signal::SIGTERM).unwrap();
    assert_eq!(running.end(), Some(1));
}

#[test]
fn a_loop_that_echoes_keeps_ssh_as_it_is() {
    let lab = at_home();
    let variables = [
        ("MONITOR", "force"),
        ("POLL", "1"),
        ("MESSAGE", "words"),
        ("MAXLIFETIME", "6"),
    ];
    let words = ["-M", "20000", "-N", "-L", &forward(PORT), "work"];
    let mut running = Running::start(&lab, Who::Ours, &variables, &words);
    running.ssh(&lab, PORT);
    assert_eq!(running.end(), Some(0));
    assert_eq!(running.starts(), 1, "{}", running.log());
}
