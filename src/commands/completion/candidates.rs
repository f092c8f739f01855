//! What the word under the cursor may be.

use std::{ffi::OsString, path::Path};

use clap::{Arg, Command, ValueHint};

use crate::ssh::place::{Place, place};

/// A word that may stand there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// The whole word.
    pub(super) value: String,
    /// What it is, in short; may be empty.
    pub(super) about: String,
}

impl Candidate {
    pub(super) fn new(value: impl Into<String>, about: &str) -> Self {
        Self {
            value: value.into(),
            about: about.lines().next().unwrap_or_default().to_owned(),
        }
    }
}

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// These; more than fit to what is there of the word.
    Words(Vec<Candidate>),
    /// The shell knows how files are completed.
    Files,
}

/// What has names.
pub(super) trait Names {
    /// Hosts of ssh's configuration, or of the file that replaces it, and of `known_hosts`.
    fn hosts(&self, config: Option<&Path>) -> Vec<Candidate>;
    /// Sessions that run.
    fn running(&self) -> Vec<Candidate>;
    /// Sessions of the configuration.
    fn configured(&self) -> Vec<Candidate>;
}

/// ssh's options whose value is a file, or contains one.
const FILES: &str = "EFISi";

/// What may stand for `current` after the words `before`, which follow the program's name.
pub(super) fn find(root: &Command, before: &[OsString], current: &str, names: &dyn Names) -> Found {
    let Some((first, rest)) = before.split_first() else {
        // The verb, or the host of `netroam HOST`.
        let mut found = verbs(root);
        if current.starts_with('-') {
            found = options(root);
        } else {
            found.extend(hosts(names, &[], current));
        }
        return Found::Words(found);
    };
    match root.find_subcommand(first) {
        Some(verb) if takes_ssh(verb) => of_ssh(verb, rest, current, names),
        Some(verb) => of_verb(root, verb, rest, current, names),
        // `netroam [OPTIONS] HOST`.
        None => match root.find_subcommand("watch") {
            Some(watch) => of_ssh(watch, before, current, names),
            None => Found::Words(Vec::new()),
        },
    }
}

/// Whether ssh's options may stand among the verb's.
fn takes_ssh(verb: &Command) -> bool {
    verb.get_positionals().any(Arg::is_trailing_var_arg_set)
}

/// A word of a verb that takes ssh's options, a host and perhaps a command.
fn of_ssh(verb: &Command, before: &[OsString], current: &str, names: &dyn Names) -> Found {
    let before = if verb.get_name() == "autossh" {
        without_port(before)
    } else {
        before.to_vec()
    };
    match place(&before, verb) {
        Place::Start if current.starts_with('-') => {
            inline(verb, current, names).unwrap_or_else(|| Found::Words(options(verb)))
        }
        Place::Start | Place::Host | Place::Ssh('J') => {
            Found::Words(hosts(names, &before, current))
        }
        Place::Own(name) => {
            let option = verb
                .get_arguments()
                .find(|arg| arg.get_long() == Some(&name));
            option.map_or(Found::Words(Vec::new()), |option| {
                values(option, "", names, &before, current)
            })
        }
        Place::Ssh(letter) if FILES.contains(letter) => Found::Files,
        Place::Ssh(_) | Place::Command => Found::Words(Vec::new()),
    }
}

/// autossh's `-M PORT` is no option of ssh with a value.
fn without_port(words: &[OsString]) -> Vec<OsString> {
    let mut kept = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == "-M" && words.next().is_none() {
            // The port: as the one of ssh, of which nothing is known either.
            kept.push("-p".into());
        } else if word != "-M" {
            kept.push(word.clone());
        }
    }
    kept
}

/// A word of any other verb.
fn of_verb<'a>(
    root: &'a Command,
    mut verb: &'a Command,
    before: &[OsString],
    current: &str,
    names: &dyn Names,
) -> Found {
    let nothing = || Found::Words(Vec::new());
    let mut operands = Vec::new();
    let mut option: Option<&Arg> = None;
    let mut over = false;
    for word in before {
        let text = word.to_string_lossy();
        if option.take().is_some() {
            continue;
        }
        if !over && text == "--" {
            over = true;
        } else if let Some(name) = text
            .strip_prefix('-')
            .filter(|name| !over && !name.is_empty())
        {
            option = verb.get_arguments().find(|arg| {
                arg.get_action().takes_values()
                    && arg
                        .get_long()
                        .is_some_and(|long| name.strip_prefix('-') == Some(long))
            });
        } else if let Some(below) = verb.find_subcommand(&*text) {
            verb = below;
        } else {
            operands.push(text.into_owned());
        }
    }
    if let Some(option) = option {
        return values(option, "", names, before, current);
    }
    if !over && current.starts_with('-') {
        return inline(verb, current, names).unwrap_or_else(|| Found::Words(options(verb)));
    }
    if verb.has_subcommands() {
        return Found::Words(verbs(verb));
    }
    if verb.get_name() == "man" {
        // The verbs themselves are its operands.
        let below = operands
            .iter()
            .try_fold(root, |verb, word| verb.find_subcommand(word));
        return below.map_or_else(nothing, |verb| Found::Words(verbs(verb)));
    }
    let positionals: Vec<_> = verb.get_positionals().collect();
    let positional = positionals.get(operands.len()).or_else(|| {
        let many = |arg: &&&Arg| arg.get_num_args().is_some_and(|many| many.max_values() > 1);
        positionals.last().filter(many)
    });
    let Some(positional) = positional else {
        return nothing();
    };
    match verb.get_name() {
        "up" => Found::Words(names.configured()),
        "retry" | "stop" | "status" => Found::Words(names.running()),
        _ => values(positional, "", names, before, current),
    }
}

/// The verbs below a verb.
fn verbs(verb: &Command) -> Vec<Candidate> {
    let shown = verb.get_subcommands().filter(|verb| !verb.is_hide_set());
    let about = |verb: &Command| verb.get_about().map(ToString::to_string);
    shown
        .map(|verb| Candidate::new(verb.get_name(), &about(verb).unwrap_or_default()))
        .collect()
}

/// netroam's own options of a verb.
fn options(verb: &Command) -> Vec<Candidate> {
    let shown = verb.get_arguments().filter(|arg| !arg.is_hide_set());
    let option = |arg: &Arg| {
        let about = arg.get_help().map(ToString::to_string).unwrap_or_default();
        Some(Candidate::new(format!("--{}", arg.get_long()?), &about))
    };
    shown.filter_map(option).collect()
}

/// The value of `--option=value`, if it is one.
fn inline(verb: &Command, current: &str, names: &dyn Names) -> Option<Found> {
    let (name, value) = current.strip_prefix("--")?.split_once('=')?;
    let option = verb
        .get_arguments()
        .find(|arg| arg.get_long() == Some(name))?;
    Some(values(option, &format!("--{name}="), names, &[], value))
}

/// What may be given to an option or as an operand; `lead` stands before it in the same word.
fn values(arg: &Arg, lead: &str, names: &dyn Names, before: &[OsString], current: &str) -> Found {
    let hint = arg.get_value_hint();
    if matches!(
        hint,
        ValueHint::AnyPath | ValueHint::FilePath | ValueHint::DirPath
    ) {
        return Found::Files;
    }
    let possible = arg.get_possible_values();
    let mut found: Vec<_> = possible
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| {
            let about = value.get_help().map(ToString::to_string);
            Candidate::new(value.get_name(), &about.unwrap_or_default())
        })
        .collect();
    if found.is_empty() {
        let name = arg.get_value_names().and_then(<[_]>::first);
        let name = name.map_or("", |name| name.as_str());
        for part in name.split('|') {
            match part {
                "HOST" => found.extend(hosts(names, before, current)),
                "LEVEL" => found.extend(
                    ["error", "warn", "info", "debug", "trace"]
                        .map(|level| Candidate::new(level, "")),
                ),
                // What is written small is the word itself: `auto|any|tunnel|INTERFACE`.
                word if word.chars().all(|char| char.is_ascii_lowercase()) && !word.is_empty() => {
                    found.push(Candidate::new(word, ""));
                }
                _ => {}
            }
        }
    }
    for candidate in &mut found {
        candidate.value.insert_str(0, lead);
    }
    Found::Words(found)
}

/// Hosts that have what is there of the word in their name, with the user that was typed before.
fn hosts(names: &dyn Names, before: &[OsString], current: &str) -> Vec<Candidate> {
    let (user, part) = match current.rsplit_once('@') {
        Some((user, part)) => (format!("{user}@"), part),
        None => (String::new(), current),
    };
    let part = part.to_ascii_lowercase();
    // The configuration that this ssh reads, and not the value of another option.
    let config = before
        .windows(2)
        .find(|pair| pair[0] == "-F")
        .map(|pair| Path::new(&pair[1]));
    let mut hosts = names.hosts(config);
    hosts.retain(|host| host.value.to_ascii_lowercase().contains(&part));
    for host in &mut hosts {
        host.value.insert_str(0, &user);
    }
    hosts
}

#[cfg(test)]
mod tests;
