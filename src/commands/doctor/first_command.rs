//! `--show-remote-command`: what the first run of a session passes to ssh as its last word.

use std::{
    ffi::OsStr,
    io::{self, Write as _},
    process::ExitCode,
};

use anyhow::{Context as _, Result};
use etcetera::{BaseStrategy as _, base_strategy::choose_base_strategy};

use crate::{
    cli::Doctor,
    commands::{
        usage,
        watch::{self, Refusal, Streams},
    },
    config::Configuration,
    context::{Claims, When},
    dirs, report,
    ssh::{Args, Config},
};

/// Prints it, as one line, and nothing else to stdout. It connects to nothing.
pub(super) fn show(doctor: &Doctor, args: &Args, ssh: &OsStr) -> Result<ExitCode> {
    let command = match command(doctor, args, ssh) {
        Ok(command) => command,
        Err(Refusal::Usage(error, hint)) => return Ok(usage(&error, &hint)),
        Err(Refusal::InUse(name, holder)) => {
            report::line(&format!("session {name} is {holder}"));
            return Ok(ExitCode::from(report::status::IN_USE));
        }
        Err(Refusal::Failed(error)) => return Err(error),
    };
    let host = report::plain(&args.destination.to_string_lossy());
    let Some((command, token)) = command else {
        let line = report::doctor::there::no_command(&host);
        report::line(&line);
        return Ok(ExitCode::SUCCESS);
    };
    report::line(&report::doctor::there::first_command(
        &host,
        token.as_deref(),
    ));
    let written = writeln!(io::stdout().lock(), "{command}");
    written.context("cannot write to stdout")?;
    Ok(ExitCode::SUCCESS)
}

/// The command, and the token in it where it is netroam's own; `None` where ssh gets none.
fn command(
    doctor: &Doctor,
    args: &Args,
    ssh: &OsStr,
) -> Result<Option<(String, Option<String>)>, Refusal> {
    let read = Configuration::read(doctor.config.as_deref());
    let configuration = read.map_err(|error| {
        let hint = "netroam config check says all that is wrong";
        Refusal::Usage(format!("{error:#}"), hint.into())
    })?;
    let config = Config::read(ssh, args).map_err(|error| {
        let hint = "ssh -G HOST shows what ssh makes of it";
        Refusal::Usage(format!("{error:#}"), hint.into())
    })?;
    let preferences = configuration.for_host(&args.host());
    let watch = doctor.watch();
    let Some(mux) = watch::keeper(&watch, &preferences, args, &config, Streams::TERMINAL)? else {
        let words = args.command.iter().map(|word| word.to_string_lossy());
        let words = words.collect::<Vec<_>>().join(" ");
        return Ok((!words.is_empty()).then_some((words, None)));
    };
    let base = choose_base_strategy().context("cannot find the home directory")?;
    let directory = Claims::directory(base.runtime_dir().as_deref(), &dirs::state()?);
    let claims = Claims::new(&directory, &config.user, &config.hostname, config.port)?;
    // The name is claimed as a session claims it, and free again when this ends.
    let context = watch::context(&watch, &preferences, &claims, None, mux)?;
    Ok(Some((
        context.command(When::First),
        Some(context.token.to_string()),
    )))
}
