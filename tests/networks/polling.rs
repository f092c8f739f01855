//! Where nobody tells of a change: `--events portable`, what every Unix has.

use std::fs;

use netroam_lab::{Lab, Mux, Net, Terminal};
use netroam_platform::clock;

use super::support::{at_home, eventually, own, pause, prompt, said, ssh, status, ticking, watch};

/// From one look to the next, in seconds.
const PERIOD: f64 = 5.0;

/// What a login takes at most on a machine that compiles beside it.
const LOGIN: f64 = 3.0;

/// Attached to the ticking probe, by looking alone.
fn polling(lab: &Lab, own: &[&str], host: &str) -> Terminal {
    lab.start_probe(Mux::Screen, "probe").unwrap();
    let options = [&["--session", "probe", "--events", "portable"], own].concat();
    let terminal = watch(lab, &options, &[host]);
    ticking(&terminal, clock::wall());
    terminal
}

/// Whether a process subscribes to the kernel's own events: it has a netlink socket that is in a group (`/proc/net/netlink`).
fn subscribes(terminal: &Terminal) -> bool {
    let of = |what: &str| format!("/proc/{}/{what}", terminal.pid());
    let sockets: Vec<String> = fs::read_dir(of("fd"))
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
        .map(|link| link.to_string_lossy().into_owned())
        .collect();
    fs::read_to_string(of("net/netlink"))
        .unwrap()
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        // sk, protocol, port, groups, … inode
        .any(|socket| {
            let inode = format!("socket:[{}]", socket.last().unwrap());
            !socket[3].trim_start_matches('0').is_empty() && sockets.contains(&inode)
        })
}

fn log(lab: &Lab) -> String {
    fs::read_to_string(lab.home_dir().join(".local/state/netroam/netroam.log")).unwrap()
}

#[test]
fn from_home_to_the_cafe_and_back_within_one_look_and_a_login() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let terminal = polling(&lab, &[], "work");
    for net in [Net::Cafe, Net::Home] {
        let first = own(&terminal);
        lab.move_to(net).unwrap();
        let took = ticking(&terminal, clock::wall());
        assert!(took < PERIOD + LOGIN, "{took} s");
        assert_ne!(own(&terminal), first);
    }
    assert!(!subscribes(&terminal), "nothing told of the moves");
    eventually("one ssh to be left", || ssh(&terminal).len() == 1);
    assert_eq!(
        log(&lab).matches("looking at the network, since").count(),
        1
    );
}

#[test]
fn by_default_the_kernel_is_heard() {
    let lab = Lab::new().unwrap();
    let terminal = at_home(&lab);
    assert!(subscribes(&terminal));
}

#[test]
fn a_vpn_that_comes_up_late_is_found() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    lab.tunnel_up(7).unwrap();
    let terminal = polling(&lab, &[], "inside");
    lab.tunnel_down();
    status(&terminal, "waiting for a tunnel to inside, last seen vpn0");
    lab.move_to(Net::Cafe).unwrap();
    pause(PERIOD + 1.0);
    assert!(ssh(&terminal).is_empty());
    lab.tunnel_up(9).unwrap();
    let took = ticking(&terminal, clock::wall());
    assert!(took < PERIOD + LOGIN, "{took} s");
}

#[test]
fn looks_that_find_nothing_new_change_nothing() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let own_options = ["--session", "people", "--events", "portable"];
    let terminal = watch(&lab, &own_options, &["work"]);
    prompt(&terminal);
    let journal = lab
        .home_dir()
        .join(".local/state/netroam/journal/work.jsonl");
    let quiet = |what: &str| {
        pause(1.0);
        let (screen, noted) = (said(&terminal), fs::read_to_string(&journal).unwrap());
        pause(2.0 * PERIOD + 1.0);
        assert_eq!(said(&terminal), screen, "{what}");
        assert_eq!(fs::read_to_string(&journal).unwrap(), noted, "{what}");
    };
    quiet("attached");
    lab.leave(Net::Home).unwrap();
    status(&terminal, "waiting for the network");
    quiet("waiting");

    // Refused, it waits 1, 2, 4, 8 s: a look must not begin that anew.
    lab.server().stop_sshd().unwrap();
    let sniffer = lab.sniff().unwrap();
    lab.arrive(Net::Home).unwrap();
    status(&terminal, "connection refused");
    let since = clock::wall();
    pause(3.0 * PERIOD);
    let syns = sniffer.syns(since);
    // Each time once for each family.
    assert!(syns.len() <= 8, "{} SYNs: {syns:?}", syns.len());
}

#[test]
fn a_blip_that_a_look_sees_keeps_the_connection() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let terminal = polling(&lab, &[], "work4");
    let first = own(&terminal);
    lab.carrier_lost(Net::Home).unwrap();
    eventually("the look that sees it", || {
        log(&lab).contains("status=Holding(")
    });
    lab.carrier_back(Net::Home).unwrap();
    // The hold ends before the next look is due.
    ticking(&terminal, clock::wall());
    assert_eq!(own(&terminal), first);
    assert_eq!(lab.server().connections().authenticated, 1);
}
