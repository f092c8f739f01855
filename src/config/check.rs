//! Reading the file: every key that is not known, with the one that was perhaps meant, and the first value that is wrong.

use std::{collections::BTreeMap, fmt, ops::Range};

use serde::Deserialize;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Configuration, Named, Preferences};
use crate::{context::Name, ssh::Version};

/// Likeness (Damerau-Levenshtein, 0 to 1) from which a key is worth suggesting: one slip in a word of three letters.
const ALIKE: f64 = 0.6;

/// The tables of the file.
const TABLES: [&str; 3] = ["defaults", "host", "session"];

/// What `[defaults]` and `[host.NAME]` may say.
const PREFERENCES: [&str; 11] = [
    "session",
    "context",
    "scrollback",
    "via",
    "dial",
    "events",
    "stall",
    "on-wait",
    "on-attached",
    "on-taken-over",
    "notify",
];

/// What only `[session.NAME]` may say.
const NAMED: [&str; 4] = ["host", "ssh", "command", "rerun"];

/// Something that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// What it is.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {}, column {}: {}",
            self.line, self.column, self.text
        )
    }
}

/// The file as it is written, without the preferences of the named sessions.
#[derive(Deserialize)]
struct File {
    #[serde(default)]
    defaults: Preferences,
    #[serde(default)]
    host: BTreeMap<String, Preferences>,
    #[serde(default)]
    session: BTreeMap<String, Named>,
}

/// Nothing but those. Read for themselves, because serde's flattening would lose where a wrong value stands.
#[derive(Deserialize)]
struct NamedPreferences {
    #[serde(default)]
    session: BTreeMap<String, Preferences>,
}

pub(super) fn parse(text: &str) -> Result<Configuration, Vec<Problem>> {
    let said = |error: &toml::de::Error| {
        let text_of = error.message().replace('\n', " ");
        vec![problem(text, error.span().unwrap_or_default(), text_of)]
    };
    let table = DeTable::parse(text).map_err(|error| said(&error))?;
    let mut problems = keys(text, table.get_ref());
    let read = toml::from_str::<File>(text)
        .and_then(|file| Ok((file, toml::from_str::<NamedPreferences>(text)?)));
    match read {
        Ok((file, named)) if problems.is_empty() => {
            let mut session = file.session;
            for (name, preferences) in named.session {
                if let Some(named) = session.get_mut(&name) {
                    named.preferences = preferences;
                }
            }
            Ok(Configuration {
                defaults: file.defaults,
                host: file.host,
                session,
            })
        }
        Ok(_) => Err(problems),
        // It may be there, misspelt.
        Err(error) if error.message().starts_with("missing field") && !problems.is_empty() => {
            Err(problems)
        }
        Err(error) => {
            problems.extend(said(&error));
            problems.sort_by_key(|problem| (problem.line, problem.column));
            Err(problems)
        }
    }
}

/// The sessions whose options ssh, or netroam, does not take.
pub(super) fn sessions(
    text: &str,
    configuration: &Configuration,
    version: Version,
) -> Vec<Problem> {
    let file = DeTable::parse(text).ok();
    let place = |name: &str| {
        let sessions = file.as_ref()?.get_ref().get("session")?.get_ref();
        let session = sessions.as_table()?.get(name)?.get_ref().as_table()?;
        let key = |wanted: &str| session.keys().find(|key| key.get_ref() == wanted);
        Some(key("ssh").or_else(|| key("host"))?.span())
    };
    let wrong = configuration.session.iter().filter_map(|(name, named)| {
        let error = named.args(version).err()?;
        Some(problem(text, place(name).unwrap_or_default(), error))
    });
    let mut problems: Vec<Problem> = wrong.collect();
    problems.sort_by_key(|problem| (problem.line, problem.column));
    problems
}

/// What is wrong with the names of tables and keys.
fn keys(text: &str, file: &DeTable<'_>) -> Vec<Problem> {
    let mut problems = unknown(text, file, &[&TABLES]);
    for (table, value) in file {
        let of_hosts = || tables(value.get_ref());
        match table.get_ref().as_ref() {
            "defaults" => {
                if let Some(defaults) = value.get_ref().as_table() {
                    problems.extend(unknown(text, defaults, &[&PREFERENCES]));
                }
            }
            "host" => {
                for (_, host) in of_hosts() {
                    problems.extend(unknown(text, host, &[&PREFERENCES]));
                }
            }
            "session" => {
                for (name, session) in of_hosts() {
                    if let Err(error) = name.get_ref().parse::<Name>() {
                        problems.push(problem(text, name.span(), error.to_string()));
                    }
                    problems.extend(unknown(text, session, &[&NAMED, &PREFERENCES]));
                }
            }
            _ => {}
        }
    }
    problems.sort_by_key(|problem| (problem.line, problem.column));
    problems
}

type Key<'a> = Spanned<std::borrow::Cow<'a, str>>;

fn tables<'a, 'i>(value: &'a DeValue<'i>) -> impl Iterator<Item = (&'a Key<'i>, &'a DeTable<'i>)> {
    let entries = value.as_table().into_iter().flatten();
    entries.filter_map(|(name, value)| Some((name, value.get_ref().as_table()?)))
}

fn unknown(text: &str, table: &DeTable<'_>, known: &[&[&str]]) -> Vec<Problem> {
    let known = || known.iter().flat_map(|keys| keys.iter().copied());
    let strange = table
        .keys()
        .filter(|key| !known().any(|known| known == key.get_ref()));
    strange
        .map(|key| {
            let typed = key.get_ref();
            let meant = known()
                .map(|known| (strsim::normalized_damerau_levenshtein(known, typed), known))
                .filter(|(likeness, _)| *likeness > ALIKE)
                .max_by(|a, b| a.0.total_cmp(&b.0));
            let hint = meant.map_or_else(String::new, |(_, meant)| {
                format!(", did you mean `{meant}`?")
            });
            problem(text, key.span(), format!("unknown key `{typed}`{hint}"))
        })
        .collect()
}

fn problem(text: &str, span: Range<usize>, what: String) -> Problem {
    let before = text.get(..span.start).unwrap_or(text);
    Problem {
        line: before.matches('\n').count() + 1,
        column: before.rsplit('\n').next().unwrap_or("").chars().count() + 1,
        text: what,
    }
}
