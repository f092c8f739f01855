//! autossh's rules: the gate, the restarts and how they slow down, the limits.

use std::time::Duration;

use netroam::{
    connect::Failure,
    ssh::Ending,
    supervisor::{
        Action, Again, AttemptId, Dialler, Exit, Input, Limit, Need, Restarts, RunId, Status,
    },
};

use crate::world::{CAFE, HOME, World, deeds};

const SECOND: Duration = Duration::from_secs(1);

const RULES: Restarts = Restarts {
    gate: Duration::from_secs(30),
    most_starts: None,
    lifetime: None,
    poll: Duration::from_secs(600),
};

const NO_GATE: Restarts = Restarts {
    gate: Duration::ZERO,
    ..RULES
};

/// A command that may be run again, with nobody there, at home.
fn world(restarts: Restarts) -> World {
    let mut world = World::new(Again::Rerun, Dialler::Ours, false);
    world.supervisor = world.supervisor.under(restarts);
    world.look(&[HOME], Some(HOME));
    world
}

/// This attempt connects, and the run of this number is logged in.
fn runs(world: &mut World, attempt: u64, number: u64) {
    let deeds = deeds(&world.connected(attempt, HOME));
    assert!(
        deeds[0].starts_with(&format!("start {number} over {attempt}")),
        "{deeds:?}"
    );
    world.tell(Input::Authenticated(RunId(number)));
}

fn finished(status: i32) -> Ending {
    Ending::Finished { status }
}

fn exit(actions: &[Action]) -> Option<&Exit> {
    actions.iter().find_map(|action| {
        if let Action::Finish(exit) = action {
            Some(exit)
        } else {
            None
        }
    })
}

/// Waits until it dials again; how long that took, and which attempt it is.
fn dials(world: &mut World) -> (Duration, u64) {
    let due = world.supervisor.poll_timeout().unwrap();
    let wait = due.since(world.now);
    let actions = world.pass(wait);
    let attempt = actions.iter().find_map(|(_, action)| {
        if let Action::Dial { attempt, .. } = action {
            Some(attempt.0)
        } else {
            None
        }
    });
    (wait, attempt.unwrap())
}

#[test]
fn what_fails_within_the_gate_time_ends_it_all_and_later_does_not() {
    for (age, over) in [(29, true), (31, false)] {
        let mut world = world(RULES);
        runs(&mut world, 1, 1);
        world.pass(SECOND * age);
        let why = "closed by the server".into();
        let actions = world.ended(1, Ending::Lost { why });
        assert_eq!(exit(&actions).is_some(), over, "{age} s");
    }
}

#[test]
fn an_attempt_that_is_refused_is_a_start_that_failed_and_one_into_silence_is_none() {
    let fails = |restarts, failure| {
        let mut world = world(restarts);
        let actions = world.tell(Input::NotConnected {
            attempt: AttemptId(1),
            failure,
        });
        exit(&actions).is_some()
    };
    let refused = || Failure::Refused("127.0.0.1:22".parse().unwrap());
    assert!(fails(RULES, refused()));
    assert!(fails(RULES, Failure::NoSuchName("unknown".into())));
    assert!(!fails(RULES, Failure::TimedOut));
    assert!(!fails(NO_GATE, refused()));
}

#[test]
fn runs_that_fail_at_once_follow_each_other_ever_more_slowly() {
    let mut world = world(NO_GATE);
    let (mut attempt, mut waits) = (1, Vec::new());
    for number in 1..=30 {
        runs(&mut world, attempt, number);
        world.ended(number, finished(1));
        let (wait, next) = dials(&mut world);
        attempt = next;
        waits.push(wait.as_secs());
    }
    assert_eq!(waits[..4], [1, 2, 4, 8]);
    assert!(
        waits[4..7].iter().all(|wait| (12..=18).contains(wait)),
        "{waits:?}"
    );
    // From here on it is autossh that waits for longer.
    assert_eq!(waits[8..12], [32, 50, 72, 98]);
    assert_eq!(waits[29], 600);
    // A run that lived begins anew.
    runs(&mut world, attempt, 31);
    world.pass(SECOND * 61);
    world.ended(31, finished(1));
    assert_eq!(dials(&mut world).0, SECOND);
}

#[test]
fn the_limits_end_it_all() {
    let mut world = world(Restarts {
        most_starts: Some(2),
        ..NO_GATE
    });
    runs(&mut world, 1, 1);
    assert_eq!(exit(&world.ended(1, finished(2))), None);
    world.pass(SECOND);
    runs(&mut world, 2, 2);
    let actions = world.ended(2, finished(2));
    assert_eq!(exit(&actions), Some(&Exit::Limit(Limit::Starts)));
    let mut world = self::world(Restarts {
        lifetime: Some(SECOND * 100),
        ..NO_GATE
    });
    runs(&mut world, 1, 1);
    let actions = world.pass(SECOND * 101);
    let finish = |action: &Action| *action == Action::Finish(Exit::Limit(Limit::Lifetime));
    let ends = actions.iter().find(|(_, action)| finish(action));
    assert_eq!(ends.map(|(at, _)| *at), Some(SECOND * 100));
}

#[test]
fn who_asks_for_another_run_gets_it() {
    let mut world = world(NO_GATE);
    runs(&mut world, 1, 1);
    assert_eq!(deeds(&world.tell(Input::Restart(None))), [""; 0]);
    let actions = world.tell(Input::Restart(Some("asked for".into())));
    assert_eq!(deeds(&actions), ["end 1", "dial 2"]);
    world.ended(1, Ending::EndedByUs);
    runs(&mut world, 2, 2);
    // While it waits, either does.
    for (number, live) in [(2, None), (3, Some("asked for".to_owned()))] {
        world.ended(number, finished(1));
        let actions = world.tell(Input::Restart(live));
        assert_eq!(deeds(&actions), [format!("dial {}", number + 1)]);
        runs(&mut world, number + 1, number + 1);
    }
}

#[test]
fn another_network_is_tried_at_once() {
    let mut world = world(NO_GATE);
    let mut attempt = 1;
    for number in 1..10 {
        runs(&mut world, attempt, number);
        world.ended(number, finished(1));
        attempt = dials(&mut world).1;
    }
    runs(&mut world, attempt, 10);
    world.ended(10, finished(1));
    let actions = world.look(&[CAFE], Some(CAFE));
    assert_eq!(deeds(&actions), [format!("dial {}", attempt + 1)]);
}

#[test]
fn only_a_person_takes_a_session_back() {
    let mut world = World::new(Again::Attach, Dialler::Ours, true);
    world.supervisor = world.supervisor.under(NO_GATE);
    world.look(&[HOME], Some(HOME));
    runs(&mut world, 1, 1);
    let actions = world.ended(1, Ending::TakenOver);
    let parked = Action::Show(Status::Parked(Need::TakenOver));
    assert!(actions.contains(&parked), "{actions:?}");
    let actions = world.tell(Input::Restart(Some("asked for".into())));
    assert_eq!(deeds(&actions), [""; 0]);
    assert_eq!(deeds(&world.look(&[CAFE], Some(CAFE))), [""; 0]);
}
