//! `netroam why` and `netroam events` as programs, in a network namespace of their own.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::IpAddr,
    path::Path,
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};

use netroam::{
    control::{Listener, LookFacts, RunFacts, Status, Want},
    journal::{Journal, Judged, Note},
    learnt::{LastRun, Learnt, Store},
    record::{Stamp, State},
    supervisor::{Reason, RunId, Via},
};
use netroam_platform::clock;
use nix::sched::{CloneFlags, unshare};
use serde_json::Value;

/// Runs `scenario` in a network namespace where `v0` (192.0.2.1) leads to everywhere, and nobody answers.
fn in_a_namespace(scenario: impl FnOnce() + Send + 'static) {
    let thread = thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace, which takes root");
        sh(
            "ip link set lo up; ip link add v0 type veth peer name v1; ip link set v1 up; ip link set v0 up",
        );
        sh("ip addr add 192.0.2.1/24 dev v0; ip route add default via 192.0.2.254");
        scenario();
    });
    thread.join().unwrap();
}

fn sh(script: &str) -> String {
    let output = Command::new("sh").args(["-ec", script]).output().unwrap();
    assert!(output.status.success(), "{script}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// netroam, at home in `home`.
fn netroam(home: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netroam"));
    command.args(words).env("HOME", home).env("TZ", "UTC");
    for (variable, folder) in [
        ("XDG_STATE_HOME", "state"),
        ("XDG_CONFIG_HOME", "config"),
        ("XDG_RUNTIME_DIR", "run"),
    ] {
        command.env(variable, home.join(folder));
    }
    command
}

fn why(home: &Path, words: &[&str]) -> Value {
    let words = [&["why", "--json"], words].concat();
    let output = netroam(home, &words).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn what_a_running_session_says_and_what_was_is_told_with_the_path() {
    in_a_namespace(|| {
        let home = tempfile::tempdir().unwrap();
        let address: IpAddr = "203.0.113.5".parse().unwrap();
        let state = home.path().join("state/netroam");
        let journal = Journal::open(&state, "203.0.113.5", Some("mac"));
        let reason = Reason::AddressLost {
            address: "10.8.0.2".parse().unwrap(),
            interface: Some("tun0".into()),
            now: None,
        };
        journal.note(&Note::verdict(RunId(1), Judged::End, Some(&reason)));
        let status = Status {
            id: String::new(),
            host: address.to_string(),
            session: Some("mac".into()),
            pid: std::process::id(),
            state: State::Attached,
            text: "attached via v0 (192.0.2.1)".into(),
            since: Stamp::now(),
            path: None,
            want: Want::of(&Via::Auto, false, false),
            look: Some(LookFacts {
                at: Stamp::now(),
                online: true,
                paths: vec![],
            }),
            run: Some(RunFacts::of(1, 1, None, None)),
            attach: None,
            next_ms: None,
        };
        let directory = home.path().join("run/netroam/run.test");
        fs::create_dir_all(&directory).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let (json, text) = runtime.block_on(async {
            let mut listener = Listener::bind(&directory).unwrap();
            tokio::spawn(async move {
                loop {
                    listener.next().await.answer(std::slice::from_ref(&status));
                }
            });
            tokio::task::spawn_blocking(move || {
                let words = ["me@203.0.113.5"];
                let json = why(home.path(), &words);
                let text = netroam(home.path(), &["why", words[0]]).output().unwrap();
                (json, String::from_utf8(text.stdout).unwrap())
            })
            .await
            .unwrap()
        });
        assert_eq!(json["host"], "203.0.113.5");
        assert_eq!(json["sessions"][0]["state"], "attached");
        assert_eq!(json["lately"][0]["reason"], "address-lost");
        assert_eq!(json["path"]["interface"], "v0", "{json}");
        assert!(
            text.contains("session mac (pid ")
                && text.contains("mac: tun0 lost 10.8.0.2: ends ssh"),
            "{text}"
        );
    });
}

#[test]
fn no_question_about_the_name_leaves_while_a_tunnel_is_wanted_and_none_leads_there() {
    in_a_namespace(|| {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("config/netroam");
        fs::create_dir_all(&folder).unwrap();
        // Whatever leaves by v0 is counted. The machine's resolver may be on loopback, and is asked there.
        sh(
            "nft 'add table inet t; add chain inet t c { type filter hook output priority 0; }; \
            add rule inet t c udp dport 53 counter; add rule inet t c tcp dport 53 counter'",
        );
        let questions = || {
            let rules = sh("nft -j list table inet t");
            let rules: Value = serde_json::from_str(&rules).unwrap();
            let packets = |value: &Value| -> u64 {
                let expressions = value["rule"]["expr"].as_array().into_iter().flatten();
                expressions
                    .filter_map(|expression| expression["counter"]["packets"].as_u64())
                    .sum()
            };
            rules["nftables"]
                .as_array()
                .unwrap()
                .iter()
                .map(packets)
                .sum::<u64>()
        };
        let wishes = "[host.gw1]\nvia = 'tunnel'\n[host.gw4]\nvia = 'v*'\n";
        fs::write(folder.join("config.toml"), wishes).unwrap();
        let found = why(home.path(), &["gw1"]);
        assert_eq!(found["name"], "not-asked");
        assert_eq!(found["want"]["wanted"], "a tunnel");
        assert_eq!(questions(), 0);
        // Nor where it is learnt from the last good run: its addresses are all that is looked at.
        let learnt = Learnt {
            addresses: vec!["203.0.113.5".parse().unwrap()],
            last: Some(LastRun {
                interface: "tun0".into(),
                source: "10.8.0.2".parse().unwrap(),
                gateway: None,
                tunnel: true,
                at: clock::wall(),
            }),
        };
        let store = Store::new(&home.path().join("state/netroam"));
        store.write("gw3", &learnt).unwrap();
        let found = why(home.path(), &["me@gw3"]);
        assert_eq!(found["name"], "not-asked");
        assert_eq!(found["want"]["learnt"], true);
        assert_eq!(found["path"], Value::Null);
        let address = &found["addresses"][0];
        assert_eq!(address["path"]["interface"], "v0", "{found}");
        assert_eq!(
            (&address["learnt"], &address["wanted"]),
            (&true.into(), &false.into())
        );
        assert_eq!(questions(), 0);
        // Where nothing is known of the host, what is wanted and is up may lead there: a session asks then.
        let found = why(home.path(), &["gw4"]);
        assert_ne!(found["name"], "not-asked", "{found}");
        assert_ne!(questions(), 0, "{found}");
        let asked = questions();
        // And it would be seen: without that wish the resolver is asked, for two seconds at most.
        let began = clock::now();
        let found = why(home.path(), &["gw2"]);
        let took = clock::now().since(began);
        assert!(took < Duration::from_secs(4), "{took:?}");
        assert_ne!(found["name"], "not-asked");
        assert!(questions() > asked, "{found}");
    });
}

#[test]
fn words_that_are_no_host_are_refused_with_a_hint() {
    let home = tempfile::tempdir().unwrap();
    let says = |words: &[&str]| -> Output { netroam(home.path(), words).output().unwrap() };
    let none = says(&["why"]);
    assert_eq!(none.status.code(), Some(2));
    assert_eq!(
        String::from_utf8_lossy(&none.stderr),
        "netroam: no host given\nnetroam: hint: netroam why HOST, or netroam why --help\n"
    );
    assert_eq!(says(&["why", "-Q", "cipher"]).status.code(), Some(2));
}

#[test]
fn a_look_follows_each_burst_and_the_end_of_the_reader_is_the_end() {
    in_a_namespace(|| {
        let home = tempfile::tempdir().unwrap();
        let mut command = netroam(home.path(), &["events", "--json", "203.0.113.5"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        #[expect(
            clippy::disallowed_methods,
            reason = "a program that prints until nobody reads"
        )]
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut look = || -> Value {
            loop {
                let line: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
                assert!(line["at"].is_string(), "{line}");
                if line["look"].is_object() {
                    return line["look"].clone();
                }
                assert!(line["event"]["text"].is_string(), "{line}");
            }
        };
        let first = look();
        assert_eq!(first["paths"][0]["path"]["source"], "192.0.2.1", "{first}");
        sh("ip addr add 192.0.2.9/24 dev v0");
        let second = look();
        assert_eq!(second["changes"][0], "v0 has 192.0.2.9", "{second}");
        assert_eq!(second["paths"][0]["changed"], false);
        sh("ip link set v1 down");
        let mut third = look();
        // The carrier may go a moment after the address.
        while third["paths"][0]["changed"] == false {
            third = look();
        }
        assert!(third["paths"][0]["why"].is_string(), "{third}");
        drop(lines);
        sh("ip addr add 192.0.2.10/24 dev v0");
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    });
}
