//! The remote command of a context, in every login shell, with screen, tmux and neither.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Child, Command, Stdio},
    time::Duration,
};

use netroam::context::bootstrap::{CONTEXT_GONE, Mux, TAKEN_OVER, When};
use netroam_platform::clock;
use nix::sys::signal::{Signal, kill};

use crate::{
    client::Client,
    laptop::{Laptop, answers},
    server::{SHELLS, Server},
};

/// The user's agent.
struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        self.0.kill().expect("the agent can be killed");
        self.0.wait().expect("the agent can be waited for");
    }
}

#[test]
fn every_login_shell_attaches_loses_the_connection_and_comes_back_to_the_same_window() {
    let server = Server::start();
    for shell in SHELLS {
        for mux in [Mux::Screen, Mux::Tmux] {
            let laptop = Laptop::new(
                &server,
                shell,
                mux,
                if mux == Mux::Screen { "scr" } else { "tmx" },
            );
            println!("{shell} {mux:?}");
            let mut first = laptop.attach(When::First);
            answers(&mut first, 7_770);
            assert!(
                !first.shown().contains("\u{1b}[?1049h"),
                "{shell} {mux:?} uses the alternate screen: {first}"
            );
            // A path that is gone: the old connection neither speaks nor ends.
            kill(first.pid(), Signal::SIGSTOP).unwrap();
            let (token, stale) = laptop.owner();
            assert_eq!(token, laptop.token.to_string());
            let mut second = laptop.attach(When::Again);
            second.expect("7771");
            answers(&mut second, 8_880);
            assert!(
                !second.shown().contains("\u{1b}[?1049h"),
                "{shell} {mux:?} uses the alternate screen: {second}"
            );
            assert_ne!(laptop.owner().1, stale);
            kill(first.pid(), Signal::SIGCONT).unwrap();
            // Its end as the multiplexer detached it, or as its sshd was ended: what became of a run that netroam gave up says nothing.
            first.end();
            laptop.detach(&mut second);
            let mut third = laptop.attach(When::Again);
            third.expect("8881");
            third.type_in("exit\r");
            assert_eq!(third.end().code(), Some(0), "{shell} {mux:?}: {third}");
            let mut fourth = laptop.attach(When::Again);
            assert_eq!(
                fourth.end().code(),
                Some(CONTEXT_GONE),
                "{shell} {mux:?}: {fourth}"
            );
            assert!(
                fourth
                    .shown()
                    .contains(&format!("netroam: no session {} on ", laptop.name)),
                "{fourth}"
            );
            // Where the first run may have been lost before there was one, there is one now.
            let mut fifth = laptop.attach(When::Resumed);
            answers(&mut fifth, 9_990);
        }
    }
}

#[test]
fn another_laptop_takes_over_and_nobody_steals_it_back() {
    let server = Server::start();
    for (shell, mux) in [
        ("bash", Mux::Screen),
        ("tcsh", Mux::Screen),
        ("fish", Mux::Tmux),
        ("dash", Mux::Tmux),
    ] {
        let [one, two] = [(); 2].map(|()| Laptop::new(&server, shell, mux, "shared"));
        let mut first = one.attach(When::First);
        answers(&mut first, 7_770);
        let mut second = two.attach(When::First);
        second.expect("7771");
        assert_eq!(
            first.end().code(),
            Some(TAKEN_OVER),
            "{shell} {mux:?}: {first}"
        );
        for when in [When::Again, When::Resumed] {
            assert_eq!(
                one.attach(when).end().code(),
                Some(TAKEN_OVER),
                "{shell} {mux:?} {when:?}"
            );
        }
        answers(&mut second, 8_880);
        let mut asked = one.attach(When::First);
        asked.expect("8881");
        assert_eq!(
            second.end().code(),
            Some(TAKEN_OVER),
            "{shell} {mux:?}: {second}"
        );
        one.detach(&mut asked);
        // Nobody holds it now: a reconnect of the other may have it.
        let mut again = two.attach(When::Again);
        again.expect("8881");
        two.detach(&mut again);
    }
}

#[test]
fn a_name_is_never_taken_for_a_prefix_of_another() {
    let server = Server::start();
    for (shell, mux) in [("bash", Mux::Screen), ("zsh", Mux::Tmux)] {
        let longer = Laptop::new(&server, shell, mux, "mac-2");
        let mut held = longer.attach(When::First);
        answers(&mut held, 7_770);
        let shorter = Laptop::new(&server, shell, mux, "mac");
        assert_eq!(
            shorter.attach(When::Again).end().code(),
            Some(CONTEXT_GONE),
            "{mux:?}"
        );
        let mut own = shorter.attach(When::First);
        answers(&mut own, 8_880);
        assert!(!own.shown().contains("7771"), "{own}");
        answers(&mut held, 9_990);
        let mut again = shorter.attach(When::Again);
        again.expect("8881");
    }
}

#[test]
fn a_lost_connection_ends_everything_of_it() {
    let server = Server::start();
    for mux in [Mux::Screen, Mux::Tmux] {
        let laptop = Laptop::new(&server, "bash", mux, "gone");
        let mut client = laptop.attach(When::First);
        answers(&mut client, 7_770);
        let (_, stale) = laptop.owner();
        drop(client);
        let start = clock::now();
        // What belonged to the connection: its sshd, and the terminal's processes, the shell of the remote command among them.
        while !server
            .ask(
                "bash",
                &format!("ps -o args= -p {stale}; ps -u nr-bash -o args= | grep \"[s]h -c n=\""),
            )
            .is_empty()
        {
            assert!(
                clock::now().since(start) < Duration::from_secs(5),
                "{}",
                server.ask("bash", "ps -ef")
            );
        }
    }
}

#[test]
fn without_screen_and_tmux_there_is_a_plain_shell_and_a_warning() {
    let server = Server::without(&["screen", "tmux"]);
    for shell in SHELLS {
        let laptop = Laptop::new(&server, shell, Mux::Auto, "plain");
        let mut client = laptop.attach(When::First);
        client.expect("netroam: WARNING: no tmux on ");
        answers(&mut client, 7_770);
        client.type_in("exit 7\r");
        assert_eq!(client.end().code(), Some(7), "{shell}: {client}");
    }
}

#[test]
fn auto_takes_tmux_where_there_is_no_screen() {
    let server = Server::without(&["screen"]);
    let laptop = Laptop::new(&server, "dash", Mux::Auto, "auto");
    let mut client = laptop.attach(When::First);
    answers(&mut client, 7_770);
    assert!(
        server.ask("dash", "tmux ls").starts_with("auto: "),
        "{}",
        server.ask("dash", "tmux ls")
    );
}

#[test]
fn nothing_breaks_on_a_bare_host() {
    let server = Server::without(&["ps", "infocmp"]);
    let home = server.home("bash");
    for mux in [Mux::Screen, Mux::Tmux] {
        fs::set_permissions(home.join(".ssh"), fs::Permissions::from_mode(0o755)).unwrap();
        // Owned by root: the user can neither write there nor make anything.
        for path in [&home, &home.join(".ssh")] {
            std::os::unix::fs::chown(path, Some(0), Some(0)).unwrap();
        }
        let laptop = Laptop::new(&server, "bash", mux, "bare");
        let mut client = laptop.attach(When::First);
        answers(&mut client, 7_770);
        drop(client);
        let mut client = laptop.attach(When::Again);
        client.expect("7771");
        assert!(
            !client.shown().contains("denied") && !client.shown().contains("annot"),
            "{client}"
        );
        laptop.detach(&mut client);
    }
}

#[test]
fn the_session_has_the_users_own_umask_and_a_terminal_that_the_host_knows() {
    let server = Server::start();
    for mux in [Mux::Screen, Mux::Tmux] {
        let laptop = Laptop::new(&server, "dash", mux, "env");
        let mut client = laptop.attach_with(When::First, &[], |command| {
            command.env("TERM", "no-such-terminal");
        });
        client.expect("does not know TERM=no-such-terminal, using xterm-256color");
        answers(&mut client, 7_770);
        client.type_in("umask; echo done\r");
        client.wait_until("the umask is shown", |client| {
            client.shown().contains("0022")
        });
        laptop.detach(&mut client);
    }
}

#[test]
fn the_agent_is_there_again_in_the_old_window() {
    let server = Server::start();
    let socket = server.path("agent.sock");
    let mut command = Command::new("ssh-agent");
    command
        .args(["-D", "-a"])
        .arg(&socket)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    #[expect(
        clippy::disallowed_methods,
        reason = "the user's agent is not a child of netroam's"
    )]
    let _agent = Agent(command.spawn().unwrap());
    let add = || {
        Command::new("ssh-add")
            .args(["-q"])
            .arg(server.path("stranger"))
            .env("SSH_AUTH_SOCK", &socket)
            .output()
            .unwrap()
            .status
            .success()
    };
    let start = clock::now();
    while !add() {
        assert!(
            clock::now().since(start) < Duration::from_secs(10),
            "no agent"
        );
    }
    for (shell, mux) in [("bash", Mux::Screen), ("tcsh", Mux::Tmux)] {
        let laptop = Laptop::new(&server, shell, mux, "agent");
        let attach = |when| {
            laptop.attach_with(when, &["-A"], |command| {
                command.env("SSH_AUTH_SOCK", &socket);
            })
        };
        let mut client = attach(When::First);
        answers(&mut client, 7_770);
        drop(client);
        let mut client = attach(When::Again);
        client.expect("7771");
        client.type_in("ssh-add -l\r");
        client.expect("(ED25519)");
        laptop.detach(&mut client);
    }
}

/// `cargo test --test remote -- --ignored --nocapture attaching`
#[test]
#[ignore = "a measurement: compares medians on a quiet machine"]
fn attaching_is_as_fast_as_a_bare_screen() {
    let server = Server::start();
    let laptop = Laptop::new(&server, "dash", Mux::Screen, "speed");
    let mut client = laptop.attach(When::First);
    answers(&mut client, 7_770);
    laptop.detach(&mut client);
    let bare = || {
        Client::start(|log| {
            let mut words: Vec<String> =
                ["-t", "-o", "LogLevel=DEBUG1", "-E", log.to_str().unwrap()]
                    .map(String::from)
                    .into();
            words.extend(server.login("dash"));
            words.push("screen -d -R speed".into());
            words
        })
    };
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..15 {
        for (kind, times) in times.iter_mut().enumerate() {
            let start = clock::now();
            let mut client = match kind {
                0 => bare(),
                1 => laptop.attach(When::Again),
                _ => laptop.attach(When::First),
            };
            client.expect("7771");
            times.push(clock::now().since(start).as_micros());
            laptop.detach(&mut client);
        }
    }
    for (times, what) in
        times
            .iter_mut()
            .zip(["bare screen -d -R", "bootstrap again", "bootstrap first"])
    {
        times.sort_unstable();
        println!(
            "{what}: median {} us ({} - {})",
            times[times.len() / 2],
            times[0],
            times[times.len() - 1]
        );
    }
    assert!(times[1][7] < times[0][7] + 60_000);
}
