//! `netroam config check [FILE]`: what is wrong with the configuration, and where; `netroam config ssh`: the lines for ssh's own.

use std::{ffi::OsStr, path::Path, process::ExitCode};

use anyhow::Result;

use super::ssh_lines;
use crate::{cli::ConfigVerb, config::Configuration, report, ssh::Version};

pub(super) fn run(verb: &ConfigVerb) -> Result<ExitCode> {
    match verb {
        ConfigVerb::Check { file } => check(file.as_deref()),
        ConfigVerb::Ssh => ssh_lines::run(),
    }
}

/// Says all that is wrong, one line each, as compilers do, so that editors find the place; or how many sessions the file has.
#[expect(clippy::print_stdout, reason = "what is found is this verb's output")]
fn check(file: Option<&Path>) -> Result<ExitCode> {
    let version = Version::of(OsStr::new("ssh"))?;
    let (path, checked) = Configuration::check(file, version)?;
    let path = path.display();
    match checked {
        Ok(configuration) => {
            let named = match configuration.session.len() {
                1 => "1 session".to_owned(),
                count => format!("{count} sessions"),
            };
            println!("{path}: right, {named}");
            Ok(ExitCode::SUCCESS)
        }
        Err(problems) => {
            for problem in problems {
                let text = report::plain(&problem.text);
                println!("{path}:{}:{}: {text}", problem.line, problem.column);
            }
            Ok(ExitCode::from(report::status::USAGE))
        }
    }
}
