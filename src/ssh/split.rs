//! netroam's own options, told from ssh's: `netroam watch [netroam options] [any ssh option] [user@]HOST [COMMAND…]`.
//!
//! netroam's are long, ssh has only short ones, so a word alone says whose it is. They may come in any order before the host; after it
//! everything belongs to ssh, save where no command may follow: then netroam's may stand there, too. What is split off goes to clap: `["netroam", "watch", own…, "--", ssh…]`, with a trailing
//! `Vec<OsString>` for ssh's words, so that clap stays the one description of netroam's options (help, completion, values).

use std::{
    ffi::{OsStr, OsString},
    path::PathBuf,
};

use thiserror::Error;

use super::{
    args::{Args, Asked, BadArgs, Word, read_word},
    version::Version,
};

/// Likeness (Jaro-Winkler, 0 to 1) from which an option is worth suggesting; clap uses 0.7 too.
const ALIKE: f64 = 0.7;

/// The words of a command line, by whom they are for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// netroam's own options, values included.
    pub own: Vec<OsString>,
    /// Everything else, in its order.
    pub ssh: Vec<OsString>,
    /// The host among these.
    pub host: Option<OsString>,
}

impl Split {
    /// The file of ssh's `-F`, if these are words that ssh takes.
    pub fn config(&self, version: Version) -> Option<PathBuf> {
        // It needs a host to be understood: any.
        let all = [&self.ssh[..], &["host".into()]].concat();
        match Args::parse(&all, version) {
            Ok(Asked::Session(args)) => args.last(b'F').map(PathBuf::from),
            Ok(Asked::Other(_)) | Err(_) => None,
        }
    }
}

/// A command line that cannot be split.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadSplit {
    /// A long option that netroam does not have; ssh has none at all.
    #[error("unknown option --{name}")]
    UnknownLong {
        /// Its name.
        name: String,
        /// The option that was perhaps meant, without its dashes.
        meant: Option<String>,
    },
    /// A long option at the end that needs a value.
    #[error("option --{0} needs a value")]
    NeedsValue(String),
    /// What ssh would refuse.
    #[error(transparent)]
    Ssh(#[from] BadArgs),
}

/// Splits the words after the verb; `verb` is its clap command, which knows netroam's own options. `commands`: it runs a command on the host, whose
/// words may be anything.
///
/// # Errors
/// [`BadSplit`] for a long option that is not netroam's, and for an option letter that is not ssh's.
pub fn split(
    words: &[OsString],
    verb: &clap::Command,
    version: Version,
    commands: bool,
) -> Result<Split, BadSplit> {
    let mut split = Split::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if let Some(long) = long_name(word) {
            let (name, inline) = long
                .split_once('=')
                .map_or((long.as_str(), false), |(name, _)| (name, true));
            let takes_value = own_option(verb, name)?;
            split.own.push(word.clone());
            if takes_value && !inline {
                split.own.push(
                    words
                        .next()
                        .ok_or_else(|| BadSplit::NeedsValue(name.to_owned()))?
                        .clone(),
                );
            }
            continue;
        }
        split.ssh.push(word.clone());
        match read_word(word, version)? {
            Word::Complete(_) => {}
            Word::NeedsNext(_, letter) => {
                split.ssh.push(
                    words
                        .next()
                        .ok_or(BadArgs::NeedsValue(char::from(letter)))?
                        .clone(),
                );
            }
            Word::Operand if !commands && split.host.is_none() => {
                split.host = Some(word.clone());
            }
            // The host, or the end of all options: the rest is ssh's.
            Word::Operand => {
                split.host = Some(word.clone());
                split.ssh.extend(words.by_ref().cloned());
            }
            Word::End => {
                split.host = words.as_slice().first().cloned();
                split.ssh.extend(words.by_ref().cloned());
            }
        }
    }
    Ok(split)
}

pub(super) fn long_name(word: &OsStr) -> Option<String> {
    let name = word
        .as_encoded_bytes()
        .strip_prefix(b"--")
        .filter(|name| !name.is_empty())?;
    Some(String::from_utf8_lossy(name).into_owned())
}

/// Whether netroam's option `name` takes a value.
fn own_option(verb: &clap::Command, name: &str) -> Result<bool, BadSplit> {
    if name == "help" {
        return Ok(false);
    }
    let longs = || {
        verb.get_arguments()
            .filter_map(|arg| Some((arg.get_long()?, arg.get_action().takes_values())))
    };
    if let Some((_, takes_value)) = longs().find(|(long, _)| *long == name) {
        return Ok(takes_value);
    }
    let meant = longs()
        .map(|(long, _)| long)
        .chain(["help", "version"])
        .map(|long| (strsim::jaro_winkler(long, name), long))
        // Two letters of a short name that changed places leave little that is alike.
        .filter(|(likeness, long)| *likeness > ALIKE || strsim::osa_distance(long, name) == 1)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, long)| long.to_owned());
    Err(BadSplit::UnknownLong {
        name: name.to_owned(),
        meant,
    })
}

#[cfg(test)]
mod tests {
    use clap::{Arg, ArgAction, Command};

    use super::*;

    fn verb() -> Command {
        Command::new("watch")
            .arg(Arg::new("via").long("via"))
            .arg(Arg::new("session").long("session"))
            .arg(Arg::new("context").long("context"))
            .arg(Arg::new("log-file").long("log-file"))
            .arg(
                Arg::new("take-over")
                    .long("take-over")
                    .action(ArgAction::SetTrue),
            )
    }

    fn run(line: &str) -> Result<String, BadSplit> {
        run_as(line, true)
    }

    fn run_as(line: &str, commands: bool) -> Result<String, BadSplit> {
        let words: Vec<_> = line.split_whitespace().map(OsString::from).collect();
        let split = split(&words, &verb(), Version { major: 9, minor: 2 }, commands)?;
        let join =
            |words: Vec<OsString>| words.join(OsStr::new(" ")).to_string_lossy().into_owned();
        Ok(format!("{} | {}", join(split.own), join(split.ssh)))
    }

    #[test]
    fn own_options_are_told_from_those_of_ssh() {
        for (line, expected) in [
            ("h", " | h"),
            ("--session work h", "--session work | h"),
            (
                "-p 22 --session=work -v h --session x",
                "--session=work | -p 22 -v h --session x",
            ),
            ("-vp 22 --take-over h", "--take-over | -vp 22 h"),
            ("-p --session h", " | -p --session h"),
            (
                "-oFoo=1 --context tmux -- h --context",
                "--context tmux | -oFoo=1 -- h --context",
            ),
            ("--help", "--help | "),
            ("--session --take-over h", "--session --take-over | h"),
            ("h -v --foo", " | h -v --foo"),
        ] {
            assert_eq!(run(line).unwrap(), expected, "{line}");
        }
    }

    #[test]
    fn the_host_and_the_file_of_its_configuration_are_found() {
        let version = Version { major: 9, minor: 2 };
        for (line, host, config) in [
            ("", None, None),
            ("h", Some("h"), None),
            ("-p 22 --session x me@h ls", Some("me@h"), None),
            ("-- h x", Some("h"), None),
            ("--", None, None),
            ("-F a", None, Some("a")),
            ("-vFa -F b h -F c", Some("h"), Some("c")),
            ("h --json -F c", Some("h"), None),
        ] {
            let words: Vec<_> = line.split_whitespace().map(OsString::from).collect();
            let split = split(&words, &verb(), version, true).unwrap();
            assert_eq!(split.host.as_deref(), host.map(OsStr::new), "{line}");
            assert_eq!(split.config(version), config.map(PathBuf::from), "{line}");
        }
    }

    #[test]
    fn without_a_command_own_options_may_stand_behind_the_host() {
        for (line, expected) in [
            ("h --take-over -p 22", "--take-over | h -p 22"),
            ("-v h --session x", "--session x | -v h"),
            ("h ls --all", " | h ls --all"),
            ("-- h --take-over", " | -- h --take-over"),
        ] {
            assert_eq!(run_as(line, false).unwrap(), expected, "{line}");
        }
    }

    #[test]
    fn an_unknown_long_option_is_refused_with_the_one_that_was_meant() {
        let unknown = |name: &str, meant: Option<&str>| BadSplit::UnknownLong {
            name: name.into(),
            meant: meant.map(Into::into),
        };
        assert_eq!(run("--sesion x h"), Err(unknown("sesion", Some("session"))));
        assert_eq!(
            run("--takeover h"),
            Err(unknown("takeover", Some("take-over")))
        );
        assert_eq!(run("--vai any h"), Err(unknown("vai", Some("via"))));
        assert_eq!(run("--zzz h"), Err(unknown("zzz", None)));
        assert_eq!(
            run("--session"),
            Err(BadSplit::NeedsValue("session".into()))
        );
        assert_eq!(run("--verison"), Err(unknown("verison", Some("version"))));
        assert_eq!(run("-Z h"), Err(BadSplit::Ssh(BadArgs::UnknownOption('Z'))));
    }
}
