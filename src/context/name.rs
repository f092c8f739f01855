//! Names of sessions.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// The longest name. screen gives up on names of 120 characters, and the server's host name and suffixes are added to ours in file names.
const LONGEST: usize = 40;
/// The name where the host's own has nothing usable in it.
const FALLBACK: &str = "laptop";

/// The name of a session: `[A-Za-z0-9][A-Za-z0-9_-]{0,39}`, not digits alone.
///
/// What both screen and tmux take as it is, and no shell reads as anything else: `/` means another user's session to screen, tmux turns `.`
/// and `:` into `_`, a leading `-` is an option, and screen takes digits for a process id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(String);

/// Why a text is not a name, with a hint.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadName {
    /// It is empty.
    #[error("a session name cannot be empty")]
    Empty,
    /// It has more than 40 characters.
    #[error("a session name has at most {LONGEST} characters, this one has {0}")]
    TooLong(usize),
    /// It has a character that is not allowed.
    #[error("a session name cannot have {0:?} in it: only letters, digits, '-' and '_'")]
    Character(char),
    /// It does not begin with a letter or a digit.
    #[error("a session name begins with a letter or a digit, not with {0:?}")]
    Start(char),
    /// It consists of digits alone.
    #[error("a session name cannot be a number: screen would take it for a process id")]
    Number,
}

impl BadName {
    /// A name near to `text` that would do.
    pub fn hint(text: &str) -> String {
        format!("try --session {}", Name::near(text))
    }
}

impl Name {
    /// The default name of this laptop's sessions, from its host name: the part before the first dot, made valid.
    pub fn of_host(host_name: &str) -> Self {
        Self::near(host_name.split('.').next().unwrap_or(host_name))
    }

    /// The name of the `number`th terminal to the same host: `NAME`, `NAME-2`, `NAME-3`…
    #[must_use]
    pub fn numbered(&self, number: u32) -> Self {
        if number < 2 {
            return self.clone();
        }
        let suffix = format!("-{number}");
        let kept = self.0.len().min(LONGEST - suffix.len());
        Self(format!("{}{suffix}", &self.0[..kept]))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A valid name that resembles `text`.
    fn near(text: &str) -> Self {
        let usable = |c: char| {
            if c.is_ascii_alphanumeric() || c == '_' {
                c
            } else {
                '-'
            }
        };
        let name: String = text.chars().map(usable).collect();
        let mut name = name
            .trim_start_matches(['-', '_'])
            .trim_end_matches('-')
            .to_owned();
        if name.is_empty() {
            FALLBACK.clone_into(&mut name);
        }
        // First: what is cut off may have been all that was no digit.
        name.truncate(LONGEST);
        if name.bytes().all(|byte| byte.is_ascii_digit()) {
            name.insert(0, 'n');
            name.truncate(LONGEST);
        }
        Self(name)
    }
}

impl FromStr for Name {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let first = text.chars().next().ok_or(BadName::Empty)?;
        if let Some(bad) = text
            .chars()
            .find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_'))
        {
            return Err(BadName::Character(bad));
        }
        if !first.is_ascii_alphanumeric() {
            return Err(BadName::Start(first));
        }
        if text.len() > LONGEST {
            return Err(BadName::TooLong(text.len()));
        }
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(BadName::Number);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_checked() {
        for (text, bad) in [
            ("", BadName::Empty),
            ("a b", BadName::Character(' ')),
            ("a/b", BadName::Character('/')),
            ("a.b", BadName::Character('.')),
            ("-d", BadName::Start('-')),
            ("_d", BadName::Start('_')),
            ("1234", BadName::Number),
            ("é", BadName::Character('é')),
            ("a'b", BadName::Character('\'')),
        ] {
            assert_eq!(text.parse::<Name>(), Err(bad), "{text}");
        }
        assert_eq!("a".repeat(41).parse::<Name>(), Err(BadName::TooLong(41)));
        assert_eq!("a".repeat(40).parse::<Name>().unwrap().as_str().len(), 40);
        assert_eq!(BadName::hint("my work"), "try --session my-work");
    }

    #[test]
    fn the_default_name_is_the_short_host_name() {
        for (host, name) in [
            ("gw1.example.org", "gw1"),
            ("Anna's MacBook Pro", "Anna-s-MacBook-Pro"),
            ("", "laptop"),
            ("...", "laptop"),
            ("192.0.2.1", "n192"),
            ("-x-", "x"),
            ("ü", "laptop"),
        ] {
            assert_eq!(Name::of_host(host).as_str(), name);
        }
        let digits = "3".repeat(40);
        let name = format!("n{}", "3".repeat(39));
        assert_eq!(Name::of_host(&format!("{digits}-x")).as_str(), name);
    }

    #[test]
    fn further_terminals_are_numbered() {
        let name: Name = "mac".parse().unwrap();
        assert_eq!(
            [1, 2, 10].map(|number| name.numbered(number).to_string()),
            ["mac", "mac-2", "mac-10"]
        );
        let long: Name = "a".repeat(40).parse().unwrap();
        assert_eq!(
            long.numbered(12).to_string(),
            format!("{}-12", "a".repeat(37))
        );
    }

    proptest! {
        #[test]
        fn whatever_the_host_is_called_its_name_is_valid(host: String, number in 0u32..2000) {
            let name = Name::of_host(&host).numbered(number);
            prop_assert_eq!(name.as_str().parse::<Name>(), Ok(name.clone()));
        }
    }
}
