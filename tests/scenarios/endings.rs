//! What the end of a run means.

use std::time::Duration;

use netroam::{
    connect::Failure,
    ssh::Ending,
    supervisor::{
        Action, Again, AttemptId, Dialler, Exit, Input, Need, Notice, Reason, RunId, Status, Wish,
    },
};

use netroam_platform::Lookup;

use super::world::{CAFE, HOME, VPN, World, deeds, look};

fn finish(actions: &[Action]) -> Option<&Exit> {
    actions.iter().find_map(|action| {
        if let Action::Finish(exit) = action {
            Some(exit)
        } else {
            None
        }
    })
}

#[test]
fn whatever_the_person_ended_stays_ended() {
    for ending in [
        Ending::Finished { status: 0 },
        Ending::Finished { status: 42 },
        Ending::Escaped,
        Ending::Interrupted { signal: 2 },
        Ending::RemoteKilled,
        Ending::HostKeyChanged,
    ] {
        let mut world = World::attached(HOME);
        let done = world.ended(1, ending.clone());
        assert_eq!(finish(&done), Some(&Exit::Ssh(ending)));
        assert_eq!(world.look(&[CAFE], Some(CAFE)), [], "nothing follows");
    }
}

#[test]
fn where_nobody_can_be_asked_what_a_person_may_mend_is_waited_for_from_the_first_run_on() {
    for ending in [
        Ending::NeedsPerson {
            what: "a password".into(),
        },
        Ending::Denied {
            why: "publickey".into(),
        },
        Ending::HostKeyChanged,
        Ending::HostKeyRefused,
        Ending::Unusable {
            line: "no such key".into(),
        },
    ] {
        let mut world = World::unattended();
        world.look(&[HOME], Some(HOME));
        assert_eq!(deeds(&world.connected(1, HOME)), ["start 1 over 1 opening"]);
        let done = world.ended(1, ending);
        assert!(
            matches!(&done[..], [Action::Show(Status::Parked(Need::Question(_)))]),
            "{done:?}"
        );
        assert_eq!(world.look(&[CAFE], Some(CAFE)), [], "not by itself");
        assert_eq!(deeds(&world.tell(Input::Person(Wish::Now))), ["dial 2"]);
        assert_eq!(deeds(&world.connected(2, CAFE)), ["start 2 over 2 opening"]);
    }
}

#[test]
fn a_lost_connection_comes_back_at_once_but_not_in_a_hot_loop() {
    let mut world = World::attached(HOME);
    assert_eq!(
        deeds(&world.ended(
            1,
            Ending::Lost {
                why: "closed by remote host".into()
            }
        )),
        ["dial 2"]
    );
    let mut waits = Vec::new();
    for run in 2..7 {
        world.connected(run, HOME);
        world.tell(Input::Authenticated(RunId(run)));
        assert_eq!(
            deeds(&world.ended(
                run,
                Ending::Lost {
                    why: "closed by remote host".into()
                }
            )),
            [""; 0]
        );
        let before = world.now;
        let due = world.supervisor.poll_timeout().unwrap();
        waits.push(due.since(before).as_secs());
        world.pass(due.since(before));
    }
    assert_eq!(&waits[..4], [1, 2, 4, 8]);
}

#[test]
fn a_reconnect_never_asks_by_itself_and_asks_on_enter() {
    let mut world = World::attached(HOME);
    world.look(&[CAFE], Some(CAFE));
    world.ended(1, Ending::EndedByUs);
    assert_eq!(deeds(&world.connected(2, CAFE)), ["start 2 over 2"]);
    let parked = world.ended(
        2,
        Ending::NeedsPerson {
            what: "password".into(),
        },
    );
    assert_eq!(
        parked,
        [Action::Show(Status::Parked(Need::Question(
            "password".into()
        )))]
    );
    assert_eq!(world.pass(Duration::from_secs(86_400)), []);
    assert_eq!(
        world.look(&[HOME], Some(HOME)),
        [],
        "no attempt without the person"
    );
    assert_eq!(deeds(&world.tell(Input::Person(Wish::Now))), ["dial 3"]);
    assert_eq!(deeds(&world.connected(3, HOME)), ["start 3 over 3 asking"]);
}

#[test]
fn a_session_taken_over_elsewhere_is_not_stolen_back_until_enter() {
    let mut world = World::attached(HOME);
    assert_eq!(
        world.ended(1, Ending::TakenOver),
        [Action::Show(Status::Parked(Need::TakenOver))]
    );
    assert_eq!(world.look(&[CAFE], Some(CAFE)), []);
    world.tell(Input::Person(Wish::Now));
    assert_eq!(
        deeds(&world.connected(2, CAFE)),
        ["start 2 over 2 asking opening"]
    );
}

#[test]
fn without_a_terminal_there_is_nobody_to_wait_for() {
    for (ending, exit) in [
        (Ending::TakenOver, Exit::TakenOver),
        (Ending::ContextGone, Exit::ContextGone),
        (
            Ending::NeedsPerson {
                what: "password".into(),
            },
            Exit::PersonNeeded("password".into()),
        ),
    ] {
        let mut world = World::new(Again::Attach, Dialler::Ours, false);
        world.attach(HOME);
        assert_eq!(finish(&world.ended(1, ending)), Some(&exit));
    }
}

#[test]
fn a_plain_command_is_never_run_twice() {
    let mut world = World::new(Again::Never, Dialler::Ours, true);
    world.attach(HOME);
    assert_eq!(deeds(&world.look(&[CAFE], Some(CAFE))), ["end 1"]);
    let done = world.ended(1, Ending::EndedByUs);
    assert!(
        matches!(
            finish(&done),
            Some(Exit::CommandLost(Reason::AddressLost { .. }))
        ),
        "{done:?}"
    );

    let mut world = World::new(Again::Never, Dialler::Ours, true);
    world.attach(HOME);
    let done = world.ended(
        1,
        Ending::Lost {
            why: "Timeout".into(),
        },
    );
    assert!(
        matches!(
            finish(&done),
            Some(Exit::CommandLost(Reason::Connection(_)))
        ),
        "{done:?}"
    );
}

#[test]
fn another_host_key_in_a_strange_network_is_blamed_on_the_network_first() {
    let mut world = World::attached(HOME);
    world.look(&[CAFE], Some(CAFE));
    world.ended(1, Ending::EndedByUs);
    world.connected(2, CAFE);
    let done = world.ended(2, Ending::HostKeyChanged);
    assert_eq!(finish(&done), Some(&Exit::StrangeKey(CAFE.path())));

    let mut world = World::attached(HOME);
    world.ended(
        1,
        Ending::Lost {
            why: "reset".into(),
        },
    );
    world.connected(2, HOME);
    let done = world.ended(2, Ending::HostKeyChanged);
    assert_eq!(finish(&done), Some(&Exit::Ssh(Ending::HostKeyChanged)));
}

#[test]
fn a_name_that_nobody_knows_here_is_waited_for_and_asked_for_again_when_names_change() {
    let no_such = || Failure::NoSuchName("Name or service not known".into());
    let unknown = |world: &mut World, attempt| {
        world.tell(Input::NotConnected {
            attempt: AttemptId(attempt),
            failure: no_such(),
        })
    };
    let mut world = World::new(Again::Attach, Dialler::Ours, true);
    let online = || {
        let mut look = look(&[HOME], Lookup::Found(HOME.path()));
        look.paths.clear();
        Input::Looked(look)
    };
    assert_eq!(deeds(&world.tell(online())), ["dial 1"]);
    assert_eq!(
        unknown(&mut world, 1),
        [Action::Show(Status::Retrying(no_such()))]
    );
    assert_eq!(deeds(&world.tell(online())), [""; 0], "nothing new");
    assert_eq!(deeds(&world.tell(Input::NamesChanged)), ["dial 2"]);
    unknown(&mut world, 2);
    let mut vpn = look(&[HOME, VPN], Lookup::Found(HOME.path()));
    vpn.paths.clear();
    assert_eq!(deeds(&world.tell(Input::Looked(vpn))), ["dial 3"]);
    unknown(&mut world, 3);
    let later: Vec<_> = world
        .pass(Duration::from_secs(60))
        .into_iter()
        .map(|(_, action)| action)
        .collect();
    assert_eq!(deeds(&later)[..1], ["dial 4"], "and now and then");
}

#[test]
fn typed_bytes_that_were_never_acknowledged_are_said_to_be_in_doubt() {
    let mut world = World::attached(HOME);
    world.look(&[], None);
    let said = world.tell(Input::Ended {
        run: RunId(1),
        ending: Ending::EndedByUs,
        unacknowledged: true,
    });
    assert!(
        matches!(
            &said[..],
            [Action::Say(Notice::Lost {
                input_in_doubt: true,
                ..
            })]
        ),
        "{said:?}"
    );
}

#[test]
fn a_run_lost_before_the_context_surely_exists_may_still_create_it_but_takes_and_asks_nothing() {
    let mut world = World::new(Again::Attach, Dialler::Ours, true);
    world.look(&[HOME], Some(HOME));
    world.connected(1, HOME);
    world.tell(Input::Authenticated(RunId(1)));
    world.pass(Duration::from_millis(200));
    world.look(&[CAFE], Some(CAFE));
    world.ended(1, Ending::EndedByUs);
    assert_eq!(
        deeds(&world.connected(2, CAFE)),
        ["start 2 over 2 resuming"]
    );
}
