//! `netroam service`: a unit that systemd takes, and a file that is never lost.
#![expect(clippy::unwrap_used, reason = "a test ends where something fails")]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

fn service(home: &Path, words: &[&str]) -> Output {
    let mut netroam = Command::new(env!("CARGO_BIN_EXE_netroam"));
    netroam.arg("service").args(words);
    // No service manager of anybody's is to be told: only the files are looked at.
    netroam
        .env("XDG_CONFIG_HOME", home)
        .env("HOME", home)
        .env("PATH", home)
        .output()
        .unwrap()
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn systemd_takes_the_unit() {
    let home = tempfile::tempdir().unwrap();
    let printed = service(home.path(), &["print"]);
    assert!(printed.status.success());
    let unit = home.path().join("netroam.service");
    fs::write(&unit, &printed.stdout).unwrap();
    let runtime = home.path().join("run");
    fs::create_dir(&runtime).unwrap();
    let verified = Command::new("systemd-analyze")
        .args(["--user", "--man=no", "verify"])
        .arg(&unit)
        .env("XDG_RUNTIME_DIR", &runtime)
        .output()
        .expect("systemd-analyze is needed: apt-get install systemd");
    assert!(
        verified.status.success() && verified.stderr.is_empty(),
        "{}",
        said(&verified.stderr)
    );
}

#[test]
fn a_package_has_the_unit_of_a_user_with_its_own_program() {
    let home = tempfile::tempdir().unwrap();
    let own = said(&service(home.path(), &["print"]).stdout);
    let packaged = service(home.path(), &["print", "--program", "/usr/bin/netroam"]);
    let packaged = said(&packaged.stdout);
    let below = |text: &str| text.split_once('\n').unwrap().1.to_owned();
    assert_eq!(
        below(&packaged),
        below(&own).replace(env!("CARGO_BIN_EXE_netroam"), "/usr/bin/netroam")
    );
    let relative = service(home.path(), &["print", "--program", "bin/netroam"]);
    assert!(!relative.status.success());
    assert!(said(&relative.stderr).contains("bin/netroam is no absolute path"));
}

#[test]
fn a_unit_is_written_left_alone_when_it_was_changed_and_removed() {
    let home = tempfile::tempdir().unwrap();
    let unit = home.path().join("systemd/user/netroam.service");
    let wrote = service(home.path(), &["install"]);
    assert_eq!(said(&wrote.stdout), format!("wrote {}\n", unit.display()));
    // There is no systemctl in that PATH, which is said with what to do.
    assert_eq!(wrote.status.code(), Some(1));
    assert!(
        said(&wrote.stderr).starts_with("netroam: systemctl --user daemon-reload: No such file"),
        "{}",
        said(&wrote.stderr)
    );
    let text = fs::read_to_string(&unit).unwrap();
    let program = env!("CARGO_BIN_EXE_netroam");
    assert!(
        text.contains(&format!("ExecStart=\"{program}\" up\n")),
        "{text}"
    );

    fs::write(&unit, text.clone() + "Nice=5\n").unwrap();
    let kept = service(home.path(), &["install"]);
    assert_eq!(kept.status.code(), Some(1));
    assert!(
        said(&kept.stderr).contains("it stays"),
        "{}",
        said(&kept.stderr)
    );
    let kept = service(home.path(), &["uninstall"]);
    assert_eq!(kept.status.code(), Some(1));
    assert!(fs::read_to_string(&unit).unwrap().ends_with("Nice=5\n"));
    let replaced = service(home.path(), &["install", "--force"]);
    assert!(said(&replaced.stdout).starts_with("replaced "));
    assert_eq!(fs::read_to_string(&unit).unwrap(), text);
    service(home.path(), &["uninstall"]);
    assert!(!unit.exists());
    let gone = service(home.path(), &["uninstall"]);
    assert!(gone.status.success() && said(&gone.stdout).ends_with("is not there\n"));
}
