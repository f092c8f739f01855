//! What netroam makes is its user's alone, whatever the umask; and what others have put in its place is not taken.

use std::{
    fs,
    os::unix::fs::{FileTypeExt as _, PermissionsExt as _, chown, lchown, symlink},
    path::Path,
};

use netroam_lab::{Lab, Mux, Net};
use nix::sys::signal::Signal;

use super::support::{Home, NOBODY, SOON, complaints, eventually, netroam};

/// Everything below that others could read, write or enter.
fn open_to_others(directory: &Path, count: &mut usize) -> Vec<String> {
    let mut open = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let found = entry.metadata().unwrap();
        let mode = found.permissions().mode() & 0o7777;
        let expected = if found.is_dir() { 0o700 } else { 0o600 };
        *count += 1;
        if mode != expected {
            let kind = found.file_type();
            let socket = if kind.is_socket() { ", a socket" } else { "" };
            open.push(format!("{} {mode:o}{socket}", entry.path().display()));
        }
        if found.is_dir() {
            open.extend(open_to_others(&entry.path(), count));
        }
    }
    open
}

#[test]
fn files_are_for_their_user_alone_under_any_umask() {
    for umask in ["000", "077"] {
        let lab = Lab::new().unwrap();
        lab.arrive(Net::Home).unwrap();
        lab.start_probe(Mux::Screen, "probe").unwrap();
        let (config, home) = (lab.ssh_config(), lab.home_dir());
        let [config, log, ssh_log] = [
            config.clone(),
            home.join("log/of/netroam"),
            home.join("ssh.log"),
        ]
        .map(|path| path.to_str().unwrap().to_owned());
        let under = |words: &[&str]| {
            let script = format!("umask {umask}; exec \"$0\" \"$@\"");
            let words = [&["sh", "-c", &script, netroam().to_str().unwrap()], words].concat();
            words.into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let guard = lab.piped(&under(&["guard"]), &[]).unwrap();
        guard.wait_for_stderr("guarding", SOON).unwrap();
        let first = lab
            .terminal(&under(&[
                "watch",
                "--session",
                "probe",
                "-F",
                &config,
                "work",
            ]))
            .unwrap();
        let second = [
            "watch",
            "--session",
            "other",
            "--log-file",
            &log,
            "-E",
            &ssh_log,
            "-v",
            "-F",
            &config,
            "work",
        ];
        let second = lab.terminal(&under(&second)).unwrap();
        let run = lab.dir().join("laptop/run/netroam");
        let state = home.join(".local/state/netroam");
        eventually("two sessions", || {
            let journals = fs::read_dir(state.join("journal"))
                .into_iter()
                .flatten()
                .flatten();
            let text: String = journals
                .map(|file| fs::read_to_string(file.path()).unwrap())
                .collect();
            text.matches("\"attached\"").count() >= 2
                && fs::exists(state.join("hosts/work.toml")).unwrap()
        });
        let mut count = 0;
        let mut open = open_to_others(&run, &mut count);
        assert!(
            fs::exists(run.join("guard")).unwrap() && count >= 8,
            "{count}"
        );
        open.extend(open_to_others(&state, &mut count));
        open.extend(open_to_others(&home.join("log"), &mut count));
        for path in [&run, &state, &home.join("log"), Path::new(&ssh_log)] {
            let mode = fs::metadata(path).unwrap().permissions().mode() & 0o7777;
            if mode & 0o077 != 0 {
                open.push(format!("{} {mode:o}", path.display()));
            }
        }
        assert_eq!(open, [""; 0], "umask {umask}");
        drop((first, second));
        guard.signal(Signal::SIGTERM).unwrap();
    }
}

#[test]
fn a_unit_is_for_its_user_alone_and_no_link_is_followed_to_write_it() {
    let home = Home::new();
    let install = || {
        let script = "umask 000; exec \"$0\" service install";
        let mut netroam = home.netroam(&[]);
        let mut command = std::process::Command::new("sh");
        command
            .arg("-c")
            .arg(script)
            .arg(netroam.get_program())
            .env_clear();
        command.envs(
            netroam
                .env("XDG_CONFIG_HOME", home.path("config"))
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        // No service manager of anybody's is to be told.
        command.env("PATH", "/nonexistent");
        std::process::Command::new("/bin/sh")
            .arg("-c")
            .arg(script)
            .arg(netroam.get_program())
            .env_clear()
            .envs(
                command
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .output()
            .unwrap()
    };
    let unit = home.path("config/systemd/user/netroam.service");
    fs::create_dir_all(unit.parent().unwrap()).unwrap();
    let elsewhere = home.path("elsewhere");
    symlink(&elsewhere, &unit).unwrap();
    let refused = install();
    assert!(
        !refused.status.success() && !elsewhere.exists(),
        "{refused:?}"
    );
    fs::remove_dir_all(home.path("config")).unwrap();
    install();
    let mut count = 0;
    assert_eq!(open_to_others(&home.path("config"), &mut count), [""; 0]);
    assert_eq!(count, 3, "two directories and the unit");
}

/// Ways in which a directory is not this user's alone, and what is said of each.
fn traps(directory: &Path, mut check: impl FnMut(&str)) {
    let make = || {
        fs::create_dir(directory).unwrap();
        fs::set_permissions(directory, fs::Permissions::from_mode(0o700)).unwrap();
    };
    make();
    chown(directory, Some(NOBODY), Some(NOBODY)).unwrap();
    check("belongs to somebody else");
    fs::remove_dir(directory).unwrap();
    for mode in [0o777, 0o1777, 0o720] {
        make();
        fs::set_permissions(directory, fs::Permissions::from_mode(mode)).unwrap();
        check("can be written by others");
        assert_eq!(
            fs::read_dir(directory).unwrap().count(),
            0,
            "nothing is written there"
        );
        fs::remove_dir(directory).unwrap();
    }
    let target = directory.with_extension("target");
    fs::create_dir(&target).unwrap();
    symlink(&target, directory).unwrap();
    lchown(directory, Some(NOBODY), Some(NOBODY)).unwrap();
    check("belongs to somebody else");
    assert_eq!(
        fs::read_dir(&target).unwrap().count(),
        0,
        "nothing is written there"
    );
    fs::remove_file(directory).unwrap();
    fs::remove_dir(target).unwrap();
}

#[test]
fn a_state_directory_that_others_have_a_hand_in_is_refused_in_one_line() {
    let home = Home::new();
    traps(&home.path("state/netroam"), |why| {
        for words in [&["watch", "gw1.invalid"][..], &["guard"], &["sweep"]] {
            let output = home.netroam(words).output().unwrap();
            let said = complaints(&output);
            assert!(
                said.len() == 1 && said[0].contains(why),
                "{words:?} {why}: {said:?}"
            );
            assert_eq!(output.status.code(), Some(240), "{words:?}");
        }
    });
}

#[test]
fn a_runtime_directory_that_others_have_a_hand_in_is_refused_in_one_line() {
    let home = Home::new();
    traps(&home.path("run/netroam"), |_| {
        let output = home.netroam(&["guard"]).output().unwrap();
        let said = complaints(&output);
        assert!(
            said.len() == 1 && said[0].starts_with("cannot use "),
            "{said:?}"
        );
        assert_eq!(output.status.code(), Some(240));
    });
    traps(&home.path("run/netroam"), |why| {
        let output = home
            .netroam(&[
                "watch",
                "-F",
                "none",
                "-tt",
                "--context",
                "screen",
                "gw1.invalid",
            ])
            .output()
            .unwrap();
        let said = complaints(&output);
        assert!(said.len() == 1 && said[0].contains(why), "{said:?}");
    });
}

#[test]
fn a_log_goes_into_no_file_and_through_no_link_of_somebody_elses() {
    let home = Home::new();
    let log = home.path("shared/log");
    fs::create_dir(home.path("shared")).unwrap();
    fs::set_permissions(home.path("shared"), fs::Permissions::from_mode(0o777)).unwrap();
    let watch = || {
        let file = log.to_str().unwrap();
        home.netroam(&[
            "watch",
            "--config",
            "/nonexistent",
            "--log-file",
            file,
            "gw1",
        ])
    };
    let refused = || {
        let said = complaints(&watch().output().unwrap());
        assert!(
            said.len() == 1 && said[0].ends_with("belongs to somebody else"),
            "{said:?}"
        );
    };
    // It could read what it is given to keep.
    fs::write(&log, "").unwrap();
    fs::set_permissions(&log, fs::Permissions::from_mode(0o666)).unwrap();
    chown(&log, Some(NOBODY), None).unwrap();
    refused();
    assert_eq!(fs::read_to_string(&log).unwrap(), "");
    fs::remove_file(&log).unwrap();
    // It could have us write into a file of our own.
    let precious = home.path("precious");
    fs::write(&precious, "mine").unwrap();
    symlink(&precious, &log).unwrap();
    lchown(&log, Some(NOBODY), None).unwrap();
    refused();
    assert_eq!(fs::read_to_string(&precious).unwrap(), "mine");
    fs::remove_file(&log).unwrap();
    // It could hold us up.
    nix::unistd::mkfifo(&log, nix::sys::stat::Mode::from_bits_truncate(0o666)).unwrap();
    chown(&log, Some(NOBODY), None).unwrap();
    refused();
    fs::remove_file(&log).unwrap();
    // One's own link is one's own business.
    symlink(home.path("own"), &log).unwrap();
    assert!(
        !complaints(&watch().output().unwrap())
            .concat()
            .contains("somebody else")
    );
    assert!(
        fs::read_to_string(home.path("own"))
            .unwrap()
            .contains("netroam starts")
    );
}

#[test]
fn the_journal_and_what_was_learnt_follow_no_link() {
    use netroam::{
        journal::{Journal, Note},
        learnt::{Learnt, Store},
    };
    let home = Home::new();
    let (state, precious) = (home.path("state/netroam"), home.path("precious"));
    fs::write(&precious, "mine").unwrap();
    Store::new(&state).write("gw1", &Learnt::default()).unwrap();
    let note = || Journal::open(&state, "gw1", None).note(&Note::slept(SOON));
    note();
    for file in ["journal/gw1.jsonl", "hosts/gw1.toml"] {
        let file = state.join(file);
        fs::remove_file(&file).unwrap();
        symlink(&precious, &file).unwrap();
    }
    note();
    Store::new(&state).write("gw1", &Learnt::default()).unwrap();
    assert_eq!(fs::read_to_string(&precious).unwrap(), "mine");
    assert!(
        !state.join("hosts/gw1.toml").is_symlink(),
        "the new file took its place"
    );
}
