//! The laptop moves, the session stays.

use std::time::Duration;

use netroam_lab::{Lab, Mux, Net, SHELLS};
use netroam_platform::clock;

use super::support::{
    SOON, answered, at_home, attached, eventually, own, pause, same_ssh, ssh, ticking, watch,
};

#[test]
fn from_home_to_the_cafe_with_nothing_between() {
    let lab = Lab::new().unwrap();
    let terminal = at_home(&lab);
    let first = own(&terminal);
    lab.leave(Net::Home).unwrap();
    eventually("ssh to be gone", || ssh(&terminal).is_empty());
    let there = clock::wall();
    lab.arrive(Net::Cafe).unwrap();
    ticking(&terminal, there);
    assert_ne!(own(&terminal), first);
    // Leaving takes one family's address before the other's: a dial over the remaining one may reach the server before that goes too. That
    // connection died with its path; no other may be given up.
    let connections = lab.server().connections();
    assert!(connections.unauthenticated() <= 1, "{connections:?}");
}

#[test]
fn a_better_network_comes_then_the_old_one_goes() {
    let lab = Lab::new().unwrap();
    let terminal = at_home(&lab);
    let first = own(&terminal);
    lab.arrive_as(Net::Cafe, Lab::HOST, Lab::METRIC / 2)
        .unwrap();
    ticking(&terminal, clock::wall());
    lab.leave(Net::Home).unwrap();
    ticking(&terminal, clock::wall());
    eventually("one ssh to be left", || ssh(&terminal).len() == 1);
    assert_ne!(own(&terminal), first);
}

#[test]
fn a_worse_network_comes_and_takes_over_only_when_the_old_one_goes() {
    let lab = Lab::new().unwrap();
    let terminal = at_home(&lab);
    let first = own(&terminal);
    lab.arrive_as(Net::Cafe, Lab::HOST, Lab::METRIC * 2)
        .unwrap();
    ticking(&terminal, clock::wall());
    assert_eq!(
        own(&terminal),
        first,
        "a network that is not used is no reason"
    );
    lab.leave(Net::Home).unwrap();
    ticking(&terminal, clock::wall());
    assert_ne!(own(&terminal), first);
}

#[test]
fn a_blip_of_two_seconds_keeps_the_connection() {
    type Move = fn(&Lab, Net) -> anyhow::Result<()>;
    let blips: [(Move, Move); 3] = [
        (Lab::link_down, Lab::link_up),
        (Lab::carrier_lost, Lab::carrier_back),
        (Lab::remove_routes, Lab::restore_routes),
    ];
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    // Over IPv4: of a link that goes down, the kernel takes the IPv6 addresses, and with them what was connected.
    let terminal = attached(&lab, "work4", Mux::Screen);
    let first = own(&terminal);
    for (lose, regain) in blips {
        lose(&lab, Net::Home).unwrap();
        pause(2.0);
        regain(&lab, Net::Home).unwrap();
        ticking(&terminal, clock::wall());
        assert_eq!(own(&terminal), first);
    }
    assert_eq!(lab.server().connections().authenticated, 1);
}

#[test]
fn ten_seconds_without_the_link_end_ssh_and_the_same_address_brings_the_session_back() {
    let lab = Lab::new().unwrap();
    let terminal = at_home(&lab);
    let first = own(&terminal);
    lab.link_down(Net::Home).unwrap();
    eventually("ssh to be gone", || ssh(&terminal).is_empty());
    pause(6.0);
    lab.link_up(Net::Home).unwrap();
    ticking(&terminal, clock::wall());
    assert_ne!(own(&terminal), first);
}

#[test]
fn a_carrier_that_stays_away_is_no_path_though_address_and_routes_stay() {
    let lab = Lab::new().unwrap();
    let terminal = at_home(&lab);
    lab.carrier_lost(Net::Home).unwrap();
    eventually("ssh to be gone", || ssh(&terminal).is_empty());
    let sniffer = lab.sniff().unwrap();
    let since = clock::wall();
    pause(2.0);
    let sent = sniffer.to_server(since);
    assert!(
        sent.is_empty(),
        "nothing can arrive, yet this was sent: {sent:?}"
    );
    lab.carrier_back(Net::Home).unwrap();
    ticking(&terminal, clock::wall());
}

#[test]
fn to_a_cafe_that_has_only_ipv6() {
    let lab = Lab::builder().cafe_ipv6_only().start().unwrap();
    let terminal = at_home(&lab);
    lab.move_to(Net::Cafe).unwrap();
    ticking(&terminal, clock::wall());
    lab.move_to(Net::Home).unwrap();
    ticking(&terminal, clock::wall());
}

#[test]
fn behind_a_tunnel_and_out_again() {
    let lab = Lab::new().unwrap();
    let terminal = at_home(&lab);
    lab.tunnel_up(7).unwrap();
    ticking(&terminal, clock::wall());
    lab.tunnel_down();
    ticking(&terminal, clock::wall());
    lab.tunnel_up(9).unwrap();
    ticking(&terminal, clock::wall());
    eventually("one ssh to be left", || ssh(&terminal).len() == 1);
}

#[test]
fn what_was_on_its_way_when_the_path_moved_is_no_sign_of_life() {
    let rtt = Duration::from_millis(600);
    let lab = Lab::builder().rtt(rtt).start().unwrap();
    lab.arrive(Net::Home).unwrap();
    lab.start_probe(Mux::Screen, "probe").unwrap();
    let own = ["--session", "probe", "--via", "any", "--stall", "60"];
    let terminal = watch(&lab, &own, &["work4"]);
    ticking(&terminal, clock::wall());
    // Its acknowledgement comes home by the old path, and nothing goes out by that any more.
    terminal.type_keys("x").unwrap();
    lab.tunnel_up(7).unwrap();
    terminal
        .wait_for_text("the old connection does not answer", SOON)
        .unwrap();
    ticking(&terminal, clock::wall());
}

#[test]
fn a_link_that_is_back_and_carries_nothing_at_first_costs_nothing() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let terminal = attached(&lab, "work4", Mux::Screen);
    let first = own(&terminal);
    // Before, or the router would hand on later what it was about to.
    lab.silence(Net::Home).unwrap();
    lab.link_down(Net::Home).unwrap();
    pause(1.0);
    lab.link_up(Net::Home).unwrap();
    // Longer than an answer is waited for.
    pause(0.7);
    lab.unsilence(Net::Home).unwrap();
    ticking(&terminal, clock::wall());
    // What was dialled meanwhile is given up by then.
    pause(1.5);
    assert_eq!(own(&terminal), first);
    assert_eq!(lab.server().connections().authenticated, 1);
}

#[test]
fn a_router_that_drops_everything_is_found_out_by_the_kernel() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    lab.start_probe(Mux::Screen, "probe").unwrap();
    let terminal = watch(&lab, &["--session", "probe", "--stall", "4"], &["work"]);
    ticking(&terminal, clock::wall());
    let first = own(&terminal);
    lab.silence(Net::Home).unwrap();
    terminal.type_keys("lost\r").unwrap();
    eventually("ssh to end", || !same_ssh(&terminal, first));
    pause(2.0);
    lab.unsilence(Net::Home).unwrap();
    ticking(&terminal, clock::wall());
    assert_ne!(own(&terminal), first);
}

#[test]
fn the_servers_sshd_restarts_and_drops_its_sessions() {
    let lab = Lab::new().unwrap();
    let terminal = at_home(&lab);
    lab.server().stop_sshd().unwrap();
    lab.server().kill_sessions().unwrap();
    terminal
        .wait_for_text("connection refused", Duration::from_secs(20))
        .unwrap();
    lab.server().start_sshd().unwrap();
    ticking(&terminal, clock::wall());
}

#[test]
fn two_hundred_flaps_leave_one_ssh_no_zombie_and_no_descriptor() {
    let lab = Lab::new().unwrap();
    let terminal = at_home(&lab);
    let before = netroam_lab::Proc::look(terminal.pid())
        .unwrap()
        .cost()
        .unwrap()
        .descriptors;
    lab.flap(Net::Home, 200, Duration::from_secs(10)).unwrap();
    ticking(&terminal, clock::wall());
    eventually("one ssh to be left", || ssh(&terminal).len() == 1);
    let below = netroam_lab::Proc::below(terminal.pid()).unwrap();
    assert!(
        below.iter().all(|process| process.state != 'Z'),
        "{below:?}"
    );
    eventually("descriptors to be closed", || {
        netroam_lab::Proc::look(terminal.pid())
            .unwrap()
            .cost()
            .unwrap()
            .descriptors
            == before
    });
    let connections = lab.server().connections();
    assert!(connections.all <= 15, "{connections:?}");
}

#[test]
fn tmux_keeps_the_work_as_screen_does() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let terminal = attached(&lab, "work", Mux::Tmux);
    lab.move_to(Net::Cafe).unwrap();
    ticking(&terminal, clock::wall());
}

#[test]
fn every_login_shell_on_the_server_will_do() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    for shell in SHELLS {
        for context in ["screen", "tmux"] {
            let host = format!("work-{shell}");
            let terminal = watch(
                &lab,
                &["--session", "moves", "--context", context],
                &[&host],
            );
            answered(&terminal, "expr 40 + 2", "42");
            let first = own(&terminal);
            lab.move_to(Net::Cafe).unwrap();
            eventually("another ssh", || {
                ssh(&terminal).iter().any(|ssh| ssh.pid != first)
            });
            answered(&terminal, "expr 50 + 5", "55");
            assert!(
                terminal.screen().contains("42"),
                "{shell} in {context}: {}",
                terminal.screen()
            );
            lab.move_to(Net::Home).unwrap();
        }
    }
}
