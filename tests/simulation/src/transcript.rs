//! What is written down of a simulation, for people.

use netroam::supervisor::{Action, Input, Look, Status};
use netroam_platform::{Lookup, clock::Time};

use crate::agenda::START;

/// The lines so far.
#[derive(Debug, Default)]
pub(crate) struct Transcript(Vec<String>);

impl Transcript {
    pub(crate) fn world(&mut self, now: Time, line: &str) {
        self.0
            .push(format!("{:>10.3}  {line}", now.since(START).as_secs_f64()));
    }

    pub(crate) fn session(&mut self, now: Time, number: usize, line: &str) {
        self.0.push(format!(
            "{:>10.3}      [{number}] {line}",
            now.since(START).as_secs_f64()
        ));
    }

    pub(crate) fn lines(self) -> Vec<String> {
        self.0
    }
}

/// What the supervisor is told.
pub(crate) fn input(input: &Input) -> String {
    match input {
        Input::Looked(look) => format!("< {}", seen(look)),
        other @ (Input::Woke
        | Input::NamesChanged
        | Input::Reached(_)
        | Input::Connected { .. }
        | Input::NotConnected { .. }
        | Input::Assumed { .. }
        | Input::Greeted(_)
        | Input::KeyExchanged(_)
        | Input::Authenticated(_)
        | Input::Silenced { .. }
        | Input::Ended { .. }
        | Input::Probed { .. }
        | Input::Person(_)
        | Input::Restart(_)
        | Input::Mute { .. }
        | Input::Alone
        | Input::Quit(_)) => format!("< {other:?}"),
    }
}

/// What it wants.
pub(crate) fn action(action: &Action) -> String {
    let what = match action {
        Action::Dial {
            attempt,
            over,
            segments,
        } => format!("dial {} over {over}, segments {segments:?}", attempt.0),
        Action::FindFirstHop => "find the first hop".into(),
        Action::Discard(attempt) => format!("discard {}", attempt.0),
        Action::Start {
            run,
            over,
            questions,
            purpose,
        } => {
            let over = over.map_or("ssh dials".into(), |attempt| format!("over {}", attempt.0));
            format!(
                "start run {}, {over}, may ask: {questions}, {purpose:?}",
                run.0
            )
        }
        Action::End { run, reason } => format!("end run {}: {reason:?}", run.0),
        Action::Silence { run, reason } => format!("silence run {}: {reason:?}", run.0),
        Action::Hold(run) => format!("hold run {}", run.0),
        Action::Kill(run) => format!("kill run {}", run.0),
        Action::Probe {
            run,
            sign,
            patience,
        } => format!("probe run {} ({sign:?}, {patience:?})", run.0),
        Action::Learn { path, peer } => format!("learn {path} to {peer}"),
        Action::Show(status) => format!("show {}", shown(status)),
        Action::Say(notice) => format!("say {notice:?}"),
        Action::Finish(exit) => format!("finish: {exit:?}"),
    };
    format!("> {what}")
}

/// A status in few words.
pub(crate) fn shown(status: &Status) -> String {
    match status {
        Status::Waiting {
            wanted, failure, ..
        } => format!("waiting for {wanted}, {failure:?}"),
        other @ (Status::Attaching { .. }
        | Status::Dialling(_)
        | Status::NoPath(_)
        | Status::Holding(_)
        | Status::Retrying(_)
        | Status::RetryingSsh(_)
        | Status::RetryingLogin { .. }
        | Status::Parked(_)) => format!("{other:?}"),
    }
}

fn seen(look: &Look) -> String {
    let interfaces = look
        .snapshot
        .interfaces
        .values()
        .filter(|interface| !interface.addresses.is_empty())
        .map(|interface| {
            let state = match (interface.up, interface.carrier) {
                (false, _) => "(down)",
                (true, Some(false)) => "(no carrier)",
                (true, Some(true) | None) => "",
            };
            let addresses: Vec<String> = interface
                .addresses
                .iter()
                .map(ToString::to_string)
                .collect();
            format!("{}{state} {}", interface.name, addresses.join(" "))
        });
    let paths = look.paths.iter().map(|(peer, lookup)| match lookup {
        Lookup::Found(path) => format!("{peer} over {path}"),
        Lookup::None(why) => format!("{peer}: {why}"),
        Lookup::Unknown(why) => format!("{peer}: {why}?"),
    });
    let paths: Vec<String> = paths.collect();
    format!(
        "looked: {}; {}",
        interfaces.collect::<Vec<_>>().join(", "),
        paths.join(", ")
    )
}
