//! Tunnels: waited for, not sent past, and kept while the network under them moves.

use std::time::Duration;

use netroam::{
    connect::Failure,
    ssh::Ending,
    supervisor::{
        Action, Again, Answer, AttemptId, Dialler, Input, RunId, Status, Via, Wanted, Wish,
    },
};
use netroam_platform::Lookup;

use super::world::{CAFE, HOME, Net, VPN, VPN_AGAIN, World, deeds, look};

const NOTHING: [&str; 0] = [];
const DAY: Duration = Duration::from_secs(86_400);

fn waiting(last: &str) -> Status {
    Status::Waiting {
        wanted: Wanted::Tunnel,
        last: Some(last.into()),
        failure: None,
    }
}

fn shown(actions: &[Action]) -> Option<&Status> {
    actions.iter().rev().find_map(|action| {
        if let Action::Show(status) = action {
            Some(status)
        } else {
            None
        }
    })
}

/// Attached through the VPN, which then goes while the laptop stays where it is.
fn dropped() -> World {
    let mut world = World::attached(VPN);
    let done = world.look(&[HOME], Some(HOME));
    assert_eq!(deeds(&done), ["end 1"], "and nothing over the café's way");
    assert_eq!(shown(&done), Some(&waiting("tun0")));
    world.ended(1, Ending::EndedByUs);
    world
}

#[test]
fn a_session_that_went_through_a_tunnel_waits_for_one_and_dials_when_one_leads_to_the_host() {
    let mut world = dropped();
    assert_eq!(world.supervisor.poll_timeout(), None, "no timer");
    assert_eq!(world.pass(DAY), []);
    assert_eq!(deeds(&world.look(&[], None)), NOTHING);
    assert_eq!(deeds(&world.look(&[CAFE], Some(CAFE))), NOTHING);
    assert_eq!(deeds(&world.tell(Input::NamesChanged)), NOTHING);
    assert_eq!(deeds(&world.tell(Input::Woke)), NOTHING);
    // A tunnel, but the host is reached past it.
    assert_eq!(deeds(&world.look(&[CAFE, VPN_AGAIN], Some(CAFE))), NOTHING);
    assert_eq!(world.supervisor.poll_timeout(), None);

    let done = world.look(&[CAFE, VPN_AGAIN], Some(VPN_AGAIN));
    assert_eq!(deeds(&done), ["dial 2 over a tunnel"]);
    assert_eq!(deeds(&world.connected(2, VPN_AGAIN)), ["start 2 over 2"]);
}

#[test]
fn enter_tries_once_without_the_tunnel_and_success_is_learnt() {
    let mut world = dropped();
    world.look(&[CAFE], Some(CAFE));
    assert_eq!(deeds(&world.tell(Input::Person(Wish::Now))), ["dial 2"]);
    let done = world.tell(Input::NotConnected {
        attempt: AttemptId(2),
        failure: Failure::TimedOut,
    });
    assert_eq!(
        shown(&done),
        Some(&Status::Waiting {
            wanted: Wanted::Tunnel,
            last: Some("tun0".into()),
            failure: Some(Failure::TimedOut),
        })
    );
    assert_eq!(world.pass(DAY), [], "once means once");

    assert_eq!(deeds(&world.tell(Input::Person(Wish::Now))), ["dial 3"]);
    // The network may twitch meanwhile.
    assert_eq!(deeds(&world.look(&[CAFE, HOME], Some(CAFE))), NOTHING);
    assert_eq!(deeds(&world.connected(3, CAFE)), ["start 2 over 3"]);
    let done = world.tell(Input::Authenticated(RunId(2)));
    assert!(
        done.iter()
            .any(|action| matches!(action, Action::Learn { path, .. } if !path.tunnel)),
        "{done:?}"
    );
    world.pass(Duration::from_secs(60));
    let done = world.look(&[HOME], Some(HOME));
    assert_eq!(
        deeds(&done),
        ["end 2", "dial 4"],
        "no tunnel is wanted any more"
    );
}

#[test]
fn a_tunnel_that_comes_while_a_person_tries_without_it_is_dialled_in_its_place() {
    let mut world = dropped();
    assert_eq!(deeds(&world.tell(Input::Person(Wish::Now))), ["dial 2"]);
    assert_eq!(
        deeds(&world.look(&[HOME, VPN_AGAIN], Some(VPN_AGAIN))),
        ["discard 2", "dial 3 over a tunnel"]
    );
}

#[test]
fn what_was_learnt_before_holds_from_the_first_look_on() {
    let last = Some(VPN.path());
    let mut world = World::via(Again::Attach, Dialler::Ours, true, Via::Auto, last.clone());
    let done = world.look(&[CAFE], Some(CAFE));
    assert_eq!(shown(&done), Some(&waiting("tun0")));
    assert_eq!(deeds(&done), NOTHING);

    let mut world = World::via(Again::Attach, Dialler::Ours, true, Via::Any, last);
    assert_eq!(deeds(&world.look(&[CAFE], Some(CAFE))), ["dial 1"]);
}

#[test]
fn a_name_without_known_addresses_is_asked_for_only_where_a_tunnel_is() {
    let unresolved = |nets: &[Net]| {
        let mut look = look(nets, Lookup::Found(CAFE.path()));
        look.paths.clear();
        Input::Looked(look)
    };
    let mut world = World::via(Again::Attach, Dialler::Ours, true, Via::Tunnel, None);
    assert_eq!(deeds(&world.tell(unresolved(&[CAFE]))), NOTHING);
    assert_eq!(world.supervisor.poll_timeout(), None);
    assert_eq!(
        deeds(&world.tell(unresolved(&[CAFE, VPN]))),
        ["dial 1 over a tunnel"]
    );
}

#[test]
fn where_ssh_dials_it_is_not_started_before_its_first_hop_is_known_to_be_behind_a_tunnel() {
    let unresolved = || {
        let mut look = look(&[CAFE, VPN], Lookup::Found(CAFE.path()));
        look.paths.clear();
        Input::Looked(look)
    };
    let via = |via| World::via(Again::Attach, Dialler::Ssh, true, via, None);
    let mut world = via(Via::Tunnel);
    assert_eq!(deeds(&world.tell(unresolved())), ["find the first hop"]);
    // It is not behind this one.
    assert_eq!(deeds(&world.look(&[CAFE, VPN], Some(CAFE))), NOTHING);
    assert_eq!(world.supervisor.poll_timeout(), None);
    let done = world.look(&[CAFE, VPN], Some(VPN));
    assert_eq!(deeds(&done), ["start 1 asking opening"]);

    let mut world = via(Via::Tunnel);
    world.tell(unresolved());
    assert!(
        world.supervisor.poll_timeout().is_some(),
        "the answer may be lost"
    );
    let done = world.look(&[CAFE, VPN], Some(VPN));
    assert_eq!(deeds(&done), ["start 1 asking opening"]);
    let mut world = via(Via::Any);
    assert_eq!(deeds(&world.tell(unresolved())), ["start 1 asking opening"]);
}

#[test]
fn an_interface_is_wanted_by_its_name() {
    let via: Via = "wg*".parse().unwrap();
    let mut world = World::via(Again::Attach, Dialler::Ours, true, via, None);
    let wg = Net {
        interface: "wg-work",
        ..VPN
    };
    assert_eq!(deeds(&world.look(&[HOME, VPN], Some(VPN))), NOTHING);
    assert_eq!(
        deeds(&world.look(&[HOME, wg], Some(wg))),
        ["dial 1 over wg*"]
    );
}

#[test]
fn where_nothing_keeps_the_work_the_connection_waits_for_its_address_to_come_back() {
    let mut world = World::via(Again::Anew, Dialler::Ours, true, Via::Tunnel, None);
    world.look(&[HOME, VPN], Some(VPN));
    world.connected(1, VPN);
    world.tell(Input::Authenticated(RunId(1)));
    assert_eq!(deeds(&world.look(&[HOME], Some(HOME))), ["hold 1"]);
    assert_eq!(world.pass(DAY), []);
    let back = world.look(&[HOME, VPN], Some(VPN));
    assert_eq!(deeds(&back)[..1], ["probe 1 for 3s"]);
}

#[test]
fn enter_answers_a_question_only_over_a_path_that_is_wanted() {
    let mut world = dropped();
    world.look(&[HOME, VPN_AGAIN], Some(VPN_AGAIN));
    world.connected(2, VPN_AGAIN);
    world.ended(
        2,
        Ending::NeedsPerson {
            what: "Password:".into(),
        },
    );
    world.look(&[HOME], Some(HOME));
    let done = world.tell(Input::Person(Wish::Now));
    assert_eq!(deeds(&done), NOTHING);
    assert_eq!(shown(&done), Some(&waiting("tun0")));
    let done = world.look(&[HOME, VPN], Some(VPN));
    assert_eq!(deeds(&done), ["dial 3 over a tunnel"]);
    assert_eq!(deeds(&world.connected(3, VPN)), ["start 3 over 3 asking"]);
}

#[test]
fn a_network_that_moves_under_a_tunnel_which_stays_ends_nothing() {
    let mut world = World::attached(VPN);
    // Both at once, and then one.
    assert_eq!(deeds(&world.look(&[HOME, CAFE, VPN], Some(VPN))), NOTHING);
    assert_eq!(deeds(&world.look(&[CAFE, VPN], Some(VPN))), NOTHING);

    // None for a while: the kernel still has its path.
    assert_eq!(deeds(&world.look(&[VPN], Some(VPN))), ["hold 1"]);
    world.pass(Duration::from_secs(15));
    let back = world.look(&[HOME, VPN], Some(VPN));
    assert_eq!(deeds(&back), ["probe 1", "dial 2 over a tunnel"]);
    // The tunnel's own handshake is not over.
    assert_eq!(deeds(&world.probed(1, Answer::Silent)), NOTHING);
    let done = world.connected(2, VPN);
    assert_eq!(deeds(&done), ["probe 1"]);
    assert_eq!(deeds(&world.probed(1, Answer::Alive)), ["discard 2"]);
    assert_eq!(world.supervisor.poll_timeout(), None);
}

#[test]
fn a_connection_that_stays_silent_when_the_tunnel_carries_again_is_dead() {
    let mut world = World::attached(VPN);
    world.tell(Input::Woke);
    let asked = world.look(&[HOME, VPN], Some(VPN));
    assert_eq!(deeds(&asked), ["probe 1", "dial 2 over a tunnel"]);
    world.probed(1, Answer::Silent);
    assert_eq!(deeds(&world.connected(2, VPN)), ["probe 1"]);
    assert_eq!(
        deeds(&world.probed(1, Answer::Silent)),
        ["silence 1", "start 2 over 2"]
    );
}

#[test]
fn a_tunnel_that_carries_nothing_leaves_a_session_frozen_for_five_seconds_at_most() {
    let mut world = World::attached(VPN);
    world.tell(Input::Woke);
    world.look(&[HOME, VPN], Some(VPN));
    world.probed(1, Answer::Silent);
    let done = world.pass(Duration::from_secs(6));
    let lost = done
        .iter()
        .find(|(_, action)| matches!(action, Action::Silence { .. }));
    assert_eq!(lost.map(|(at, _)| at.as_secs()), Some(5), "{done:?}");
}

#[test]
fn without_a_network_under_its_tunnel_for_long_a_session_says_that_it_is_lost() {
    let mut world = World::attached(VPN);
    world.look(&[VPN], Some(VPN));
    let done = world.pass(Duration::from_secs(21));
    let (at, action) = done.first().unwrap();
    assert_eq!(at.as_secs(), 20);
    assert!(matches!(action, Action::Probe { .. }), "{done:?}");
    assert_eq!(
        deeds(&world.probed(1, Answer::Silent))[..1],
        ["silence 1"],
        "asked once, without a network to blame it on"
    );
}

#[test]
fn a_tunnel_that_leads_to_an_address_which_was_learnt_while_waiting_is_dialled() {
    let mut world = World::via(Again::Attach, Dialler::Ours, true, Via::Tunnel, None);
    let mut nowhere = look(&[CAFE, VPN], Lookup::Found(CAFE.path()));
    nowhere.snapshot.interfaces.retain(|_, link| !link.tunnel);
    nowhere.paths.clear();
    world.tell(Input::Looked(nowhere));
    assert_eq!(deeds(&world.tell(Input::Person(Wish::Now))), ["dial 1"]);
    // It finds out the address, and nobody answers there.
    world.tell(Input::NotConnected {
        attempt: AttemptId(1),
        failure: Failure::TimedOut,
    });
    assert_eq!(
        deeds(&world.look(&[CAFE, VPN], Some(VPN))),
        ["dial 2 over a tunnel"]
    );
}

#[test]
fn a_network_that_comes_under_a_tunnel_is_a_reason_to_dial_at_once() {
    let mut world = World::attached(VPN);
    world.look(&[VPN], Some(VPN));
    world.pass(Duration::from_secs(21));
    world.probed(1, Answer::Silent);
    world.pass(Duration::from_secs(1200));
    let done = world.look(&[CAFE, VPN], Some(VPN));
    let deeds = deeds(&done);
    assert_eq!(deeds.len(), 1, "what is under way is left alone: {deeds:?}");
    assert!(deeds[0].starts_with("dial "), "{deeds:?}");
}

#[test]
fn a_sleep_does_not_use_up_the_time_that_a_connection_is_kept_for() {
    let mut world = World::attached(VPN);
    assert_eq!(deeds(&world.look(&[VPN], Some(VPN))), ["hold 1"]);
    world.now = world.now + Duration::from_secs(60);
    world.tell(Input::Woke);
    world.look(&[VPN], Some(VPN));
    assert_eq!(world.pass(Duration::from_secs(10)), [], "no network yet");
    let back = world.look(&[CAFE, VPN], Some(VPN));
    assert_eq!(deeds(&back), ["probe 1", "dial 2 over a tunnel"]);
    assert_eq!(deeds(&world.probed(1, Answer::Alive)), ["discard 2"]);
}

#[test]
fn where_the_name_leads_past_the_tunnel_enter_tries_without_it_once() {
    let mut world = World::via(Again::Attach, Dialler::Ours, true, Via::Tunnel, None);
    world.look(&[CAFE, VPN], Some(VPN));
    let astray = || Failure::Astray("192.0.2.9 is reached over wlan0".into());
    let done = world.tell(Input::NotConnected {
        attempt: AttemptId(1),
        failure: astray(),
    });
    assert_eq!(
        shown(&done),
        Some(&Status::Waiting {
            wanted: Wanted::Tunnel,
            last: None,
            failure: Some(astray()),
        })
    );
    assert_eq!(deeds(&world.tell(Input::Person(Wish::Now))), ["dial 2"]);
    assert_eq!(world.pass(Duration::from_secs(14)), [], "once means once");
    world.tell(Input::NotConnected {
        attempt: AttemptId(2),
        failure: Failure::TimedOut,
    });
    let later: Vec<_> = world.pass(DAY).into_iter().map(|(_, done)| done).collect();
    let later = deeds(&later);
    assert!(!later.is_empty(), "the name may lead elsewhere later");
    assert!(later.iter().all(|deed| deed.ends_with("over a tunnel")));
}

#[test]
fn an_attempt_of_ssh_without_the_tunnel_that_fails_leaves_the_session_waiting() {
    let mut world = World::via(Again::Attach, Dialler::Ssh, true, Via::Tunnel, None);
    world.look(&[CAFE], Some(CAFE));
    let done = world.tell(Input::Person(Wish::Now));
    assert_eq!(deeds(&done), ["start 1 asking opening"]);
    let why = "ssh: connect to host gw1 port 22: Connection refused";
    let done = world.ended(1, Ending::Unreachable { why: why.into() });
    assert_eq!(world.supervisor.poll_timeout(), None);
    assert_eq!(
        shown(&done),
        Some(&Status::Waiting {
            wanted: Wanted::Tunnel,
            last: None,
            failure: Some(Failure::Unreachable(why.into())),
        })
    );
}

#[test]
fn a_run_that_a_person_let_go_without_the_tunnel_is_not_given_up_without_a_word() {
    let mut world = World::via(Again::Attach, Dialler::Ours, true, Via::Tunnel, None);
    world.look(&[HOME], Some(HOME));
    world.tell(Input::Person(Wish::Now));
    world.connected(1, HOME);
    world.tell(Input::Authenticated(RunId(1)));
    world.pass(Duration::from_secs(60));
    assert_eq!(deeds(&world.look(&[HOME, CAFE], Some(CAFE))), ["probe 1"]);
    let mut done = world.probed(1, Answer::Silent);
    assert_eq!(deeds(&done), ["end 1"]);
    let waits = Status::Waiting {
        wanted: Wanted::Tunnel,
        last: None,
        failure: None,
    };
    assert_eq!(shown(&done), Some(&waits), "home is no tunnel to look for");
    done = world.ended(1, Ending::EndedByUs);
    assert!(
        done.iter().any(|action| matches!(action, Action::Say(_))),
        "{done:?}"
    );
}
