use clap::CommandFactory as _;

use super::*;
use crate::cli::Cli;

struct Sample;

impl Names for Sample {
    fn hosts(&self, config: Option<&Path>) -> Vec<Candidate> {
        if let Some(config) = config {
            return vec![Candidate::new(config.display().to_string(), "")];
        }
        vec![
            Candidate::new("gw1", "ssh_config"),
            Candidate::new("Old.example.org", "known_hosts"),
        ]
    }

    fn running(&self) -> Vec<Candidate> {
        vec![Candidate::new("gw1/mac", "attached")]
    }

    fn configured(&self) -> Vec<Candidate> {
        vec![Candidate::new("web", "gw1")]
    }
}

/// The candidates for the last word of a line, in one line.
fn found(line: &str) -> String {
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    let mut words: Vec<_> = line.split(' ').collect();
    let current = words.pop().unwrap();
    let before: Vec<_> = words.into_iter().map(OsString::from).collect();
    match find(&root, &before, current, &Sample) {
        Found::Files => "(files)".into(),
        Found::Words(found) => {
            let values: Vec<_> = found.into_iter().map(|found| found.value).collect();
            values.join(" ")
        }
    }
}

#[test]
fn first_comes_a_verb_or_a_host() {
    let all = found("");
    for word in ["watch", "why", "status", "man", "gw1", "Old.example.org"] {
        assert!(all.split(' ').any(|found| found == word), "{all}");
    }
    assert!(
        !all.contains("hand-over") && !all.contains("complete "),
        "{all}"
    );
    assert_eq!(found("-"), "--help --version");
    assert_eq!(found("config "), "check ssh");
    assert_eq!(found("man config "), "check ssh");
    assert_eq!(found("completion ba"), "bash elvish fish powershell zsh");
}

#[test]
fn hosts_come_after_the_options_of_ssh_and_their_values() {
    for (line, expected) in [
        ("watch ", "gw1 Old.example.org"),
        ("watch g", "gw1 Old.example.org"),
        ("watch EXAMPLE", "Old.example.org"),
        ("watch -p 2222 -A gw", "gw1"),
        ("watch me@gw", "me@gw1"),
        ("why -- gw", "gw1"),
        ("autossh -M 0 gw", "gw1"),
        ("-p 22 gw", "gw1"),
        ("gw1 ", ""),
        ("watch gw1 ", ""),
        ("watch -p ", ""),
        ("watch -o ", ""),
        ("autossh -M ", ""),
        ("watch -J gw", "gw1"),
        ("watch -i ", "(files)"),
        ("watch -F ", "(files)"),
        ("watch -F other oth", "other"),
        ("watch --log-file ", "(files)"),
        ("watch --config=", "(files)"),
        ("forget gw1 ol", "Old.example.org"),
        ("events gw", "gw1"),
        ("dial --host gw", "gw1"),
    ] {
        assert_eq!(found(line), expected, "{line}");
    }
}

#[test]
fn options_and_their_values_are_those_of_the_verb() {
    let all = found("watch -");
    assert!(
        all.contains("--session ") && all.contains("--log-file"),
        "{all}"
    );
    assert_eq!(found("watch --dial "), "auto ssh");
    assert_eq!(found("watch --dial="), "--dial=auto --dial=ssh");
    assert_eq!(found("watch --via "), "auto any tunnel");
    assert_eq!(found("watch --session "), "");
    assert_eq!(found("sweep --log "), "error warn info debug trace");
    assert_eq!(found("sweep -"), "--dry-run --log --log-file --help");
    assert_eq!(found("config check "), "(files)");
    assert_eq!(found("config check -"), "--help");
}

#[test]
fn sessions_are_those_that_can_be_meant() {
    assert_eq!(found("up w"), "web");
    assert_eq!(found("up --config "), "(files)");
    assert_eq!(found("stop "), "gw1/mac");
    assert_eq!(found("retry gw1/mac "), "gw1/mac");
    assert_eq!(found("status "), "gw1/mac");
    assert_eq!(found("status gw1/mac "), "");
    assert_eq!(found("ls "), "");
}
