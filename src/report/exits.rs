//! How it all ended, in words.

use super::{ending_text, plain, reason_text, status};
use crate::{
    ssh::Ending,
    supervisor::{Exit, Limit},
};

/// The last line, if the end needs one, and the exit status. ssh has said already what a plain ssh says.
pub fn exit(host: &str, exit: &Exit) -> (Option<String>, u8) {
    let (text, code) = match exit {
        Exit::Ssh(ending) => return ssh_exit(host, ending),
        Exit::StrangeKey(path) => (
            format!(
                "this network ({path}) is not the one of the last connection, and whoever answers in it has another host key; stopping\nhint: this may be somebody else's machine; try from a network that you know. netroam accepts no key for you"
            ),
            status::HOST_KEY,
        ),
        Exit::TakenOver => (
            "the session was taken over elsewhere".into(),
            status::TAKEN_OVER,
        ),
        Exit::ContextGone => (
            "the session is gone on the host, and only a first connection starts one".into(),
            status::CONTEXT_GONE,
        ),
        Exit::PersonNeeded(what) => (
            format!(
                "ssh needs a person ({}) and there is no terminal to ask on\nhint: a key or an agent answers for you; netroam doctor {host} looks at both",
                plain(what)
            ),
            status::PERSON_NEEDED,
        ),
        Exit::CommandLost(reason) => (
            format!(
                "{}; the command may have run, and is not run again without --rerun",
                reason_text(reason)
            ),
            status::COMMAND_LOST,
        ),
        Exit::Limit(Limit::Starts) => ("started as often as it may be".into(), 0),
        Exit::Limit(Limit::Lifetime) => ("kept for as long as it may be".into(), 0),
        Exit::GaveUp => return (None, status::GAVE_UP),
        Exit::Signal(_) => return (None, status::SSH),
    };
    (Some(format!("{host}: {text}")), code)
}

/// The same as the last state of a session.
pub fn ended(exit: &Exit) -> String {
    let text = match exit {
        Exit::Signal(_) => "stopped".to_owned(),
        Exit::GaveUp => "given up".to_owned(),
        Exit::Ssh(ending) => ending_text(ending),
        Exit::StrangeKey(_)
        | Exit::TakenOver
        | Exit::ContextGone
        | Exit::PersonNeeded(_)
        | Exit::CommandLost(_)
        | Exit::Limit(_) => self::exit("", exit).0.unwrap_or_default(),
    };
    let line = text.lines().next().unwrap_or_default();
    line.trim_start_matches(": ").to_owned()
}

fn ssh_exit(host: &str, ending: &Ending) -> (Option<String>, u8) {
    match ending {
        Ending::Finished { status: code } => (None, u8::try_from(*code).unwrap_or(status::SSH)),
        Ending::RemoteKilled => (
            Some(format!("{host}: the remote program was ended by a signal")),
            status::SSH,
        ),
        Ending::HostKeyChanged => (
            Some(format!(
                "{host}: the host key has changed, stopping\nhint: on a strange network this may be somebody else's machine; netroam accepts no key for you"
            )),
            status::HOST_KEY,
        ),
        Ending::HostKeyRefused => (
            Some(format!("{host}: the host key was not accepted, stopping")),
            status::HOST_KEY,
        ),
        Ending::TakenOver => (None, status::TAKEN_OVER),
        Ending::ContextGone => (None, status::CONTEXT_GONE),
        Ending::Escaped
        | Ending::Interrupted { .. }
        | Ending::Killed { .. }
        | Ending::Lost { .. }
        | Ending::Unreachable { .. }
        | Ending::NeedsPerson { .. }
        | Ending::Denied { .. }
        | Ending::UnknownHost { .. }
        | Ending::TurnedAway { .. }
        | Ending::Unusable { .. }
        | Ending::EndedByUs => (None, status::SSH),
    }
}
