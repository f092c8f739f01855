//! What the user's ssh configuration says is what happens.

use std::fs;

use netroam_lab::{Lab, Net, Terminal};

use super::support::{SOON, answered, ended, eventually, netroam, own, pause, prompt, said};

/// netroam with these lines in front of the lab's own configuration.
fn configured(lab: &Lab, lines: &str, words: &[&str]) -> Terminal {
    let config = lab.dir().join("laptop/own_config");
    let include = lab.ssh_config();
    let text = format!("{lines}\nMatch all\nInclude {}\n", include.display());
    fs::write(&config, text).unwrap();
    let words: Vec<_> = [
        netroam().to_str().unwrap(),
        "watch",
        "-F",
        config.to_str().unwrap(),
    ]
    .into_iter()
    .chain(words.iter().copied())
    .collect();
    lab.terminal(&words).unwrap()
}

#[test]
fn a_remote_command_is_run_once_and_gets_the_terminal_that_it_asks_for() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    for (lines, says) in [
        ("RemoteCommand tty; exit 7\n RequestTTY yes", "/dev/pts/"),
        ("RemoteCommand tty; exit 7", "not a tty"),
        ("RemoteCommand tty; exit 7\n RequestTTY no", "not a tty"),
    ] {
        let mut terminal = configured(&lab, &format!("Host work\n {lines}"), &["work"]);
        assert_eq!(ended(&lab, &mut terminal).code(), Some(7), "{lines}");
        assert!(
            said(&terminal).contains(says),
            "{lines}: {}",
            said(&terminal)
        );
    }
}

#[test]
fn a_local_command_is_run_at_every_login() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let log = lab.dir().join("laptop/local_command");
    let line = format!(
        "Host work\n PermitLocalCommand yes\n LocalCommand echo %n >> {}",
        log.display()
    );
    let terminal = configured(&lab, &line, &["work"]);
    prompt(&terminal);
    let runs = || fs::read_to_string(&log).unwrap_or_default();
    assert_eq!(runs(), "work\n");
    pause(3.0);
    lab.move_to(Net::Cafe).unwrap();
    answered(&terminal, "expr 40 + 2", "42");
    assert_eq!(runs(), "work\nwork\n");
}

#[test]
fn without_an_escape_character_a_tilde_and_a_dot_are_typed() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let terminal = configured(&lab, "Host work\n EscapeChar none", &["work"]);
    prompt(&terminal);
    let first = own(&terminal);
    terminal.type_keys("\r~.\r").unwrap();
    answered(&terminal, "expr 40 + 2", "42");
    assert_eq!(own(&terminal), first);
    // And what ends the connection is then no wish of a person's.
    pause(3.0);
    lab.server().kill_sessions().unwrap();
    eventually("another ssh", || {
        said(&terminal).contains("connection lost")
    });
    answered(&terminal, "expr 50 + 5", "55");
}

#[test]
fn match_exec_include_user_and_port_of_a_host_that_only_a_canonical_name_has() {
    let lab = Lab::builder().sshd("Port 2222").start().unwrap();
    lab.arrive(Net::Home).unwrap();
    // Canonical names are asked for with the dot that ends them.
    lab.set_host_names(&format!(
        "127.0.0.1 localhost\n{} server4.example server4.example.\n",
        Lab::SERVER_V4
    ))
    .unwrap();
    let (asked, included) = (
        lab.dir().join("laptop/asked"),
        lab.dir().join("laptop/included"),
    );
    fs::write(&included, "User dev-dash\n").unwrap();
    let lines = format!(
        "CanonicalizeHostname yes\nCanonicalDomains example\nCanonicalizeMaxDots 0\n\
         Host server4\n Port 2222\nHost server4.example\n Include {}\n\
         Match host server4.example exec \"echo %h >> {}\"\n SetEnv LC_WORD=from-exec",
        included.display(),
        asked.display()
    );
    // Only for the name that it has after all.
    let terminal = configured(&lab, &lines, &["server4"]);
    prompt(&terminal);
    answered(
        &terminal,
        "echo $(id -un) ${SSH_CONNECTION##* } $LC_WORD",
        "dev-dash 2222 from-exec",
    );
    assert!(
        fs::read_to_string(&asked)
            .unwrap()
            .contains("server4.example\n")
    );
    pause(3.0);
    lab.move_to(Net::Cafe).unwrap();
    answered(&terminal, "expr 40 + 2", "42");
    let config = lab.dir().join("laptop/own_config");
    let words = [
        netroam().to_str().unwrap(),
        "why",
        "-F",
        config.to_str().unwrap(),
        "-o",
        "ControlMaster=auto",
        "server4",
    ];
    let mut why = lab.piped(&words, &[]).unwrap();
    assert!(why.wait_exit(SOON).unwrap().success(), "{}", why.stderr());
    for what in ["ControlMaster (", "CanonicalizeHostname ("] {
        assert!(
            why.stdout()
                .contains(&format!("otherwise than your ssh configuration: {what}")),
            "{}",
            why.stdout()
        );
    }
}
