//! The first word of a command line: a verb, or what belongs to `netroam watch`.

use std::ffi::OsStr;

use clap::CommandFactory as _;

use crate::{
    cli::Cli,
    report,
    ssh::{Version, hosts, split::Split},
};

/// Likeness (Jaro-Winkler, 0 to 1) from which a word may be a verb that was meant; see the table in the tests.
const ALIKE: f64 = 0.922;

/// Words that clap takes itself.
const OF_CLAP: [&str; 5] = ["help", "-h", "--help", "-V", "--version"];

/// Whether this first word is netroam's; any other begins what one would type after `netroam watch`.
pub(super) fn is_ours(word: &OsStr) -> bool {
    is_verb(word) || OF_CLAP.iter().any(|own| word == *own)
}

/// What is wrong with these words if their host is rather a verb, and a hint. A verb wins over a host of that name; one that is nearly a verb is a
/// host if ssh knows it.
pub(super) fn rather(words: &Split, version: Version) -> Option<(String, String)> {
    let host = words.host.as_ref()?.to_str()?;
    if is_verb(host.as_ref()) {
        return Some(report::late_verb(host));
    }
    let verb = alike(host)?;
    let known = hosts::known(words.config(version).as_deref());
    let is_known = known
        .iter()
        .any(|known| known.name.eq_ignore_ascii_case(host));
    (!is_known).then(|| report::nearly_verb(host, &verb))
}

fn is_verb(word: &OsStr) -> bool {
    word == "help" || Cli::command().find_subcommand(word).is_some()
}

/// The verb that is most like a word, if one is much like it. A word with anything but letters is a host's.
fn alike(word: &str) -> Option<String> {
    if !word.chars().all(|char| char.is_ascii_alphabetic()) {
        return None;
    }
    let word = word.to_ascii_lowercase();
    let cli = Cli::command();
    let verbs = cli.get_subcommands().filter(|verb| !verb.is_hide_set());
    let names = verbs.map(clap::Command::get_name).chain(["help"]);
    names
        .map(|verb| (strsim::jaro_winkler(verb, &word), verb))
        .filter(|(likeness, _)| *likeness > ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, verb)| verb.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verb_that_was_mistyped_is_told_from_a_host() {
        for (word, verb) in [
            ("stauts", "status"),
            ("statsu", "status"),
            ("sttus", "status"),
            ("stat", "status"),
            ("Status", "status"),
            ("wach", "watch"),
            ("wacth", "watch"),
            ("watchh", "watch"),
            ("evnets", "events"),
            ("event", "events"),
            ("forgte", "forget"),
            ("retyr", "retry"),
            ("retrry", "retry"),
            ("sotp", "stop"),
            ("stpo", "stop"),
            ("completoin", "completion"),
            ("servcie", "service"),
            ("confg", "config"),
            ("conf", "config"),
            ("swep", "sweep"),
            ("gaurd", "guard"),
            ("autosh", "autossh"),
            ("dail", "dial"),
            ("hlep", "help"),
        ] {
            assert_eq!(alike(word).as_deref(), Some(verb), "{word}");
        }
        for host in [
            "web",
            "work",
            "mail",
            "db",
            "nas",
            "pi",
            "laptop",
            "upstream",
            "ups",
            "www",
            "wat",
            "host",
            "home",
            "build",
            "backup",
            "prod",
            "test",
            "dev",
            "staging",
            "stage",
            "vpn",
            "shop",
            "store",
            "sweden",
            "start",
            "static",
            "retro",
            "auth",
            "east",
            "whale",
            "lab",
            "search",
            "router",
            "relay",
            "lsx",
            "us",
            "hand-over",
            // What no verb has in it.
            "status1",
            "me@status",
            "stauts.example.com",
            "ssh://stauts",
            "stauts:22",
            "",
        ] {
            assert_eq!(alike(host), None, "{host}");
        }
    }

    #[test]
    fn a_verb_wins_and_what_clap_takes_is_its() {
        for word in ["watch", "status", "help", "hand-over"] {
            assert!(is_verb(word.as_ref()) && is_ours(word.as_ref()), "{word}");
        }
        for word in ["-h", "--help", "-V", "--version"] {
            assert!(is_ours(word.as_ref()), "{word}");
        }
        for word in [
            "gw1",
            "me@status",
            "-p",
            "--session",
            "-v",
            "--",
            "",
            "STATUS",
        ] {
            assert!(!is_ours(word.as_ref()), "{word}");
        }
    }
}
