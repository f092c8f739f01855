//! A tunnel that moves.

use netroam_lab::{Net, Proc, seconds};
use netroam_platform::clock;
use nix::sys::signal::Signal;

use super::support::{Running, Who, at_home, banner, eventually, forward};

const PORT: u16 = 2200;

#[test]
fn a_forward_is_there_again_after_a_move_in_a_moment() {
    let lab = at_home();
    let words = ["-M", "20000", "-N", "-L", &forward(PORT), "work"];
    let mut running = Running::start(&lab, Who::Ours, &[], &words);
    let first = running.ssh(&lab, PORT);
    assert!(
        banner(&lab, 20000).is_none(),
        "the monitoring port is not opened"
    );
    for (net, most) in [(Net::Cafe, 5.0), (Net::Home, 5.0)] {
        let moved = clock::wall();
        lab.move_to(net).unwrap();
        eventually(&format!("the forward: {}", running.log()), || {
            Proc::look(first.pid).is_none() && banner(&lab, PORT).is_some()
        });
        let took = seconds(moved, clock::wall());
        // autossh would ask its ports after 600 s.
        assert!(took < most, "{took} s: {}", running.log());
    }
    running.piped.signal(Signal::SIGTERM).unwrap();
    assert_eq!(running.end(), Some(1));
}

/// autossh would find ssh failing, and wait for longer and longer.
#[test]
fn without_a_network_no_ssh_is_started_and_none_counts() {
    let lab = at_home();
    let words = ["-M", "0", "-N", "-L", &forward(PORT), "work"];
    let variables = [("MAXSTART", "2"), ("POLL", "1")];
    let mut running = Running::start(&lab, Who::Ours, &variables, &words);
    running.ssh(&lab, PORT);
    lab.leave(Net::Home).unwrap();
    // No path at all: a tunnel is kept for the case that its address comes back; elsewhere it is started anew.
    lab.arrive(Net::Cafe).unwrap();
    eventually(&format!("the forward: {}", running.log()), || {
        running.starts() == 2 && banner(&lab, PORT).is_some()
    });
    // The second was the last.
    lab.move_to(Net::Home).unwrap();
    assert_eq!(running.end(), Some(0), "{}", running.log());
}
