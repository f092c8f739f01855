//! `netroam man`: a page for each verb, which formatters take without a word and people read in a terminal.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test ends where something fails")]

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Output},
};

use clap::CommandFactory as _;

fn netroam(words: &[&str]) -> Output {
    let mut netroam = Command::new(env!("CARGO_BIN_EXE_netroam"));
    netroam
        .args(words)
        .env("SOURCE_DATE_EPOCH", "1795300000")
        .output()
        .unwrap()
}

/// The page as a terminal of 80 columns shows it, without bold and underlined.
fn shown(page: &Path) -> String {
    let output = Command::new("groff")
        .args(["-ww", "-Tutf8", "-P-cbou", "-man", "-rLL=80n", "-rLT=80n"])
        .arg(page)
        .output()
        .unwrap();
    assert!(output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, "", "{}", page.display());
    String::from_utf8(output.stdout).unwrap()
}

fn names(verb: &clap::Command, name: &str) -> BTreeSet<String> {
    let below = verb.get_subcommands().filter(|verb| !verb.is_hide_set());
    let mut all: BTreeSet<_> = below
        .flat_map(|verb| names(verb, &format!("{name}-{}", verb.get_name())))
        .collect();
    all.insert(name.to_owned());
    all
}

#[test]
fn each_verb_that_is_told_of_has_a_page_that_is_right_and_fits() {
    let directory = tempfile::tempdir().unwrap();
    let pages = directory.path().join("man/man1");
    let output = netroam(&["man", "--dir", pages.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    let found: BTreeSet<_> = fs::read_dir(&pages)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|name| name.strip_suffix(".1").unwrap().to_owned())
        .collect();
    assert_eq!(found, names(&netroam::cli::Cli::command(), "netroam"));
    assert!(found.contains("netroam-config-check"));
    assert!(!found.contains("netroam-hand-over"));
    for name in &found {
        let page = pages.join(format!("{name}.1"));
        let lint = Command::new("mandoc")
            .args(["-T", "lint", "-W", "warning"])
            .arg(&page)
            .output();
        let lint = lint.unwrap();
        let said = String::from_utf8(lint.stdout).unwrap();
        assert!(lint.status.success() && said.is_empty(), "{said}");
        let text = shown(&page);
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{name}: {line}");
        }
        assert!(text.contains(&format!("NAME\n       {name}")), "{text}");
        assert!(text.contains("2026-11-21"), "{text}");
        assert!(text.contains("\nEXAMPLES\n         "), "{text}");
        // It is found from the page above.
        if let Some((above, _)) = name.rsplit_once('-') {
            let above = fs::read_to_string(pages.join(format!("{above}.1"))).unwrap();
            let last = name.rsplit('-').next().unwrap();
            assert!(above.contains(&format!("\\-{last}\\fR(1)")), "{above}");
        }
    }
}

#[test]
fn a_page_says_what_the_help_says_and_more() {
    let directory = tempfile::tempdir().unwrap();
    let page = directory.path().join("page");
    fs::write(&page, netroam(&["man", "watch"]).stdout).unwrap();
    let text = shown(&page);
    let headings: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()))
        .filter(|line| !line.contains('('))
        .collect();
    assert_eq!(
        headings,
        [
            "NAME",
            "SYNOPSIS",
            "DESCRIPTION",
            "OPTIONS",
            "EXAMPLES",
            "EXIT STATUS",
            "FILES",
            "ENVIRONMENT",
            "SEE ALSO"
        ]
    );
    // Examples stand line by line, as they are typed.
    assert!(
        text.contains("\n         netroam watch -N -L 8080:web:80 gw1"),
        "{text}"
    );
    assert!(text.contains("[USER@]HOST"), "{text}");
}

#[test]
fn pages_of_verbs_below_verbs_are_printed_and_others_are_not_there() {
    let below = netroam(&["man", "config", "check"]);
    let below = String::from_utf8(below.stdout).unwrap();
    assert!(below.contains(".TH NETROAM-CONFIG-CHECK 1 2026-11-21"));
    for wrong in [&["man", "hand-over"][..], &["man", "config", "chekc"]] {
        let output = netroam(wrong);
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("there is no verb"), "{said}");
    }
}
