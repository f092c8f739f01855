//! `netroam up --ask NAME`: keeps a named session in this terminal, where ssh may ask a person.

use std::{
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use netroam_platform::clock;

use super::{
    sessions::{ASKING, runtime},
    up::Configured,
    usage, watch,
};
use crate::{
    config::Named,
    control::{self, Order},
    driver::{self, Plan as _, Session, Unkept},
    report,
};

/// How long another netroam may take to end a session of which it lets go.
const LENDING: Duration = Duration::from_secs(5);

const HELP: &str = "netroam up --help";

/// Keeps the one session of `plan`; the netroam that has it without a terminal lends it until it ends here.
pub(super) fn run(plan: &mut Configured, directory: &Path) -> Result<ExitCode> {
    let wanted = plan.read()?;
    let mut all = wanted.iter();
    let (Some((name, named)), None, false) = (all.next(), all.next(), plan.all()) else {
        return Ok(usage("--ask wants the name of one session", HELP));
    };
    if !io::stdin().is_terminal() {
        return Ok(usage("--ask needs a terminal to ask on", HELP));
    }
    let runtime = runtime()?;
    let lender = runtime.block_on(borrow(name, directory))?;
    let session = match runtime.block_on(unclaimed(plan, name, named)) {
        Ok(session) => Session {
            named: None,
            ..session
        },
        Err(unkept) => {
            let line = report::plain(&unkept.line);
            report::line(&format!("{name}: {line}"));
            return Ok(ExitCode::from(unkept.status));
        }
    };
    let host = session.host.clone();
    let exit = runtime.block_on(driver::keep(session));
    if let Some(socket) = lender {
        let back = control::order(&socket, Order::Retry, name, ASKING);
        if let Err(problem) = runtime.block_on(back) {
            let problem = report::plain(&problem);
            report::line(&format!("{name} is not taken back: {problem}"));
        }
    }
    runtime.shutdown_background();
    watch::leave(&host, &exit?)
}

/// Has the netroam that keeps this session without a terminal let go of it; where that is told to take it back.
async fn borrow(name: &str, directory: &Path) -> Result<Option<PathBuf>> {
    let answers = control::ask(directory, ASKING)
        .await
        .context("cannot look for running sessions")?;
    let holder = answers.sessions.iter().find(|status| status.id == name);
    let Some(socket) = holder.and_then(|status| answers.sockets.get(&status.pid)) else {
        return Ok(None);
    };
    match control::order(socket, Order::Stop, name, ASKING).await {
        Ok(true) => Ok(Some(socket.clone())),
        Ok(false) => Ok(None),
        Err(problem) => bail!("{name} is not lent: {problem}"),
    }
}

/// Puts the session together as soon as nobody has it any more.
async fn unclaimed(plan: &mut Configured, name: &str, named: &Named) -> Result<Session, Unkept> {
    let deadline = clock::now() + LENDING;
    loop {
        match plan.session(name, named) {
            Err(unkept) if unkept.status == report::status::IN_USE && clock::now() < deadline => {
                // A lock has no event that could be awaited with a deadline; this is at most `LENDING`, and rare.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            done => return done,
        }
    }
}
