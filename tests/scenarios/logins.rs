//! Logins that hang, and networks that answer in the host's place.

use std::time::Duration;

use netroam::{
    connect::Failure,
    ssh::Ending,
    supervisor::{
        Action, Again, Answer, AttemptId, Dialler, Input, RunId, Segments, Stage, Status,
    },
};

use super::world::{CAFE, HOME, SERVER, World, deeds};

const NOTHING: [&str; 0] = [];

fn at(done: &[(Duration, Action)]) -> Vec<(u64, String)> {
    done.iter()
        .flat_map(|(at, action)| {
            deeds(std::slice::from_ref(action))
                .into_iter()
                .map(|deed| (at.as_secs(), deed))
        })
        .collect()
}

/// A run that is connecting over home.
fn connecting() -> World {
    let mut world = World::new(Again::Attach, Dialler::Ours, true);
    world.look(&[HOME], Some(HOME));
    world.connected(1, HOME);
    world
}

#[test]
fn a_key_exchange_that_hangs_is_given_up_and_tried_with_small_packets() {
    let mut world = connecting();
    let done = world.pass(Duration::from_millis(15_500));
    assert_eq!(at(&done), [(15, "end 1".into())]);
    assert!(done.iter().any(|(_, action)| *action
        == Action::Show(Status::RetryingLogin {
            stage: Stage::KeyExchange,
            segments: Segments::Small,
        })));
    world.ended(1, Ending::EndedByUs);
    assert_eq!(
        at(&world.pass(Duration::from_secs(1))),
        [(0, "dial 2 small".into())]
    );
    assert_eq!(
        deeds(&world.connected(2, HOME)),
        ["start 2 over 2 asking opening"]
    );
    world.tell(Input::KeyExchanged(RunId(2)));
    world.tell(Input::Authenticated(RunId(2)));
    world.pass(Duration::from_secs(60));

    // Another network, other packets.
    assert_eq!(deeds(&world.look(&[CAFE], Some(CAFE))), ["end 2", "dial 3"]);
}

#[test]
fn a_person_may_take_any_time_but_a_login_that_asks_nobody_has_a_minute() {
    let mut world = connecting();
    world.tell(Input::KeyExchanged(RunId(1)));
    assert_eq!(world.pass(Duration::from_secs(3600)), []);
    world.tell(Input::Authenticated(RunId(1)));
    world.pass(Duration::from_secs(60));

    world.look(&[CAFE], Some(CAFE));
    world.connected(2, CAFE);
    assert_eq!(
        deeds(&world.ended(1, Ending::EndedByUs)),
        ["start 2 over 2"],
        "nobody is asked"
    );
    world.tell(Input::KeyExchanged(RunId(2)));
    let done = world.pass(Duration::from_secs(62));
    assert_eq!(
        at(&done),
        [(60, "end 2".into()), (61, "dial 3".into())],
        "the key exchange had large packets"
    );
}

#[test]
fn where_ssh_dials_a_login_has_its_time_from_the_banner_on_and_packets_stay_as_they_are() {
    let mut world = World::new(Again::Attach, Dialler::Ssh, true);
    assert_eq!(
        deeds(&world.look(&[HOME], Some(HOME))),
        ["start 1 asking opening"]
    );
    assert_eq!(
        world.pass(Duration::from_secs(600)),
        [],
        "a proxy takes its time"
    );
    world.tell(Input::Greeted(RunId(1)));
    let done = world.pass(Duration::from_millis(15_500));
    assert_eq!(at(&done), [(15, "end 1".into())]);
    assert!(done.iter().any(|(_, action)| *action
        == Action::Show(Status::RetryingLogin {
            stage: Stage::KeyExchange,
            segments: Segments::Usual,
        })));
    world.ended(1, Ending::EndedByUs);
    assert_eq!(
        at(&world.pass(Duration::from_secs(1))),
        [(0, "start 2 asking opening".into())]
    );
}

#[test]
fn a_jump_host_that_never_lets_us_through_is_given_up_where_nobody_is_asked() {
    let mut world = World::new(Again::Attach, Dialler::Ssh, true);
    world.look(&[HOME], Some(HOME));
    world.tell(Input::Greeted(RunId(1)));
    world.tell(Input::KeyExchanged(RunId(1)));
    world.tell(Input::Authenticated(RunId(1)));
    world.pass(Duration::from_secs(60));
    world.ended(
        1,
        Ending::Lost {
            why: "closed by the server".into(),
        },
    );
    let done = world.pass(Duration::from_secs(62));
    assert_eq!(at(&done), [(60, "end 2".into())]);
    assert!(done.iter().any(|(_, action)| *action
        == Action::Show(Status::RetryingLogin {
            stage: Stage::Banner,
            segments: Segments::Usual,
        })));
    assert_eq!(deeds(&world.ended(2, Ending::EndedByUs)), ["start 3"]);
    // The next one gets more time, and from the banner on there is a clock of its own.
    assert_eq!(at(&world.pass(Duration::from_secs(100))), []);
    world.tell(Input::Greeted(RunId(3)));
    assert_eq!(at(&world.pass(Duration::from_secs(29))), []);
    assert_eq!(
        at(&world.pass(Duration::from_secs(2))),
        [(1, "end 3".into())]
    );
}

#[test]
fn a_network_that_answers_in_the_hosts_place_is_asked_every_quarter_of_a_minute() {
    let mut world = World::new(Again::Attach, Dialler::Ours, true);
    world.look(&[CAFE], Some(CAFE));
    let mut dials = Vec::new();
    for attempt in 1..20 {
        let peer = format!("{SERVER}:22").parse().unwrap();
        let failure = match attempt % 3 {
            0 => Failure::Closed(peer),
            1 => Failure::Silent(peer),
            _ => Failure::Foreign {
                peer,
                said: "HTTP/1.1 302 Found".into(),
            },
        };
        world.tell(Input::NotConnected {
            attempt: AttemptId(attempt),
            failure,
        });
        let began = world.now;
        let next = world.supervisor.poll_timeout().unwrap();
        dials.push(next.since(began).as_secs());
        world.pass(next.since(began));
    }
    assert!(
        dials.iter().all(|wait| (13..=17).contains(wait)),
        "{dials:?}"
    );
    // The person logged in at the portal, and the network changed at that.
    let before = world.now;
    assert_eq!(deeds(&world.look(&[HOME], Some(HOME))).len(), 2, "at once");
    assert_eq!(world.now, before);
    assert_eq!(deeds(&world.look(&[HOME], Some(HOME))), NOTHING);
}

#[test]
fn a_server_that_is_slow_gets_more_time_with_every_login_that_hangs() {
    let mut world = connecting();
    let mut waits = Vec::new();
    let (mut run, mut dialled) = (1, 1);
    while waits.len() < 5 {
        let due = world.supervisor.poll_timeout().unwrap().since(world.now);
        for (_, deed) in at(&world.pass(due)) {
            if deed == format!("end {run}") {
                waits.push(due.as_secs());
                world.ended(run, Ending::EndedByUs);
            } else {
                dialled += 1;
                assert_eq!(deed, format!("dial {dialled} small"));
                world.connected(dialled, HOME);
                run += 1;
            }
        }
    }
    assert_eq!(waits, [15, 30, 60, 120, 120]);
}

#[test]
fn a_sleep_during_a_login_is_not_taken_for_a_hang() {
    let mut world = connecting();
    world.now = world.now + Duration::from_secs(3600);
    world.tell(Input::Woke);
    assert_eq!(deeds(&world.look(&[HOME], Some(HOME))), ["probe 1"]);
    world.probed(1, Answer::Alive);
    assert_eq!(world.pass(Duration::from_secs(14)), []);
}

#[test]
fn a_server_that_asked_to_be_left_alone_is_left_alone_whatever_becomes_of_other_attempts() {
    let peer = || format!("{SERVER}:22").parse().unwrap();
    let busy = || Failure::Busy {
        peer: peer(),
        said: "Not allowed at this time".into(),
    };
    for other in [Failure::Refused(peer()), Failure::Closed(peer())] {
        let mut world = World::new(Again::Attach, Dialler::Ours, true);
        world.look(&[HOME], Some(HOME));
        world.pass(Duration::from_millis(1500));
        for (attempt, failure) in [(1, busy()), (2, other)] {
            world.tell(Input::NotConnected {
                attempt: AttemptId(attempt),
                failure,
            });
        }
        assert_eq!(at(&world.pass(Duration::from_secs(16))), []);
        world.tell(Input::NamesChanged);
        world.tell(Input::Woke);
        world.look(&[CAFE], Some(CAFE));
        assert_eq!(at(&world.pass(Duration::from_secs(3))), []);
        assert!(!world.pass(Duration::from_secs(6)).is_empty());
    }
}
