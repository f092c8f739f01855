//! Names of strangers and of this machine in commands that a shell reads.

use std::{ffi::OsString, fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use netroam::{
    context::{Attach, Mux, Name, Recipe, Scrollback, Stale, Token, When},
    ssh::{Args, Asked, Config, Forward, Version},
};
use proptest::{prelude::*, test_runner::TestRunner};

use super::support::{Home, complaints};

/// What sshd may run a command with.
const SHELLS: [&[&str]; 8] = [
    &["bash"],
    &["dash"],
    &["zsh"],
    &["fish"],
    &["tcsh"],
    &["mksh"],
    &["ksh93"],
    &["busybox", "sh"],
];

/// What a name must never do, in the words of each shell.
const HOSTILE: &str =
    "[-a-zA-Z0-9._ '\"`$(){};&|<>\\\\!*?~#%\n\r\t\u{1b}\u{9b}\u{202e}é=:/@^\\[\\]]{0,60}";

/// A directory in which `sh` only says with which words it was run.
fn shell_that_tells() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let sh = directory.path().join("sh");
    fs::write(&sh, "#!/bin/sh\nprintf '%s\\0' \"$@\"\n").unwrap();
    fs::set_permissions(&sh, fs::Permissions::from_mode(0o755)).unwrap();
    directory
}

/// The words with which the command has `sh` run, as this shell reads it.
fn words(shell: &[&str], first: &Path, command: &str) -> Vec<String> {
    let path = format!("{}:{}", first.display(), std::env::var("PATH").unwrap());
    let output = Command::new(shell[0])
        .args(&shell[1..])
        .args(["-c", command])
        .env("PATH", path)
        .env("HOME", first)
        .output()
        .unwrap();
    assert!(
        output.stderr.is_empty(),
        "{shell:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let said = String::from_utf8(output.stdout).unwrap();
    said.split_terminator('\0').map(str::to_owned).collect()
}

fn run(cases: u32) -> TestRunner {
    TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    })
}

#[test]
fn the_remote_command_is_read_as_it_was_meant_whatever_this_machine_is_called() {
    let sh = shell_that_tells();
    let token = Token::random();
    let turn = std::cell::Cell::new(0);
    run(64)
        .run(&HOSTILE, |host| {
            let shell = SHELLS[turn.replace(turn.get() + 1) % SHELLS.len()];
            let name = Name::of_host(&host);
            let attach = Attach {
                name: &name,
                mux: Mux::Auto,
                scrollback: Scrollback::Native,
                token: &token,
                when: When::Again,
            };
            let read = words(shell, sh.path(), &attach.command());
            prop_assert_eq!(&read[0], "-c");
            prop_assert_eq!(
                &read[2..],
                [
                    "netroam",
                    name.as_str(),
                    "auto",
                    "native",
                    &token.to_string(),
                    "again"
                ]
            );

            let forwards = Forward::all(&[
                format!("remoteforward {host} [x]:1"),
                "localforward 8080 [web]:80".into(),
            ]);
            let socket = Path::new(&host);
            let read = words(
                shell,
                sh.path(),
                &Stale::new(&host, &forwards).replace(&[socket]),
            );
            prop_assert_eq!(&read[2], "netroam");
            prop_assert!(
                read.len() == 5 || (read.len() == 6 && read[5] == host),
                "{:?}",
                &read[2..]
            );
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_command_of_the_users_is_kept_only_where_every_shell_reads_the_same() {
    let sh = shell_that_tells();
    let turn = std::cell::Cell::new(0);
    run(256)
        .run(&(HOSTILE, HOSTILE), |(first, second)| {
            let typed = [
                OsString::from(format!("screen -D -R {first}")),
                second.into(),
            ];
            let Some(recipe) = Recipe::of(&typed) else {
                return Ok(());
            };
            let shell = SHELLS[turn.replace(turn.get() + 1) % SHELLS.len()];
            let read = words(shell, sh.path(), &recipe.command(When::First));
            let meant: Vec<_> = typed
                .iter()
                .flat_map(|word| word.to_str().unwrap().split_whitespace())
                .collect();
            prop_assert_eq!(&read[6..], &meant[..]);
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_session_is_called_what_it_may_be_called_or_refused() {
    let home = Home::new();
    for name in [
        "$(touch x)",
        "a'b",
        "-x",
        "a b",
        "a\nb",
        "../x",
        "\u{1b}[2J",
        "x;y",
        "é",
    ] {
        let output = home
            .netroam(&[
                "watch",
                &format!("--session={name}"),
                "-F",
                "none",
                "-tt",
                "gw1.invalid",
            ])
            .output()
            .unwrap();
        let said = complaints(&output);
        assert!(said[0].contains("session name"), "{name:?}: {said:?}");
        super::support::assert_harmless(name, &output.stderr);
    }
}

#[test]
fn a_host_name_that_a_shell_or_ssh_would_read_otherwise_is_refused_before_ssh_is_asked() {
    let home = Home::new();
    // Whatever runs ssh leaves a mark.
    let bin = home.path("bin");
    fs::create_dir(&bin).unwrap();
    let real = String::from_utf8(
        Command::new("sh")
            .args(["-c", "command -v ssh"])
            .output()
            .unwrap()
            .stdout,
    )
    .unwrap();
    let mark = home.path("asked");
    fs::write(
        bin.join("ssh"),
        format!(
            "#!/bin/sh\n[ \"$1\" = -V ] || echo \"$@\" >> {}\nexec {} \"$@\"\n",
            mark.display(),
            real.trim()
        ),
    )
    .unwrap();
    fs::set_permissions(bin.join("ssh"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    for host in [
        "-oProxyCommand=touch x",
        "u@-oProxyCommand=x",
        "-l@gw1",
        "$(touch x)",
        "`x`",
        "a b",
        "a\nb",
        "a;b",
        "a|b",
        "a'b",
        "a\u{1b}[2Jb",
        "ssh://-x",
        "ssh://u@[-x]:22/",
        "ssh://u@[]:22",
        "ssh://u@:22/",
        "ssh://u@$(x):22/",
    ] {
        for verb in ["watch", "why"] {
            let output = home
                .netroam(&[verb, "-F", "none", "--", host])
                .env("PATH", &path)
                .output()
                .unwrap();
            assert_eq!(output.status.code(), Some(2), "{host:?}: {output:?}");
            super::support::assert_harmless(host, &output.stderr);
        }
    }
    assert!(
        !mark.exists(),
        "{}",
        fs::read_to_string(&mark).unwrap_or_default()
    );
}

#[test]
fn per_cent_signs_in_a_name_are_ssh_s_business_and_reach_it_as_they_are() {
    let version = Version { major: 9, minor: 2 };
    for host in ["gw%h", "100%", "a*b", "~x", "[::1]", "a=b"] {
        let Ok(Asked::Session(args)) = Args::parse(&[host.into()], version) else {
            panic!("{host}");
        };
        assert_eq!(args.destination, *host);
    }
}

#[test]
fn what_ssh_says_of_its_configuration_is_data_however_it_lies() {
    let lie = "host $(touch x)\nhostname \u{1b}[2J$(touch x)\nuser -oProxyCommand=x\nport 22\nproxycommand $(touch x)\nlocalforward /tmp/$(x) [`y`]:80\nhostkeyalias ';x'\n";
    let config = Config::parse(lie).unwrap();
    assert_eq!(config.hostname, "\u{1b}[2J$(touch x)");
    for (broken, why) in [
        ("", "names no host"),
        ("hostname x\n", "names no port"),
        ("hostname x\nport 99999\nuser u\n", "names no port"),
    ] {
        assert!(Config::parse(broken).unwrap_err().to_string().contains(why));
    }
    let home = Home::new();
    let bin = home.path("bin");
    fs::create_dir(&bin).unwrap();
    fs::write(home.path("lie"), lie).unwrap();
    fs::write(
        bin.join("ssh"),
        format!(
            "#!/bin/sh\ncase $1 in -V) echo OpenSSH_9.2p1 >&2;; -G) cat {};; *) exit 255;; esac\n",
            home.path("lie").display()
        ),
    )
    .unwrap();
    fs::set_permissions(bin.join("ssh"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    for words in [
        &["why", "gw1"][..],
        &["why", "--json", "gw1"],
        &["watch", "-N", "gw1"],
    ] {
        let output = home
            .netroam(words)
            .env("PATH", &path)
            .current_dir(home.path(""))
            .output()
            .unwrap();
        super::support::assert_harmless("stdout", &output.stdout);
        super::support::assert_harmless("stderr", &output.stderr);
    }
    assert!(!home.path("x").exists(), "nobody ran it");
}
