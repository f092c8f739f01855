//! `netroam doctor HOST` on real networks, with a real sshd.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use netroam_lab::{Answer, Lab, Net};
use netroam_platform::clock;
use serde_json::Value;

use super::support::{SOON, netroam, nothing_left, prompt, watch};

/// What doctor says of a host, with these words of netroam's and ssh's, and its status. It leaves nothing behind.
fn doctor(lab: &Lab, words: &[&str], env: &[(&str, &str)]) -> (Value, i32) {
    let (said, status) = run(lab, &[&["--json"], words].concat(), env);
    (serde_json::from_str(&said).unwrap(), status)
}

fn run(lab: &Lab, words: &[&str], env: &[(&str, &str)]) -> (String, i32) {
    let config = lab.ssh_config();
    let own = [netroam().to_str().unwrap(), "doctor", "-F"];
    let words = [&own[..], &[config.to_str().unwrap()], words].concat();
    let mut piped = lab.piped(&words, env).unwrap();
    let status = piped.wait_exit(SOON).unwrap().code().unwrap();
    nothing_left(lab);
    (piped.stdout(), status)
}

/// The verdict on a check, and all that is said of it.
fn check(said: &Value, name: &str) -> (String, String) {
    let checks = said["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["check"] == name);
    let found = found.unwrap_or_else(|| panic!("no {name} in {said:#}"));
    let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
    (
        text("verdict"),
        format!("{} / {}", text("text"), text("hint")),
    )
}

fn has(said: &Value, name: &str) -> bool {
    let checks = said["checks"].as_array().unwrap();
    checks.iter().any(|check| check["check"] == name)
}

/// Logs in once as a person does, so that the host key is known.
fn known(lab: &Lab, host: &str) {
    let config = lab.ssh_config();
    let words = ["ssh", "-F", config.to_str().unwrap(), host, "true"];
    let status = lab.piped(&words, &[]).unwrap().wait_exit(SOON).unwrap();
    assert!(status.success());
}

fn known_hosts(lab: &Lab) -> String {
    fs::read_to_string(lab.dir().join("laptop/known_hosts")).unwrap_or_default()
}

/// Every file below, with when it was changed.
fn files(below: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        let changed = path.symlink_metadata().unwrap().modified().unwrap();
        found.push(format!("{} {changed:?}", path.display()));
        if path.is_dir() && !path.is_symlink() {
            found.extend(files(&path));
        }
    }
    found.sort();
    found
}

#[test]
fn a_healthy_host_costs_one_login_and_is_left_as_it_was() {
    let lab = Lab::builder().sshd("AcceptEnv LANG").start().unwrap();
    lab.arrive(Net::Home).unwrap();
    known(&lab, "work");
    let bus = lab.bus().unwrap();
    let home = lab.server().home_of("dev");
    let (before, keys) = (files(&home), known_hosts(&lab));
    let connections = lab.server().connections();
    let words = ["-o", "SendEnv=LANG", "work"];
    let (said, status) = doctor(&lab, &words, &bus.env());
    assert_eq!(
        (status, &said["works"]),
        (0, &Value::Bool(true)),
        "{said:#}"
    );
    assert_eq!(said["host"], "work");
    for check in said["checks"].as_array().unwrap() {
        assert_eq!(check["verdict"], "ok", "{check}");
        assert!(check["hint"].is_null(), "{check}");
    }
    for (name, text) in [
        ("event-source", "one was caused, and seen"),
        ("sleep-source", "logind"),
        ("notifications", "shown by org.freedesktop.Notifications"),
        (
            "ssh-configuration",
            "work is server.example port 22; netroam connects",
        ),
        ("via", "wanted is a path (via auto); now home0"),
        ("answer", "port 22 says SSH-2.0-OpenSSH"),
        ("key", "accepted without a question: "),
        ("context", "keeps the work (auto); tmux "),
        ("terminfo", "knows xterm-256color"),
        ("remote-sessions", "none was seen there"),
        ("clock", "the same as ours"),
        ("locale", "UTF-8"),
    ] {
        assert!(check(&said, name).1.contains(text), "{name}: {said:#}");
    }
    let now = lab.server().connections();
    assert_eq!(now.all, connections.all + 1);
    assert_eq!(now.authenticated, connections.authenticated + 1);
    assert_eq!((files(&home), known_hosts(&lab)), (before, keys));
    assert!(bus.notifications().unwrap().is_empty());

    // For people: a line for each, and whether it works.
    let (text, status) = run(&lab, &words, &bus.env());
    assert_eq!(status, 0);
    assert!(text.ends_with("\nnetroam watch work will work\n"), "{text}");
    assert!(
        !text.contains('\u{1b}') && text.contains("\nok       key: "),
        "{text}"
    );
}

#[test]
fn sessions_that_run_there_are_named_with_those_of_netroam() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let terminal = watch(&lab, &["--session", "people"], &["work"]);
    prompt(&terminal);
    lab.start_session(netroam_lab::Mux::Tmux, "irc", "sleep 1000")
        .unwrap();
    let config = lab.ssh_config();
    let words = ["doctor", "-F", config.to_str().unwrap(), "work", "--json"];
    let words = [&[netroam().to_str().unwrap()], &words[..]].concat();
    let mut piped = lab.piped(&words, &[]).unwrap();
    assert_eq!(piped.wait_exit(SOON).unwrap().code(), Some(0));
    let said: Value = serde_json::from_str(&piped.stdout()).unwrap();
    let sessions = check(&said, "remote-sessions").1;
    assert!(
        sessions.contains("people (screen, netroam's), irc (tmux)"),
        "{said:#}"
    );
    assert!(
        check(&said, "sessions").1.contains("1: work/people"),
        "{said:#}"
    );
}

#[test]
fn a_host_that_asks_for_a_password_works_with_a_warning_that_says_what_it_costs() {
    let lab = Lab::builder()
        .sshd("PasswordAuthentication yes")
        .start()
        .unwrap();
    lab.arrive(Net::Home).unwrap();
    known(&lab, "work");
    lab.server().take_key(false).unwrap();
    let (said, status) = doctor(&lab, &["work"], &[]);
    assert_eq!((status, &said["works"]), (0, &Value::Bool(true)));
    assert_eq!(check(&said, "host-key").0, "ok");
    let (verdict, text) = check(&said, "key");
    assert_eq!(verdict, "warning");
    for part in [
        "wants a person (publickey, password)",
        "each reconnect waits until you press Enter",
        "what the host has is not asked",
        "a key avoids that: ssh-copy-id -F ",
        " work (",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!has(&said, "context"), "{said:#}");
    // Where ssh may ask nobody, no login can work.
    let (said, status) = doctor(&lab, &["-o", "BatchMode=yes", "work"], &[]);
    assert_eq!((status, check(&said, "key").0.as_str()), (1, "wrong"));
}

#[test]
fn a_host_that_takes_keys_only_and_none_of_ours_is_wrong() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    known(&lab, "work");
    lab.server().take_key(false).unwrap();
    let (said, status) = doctor(&lab, &["work"], &[]);
    assert_eq!((status, &said["works"]), (1, &Value::Bool(false)));
    let (verdict, text) = check(&said, "key");
    assert_eq!(verdict, "wrong");
    assert!(text.contains("and nothing else (publickey)"), "{text}");
    let (text, _) = run(&lab, &["work"], &[]);
    let last = "\nnetroam watch work will not work: 1 thing is wrong\n";
    assert!(text.ends_with(last), "{text}");
}

#[test]
fn a_key_that_is_locked_is_told_from_one_that_is_not_taken() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    known(&lab, "work");
    let config = fs::read_to_string(lab.ssh_config()).unwrap();
    let key = config
        .lines()
        .find_map(|line| line.trim().strip_prefix("IdentityFile "));
    let key = Path::new(key.unwrap());
    let lock = [
        "ssh-keygen",
        "-q",
        "-p",
        "-P",
        "",
        "-N",
        "secret",
        "-f",
        key.to_str().unwrap(),
    ];
    let locked = lab.piped(&lock, &[]).unwrap().wait_exit(SOON).unwrap();
    assert!(locked.success());
    let (said, status) = doctor(&lab, &["work"], &[]);
    assert_eq!(status, 0, "{said:#}");
    let (verdict, text) = check(&said, "key");
    assert_eq!(verdict, "warning");
    assert!(
        text.contains("would take ") && text.contains("ssh-add"),
        "{text}"
    );
}

#[test]
fn a_host_key_is_never_taken_for_the_user() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let asks = ["-o", "StrictHostKeyChecking=ask", "work"];
    let (said, status) = doctor(&lab, &asks, &[]);
    assert_eq!(status, 1);
    let (verdict, text) = check(&said, "host-key");
    assert_eq!(verdict, "wrong");
    assert!(
        text.contains("the key of work is not known") && text.contains("ssh -F "),
        "{text}"
    );
    // The user's own configuration has ssh take it: that is no reason why a session would not work.
    let (said, status) = doctor(&lab, &["work"], &[]);
    assert_eq!(
        (status, check(&said, "host-key").0.as_str()),
        (0, "warning")
    );
    assert_eq!(known_hosts(&lab), "");
    assert_eq!(lab.server().connections().authenticated, 0);

    known(&lab, "work");
    let before = known_hosts(&lab);
    lab.server().change_host_key().unwrap();
    let (said, status) = doctor(&lab, &["work"], &[]);
    assert_eq!((status, check(&said, "host-key").0.as_str()), (1, "wrong"));
    assert!(
        check(&said, "host-key").1.contains("another key"),
        "{said:#}"
    );
    assert_eq!(known_hosts(&lab), before);
}

#[test]
fn a_captive_portal_is_named() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Cafe).unwrap();
    let _portal = lab.portal(Answer::Http).unwrap();
    let (said, status) = doctor(&lab, &["work"], &[]);
    assert_eq!(status, 1);
    let (verdict, text) = check(&said, "answer");
    assert_eq!(verdict, "wrong");
    let portal = "the network answers in work's place (captive portal?)";
    assert!(text.starts_with(portal), "{text}");
    assert!(!has(&said, "key"), "{said:#}");
    assert_eq!(lab.server().connections().all, 0);
}

#[test]
fn where_a_session_would_wait_for_a_tunnel_nothing_is_sent() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Cafe).unwrap();
    let sniffer = lab.sniff().unwrap();
    let before = clock::wall();
    let (said, status) = doctor(&lab, &["--via", "tunnel", "work"], &[]);
    assert_eq!(status, 0, "{said:#}");
    let (verdict, text) = check(&said, "answer");
    assert_eq!(verdict, "warning");
    assert!(text.contains("a session would wait for a tunnel"), "{text}");
    assert!(!has(&said, "key"), "{said:#}");
    let (sent, asked) = (sniffer.to_server(before), sniffer.to_name_servers(before));
    assert!(sent.is_empty() && asked.is_empty(), "{sent:?} {asked:?}");
}

#[test]
fn without_a_network_nothing_is_wrong_and_without_a_server_it_is() {
    let lab = Lab::new().unwrap();
    let (said, status) = doctor(&lab, &["work"], &[]);
    assert_eq!(status, 0, "{said:#}");
    assert_eq!(check(&said, "network").0, "warning");
    assert!(
        check(&said, "answer").1.contains("wait for the network"),
        "{said:#}"
    );
    lab.arrive(Net::Home).unwrap();
    lab.server().stop_sshd().unwrap();
    let (said, status) = doctor(&lab, &["work"], &[]);
    assert_eq!(status, 1);
    assert!(
        check(&said, "answer").1.contains("connection refused"),
        "{said:#}"
    );
}

#[test]
fn where_ssh_connects_over_a_jump_host_the_login_is_the_same() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    known(&lab, "work");
    let config = lab.ssh_config();
    let mut text = fs::read_to_string(&config).unwrap();
    text.insert_str(
        0,
        "Host far\n    HostName 127.0.0.1\n    HostKeyAlias server.example\n    User dev\n    ProxyJump work\n",
    );
    fs::write(&config, text).unwrap();
    let (said, status) = doctor(&lab, &["far"], &[]);
    assert_eq!(status, 0, "{said:#}");
    assert!(
        check(&said, "ssh-configuration").1.contains("ProxyJump"),
        "{said:#}"
    );
    assert_eq!(check(&said, "key").0, "ok", "{said:#}");
}

/// The word that `watch` really passes to ssh, taken by an ssh that writes down what it gets.
#[test]
fn the_remote_command_that_is_shown_is_the_one_that_runs() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let bin = lab.dir().join("laptop/bin");
    fs::create_dir(&bin).unwrap();
    let (ssh, record) = (bin.join("ssh"), lab.dir().join("laptop/recorded"));
    let script = format!(
        "#!/bin/sh\nfor word; do :; done\ncase $1 in -G|-V) ;; *) printf %s \"$word\" > {};; esac\nexec /usr/bin/ssh \"$@\"\n",
        record.display()
    );
    fs::write(&ssh, script).unwrap();
    fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", bin.display());
    let config = lab.ssh_config();
    let configured = lab.home_dir().join(".config/netroam");
    fs::create_dir_all(&configured).unwrap();
    let file = "[host.work]\ncontext = 'tmux'\nscrollback = 'mux'\n";
    fs::write(configured.join("config.toml"), file).unwrap();
    for own in [&[][..], &["--session", "people", "--context", "screen"]] {
        let sniffer = lab.sniff().unwrap();
        let before = clock::wall();
        let (shown, status) = run(
            &lab,
            &[own, &["work", "--show-remote-command"]].concat(),
            &[],
        );
        assert_eq!(status, 0);
        assert!(sniffer.to_server(before).is_empty());
        let words = [&[netroam().to_str().unwrap(), "watch"], own].concat();
        let words = [&words[..], &["-F", config.to_str().unwrap(), "work"]].concat();
        let mut terminal = lab
            .terminal_with(&words, 24, 80, &[("PATH", &path)])
            .unwrap();
        prompt(&terminal);
        terminal.type_keys("exit\r").unwrap();
        terminal.wait_exit(SOON).unwrap();
        let passed = fs::read_to_string(&record).unwrap();
        let shown = shown.strip_suffix('\n').unwrap();
        assert_eq!(without_token(shown), without_token(&passed));
        assert_ne!(shown, passed, "each netroam has a token of its own");
    }
    // A command of the user's own goes to ssh as it is.
    let (shown, _) = run(&lab, &["--show-remote-command", "work", "ls", "-l"], &[]);
    assert_eq!(shown, "ls -l\n");
    // And what cannot be, is refused as watch refuses it.
    let words = ["--show-remote-command", "--context", "screen", "-N", "work"];
    assert_eq!(run(&lab, &words, &[]), (String::new(), 2));
}

/// The command with its 32 hexadecimal digits put aside, of which there must be just one word.
fn without_token(command: &str) -> String {
    let is_token =
        |word: &&str| word.len() == 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let tokens: Vec<&str> = command.split(' ').filter(is_token).collect();
    assert_eq!(tokens.len(), 1, "{command}");
    command.replace(tokens[0], "TOKEN")
}
