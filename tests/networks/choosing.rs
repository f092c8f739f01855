//! The first use: hosts and sessions to choose from, and a host in the verb's place.

use std::fs;

use netroam_lab::{Lab, Net, PASSWORD, Proc, Terminal};
use nix::sys::signal::Signal;

use super::{
    many::{configure, tunnel, up},
    support::{SOON, answered, eventually, netroam, nothing_left, prompt, said, shell, status},
};

const WHICH: &str = "netroam: which host or session? ";

/// netroam with these words, under a terminal, with the laptop's own `~/.ssh/config`.
fn run(lab: &Lab, words: &[&str], env: &[(&str, &str)]) -> Terminal {
    let words = [&[netroam().to_str().unwrap()], words].concat();
    lab.terminal_with(&words, 24, 80, env).unwrap()
}

/// netroam at its list.
fn list(lab: &Lab, words: &[&str]) -> Terminal {
    let terminal = run(lab, &[&["watch"], words].concat(), &[]);
    terminal.wait_for_text("[Esc: leave", SOON).unwrap();
    terminal
}

fn command_line(terminal: &Terminal) -> String {
    let line = fs::read(format!("/proc/{}/cmdline", terminal.pid())).unwrap();
    String::from_utf8(line).unwrap().replace('\0', " ")
}

#[test]
fn a_host_is_chosen_by_typing_and_what_was_typed_before_holds_for_it() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let mut terminal = list(&lab, &["--context", "tmux"]);
    let screen = terminal.screen();
    let first: Vec<_> = screen.lines().take(3).collect();
    assert_eq!(first, [WHICH, "> work", "  work4"], "{screen}");
    assert!(!screen.contains('*'), "{screen}");
    terminal.type_keys("ork4").unwrap();
    terminal
        .wait_for_text(
            "1 of 1 [Esc: leave, Enter: netroam watch --context tmux work4]",
            SOON,
        )
        .unwrap();
    terminal.type_keys("\r").unwrap();
    prompt(&terminal);
    assert_eq!(
        command_line(&terminal),
        "netroam watch --context tmux work4 "
    );
    answered(&terminal, "echo ${TMUX:+in}tmux", "intmux\n");
    terminal.type_keys("exit\r").unwrap();
    assert_eq!(terminal.wait_exit(SOON).unwrap().code(), Some(0));
    assert!(!terminal.screen().contains(WHICH), "{}", terminal.screen());
    nothing_left(&lab);
}

#[test]
fn a_session_of_another_terminal_is_chosen_and_comes_here() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let mut first = shell(&lab, &["--context", "tmux"], "dev@server.example");
    answered(&first, "mine=yes; echo $mine", "yes\n");
    let second = list(&lab, &[]);
    let screen = second.screen();
    let row = screen.lines().nth(1).unwrap();
    assert!(
        row.starts_with("> server.example/people ") && row.contains("  attached via "),
        "{screen}"
    );
    second.type_keys("\r").unwrap();
    assert_eq!(first.wait_exit(SOON).unwrap().code(), Some(246));
    answered(&second, "echo it is $mine", "it is yes\n");
    let line = command_line(&second);
    assert!(
        line.starts_with("netroam watch --context tmux --take-over --session people -F ")
            && line.ends_with(" dev@server.example "),
        "{line}"
    );
    // A name that was given, or that sessions are taken over, means a host.
    let third = list(&lab, &["--session", "other"]);
    assert!(!third.screen().contains("people"), "{}", third.screen());
}

#[test]
fn a_session_of_up_is_lent_to_whoever_chooses_it() {
    let lab = Lab::builder()
        .sshd("PasswordAuthentication yes")
        .start()
        .unwrap();
    lab.arrive(Net::Home).unwrap();
    let text = tunnel("web", 8001).replace("'-N'", "'-N', '-o', 'PubkeyAuthentication=no'");
    configure(&lab, &text);
    let up = up(&lab, &[]);
    up.wait_for_stderr("ssh needs a person", SOON).unwrap();
    let terminal = list(&lab, &[]);
    let screen = terminal.screen();
    assert!(
        screen.contains("\n> web ") && screen.contains("  on work, ssh needs a person"),
        "{screen}"
    );
    assert!(screen.contains("Enter: netroam up --ask web]"), "{screen}");
    terminal.type_keys("web\r").unwrap();
    terminal
        .wait_for_text("dev@server.example's password: ", SOON)
        .unwrap();
    terminal.type_keys(&format!("{PASSWORD}\r")).unwrap();
    let forwards = |ssh: &Proc| ssh.command.contains("127.0.0.1:8001");
    eventually("the tunnel's ssh below the terminal", || {
        Proc::ssh_below(terminal.pid())
            .unwrap()
            .iter()
            .any(forwards)
    });
    // Options of watch mean nothing to it.
    let other = list(&lab, &["--context", "tmux"]);
    assert!(!other.screen().contains("web"), "{}", other.screen());
}

#[test]
fn whoever_leaves_has_the_terminal_as_it_was() {
    let lab = Lab::new().unwrap();
    let before = {
        let mut fresh = lab.terminal(&["true"]).unwrap();
        fresh.wait_exit(SOON).unwrap();
        fresh.termios().unwrap()
    };
    for (keys, code, signal) in [
        ("wo\x1b", Some(245), None),
        ("\x04", Some(245), None),
        ("wo\x03", None, Some(Signal::SIGINT)),
        ("wo\x1c", None, Some(Signal::SIGQUIT)),
    ] {
        let mut terminal = list(&lab, &[]);
        assert_ne!(terminal.termios().unwrap(), before);
        terminal.type_keys(keys).unwrap();
        left(&mut terminal, code, signal, keys);
        assert_eq!(terminal.termios().unwrap(), before, "{keys:?}");
    }
    for signal in [Signal::SIGTERM, Signal::SIGHUP] {
        let mut terminal = list(&lab, &[]);
        terminal.signal(signal).unwrap();
        left(&mut terminal, None, Some(signal), "");
        assert_eq!(terminal.termios().unwrap(), before, "{signal}");
    }
    nothing_left(&lab);
}

fn left(terminal: &mut Terminal, code: Option<i32>, signal: Option<Signal>, keys: &str) {
    use std::os::unix::process::ExitStatusExt as _;
    let ended = terminal.wait_exit(SOON).unwrap();
    let expected = (code, signal.map(|signal| signal as i32));
    assert_eq!((ended.code(), ended.signal()), expected, "{keys:?}");
    let screen = terminal.screen();
    assert_eq!(
        (screen.trim(), &*terminal.input_modes()),
        ("", ""),
        "{keys:?}"
    );
}

#[test]
fn a_terminal_that_cannot_be_drawn_on_gets_numbers_and_no_context() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let mut terminal = run(&lab, &["work"], &[("TERM", "dumb")]);
    assert_eq!(terminal.wait_exit(SOON).unwrap().code(), Some(2));
    let screen = terminal.screen();
    assert!(
        screen.starts_with("netroam: TERM is dumb, ")
            && screen.contains("\nnetroam: hint: --context none "),
        "{screen}"
    );
    let terminal = run(&lab, &["watch", "--context", "none"], &[("TERM", "dumb")]);
    status(&terminal, "netroam: which one (its number, or its name)? ");
    assert!(
        terminal.screen().contains("\n 2  work4\n"),
        "{}",
        terminal.screen()
    );
    terminal.type_keys("77\r").unwrap();
    status(&terminal, "netroam: 77 is not one of these");
    terminal.type_keys("2\r").unwrap();
    prompt(&terminal);
    assert!(!said(&terminal).starts_with('\x1b'), "{}", said(&terminal));
    assert_eq!(
        command_line(&terminal),
        "netroam watch --context none work4 "
    );
}

#[test]
fn where_there_is_nothing_to_choose_it_says_how_to_go_on() {
    let lab = Lab::new().unwrap();
    let mut terminal = run(&lab, &["watch", "-F", "none"], &[]);
    assert_eq!(terminal.wait_exit(SOON).unwrap().code(), Some(2));
    let screen = terminal.screen();
    assert_eq!(
        screen.trim_end(),
        "netroam: no host given, and neither ssh_config nor a running session offers one\nnetroam: hint: netroam watch [USER@]HOST"
    );
}

#[test]
fn a_host_in_the_verbs_place_is_watched() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    for words in [
        &["work"][..],
        &["--session", "people", "-p", "22", "dev@server.example"],
    ] {
        let mut terminal = run(&lab, words, &[]);
        prompt(&terminal);
        terminal.type_keys("exit\r").unwrap();
        assert_eq!(
            terminal.wait_exit(SOON).unwrap().code(),
            Some(0),
            "{words:?}"
        );
    }
    // A word that is nearly a verb is a host if ssh knows it.
    let own = lab.home_dir().join(".ssh/config");
    let config = fs::read_to_string(&own).unwrap();
    fs::write(
        own,
        format!("Host stauts\n    HostName server.example\n    User dev\n{config}"),
    )
    .unwrap();
    let terminal = run(&lab, &["stauts"], &[]);
    prompt(&terminal);
}

#[test]
fn a_word_that_is_rather_a_verb_is_no_host() {
    let lab = Lab::new().unwrap();
    for (words, line, hint) in [
        (
            &["stauts"][..],
            "unknown verb stauts",
            "did you mean netroam status? netroam watch stauts if it is a host",
        ),
        (
            &["-v", "stauts", "--json"],
            "unknown verb stauts",
            "did you mean netroam status? netroam watch stauts if it is a host",
        ),
        (
            &["--session", "x", "status"],
            "status is a verb, which comes first",
            "netroam status --help, or netroam watch status if it is a host",
        ),
        (
            &["status", "--jsn"],
            "unexpected argument '--jsn' found",
            "did you mean --json?",
        ),
        (
            &["--verison"],
            "unknown option --verison",
            "did you mean --version?",
        ),
        (
            &["watch", "--version"],
            "unknown option --version",
            "netroam --version",
        ),
        (&["-p", "22"], "no host given", "netroam watch --help"),
        (&["watch"], "no host given", "netroam watch --help"),
    ] {
        let words = [&[netroam().to_str().unwrap()], words].concat();
        let mut piped = lab.piped(&words, &[]).unwrap();
        let code = piped.wait_exit(SOON).unwrap().code();
        let expected = format!("netroam: {line}\nnetroam: hint: {hint}\n");
        assert_eq!((piped.stderr(), code), (expected, Some(2)), "{words:?}");
        assert_eq!(piped.stdout(), "");
    }
}
