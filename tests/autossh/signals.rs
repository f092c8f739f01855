//! Signals, to both programs.

use std::os::unix::process::ExitStatusExt as _;

use netroam_lab::{Lab, Proc};
use nix::sys::signal::Signal;

use super::support::{Running, SOON, Who, at_home, banner, eventually, forward, process_in};

const PORT: u16 = 2200;

fn tunnel(lab: &Lab, who: Who, variables: &[(&str, &str)]) -> Running {
    let words = ["-M", "0", "-N", "-L", &forward(PORT), "work"];
    Running::start(lab, who, variables, &words)
}

#[test]
fn attached_both_take_signals_alike() {
    let lab = at_home();
    let pid_file = lab.dir().join("pid");
    let variables = [("PIDFILE", pid_file.to_str().unwrap())];
    for who in Who::BOTH {
        let mut running = tunnel(&lab, who, &variables);
        let first = running.ssh(&lab, PORT);
        let named = process_in(&lab, &pid_file).unwrap();
        assert_eq!(named.pid, running.piped.pid(), "{who:?}");
        for harmless in [Signal::SIGHUP, Signal::SIGUSR2] {
            running.piped.signal(harmless).unwrap();
        }
        running.piped.signal(Signal::SIGUSR1).unwrap();
        eventually(&format!("another ssh: {}", running.log()), || {
            let ssh = Proc::ssh_below(running.piped.pid()).unwrap();
            running.starts() == 2 && ssh.iter().any(|ssh| ssh.pid != first.pid)
        });
        running.ssh(&lab, PORT);
        running.piped.signal(Signal::SIGTERM).unwrap();
        assert_eq!(running.end(), Some(1), "{who:?}");
        assert!(!pid_file.exists(), "{who:?}");
    }
}

#[test]
fn ssh_that_is_killed_is_started_again_even_within_the_gate_time() {
    let lab = at_home();
    for who in Who::BOTH {
        let mut running = tunnel(&lab, who, &[]);
        let first = running.ssh(&lab, PORT);
        first.signal(Signal::SIGKILL).unwrap();
        eventually(&format!("another ssh: {}", running.log()), || {
            running.starts() == 2
        });
        running.ssh(&lab, PORT);
        running.piped.signal(Signal::SIGINT).unwrap();
        assert_eq!(running.end(), Some(1), "{who:?}");
    }
}

/// autossh waits for ever for an ssh that is stopped, and leaves it behind when it is ended by `SIGQUIT` or `SIGKILL`.
#[test]
fn no_ssh_is_left_behind_not_even_a_stopped_one() {
    let lab = at_home();
    for signal in [Signal::SIGTERM, Signal::SIGQUIT, Signal::SIGKILL] {
        let mut running = tunnel(&lab, Who::Ours, &[]);
        let ssh = running.ssh(&lab, PORT);
        if signal == Signal::SIGTERM {
            ssh.signal(Signal::SIGSTOP).unwrap();
        }
        running.piped.signal(signal).unwrap();
        let status = running.piped.wait_exit(SOON).unwrap();
        if signal == Signal::SIGTERM {
            assert_eq!(status.code(), Some(1));
        } else {
            assert_eq!(status.signal(), Some(signal as i32));
        }
        eventually("ssh to be gone", || Proc::look(ssh.pid).is_none());
    }
}

/// autossh dies of each of these while it waits.
#[test]
fn waiting_netroam_lives_through_what_is_meant_to_wake_it() {
    let lab = Lab::new().unwrap();
    let mut running = tunnel(&lab, Who::Ours, &[("GATETIME", "0")]);
    eventually("it to wait", || {
        running.log().contains("waiting for the network")
    });
    for signal in [Signal::SIGHUP, Signal::SIGUSR2, Signal::SIGUSR1] {
        running.piped.signal(signal).unwrap();
    }
    lab.arrive(netroam_lab::Net::Home).unwrap();
    running.ssh(&lab, PORT);
    running.piped.signal(Signal::SIGTERM).unwrap();
    assert_eq!(running.end(), Some(1));
}

/// A tunnel is nothing that a terminal shows, a session is.
#[test]
fn a_tunnel_outlives_its_terminal_and_a_session_does_not() {
    let lab = at_home();
    let program = Who::Ours.program(&lab);
    let config = lab.ssh_config();
    let forward = forward(PORT);
    let start = |words: &[&str]| {
        let words: Vec<&str> = [program.to_str().unwrap(), "-F", config.to_str().unwrap()]
            .into_iter()
            .chain(words.iter().copied())
            .collect();
        lab.terminal(&words).unwrap()
    };
    let mut tunnel = start(&["-N", "-L", &forward, "work"]);
    eventually("the tunnel", || banner(&lab, PORT).is_some());
    tunnel.hang_up();
    // Between runs it would read keys, if there were a terminal.
    lab.move_to(netroam_lab::Net::Cafe).unwrap();
    lab.leave(netroam_lab::Net::Cafe).unwrap();
    lab.arrive(netroam_lab::Net::Home).unwrap();
    eventually("the tunnel", || banner(&lab, PORT).is_some());
    tunnel.signal(Signal::SIGTERM).unwrap();
    assert_eq!(tunnel.wait_exit(SOON).unwrap().code(), Some(1));
    let mut session = start(&["-t", "work", "echo ready; cat"]);
    session.wait_for_text("ready", SOON).unwrap();
    session.hang_up();
    assert_eq!(session.wait_exit(SOON).unwrap().code(), Some(1));
    eventually("ssh to be gone", || {
        let left = lab.laptop().processes().unwrap();
        left.iter().all(|process| process.name != "ssh")
    });
}
