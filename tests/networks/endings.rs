//! The ways in which a session ends by itself, or because somebody at a terminal wants it to.

use std::{os::unix::process::ExitStatusExt as _, process::ExitStatus};

use netroam_lab::{Lab, Net};
use socket2::{Domain, SockAddr, Socket, Type};

use super::support::{SOON, ended, eventually, netroam, nothing_left, shell, ssh, watch};

/// The status, or minus the signal.
fn code(status: ExitStatus) -> i32 {
    status
        .code()
        .unwrap_or_else(|| -status.signal().unwrap_or_default())
}

#[test]
fn leaving_ends_netroam_as_it_ends_ssh() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    for (context, keys, status, said) in [
        ("screen", "\x01d", 0, "[detached from "),
        (
            "screen",
            "\r~.",
            255,
            "Connection to server.example closed.",
        ),
        ("screen", "exit\r", 0, "[screen is terminating]"),
        ("tmux", "\x02d", 0, "[detached (from session people)]"),
        ("tmux", "\r~.", 255, "Connection to server.example closed."),
        ("tmux", "exit\r", 0, "[exited]"),
        ("none", "\r~.", 255, "Connection to server.example closed."),
        (
            "none",
            "exit 7\r",
            7,
            "Connection to server.example closed.",
        ),
    ] {
        let mut terminal = shell(&lab, &["--context", context], "work");
        terminal.type_keys(keys).unwrap();
        assert_eq!(
            code(ended(&lab, &mut terminal)),
            status,
            "{context} {keys:?}"
        );
        let screen = terminal.screen();
        assert!(screen.contains(said), "{screen}");
        assert_eq!(screen.matches("closed.").count(), 1, "{screen}");
        assert!(!screen.contains("netroam:"), "ssh has said it: {screen}");
    }
}

#[test]
fn a_command_ends_with_its_own_status() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    // The host key is known from here on.
    ended(&lab, &mut watch(&lab, &[], &["work", "true"]));
    for (command, status, said) in [
        ("exit 0", 0, ""),
        ("exit 7", 7, ""),
        ("exit 255", 255, ""),
        // The statuses by which a context speaks mean nothing elsewhere.
        ("exit 213", 213, ""),
        (
            "kill -9 $$",
            255,
            "netroam: work: the remote program was ended by a signal\n",
        ),
    ] {
        let config = lab.ssh_config();
        let words = [
            netroam(),
            "watch".as_ref(),
            "-F".as_ref(),
            &config,
            "work".as_ref(),
            command.as_ref(),
        ];
        let mut piped = lab.piped(&words, &[]).unwrap();
        assert_eq!(code(piped.wait_exit(SOON).unwrap()), status, "{command}");
        assert_eq!(
            (piped.stdout(), piped.stderr()),
            (String::new(), said.into()),
            "{command}"
        );
        nothing_left(&lab);
        let mut terminal = watch(&lab, &[], &["-t", "work", command]);
        assert_eq!(code(ended(&lab, &mut terminal)), status, "{command}");
        let closed = "Connection to server.example closed.\n";
        assert_eq!(
            terminal.screen().trim_end(),
            format!("{closed}{said}").trim_end()
        );
    }
}

#[test]
fn a_bus_that_takes_nobody_any_more_holds_up_no_end() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    ended(&lab, &mut watch(&lab, &[], &["work", "true"]));
    // As of a bus that is stopped: whoever connects waits (unix(7)) once its queue is full.
    let address = SockAddr::unix(lab.home_dir().join("bus")).unwrap();
    let socket = || Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    let bus = socket();
    bus.bind(&address).unwrap();
    bus.listen(0).unwrap();
    let mut waiting = Vec::new();
    loop {
        let client = socket();
        client.set_nonblocking(true).unwrap();
        if client.connect(&address).is_err() {
            break;
        }
        waiting.push(client);
    }
    let bus = format!("unix:path={}/bus", lab.home_dir().display());
    let env = [
        ("DBUS_SYSTEM_BUS_ADDRESS", bus.as_str()),
        ("DBUS_SESSION_BUS_ADDRESS", bus.as_str()),
    ];
    let config = lab.ssh_config();
    let config = config.to_str().unwrap();
    let netroam = netroam().to_str().unwrap();
    let words = [netroam, "watch", "-F", config, "work", "exit 7"];
    let mut piped = lab.piped(&words, &env).unwrap();
    assert_eq!(code(piped.wait_exit(SOON).unwrap()), 7);
}

#[test]
fn a_command_without_a_terminal_of_its_own_ends_by_ctrl_c() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    for words in [&["-N", "work"][..], &["work", "echo here; sleep 100"]] {
        let mut terminal = watch(&lab, &[], words);
        eventually("the login", || {
            lab.server().connections().authenticated > 0 && !ssh(&terminal).is_empty()
        });
        terminal.type_keys("\x03").unwrap();
        assert_eq!(
            code(ended(&lab, &mut terminal)),
            -2,
            "{}",
            terminal.screen()
        );
    }
}
