//! A router that swallows everything while its link is well: the kernel's timers decide.

use netroam_lab::{Lab, Net, Terminal, seconds};
use netroam_platform::clock;

use super::support::{at_home, eventually, own, pause, said, same_ssh, ssh, ticking};

fn own_lines(terminal: &Terminal) -> usize {
    said(terminal).matches("netroam: ").count()
}

#[test]
fn a_short_silence_passes_and_a_long_one_ends_in_one_fresh_login() {
    let lab = Lab::new().unwrap();
    let terminal = at_home(&lab);
    let (first, lines) = (own(&terminal), own_lines(&terminal));

    // Shorter than --stall: what was typed into it arrives with a retransmission, which is no further away than the silence was long.
    lab.silence(Net::Home).unwrap();
    terminal.type_keys("patience\r").unwrap();
    pause(8.0);
    assert_eq!(own_lines(&terminal), lines, "{}", said(&terminal));
    lab.unsilence(Net::Home).unwrap();
    let back = clock::wall();
    let took = ticking(&terminal, back);
    assert!(took < 9.0, "usable {took} s after the silence of 8 s");
    // In what was written: with all that was held back it may have passed the screen in one go.
    eventually("the answer", || said(&terminal).contains("echo patience "));
    assert!(seconds(back, clock::wall()) < 9.0);
    assert_eq!(own(&terminal), first);
    assert_eq!(own_lines(&terminal), lines, "{}", said(&terminal));
    assert_eq!(lab.server().connections().authenticated, 1);

    // Longer: the kernel ends it, and nothing is said before.
    lab.silence(Net::Home).unwrap();
    let silent = clock::wall();
    terminal.type_keys("lost\r").unwrap();
    pause(13.0);
    assert_eq!(own(&terminal), first);
    assert_eq!(own_lines(&terminal), lines, "{}", said(&terminal));
    eventually("ssh to end", || !same_ssh(&terminal, first));
    let after = seconds(silent, clock::wall());
    assert!((14.0..19.0).contains(&after), "ended after {after} s");
    eventually("the line", || {
        said(&terminal).contains("netroam: work: connection lost (")
    });
    pause(30.0 - after);
    lab.unsilence(Net::Home).unwrap();
    let took = ticking(&terminal, clock::wall());
    assert!(took < 4.0, "a fresh login took {took} s");
    assert_eq!(ssh(&terminal).len(), 1);
    assert_eq!(lab.server().connections().authenticated, 2);
}
