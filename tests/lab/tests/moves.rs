//! What the lab does to the laptop's networks is what the kernel and ssh then see.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test ends where something fails")]

use std::time::{Duration, SystemTime};

use netroam_lab::{Client, Lab, Mux, Net, Proc, Terminal, seconds};

const SOON: Duration = Duration::from_secs(20);

type Move = fn(&Lab, Net) -> anyhow::Result<()>;

/// A bare ssh, attached to the probe in screen.
fn attached(lab: &Lab, host: &str) -> Terminal {
    lab.start_probe(Mux::Screen, "probe").unwrap();
    let terminal = lab
        .run(&Client::ssh(lab, host, Mux::Screen, "probe"))
        .unwrap();
    terminal.wait_for_tick(SystemTime::now(), SOON).unwrap();
    terminal
}

fn sleep(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

#[test]
fn both_families_and_both_networks_reach_the_server() {
    let lab = Lab::new().unwrap();
    for net in Net::ALL {
        lab.move_to(net).unwrap();
        for address in [Lab::SERVER_V4, Lab::SERVER_V6] {
            lab.laptop()
                .sh(&format!("ping -c 1 -W 2 {address}"))
                .unwrap();
        }
        lab.laptop()
            .sh(&format!("! ping -c 1 -W 0.3 {}", Lab::INSIDE_V4))
            .unwrap();
    }
    lab.leave(Net::Cafe).unwrap();
    let answer = lab
        .laptop()
        .sh(&format!("! ip route get {} 2>&1", Lab::SERVER_V4))
        .unwrap();
    assert!(answer.contains("unreachable"), "{answer}");
}

#[test]
fn a_network_is_usable_and_announced_at_once() {
    for lab in [
        Lab::new(),
        Lab::builder().rtt(Duration::from_millis(10)).start(),
    ]
    .map(Result::unwrap)
    {
        let events = lab.kernel_events().unwrap();
        for (net, address) in [
            (Net::Home, Lab::SERVER_V6),
            (Net::Cafe, Lab::SERVER_V4),
            (Net::Home, Lab::SERVER_V4),
        ] {
            lab.move_to(net).unwrap();
            // The first packet is answered: none is lost to a link that is not ready.
            lab.laptop()
                .sh(&format!("ping -c 1 -W 0.5 {address}"))
                .unwrap();
        }
        let losing = SystemTime::now();
        lab.carrier_lost(Net::Home).unwrap();
        sleep(100);
        let announced = events
            .since(losing)
            .first()
            .map(|event| seconds(losing, event.at));
        assert!(announced.is_some_and(|after| after < 0.05), "{announced:?}");
    }
}

#[test]
fn a_foreign_source_gets_no_answer() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    lab.arrive_as(Net::Cafe, 10, 50).unwrap();
    let sniffer = lab.sniff().unwrap();
    let start = SystemTime::now();
    // Goes out to the café, by the better route, with an address of home.
    lab.laptop()
        .sh(&format!(
            "! ping -c 1 -W 0.3 -I {} {}",
            Net::Home.v4(10),
            Lab::SERVER_V4
        ))
        .unwrap();
    assert_eq!(sniffer.to_server(start).len(), 1);
}

#[test]
fn a_cafe_without_ipv4_has_none() {
    let lab = Lab::builder().cafe_ipv6_only().start().unwrap();
    lab.arrive(Net::Cafe).unwrap();
    lab.laptop()
        .sh(&format!(
            "ping -c 1 -W 2 {}; ! ip route get {}",
            Lab::SERVER_V6,
            Lab::SERVER_V4
        ))
        .unwrap();
    assert!(
        !lab.laptop()
            .ip("-4 addr show dev cafe0")
            .unwrap()
            .contains("inet ")
    );
}

#[test]
fn leaving_stops_the_ticks_and_ssh_does_not_notice() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let mut terminal = attached(&lab, "work");
    lab.move_to(Net::Cafe).unwrap();
    let left = SystemTime::now();
    sleep(1500);
    assert!(
        terminal.ticks().first_emitted_after(left).is_none(),
        "{:?}",
        terminal.ticks().last()
    );
    assert!(terminal.exited().unwrap().is_none());
    let gone = terminal.ticks().longest_gap(left, SystemTime::now());
    assert!(gone >= Duration::from_millis(1500), "{gone:?}");
    let typed = SystemTime::now();
    let again = lab
        .run(&Client::ssh(&lab, "work", Mux::Screen, "probe"))
        .unwrap();
    let tick = again.wait_for_tick(typed, SOON).unwrap();
    assert!(seconds(typed, tick.seen) < 10.0);
}

#[test]
fn blips_keep_the_connection() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let terminal = attached(&lab, "work");
    let blips: [(&str, Move, Move); 4] = [
        ("link", Lab::link_down, Lab::link_up),
        ("carrier", Lab::carrier_lost, Lab::carrier_back),
        ("addresses", Lab::remove_addresses, Lab::restore_addresses),
        ("routes", Lab::remove_routes, Lab::restore_routes),
    ];
    for (name, lose, regain) in blips {
        lose(&lab, Net::Home).unwrap();
        // Without a route ticks still arrive for a while; what is typed cannot leave.
        terminal.type_keys(&format!("{name}\r")).unwrap();
        sleep(600);
        assert_eq!(terminal.ticks().echoed(name), None);
        regain(&lab, Net::Home).unwrap();
        terminal.wait_for_tick(SystemTime::now(), SOON).unwrap();
        terminal.wait_for_echo(name, SOON).unwrap();
    }
    assert_eq!(lab.server().connections().all, 1);
}

#[test]
fn carrier_loss_keeps_addresses_and_routes() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    lab.carrier_lost(Net::Home).unwrap();
    let link = lab.laptop().ip("link show home0").unwrap();
    assert!(link.contains("NO-CARRIER"), "{link}");
    assert!(
        lab.laptop()
            .ip("addr show home0")
            .unwrap()
            .contains(&Net::Home.v4(Lab::HOST))
    );
    assert!(
        lab.laptop()
            .ip("route show default")
            .unwrap()
            .contains("linkdown")
    );
}

#[test]
fn a_silenced_router_says_nothing_at_all() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let terminal = attached(&lab, "work");
    let events = lab.kernel_events().unwrap();
    let sniffer = lab.sniff().unwrap();
    lab.silence(Net::Home).unwrap();
    let silent = SystemTime::now();
    terminal.type_keys("x").unwrap();
    sleep(1500);
    assert!(terminal.ticks().first_emitted_after(silent).is_none());
    assert!(
        sniffer.to_server(silent).len() >= 2,
        "ssh sends, and sends again"
    );
    let answers = sniffer
        .packets()
        .iter()
        .filter(|p| !p.outgoing && p.protocol == 6 && p.at > silent)
        .count();
    assert_eq!(answers, 0);
    assert!(
        events
            .since(silent)
            .iter()
            .all(|event| event.kind == "OTHER"),
        "{:?}",
        events.since(silent)
    );
    lab.unsilence(Net::Home).unwrap();
    terminal.wait_for_tick(SystemTime::now(), SOON).unwrap();
    assert_eq!(lab.server().connections().all, 1);
}

#[test]
fn a_router_that_forgets_drops_what_was_there_and_passes_what_is_new() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let terminal = attached(&lab, "work4");
    lab.forget_mappings(Net::Home).unwrap();
    let forgotten = SystemTime::now();
    let ssh = format!("ssh -F {} work4 true", lab.ssh_config().display());
    lab.laptop().sh(&ssh).unwrap();
    lab.laptop().sh(&ssh).unwrap();
    assert!(terminal.ticks().first_emitted_after(forgotten).is_none());
}

#[test]
fn both_networks_at_once_and_the_metric_decides() {
    let lab = Lab::new().unwrap();
    let device = |lab: &Lab| {
        let answer = lab
            .laptop()
            .ip(&format!("route get {}", Lab::SERVER_V4))
            .unwrap();
        answer
            .split("dev ")
            .nth(1)
            .unwrap()
            .split(' ')
            .next()
            .unwrap()
            .to_owned()
    };
    lab.arrive_as(Net::Home, 10, 200).unwrap();
    lab.arrive_as(Net::Cafe, 10, 300).unwrap();
    assert_eq!(device(&lab), "home0");
    lab.set_metric(Net::Cafe, 50).unwrap();
    assert_eq!(device(&lab), "cafe0");
    lab.leave(Net::Cafe).unwrap();
    assert_eq!(device(&lab), "home0");
    lab.readdress(Net::Home, 77).unwrap();
    assert!(
        lab.laptop()
            .ip(&format!("route get {}", Lab::SERVER_V4))
            .unwrap()
            .contains("src 192.168.1.77")
    );
}

#[test]
fn an_adapter_can_be_unplugged() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    lab.unplug(Net::Home).unwrap();
    assert!(lab.laptop().ip("link show home0").is_err());
    lab.plug(Net::Home).unwrap();
    lab.arrive(Net::Home).unwrap();
    lab.laptop()
        .sh(&format!("ping -c 1 -W 2 {}", Lab::SERVER_V4))
        .unwrap();
}

#[test]
fn flaps_end_with_the_link_up() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let events = lab.kernel_events().unwrap();
    let start = SystemTime::now();
    lab.flap(Net::Home, 20, Duration::from_secs(1)).unwrap();
    // On an idle machine 1.0 s; other tests may run beside this one.
    assert!((0.9..5.0).contains(&seconds(start, SystemTime::now())));
    assert!(
        events
            .since(start)
            .iter()
            .filter(|event| event.kind == "NEWLINK")
            .count()
            >= 40
    );
    lab.laptop()
        .sh(&format!("ping -c 1 -W 2 {}", Lab::SERVER_V6))
        .unwrap();
}

#[test]
fn the_tunnel_leads_inside_and_survives_a_move() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    lab.tunnel_up(2).unwrap();
    let sniffer = lab.sniff().unwrap();
    let inside = attached(&lab, "inside");
    let route = lab
        .laptop()
        .ip(&format!("route get {}", Lab::SERVER_V4))
        .unwrap();
    assert!(
        route.contains("dev vpn0") && route.contains("src 10.8.0.2"),
        "{route}"
    );
    lab.move_to(Net::Cafe).unwrap();
    inside.wait_for_tick(SystemTime::now(), SOON).unwrap();
    assert!(
        sniffer
            .packets()
            .iter()
            .filter(|packet| packet.is_to_server())
            .all(|packet| packet.in_tunnel)
    );
    lab.tunnel_down();
    let down = SystemTime::now();
    assert!(lab.laptop().ip("link show vpn0").is_err());
    sleep(500);
    assert!(inside.ticks().first_emitted_after(down).is_none());
    lab.tunnel_up(3).unwrap();
    assert!(
        lab.laptop()
            .ip(&format!("route get {}", Lab::INSIDE_V4))
            .unwrap()
            .contains("src 10.8.0.3")
    );
}

#[test]
fn the_delay_is_what_was_asked_for_and_keeps_the_order() {
    let lab = Lab::builder()
        .rtt(Duration::from_millis(50))
        .start()
        .unwrap();
    lab.arrive(Net::Home).unwrap();
    let rtt = |lab: &Lab| -> f64 {
        let out = lab
            .laptop()
            .sh(&format!("ping -i 0.02 -c 20 {}", Lab::SERVER_V4))
            .unwrap();
        let mut times: Vec<f64> = out
            .split("time=")
            .skip(1)
            .map(|rest| rest.split(' ').next().unwrap().parse().unwrap())
            .collect();
        let numbers: Vec<u32> = out
            .split("icmp_seq=")
            .skip(1)
            .map(|rest| rest.split(' ').next().unwrap().parse().unwrap())
            .collect();
        assert!(numbers.is_sorted() && numbers.len() == 20, "{out}");
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let measured = rtt(&lab);
    assert!((50.0..51.5).contains(&measured), "{measured} ms");
    lab.set_rtt(Duration::from_millis(20)).unwrap();
    let measured = rtt(&lab);
    assert!((20.0..21.5).contains(&measured), "{measured} ms");
    // A megabyte through TCP: the kernel would count what came out of order.
    lab.laptop()
        .sh(&format!(
            "head -c 1000000 /dev/zero | ssh -F {} work 'cat >/dev/null'",
            lab.ssh_config().display()
        ))
        .unwrap();
    let snmp = lab
        .server()
        .node()
        .sh("nstat -asz TcpExtTCPOFOQueue | tail -1")
        .unwrap();
    assert_eq!(snmp.split_whitespace().nth(1), Some("0"), "{snmp}");
}

#[test]
fn the_handover_of_packets_has_kernel_times() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let sniffer = lab.sniff().unwrap();
    let start = SystemTime::now();
    lab.laptop()
        .sh(&format!(
            "bash -c 'exec 3<>/dev/tcp/{}/22; head -c 4 <&3'",
            Lab::SERVER_V4
        ))
        .unwrap();
    let end = SystemTime::now();
    sleep(20);
    let syns = sniffer.syns(start);
    assert_eq!(syns.len(), 1);
    assert!(
        syns[0].at < end && syns[0].destination_port == 22,
        "{syns:?}"
    );
    assert_eq!(lab.server().connections().unauthenticated(), 1);
}

#[test]
fn a_lab_leaves_no_process_behind() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let terminal = attached(&lab, "work");
    let running: Vec<Proc> = lab.server().processes().unwrap();
    assert!(
        running
            .iter()
            .any(|process| process.name.eq_ignore_ascii_case("screen")),
        "{running:?}"
    );
    let dir = lab.dir().to_owned();
    drop(terminal);
    drop(lab);
    for process in running {
        assert!(
            Proc::look(process.pid)
                .is_none_or(|now| now.state == 'Z' || now.command != process.command),
            "{process:?}"
        );
    }
    assert!(!dir.exists());
}
