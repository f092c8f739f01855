//! What the documents promise: links that lead somewhere, and verbs and options that there are.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "Markdown has more than is looked at here"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Component, Path, PathBuf},
};

use clap::CommandFactory as _;
use netroam::cli::Cli;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every document, by its path from the root of the repository.
fn documents() -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    for folder in ["", "docs"] {
        let Ok(entries) = fs::read_dir(root().join(folder)) else {
            panic!("there is no {folder}");
        };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "md") {
                let text = fs::read_to_string(&path).unwrap();
                found.insert(path.strip_prefix(root()).unwrap().to_owned(), text);
            }
        }
    }
    found
}

/// The targets of a document's links and pictures, and the names of its headings.
fn read(text: &str) -> (Vec<String>, BTreeSet<String>) {
    let (mut links, mut headings, mut heading) = (Vec::new(), BTreeSet::new(), None);
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                links.push(dest_url.into_string());
            }
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::Text(words) | Event::Code(words) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&words);
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                headings.extend(heading.take().map(|text| anchor(&text)));
            }
            _other => {}
        }
    }
    (links, headings)
}

/// What sites that show Markdown call a heading: lower case, without punctuation, a dash for each space.
fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter(|char| char.is_alphanumeric() || " -_".contains(*char))
        .map(|char| if char == ' ' { '-' } else { char })
        .collect()
}

/// `folder/link`, without `.` and `..`.
fn resolved(folder: &Path, link: &str) -> PathBuf {
    let mut path = PathBuf::new();
    for component in folder.join(link).components() {
        match component {
            Component::ParentDir => assert!(path.pop(), "{link} leads out of the repository"),
            Component::CurDir => {}
            Component::Normal(_) | Component::RootDir | Component::Prefix(_) => {
                path.push(component);
            }
        }
    }
    path
}

#[test]
fn every_link_leads_somewhere_and_every_document_is_linked() {
    let documents = documents();
    let read: BTreeMap<_, _> = documents
        .iter()
        .map(|(path, text)| (path, read(text)))
        .collect();
    let (mut broken, mut linked) = (Vec::new(), BTreeSet::new());
    let mut checked = 0;
    for (path, (links, _)) in &read {
        for link in links.iter().filter(|link| !link.contains("://")) {
            checked += 1;
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => (*path).clone(),
                file => resolved(path.parent().unwrap(), file),
            };
            let known = heading.is_empty()
                || read
                    .get(&target)
                    .is_some_and(|(_, headings)| headings.contains(heading));
            if !root().join(&target).exists() || !known {
                broken.push(format!("{}: {link}", path.display()));
            }
            linked.insert(target);
        }
    }
    assert_eq!(broken, [""; 0]);
    assert!(checked > 30, "only {checked} links were found");
    let lost: Vec<_> = documents
        .keys()
        .filter(|path| path.starts_with("docs") && !linked.contains(*path))
        .collect();
    assert!(lost.is_empty(), "nothing leads to {lost:?}");
}

/// The words of each `netroam …` that stands in code, as far as it goes.
fn commands(text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut in_block = false;
    let mut take = |code: &str| {
        for line in code.lines() {
            let line = line.trim_start();
            let line = line.split(" #").next().unwrap_or_default();
            for command in line.split(['|', '→']) {
                let mut words = command.split_whitespace().map(str::to_owned);
                if words.next().as_deref() == Some("netroam") {
                    found.push(words.collect());
                }
            }
        }
    };
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::CodeBlock(_)) => in_block = true,
            Event::End(TagEnd::CodeBlock) => in_block = false,
            Event::Code(code) => take(&code),
            Event::Text(code) if in_block => take(&code),
            _other => {}
        }
    }
    found
}

#[test]
fn every_verb_and_option_of_the_documents_is_one() {
    let cli = Cli::command();
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for (path, text) in documents() {
        // There an entry may tell of what is no more.
        if path == Path::new("CHANGELOG.md") {
            continue;
        }
        for words in commands(&text) {
            let Some(first) = words.first() else { continue };
            let Some(mut verb) = cli.find_subcommand(first) else {
                // A host, an option of ssh, the protocol's version, or what is left out.
                let host =
                    first == "gw1" || !first.starts_with(|char: char| char.is_ascii_lowercase());
                if !host {
                    wrong.push(format!("{}: netroam {}", path.display(), words.join(" ")));
                }
                continue;
            };
            for word in &words[1..] {
                if let Some(deeper) = verb.find_subcommand(word) {
                    verb = deeper;
                }
                let Some(long) = word.trim_end_matches(',').strip_prefix("--") else {
                    continue;
                };
                let name = long.split(['=', '[']).next().unwrap_or_default();
                checked += 1;
                let known = name.is_empty()
                    || ["help", "version"].contains(&name)
                    || verb
                        .get_arguments()
                        .any(|option| option.get_long() == Some(name));
                if !known {
                    wrong.push(format!("{}: netroam {}", path.display(), words.join(" ")));
                }
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
    assert!(checked > 15, "only {checked} options were found");
}
