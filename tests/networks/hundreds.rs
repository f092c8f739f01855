//! `netroam up` with hundreds of sessions to one server.

use std::time::Duration;

use netroam_lab::{Lab, Net, Proc, ProcCost};
use netroam_platform::clock;
use nix::sys::signal::Signal;

use super::{
    many::{ask, comes_through, configure, said, tunnel, up},
    support::{SOON, nothing_left, pause},
};

/// So many tunnels to one server.
const MANY: u16 = 200;

/// How long they may take to be attached: a login costs some 0.1 s of processor here, on both sides together.
const ALL: Duration = Duration::from_secs(240);

/// Waits until all of them are attached over this interface, and says how long it took since it was called.
fn all_attached(lab: &Lab, interface: &str) -> Duration {
    let began = clock::now();
    loop {
        let output = ask(lab, &["ls", "--json"]);
        let attached = said(&output)
            .matches(&format!("\"attached via {interface}"))
            .count();
        let passed = clock::now().since(began);
        if attached == usize::from(MANY) {
            return passed;
        }
        assert!(passed < ALL, "{attached} of {MANY} after {passed:?}");
        pause(0.25);
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "what was measured")]
fn two_hundred_tunnels_to_one_server_roam_and_never_trip_its_defaults() {
    let lab = Lab::builder()
        .sshd("MaxStartups 10:30:100")
        .start()
        .unwrap();
    lab.arrive(Net::Home).unwrap();
    let text: String = (0..MANY)
        .map(|number| tunnel(&format!("t{number}"), 20_000 + number))
        .collect();
    configure(&lab, &text);
    let mut netroam = up(&lab, &[]);
    let cost = || -> ProcCost { Proc::look(netroam.pid()).unwrap().cost().unwrap() };
    let first = all_attached(&lab, "home0");
    let begun = cost();
    pause(10.0);
    let idle = cost().since(begun);
    let before = cost();
    lab.move_to(Net::Cafe).unwrap();
    let back = all_attached(&lab, "cafe0");
    let roamed = cost().since(before);
    for port in [20_000, 20_099, 20_199] {
        assert!(comes_through(&lab, port), "{port}");
    }
    let log = lab.server().log();
    for trouble in ["MaxStartups", "drop connection", "penalty"] {
        // The lab itself looks whether sshd is there, from the server's own loopback, and OpenSSH 10 has a penalty for that.
        let about_us = |line: &&str| line.contains(trouble) && !line.contains("127.0.0.1");
        let lines: Vec<_> = log.lines().filter(about_us).collect();
        assert!(lines.is_empty(), "in the log of sshd: {lines:#?}");
    }
    let connections = lab.server().connections();
    eprintln!(
        "{MANY} tunnels: attached after {first:?} ({:?} of processor), {} kB resident, {} descriptors;\n\
         idle for 10 s: {:?} of processor, {} wake-ups;\n\
         back after {back:?} ({:?} of processor), {} kB resident; {} connections, {} without a login",
        begun.cpu,
        begun.rss_kb,
        begun.descriptors,
        idle.cpu,
        idle.wakeups,
        roamed.cpu,
        roamed.rss_kb,
        connections.all,
        connections.unauthenticated(),
    );
    assert!(idle.cpu < Duration::from_millis(50), "{idle:?}");
    assert!(connections.unauthenticated() <= 5, "{connections:?}");
    netroam.signal(Signal::SIGTERM).unwrap();
    assert_eq!(netroam.wait_exit(SOON).unwrap().code(), Some(0));
    nothing_left(&lab);
}
