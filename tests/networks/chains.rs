//! Jump hosts and proxies: the path to the first hop decides, and the whole chain ends with the run.

use std::fs;

use netroam_lab::{Lab, Mux, Net, Proc, Terminal};
use netroam_platform::clock;
use nix::sys::signal::Signal;

use super::support::{ended, eventually, netroam, ours, pause, said, ticking};

/// Every process on the laptop that is part of a chain, its ssh included.
fn chain(lab: &Lab) -> Vec<u32> {
    let mut all = lab.laptop().processes().unwrap();
    all.retain(|process| {
        process.state != 'Z' && (process.name == "ssh" || process.command.contains("deaf"))
    });
    all.into_iter().map(|process| process.pid).collect()
}

/// The ssh that netroam started itself.
fn first(terminal: &Terminal) -> Option<Proc> {
    let mut ssh = Proc::ssh_below(terminal.pid()).unwrap();
    ssh.retain(|ssh| ssh.ppid == terminal.pid());
    ssh.pop()
}

fn killed_where_it_cannot_say_goodbye(lab: &Lab, terminal: &Terminal, length: usize) {
    let before = chain(lab);
    assert_eq!(before.len(), length, "{:?}", ours(lab));
    // No link of it hears any more that another one is gone.
    lab.silence(Net::Home).unwrap();
    first(terminal).unwrap().signal(Signal::SIGKILL).unwrap();
    eventually("the whole chain to be gone", || {
        !chain(lab).iter().any(|pid| before.contains(pid))
    });
    lab.unsilence(Net::Home).unwrap();
    ticking(terminal, clock::wall());
}

/// netroam on its way to the host `deep`, by these lines of its configuration. The jump hosts, and it, are the server under three of its
/// addresses; each knows the next one by number.
fn deep(lab: &Lab, lines: &str) -> Terminal {
    lab.start_probe(Mux::Screen, "probe").unwrap();
    let config = lab.dir().join("laptop/chain_config");
    let text = format!(
        "Host deep\nHostName {}\nUser dev\nHostKeyAlias deep\n{lines}\n\
         Host middle\nHostName {}\nUser dev\nHost *\nInclude {}\n",
        Lab::INSIDE_V4,
        Lab::SERVER_V6,
        lab.ssh_config().display()
    );
    fs::write(&config, text).unwrap();
    let words = [
        netroam().to_str().unwrap(),
        "watch",
        "--session",
        "probe",
        "-F",
        config.to_str().unwrap(),
        "deep",
    ];
    let terminal = lab.terminal(&words).unwrap();
    ticking(&terminal, clock::wall());
    terminal
}

#[test]
fn two_jump_hosts_on_the_way() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let mut terminal = deep(&lab, "ProxyJump work4,middle");
    // ssh, and one for each jump host: the path decides to which the laptop itself connects, the first.
    assert_eq!(chain(&lab).len(), 3);
    pause(3.0);
    for net in [Net::Cafe, Net::Home] {
        let before = chain(&lab);
        let moved = clock::wall();
        lab.move_to(net).unwrap();
        ticking(&terminal, moved);
        assert_eq!(chain(&lab).len(), 3);
        assert!(!chain(&lab).iter().any(|pid| before.contains(pid)));
        pause(3.0);
    }
    // The path to the second one is nobody's business.
    let before = chain(&lab);
    lab.laptop()
        .ip(&format!("-6 route add blackhole {}", Lab::SERVER_V6))
        .unwrap();
    pause(1.0);
    ticking(&terminal, clock::wall());
    assert_eq!(chain(&lab), before);
    lab.laptop()
        .ip(&format!("-6 route del blackhole {}", Lab::SERVER_V6))
        .unwrap();
    killed_where_it_cannot_say_goodbye(&lab, &terminal, 3);
    terminal.signal(Signal::SIGTERM).unwrap();
    ended(&lab, &mut terminal);
}

#[test]
fn a_program_that_does_not_care_for_the_end_of_its_ssh() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let script = lab.dir().join("laptop/deaf");
    fs::write(
        &script,
        format!(
            "trap '' HUP TERM PIPE\nssh -F {} -W \"$1:$2\" work4\nwhile :; do sleep 1000; done\n",
            lab.ssh_config().display()
        ),
    )
    .unwrap();
    let line = format!("ProxyCommand sh {} %h %p", script.display());
    let mut terminal = deep(&lab, &line);
    pause(3.0);
    killed_where_it_cannot_say_goodbye(&lab, &terminal, 3);
    let before = chain(&lab);
    first(&terminal).unwrap().signal(Signal::SIGTERM).unwrap();
    ticking(&terminal, clock::wall());
    eventually("the whole chain to be gone", || {
        !chain(&lab).iter().any(|pid| before.contains(pid))
    });
    terminal.signal(Signal::SIGTERM).unwrap();
    ended(&lab, &mut terminal);
    assert!(chain(&lab).is_empty(), "{:?}", lab.laptop().processes());
    assert!(!said(&terminal).contains("ps:"), "{}", said(&terminal));
}
