//! `netroam doctor` without a host: what this machine has, and what is wrong with it.
#![expect(clippy::unwrap_used, reason = "a test ends where something fails")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    os::unix::{
        fs::PermissionsExt as _, fs::symlink, net::UnixListener, process::ExitStatusExt as _,
    },
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use netroam_platform::clock;
use nix::{
    sys::{
        signal::{Signal, kill},
        stat::Mode,
    },
    unistd::{Pid, mkfifo},
};
use serde_json::Value;

/// netroam, at home in `home`, on no desktop.
fn doctor(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netroam"));
    command.arg("doctor").env("HOME", home).env("TERM", "xterm");
    for (variable, folder) in [
        ("XDG_STATE_HOME", "state"),
        ("XDG_CONFIG_HOME", "config"),
        ("XDG_RUNTIME_DIR", "run"),
    ] {
        command.env(variable, home.join(folder));
    }
    for variable in ["SSH_AUTH_SOCK", "DBUS_SESSION_BUS_ADDRESS", "NETROAM_LOG"] {
        command.env_remove(variable);
    }
    command
}

/// What it says as JSON, and its status.
fn found(command: &mut Command) -> (Value, Option<i32>) {
    let output = command.arg("--json").output().unwrap();
    let said = serde_json::from_slice(&output.stdout);
    let said = said.unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (said, output.status.code())
}

/// The verdicts and texts of a check.
fn all(said: &Value, name: &str) -> Vec<String> {
    let checks = said["checks"].as_array().unwrap().iter();
    let same = checks.filter(|check| check["check"] == name);
    same.map(|check| {
        format!(
            "{} {}",
            check["verdict"].as_str().unwrap(),
            check["text"].as_str().unwrap()
        )
    })
    .collect()
}

fn one(said: &Value, name: &str) -> String {
    let all = all(said, name);
    assert_eq!(all.len(), 1, "{name}: {said:#}");
    all[0].clone()
}

#[test]
fn a_machine_that_has_what_is_needed_is_told_so_and_left_as_it_is() {
    let home = tempfile::tempdir().unwrap();
    let (said, status) = found(&mut doctor(home.path()));
    assert_eq!(status, Some(0), "{said:#}");
    assert_eq!(
        (&said["works"], &said["host"]),
        (&Value::Bool(true), &Value::Null)
    );
    assert!(said["at"].as_str().unwrap().ends_with('Z'));
    let checks = said["checks"].as_array().unwrap();
    let names: Vec<_> = checks
        .iter()
        .map(|check| check["check"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "ssh-version",
            "ssh-options",
            "event-source",
            "network",
            "sleep-source",
            "notifications",
            "terminal",
            "configuration",
            "runtime-directory",
            "state-directory",
            "log",
            "agent",
            "sessions",
            "tunnels",
            "guard"
        ]
    );
    for check in checks {
        assert_eq!(check["hint"].is_null(), check["verdict"] == "ok", "{check}");
    }
    assert!(one(&said, "ssh-version").starts_with("ok OpenSSH "));
    assert_eq!(
        fs::read_dir(home.path()).unwrap().count(),
        0,
        "nothing was made"
    );
}

#[test]
fn a_wrong_configuration_is_shown_by_line_and_column() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("config/netroam");
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("config.toml");
    fs::write(&file, "[defaults]\nvai = 'any'\nnotify = false\nstal = 3\n").unwrap();
    let (said, status) = found(&mut doctor(home.path()));
    assert_eq!(status, Some(1));
    let path = file.display();
    assert_eq!(
        all(&said, "configuration"),
        [
            format!("wrong {path}:2:1: unknown key `vai`, did you mean `via`?"),
            format!("wrong {path}:4:1: unknown key `stal`, did you mean `stall`?")
        ]
    );
    fs::write(
        &file,
        "[defaults]\nnotify = false\n[session.web]\nhost = 'gw1'\n",
    )
    .unwrap();
    let (said, status) = found(&mut doctor(home.path()));
    assert_eq!(status, Some(0));
    assert_eq!(
        one(&said, "configuration"),
        format!("ok {path} is right; it names 1 session")
    );
    assert_eq!(
        one(&said, "notifications"),
        "ok not wanted (notify = false)"
    );
    let missing = found(doctor(home.path()).args(["--config", "/nonexistent"]));
    assert_eq!(missing.1, Some(1));
    assert!(one(&missing.0, "configuration").starts_with("wrong cannot read"));
}

#[test]
fn directories_that_others_can_write_to_are_wrong() {
    let home = tempfile::tempdir().unwrap();
    let run = home.path().join("run/netroam");
    fs::create_dir_all(&run).unwrap();
    let mode = |mode| fs::set_permissions(&run, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o777);
    let (said, status) = found(&mut doctor(home.path()));
    assert_eq!(status, Some(1));
    let at = run.display();
    let wrong = format!("wrong {at} can be written by others (mode 0777)");
    assert_eq!(one(&said, "runtime-directory"), wrong);
    mode(0o700);
    let (said, status) = found(&mut doctor(home.path()));
    assert_eq!(
        (status, one(&said, "runtime-directory")),
        (Some(0), format!("ok {at}"))
    );
    let text = doctor(home.path())
        .env("NETROAM_LOG", "loud")
        .output()
        .unwrap();
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(
        text.contains("wrong    log: NETROAM_LOG is \"loud\", which is no level\n"),
        "{text}"
    );
}

#[test]
fn without_ssh_that_is_what_is_wrong() {
    let home = tempfile::tempdir().unwrap();
    for words in [&[][..], &["gw1"]] {
        let (said, status) = found(doctor(home.path()).args(words).env("PATH", "/nonexistent"));
        assert_eq!(status, Some(1), "{said:#}");
        assert!(one(&said, "ssh-version").starts_with("wrong no ssh in PATH"));
        assert!(all(&said, "ssh-configuration").is_empty());
    }
}

#[test]
fn an_agent_that_is_gone_and_a_session_bus_that_is_silent_are_warnings() {
    let home = tempfile::tempdir().unwrap();
    let (link, bus) = (home.path().join("agent"), home.path().join("bus"));
    symlink(home.path().join("gone"), &link).unwrap();
    let _deaf = UnixListener::bind(&bus).unwrap();
    let mut command = doctor(home.path());
    command.env("SSH_AUTH_SOCK", &link);
    command.env(
        "DBUS_SESSION_BUS_ADDRESS",
        format!("unix:path={}", bus.display()),
    );
    let (said, status) = found(&mut command);
    assert_eq!(status, Some(0), "{said:#}");
    let agent = one(&said, "agent");
    assert!(
        agent.starts_with("warning nobody answers at") && agent.contains("a link to"),
        "{agent}"
    );
    #[cfg(not(target_os = "macos"))]
    assert!(
        one(&said, "notifications").starts_with("warning the desktop does not answer"),
        "{said:#}"
    );
}

#[test]
fn a_signal_ends_it_with_the_ssh_that_it_started() {
    let home = tempfile::tempdir().unwrap();
    let pipe = home.path().join("pipe");
    for signal in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM] {
        mkfifo(&pipe, Mode::S_IRWXU).unwrap();
        let proxy = format!(
            "ProxyCommand=sh -c 'exec 3>{}; echo up >&3; exec sleep 30'",
            pipe.display()
        );
        let words = ["-F", "/dev/null", "-o", &proxy, "gw1"];
        #[expect(
            clippy::disallowed_methods,
            reason = "it ends within the test, and of this signal"
        )]
        let mut child = doctor(home.path())
            .args(words)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(fs::File::open(&pipe).unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        assert_eq!(line, "up\n");
        let begun = clock::now();
        kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(signal as i32));
        // Until nobody has the other end.
        said.read_to_string(&mut line).unwrap();
        assert!(clock::now().since(begun) < Duration::from_secs(10));
        let left = fs::read_dir(home.path().join("run/netroam")).unwrap();
        let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
        assert!(
            !left
                .iter()
                .any(|name| name.as_encoded_bytes().starts_with(b"run.")),
            "{left:?}"
        );
        fs::remove_file(&pipe).unwrap();
    }
}

#[test]
fn words_that_make_no_sense_are_refused() {
    let home = tempfile::tempdir().unwrap();
    for words in [
        &["--jsn"][..],
        &["-V", "gw1"],
        &["-p"],
        &["--show-remote-command"],
        &["-p", "22"],
    ] {
        let output = doctor(home.path()).args(words).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{words:?}: {output:?}");
        assert!(output.stdout.is_empty());
    }
}
