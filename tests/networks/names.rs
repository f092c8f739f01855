//! A name that resolves only inside a VPN.

use netroam_lab::{Lab, Mux, Names, Net, Terminal};
use netroam_platform::clock;

use super::support::{SOON, attached, ended, eventually, pause, ssh, status, ticking, watch};

const NOT_HERE: &str = "corp: does not resolve here, waiting [Enter";

/// At home with the resolver of everybody; the probe runs in the session.
fn outside() -> (Lab, Names) {
    let lab = Lab::new().unwrap();
    let names = lab.names().unwrap();
    lab.set_resolver(Names::OUTSIDE).unwrap();
    lab.arrive(Net::Home).unwrap();
    lab.start_probe(Mux::Screen, "probe").unwrap();
    (lab, names)
}

fn corp(lab: &Lab) -> Terminal {
    watch(lab, &["--session", "probe"], &["corp"])
}

/// How often the name server outside was asked, and never for anything but this name.
fn asked(names: &Names) -> usize {
    let asked = names.asked_outside();
    assert!(
        asked.iter().all(|question| question.name == Names::CORP),
        "{asked:?}"
    );
    asked.iter().filter(|question| question.kind == "A").count()
}

#[test]
fn a_name_that_is_known_inside_only_is_waited_for_and_the_tunnel_comes_first() {
    let (lab, names) = outside();
    let vpn = lab.openvpn(&[Lab::INSIDE_NET]).unwrap();
    let mut terminal = corp(&lab);
    status(&terminal, NOT_HERE);
    // It may be a name of the next network: asked again after 1, 2, 4, 8 s, and at events.
    pause(8.0);
    let before = asked(&names);
    assert!((2..=5).contains(&before), "{before} questions");
    let sniffer = lab.sniff().unwrap();
    let (alone, since) = (clock::wall(), clock::wall());
    let mut login = vpn.login(&vpn.code().unwrap()).unwrap();
    login.wait_up(SOON).unwrap();
    assert!(sniffer.syns(alone).is_empty(), "to which address?");
    lab.set_resolver(Names::INSIDE).unwrap();
    ticking(&terminal, since);

    // Dropped: what is known of it is enough to wait for, and nobody outside is told its name any more.
    let told = asked(&names);
    login.end(nix::sys::signal::Signal::SIGTERM).unwrap();
    lab.set_resolver(Names::OUTSIDE).unwrap();
    status(&terminal, "waiting for a tunnel to corp, last seen tun0");
    eventually("ssh to be gone", || ssh(&terminal).is_empty());
    let gone = clock::wall();
    lab.move_to(Net::Cafe).unwrap();
    lab.set_resolver(Names::OUTSIDE).unwrap();
    pause(3.0);
    assert_eq!(asked(&names), told);
    assert!(sniffer.to_name_servers(gone).is_empty());
    terminal.type_keys("q").unwrap();
    assert_eq!(ended(&lab, &mut terminal).code(), Some(245));
}

#[test]
fn the_resolver_may_change_before_the_tunnel_is_there() {
    let (lab, names) = outside();
    let terminal = corp(&lab);
    status(&terminal, NOT_HERE);
    let before = asked(&names);
    lab.set_resolver(Names::INSIDE).unwrap();
    // Nobody answers there yet: asking takes a second, and says the same.
    pause(3.0);
    assert!(
        terminal.screen().contains(NOT_HERE),
        "{}",
        terminal.screen()
    );
    assert!(names.asked_inside().is_empty());
    let since = clock::wall();
    lab.tunnel_up(3).unwrap();
    let waited = ticking(&terminal, since);
    assert!(waited < 4.0, "by its event, not by its turn: {waited} s");
    assert!(
        asked(&names) <= before + 1,
        "a question may have been under way"
    );
}

#[test]
fn an_address_of_the_name_that_is_known_is_dialled_though_the_resolver_hangs() {
    let (lab, _names) = outside();
    lab.set_resolver(Names::INSIDE).unwrap();
    lab.tunnel_up(3).unwrap();
    let terminal = attached(&lab, "corp", Mux::Tmux);
    lab.tunnel_down();
    status(&terminal, "waiting for a tunnel to corp, last seen vpn0");
    // Nobody is there.
    lab.set_resolver("192.0.2.53").unwrap();
    let since = clock::wall();
    lab.tunnel_up(4).unwrap();
    ticking(&terminal, since);
}
