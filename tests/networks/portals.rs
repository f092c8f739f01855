//! Somebody answers in the host's place, or the host itself will not serve us now.

use std::{fs, time::SystemTime};

use netroam_lab::{Answer, Lab, Net, Portal, seconds};
use netroam_platform::clock;

use super::{
    log::Log,
    support::{at_home, ended, eventually, pause, prompt, said, ssh, status, ticking, watch},
};

const PORTAL: &str = "work: the network answers in work's place (captive portal?)";

/// When each try began: it may ask at several addresses, one after the other.
fn tries(portal: &Portal) -> Vec<SystemTime> {
    let mut tries: Vec<SystemTime> = Vec::new();
    let mut before = None;
    for accepted in portal.accepted() {
        if before.is_none_or(|before| seconds(before, accepted) > 1.0) {
            tries.push(accepted);
        }
        before = Some(accepted);
    }
    tries
}

#[test]
fn a_portal_at_the_first_connection_costs_the_host_nothing() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Cafe).unwrap();
    let portal = lab.portal(Answer::Http).unwrap();
    let log = Log::new(&lab);
    let mut terminal = log.watch(&lab, &["--session", "people", "work"], &[]);
    status(&terminal, PORTAL);
    pause(35.0);
    let made = tries(&portal);
    assert_eq!(made.len(), 3, "{made:?}");
    for pair in made.windows(2) {
        let apart = seconds(pair[0], pair[1]);
        assert!((13.0..17.5).contains(&apart), "{apart} s between two tries");
    }
    status(&terminal, PORTAL);
    // Another lease is a reason to try at once.
    let moved = clock::wall();
    lab.readdress(Net::Cafe, 77).unwrap();
    eventually("another try", || {
        tries(&portal).last().is_some_and(|last| *last >= moved)
    });
    let took = seconds(moved, tries(&portal)[3]);
    assert!(took < 3.0, "tried {took} s after the event");
    status(&terminal, PORTAL);

    assert_eq!(log.since(0).matches("started ssh").count(), 0);
    assert_eq!(lab.server().connections().all, 0);
    let known = lab.dir().join("laptop/known_hosts");
    assert!(!known.exists(), "{:?}", fs::read_to_string(&known));
    assert!(!said(&terminal).contains("authenticity"));

    let logged_in = clock::wall();
    drop(portal);
    prompt(&terminal);
    let took = seconds(logged_in, clock::wall());
    assert!(took < 20.0, "{took} s after the person's login");
    assert_eq!(lab.server().connections().authenticated, 1);
    terminal.type_keys("exit\r").unwrap();
    ended(&lab, &mut terminal);
}

#[test]
fn whatever_answers_in_the_cafe_the_session_is_back_at_home() {
    let lab = Lab::new().unwrap();
    let terminal = at_home(&lab);
    for (answer, detail) in [
        (Answer::TlsAlert, "is no ssh server, it says: TLS"),
        (Answer::Close, "closed the connection without a word"),
        (Answer::Silence, "accepts the connection but says nothing"),
    ] {
        let before = lab.server().connections();
        let portal = lab.portal(answer).unwrap();
        lab.move_to(Net::Cafe).unwrap();
        status(&terminal, PORTAL);
        terminal.type_keys("?").unwrap();
        eventually("the details", || {
            // A line as long as this one goes on in the next row.
            terminal.screen().replace('\n', "").contains(detail)
        });
        assert!(ssh(&terminal).is_empty());
        assert!(!portal.accepted().is_empty());
        assert_eq!(lab.server().connections().all, before.all);
        lab.move_to(Net::Home).unwrap();
        let took = ticking(&terminal, clock::wall());
        assert!(took < 5.0, "{answer:?}: {took} s");
        let now = lab.server().connections();
        assert_eq!(now.authenticated, before.authenticated + 1);
        // Arriving brings one family's address and route after the other: a dial may have begun between them.
        assert!(now.unauthenticated() <= before.unauthenticated() + 1);
    }
}

#[test]
fn a_server_that_punishes_is_left_alone_until_it_may_have_forgiven() {
    let lab = Lab::new().unwrap();
    let terminal = at_home(&lab);
    let stand_in = lab.stand_in(Answer::NOT_ALLOWED).unwrap();
    lab.move_to(Net::Cafe).unwrap();
    let words = "work: turns us away (Not allowed at this time), waiting [?: keys]";
    status(&terminal, words);
    // Its other address may be another matter, so both may have been asked.
    let asked = stand_in.accepted();
    assert!((1..=2).contains(&asked.len()), "{asked:?}");
    lab.move_to(Net::Home).unwrap();
    status(&terminal, words);
    lab.move_to(Net::Cafe).unwrap();
    status(&terminal, words);
    pause(12.0);
    assert_eq!(stand_in.accepted(), asked, "moving is no reason to knock");
    assert!(terminal.screen().contains(words), "{}", terminal.screen());
    assert!(ssh(&terminal).is_empty());
    drop(stand_in);
    lab.server().start_sshd().unwrap();
    let before = lab.server().connections().authenticated;
    ticking(&terminal, clock::wall());
    let waited = seconds(asked[0], clock::wall());
    assert!((20.0..30.0).contains(&waited), "waited {waited} s");
    assert_eq!(lab.server().connections().authenticated, before + 1);
}

#[test]
fn a_person_may_knock_at_a_server_that_is_full() {
    let lab = Lab::new().unwrap();
    let terminal = at_home(&lab);
    let stand_in = lab.stand_in(Answer::MAX_STARTUPS).unwrap();
    lab.move_to(Net::Cafe).unwrap();
    status(
        &terminal,
        "work: turns us away (Exceeded MaxStartups), waiting [?: keys]",
    );
    let asked = stand_in.accepted();
    drop(stand_in);
    lab.server().start_sshd().unwrap();
    pause(2.0);
    terminal.type_keys("\r").unwrap();
    ticking(&terminal, clock::wall());
    let waited = seconds(asked[0], clock::wall());
    assert!(waited < 15.0, "waited {waited} s all the same");
}

#[test]
fn a_server_that_punishes_is_left_alone_where_ssh_dials_too() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let stand_in = lab.stand_in(Answer::NOT_ALLOWED).unwrap();
    let terminal = watch(&lab, &["--dial", "ssh", "--session", "people"], &["work4"]);
    status(
        &terminal,
        "work4: the server turns us away (Not allowed at this time)",
    );
    pause(5.0);
    lab.move_to(Net::Cafe).unwrap();
    pause(1.0);
    assert_eq!(stand_in.accepted().len(), 1, "{:?}", stand_in.accepted());
    drop(stand_in);
    lab.server().start_sshd().unwrap();
    terminal.type_keys("\r").unwrap();
    prompt(&terminal);
}

/// The laptop knows the host, and where it was last; now another machine answers.
#[test]
fn a_changed_host_key_is_blamed_on_a_network_that_the_last_login_did_not_use() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let log = Log::new(&lab);
    let words = ["--session", "people", "work"];
    let mut terminal = log.watch(&lab, &words, &[]);
    prompt(&terminal);
    pause(1.0);
    terminal.type_keys("exit\r").unwrap();
    assert!(ended(&lab, &mut terminal).success());
    let known = lab.dir().join("laptop/known_hosts");
    let before = fs::read_to_string(&known).unwrap();
    lab.server().change_host_key().unwrap();
    for (net, blame) in [
        (Net::Cafe, "netroam: work: this network (cafe0 ("),
        (
            Net::Home,
            "netroam: work: the host key has changed, stopping",
        ),
    ] {
        lab.move_to(net).unwrap();
        let mut terminal = log.watch(&lab, &words, &[]);
        assert_eq!(ended(&lab, &mut terminal).code(), Some(243));
        let screen = terminal.screen();
        assert!(screen.contains(blame), "{screen}");
        assert!(!screen.contains("(yes/no"), "{screen}");
        assert_eq!(fs::read_to_string(&known).unwrap(), before);
    }
}
