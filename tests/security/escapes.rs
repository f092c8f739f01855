//! Escape sequences of strangers in every line that netroam prints itself.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::UnixListener,
};

use netroam::{
    control::{Answer as Said, Status},
    journal::Entry,
    record::State,
};
use netroam_lab::{Answer, Lab, Net};

use super::support::{Home, SOON, assert_harmless, complaints, eventually, netroam};

/// Clears the screen, sets the title (OSC, ended by BEL), both in C1's single characters and as single bytes, and turns the writing round.
const HOSTILE: &str =
    "x\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}2J\u{9d}0;owned\u{9c}\u{202e}y\u{2066}z\u{200f}\u{2028}";

fn hostile_status() -> Status {
    let mut status = Status::idle("gw1", "gw1", State::Retrying, HOSTILE.into());
    status.session = Some(HOSTILE.into());
    status.want.via = HOSTILE.into();
    status.want.wanted = HOSTILE.into();
    status.id = format!("gw1/{HOSTILE}");
    status
}

#[test]
fn what_a_netroam_tells_is_shown_and_not_sent() {
    let home = Home::new();
    let directory = home.path("run/netroam/run.abcdef");
    fs::create_dir_all(&directory).unwrap();
    let _lock = nix::fcntl::Flock::lock(
        fs::File::open(&directory).unwrap(),
        nix::fcntl::FlockArg::LockExclusive,
    )
    .unwrap();
    let listener = UnixListener::bind(directory.join("control")).unwrap();
    let status = hostile_status();
    let one = serde_json::json!({"netroam": 1, "sessions": [status]}).to_string();
    let error = serde_json::json!({"netroam": 1, "error": HOSTILE}).to_string();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut question = String::new();
            BufReader::new(&client).read_line(&mut question).unwrap();
            let answer = if question.contains(" stop ") {
                &error
            } else {
                &one
            };
            client.write_all(format!("{answer}\n").as_bytes()).unwrap();
        }
    });
    for words in [
        &["ls"][..],
        &["ls", "--json"],
        &["status"],
        &["status", "--json"],
        &["status", "--follow"],
        &["status", "--follow", "--json"],
        &["stop", "gw1"],
        &["status", HOSTILE],
        &["why", "-F", "none", "gw1"],
        &["why", "--json", "-F", "none", "gw1"],
    ] {
        let output = home.netroam(words).output().unwrap();
        let all = [&output.stdout[..], &output.stderr].concat();
        assert!(
            String::from_utf8_lossy(&all).contains("owned"),
            "{words:?}: {output:?}"
        );
        assert_harmless(&format!("{words:?}"), &all);
    }
    // It is said to a program as it is.
    let output = home.netroam(&["ls", "--json"]).output().unwrap();
    let said = Said::parse(&output.stdout).unwrap();
    assert_eq!(said.sessions[0].text, HOSTILE);
}

#[test]
fn what_is_in_the_files_is_shown_and_not_sent() {
    let home = Home::new();
    let state = home.path("state/netroam");
    fs::create_dir_all(state.join("journal")).unwrap();
    fs::create_dir_all(state.join("hosts")).unwrap();
    let entry = serde_json::json!({
        "at": "2026-11-22T19:14:00.123Z", "host": "gw1", "session": HOSTILE, "pid": 1, "event": "ended", "run": 1, "ending": HOSTILE, "text": HOSTILE,
    });
    fs::write(state.join("journal/gw1.jsonl"), format!("{entry}\n")).unwrap();
    let learnt = format!(
        "addresses = []\n[last]\ninterface = {}\nsource = '::1'\ntunnel = true\nat = '2026-11-22T20:13:47Z'\n",
        serde_json::json!(HOSTILE).to_string().replace('\u{7f}', "")
    );
    fs::write(state.join("hosts/gw1.toml"), learnt).unwrap();
    for words in [
        &["why", "-F", "none", "gw1"][..],
        &["why", "--json", "-F", "none", "gw1"],
    ] {
        let output = home.netroam(words).output().unwrap();
        assert!(
            output.status.success() && String::from_utf8_lossy(&output.stdout).contains("owned"),
            "{output:?}"
        );
        assert_harmless(&format!("{words:?}"), &output.stdout);
        assert_harmless(&format!("{words:?}"), &output.stderr);
    }
    // What netroam writes into them itself harms nobody who looks at them with cat.
    let entry: Entry = serde_json::from_value(entry).unwrap();
    let line = entry.line().unwrap();
    assert_harmless("the journal", &line);
    assert_eq!(serde_json::from_slice::<Entry>(&line).unwrap(), entry);
}

#[test]
fn names_on_the_command_line_and_in_files_are_shown_and_not_sent() {
    let home = Home::new();
    let config = home.path("netroam.toml");
    fs::write(
        &config,
        format!(
            "[host.{0}]\n{0} = 1\n[session.{0}]\nhost = {0}\nvia = {0}\n",
            serde_json::json!(HOSTILE)
        ),
    )
    .unwrap();
    for words in [
        &["watch", HOSTILE][..],
        &["watch", "--via", HOSTILE, "x"],
        &[
            "watch",
            "--log-file",
            &format!("{}/{HOSTILE}", config.display()),
            "x",
        ],
        &["forget", HOSTILE],
        &["config", "check", config.to_str().unwrap()],
        &["up", "--config", config.to_str().unwrap()],
        &["watch", "-F", HOSTILE, "x"],
        &["stop", HOSTILE],
        &["watch", "--config", HOSTILE, "x"],
        &["events", HOSTILE],
    ] {
        let output = home.netroam(words).output().unwrap();
        assert!(
            !output.stderr.is_empty() || !output.stdout.is_empty(),
            "{words:?}"
        );
        assert_harmless(
            &format!("{words:?}"),
            &[output.stdout, output.stderr].concat(),
        );
    }
}

#[test]
fn an_interface_may_be_called_anything() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let names = ["a\u{1b}[2Jb", "c\u{9b}2J", "d\u{202e}e"];
    let events = lab
        .piped(
            &[netroam().to_str().unwrap(), "events", "203.0.113.10"],
            &[],
        )
        .unwrap();
    let json = lab
        .piped(
            &[
                netroam().to_str().unwrap(),
                "events",
                "--json",
                "203.0.113.10",
            ],
            &[],
        )
        .unwrap();
    for program in [&events, &json] {
        program.wait_for_stdout("look", SOON).unwrap();
    }
    for (number, name) in names.iter().enumerate() {
        lab.laptop().sh(&format!(
            "ip link add '{name}' type dummy 2>/dev/null || ip link add '{name}' type veth peer name peer{number}\nip addr add 198.51.100.{number}/24 dev '{name}'\nip link set '{name}' up\nip route replace 203.0.113.10 dev '{name}'"
        )).unwrap();
    }
    for program in [&events, &json] {
        program.wait_for_stdout("198.51.100.2", SOON).unwrap();
        eventually("the last one", || {
            program.stdout().contains("[2Jb")
                && program.stdout().matches("198.51.100.2").count() > 1
        });
        assert_harmless("events", program.stdout().as_bytes());
    }
    // A session over it, and what it says of it everywhere.
    let config = lab.ssh_config();
    let config = config.to_str().unwrap();
    let terminal = lab
        .piped(
            &[
                netroam().to_str().unwrap(),
                "watch",
                "-N",
                "-F",
                config,
                "work",
            ],
            &[],
        )
        .unwrap();
    let state = lab.home_dir().join(".local/state/netroam");
    let journal = state.join("journal/work.jsonl");
    eventually("an attempt", || {
        fs::read_to_string(&journal)
            .unwrap_or_default()
            .contains("connecting")
    });
    for words in [&["why"][..], &["why", "--json"]] {
        let words = [
            &[netroam().to_str().unwrap()],
            words,
            &["-F", config, "work"],
        ]
        .concat();
        let mut why = lab.piped(&words, &[]).unwrap();
        why.wait_exit(SOON).unwrap();
        assert!(why.stdout().contains("has no carrier"), "{}", why.stdout());
        assert_harmless("why", why.stdout().as_bytes());
    }
    for words in [&["status"][..], &["status", "--json"], &["ls"]] {
        let mut asked = lab
            .piped(&[&[netroam().to_str().unwrap()], words].concat(), &[])
            .unwrap();
        asked.wait_exit(SOON).unwrap();
        assert_harmless("status", asked.stdout().as_bytes());
    }
    assert_harmless("the journal", &fs::read(&journal).unwrap());
    assert_harmless("the log", &fs::read(state.join("netroam.log")).unwrap());
    // What ssh says is passed on as it is.
    let said = terminal.stderr();
    for line in said.lines().filter(|line| line.starts_with("netroam: ")) {
        assert_harmless("watch", line.as_bytes());
    }
}

#[test]
fn a_server_and_a_network_may_say_anything() {
    const REFUSAL: &[u8] =
        b"Not allowed at this time \x1b[2J\x1b]0;owned\x07\x9b2J\xe2\x80\xaeowned\r\n";
    const PORTAL: &[u8] =
        b"\x1b[2J\x1b]0;owned\x07 \xc2\x9b2J \x9b2J \xe2\x80\xaeowned\xe2\x80\xa9\r\n";
    for said in [REFUSAL, PORTAL] {
        let lab = Lab::new().unwrap();
        lab.arrive(Net::Home).unwrap();
        let stand_in = lab.stand_in(Answer::Says(said)).unwrap();
        let hooked = lab.home_dir().join("hooked");
        let configuration = lab.home_dir().join("netroam.toml");
        fs::write(
            &configuration,
            format!(
                "[defaults]\non-wait = 'printf %s \"$NETROAM_TEXT\" > {}'\n",
                hooked.display()
            ),
        )
        .unwrap();
        let config = lab.ssh_config();
        let words = [
            "watch",
            "-N",
            "--log",
            "trace",
            "--config",
            configuration.to_str().unwrap(),
            "-F",
            config.to_str().unwrap(),
            "work",
        ];
        let session = lab
            .piped(&[&[netroam().to_str().unwrap()], &words[..]].concat(), &[])
            .unwrap();
        session.wait_for_stderr("netroam: work: ", SOON).unwrap();
        eventually("an answer", || !stand_in.accepted().is_empty());
        let journal = lab
            .home_dir()
            .join(".local/state/netroam/journal/work.jsonl");
        eventually("a word of it", || {
            fs::read_to_string(&journal)
                .unwrap_or_default()
                .contains("retrying")
        });
        let mut seen = session.stderr();
        for words in [
            &["status"][..],
            &["status", "--json"],
            &["why", "-F", config.to_str().unwrap(), "work"],
        ] {
            let mut asked = lab
                .piped(&[&[netroam().to_str().unwrap()], words].concat(), &[])
                .unwrap();
            asked.wait_exit(SOON).unwrap();
            seen += &asked.stdout();
        }
        for file in [
            &journal,
            &lab.home_dir().join(".local/state/netroam/netroam.log"),
        ] {
            seen += &fs::read_to_string(file).unwrap();
        }
        if said == PORTAL {
            eventually("the hook", || {
                fs::read_to_string(&hooked).is_ok_and(|text| !text.is_empty())
            });
            seen += &fs::read_to_string(&hooked).unwrap();
        }
        assert!(seen.contains("owned"), "{seen}");
        assert_harmless("a stranger's words", seen.as_bytes());
    }
}

#[test]
fn a_banner_without_an_end_is_given_up_after_a_while_and_costs_no_memory() {
    static ENDLESS: [u8; 1 << 20] = [b'x'; 1 << 20];
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let _stand_in = lab.stand_in(Answer::Says(&ENDLESS)).unwrap();
    let config = lab.ssh_config();
    let words = [
        netroam().to_str().unwrap(),
        "watch",
        "-N",
        "-F",
        config.to_str().unwrap(),
        "work",
    ];
    let session = lab.piped(&words, &[]).unwrap();
    session.wait_for_stderr("captive portal?", SOON).unwrap();
    let status = fs::read_to_string(format!("/proc/{}/status", session.pid())).unwrap();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kilobytes < 64 << 10, "{kilobytes} kB");
}

#[test]
fn what_cannot_be_understood_is_said_in_one_harmless_line() {
    let home = Home::new();
    let output = home
        .netroam(&["watch", &format!("-o{HOSTILE}=1"), "x"])
        .output()
        .unwrap();
    assert_harmless("ssh -G's complaint", &output.stderr);
    assert!(!complaints(&output).is_empty());
}
