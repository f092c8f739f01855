//! What a user types for ssh, read exactly as ssh's own getopt reads it.
//!
//! Source: the `again:` loop of OpenSSH's ssh.c (9.2 and 10.x) and its BSD getopt, which stops at the first word that is no option and
//! knows no long ones: options may stand before the destination and between it and the command, never inside the command; `--` ends them.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::version::Version;

/// Letters that take no value (ssh.c).
const FLAGS: &[u8] = b"1246afgknqstvxyACGKMNTVXY";
/// Letters that take a value (ssh.c). `P` is not here: see [`takes_value`].
const VALUED: &[u8] = b"bceilmopBDEFIJLOQRSwW";
/// The first release in which `-P` takes a value (a tag); before it, it is an ignored flag (release notes of 9.4).
const TAGS_SINCE: Version = Version { major: 9, minor: 4 };

/// One option of ssh's, with its value where its letter takes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opt {
    /// The letter.
    pub letter: u8,
    /// The value, for letters that take one.
    pub value: Option<OsString>,
}

impl Opt {
    /// Adds the words of this option to an ssh command line.
    pub fn push_to(&self, argv: &mut Vec<OsString>) {
        argv.push(OsString::from_vec(vec![b'-', self.letter]));
        argv.extend(self.value.clone());
    }
}

/// A session as the user typed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Args {
    /// Every option, those after the destination included, in the order typed: the first value of a keyword wins in ssh.
    pub options: Vec<Opt>,
    /// The destination, as typed: `[user@]host` or `ssh://[user@]host[:port]`.
    pub destination: OsString,
    /// The words of the remote command; empty for a login shell.
    pub command: Vec<OsString>,
}

/// What the words ask of ssh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A session, which netroam can keep.
    Session(Args),
    /// Something that ssh does by itself and that ends; netroam has nothing to keep there, and runs ssh in its own place.
    Other(Mode),
}

/// What ssh can do that is no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `-V`: print the version.
    Version,
    /// `-Q`: list algorithms.
    Query,
    /// `-G`: print the configuration.
    Configuration,
    /// `-O`: command a running master.
    Control,
}

/// Words that ssh would not accept.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadArgs {
    /// A letter that ssh does not know.
    #[error("ssh has no option -{0}")]
    UnknownOption(char),
    /// A long option where ssh's are read.
    #[error("ssh has no option {0}; netroam's own stand before the host")]
    LongOption(String),
    /// An option at the end that needs a value.
    #[error("option -{0} needs a value")]
    NeedsValue(char),
    /// No destination.
    #[error("no host given")]
    NoHost,
    /// A destination that ssh refuses, or that would be taken for an option.
    #[error("{0:?} is not a host name: it {1}")]
    Host(String, &'static str),
}

impl Args {
    /// Reads the words after netroam's own options, as the ssh of this `version` would.
    ///
    /// # Errors
    /// [`BadArgs`] for what ssh would refuse too; a bad value of an option is left for `ssh -G` to find.
    pub fn parse(words: &[OsString], version: Version) -> Result<Asked, BadArgs> {
        let mut words = words.iter();
        let mut options = Vec::new();
        let (first, terminated) = read_options(&mut words, &mut options, version)?;
        let destination = first.cloned();
        let mut command = Vec::new();
        if destination.is_some() {
            // As in ssh.c: a `--` before the destination ends the options for good.
            if !terminated {
                let (first, _) = read_options(&mut words, &mut options, version)?;
                command.extend(first.cloned());
            }
            command.extend(words.cloned());
        }
        if let Some(mode) = options.iter().find_map(mode_of) {
            return Ok(Asked::Other(mode));
        }
        let destination = destination.ok_or(BadArgs::NoHost)?;
        check_destination(&destination)?;
        Ok(Asked::Session(Self {
            options,
            destination,
            command,
        }))
    }

    /// The host as typed, without user and port: what a configuration and what was learnt go by.
    pub fn host(&self) -> String {
        host_of(&self.destination.to_string_lossy()).to_owned()
    }

    /// How often a flag was given.
    pub fn count(&self, letter: u8) -> usize {
        self.options
            .iter()
            .filter(|option| option.letter == letter)
            .count()
    }

    /// Whether a flag or an option was given at all.
    pub fn has(&self, letter: u8) -> bool {
        self.count(letter) > 0
    }

    /// The value that counts of an option of which ssh takes the last one (`-E`, `-F`, `-W`).
    pub fn last(&self, letter: u8) -> Option<&OsStr> {
        self.options
            .iter()
            .rev()
            .find(|option| option.letter == letter)?
            .value
            .as_deref()
    }

    /// The file that the user wants ssh's log in (`-E`). netroam reads the log itself and writes there what ssh would have.
    pub fn log_file(&self) -> Option<PathBuf> {
        self.last(b'E').map(PathBuf::from)
    }

    /// The same as it means from any directory: the files that options name (`-E`, `-F`, `-i`, `-S`) by their whole path, below `here`.
    #[must_use]
    pub fn from_anywhere(&self, here: &Path) -> Self {
        let mut args = self.clone();
        for option in &mut args.options {
            let Some(value) = &mut option.value else {
                continue;
            };
            // What ssh expands by itself (TOKENS and ENVIRONMENT VARIABLES of ssh_config(5)), and its word for no file.
            let expands = matches!(value.as_bytes().first(), Some(b'~' | b'%' | b'$'));
            let as_it_is = expands || *value == "none";
            if b"EFiS".contains(&option.letter) && !as_it_is {
                *value = here.join(&*value).into_os_string();
            }
        }
        args
    }

    /// The options and the destination that another ssh of the same host needs, without those of the letters in `without`.
    pub fn words_without(&self, without: &[u8]) -> Vec<OsString> {
        let mut argv = Vec::new();
        for option in self
            .options
            .iter()
            .filter(|option| !without.contains(&option.letter))
        {
            option.push_to(&mut argv);
        }
        argv
    }
}

/// The host in a destination as typed: without the user, and in the form `ssh://` without the port and the brackets (RFC 3986, 3.2).
///
/// As ssh has it, the last `@` ends the user, and without `ssh://` a colon belongs to the host (an IPv6 address).
pub fn host_of(destination: &str) -> &str {
    let uri = destination.strip_prefix("ssh://");
    let authority = uri.unwrap_or(destination);
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    if uri.is_none() {
        return host;
    }
    let host = host.strip_suffix('/').unwrap_or(host);
    match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((address, _)) => address,
        None => host.split_once(':').map_or(host, |(host, _)| host),
    }
}

/// What one word that begins with `-` is to ssh.
pub(super) enum Word {
    /// Flags, and perhaps a last option whose value is in the same word.
    Complete(Vec<Opt>),
    /// Flags and a last letter whose value is the next word.
    NeedsNext(Vec<Opt>, u8),
    /// `--`.
    End,
    /// A word that is no option.
    Operand,
}

/// Reads one word as getopt does; used for ssh's words and to step over them.
pub(super) fn read_word(word: &OsStr, version: Version) -> Result<Word, BadArgs> {
    let bytes = word.as_bytes();
    if bytes == b"--" {
        return Ok(Word::End);
    }
    // A lone "-" is an operand.
    let Some((b'-', letters)) = bytes.split_first() else {
        return Ok(Word::Operand);
    };
    if letters.is_empty() {
        return Ok(Word::Operand);
    }
    let mut options = Vec::new();
    for (at, &letter) in letters.iter().enumerate() {
        if takes_value(letter, version) {
            let rest = &letters[at + 1..];
            if rest.is_empty() {
                return Ok(Word::NeedsNext(options, letter));
            }
            options.push(Opt {
                letter,
                value: Some(OsString::from_vec(rest.to_vec())),
            });
            return Ok(Word::Complete(options));
        }
        if letters.starts_with(b"-") {
            return Err(BadArgs::LongOption(word.to_string_lossy().into_owned()));
        }
        if !FLAGS.contains(&letter) && letter != b'P' {
            return Err(BadArgs::UnknownOption(char::from(letter)));
        }
        options.push(Opt {
            letter,
            value: None,
        });
    }
    Ok(Word::Complete(options))
}

/// Whether a letter takes a value in the ssh of this `version`.
pub(crate) fn takes_value(letter: u8, version: Version) -> bool {
    VALUED.contains(&letter) || (letter == b'P' && version >= TAGS_SINCE)
}

/// Reads options up to the first operand, which it returns, and whether `--` came before it.
fn read_options<'a>(
    words: &mut impl Iterator<Item = &'a OsString>,
    options: &mut Vec<Opt>,
    version: Version,
) -> Result<(Option<&'a OsString>, bool), BadArgs> {
    while let Some(word) = words.next() {
        match read_word(word, version)? {
            Word::Operand => return Ok((Some(word), false)),
            Word::End => return Ok((words.next(), true)),
            Word::Complete(read) => options.extend(read),
            Word::NeedsNext(read, letter) => {
                options.extend(read);
                let value = words
                    .next()
                    .ok_or(BadArgs::NeedsValue(char::from(letter)))?;
                options.push(Opt {
                    letter,
                    value: Some(value.clone()),
                });
            }
        }
    }
    Ok((None, false))
}

fn mode_of(option: &Opt) -> Option<Mode> {
    match option.letter {
        b'V' => Some(Mode::Version),
        b'Q' => Some(Mode::Query),
        b'G' => Some(Mode::Configuration),
        b'O' => Some(Mode::Control),
        _ => None,
    }
}

/// Refuses what ssh's `valid_hostname` refuses (ssh.c since 9.6; older releases let it through to `ProxyCommand` and `Match exec`).
pub(super) fn check_destination(destination: &OsStr) -> Result<(), BadArgs> {
    let bad = |why| {
        Err(BadArgs::Host(
            destination.to_string_lossy().into_owned(),
            why,
        ))
    };
    let Some(typed) = destination.to_str() else {
        return bad("is not UTF-8");
    };
    let authority = typed.strip_prefix("ssh://").unwrap_or(typed);
    let (user, host) = authority
        .rsplit_once('@')
        .map_or((None, authority), |(user, host)| (Some(user), host));
    // Within brackets, and before a port, it is another text than with them.
    let bare = host_of(typed);
    if host.is_empty() || bare.is_empty() {
        return bad("is empty");
    }
    if user == Some("") {
        return bad("has an empty user name");
    }
    if host.starts_with('-')
        || bare.starts_with('-')
        || user.is_some_and(|user| user.starts_with('-'))
    {
        return bad("begins with '-'");
    }
    if typed.chars().any(char::is_control) {
        return bad("has a control character in it");
    }
    if host.chars().any(char::is_whitespace) {
        return bad("has a space in it");
    }
    if host.contains([
        '\'', '`', '"', '$', '\\', ';', '&', '<', '>', '|', '(', ')', '{', '}',
    ]) {
        return bad("has a character in it that a shell would read");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
