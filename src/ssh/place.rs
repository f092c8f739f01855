//! Where among netroam's and ssh's words the next one stands, for completion. Nothing is refused here: the line is not finished yet.

use std::ffi::OsString;

use super::{
    args::{Word, read_word},
    split::long_name,
    version::Version,
};

/// Every letter that takes a value in any release does: no ssh is asked while somebody waits for a completion.
const NEWEST: Version = Version {
    major: u32::MAX,
    minor: 0,
};

/// What the next word is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// An option of netroam or of ssh, or the host.
    Start,
    /// The host: `--` came before.
    Host,
    /// The value of netroam's option of this name.
    Own(String),
    /// The value of ssh's option of this letter.
    Ssh(char),
    /// The command on the host.
    Command,
}

/// What the word after `words` is, which come after the verb; `verb` is its clap command, which knows netroam's own options.
pub fn place(words: &[OsString], verb: &clap::Command) -> Place {
    let mut place = Place::Start;
    for word in words {
        place = match place {
            Place::Start => match long_name(word) {
                Some(name) if takes_value(verb, &name) => Place::Own(name),
                Some(_) => Place::Start,
                None => match read_word(word, NEWEST) {
                    Ok(Word::NeedsNext(_, letter)) => Place::Ssh(char::from(letter)),
                    // What ssh does not know is its to refuse.
                    Ok(Word::Complete(_)) | Err(_) => Place::Start,
                    Ok(Word::End) => Place::Host,
                    Ok(Word::Operand) => Place::Command,
                },
            },
            Place::Own(_) | Place::Ssh(_) => Place::Start,
            Place::Host | Place::Command => Place::Command,
        };
    }
    place
}

fn takes_value(verb: &clap::Command, name: &str) -> bool {
    let mut arguments = verb.get_arguments();
    arguments.any(|arg| arg.get_long() == Some(name) && arg.get_action().takes_values())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn the_next_word_is_known_from_those_before() {
        let cli = Cli::command();
        let watch = cli.find_subcommand("watch").unwrap();
        for (line, expected) in [
            ("", Place::Start),
            ("-p", Place::Ssh('p')),
            ("-p 2222", Place::Start),
            ("-p2222 -vAi", Place::Ssh('i')),
            ("--via", Place::Own("via".into())),
            ("--via=auto --take-over", Place::Start),
            ("--via -p", Place::Start),
            ("--unknown -p 22 -Z", Place::Start),
            ("-p 22 --", Place::Host),
            ("-- gw1", Place::Command),
            ("--session x me@gw1", Place::Command),
            ("gw1 ls -l", Place::Command),
        ] {
            let words: Vec<_> = line.split_whitespace().map(OsString::from).collect();
            assert_eq!(place(&words, watch), expected, "{line}");
        }
    }
}
