//! `netroam man [--dir DIR] [VERB…]`: the manual pages, made from what `--help` knows and [`prose`] adds.

use std::{
    env, fs,
    io::{self, Write as _},
    process::ExitCode,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result};
use clap::{Command, CommandFactory as _};
use clap_mangen::roff::{Roff, bold, italic, roman};

use super::usage;
use crate::{
    cli::{self, Cli},
    record::Stamp,
    report,
};

mod prose;

/// Prints one page, or writes all of them.
pub(super) fn run(man: &cli::Man) -> Result<ExitCode> {
    let root = root();
    let date = date()?;
    if let Some(directory) = &man.dir {
        fs::create_dir_all(directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        for verb in pages(&root) {
            let path = directory.join(format!("{}.1", name(verb)));
            fs::write(&path, page(&root, verb, &date)?)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut verb = &root;
    for word in &man.verb {
        let Some(found) = shown(verb).find(|verb| verb.get_name() == word) else {
            let words = report::plain(&man.verb.join(" "));
            return Ok(usage(
                &format!("there is no verb {words}"),
                "netroam --help",
            ));
        };
        verb = found;
    }
    let text = page(&root, verb, &date)?;
    match io::stdout().lock().write_all(text.as_bytes()) {
        // Whoever reads it, as `head` does, has had enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        written => written.context("cannot write to stdout")?,
    }
    Ok(ExitCode::SUCCESS)
}

/// All of the command line, with the names that each verb has as a page.
fn root() -> Command {
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    root
}

/// The verbs of a verb that people are told about.
fn shown(verb: &Command) -> impl Iterator<Item = &Command> {
    verb.get_subcommands().filter(|verb| !verb.is_hide_set())
}

/// It, and all below it.
fn pages(verb: &Command) -> Vec<&Command> {
    let below = shown(verb).flat_map(pages);
    [verb].into_iter().chain(below).collect()
}

/// As the page is called: `netroam-config-check`.
fn name(verb: &Command) -> &str {
    verb.get_display_name().unwrap_or_else(|| verb.get_name())
}

/// What the page says of when it was made: now, or `SOURCE_DATE_EPOCH` (reproducible-builds.org), so that a package is the same each time.
fn date() -> Result<String> {
    const EPOCH: &str = "SOURCE_DATE_EPOCH";
    let at = match env::var(EPOCH) {
        Ok(seconds) => {
            let seconds = seconds.parse::<u32>();
            let seconds = seconds.with_context(|| format!("{EPOCH} is no number of seconds"))?;
            (SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.into())).into()
        }
        Err(_) => Stamp::now(),
    };
    Ok(at.to_string().chars().take("2026-11-22".len()).collect())
}

/// The page as roff.
fn page(root: &Command, verb: &Command, date: &str) -> Result<String> {
    let version = root.get_version().unwrap_or_default();
    let own = name(verb);
    let (examples, notes) = paragraphs(verb);
    let man = clap_mangen::Man::new(verb.clone().subcommand_help_heading("VERBS"))
        .title(name(verb).to_uppercase())
        .date(date)
        .source(format!("netroam {version}"))
        .manual("User Commands");
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    let about = verb.get_about().map(ToString::to_string);
    let about = about.unwrap_or_default().replace('`', "");
    section(&mut text, "NAME", |roff| {
        roff.text([roman(format!("{own} - {about}"))]);
    })?;
    section(&mut text, "SYNOPSIS", |roff| synopsis(roff, verb))?;
    section(&mut text, "DESCRIPTION", |roff| {
        roff.text([roman(format!("{about}."))]);
        for paragraph in prose::description(own) {
            roff.control("PP", []).text([roman(*paragraph)]);
        }
        for block in &notes {
            shape(roff, block);
        }
    })?;
    if verb.get_arguments().any(|argument| !argument.is_hide_set()) {
        man.render_options_section(&mut text)?;
    }
    if shown(verb).next().is_some() {
        man.render_subcommands_section(&mut text)?;
    }
    if !examples.is_empty() {
        section(&mut text, "EXAMPLES", |roff| shape(roff, &examples))?;
    }
    for (title, facts) in [
        ("EXIT STATUS", prose::statuses(own)),
        ("FILES", prose::files(own)),
        ("ENVIRONMENT", prose::environment(own)),
    ] {
        if !facts.is_empty() {
            section(&mut text, title, |roff| definitions(roff, facts))?;
        }
    }
    section(&mut text, "SEE ALSO", |roff| {
        see_also(roff, root, verb);
    })?;
    Ok(tidy(&String::from_utf8(text)?))
}

fn section(to: &mut Vec<u8>, title: &str, fill: impl FnOnce(&mut Roff)) -> io::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", [title]);
    fill(&mut roff);
    roff.to_writer(to)
}

fn synopsis(roff: &mut Roff, verb: &Command) {
    let name = verb.get_bin_name().unwrap_or_else(|| verb.get_name());
    let usage = verb.clone().render_usage().to_string();
    for (index, line) in usage.lines().enumerate() {
        let rest = line.split_once(name).map_or("", |(_, rest)| rest);
        if index > 0 {
            roff.control("br", []);
        }
        roff.text([bold(name), roman(rest)]);
    }
}

/// What stands around the options in `--help`: the lines of its examples, and its other blocks.
fn paragraphs(verb: &Command) -> (String, Vec<String>) {
    const EXAMPLES: &str = "Examples:\n";
    let around = [verb.get_before_help(), verb.get_after_help()];
    let around: Vec<_> = around
        .into_iter()
        .flatten()
        .map(ToString::to_string)
        .collect();
    let around = around.join("\n\n");
    let blocks = around.split("\n\n").filter(|block| !block.is_empty());
    let (examples, notes): (Vec<_>, Vec<_>) = blocks.partition(|block| block.starts_with(EXAMPLES));
    let examples = examples.concat().replace(EXAMPLES, "");
    (examples, notes.into_iter().map(str::to_owned).collect())
}

/// A block of `--help`: an indented line stays as it is, one that begins with an option is a definition, others are prose.
fn shape(roff: &mut Roff, block: &str) {
    let mut verbatim = false;
    let mut begun = false;
    for line in block.lines() {
        let indented = line.strip_prefix("  ");
        let option = indented.filter(|line| line.starts_with('-'));
        if verbatim && (indented.is_none() || option.is_some()) {
            roff.control("fi", []).control("RE", []);
            verbatim = false;
            begun = false;
        }
        if let Some((option, meaning)) = option.and_then(|line| line.split_once("  ")) {
            roff.control("TP", []).text([bold(option)]);
            roff.text([roman(meaning.trim_start())]);
        } else if let Some(line) = indented {
            if !verbatim {
                roff.control("RS", ["2"]).control("nf", []);
                verbatim = true;
            }
            roff.text([roman(line)]);
        } else {
            if !begun {
                roff.control("PP", []);
                begun = true;
            }
            roff.text([roman(line)]);
        }
    }
    if verbatim {
        roff.control("fi", []).control("RE", []);
    }
}

fn definitions(roff: &mut Roff, facts: &[prose::Fact]) {
    for (word, meaning) in facts {
        roff.control("TP", []).text([bold(*word)]);
        roff.text([roman(*meaning)]);
    }
}

/// The page above, those below, and others.
fn see_also(roff: &mut Roff, root: &Command, verb: &Command) {
    let (own, mut names) = (name(verb), Vec::new());
    let parent = pages(root)
        .into_iter()
        .find(|page| shown(page).any(|below| name(below) == own));
    names.extend(parent.map(|parent| format!("{}(1)", name(parent))));
    names.extend(shown(verb).map(|below| format!("{}(1)", name(below))));
    names.extend(prose::see_also(own).iter().map(|other| (*other).to_owned()));
    // A name of a page is copied, and must not be broken.
    roff.control("nh", []).control("ad", ["l"]);
    let last = names.len().saturating_sub(1);
    for (index, page) in names.iter().enumerate() {
        let (page, section) = page.split_once('(').unwrap_or((page, "1)"));
        let end = if index == last { "" } else { "," };
        roff.text([italic(page), roman(format!("({section}{end}"))]);
    }
}

/// Without what each section repeats and what formatters object to; what stands between backticks is bold, as manual pages have it.
fn tidy(text: &str) -> String {
    /// How [`Roff`] begins: what an apostrophe is.
    const PREAMBLE: &str = ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n";
    let text = PREAMBLE.to_owned() + &text.replace(PREAMBLE, "");
    // Two breaks with nothing between them, before possible values.
    let text = text.replace(".br\n\n.br\n", ".sp\n");
    let mut tidy = String::new();
    for (index, part) in text.split('`').enumerate() {
        if index > 0 {
            tidy += if index % 2 == 1 { "\\fB" } else { "\\fR" };
        }
        tidy += part;
    }
    tidy
}
