//! tmux in control mode, as iTerm2 speaks it: the terminal is told when a connection took tmux away.

use netroam::terminal::modes;
use netroam_lab::{Lab, Mux, Net, Terminal};

use super::{
    sessions::other_laptop,
    support::{SOON, netroam, own, pause, ssh, status, watch},
};

/// How control mode begins: `DCS 1000 p`, and an answer of tmux.
const BEGIN: &str = "\u{1b}P1000p%begin ";

/// What netroam's terminal was given, without the CRs of the line disciplines here and there.
fn written(terminal: &Terminal) -> String {
    String::from_utf8_lossy(&terminal.bytes()).replace('\r', "")
}

/// Waits until netroam's terminal was given `text` for the `times`th time; returns all it was given.
fn wait_for(terminal: &Terminal, text: &str, times: usize) -> String {
    let there = || {
        let written = written(terminal);
        (written.matches(text).count() >= times).then_some(written)
    };
    let deadline = netroam_platform::clock::now() + SOON;
    loop {
        if let Some(written) = there() {
            return written;
        }
        assert!(
            netroam_platform::clock::now() < deadline,
            "no {text:?}: {:?}",
            written(terminal)
        );
        pause(0.01);
    }
}

fn attached(lab: &Lab) -> Terminal {
    lab.start_session(Mux::Tmux, "probe", "bash --norc")
        .unwrap();
    let terminal = watch(
        lab,
        &["--session", "probe", "--context", "tmux-cc"],
        &["work"],
    );
    let written = wait_for(&terminal, BEGIN, 1);
    assert!(!written.contains("\u{1b}[?1049h"), "{written:?}");
    wait_for(&terminal, "%session-changed $0 probe\n", 1);
    terminal
}

#[test]
fn control_mode_is_left_with_the_network_and_begins_anew_with_it() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let mut terminal = attached(&lab);
    terminal
        .type_keys("send-keys -t probe 'expr 7770 + 1' Enter\n")
        .unwrap();
    wait_for(&terminal, "7771", 1);
    pause(1.0);
    lab.leave(Net::Home).unwrap();
    status(&terminal, "no route, waiting for the network");
    // Nothing between the last of tmux and the end of control mode, everything else behind it.
    let written = written(&terminal);
    let (before, after) = written.split_once(modes::LEAVE_CONTROL_MODE).unwrap();
    let (_, tmux) = before.split_once(BEGIN).unwrap();
    assert!(!tmux.contains("netroam: "), "{tmux:?}");
    assert!(
        after.starts_with(&modes::reset()) && after.contains(" lost "),
        "{after:?}"
    );
    assert!(!terminal.screen().contains('%'), "{}", terminal.screen());
    // What iTerm2 answers is no key, what the user presses later is one.
    terminal.type_keys("\n").unwrap();
    pause(1.2);
    assert!(
        !terminal.screen().contains("next look"),
        "{}",
        terminal.screen()
    );
    terminal.type_keys("?").unwrap();
    status(&terminal, "netroam: work: ");
    lab.arrive(Net::Cafe).unwrap();
    wait_for(&terminal, BEGIN, 2);
    wait_for(&terminal, "%session-changed $0 probe\n", 2);
    // As iTerm2 fetches what its windows show.
    terminal.type_keys("capture-pane -p -t probe\n").unwrap();
    wait_for(&terminal, "\n7771\n", 1);
    terminal.type_keys("detach-client\n").unwrap();
    assert_eq!(terminal.wait_exit(SOON).unwrap().code(), Some(0));
    let written = self::written(&terminal);
    assert!(written.contains("%exit\n\u{1b}\\"), "{written:?}");
    assert!(
        terminal
            .screen()
            .trim_end()
            .ends_with("Connection to server.example closed."),
        "{}",
        terminal.screen()
    );
}

#[test]
fn q_quits_while_the_network_is_away() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let mut terminal = attached(&lab);
    lab.leave(Net::Home).unwrap();
    status(&terminal, "waiting for the network");
    pause(1.2);
    terminal.type_keys("q").unwrap();
    assert_eq!(terminal.wait_exit(SOON).unwrap().code(), Some(245));
    assert_eq!(terminal.input_modes(), "");
}

#[test]
fn a_killed_ssh_leaves_control_mode_and_another_begins_it_again() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let terminal = attached(&lab);
    let ssh = nix::unistd::Pid::from_raw(own(&terminal).cast_signed());
    nix::sys::signal::kill(ssh, nix::sys::signal::Signal::SIGKILL).unwrap();
    let written = wait_for(&terminal, BEGIN, 2);
    assert_eq!(written.matches(modes::LEAVE_CONTROL_MODE).count(), 1);
}

#[test]
fn the_answer_of_the_terminal_to_a_take_over_does_not_take_the_session_back() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let mine = attached(&lab);
    let theirs = other_laptop(&lab, "tmux-cc");
    wait_for(&theirs, "%session-changed $0 probe\n", 1);
    wait_for(&mine, "%exit\n\u{1b}\\", 1);
    status(&mine, "attached elsewhere now, Enter takes it back");
    mine.type_keys("\n").unwrap();
    pause(1.2);
    assert!(ssh(&mine).is_empty());
    mine.type_keys("\n").unwrap();
    wait_for(&mine, BEGIN, 2);
    status(&theirs, "attached elsewhere now");
}

#[test]
fn it_needs_a_terminal() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let command = format!(
        "{} watch --context tmux-cc -F {} work | cat",
        netroam().display(),
        lab.ssh_config().display()
    );
    let terminal = lab.terminal(&["sh", "-c", &command]).unwrap();
    status(&terminal, "--context tmux-cc needs a terminal");
}
