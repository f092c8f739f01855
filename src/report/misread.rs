//! What is said of a command line that is not understood: what is wrong, and a hint.

use super::plain;
use crate::ssh::{args::BadArgs, split::BadSplit};

/// A first word that is no verb but nearly one, and no host that ssh knows; and a hint.
pub fn nearly_verb(word: &str, verb: &str) -> (String, String) {
    (
        format!("unknown verb {}", plain(word)),
        format!(
            "did you mean netroam {verb}? netroam watch {} if it is a host",
            plain(word)
        ),
    )
}

/// A verb where the host stands, and no verb in front; and a hint.
pub fn late_verb(verb: &str) -> (String, String) {
    (
        format!("{verb} is a verb, which comes first"),
        format!("netroam {verb} --help, or netroam watch {verb} if it is a host"),
    )
}

/// What is wrong with the words after this verb, before clap has seen them.
pub fn bad_words(error: &BadSplit, verb: &str) -> (String, String) {
    let hint = match error {
        BadSplit::UnknownLong { name, .. } if name == "version" => "netroam --version".into(),
        BadSplit::UnknownLong {
            meant: Some(meant), ..
        } => format!("did you mean --{meant}?"),
        BadSplit::Ssh(BadArgs::UnknownOption(_) | BadArgs::NeedsValue(_)) => {
            format!("man ssh has ssh's options, netroam {verb} --help has netroam's")
        }
        BadSplit::UnknownLong { meant: None, .. } | BadSplit::NeedsValue(_) | BadSplit::Ssh(_) => {
            format!("netroam {verb} --help")
        }
    };
    (error.to_string(), hint)
}

/// What clap says, which it does in paragraphs: the first is what is wrong, and there may be a tip with what is
/// similar. Else the hint is the help of this verb.
pub fn misread(error: &clap::Error, verb: Option<&str>) -> (String, String) {
    let said = error.render().to_string();
    let mut paragraphs = said.split("\n\n").map(|paragraph| {
        let lines = paragraph.lines().map(str::trim);
        lines.collect::<Vec<_>>().join(" ")
    });
    let wrong = paragraphs.next().unwrap_or_default();
    let wrong = wrong.strip_prefix("error: ").unwrap_or(&wrong).to_owned();
    let similar = paragraphs.find_map(|paragraph| {
        let tip = paragraph.strip_prefix("tip: ")?;
        let (kind, similar) = tip.split_once(": ")?;
        kind.contains("similar")
            .then(|| format!("did you mean {}?", similar.replace('\'', "")))
    });
    let help = || match verb {
        Some(verb) => format!("netroam {verb} --help"),
        None => "netroam --help".into(),
    };
    (wrong, similar.unwrap_or_else(help))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn what_clap_says_becomes_a_line_and_a_hint() {
        let lines: Vec<_> = [
            "forget",
            "status --jsn",
            "events --events sometimes",
            "events --events",
            "dial gw1 port",
            "watch --stall 1 -- gw1",
            "ls extra",
            "config chek",
            "up --nonsense",
        ]
        .into_iter()
        .map(|line| {
            let words = ["netroam"].into_iter().chain(line.split(' '));
            let error = Cli::try_parse_from(words).unwrap_err();
            let (wrong, hint) = misread(&error, line.split(' ').next());
            format!("{line}: {wrong}\n  {hint}\n")
        })
        .collect();
        insta::assert_snapshot!(lines.concat(), @r#"
        forget: the following required arguments were not provided: <HOST>...
          netroam forget --help
        status --jsn: unexpected argument '--jsn' found
          did you mean --json?
        events --events sometimes: invalid value 'sometimes' for '--events <EVENTS>' [possible values: system, portable]
          netroam events --help
        events --events: a value is required for '--events <EVENTS>' but none was supplied [possible values: system, portable]
          netroam events --help
        dial gw1 port: invalid value 'port' for '<PORT>': invalid digit found in string
          netroam dial --help
        watch --stall 1 -- gw1: invalid value '1' for '--stall <SECONDS>': must be at least 3
          netroam watch --help
        ls extra: unexpected argument 'extra' found
          netroam ls --help
        config chek: unrecognized subcommand 'chek'
          did you mean check?
        up --nonsense: unexpected argument '--nonsense' found
          netroam up --help
        "#);
    }
}
