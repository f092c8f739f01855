//! Words for what happened: for the journal and those who read it.

use super::{plain, reason_text};
use crate::{
    driver::Outcome,
    journal::Judged,
    ssh::{Ending, Forward, Side},
    supervisor::Reason,
};

/// How a run ended.
pub fn ending_text(ending: &Ending) -> String {
    match ending {
        Ending::Finished { status } => format!("ssh ended with status {status}"),
        Ending::RemoteKilled => "the remote program was ended by a signal".into(),
        Ending::Escaped => "ended by ~.".into(),
        Ending::Interrupted { signal } => format!("interrupted by signal {signal}"),
        Ending::Killed { signal } => format!("ssh was ended by signal {}", plain(signal)),
        Ending::Lost { why } => format!("connection lost ({})", plain(why)),
        Ending::Unreachable { why } => format!("no connection ({})", plain(why)),
        Ending::NeedsPerson { what } => format!("ssh needs a person ({})", plain(what)),
        Ending::Denied { why } => format!("login refused ({})", plain(why)),
        Ending::HostKeyChanged => "the host key has changed".into(),
        Ending::HostKeyRefused => "the host key was not accepted".into(),
        Ending::TurnedAway { said } => format!("the server turns us away ({})", plain(said)),
        Ending::UnknownHost { why } => format!("the name does not resolve ({})", plain(why)),
        Ending::TakenOver => "attached elsewhere".into(),
        Ending::ContextGone => "the session is gone on the host".into(),
        Ending::Unusable { line } => plain(line),
        Ending::EndedByUs => "ended by netroam".into(),
    }
}

/// What became of a forward.
pub fn forward(forward: &Forward, outcome: Outcome) -> String {
    let where_ = match forward.side {
        Side::Local => "here",
        Side::Remote => "on the host",
    };
    let forward = plain(&forward.to_string());
    match outcome {
        Outcome::Missing => format!("{forward} is not to be had {where_}, asking again"),
        Outcome::Back => format!("{forward} works again"),
        Outcome::NotWithout => format!("{forward} is not to be had {where_}"),
    }
}

/// What was decided about a run, and why.
pub fn verdict_text(judged: Judged, reason: Option<&Reason>) -> String {
    let what = match judged {
        Judged::End => "ends ssh",
        Judged::Silence => "stops ssh, and ends it after the next login",
        Judged::Hold => "holds the connection",
        Judged::Probe => "asks the connection for a sign of life",
    };
    reason.map_or_else(
        || what.to_owned(),
        |reason| format!("{}: {what}", reason_text(reason)),
    )
}
