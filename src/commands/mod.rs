//! One file per verb.

use std::{ffi::OsString, process::ExitCode};

use clap::{CommandFactory as _, Parser as _};

use crate::{
    cli::{Cli, ConfigVerb, Verb},
    connect, dirs,
    learnt::Store,
    report,
    ssh::{Version, split},
};

mod dial;
mod events;
mod forget;
mod guard;
mod ssh_lines;
mod sweep;
mod watch;
mod why;

/// Reads the command line, does what it says, and gives the exit status.
pub fn run() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let outcome = match words.get(1).and_then(|verb| verb.to_str()) {
        // On the way of every connection: nothing else is even parsed.
        Some("hand-over") if words.len() == 2 => {
            connect::handover::fetch().map(|()| ExitCode::SUCCESS)
        }
        Some(verb @ ("watch" | "why")) => ssh_words(verb, &words),
        Some(_) | None => dispatch(Cli::parse_from(words)),
    };
    outcome.unwrap_or_else(|error| {
        report::error(&error);
        ExitCode::from(report::status::FAILED)
    })
}

/// ssh's options have one dash and may stand among netroam's: they are told apart before clap reads netroam's.
fn ssh_words(name: &str, words: &[OsString]) -> anyhow::Result<ExitCode> {
    let ssh = OsString::from("ssh");
    let version = Version::of(&ssh)?;
    let cli = Cli::command();
    let Some(verb) = cli.find_subcommand(name) else {
        unreachable!("the verb is one of ours");
    };
    let split = match split::split(&words[2..], verb, version) {
        Ok(split) => split,
        Err(split::BadSplit::UnknownLong {
            name,
            meant: Some(meant),
        }) => {
            return Ok(usage(
                &format!("unknown option --{name}"),
                &format!("did you mean --{meant}?"),
            ));
        }
        Err(error) => return Ok(usage(&error.to_string(), &format!("netroam {name} --help"))),
    };
    let [program, verb] = [words[0].clone(), words[1].clone()];
    let separated = [program, verb]
        .into_iter()
        .chain(split.own)
        .chain(["--".into()])
        .chain(split.ssh);
    match Cli::parse_from(separated).verb {
        Verb::Watch(watch) => watch::run(&watch, &ssh, version),
        Verb::Why(why) => why::run(&why, &ssh, version),
        Verb::Events(_)
        | Verb::Forget(_)
        | Verb::Dial(_)
        | Verb::Guard(_)
        | Verb::Sweep(_)
        | Verb::Config(_)
        | Verb::HandOver => unreachable!("the verb was {name}"),
    }
}

fn dispatch(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.verb {
        Verb::Watch(_) | Verb::Why(_) => unreachable!("these are read on their own"),
        Verb::Events(events) => events::run(&events),
        Verb::Forget(forget) => forget::run(&forget, &Store::new(&dirs::state()?)),
        Verb::Dial(dial) => dial::run(&dial),
        Verb::Guard(guard) => guard::run(&guard),
        Verb::Sweep(sweep) => sweep::run(&sweep),
        Verb::Config(config) => match config.verb {
            ConfigVerb::Ssh => ssh_lines::run(),
        },
        Verb::HandOver => connect::handover::fetch().map(|()| ExitCode::SUCCESS),
    }
}

/// Says what is wrong with the command line or the configuration.
fn usage(error: &str, hint: &str) -> ExitCode {
    report::line(&report::plain(error));
    report::line(&format!("hint: {hint}"));
    ExitCode::from(report::status::USAGE)
}
