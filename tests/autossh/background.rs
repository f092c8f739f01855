//! `-f`.

use netroam_lab::Proc;
use nix::sys::signal::Signal;

use super::support::{Running, Who, at_home, banner, eventually, forward, process_in};

const PORT: u16 = 2200;

#[test]
fn in_the_background_both_are_apart_from_who_started_them() {
    let lab = at_home();
    let pid_file = lab.dir().join("pid");
    for who in Who::BOTH {
        let forward = forward(PORT);
        let words = ["-2", "-fN", "-M", "0", "-L", &forward, "work"];
        let words = match who {
            Who::Real => &words[..],
            // ssh has dropped -2, and autossh's manual has not.
            Who::Ours => &words[1..],
        };
        let variables = [("PIDFILE", pid_file.to_str().unwrap())];
        let mut running = Running::start(&lab, who, &variables, words);
        assert_eq!(running.end(), Some(0), "{who:?}");
        eventually(&format!("the tunnel: {}", running.log()), || {
            banner(&lab, PORT).is_some()
        });
        let process = process_in(&lab, &pid_file).unwrap();
        let pid = process.pid;
        assert_ne!(pid, running.piped.pid());
        assert_eq!(process.name, "autossh", "{who:?}: what killall looks for");
        let link = |name: &str| std::fs::read_link(format!("/proc/{pid}/{name}")).unwrap();
        assert_eq!(link("cwd").to_str(), Some("/"), "{who:?}");
        for stream in 0..3 {
            let name = format!("fd/{stream}");
            assert_eq!(link(&name).to_str(), Some("/dev/null"), "{who:?}");
        }
        process.signal(Signal::SIGTERM).unwrap();
        eventually("the end", || Proc::look(pid).is_none());
        assert!(!pid_file.exists(), "{who:?}");
        eventually("the tunnel to be gone", || banner(&lab, PORT).is_none());
    }
}

/// autossh's gate time is zero there, whatever is set: it tries until there is a network.
#[test]
fn in_the_background_there_is_no_gate() {
    let lab = netroam_lab::Lab::new().unwrap();
    let pid_file = lab.dir().join("pid");
    let variables = [("PIDFILE", pid_file.to_str().unwrap()), ("GATETIME", "30")];
    let words = ["-f", "-N", "-L", &forward(PORT), "work"];
    let mut running = Running::start(&lab, Who::Ours, &variables, &words);
    assert_eq!(running.end(), Some(0));
    eventually("it to wait", || {
        running.log().contains("waiting for the network")
    });
    lab.arrive(netroam_lab::Net::Home).unwrap();
    eventually(&format!("the tunnel: {}", running.log()), || {
        banner(&lab, PORT).is_some()
    });
    let process = process_in(&lab, &pid_file).unwrap();
    process.signal(Signal::SIGTERM).unwrap();
    eventually("the end", || Proc::look(process.pid).is_none());
}

/// Nobody sees standard error there.
#[test]
fn what_fails_in_the_background_is_in_the_log() {
    let lab = at_home();
    let variables = [("PIDFILE", "/nonexistent/pid")];
    let mut running = Running::start(&lab, Who::Ours, &variables, &["-f", "-N", "work"]);
    assert_eq!(running.end(), Some(0));
    eventually("the reason", || {
        running.log().contains("cannot write /nonexistent/pid")
    });
}
