//! `netroam config check`: what is wrong with a configuration, by line and column.
#![expect(clippy::unwrap_used, reason = "a test ends where something fails")]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

/// With this configuration in the place where netroam looks for it.
fn check(home: &Path, text: Option<&str>, words: &[&str]) -> Output {
    let folder = home.join("netroam");
    fs::create_dir_all(&folder).unwrap();
    if let Some(text) = text {
        fs::write(folder.join("config.toml"), text).unwrap();
    }
    let mut netroam = Command::new(env!("CARGO_BIN_EXE_netroam"));
    netroam.args(["config", "check"]).args(words);
    netroam.env("XDG_CONFIG_HOME", home).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn what_is_wrong_is_said_as_compilers_do() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("netroam/config.toml");
    let path = path.display();
    let right = "[session.web]\nhost = 'gw1'\nssh = ['-N', '-L', '8080:web:80']\n[session.db]\nhost = 'gw1'\n";
    let output = check(home.path(), Some(right), &[]);
    assert!(output.status.success());
    assert_eq!(said(&output), format!("{path}: right, 2 sessions\n"));

    let wrong = "[defaults]\nvai = 'any'\n[session.web]\nhost = 'gw1'\nstal = 3\n";
    let output = check(home.path(), Some(wrong), &[]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        said(&output),
        format!(
            "{path}:2:1: unknown key `vai`, did you mean `via`?\n{path}:5:1: unknown key `stal`, did you mean `stall`?\n"
        )
    );
}

#[test]
fn options_that_ssh_does_not_take_are_wrong() {
    let home = tempfile::tempdir().unwrap();
    let text = "[session.a]\nhost = 'h'\nssh = ['-Z']\n[session.b]\nhost = 'h'\nssh = ['-f', '-N']\n[session.c]\nhost = '-h'\n";
    let output = check(home.path(), Some(text), &[]);
    assert_eq!(output.status.code(), Some(2));
    let said = said(&output);
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 3, "{said}");
    assert!(lines[0].ends_with(":3:1: ssh has no option -Z"), "{said}");
    assert!(lines[1].contains(":6:1: -f is "), "{said}");
    assert!(
        lines[2].contains(":8:1: \"-h\" is not a host name"),
        "{said}"
    );
}

#[test]
fn shells_learn_the_words() {
    let completion = |shell: &str| {
        let netroam = env!("CARGO_BIN_EXE_netroam");
        let output = Command::new(netroam).args(["completion", shell]).output();
        said(&output.unwrap())
    };
    for (shell, says) in [
        ("bash", "-F _netroam netroam"),
        ("zsh", "#compdef netroam"),
        ("fish", "complete -c netroam"),
    ] {
        let script = completion(shell);
        assert!(
            script.contains(says) && script.contains(&format!("netroam complete {shell}")),
            "{script}"
        );
    }
    for shell in ["elvish", "powershell"] {
        let script = completion(shell);
        assert!(script.contains("retry"), "{shell}");
    }
}

#[test]
fn a_file_may_be_named_and_none_is_no_success() {
    let home = tempfile::tempdir().unwrap();
    let output = check(home.path(), None, &[]);
    assert_eq!(output.status.code(), Some(240));
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no configuration"));
    let other = home.path().join("other.toml");
    fs::write(&other, "").unwrap();
    let output = check(home.path(), None, &[other.to_str().unwrap()]);
    assert_eq!(
        said(&output),
        format!("{}: right, 0 sessions\n", other.display())
    );
}
