//! Tunnels that stay, move, swallow, or are none.

use netroam_lab::{Lab, Mux, Net, Terminal};
use netroam_platform::clock;

use super::support::{
    SOON, answered, attached, eventually, own, pause, prompt, said, ssh, status, ticking, watch,
};

#[test]
fn wireguard_by_rule_is_wanted_by_its_name_and_keeps_its_session_on_the_move() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    lab.start_probe(Mux::Screen, "probe").unwrap();
    let wireguard = lab.wireguard(&[Lab::INSIDE_NET]).unwrap();
    let sniffer = lab.sniff().unwrap();
    let since = clock::wall();
    let terminal = watch(&lab, &["--session", "probe", "--via", "wg*"], &["inside"]);
    status(&terminal, "netroam: waiting for wg* to inside [");
    // Another tunnel leads there, too: not that one.
    lab.tunnel_up(5).unwrap();
    pause(1.0);
    assert!(sniffer.to_server(since).is_empty());
    lab.tunnel_down();
    wireguard.up().unwrap();
    ticking(&terminal, since);

    let first = own(&terminal);
    for net in [Net::Cafe, Net::Home] {
        lab.move_to(net).unwrap();
        wireguard.follow().unwrap();
        ticking(&terminal, clock::wall());
        assert_eq!(
            own(&terminal),
            first,
            "the tunnel has moved, not the session"
        );
    }

    wireguard.down().unwrap();
    status(&terminal, "waiting for wg* to inside, last seen wg0");
    eventually("ssh to be gone", || ssh(&terminal).is_empty());
    let down = clock::wall();
    lab.move_to(Net::Cafe).unwrap();
    pause(2.0);
    assert!(sniffer.to_server(down).is_empty());
    wireguard.up().unwrap();
    ticking(&terminal, down);
    assert!(sniffer.to_server(since).iter().all(|sent| sent.in_tunnel));
}

/// Attached to the public address through a tunnel that keeps its address wherever the laptop is.
fn overlaid(lab: &Lab, host: &str) -> (Terminal, u32) {
    lab.arrive(Net::Home).unwrap();
    lab.tunnel_up(7).unwrap();
    let terminal = attached(lab, host, Mux::Screen);
    let ssh = own(&terminal);
    (terminal, ssh)
}

#[test]
fn a_session_through_an_overlay_outlives_moves_of_the_network_under_it() {
    let lab = Lab::new().unwrap();
    let (terminal, first) = overlaid(&lab, "inside");
    let before = said(&terminal).len();
    for net in [Net::Cafe, Net::Home] {
        lab.move_to(net).unwrap();
        ticking(&terminal, clock::wall());
        assert_eq!(own(&terminal), first);
    }
    // The next one before the last one goes.
    lab.arrive_as(Net::Cafe, Lab::HOST, Lab::METRIC / 2)
        .unwrap();
    ticking(&terminal, clock::wall());
    lab.leave(Net::Home).unwrap();
    ticking(&terminal, clock::wall());
    assert_eq!(own(&terminal), first);
    assert_eq!(lab.server().connections().authenticated, 1);
    let since = said(&terminal).split_off(before);
    assert!(!since.contains(" lost "), "{since}");
}

#[test]
fn ten_seconds_without_a_network_under_an_overlay_do_not_end_the_session() {
    let lab = Lab::new().unwrap();
    let (terminal, first) = overlaid(&lab, "inside");
    lab.leave(Net::Home).unwrap();
    pause(10.0);
    assert_eq!(own(&terminal), first);
    lab.arrive(Net::Cafe).unwrap();
    ticking(&terminal, clock::wall());
    // Whatever else was dialled meanwhile has been given up.
    pause(2.0);
    ticking(&terminal, clock::wall());
    assert_eq!(own(&terminal), first);
    assert_eq!(lab.server().connections().authenticated, 1);
}

/// A tunnel that swallows what is larger than this, out or back, hangs the first login, which is named, and the second one succeeds.
fn gets_through(out: Option<usize>, back: Option<usize>) {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    lab.tunnel_swallows_larger_than(out, back);
    lab.tunnel_up(7).unwrap();
    let start = clock::now();
    let terminal = watch(&lab, &["--session", "people"], &["inside"]);
    terminal.resize(24, 160).unwrap();
    status(
        &terminal,
        "netroam: inside: the login hangs (MTU?), trying with small packets",
    );
    prompt(&terminal);
    let waited = clock::now().since(start).as_secs_f64();
    assert!(
        (15.0..22.0).contains(&waited),
        "a deadline, and then a login: {waited} s"
    );
    // What is large comes through in small pieces, both ways.
    answered(
        &terminal,
        &format!("echo {} | wc -c", "x".repeat(3000)),
        "\n3001",
    );
    answered(&terminal, "seq 1 3000", "\n2999\n3000");
}

#[test]
fn an_mtu_hole_is_named_and_small_segments_get_through_it() {
    gets_through(Some(1200), Some(1200));
}

#[test]
fn an_mtu_hole_on_the_way_out_is_enough() {
    gets_through(Some(1200), None);
}

#[test]
fn an_mtu_hole_on_the_way_back_is_enough() {
    gets_through(None, Some(1200));
}

#[test]
fn where_ssh_dials_itself_it_is_not_started_before_a_tunnel_leads_there() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    lab.start_probe(Mux::Screen, "probe").unwrap();
    let useless = lab.wireguard(&["10.77.0.0/24"]).unwrap();
    let sniffer = lab.sniff().unwrap();
    let since = clock::wall();
    let own = ["--session", "probe", "--dial", "ssh", "--via", "tunnel"];
    let terminal = watch(&lab, &own, &["inside"]);
    status(&terminal, "waiting for a tunnel to inside [");
    useless.up().unwrap();
    pause(3.0);
    let sent = sniffer.to_server(since);
    assert!(sent.is_empty() && ssh(&terminal).is_empty(), "{sent:?}");
    lab.tunnel_up(2).unwrap();
    ticking(&terminal, since);
    lab.tunnel_down();
    status(&terminal, "waiting for a tunnel to inside, last seen vpn0");
    eventually("ssh to be gone", || ssh(&terminal).is_empty());
    let down = clock::wall();
    lab.move_to(Net::Cafe).unwrap();
    pause(2.0);
    let sent = sniffer.to_server(down);
    assert!(sent.is_empty() && ssh(&terminal).is_empty(), "{sent:?}");
    lab.tunnel_up(3).unwrap();
    ticking(&terminal, down);
}

#[test]
fn a_bridge_a_veth_and_a_tap_in_a_bridge_are_no_tunnels() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    lab.start_probe(Mux::Screen, "probe").unwrap();
    let terminal = watch(
        &lab,
        &["--session", "probe", "--via", "tunnel"],
        &["inside"],
    );
    status(&terminal, "waiting for a tunnel to inside [");
    // A container's network, and a virtual machine's beside it, on the very network of the host.
    lab.laptop()
        .ip_batch(
            "link add docker0 type bridge\nlink add veth7 type veth peer name eth7\nlink set veth7 master docker0 up\n\
             tuntap add dev tap0 mode tap\nlink set tap0 master docker0 up\nlink set eth7 up\nlink set docker0 up\n\
             addr add 10.99.0.77/24 dev docker0\naddr add 10.98.0.2/24 dev eth7\n",
        )
        .unwrap();
    let way = || {
        lab.laptop()
            .ip(&format!("route get {}", Lab::INSIDE_V4))
            .unwrap()
    };
    assert!(way().contains("dev docker0"), "{}", way());
    pause(2.0);
    lab.laptop()
        .ip_batch(&format!(
            "addr flush dev docker0\nroute add {} dev eth7\n",
            Lab::INSIDE_NET
        ))
        .unwrap();
    assert!(way().contains("dev eth7"), "{}", way());
    pause(2.0);
    // Nobody tried: the kernel would have looked for the neighbour.
    let tried = lab.laptop().ip(&format!("neigh show {}", Lab::INSIDE_V4));
    assert_eq!(tried.unwrap(), "");
    status(&terminal, "waiting for a tunnel to inside [");
    let since = clock::wall();
    lab.laptop().ip("link del docker0").unwrap();
    lab.laptop().ip("link del veth7").unwrap();
    lab.tunnel_up(2).unwrap();
    ticking(&terminal, since);
    terminal.wait_for_text("tick", SOON).unwrap();
}
