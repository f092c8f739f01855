//! A laptop that moves.

use std::time::Duration;

use netroam::{
    connect::Failure,
    ssh::Ending,
    supervisor::{
        Action, Again, Answer, AttemptId, Dialler, Input, Notice, Reason, RunId, Status, Wish,
    },
};
use netroam_platform::{Lookup, NoPath};

use super::world::{CAFE, HOME, Net, SERVER, World, deeds, ip, look};

const NOTHING: [&str; 0] = [];

#[test]
fn the_first_look_dials_at_once_and_an_attached_session_needs_no_time() {
    let mut world = World::new(Again::Attach, Dialler::Ours, true);
    assert_eq!(deeds(&world.look(&[HOME], Some(HOME))), ["dial 1"]);
    assert_eq!(
        deeds(&world.connected(1, HOME)),
        ["start 1 over 1 asking opening"]
    );
    world.tell(Input::Authenticated(RunId(1)));
    assert_eq!(world.supervisor.poll_timeout(), None);
}

#[test]
fn an_address_gone_without_another_path_ends_the_run_and_then_nothing_happens() {
    let mut world = World::attached(HOME);
    assert_eq!(deeds(&world.look(&[], None)), ["end 1"]);
    let said = world.ended(1, Ending::EndedByUs);
    assert!(
        matches!(
            &said[..],
            [Action::Say(Notice::Lost {
                reason: Reason::AddressLost { .. },
                ..
            })]
        ),
        "{said:?}"
    );
    assert_eq!(world.supervisor.poll_timeout(), None, "no path: no timer");

    world.now = world.now + Duration::from_secs(3600);
    assert_eq!(deeds(&world.look(&[CAFE], Some(CAFE))), ["dial 2"]);
    assert_eq!(deeds(&world.connected(2, CAFE)), ["start 2 over 2"]);
}

#[test]
fn another_path_is_dialled_in_the_same_moment_and_the_new_run_waits_for_the_old_one_to_be_gone() {
    let mut world = World::attached(HOME);
    assert_eq!(deeds(&world.look(&[CAFE], Some(CAFE))), ["end 1", "dial 2"]);
    assert_eq!(deeds(&world.connected(2, CAFE)), NOTHING);
    assert_eq!(
        deeds(&world.ended(1, Ending::EndedByUs)),
        ["start 2 over 2"]
    );
}

#[test]
fn a_blip_costs_a_probe_and_no_login() {
    let mut world = World::attached(HOME);
    assert_eq!(deeds(&world.look(&[HOME], None)), NOTHING);
    assert_eq!(world.pass(Duration::from_secs(2)), []);
    assert_eq!(
        deeds(&world.look(&[HOME], Some(HOME))),
        ["probe 1", "dial 2"]
    );
    assert_eq!(deeds(&world.probed(1, Answer::Alive)), ["discard 2"]);
    assert_eq!(world.supervisor.poll_timeout(), None);
}

#[test]
fn a_path_that_stays_away_ends_the_run_after_three_seconds() {
    let mut world = World::attached(HOME);
    world.look(&[HOME], None);
    let done = world.pass(Duration::from_secs(10));
    assert_eq!(
        deeds(
            &done
                .iter()
                .map(|(_, action)| action.clone())
                .collect::<Vec<_>>()
        ),
        ["end 1"]
    );
    assert_eq!(done[0].0, Duration::from_secs(3));
    assert_eq!(world.supervisor.poll_timeout(), None);
}

#[test]
fn without_a_context_a_run_is_held_for_as_long_as_its_address_may_come_back() {
    for again in [Again::Anew, Again::Rerun, Again::Never] {
        let mut world = World::new(again, Dialler::Ours, true);
        world.attach(HOME);
        assert_eq!(deeds(&world.look(&[], None)), ["hold 1"]);
        assert_eq!(world.pass(Duration::from_secs(86_400)), []);
        let back = deeds(&world.look(&[HOME], Some(HOME)));
        assert_eq!(back[0], "probe 1 for 3s");
        world.probed(1, Answer::Alive);
        assert_eq!(deeds(&world.look(&[CAFE], Some(CAFE)))[0], "end 1");
    }
}

#[test]
fn a_better_path_asks_the_old_connection_and_dials_meanwhile() {
    let mut world = World::attached(HOME);
    assert_eq!(
        deeds(&world.look(&[HOME, CAFE], Some(CAFE))),
        ["probe 1", "dial 2"]
    );
    assert_eq!(
        deeds(&world.look(&[HOME, CAFE], Some(CAFE))),
        NOTHING,
        "once per path"
    );
    assert_eq!(
        deeds(&world.connected(2, CAFE)),
        NOTHING,
        "the answer decides"
    );
    assert_eq!(
        deeds(&world.probed(1, Answer::Silent)),
        ["silence 1", "start 2 over 2"]
    );
    world.tell(Input::Authenticated(RunId(2)));
    let done = world.pass(Duration::from_secs(60));
    assert_eq!(
        deeds(
            &done
                .into_iter()
                .map(|(_, action)| action)
                .collect::<Vec<_>>()
        ),
        ["kill 1"]
    );
    assert_eq!(world.supervisor.poll_timeout(), None);
}

#[test]
fn a_connection_that_answers_over_the_new_path_stays_and_the_dialled_one_is_closed() {
    let mut world = World::attached(HOME);
    world.look(&[HOME, CAFE], Some(CAFE));
    world.connected(2, CAFE);
    assert_eq!(deeds(&world.probed(1, Answer::Alive)), ["discard 2"]);
    assert_eq!(
        deeds(&world.look(&[HOME, CAFE], Some(CAFE))),
        NOTHING,
        "the new path is the known one now"
    );
}

#[test]
fn the_answer_of_a_dead_path_does_not_save_a_run_that_lost_its_address_meanwhile() {
    let mut world = World::attached(HOME);
    world.look(&[HOME, CAFE], Some(CAFE));
    assert_eq!(deeds(&world.look(&[CAFE], Some(CAFE))), ["end 1"]);
    assert_eq!(deeds(&world.probed(1, Answer::Alive)), NOTHING);
    world.ended(1, Ending::EndedByUs);
    // The attempt that was under way goes over this very path: it is not given up.
    assert_eq!(deeds(&world.connected(2, CAFE)), ["start 2 over 2"]);
}

#[test]
fn changes_that_leave_the_path_alone_leave_the_session_alone() {
    let docker = Net {
        interface: "docker0",
        address: "172.17.0.1",
        gateway: "172.17.0.1",
        tunnel: false,
    };
    let mut world = World::attached(HOME);
    for _ in 0..1000 {
        assert_eq!(world.look(&[HOME, docker], Some(HOME)), []);
        assert_eq!(world.look(&[HOME], Some(HOME)), []);
    }
    assert_eq!(
        world.tell(Input::Looked(look(
            &[],
            Lookup::Unknown("netlink: EIO".into())
        ))),
        [],
        "not knowing is no reason"
    );
}

#[test]
fn a_machine_that_slept_asks_its_connection_as_soon_as_there_is_a_path() {
    let mut world = World::attached(HOME);
    assert_eq!(deeds(&world.tell(Input::Woke)), NOTHING);
    assert_eq!(
        deeds(&world.look(&[HOME], Some(HOME))),
        ["probe 1", "dial 2"]
    );
    assert_eq!(deeds(&world.probed(1, Answer::Alive)), ["discard 2"]);
}

#[test]
fn silence_is_met_with_overlapping_attempts_and_the_first_to_answer_wins() {
    let mut world = World::new(Again::Attach, Dialler::Ours, true);
    world.look(&[HOME], Some(HOME));
    let dialled = world
        .pass(Duration::from_millis(2500))
        .into_iter()
        .map(|(_, action)| action)
        .collect::<Vec<_>>();
    assert_eq!(deeds(&dialled), ["dial 2", "dial 3"]);
    assert_eq!(
        deeds(&world.connected(2, HOME)),
        ["discard 1", "discard 3", "start 1 over 2 asking opening"]
    );
    assert_eq!(
        deeds(&world.connected(3, HOME)),
        ["discard 3"],
        "a late one is closed"
    );
}

#[test]
fn while_one_connection_waits_for_its_banner_no_other_is_made() {
    let mut world = World::new(Again::Attach, Dialler::Ours, true);
    world.look(&[HOME], Some(HOME));
    world.tell(Input::Reached(AttemptId(1)));
    assert_eq!(world.pass(Duration::from_secs(30)), []);
    let silent = Failure::Silent(format!("{SERVER}:22").parse().unwrap());
    world.tell(Input::NotConnected {
        attempt: AttemptId(1),
        failure: silent,
    });
    let next = world.pass(Duration::from_secs(17));
    assert_eq!(
        deeds(
            &next
                .into_iter()
                .map(|(_, action)| action)
                .collect::<Vec<_>>()
        )[..1],
        ["dial 2"]
    );
}

#[test]
fn a_move_starts_over_at_once_and_enter_does_too() {
    let mut world = World::new(Again::Attach, Dialler::Ours, true);
    world.look(&[HOME], Some(HOME));
    let refused = || Failure::Refused(format!("{SERVER}:22").parse().unwrap());
    world.tell(Input::NotConnected {
        attempt: AttemptId(1),
        failure: refused(),
    });
    assert_eq!(deeds(&world.look(&[CAFE], Some(CAFE))), ["dial 2"]);
    world.tell(Input::NotConnected {
        attempt: AttemptId(2),
        failure: refused(),
    });
    assert_eq!(deeds(&world.look(&[CAFE], Some(CAFE))), NOTHING);
    assert_eq!(deeds(&world.tell(Input::Person(Wish::Now))), ["dial 3"]);
}

#[test]
fn a_name_that_is_not_resolved_yet_is_tried_once_without_a_network_and_then_waits() {
    let mut world = World::new(Again::Attach, Dialler::Ours, true);
    let mut offline = look(&[], Lookup::None(NoPath::NoRoute));
    offline.paths.clear();
    assert_eq!(deeds(&world.tell(Input::Looked(offline))), ["dial 1"]);
    let failure = Failure::NoSuchName("Name or service not known".into());
    let done = world.tell(Input::NotConnected {
        attempt: AttemptId(1),
        failure,
    });
    assert_eq!(done, [Action::Show(Status::NoPath(NoPath::NoRoute))]);
    assert_eq!(world.supervisor.poll_timeout(), None);
    let mut online = look(&[HOME], Lookup::None(NoPath::NoRoute));
    online.paths.clear();
    assert_eq!(deeds(&world.tell(Input::Looked(online))), ["dial 2"]);
}

#[test]
fn where_ssh_dials_the_path_to_the_first_hop_still_decides() {
    let mut world = World::new(Again::Attach, Dialler::Ssh, true);
    assert_eq!(
        deeds(&world.look(&[HOME], Some(HOME))),
        ["start 1 asking opening"]
    );
    let connection = netroam::supervisor::Connection {
        local: ip(HOME.address),
        peer: ip(SERVER),
    };
    world.tell(Input::Assumed {
        run: RunId(1),
        connection: Some(connection),
    });
    world.tell(Input::Authenticated(RunId(1)));
    world.pass(Duration::from_secs(60));
    assert_eq!(deeds(&world.look(&[CAFE], Some(CAFE))), ["end 1"]);
    assert_eq!(deeds(&world.ended(1, Ending::EndedByUs)), ["start 2"]);
}

#[test]
fn a_network_where_the_known_addresses_have_no_path_gets_one_attempt_to_resolve_the_name_anew() {
    let mut world = World::attached(HOME);
    world.look(&[], None);
    world.ended(1, Ending::EndedByUs);
    assert_eq!(deeds(&world.look(&[CAFE], None)), ["dial 2"]);
    assert_eq!(world.pass(Duration::from_secs(60)), []);
    assert_eq!(
        deeds(&world.look(&[CAFE], None)),
        NOTHING,
        "once per network"
    );
}
