//! What goes wrong around netroam: a host that never comes to its banner, a kernel that says more than fits, a disk that takes nothing, a
//! clock that is set, and a context that is killed.

use std::{
    fs,
    time::{Duration, SystemTime},
};

use netroam_lab::{Answer, Lab, Mux, Net, Proc, Terminal};
use netroam_platform::clock;
use nix::sys::signal::Signal;
use serde_json::Value;

use super::log::Log;
use super::support::{
    SOON, at_home, attached, ended, eventually, netroam, nothing_left, ours, own, pause, said,
    same_ssh, ssh, status, ticking, watch,
};

const MEGABYTE: &[u8] = &[b'x'; 1 << 20];

#[test]
fn whoever_never_comes_to_a_banner_is_given_up_and_costs_nothing() {
    let lab = Lab::new().unwrap();
    let terminal = at_home(&lab);
    let memory = || Proc::look(terminal.pid()).unwrap().cost().unwrap();
    let before = memory();
    for answer in [Answer::Drips, Answer::Says(MEGABYTE)] {
        let portal = lab.portal(answer).unwrap();
        lab.move_to(Net::Cafe).unwrap();
        status(
            &terminal,
            "the network answers in work's place (captive portal?)",
        );
        assert!(ssh(&terminal).is_empty(), "{answer:?}");
        assert!(!portal.accepted().is_empty(), "{answer:?}");
        lab.move_to(Net::Home).unwrap();
        ticking(&terminal, clock::wall());
    }
    let grown = memory().rss_kb.saturating_sub(before.rss_kb);
    assert!(grown < 4096, "{grown} kB more");
}

#[test]
fn ten_thousand_routes_that_changed_meanwhile_hide_no_move() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    lab.start_probe(Mux::Screen, "probe").unwrap();
    let log = Log::new(&lab);
    let terminal = log.watch(&lab, &["--session", "probe", "work"], &[]);
    ticking(&terminal, clock::wall());
    let (first, mark) = (own(&terminal), log.mark());
    terminal.signal(Signal::SIGSTOP).unwrap();
    let lines: Vec<_> = (0..5000)
        .map(|n| format!("route add 198.18.{}.{}/32 dev lo\n", n / 250, n % 250))
        .collect();
    let lines = lines.concat();
    lab.laptop().ip_batch(&lines).unwrap();
    lab.laptop().ip_batch(&lines.replace("add", "del")).unwrap();
    // After all that, so that its own message is one that finds no room.
    lab.move_to(Net::Cafe).unwrap();
    terminal.signal(Signal::SIGCONT).unwrap();
    ticking(&terminal, clock::wall());
    assert!(!same_ssh(&terminal, first));
    let log = log.since(mark);
    assert!(
        log.contains("Everything(Overrun)"),
        "it all found room: {log}"
    );
}

#[test]
fn a_state_directory_that_takes_nothing_is_one_line_and_the_session_is_kept() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let state = lab.home_dir().join(".local/state");
    fs::create_dir_all(&state).unwrap();
    lab.laptop()
        .sh(&format!("mount -t tmpfs -o ro tmpfs {}", state.display()))
        .unwrap();
    let mut terminal = attached(&lab, "work", Mux::Screen);
    lab.move_to(Net::Cafe).unwrap();
    ticking(&terminal, clock::wall());
    let said = said(&terminal);
    assert_eq!(
        said.matches("going on without one").count(),
        1,
        "once, and nothing more: {said}"
    );
    terminal.signal(Signal::SIGTERM).unwrap();
    ended(&lab, &mut terminal);
}

/// netroam with this library between it and the clock on the wall, which is as far off as the file says (faketime(1)).
fn with_clock(lab: &Lab, file: &str) -> Terminal {
    // Below a directory that is called after the machine.
    let library = glob::glob("/usr/lib/*/faketime/libfaketime.so.1")
        .unwrap()
        .next()
        .expect("libfaketime is installed")
        .unwrap();
    let env = [
        ("LD_PRELOAD", library.to_str().unwrap()),
        ("FAKETIME_TIMESTAMP_FILE", file),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    let config = lab.ssh_config();
    let words = [
        netroam().to_str().unwrap(),
        "watch",
        "--session",
        "probe",
        "-F",
        config.to_str().unwrap(),
        "work",
    ];
    lab.start_probe(Mux::Screen, "probe").unwrap();
    let terminal = lab.terminal_with(&words, 24, 80, &env).unwrap();
    ticking(&terminal, clock::wall());
    terminal
}

#[test]
fn a_clock_that_is_set_back_and_forth_changes_no_decision() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let file = lab.dir().join("clock");
    fs::write(&file, "+0\n").unwrap();
    let terminal = with_clock(&lab, file.to_str().unwrap());
    for (offset, net) in [("-400d\n", Net::Cafe), ("+400d\n", Net::Home)] {
        let before = own(&terminal);
        fs::write(&file, offset).unwrap();
        // Nothing happened, so that nothing is done.
        pause(1.0);
        assert!(same_ssh(&terminal, before), "{offset}");
        lab.move_to(net).unwrap();
        let took = ticking(&terminal, clock::wall());
        assert!(took < 10.0, "{offset}: {took} s");
    }
    let journal = lab
        .home_dir()
        .join(".local/state/netroam/journal/work.jsonl");
    let outages: Vec<u64> = fs::read_to_string(journal)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter_map(|entry| entry["outage_ms"].as_u64())
        .collect();
    assert_eq!(outages.len(), 2, "{outages:?}");
    assert!(
        outages.iter().all(|outage| *outage < 30_000),
        "they are told by a clock that nobody sets: {outages:?}"
    );
}

#[test]
fn a_context_that_is_killed_on_the_host_ends_the_session_and_nothing_is_left() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    for (mux, server, words) in [
        (
            Mux::Screen,
            "SCREEN",
            "Cannot find master process to attach to!",
        ),
        (Mux::Tmux, "tmux: server", "[server exited unexpectedly]"),
    ] {
        let mut terminal = attached(&lab, "work", mux);
        let all = lab.server().processes().unwrap();
        let killed = all
            .iter()
            .filter(|process| process.command.starts_with(server) || process.name == server)
            .map(|process| process.signal(Signal::SIGKILL))
            .collect::<Result<Vec<_>, _>>()
            .unwrap();
        assert!(!killed.is_empty(), "no {server} in {all:#?}");
        terminal.wait_exit(SOON).unwrap();
        nothing_left(&lab);
        let said = said(&terminal);
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn a_home_without_room_for_a_session_says_so_in_one_line() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let run = lab.dir().join("laptop/run");
    lab.laptop()
        .sh(&format!("mount -t tmpfs -o ro tmpfs {}", run.display()))
        .unwrap();
    let mut terminal = watch(&lab, &["--session", "people"], &["work"]);
    assert_eq!(terminal.wait_exit(SOON).unwrap().code(), Some(240));
    let screen = terminal.screen();
    let said = screen.trim_end().replace('\n', "");
    assert!(
        said.starts_with("netroam: cannot ") && said.contains("Read-only file system"),
        "{screen}"
    );
    assert!(ours(&lab).is_empty());
}

#[test]
fn a_netroam_that_is_stopped_for_longer_than_every_timer_finds_its_way_back() {
    let lab = Lab::new().unwrap();
    let terminal = at_home(&lab);
    lab.leave(Net::Home).unwrap();
    status(&terminal, "waiting for the network");
    terminal.signal(Signal::SIGSTOP).unwrap();
    lab.arrive(Net::Cafe).unwrap();
    pause(6.0);
    let since: SystemTime = clock::wall();
    terminal.signal(Signal::SIGCONT).unwrap();
    ticking(&terminal, since);
    eventually("one ssh", || ssh(&terminal).len() == 1);
    assert!(clock::wall().duration_since(since).unwrap() < Duration::from_secs(20));
}
