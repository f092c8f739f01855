//! What happens, in the words of autossh's log, and how it ends.

use std::sync::Arc;

use super::{
    FAILED,
    log::{Log, Severity},
};
use crate::{
    driver::Heard,
    report,
    ssh::Ending,
    supervisor::{Exit, Limit, Restarts},
};

/// Writes what happens into the log.
pub(super) fn hearer(log: &Arc<Log>, host: &str, restarts: Restarts) -> Box<dyn Fn(Heard<'_>)> {
    let (log, host) = (Arc::clone(log), host.to_owned());
    Box::new(move |heard| {
        let (severity, text) = words(&host, restarts, heard);
        log.say(severity, &text);
    })
}

fn words(host: &str, restarts: Restarts, heard: Heard<'_>) -> (Severity, String) {
    match heard {
        Heard::Started { run, pid } => {
            let most = restarts
                .most_starts
                .map_or_else(String::new, |most| format!(" of {most}"));
            let text = format!("ssh started (number {}{most}), pid {pid}", run.0);
            (Severity::Info, text)
        }
        Heard::Attached(run) => (Severity::Info, format!("ssh number {} is logged in", run.0)),
        Heard::Ended(run, ending) => {
            let text = format!(
                "ssh number {} ended: {}",
                run.0,
                report::ending_text(ending)
            );
            (Severity::Info, text)
        }
        Heard::Status(status) => {
            let severity = if status.lasts() {
                Severity::Info
            } else {
                Severity::Debug
            };
            (severity, report::status(host, status).0)
        }
        Heard::Said(notice) => (Severity::Notice, report::notice(host, notice)),
        Heard::Signal(signal) => (Severity::Info, format!("got signal {signal}")),
    }
}

/// How much the end matters, what to say of it, and the exit status.
pub(super) fn exit(exit: &Exit) -> (Severity, String, u8) {
    match exit {
        Exit::Ssh(Ending::Finished { status }) => {
            let code = match status {
                255 => FAILED,
                status => u8::try_from(*status).unwrap_or(FAILED),
            };
            let severity = if code == 0 {
                Severity::Info
            } else {
                Severity::Error
            };
            let text = format!("ending: the remote command ended with status {status}");
            (severity, text, code)
        }
        Exit::Ssh(ending) => {
            let why = if let Ending::Unreachable { why } = ending {
                report::plain(why)
            } else {
                report::ending_text(ending)
            };
            let text = format!("ending: ssh failed at its first start ({why})");
            (Severity::Error, text, FAILED)
        }
        Exit::Limit(Limit::Starts) => (
            Severity::Info,
            "ending: ssh was started as often as it may be".into(),
            0,
        ),
        Exit::Limit(Limit::Lifetime) => (
            Severity::Info,
            "ending: the longest lifetime is over".into(),
            0,
        ),
        Exit::Signal(signal) => (
            Severity::Info,
            format!("ending because of signal {signal}"),
            FAILED,
        ),
        Exit::TakenOver => (
            Severity::Notice,
            "ending: the session was taken over elsewhere".into(),
            0,
        ),
        Exit::GaveUp => (Severity::Info, "ending: given up".into(), FAILED),
        Exit::StrangeKey(_) | Exit::ContextGone | Exit::PersonNeeded(_) | Exit::CommandLost(_) => {
            let why = report::exit("", exit).0.unwrap_or_default();
            let why = why.trim_start_matches(": ").lines().next();
            let text = format!("ending: {}", why.unwrap_or_default());
            (Severity::Error, text, FAILED)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statuses_are_autossh_s_and_the_remote_command_s_own() {
        let code = |of: Exit| exit(&of).2;
        let finished = |status| Exit::Ssh(Ending::Finished { status });
        assert_eq!(code(finished(0)), 0);
        assert_eq!(code(finished(42)), 42);
        assert_eq!(code(finished(255)), 1);
        let lost = Ending::Lost { why: "gone".into() };
        assert_eq!(code(Exit::Ssh(lost)), 1);
        assert_eq!(code(Exit::Limit(Limit::Starts)), 0);
        assert_eq!(code(Exit::Limit(Limit::Lifetime)), 0);
        assert_eq!(code(Exit::Signal(15)), 1);
        assert_eq!(code(Exit::TakenOver), 0);
        assert_eq!(code(Exit::GaveUp), 1);
    }
}
