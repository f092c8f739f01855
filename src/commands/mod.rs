//! One file per verb.

use std::{ffi::OsString, process::ExitCode};

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser as _};

use crate::{
    cli::{Cli, Verb},
    connect,
    control::Order,
    dirs,
    learnt::Store,
    report,
    ssh::{Version, split},
};

mod ask;
mod autossh;
mod background;
mod completion;
mod config;
mod dial;
mod events;
mod forget;
mod guard;
mod notify;
mod order;
mod service;
mod sessions;
mod ssh_lines;
mod sweep;
mod up;
mod watch;
mod why;

/// Reads the command line, does what it says, and gives the exit status.
pub fn run() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    if let Some(program) = words.first().filter(|program| autossh::is_called(program)) {
        return autossh::run(program, &words[1..]);
    }
    let outcome = match words.get(1).and_then(|verb| verb.to_str()) {
        // On the way of every connection: nothing else is even parsed.
        Some("hand-over") if words.len() == 2 => {
            connect::handover::fetch().map(|()| ExitCode::SUCCESS)
        }
        Some("autossh") => return autossh::run(&words[0], &words[2..]),
        Some(verb @ ("watch" | "why")) => ssh_words(verb, &words),
        Some(_) | None => match parsed(words) {
            Ok(cli) => dispatch(cli),
            Err(code) => return code,
        },
    };
    outcome.unwrap_or_else(|error| {
        report::error(&error);
        ExitCode::from(report::status::FAILED)
    })
}

/// Reads a command line; where clap has something to say instead, that is said, and what is left is the exit status.
fn parsed(words: impl IntoIterator<Item = OsString>) -> Result<Cli, ExitCode> {
    Cli::try_parse_from(words).map_err(|error| {
        // What was typed is repeated in it.
        let text = error.render().to_string();
        let shown = report::plain_lines(&text);
        if shown == text {
            // In colours, where there are any.
            drop(error.print());
        } else {
            report::relay(shown.as_bytes());
        }
        if error.use_stderr() {
            ExitCode::from(report::status::USAGE)
        } else {
            ExitCode::SUCCESS
        }
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
    let verb = match parsed(separated) {
        Ok(cli) => cli.verb,
        Err(code) => return Ok(code),
    };
    if let Verb::Watch(watch) = &verb {
        watch::run(watch, &ssh, version)
    } else if let Verb::Why(why) = &verb {
        why::run(why, &ssh, version)
    } else {
        unreachable!("the verb was {name}")
    }
}

fn dispatch(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.verb {
        Verb::Watch(_) | Verb::Why(_) | Verb::Autossh(_) => {
            unreachable!("these are read on their own")
        }
        Verb::Events(events) => events::run(&events),
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
        Verb::Config { what } => config::run(&what),
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
    report::line(&format!("hint: {hint}"));
    ExitCode::from(report::status::USAGE)
}
