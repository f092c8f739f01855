use std::process::Command;

use super::*;

/// A run whose ssh has ended and is reaped.
fn reaped() -> LiveRun {
    let pid = process::spawn(Command::new("true")).unwrap();
    let change = process::wait(pid).unwrap();
    let mut run = LiveRun {
        pid,
        unattended: true,
        placed: true,
        silenced: false,
        attached: true,
        stage: Stage::Attached,
        undelivered: false,
        kill_at: None,
        chained: false,
        chain: None,
        granted: 0,
        not_without: None,
        socket: None,
        handing_over: None,
        gone: None,
    };
    run.gone(change);
    run
}

#[test]
fn nothing_is_sent_to_the_number_of_one_that_is_reaped() {
    let mut run = reaped();
    run.end(Time::from_origin(Duration::from_secs(1)));
    assert_eq!((run.stage, run.kill_at), (Stage::Reaped, None));
    run.silence();
    assert_eq!(run.stage, Stage::Reaped);
    assert!(run.silenced && !run.stopping(), "the terminal is free");
}
