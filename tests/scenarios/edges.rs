//! Facts that come at the worst moment.

use std::time::Duration;

use netroam::{
    connect::Failure,
    ssh::Ending,
    supervisor::{Action, Again, Answer, AttemptId, Dialler, Exit, Input, RunId, Status, Wish},
};

use netroam_platform::{Lookup, NoPath};

use super::world::{CAFE, HOME, Net, SERVER, World, deeds, ip, look};

const V6: Net = Net {
    interface: "wlan0",
    address: "2001:db8::7",
    gateway: "fe80::1",
    tunnel: false,
};

#[test]
fn a_v6_only_cafe_whose_resolver_is_not_up_yet_is_tried_again() {
    let mut world = World::attached(HOME);
    world.look(&[], None);
    world.ended(1, Ending::EndedByUs);
    assert_eq!(deeds(&world.look(&[V6], None)), ["dial 2"]);
    world.tell(Input::NotConnected {
        attempt: AttemptId(2),
        failure: Failure::Resolve("Temporary failure in name resolution".into()),
    });
    assert!(
        world.supervisor.poll_timeout().is_some(),
        "stuck: online, but nothing will ever be tried again"
    );
}

/// As above, where ssh itself asks the resolver.
#[test]
fn a_v6_only_cafe_whose_resolver_is_late_is_tried_again_by_ssh() {
    let mut world = World::new(Again::Attach, Dialler::Ssh, true);
    world.attach(HOME);
    world.look(&[], None);
    world.ended(1, Ending::EndedByUs);
    assert_eq!(deeds(&world.look(&[V6], None)), ["start 2"]);
    let why = "Could not resolve hostname gw1: Temporary failure in name resolution".into();
    world.ended(2, Ending::UnknownHost { why });
    assert!(world.supervisor.poll_timeout().is_some());
}

/// A new resolver may know another address than the one that does not answer.
#[test]
fn a_new_resolver_is_asked_beside_an_attempt_that_asked_the_old_one() {
    let mut world = World::attached(HOME);
    assert_eq!(deeds(&world.look(&[CAFE], Some(CAFE))), ["end 1", "dial 2"]);
    world.ended(1, Ending::EndedByUs);
    world.pass(Duration::from_millis(1500));
    let beside = deeds(&world.tell(Input::NamesChanged));
    assert!(
        beside.iter().any(|deed| deed.starts_with("dial ")),
        "{beside:?}"
    );
    assert!(
        !beside.iter().any(|deed| deed.starts_with("discard ")),
        "{beside:?}"
    );
}

#[test]
fn a_command_that_finished_while_it_was_told_to_end_gives_its_status() {
    let mut world = World::new(Again::Never, Dialler::Ours, true);
    world.attach(HOME);
    world.look(&[CAFE], Some(CAFE));
    let done = world.ended(1, Ending::Finished { status: 0 });
    assert!(
        done.iter()
            .any(|a| matches!(a, Action::Finish(Exit::Ssh(Ending::Finished { status: 0 })))),
        "{done:?}"
    );
}

#[test]
fn rerun_does_not_rerun_what_finished() {
    let mut world = World::new(Again::Rerun, Dialler::Ours, true);
    world.attach(HOME);
    world.look(&[CAFE], Some(CAFE));
    world.connected(2, CAFE);
    let done = world.ended(1, Ending::Finished { status: 0 });
    assert!(
        !deeds(&done).iter().any(|d| d.starts_with("start")),
        "{:?}",
        deeds(&done)
    );
}

#[test]
fn a_command_that_was_authenticated_in_its_last_moment_is_not_run_twice() {
    let mut world = World::new(Again::Never, Dialler::Ours, true);
    world.look(&[HOME], Some(HOME));
    world.connected(1, HOME);
    assert_eq!(deeds(&world.look(&[CAFE], Some(CAFE))), ["end 1", "dial 2"]);
    world.tell(Input::Authenticated(RunId(1)));
    world.connected(2, CAFE);
    let done = world.ended(1, Ending::EndedByUs);
    assert!(
        !deeds(&done).iter().any(|d| d.starts_with("start")),
        "{:?}",
        deeds(&done)
    );
}

#[test]
fn an_accepted_connection_is_not_abandoned_when_the_probe_says_silent() {
    let mut world = World::attached(HOME);
    world.look(&[HOME, CAFE], Some(CAFE));
    world.tell(Input::Reached(AttemptId(2)));
    let done = deeds(&world.probed(1, Answer::Silent));
    assert!(!done.contains(&"discard 2".to_string()), "{done:?}");
}

#[test]
fn a_ready_connection_is_used_when_ssh_itself_reports_the_loss() {
    let mut world = World::attached(HOME);
    world.look(&[HOME, CAFE], Some(CAFE));
    world.connected(2, CAFE);
    let done = deeds(&world.ended(
        1,
        Ending::Lost {
            why: "Broken pipe".into(),
        },
    ));
    assert_eq!(done, ["start 2 over 2"]);
}

#[test]
fn no_path_no_stopped_ssh_either() {
    let mut world = World::attached(HOME);
    world.look(&[HOME, CAFE], Some(CAFE));
    world.probed(1, Answer::Silent);
    let mut done = deeds(&world.look(&[], None));
    done.extend(deeds(
        &world
            .pass(Duration::from_secs(86400))
            .into_iter()
            .map(|a| a.1)
            .collect::<Vec<_>>(),
    ));
    assert!(done.contains(&"kill 1".to_string()), "{done:?}");
}

#[test]
fn a_run_that_never_logged_in_lost_nothing_that_was_typed() {
    let mut world = World::attached(HOME);
    world.look(&[CAFE], Some(CAFE));
    world.ended(1, Ending::EndedByUs);
    world.connected(2, CAFE);
    world.look(&[HOME], Some(HOME));
    let said = world.tell(Input::Ended {
        run: RunId(2),
        ending: Ending::EndedByUs,
        unacknowledged: true,
    });
    assert!(
        !said.iter().any(|a| matches!(a, Action::Say(_))),
        "{said:?}"
    );
}

#[test]
fn nothing_is_said_of_holding_after_a_blip() {
    let mut world = World::attached(HOME);
    world.look(&[HOME], None);
    world.look(&[HOME], Some(HOME));
    world.probed(1, Answer::Alive);
    // The second of two equal blips is shown like the first.
    let shown = world.look(&[HOME], None);
    assert!(
        shown
            .iter()
            .any(|a| matches!(a, Action::Show(Status::Holding(_)))),
        "{shown:?}"
    );
}

#[test]
fn an_attempt_is_not_given_up_because_the_other_family_gets_a_path_too() {
    let mut world = World::new(Again::Attach, Dialler::Ours, true);
    let mut here = look(&[V6], Lookup::None(NoPath::NoRoute));
    here.paths
        .insert(ip("2001:db8:1::5"), Lookup::Found(V6.path()));
    assert_eq!(deeds(&world.tell(Input::Looked(here.clone()))), ["dial 1"]);
    here.paths.insert(ip(SERVER), Lookup::Found(HOME.path()));
    assert_eq!(deeds(&world.tell(Input::Looked(here))), [""; 0]);
}

#[test]
fn a_connection_that_waits_for_the_old_run_to_be_gone_is_kept() {
    let mut world = World::attached(HOME);
    world.look(&[CAFE], Some(CAFE));
    world.connected(2, CAFE);
    assert_eq!(deeds(&world.tell(Input::NamesChanged)), [""; 0]);
    assert_eq!(deeds(&world.tell(Input::Person(Wish::Now))), [""; 0]);
    assert_eq!(
        deeds(&world.ended(1, Ending::EndedByUs)),
        ["start 2 over 2"]
    );
}

#[test]
fn the_first_change_after_a_name_was_resolved_is_a_reason_to_try_again() {
    let lease = Net {
        address: "10.0.0.8",
        ..CAFE
    };
    for (now, deed) in [(CAFE, None), (lease, Some("dial 2"))] {
        let mut world = World::new(Again::Attach, Dialler::Ours, true);
        let mut unresolved = look(&[CAFE], Lookup::Found(CAFE.path()));
        // The attempt that this one starts brings the name's addresses.
        unresolved.paths.clear();
        assert_eq!(deeds(&world.tell(Input::Looked(unresolved))), ["dial 1"]);
        world.tell(Input::NotConnected {
            attempt: AttemptId(1),
            failure: Failure::Closed("203.0.113.5:22".parse().unwrap()),
        });
        let done = deeds(&world.look(&[now], Some(now)));
        assert_eq!(done.first().map(String::as_str), deed, "{done:?}");
    }
}

#[test]
fn a_server_that_asked_us_to_stay_away_is_named_again_where_the_laptop_moved_to() {
    let mut world = World::attached(HOME);
    world.look(&[], None);
    world.ended(1, Ending::EndedByUs);
    world.look(&[CAFE], Some(CAFE));
    let busy = Failure::Busy {
        peer: "203.0.113.5:22".parse().unwrap(),
        said: "Not allowed at this time".into(),
    };
    world.tell(Input::NotConnected {
        attempt: AttemptId(2),
        failure: busy.clone(),
    });
    world.look(&[], None);
    let done = world.look(&[HOME], Some(HOME));
    assert_eq!(deeds(&done), [""; 0]);
    assert!(
        done.contains(&Action::Show(Status::Retrying(busy))),
        "{done:?}"
    );
}

#[test]
fn a_wake_starts_over_where_attempts_had_become_rare() {
    let mut world = World::new(Again::Attach, Dialler::Ours, true);
    world.look(&[HOME], Some(HOME));
    world.pass(Duration::from_secs(3600));
    world.tell(Input::Woke);
    world.look(&[HOME], Some(HOME));
    let dials = world.pass(Duration::from_secs(5));
    assert!(dials.len() >= 5, "{dials:?}");
}

#[test]
fn in_a_silence_that_lasts_the_line_stays_as_it_is() {
    let mut world = World::new(Again::Attach, Dialler::Ours, true);
    world.look(&[HOME], Some(HOME));
    world.tell(Input::NotConnected {
        attempt: AttemptId(1),
        failure: Failure::TimedOut,
    });
    let done = world.pass(Duration::from_secs(3));
    let done: Vec<_> = done.into_iter().map(|(_, action)| action).collect();
    assert!(deeds(&done).contains(&"dial 2".to_owned()), "{done:?}");
    assert!(
        !done.iter().any(|action| matches!(action, Action::Show(_))),
        "{done:?}"
    );
}

#[test]
fn an_attempt_that_finds_the_only_address_with_a_path_is_not_the_last() {
    let mut world = World::attached(HOME);
    world.look(&[], None);
    world.ended(1, Ending::EndedByUs);
    assert_eq!(deeds(&world.look(&[V6], None)), ["dial 2"]);
    let mut found = look(&[V6], Lookup::None(NoPath::NoRoute));
    found
        .paths
        .insert(ip("2001:db8::5"), Lookup::Found(V6.path()));
    assert_eq!(
        deeds(&world.tell(Input::Looked(found))),
        [""; 0],
        "the server is dialled already"
    );
    let failure = Failure::Refused(format!("{SERVER}:22").parse().unwrap());
    let done = world.tell(Input::NotConnected {
        attempt: AttemptId(2),
        failure: failure.clone(),
    });
    assert_eq!(done, [Action::Show(Status::Retrying(failure))]);
    assert!(world.supervisor.poll_timeout().is_some());
}

#[test]
fn a_connection_whose_address_goes_while_it_waits_for_the_old_run_is_dialled_anew() {
    let mut world = World::attached(HOME);
    assert_eq!(deeds(&world.look(&[CAFE], Some(CAFE))), ["end 1", "dial 2"]);
    world.connected(2, CAFE);
    // The kernel's answer lags behind.
    assert_eq!(
        deeds(&world.look(&[], Some(CAFE)))[..2],
        ["discard 2", "dial 3"]
    );
}

/// A new one is preferred every day, and the old one stays for a week (RFC 8981).
#[test]
fn a_new_temporary_address_touches_nothing() {
    const OLD: Net = Net {
        interface: "wlan0",
        address: "2001:db8::aaaa",
        gateway: "fe80::1",
        tunnel: false,
    };
    const NEW: Net = Net {
        address: "2001:db8::bbbb",
        ..OLD
    };
    let mut world = World::attached(OLD);
    assert_eq!(deeds(&world.look(&[OLD, NEW], Some(NEW))), [""; 0]);
    let gone = deeds(&world.look(&[NEW], Some(NEW)));
    assert!(gone.contains(&"end 1".to_owned()), "{gone:?}");
}
