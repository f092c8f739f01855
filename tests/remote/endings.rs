//! How a run ended, from real runs of ssh: every row of the table in src/ssh/ending.rs, and what ends a run before login.

use std::{
    fs,
    io::{IoSlice, Write as _},
    net::{TcpListener, TcpStream},
    os::{
        fd::AsRawFd as _,
        unix::{fs::PermissionsExt as _, process::ExitStatusExt as _},
    },
    process::Command,
};

use netroam::ssh::{
    args::{Args, Asked},
    command::{Asks, Run},
    config::{Config, LogLevel},
    ending::{Ending, Evidence, Exit, classify},
    log::{LogReader, is_goodbye, says_goodbye},
    version::Version,
};
use nix::sys::{
    signal::{Signal, kill},
    socket::{ControlMessage, MsgFlags, sendmsg},
};

use crate::{client::Client, server::Server};

/// A run as netroam starts it, with what is said of it.
struct Watched {
    client: Client,
    config: Config,
    unattended: bool,
}

impl Watched {
    fn start(words: &[String], unattended: bool) -> Self {
        Self::start_with(words, unattended, None)
    }

    /// Starts a run; with a `server`, ssh is handed a connection to it instead of dialling.
    fn start_with(words: &[String], unattended: bool, server: Option<&Server>) -> Self {
        let words: Vec<_> = words.iter().map(Into::into).collect();
        let Asked::Session(args) =
            Args::parse(&words, Version::of("ssh".as_ref()).unwrap()).unwrap()
        else {
            panic!("{words:?}")
        };
        let config = Config::read("ssh".as_ref(), &args).unwrap();
        let client = Client::start_with(
            |log| {
                Run {
                    args: &args,
                    config: &config,
                    log,
                    unattended,
                    handover: server.is_some(),
                    attach: None,
                    master: None,
                    forwards: Asks::Asked,
                }
                .argv()
            },
            |command| {
                if let Some(server) = server {
                    command.envs(Run::environment(
                        server.path("dialler").as_os_str(),
                        "unused".as_ref(),
                    ));
                    command
                        .env("TEST_EXE", std::env::current_exe().unwrap())
                        .env("TEST_PORT", server.port.to_string());
                }
            },
        );
        Self {
            client,
            config,
            unattended,
        }
    }

    fn ending(mut self) -> Ending {
        let status = self.client.end();
        let log: Vec<_> = LogReader::new(self.config.log_level)
            .feed(&self.client.log)
            .into_iter()
            .filter_map(|line| line.event)
            .collect();
        let ending = classify(&Evidence {
            exit: status
                .code()
                .map_or_else(|| Exit::Signal(status.signal().unwrap()), Exit::Status),
            log: &log,
            stderr: &self.client.stderr,
            ended_by_us: false,
            unattended: self.unattended,
            context: false,
            escapable: true,
            exit_on_forward_failure: self.config.exit_on_forward_failure,
        });
        println!("{ending:?}{}", self.client);
        ending
    }
}

fn with(words: &[&str], more: Vec<String>) -> Vec<String> {
    words.iter().map(ToString::to_string).chain(more).collect()
}

/// What `netroam hand-over` is to ssh: connects, passes the socket over standard output (here 3: the test harness writes to 1), ends.
#[test]
#[ignore = "the dialler of the tests below"]
fn dialler() {
    let socket = TcpStream::connect((
        "127.0.0.1",
        std::env::var("TEST_PORT").unwrap().parse().unwrap(),
    ))
    .unwrap();
    let rights = [socket.as_raw_fd()];
    sendmsg::<()>(
        3,
        &[IoSlice::new(b"x")],
        &[ControlMessage::ScmRights(&rights)],
        MsgFlags::empty(),
        None,
    )
    .unwrap();
}

#[test]
fn after_login_when_ssh_dials() {
    after_login(false);
}

#[test]
fn after_login_when_the_connection_is_handed_over() {
    after_login(true);
}

fn after_login(handover: bool) {
    let server = Server::start();
    fs::write(server.path("dialler"), "#!/bin/sh\nexec \"$TEST_EXE\" --exact endings::dialler --ignored --nocapture 3>&1 >/dev/null\n").unwrap();
    fs::set_permissions(server.path("dialler"), fs::Permissions::from_mode(0o755)).unwrap();
    let start = || Watched::start_with(&server.login("dash"), false, handover.then_some(&server));
    let lost = |ending: &Ending| matches!(ending, Ending::Lost { .. });
    // Twice each: `~.` and a server that closes must not be told apart by luck.
    for _ in 0..2 {
        for (typed, right) in [
            (
                "exit 0\r",
                Box::new(|ending: &Ending| *ending == Ending::Finished { status: 0 })
                    as Box<dyn Fn(&Ending) -> bool>,
            ),
            (
                "exit 7\r",
                Box::new(|ending| *ending == Ending::Finished { status: 7 }),
            ),
            (
                "exit 255\r",
                Box::new(|ending| *ending == Ending::Finished { status: 255 }),
            ),
            (
                "kill -9 $$\r",
                Box::new(|ending| *ending == Ending::RemoteKilled),
            ),
            ("\r~.", Box::new(|ending| *ending == Ending::Escaped)),
            ("kill $PPID\r", Box::new(lost)),
            ("kill -9 $PPID\r", Box::new(lost)),
        ] {
            let mut run = start();
            run.client.expect("$ ");
            run.client.type_in(typed);
            let ending = run.ending();
            assert!(right(&ending), "{typed:?}: {ending:?}");
        }
    }
    let mut reset = start();
    reset.client.expect("$ ");
    let killed = Command::new("ss")
        .args(["-K", "dport", "=", &server.port.to_string()])
        .output()
        .unwrap();
    assert!(killed.status.success());
    reset.client.type_in("\r");
    let ending = reset.ending();
    assert!(lost(&ending), "{ending:?}");
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGKILL] {
        let mut run = start();
        run.client.expect("$ ");
        kill(run.client.pid(), signal).unwrap();
        assert_eq!(
            run.ending(),
            Ending::Killed {
                signal: (signal as i32).to_string()
            }
        );
    }
}

/// The reason for `says_goodbye`, from an ssh that netroam has no hand in.
#[test]
fn a_plain_ssh_says_goodbye_from_info_on() {
    let server = Server::start();
    for (level, says) in [
        (LogLevel::Quiet, false),
        (LogLevel::Error, false),
        (LogLevel::Info, true),
        (LogLevel::Debug1, true),
    ] {
        let options = ["-t", "-o", &format!("LogLevel={}", level.name())]
            .map(str::to_owned)
            .to_vec();
        let mut client = Client::start(|log| {
            [
                options,
                vec!["-E".into(), log.display().to_string()],
                server.login("dash"),
                vec!["true".into()],
            ]
            .concat()
        });
        client.end();
        let goodbye = "Connection to 127.0.0.1 closed.\r\r\n";
        assert_eq!(
            String::from_utf8_lossy(&client.stderr) == goodbye,
            says,
            "{level:?}{client}"
        );
        assert_eq!(says_goodbye(level), says);
        assert!(is_goodbye(goodbye.as_bytes()));
    }
}

#[test]
fn before_login() {
    let server = Server::start();
    let login = || server.login("dash");
    let key = |name: &str| server.path(name).display().to_string();
    let with_key = |name: &str| {
        login()
            .iter()
            .map(|word| {
                if *word == key("user") {
                    key(name)
                } else {
                    word.clone()
                }
            })
            .collect::<Vec<_>>()
    };
    assert!(
        matches!(Watched::start(&with_key("stranger"), false).ending(), Ending::Denied { why } if why.contains("Permission denied (publickey)"))
    );
    assert!(
        matches!(Watched::start(&with_key("stranger"), true).ending(), Ending::NeedsPerson { what } if what.contains("Permission denied"))
    );

    let unknown = with(&["-o", "UserKnownHostsFile=/dev/null"], login());
    assert_eq!(
        Watched::start(&unknown, true).ending(),
        Ending::NeedsPerson {
            what: "the host key is not known".into()
        }
    );
    let mut asked = Watched::start(&unknown, false);
    asked.client.expect("(yes/no/[fingerprint])? ");
    asked.client.type_in("no\r");
    assert_eq!(asked.ending(), Ending::HostKeyRefused);
    let mut interrupted = Watched::start(&unknown, false);
    interrupted.client.expect("(yes/no/[fingerprint])? ");
    // ssh loses a ^C that comes between its question and its read (readpassphrase.c).
    while interrupted.client.pump() {}
    interrupted.client.type_in("\u{3}");
    assert_eq!(interrupted.ending(), Ending::Interrupted { signal: 2 });

    let changed = server.path("changed_hosts");
    fs::write(
        &changed,
        format!(
            "[127.0.0.1]:{} {}",
            server.port,
            fs::read_to_string(server.path("other-host.pub")).unwrap()
        ),
    )
    .unwrap();
    for unattended in [false, true] {
        let words = with(
            &["-o", &format!("UserKnownHostsFile={}", changed.display())],
            login(),
        );
        assert_eq!(
            Watched::start(&words, unattended).ending(),
            Ending::HostKeyChanged
        );
    }
    let unresolvable = with(&["-F", "/dev/null", "nr-no-such-host.invalid"], Vec::new());
    assert!(matches!(
        Watched::start(&unresolvable, true).ending(),
        Ending::UnknownHost { .. }
    ));
    let kex = with(&["-o", "Ciphers=aes128-cbc"], login());
    assert!(
        matches!(Watched::start(&kex, false).ending(), Ending::Unusable { line } if line.starts_with("Unable to negotiate with "))
    );

    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let forward = format!(
        "127.0.0.1:{}:127.0.0.1:1",
        busy.local_addr().unwrap().port()
    );
    let words = with(&["-o", "ExitOnForwardFailure=yes", "-L", &forward], login());
    let ending = Watched::start(&words, false).ending();
    assert!(
        matches!(&ending, Ending::Unusable { line } if line == "Could not request local forwarding."),
        "{ending:?}"
    );
}

type Serve = fn(TcpStream);

#[test]
fn no_server_there() {
    let refused = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let ending = |port: u16| {
        let words = with(
            &["-F", "/dev/null", "-p", &port.to_string(), "127.0.0.1"],
            Vec::new(),
        );
        Watched::start(&words, true).ending()
    };
    let unreachable = |port: u16| {
        let ending = ending(port);
        let Ending::Unreachable { why } = ending else {
            panic!("{ending:?}")
        };
        why
    };
    assert!(unreachable(refused).ends_with("Connection refused"));
    let garbage: Serve = |mut stream| {
        stream.write_all(b"HTTP/1.1 302 Found\r\n\r\n").unwrap();
    };
    let reset: Serve = |stream| {
        socket2::SockRef::from(&stream)
            .set_linger(Some(std::time::Duration::ZERO))
            .unwrap();
    };
    let not_allowed: Serve =
        |mut stream| stream.write_all(b"Not allowed at this time\r\n").unwrap();
    let served = |serve: Serve, look: &dyn Fn(u16)| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || serve(listener.accept().unwrap().0));
        look(port);
        server.join().unwrap();
    };
    for serve in [garbage, reset] {
        served(serve, &|port| assert!(!unreachable(port).is_empty()));
    }
    served(not_allowed, &|port| {
        let said = "Not allowed at this time".into();
        assert_eq!(ending(port), Ending::TurnedAway { said });
    });
}
