//! Whose session it is: two terminals, two laptops, and a session that is gone.

use netroam_lab::{Lab, Mux, Net, Terminal};
use netroam_platform::clock;

use super::support::{
    SOON, answered, at_home, attached, eventually, netroam, pause, prompt, said, ssh, status,
    ticking, watch,
};

#[test]
fn each_terminal_has_a_session_of_its_own_and_one_in_use_is_refused_or_taken_over() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let mut first = watch(&lab, &[], &["work"]);
    prompt(&first);
    let second = watch(&lab, &[], &["work"]);
    prompt(&second);
    answered(&first, "echo ${STY#*.}", "laptop\n");
    answered(&second, "echo ${STY#*.}", "laptop-2\n");
    let mut third = watch(&lab, &["--session", "laptop"], &["work"]);
    assert_eq!(third.wait_exit(SOON).unwrap().code(), Some(241));
    let screen = third.screen();
    let (said, hint) = screen.trim_end().split_once('\n').unwrap();
    let holder = said.strip_prefix("netroam: work: session laptop is in use by process ");
    assert!(
        holder.is_some_and(|holder| holder.contains(" on /dev/pts/")),
        "{screen}"
    );
    assert!(hint.starts_with("netroam: hint: --take-over"), "{screen}");
    let taker = watch(&lab, &["--session", "laptop", "--take-over"], &["work"]);
    assert_eq!(first.wait_exit(SOON).unwrap().code(), Some(246));
    assert!(
        first
            .screen()
            .trim_end()
            .ends_with("netroam: work: the session was taken over elsewhere"),
        "{}",
        first.screen()
    );
    answered(&taker, "echo ${STY#*.}", "laptop\n");
    // A name is free again as soon as its terminal is gone.
    drop(second);
    let again = watch(&lab, &[], &["work"]);
    answered(&again, "echo ${STY#*.}", "laptop-2\n");
}

/// netroam as on another laptop: nothing of its home is that of the first.
pub(crate) fn other_laptop(lab: &Lab, context: &str) -> Terminal {
    let home = lab.dir().join("other");
    std::fs::create_dir_all(&home).unwrap();
    let home = home.to_str().unwrap();
    let config = lab.ssh_config();
    let words = [
        netroam().to_str().unwrap(),
        "watch",
        "--session",
        "probe",
        "--context",
        context,
        "-F",
        config.to_str().unwrap(),
        "work",
    ];
    let env = [
        ("HOME", home),
        ("XDG_RUNTIME_DIR", home),
        ("XDG_STATE_HOME", home),
        ("XDG_CONFIG_HOME", home),
    ];
    lab.terminal_with(&words, 24, 80, &env).unwrap()
}

#[test]
fn two_laptops_share_a_session_and_never_fight() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    for (mux, context) in [(Mux::Screen, "screen"), (Mux::Tmux, "tmux")] {
        let mine = attached(&lab, "work", mux);
        let theirs = other_laptop(&lab, context);
        ticking(&theirs, clock::wall());
        status(
            &mine,
            "attached elsewhere now, Enter takes it back [q: quit]",
        );
        let before = lab.server().connections().authenticated;
        // Not even a new network is a reason to steal it back.
        lab.move_to(Net::Cafe).unwrap();
        ticking(&theirs, clock::wall());
        assert!(ssh(&mine).is_empty());
        assert!(
            mine.screen().contains("attached elsewhere now"),
            "{}",
            mine.screen()
        );
        assert_eq!(lab.server().connections().authenticated, before + 1);
        mine.type_keys("\r").unwrap();
        ticking(&mine, clock::wall());
        status(&theirs, "attached elsewhere now");
        lab.move_to(Net::Home).unwrap();
        ticking(&mine, clock::wall());
        assert!(ssh(&theirs).is_empty());
        lab.server()
            .sh_as(
                "dev",
                match mux {
                    Mux::Screen => "screen -S probe -X quit",
                    Mux::Tmux => "tmux kill-server",
                },
            )
            .unwrap();
    }
}

#[test]
fn a_session_taken_during_an_outage_is_not_stolen_back_by_the_reconnect() {
    let lab = Lab::new().unwrap();
    let mine = at_home(&lab);
    pause(3.0);
    // Held where it stands, as a laptop is that sleeps; the other one comes meanwhile.
    mine.signal(nix::sys::signal::Signal::SIGSTOP).unwrap();
    let theirs = other_laptop(&lab, "screen");
    ticking(&theirs, clock::wall());
    mine.signal(nix::sys::signal::Signal::SIGCONT).unwrap();
    status(&mine, "attached elsewhere now");
    ticking(&theirs, clock::wall());
}

#[test]
fn a_session_that_is_gone_is_said_to_be_and_only_enter_makes_a_new_one() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    lab.start_probe(Mux::Screen, "probe").unwrap();
    let terminal = watch(&lab, &["--session", "probe"], &["work"]);
    ticking(&terminal, clock::wall());
    pause(3.0);
    lab.leave(Net::Home).unwrap();
    status(&terminal, "waiting for the network");
    lab.server()
        .sh_as(
            "dev",
            "screen -S probe -X quit; while screen -ls probe; do sleep 0.01; done",
        )
        .unwrap();
    lab.arrive(Net::Home).unwrap();
    status(
        &terminal,
        "netroam: work: the session is gone on the host, Enter starts another [q: quit]",
    );
    assert!(!said(&terminal).contains("closed."), "{}", said(&terminal));
    terminal.type_keys("\r").unwrap();
    // What comes together with Enter would make it a paste.
    eventually("ssh", || !ssh(&terminal).is_empty());
    answered(&terminal, "expr 40 + 2", "42");
}

#[test]
fn without_a_terminal_a_session_that_is_gone_ends_netroam() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let config = lab.ssh_config();
    let words = [
        netroam().as_os_str(),
        "watch".as_ref(),
        "--session".as_ref(),
        "probe".as_ref(),
        "-tt".as_ref(),
        "-F".as_ref(),
        config.as_os_str(),
        "work".as_ref(),
    ];
    let mut piped = lab.piped(&words, &[("TERM", "xterm")]).unwrap();
    piped.wait_for_stdout("$ ", SOON).unwrap();
    pause(3.0);
    lab.leave(Net::Home).unwrap();
    piped
        .wait_for_stderr("waiting for the network", SOON)
        .unwrap();
    eventually("the session to end", || {
        lab.server()
            .sh_as("dev", "screen -S probe -X quit; ! screen -ls probe")
            .is_ok()
    });
    lab.arrive(Net::Home).unwrap();
    assert_eq!(
        piped.wait_exit(SOON).unwrap().code(),
        Some(247),
        "{}",
        piped.stderr()
    );
    let said = piped.stderr();
    let own: Vec<_> = said
        .lines()
        .filter(|line| line.starts_with("netroam: work: "))
        .collect();
    assert_eq!(own.len(), 4, "{said}");
    for (line, says) in own.into_iter().zip([
        "home0 lost ",
        "no route, waiting for the network",
        "reachable again via home0 ",
        "the session is gone on the host",
    ]) {
        assert!(line.contains(says), "{line}");
    }
}
