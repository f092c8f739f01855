//! What a person at the terminal sees and is asked while no session is attached.

use std::{fs, os::unix::process::ExitStatusExt as _, time::Duration};

use netroam_lab::{Lab, Net, PASSWORD};
use netroam_platform::clock;

use super::support::{
    SOON, answered, at_home, ended, eventually, pause, prompt, said, shell, status, ticking, watch,
};

const NO_KEY: [&str; 3] = ["-o", "PubkeyAuthentication=no", "work"];

#[test]
fn keys_at_the_status_line() {
    let lab = Lab::new().unwrap();
    let mut terminal = watch(&lab, &["--session", "people"], &["work"]);
    status(
        &terminal,
        "waiting for the network [Enter: now, q: quit, ?: why]",
    );
    let quiet = terminal.screen();
    terminal.type_keys("abc\x1b[Ax").unwrap();
    // What arrives together with something else is no key.
    eventually("the details", || {
        terminal.type_keys("?").unwrap();
        terminal
            .wait_for_text("nothing happens until", Duration::from_millis(300))
            .is_ok()
    });
    // The line of before follows what was asked for, and nothing that was typed is in it.
    terminal
        .wait_until(SOON, "the line of before", |parser| {
            parser.screen().contents().contains(&quiet).then_some(())
        })
        .unwrap();
    // The line is cut to the new width, and comes back with it.
    terminal.resize(24, 30).unwrap();
    terminal
        .wait_until(SOON, "a shorter line", |parser| {
            parser
                .screen()
                .contents()
                .lines()
                .last()
                .filter(|line| line.len() == 29)
                .map(drop)
        })
        .unwrap();
    terminal.resize(24, 80).unwrap();
    status(&terminal, "waiting for the network [Enter");
    terminal.type_keys("q").unwrap();
    assert_eq!(ended(&lab, &mut terminal).code(), Some(245));
    let mut terminal = watch(&lab, &["--session", "people"], &["work"]);
    status(&terminal, "waiting for the network");
    terminal.type_keys("\x03").unwrap();
    assert_eq!(ended(&lab, &mut terminal).signal(), Some(2));
}

#[test]
fn what_is_typed_during_an_outage_is_thrown_away_and_a_new_size_is_not() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let terminal = shell(&lab, &[], "work");
    terminal.resize(30, 100).unwrap();
    answered(&terminal, "stty size", "30 100");
    lab.leave(Net::Home).unwrap();
    status(&terminal, "waiting for the network");
    let before = terminal.bytes().len();
    terminal.type_keys("echo type-ahead").unwrap();
    terminal.type_keys("x\recho type-ahead\r").unwrap();
    terminal.resize(20, 90).unwrap();
    lab.arrive(Net::Home).unwrap();
    answered(&terminal, "stty size", "20 90");
    let since = String::from_utf8_lossy(&terminal.bytes()[before..]).into_owned();
    assert!(!since.contains("type-ahead"), "{since}");
}

#[test]
fn a_password_is_asked_for_as_ssh_does_and_never_by_a_reconnect_of_its_own() {
    let lab = Lab::builder()
        .sshd("PasswordAuthentication yes")
        .start()
        .unwrap();
    lab.arrive(Net::Home).unwrap();
    let ask = "dev@server.example's password: ";
    let mut terminal = watch(&lab, &["--session", "people"], &NO_KEY);
    status(&terminal, ask);
    terminal.type_keys("wrong\r").unwrap();
    status(&terminal, "Permission denied, please try again.");
    terminal
        .wait_until(SOON, "the second question", |parser| {
            (parser.screen().contents().matches(ask).count() == 2).then_some(())
        })
        .unwrap();
    terminal.type_keys(&format!("{PASSWORD}\r")).unwrap();
    prompt(&terminal);
    answered(&terminal, "word=it-lives", "word=it-lives");
    // Longer than it takes for the context to be there for sure.
    pause(3.0);
    lab.move_to(Net::Cafe).unwrap();
    status(&terminal, "ssh needs a person");
    status(&terminal, "Permission denied (publickey,password)");
    status(&terminal, "Enter lets it ask");
    let (seen, tried) = (terminal.bytes().len(), lab.server().connections().all);
    // Nobody knocks at the server until somebody is there to answer, whatever the network does.
    lab.move_to(Net::Home).unwrap();
    pause(1.0);
    assert_eq!(lab.server().connections().all, tried);
    terminal.type_keys("\r").unwrap();
    eventually("the question", || {
        String::from_utf8_lossy(&terminal.bytes()[seen..]).contains(ask)
    });
    terminal.type_keys(&format!("{PASSWORD}\r")).unwrap();
    answered(&terminal, "echo $word | tr a-z A-Z", "IT-LIVES");
    terminal.type_keys("exit\r").unwrap();
    assert!(ended(&lab, &mut terminal).success());
    assert!(!said(&terminal).contains(PASSWORD));
}

#[test]
fn wrong_passwords_and_ctrl_c_at_the_question_end_it_as_they_end_ssh() {
    let lab = Lab::builder()
        .sshd("PasswordAuthentication yes")
        .start()
        .unwrap();
    lab.arrive(Net::Home).unwrap();
    let mut terminal = watch(&lab, &["--session", "people"], &NO_KEY);
    for question in 1..=3 {
        terminal
            .wait_until(SOON, "a question", |parser| {
                (parser.screen().contents().matches("password: ").count() == question).then_some(())
            })
            .unwrap();
        terminal.type_keys("wrong\r").unwrap();
    }
    assert_eq!(ended(&lab, &mut terminal).code(), Some(255));
    let last = terminal
        .screen()
        .trim_end()
        .lines()
        .last()
        .unwrap()
        .to_owned();
    assert_eq!(
        last,
        "dev@server.example: Permission denied (publickey,password)."
    );
    let mut terminal = watch(&lab, &["--session", "people"], &NO_KEY);
    status(&terminal, "password: ");
    terminal.type_keys("\x03").unwrap();
    assert_eq!(ended(&lab, &mut terminal).signal(), Some(2));
}

#[test]
fn an_unknown_host_key_is_asked_about_and_refused_or_taken() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let words = ["-o", "StrictHostKeyChecking=ask", "work"];
    for (answer, status_) in [("no", Some(243)), ("yes", None)] {
        let mut terminal = watch(&lab, &["--session", "people"], &words);
        status(
            &terminal,
            "Are you sure you want to continue connecting (yes/no/[fingerprint])?",
        );
        terminal.type_keys(&format!("{answer}\r")).unwrap();
        if status_.is_some() {
            assert_eq!(ended(&lab, &mut terminal).code(), status_);
            let screen = terminal.screen();
            assert!(screen.trim_end().ends_with(
                "Host key verification failed.\nnetroam: work: the host key was not accepted, stopping"
            ), "{screen}");
        } else {
            prompt(&terminal);
        }
    }
}

#[test]
fn a_changed_host_key_stops_a_reconnect_for_good() {
    let lab = Lab::new().unwrap();
    let mut terminal = at_home(&lab);
    let known = lab.dir().join("laptop/known_hosts");
    let before = fs::read_to_string(&known).unwrap();
    lab.server().change_host_key().unwrap();
    lab.move_to(Net::Cafe).unwrap();
    assert_eq!(ended(&lab, &mut terminal).code(), Some(243));
    let screen = terminal.screen();
    assert!(
        screen.contains("REMOTE HOST IDENTIFICATION HAS CHANGED"),
        "{screen}"
    );
    assert!(
        screen.contains("netroam: work: this network (cafe0 (")
            && screen.contains("whoever answers in it has another host key"),
        "{screen}"
    );
    assert_eq!(fs::read_to_string(&known).unwrap(), before);
}

#[test]
fn a_key_that_is_refused_on_a_reconnect_waits_for_enter() {
    let lab = Lab::new().unwrap();
    let terminal = at_home(&lab);
    pause(3.0);
    lab.server().take_key(false).unwrap();
    lab.move_to(Net::Cafe).unwrap();
    status(&terminal, "Enter lets it ask");
    let tried = lab.server().connections().all;
    terminal.type_keys("\r").unwrap();
    eventually("another refusal", || {
        lab.server().connections().all > tried && terminal.screen().contains("Enter lets it ask")
    });
    lab.server().take_key(true).unwrap();
    terminal.type_keys("\r").unwrap();
    ticking(&terminal, clock::wall());
}

#[test]
fn a_host_that_is_reached_past_the_tunnel_is_not_dialled_until_enter() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    lab.tunnel_up(2).unwrap();
    // One that does not lead to this host.
    let (v4, v6) = (Lab::SERVER_V4, Lab::SERVER_V6);
    let past = format!("ip route del {v4} dev vpn0; ip -6 route del {v6} dev vpn0");
    lab.laptop().sh(&past).unwrap();
    let (sniffer, began) = (lab.sniff().unwrap(), clock::wall());
    let terminal = watch(&lab, &["--via", "tunnel", "--session", "people"], &["work"]);
    status(&terminal, "netroam: waiting for a tunnel to work (");
    pause(1.5);
    let sent = sniffer.to_server(began);
    assert!(sent.is_empty(), "{sent:?}");
    terminal.type_keys("\r").unwrap();
    prompt(&terminal);
}
