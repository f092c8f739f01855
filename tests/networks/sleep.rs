//! The laptop sleeps, by logind's word on a real bus.

use netroam_lab::{Bus, Lab, Mux, Net, Proc, Terminal};
use netroam_platform::clock;

use super::{
    log::{Log, place},
    support::{eventually, own, pause, said, same_ssh, ssh, ticking},
};

/// Attached at home over IPv4, and logind is listened to.
fn at_home(lab: &Lab, log: &Log, bus: &Bus) -> Terminal {
    lab.arrive(Net::Home).unwrap();
    lab.start_probe(Mux::Screen, "probe").unwrap();
    let terminal = log.watch(lab, &["--session", "probe", "work4"], &bus.env());
    ticking(&terminal, clock::wall());
    eventually("logind to be listened to", || {
        log.since(0).contains("logind tells of sleep")
    });
    // What goes with the login is over.
    pause(1.0);
    terminal
}

fn own_lines(terminal: &Terminal) -> usize {
    said(terminal).matches("netroam: ").count()
}

#[test]
fn a_connection_that_lives_on_is_asked_and_stays() {
    let lab = Lab::new().unwrap();
    let (bus, log) = (lab.bus().unwrap(), Log::new(&lab));
    let terminal = at_home(&lab, &log, &bus);
    let (first, lines) = (own(&terminal), own_lines(&terminal));
    let mut mark = log.mark();
    for _ in 0..2 {
        bus.prepare_for_sleep(true).unwrap();
        pause(0.5);
        assert_eq!(log.actions(mark), [""; 0], "going to sleep is no reason");
        bus.prepare_for_sleep(false).unwrap();
        eventually("the answer", || log.since(mark).contains("answer: Alive"));
        ticking(&terminal, clock::wall());
        let actions = log.actions(mark);
        assert_eq!(place(&actions, "Probe "), 0, "{actions:#?}");
        // Dialled in case that the answer is no, and given up with the answer.
        let others = ["Probe ", "Dial ", "Discard("];
        assert!(
            actions
                .iter()
                .all(|action| others.iter().any(|other| action.starts_with(other))),
            "{actions:#?}"
        );
        mark = log.mark();
    }
    assert_eq!(own(&terminal), first);
    assert_eq!(own_lines(&terminal), lines, "{}", said(&terminal));
    assert_eq!(lab.server().connections().authenticated, 1);

    // The bus dies: nothing comes of that, and the network's events are heard as ever.
    let mark = log.mark();
    drop(bus);
    let cost = || Proc::look(terminal.pid()).unwrap().cost().unwrap();
    let before = cost();
    pause(2.0);
    let since = cost().since(before);
    assert!(since.wakeups < 10, "{since:?}");
    assert_eq!(log.actions(mark), [""; 0]);
    assert_eq!(own(&terminal), first);
    assert_eq!(own_lines(&terminal), lines, "{}", said(&terminal));
    lab.move_to(Net::Cafe).unwrap();
    ticking(&terminal, clock::wall());
}

/// Has home's router forget the laptop's connections, as one with a firewall does after an hour without a packet: what belongs to them is
/// dropped, in both directions, and what is new passes.
fn forget_connections(lab: &Lab, log: &Log) {
    let log = log.since(0);
    let local = log
        .lines()
        .filter_map(|line| line.split_once(" connected ")?.1.split_once("local="))
        .filter_map(|(_, rest)| rest.split_whitespace().next()?.rsplit_once(':'));
    let ports: Vec<_> = local.map(|(_, port)| port).collect();
    assert!(!ports.is_empty(), "{log}");
    let ports = ports.join(", ");
    lab.router(Net::Home)
        .nft(&format!(
            "table inet forgets {{ chain way {{ type filter hook forward priority -10; \
             tcp sport {{ {ports} }} drop; tcp dport {{ {ports} }} drop; }}; }}"
        ))
        .unwrap();
}

#[test]
fn a_connection_that_died_meanwhile_is_found_out_by_asking() {
    let lab = Lab::new().unwrap();
    let (bus, log) = (lab.bus().unwrap(), Log::new(&lab));
    let terminal = at_home(&lab, &log, &bus);
    let (first, mark) = (own(&terminal), log.mark());
    bus.prepare_for_sleep(true).unwrap();
    forget_connections(&lab, &log);
    pause(3.0);
    assert_eq!(log.actions(mark), [""; 0], "nobody knows yet");
    let woke = clock::wall();
    bus.prepare_for_sleep(false).unwrap();
    let took = ticking(&terminal, woke);
    // Far sooner than the kernel's own timers, which end what is silent for 15 s.
    assert!(took < 10.0, "{took} s");
    let actions = log.actions(mark);
    let silent = log.since(mark).find("answer: Silent").unwrap();
    let (probe, start) = (place(&actions, "Probe "), place(&actions, "Start "));
    let given_up = place(&actions, "Silence ");
    assert!(probe < given_up && given_up < start, "{actions:#?}");
    assert!(silent < log.since(mark).find("action=Silence").unwrap());
    assert!(
        actions[given_up].contains("reason: Silent(Slept)"),
        "{actions:#?}"
    );
    assert!(
        said(&terminal)
            .contains("netroam: work4: the machine slept, and the old connection does not answer"),
        "{}",
        said(&terminal)
    );
    // Stopped, and ended when the new one is well attached.
    eventually("the old ssh to be gone", || !same_ssh(&terminal, first));
    assert_eq!(lab.server().connections().authenticated, 2);
}

#[test]
fn a_network_that_comes_ten_seconds_after_the_wake_is_waited_for() {
    let lab = Lab::new().unwrap();
    let (bus, log) = (lab.bus().unwrap(), Log::new(&lab));
    let terminal = at_home(&lab, &log, &bus);
    let sniffer = lab.sniff().unwrap();
    // As a network manager does it that has heard the same word.
    bus.prepare_for_sleep(true).unwrap();
    lab.leave(Net::Home).unwrap();
    eventually("ssh to be gone", || ssh(&terminal).is_empty());
    pause(1.0);
    let (mark, woke) = (log.mark(), clock::wall());
    bus.prepare_for_sleep(false).unwrap();
    pause(10.0);
    assert_eq!(log.actions(mark), [""; 0]);
    assert!(ssh(&terminal).is_empty());
    let sent = sniffer.to_server(woke);
    assert!(sent.is_empty(), "{sent:?}");
    assert!(
        terminal.screen().contains("waiting for the network"),
        "{}",
        terminal.screen()
    );
    lab.arrive(Net::Home).unwrap();
    ticking(&terminal, clock::wall());
    assert_eq!(lab.server().connections().authenticated, 2);
}
