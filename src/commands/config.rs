//! `netroam config check [FILE]`: what is wrong with the configuration, and where.

use std::{ffi::OsStr, process::ExitCode};

use anyhow::Result;

use crate::{cli::ConfigVerb, config::Configuration, report, ssh::Version};

/// Says all that is wrong, one line each, as compilers do, so that editors find the place; or how many sessions the file has.
#[expect(clippy::print_stdout, reason = "what is found is this verb's output")]
pub(super) fn run(verb: &ConfigVerb) -> Result<ExitCode> {
    let ConfigVerb::Check { file } = verb;
    let version = Version::of(OsStr::new("ssh"))?;
    let (path, checked) = Configuration::check(file.as_deref(), version)?;
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
