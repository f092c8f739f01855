//! The remote command with which doctor looks at a host, in every login shell, with screen, tmux and neither.

use std::{fs, path::Path, process::Command};

use netroam::context::{Mux, Survey, survey::Remote};

use crate::server::{SHELLS, Server};

/// What the host says of itself to the user with this login shell.
fn survey(server: &Server, shell: &str, mux: Mux, term: &str) -> Survey {
    let output = Command::new("ssh")
        .args(["-o", "BatchMode=yes", "-T"])
        .args(server.login(shell))
        .arg(Survey::command(mux, term))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    Survey::read(&said).unwrap_or_else(|| panic!("{shell}: {output:?}"))
}

/// Every file below, by name.
fn files(below: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        found.push(path.display().to_string());
        if path.is_dir() && !path.is_symlink() {
            found.extend(files(&path));
        }
    }
    found.sort();
    found
}

#[test]
fn every_login_shell_says_what_is_there_and_nothing_is_written() {
    let server = Server::start();
    for shell in SHELLS {
        // What a shell writes at its first start, it has written before.
        assert_eq!(server.ask(shell, "echo here"), "here");
        let before = files(&server.home(shell));
        let found = survey(&server, shell, Mux::Auto, "xterm-256color");
        assert!(
            found
                .screen
                .is_some_and(|version| version.starts_with(['4', '5'])),
            "{shell}"
        );
        assert!(
            found.tmux.is_some_and(|version| version.starts_with('3')),
            "{shell}"
        );
        assert!(
            found.system.starts_with("Linux "),
            "{shell}: {}",
            found.system
        );
        assert_eq!(
            (found.terminfo, found.writable),
            (Some(true), true),
            "{shell}"
        );
        assert!(
            found.clock.is_some() && found.sessions.is_empty(),
            "{shell}"
        );
        assert_eq!(files(&server.home(shell)), before, "{shell}");
        let left = server.ask(shell, "ls /run/screen /run/tmux");
        assert_eq!(left, "/run/screen:\n\n/run/tmux:", "{shell}");
    }
    assert_eq!(
        survey(&server, "bash", Mux::Auto, "no-such-term").terminfo,
        Some(false)
    );
    assert_eq!(survey(&server, "bash", Mux::Auto, "$(x)").terminfo, None);
}

#[test]
fn the_sessions_are_listed_with_those_that_netroam_had() {
    let server = Server::start();
    // screen lists one that was killed as well, as dead.
    server.ask("bash", "screen -d -m -S killed; kill -9 $(screen -ls | grep -o [0-9]*[.]killed | cut -d. -f1); until screen -ls | grep -q Dead; do :; done");
    server.ask("bash", "screen -d -m -S work; tmux new-session -d -s irc; : > ~/.ssh/netroam-$(uname -n)-work.owner");
    let found = survey(&server, "bash", Mux::Auto, "xterm");
    let remote = |mux, name: &str, ours| Remote {
        mux,
        name: name.into(),
        ours,
    };
    assert_eq!(
        found.sessions,
        [remote("screen", "work", true), remote("tmux", "irc", false)]
    );
}

#[test]
fn what_is_not_there_is_said() {
    let server = Server::without(&["screen", "tmux", "infocmp", "locale"]);
    let found = survey(&server, "bash", Mux::Auto, "xterm");
    assert_eq!((found.screen, found.tmux), (None, None));
    assert_eq!((found.terminfo, found.charmap), (None, None));
    assert!(found.writable);
}

/// netroam itself, on a host that has neither.
#[test]
fn doctor_warns_of_a_host_without_screen_and_tmux_and_of_a_command_of_its_own() {
    let server = Server::without(&["screen", "tmux"]);
    let home = tempfile::tempdir().unwrap();
    let doctor = |shell: &str| {
        let mut netroam = Command::new(env!("CARGO_BIN_EXE_netroam"));
        netroam.arg("doctor").args(server.login(shell));
        for folder in ["XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"] {
            netroam.env(folder, home.path().join(folder));
        }
        let output = netroam.env("TERM", "xterm-kitty-of-mine").output().unwrap();
        (
            String::from_utf8(output.stdout).unwrap(),
            output.status.code(),
        )
    };
    let (said, status) = doctor("zsh");
    assert_eq!(status, Some(0), "{said}");
    for line in [
        "warning  context: no screen or tmux on nr-zsh@127.0.0.1: a plain shell, which does not survive a lost connection\n",
        "warning  terminfo: nr-zsh@127.0.0.1 does not know xterm-kitty-of-mine: sessions there use xterm-256color\n",
        "         hint: infocmp -x xterm-kitty-of-mine | ssh nr-zsh@127.0.0.1 tic -x -\n",
        "ok       answer: 127.0.0.1 port ",
    ] {
        assert!(said.contains(line), "{line} is not in\n{said}");
    }
    let keys = server.home("bash").join(".ssh/authorized_keys");
    let key = fs::read_to_string(&keys).unwrap();
    fs::write(&keys, format!("command=\"date\" {key}")).unwrap();
    let (said, status) = doctor("bash");
    assert_eq!(status, Some(1), "{said}");
    assert!(
        said.contains(
            "wrong    remote-system: nr-bash@127.0.0.1 runs a command of its own for this key"
        ),
        "{said}"
    );
}
