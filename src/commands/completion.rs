//! `netroam completion SHELL`: what a shell reads to complete netroam's words, and the candidates that it asks for then.
//!
//! The scripts know nothing: at each TAB they run `netroam complete SHELL WORD…` with the words up to the cursor, the last of which is to be
//! completed. So one piece of code, which knows both netroam's options and ssh's, serves all shells, and a script is never older than what it
//! completes.

use std::{
    ffi::OsString,
    fmt::Write as _,
    io::{self, Write as _},
    process::ExitCode,
};

use anyhow::{Context as _, Result};
use clap::CommandFactory as _;
use clap_complete::{Shell, generate, shells};

use self::candidates::{Candidate, Found};
use crate::{cli::Cli, report::plain};

mod candidates;
mod known;

/// Prints it.
pub(super) fn run(shell: Shell) -> Result<ExitCode> {
    let mut script = Vec::new();
    let mut command = Cli::command();
    match shell {
        Shell::Bash => script.extend(include_bytes!("completion/netroam.bash")),
        Shell::Zsh => script.extend(include_bytes!("completion/netroam.zsh")),
        Shell::Fish => script.extend(include_bytes!("completion/netroam.fish")),
        Shell::Elvish => generate(shells::Elvish, &mut command, "netroam", &mut script),
        // There is no other yet; the enumeration is clap's, and may grow.
        Shell::PowerShell | _ => {
            generate(shells::PowerShell, &mut command, "netroam", &mut script);
        }
    }
    print(&script)
}

/// Prints the candidates for the last of `words`: `words` or `files` (those of the working directory), then one line for each, a tab and
/// what it is. `words` begin with the shell's name and the program's.
pub(super) fn complete(words: &[OsString]) -> Result<ExitCode> {
    let [shell, _, words @ ..] = words else {
        return print(b"words\n");
    };
    let Some((current, before)) = words.split_last() else {
        return print(b"words\n");
    };
    // What is no text is no candidate's beginning.
    let Some(current) = current.to_str() else {
        return print(b"words\n");
    };
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    let text = match candidates::find(&root, before, current, &known::Known) {
        Found::Files => "files\n".to_owned(),
        Found::Words(mut found) => {
            // bash takes all that it is given; the others match by themselves, as their user wants it.
            if shell == "bash" {
                found.retain(|candidate| candidate.value.starts_with(current));
            }
            let mut text = "words\n".to_owned();
            for Candidate { value, about } in found {
                writeln!(text, "{}\t{}", plain(&value), plain(&about)).unwrap_or_default();
            }
            text
        }
    };
    print(text.as_bytes())
}

fn print(text: &[u8]) -> Result<ExitCode> {
    match io::stdout().lock().write_all(text) {
        // Whoever reads it, as `head` does, has had enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        written => written.context("cannot write to stdout")?,
    }
    Ok(ExitCode::SUCCESS)
}
