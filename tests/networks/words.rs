//! What cannot work is said in one line, with a hint where there is one, and by the exit status.

use std::{fs, os::unix::fs::PermissionsExt as _};

use netroam_lab::{Lab, Net};

use super::support::{SOON, netroam, nothing_left, prompt, watch};

/// What netroam says on standard error, and its status; these arguments, and this environment.
fn run(lab: &Lab, words: &[&str], env: &[(&str, &str)]) -> (String, Option<i32>) {
    let words = [&[netroam().to_str().unwrap(), "watch"], words].concat();
    let mut piped = lab.piped(&words, env).unwrap();
    let status = piped.wait_exit(SOON).unwrap();
    assert_eq!(piped.stdout(), "");
    nothing_left(lab);
    (piped.stderr(), status.code())
}

/// Runs netroam with these words, which it must refuse with this line, which may be followed by this hint, and this status.
fn refused(lab: &Lab, words: &[&str], line: &str, hint: &str, status: i32) {
    let (said, code) = run(lab, words, &[]);
    assert_eq!(code, Some(status), "{words:?}: {said}");
    assert!(
        said.starts_with(&format!("netroam: {line}")),
        "{words:?}: {said}"
    );
    let lines: Vec<_> = said.split_inclusive('\n').collect();
    assert_eq!(
        lines.len(),
        1 + usize::from(!hint.is_empty()),
        "{words:?}: {said}"
    );
    assert!(
        lines.get(1).is_none_or(|second| second.starts_with(hint)),
        "{words:?}: {said}"
    );
    assert!(said.is_ascii(), "{words:?}: {said}");
}

#[test]
fn bad_words_are_refused_in_one_line() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let help = "netroam: hint: netroam watch --help\n";
    let man = "netroam: hint: man ssh has ssh's options, netroam watch --help has netroam's\n";
    for (words, line, hint, status) in [
        (
            &["--", "-oProxyCommand=x"][..],
            "\"-oProxyCommand=x\" is not a host name: it begins with '-'",
            help,
            2,
        ),
        (&["-oProxyCommand=x"], "no host given", help, 2),
        (
            &["--session", "a/b", "-tt", "work"],
            "",
            "netroam: hint: ",
            2,
        ),
        (
            &["--sesion", "x", "work"],
            "unknown option --sesion",
            "netroam: hint: did you mean --session?\n",
            2,
        ),
        (&["--xyzzy", "work"], "unknown option --xyzzy", help, 2),
        (&["-Z", "work"], "ssh has no option -Z", man, 2),
        (&["-p"], "option -p needs a value", man, 2),
        (
            &["-o", "NoSuchKey=1", "work"],
            "",
            "netroam: hint: ssh -G",
            2,
        ),
        (
            &["-o", "BindAddress=here", "work"],
            "BindAddress here is no address",
            "netroam: hint: --dial=ssh",
            2,
        ),
        (
            &["-f", "work"],
            "Cannot fork into background without a command to execute.",
            "netroam: hint: ",
            2,
        ),
        (
            &["--session", "x", "work"],
            "only a login session has a name and a context",
            "netroam: hint: ",
            2,
        ),
        (
            &["--context", "screen", "work", "ls"],
            "only a login session has a name and a context",
            "netroam: hint: ",
            2,
        ),
        (
            &["--context", "tmux-cc", "--scrollback", "native", "work"],
            "--scrollback has no meaning with --context tmux-cc",
            "netroam: hint: leave --scrollback out",
            2,
        ),
    ] {
        refused(&lab, words, line, hint, status);
    }
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let wrong = lab.dir().join("wrong.toml");
    fs::write(&wrong, "[defaults]\nstal = 5\n").unwrap();
    let wrong = wrong.to_str().unwrap();
    let missing = "/nonexistent/netroam.toml";
    for (words, line, hint, status) in [
        (
            &["--config", wrong, "work"][..],
            "the configuration ",
            "netroam: hint: netroam config check",
            2,
        ),
        (
            &["--config", missing, "work"],
            "cannot read the configuration /nonexistent/netroam.toml: No such file",
            "netroam: hint: ",
            2,
        ),
        (
            &["-E", "/nonexistent/log", "work"],
            "cannot write ssh's log /nonexistent/log: No such file",
            "netroam: hint: its directory has to be there",
            240,
        ),
        (
            &["--log-file", "/proc/nothing/log", "work"],
            "cannot write the log /proc/nothing/log",
            "netroam: hint: its directory has to be there",
            240,
        ),
    ] {
        refused(&lab, words, line, hint, status);
    }
    let (said, _) = run(&lab, &["--config", wrong, "work"], &[]);
    assert!(
        said.contains("line 2, column 1: unknown key `stal`, did you mean `stall`?"),
        "{said}"
    );
}

#[test]
fn an_ssh_that_cannot_be_used_and_a_place_that_cannot_be_written_are_named() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let old = lab.dir().join("old");
    fs::create_dir(&old).unwrap();
    fs::write(old.join("ssh"), "#!/bin/sh\necho OpenSSH_7.4p1 >&2\n").unwrap();
    fs::set_permissions(old.join("ssh"), fs::Permissions::from_mode(0o755)).unwrap();
    let old = format!("{}:{}", old.display(), std::env::var("PATH").unwrap());
    let file = lab.dir().join("file");
    fs::write(&file, "").unwrap();
    let file = file.to_str().unwrap();
    let directories = "XDG_RUNTIME_DIR and XDG_STATE_HOME say where netroam writes";
    for (env, line, hint) in [
        (
            ("PATH", "/nonexistent"),
            "no ssh in PATH\n",
            "install OpenSSH's client",
        ),
        (
            ("PATH", &*old),
            "the ssh in PATH is OpenSSH 7.4, but netroam needs 8.7 or newer\n",
            "a newer one has to come first in PATH",
        ),
        (("XDG_RUNTIME_DIR", file), "cannot make ", directories),
    ] {
        let words = [&[netroam().to_str().unwrap(), "watch"][..], &["work"]].concat();
        let mut command = lab.command(words[0]);
        command.args(&words[1..]).envs([env]);
        let child = lab
            .spawn(command.stderr(std::process::Stdio::piped()))
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(240), "{env:?}: {said}");
        assert!(
            said.starts_with(&format!("netroam: {line}"))
                && said.contains(&format!("\nnetroam: hint: {hint}"))
                && said.matches('\n').count() == 2,
            "{env:?}: {said}"
        );
    }
}

#[test]
fn a_name_that_is_none_here_is_waited_for_and_an_address_that_is_not_ours_is_named() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let config = lab.ssh_config();
    let config = config.to_str().unwrap();
    lab.laptop()
        .sh("echo 'hosts: files' > /tmp/nsswitch; mount --bind /tmp/nsswitch /etc/nsswitch.conf")
        .unwrap();
    lab.set_host_names("127.0.0.1 localhost\n").unwrap();
    let terminal = watch(&lab, &["--session", "people"], &["work"]);
    let here = "work: does not resolve here, waiting [Enter";
    terminal.wait_for_text(here, SOON).unwrap();
    let server = Lab::SERVER_V4;
    lab.set_host_names(&format!("{server} server.example server4.example\n"))
        .unwrap();
    prompt(&terminal);
    drop(terminal);

    let words = [
        netroam().to_str().unwrap(),
        "watch",
        "-F",
        config,
        "-o",
        "BindAddress=192.0.2.1",
        "work4",
    ];
    let piped = lab.piped(&words, &[]).unwrap();
    piped.wait_for_stderr("192.0.2.1", SOON).unwrap();
    let said = piped.stderr();
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn a_directory_with_a_long_name_costs_no_session() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    // Longer than the name of a Unix socket may be anywhere (sun_path of unix(7): 108 bytes; 104 on macOS).
    let long = lab.dir().join("x".repeat(100));
    fs::create_dir(&long).unwrap();
    let config = lab.ssh_config();
    let words = ["-F", config.to_str().unwrap(), "work", "exit 7"];
    let env = [("XDG_RUNTIME_DIR", long.to_str().unwrap())];
    let (said, code) = run(&lab, &words, &env);
    assert_eq!(code, Some(7), "{said}");
    let (first, rest) = said.split_once('\n').unwrap();
    assert!(
        first.starts_with("netroam: netroam why cannot ask: no socket in ")
            && first.contains(env[0].1)
            && first.ends_with(" (path must be shorter than SUN_LEN)"),
        "{said}"
    );
    assert!(!rest.contains("netroam:"), "{said}");
}
