//! One file per verb.

use std::{ffi::OsString, process::ExitCode};

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser as _, error::ErrorKind};

use crate::{
    cli::{Cli, Verb},
    connect,
    control::Order,
    dirs,
    learnt::Store,
    report,
    ssh::{Args, Version, args::BadArgs, split, version::NEEDED},
};

mod ask;
mod autossh;
mod background;
mod choose;
mod completion;
mod config;
mod dial;
mod doctor;
mod events;
mod follow;
mod forget;
mod guard;
mod history;
mod man;
mod notify;
mod order;
mod service;
mod sessions;
mod ssh_lines;
mod sweep;
mod up;
mod verb;
mod watch;
mod why;

/// What says more of a configuration that is wrong.
const CHECK: &str = "netroam config check";

/// Reads the command line, does what it says, and gives the exit status.
pub fn run() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    if let Some(program) = words.first().filter(|program| autossh::is_called(program)) {
        return autossh::run(program, &words[1..]);
    }
    let verb = words.get(1).and_then(|verb| verb.to_str());
    let outcome = match verb {
        // On the way of every connection: nothing else is even parsed.
        Some("hand-over") if words.len() == 2 => {
            connect::handover::fetch().map(|()| ExitCode::SUCCESS)
        }
        Some("autossh") => return autossh::run(&words[0], &words[2..]),
        Some("complete") => completion::complete(&words[2..]),
        Some(verb @ ("watch" | "why" | "doctor")) => ssh_words(verb, &words[2..], Said::Verb),
        Some(_) | None => match words.get(1) {
            // `netroam HOST …` is `netroam watch HOST …`.
            Some(first) if !verb::is_ours(first) => ssh_words("watch", &words[1..], Said::Not),
            Some(_) | None => match parse(words.iter().cloned(), verb) {
                Ok(cli) => dispatch(cli),
                Err(status) => return status,
            },
        },
    };
    outcome.unwrap_or_else(|error| {
        report::error(&error);
        ExitCode::from(report::status::FAILED)
    })
}

/// Whether the verb stands in front of ssh's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Verb,
    /// Then a word that is rather a verb is not taken for a host.
    Not,
}

/// ssh's options have one dash and may stand among netroam's: they are told apart before clap reads netroam's.
fn ssh_words(name: &str, words: &[OsString], said: Said) -> anyhow::Result<ExitCode> {
    let ssh = OsString::from("ssh");
    let version = match Version::of(&ssh) {
        // That is for the doctor to say.
        Err(_) if name == "doctor" => NEEDED,
        version => version?,
    };
    let cli = Cli::command();
    let Some(verb) = cli.find_subcommand(name) else {
        unreachable!("the verb is one of ours");
    };
    let split = match split::split(words, verb, version, name == "watch") {
        Ok(split) => split,
        Err(error) => {
            let (line, hint) = report::bad_words(&error, name);
            return Ok(usage(&line, &hint));
        }
    };
    if said == Said::Not
        && let Some((line, hint)) = verb::rather(&split, version)
    {
        return Ok(usage(&line, &hint));
    }
    let separated = [OsString::from("netroam"), OsString::from(name)]
        .into_iter()
        .chain(split.own.clone())
        .chain(["--".into()])
        .chain(split.ssh.clone());
    let verb = match parse(separated, Some(name)) {
        Ok(cli) => cli.verb,
        Err(status) => return Ok(status),
    };
    if let Verb::Watch(watch) = &verb {
        let nowhere = Args::parse(&watch.ssh, version) == Err(BadArgs::NoHost);
        if nowhere && choose::is_possible() {
            return choose::run(&split, version);
        }
        watch::run(watch, &ssh, version)
    } else if let Verb::Why(why) = &verb {
        why::run(why, &ssh, version)
    } else if let Verb::Doctor(doctor) = &verb {
        doctor::run(doctor, &ssh, version)
    } else {
        unreachable!("the verb was {name}")
    }
}

/// Has clap read the words. Where it does not understand them, or is asked for help, the exit status.
fn parse(words: impl IntoIterator<Item = OsString>, verb: Option<&str>) -> Result<Cli, ExitCode> {
    Cli::try_parse_from(words).map_err(|error| {
        let asked = [
            ErrorKind::DisplayHelp,
            ErrorKind::DisplayVersion,
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
        ];
        if asked.contains(&error.kind()) {
            error.exit();
        }
        let verb = verb.filter(|verb| verb::is_ours(verb.as_ref()));
        let (line, hint) = report::misread(&error, verb);
        usage(&line, &hint)
    })
}

fn dispatch(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.verb {
        Verb::Watch(_)
        | Verb::Why(_)
        | Verb::Doctor(_)
        | Verb::Autossh(_)
        | Verb::Complete { .. } => {
            unreachable!("these are read on their own")
        }
        Verb::Events(events) => events::run(&events),
        Verb::History(history) => history::run(&history),
        Verb::Forget(forget) => forget::run(&forget, &Store::new(&dirs::state()?)),
        Verb::Dial(dial) => dial::run(&dial),
        Verb::Guard(guard) => guard::run(&guard),
        Verb::Sweep(sweep) => sweep::run(&sweep),
        Verb::Up(up) => up::run(&up),
        Verb::Ls(ls) => sessions::list(&ls),
        Verb::Status(status) => sessions::show(&status),
        Verb::Retry(names) => order::run(Order::Retry, &names),
        Verb::Stop(names) => order::run(Order::Stop, &names),
        Verb::Service { what } => service::run(&what),
        Verb::Completion { shell } => completion::run(shell),
        Verb::Man(man) => man::run(&man),
        Verb::Config { what } => config::run(&what),
        Verb::EventTrial => doctor::event_trial(),
        Verb::HandOver => connect::handover::fetch().map(|()| ExitCode::SUCCESS),
    }
}

/// What a verb waits with: one thread.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

/// Says what is wrong with the command line or the configuration.
fn usage(error: &str, hint: &str) -> ExitCode {
    report::line(&report::plain(error));
    report::line(&report::plain(&format!("hint: {hint}")));
    ExitCode::from(report::status::USAGE)
}
