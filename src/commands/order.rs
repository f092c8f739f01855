//! `netroam retry NAME…` and `netroam stop NAME…`: tells running sessions what to do.

use std::process::ExitCode;

use anyhow::Result;

use super::{
    runtime,
    sessions::{ASKING, asked, is_meant, problems},
};
use crate::{
    cli::Names,
    control::{self, Answers, Order, Status},
    report::{self, plain},
};

/// Has the sessions that are meant do it; status 1 if one of the names means none, or more than one where only one may be.
#[expect(
    clippy::print_stdout,
    reason = "what became of each session is this verb's output"
)]
pub(super) fn run(order: Order, names: &Names) -> Result<ExitCode> {
    let answers = asked()?;
    problems(&answers);
    let runtime = runtime()?;
    let mut failed = false;
    for name in &names.names {
        let meant = match meant(order, name, &answers) {
            Ok(meant) => meant,
            Err(line) => {
                report::line(&plain(&line));
                report::line(report::sessions::WHICH_RUN);
                failed = true;
                continue;
            }
        };
        for status in meant {
            let id = plain(&status.id);
            let Some(socket) = answers.sockets.get(&status.pid) else {
                continue;
            };
            match runtime.block_on(control::order(socket, order, &status.id, ASKING)) {
                Ok(true) => println!("{id}: {}", done(order)),
                Ok(false) => {
                    report::line(&format!("{id}: it has just ended"));
                    failed = true;
                }
                Err(problem) => {
                    report::line(&format!("{id}: {}", plain(&problem)));
                    failed = true;
                }
            }
        }
    }
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// The sessions of this name. What is ended must be the one that was meant, so that the name of a host with several sessions is none.
fn meant<'a>(order: Order, name: &str, answers: &'a Answers) -> Result<Vec<&'a Status>, String> {
    let all = |fits: &dyn Fn(&Status) -> bool| -> Vec<&'a Status> {
        answers
            .sessions
            .iter()
            .filter(|status| fits(status))
            .collect()
    };
    let exact = all(&|status| status.id == name);
    let meant = if exact.is_empty() {
        all(&|status| is_meant(status, name))
    } else {
        exact
    };
    match (order, &meant[..]) {
        (_, []) => Err(report::sessions::none(Some(name))),
        (Order::Retry, _) | (Order::Stop, [_]) => Ok(meant),
        (Order::Stop, several) => {
            let ids = several
                .iter()
                .map(|status| format!("{} (netroam {})", status.id, status.pid));
            let ids = ids.collect::<Vec<_>>().join(", ");
            Err(format!("{name} may be any of {ids}; which one?"))
        }
    }
}

fn done(order: Order) -> &'static str {
    match order {
        Order::Retry => "tries now",
        Order::Stop => "ends",
    }
}
