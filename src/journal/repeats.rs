//! What is not written down again.
//!
//! A host that refuses is tried every 15 seconds, over a weekend some ten thousand times, and each time the same lines would say so. Of the
//! attempts that go and fail as one or two before, none is written; of the attempt that succeeds, or fails another way, every line is, with the
//! moment at which it was noted.

use std::collections::BTreeSet;

use super::{Event, Note};
use crate::record::{Stamp, State};

/// More words than so many for one state are no repetition. Then what was said is forgotten.
const MOST: usize = 32;

/// What was said since the last change, and what is held back until it is known what comes of it.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    /// The last attempt ended in this state, and those since the last change with these words.
    said: Option<(State, BTreeSet<String>)>,
    /// The lines of those attempts, without what is another in each.
    tried: BTreeSet<String>,
    /// Lines of the present attempt that were there before.
    attempt: Vec<(Stamp, Note)>,
    /// Something of the present attempt is written.
    begun: bool,
}

impl Repeats {
    /// Takes what was noted at `at`, and gives what is to be written now, the oldest first.
    pub(super) fn take(&mut self, at: Stamp, note: &Note) -> Vec<(Stamp, Note)> {
        let repeats = match Kind::of(&note.event) {
            Kind::Failure(state) => {
                let known = self.failed(state, &note.text);
                if known && !std::mem::take(&mut self.begun) {
                    self.attempt.clear();
                    return Vec::new();
                }
                false
            }
            Kind::Attempt(what) => {
                let new = self.tried.insert(what);
                if self.tried.len() > MOST {
                    self.tried.clear();
                }
                self.said.is_some() && !new && !self.begun && self.attempt.len() < MOST
            }
            Kind::Other => {
                *self = Self {
                    attempt: std::mem::take(&mut self.attempt),
                    ..Self::default()
                };
                false
            }
        };
        self.attempt.push((at, note.clone()));
        if repeats {
            return Vec::new();
        }
        self.begun = matches!(Kind::of(&note.event), Kind::Attempt(_));
        std::mem::take(&mut self.attempt)
    }

    /// Whether an attempt has failed in just this way since the last change.
    fn failed(&mut self, state: State, text: &str) -> bool {
        match &mut self.said {
            Some((said, words)) if *said == state && words.len() < MOST => {
                !words.insert(text.to_owned())
            }
            said => {
                *said = Some((state, BTreeSet::from([text.to_owned()])));
                self.tried.clear();
                false
            }
        }
    }
}

/// What a line may repeat.
enum Kind {
    /// How an attempt failed.
    Failure(State),
    /// What belongs to an attempt.
    Attempt(String),
    /// Nothing: it is a change.
    Other,
}

impl Kind {
    fn of(event: &Event) -> Self {
        match event {
            Event::Status { state, path, .. } => match state {
                State::Retrying | State::NoName | State::NoPath => Self::Failure(*state),
                State::Connecting | State::LoggingIn => {
                    Self::Attempt(format!("{state:?} {path:?}"))
                }
                State::Attached
                | State::Doubtful
                | State::NoTunnel
                | State::Holding
                | State::NeedsPerson
                | State::TakenOver
                | State::ContextGone
                | State::Ended
                | State::Unknown => Self::Other,
            },
            Event::Started { path, .. } => Self::Attempt(format!("started {path:?}")),
            Event::Ended { ending, .. } => Self::Attempt(format!("ended {ending}")),
            Event::Began
            | Event::Attached { .. }
            | Event::Verdict { .. }
            | Event::Forward { .. }
            | Event::Answered { .. }
            | Event::Lost { .. }
            | Event::Slept { .. }
            | Event::Exited { .. } => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        connect::Failure,
        supervisor::{Reason, RunId, Status},
    };

    fn refused() -> Note {
        Note::status(
            "gw1",
            &Status::Retrying(Failure::Refused("10.0.0.1:22".parse().unwrap())),
        )
    }

    fn connecting() -> Note {
        Note::status("gw1", &Status::Dialling(None))
    }

    /// What is written of these, by the second in which each was noted.
    fn written(notes: &[Note]) -> Vec<String> {
        let mut repeats = Repeats::default();
        let mut lines = Vec::new();
        for (second, note) in notes.iter().enumerate() {
            let at = format!("2026-11-26T10:00:{second:02}Z").parse().unwrap();
            for (at, note) in repeats.take(at, note) {
                lines.push(format!("{} {}", &at.to_string()[17..19], note.text));
            }
        }
        lines
    }

    #[test]
    fn attempts_that_fail_the_same_way_are_written_once_and_the_last_one_as_it_was() {
        let mut notes = vec![connecting(), refused()];
        for _ in 0..5 {
            notes.extend([connecting(), refused()]);
        }
        let login = Status::Attaching {
            path: None,
            outage: None,
        };
        notes.extend([connecting(), Note::status("gw1", &login)]);
        notes.push(Note::started(RunId(2), None, false));
        notes.push(Note::attached(RunId(2), None, None));
        notes.extend([connecting(), refused()]);
        assert_eq!(
            written(&notes),
            [
                "00 connecting",
                "01 connection refused, trying again",
                "02 connecting",
                "03 connection refused, trying again",
                "12 connecting",
                "13 logging in",
                "14 ssh started",
                "15 attached",
                "16 connecting",
                "17 connection refused, trying again",
            ]
        );
    }

    #[test]
    fn another_failure_is_written_with_its_attempt_and_a_loss_at_once() {
        let offline = Note::status("gw1", &Status::NoPath(netroam_platform::NoPath::NoRoute));
        let silent = Note::status("gw1", &Status::Retrying(Failure::TimedOut));
        let end = Note::verdict(RunId(1), super::super::Judged::End, Some(&Reason::PathBack));
        let notes = [
            refused(),
            connecting(),
            silent.clone(),
            connecting(),
            refused(),
            connecting(),
            offline.clone(),
            connecting(),
            offline,
            connecting(),
            silent,
            connecting(),
            end,
        ];
        assert_eq!(
            written(&notes),
            [
                "00 connection refused, trying again",
                "01 connecting",
                "02 no answer, trying again",
                "05 connecting",
                "06 no route, waiting for the network",
                "07 connecting",
                "08 no route, waiting for the network",
                "09 connecting",
                "10 no answer, trying again",
                "11 connecting",
                "12 the path is back: ends ssh",
            ]
        );
    }

    #[test]
    fn words_that_never_repeat_are_all_written_and_not_all_remembered() {
        let mut repeats = Repeats::default();
        let at = Stamp::now();
        let mut written = 0;
        for number in 0..1000 {
            let said = Note::status("gw1", &Status::RetryingSsh(number.to_string()));
            written += repeats.take(at, &said).len();
            let remembered = repeats.said.as_ref().unwrap().1.len();
            assert!(remembered <= MOST, "{remembered}");
        }
        assert_eq!(written, 1000);
        for _ in 0..1000 {
            written += repeats.take(at, &connecting()).len();
            assert!(repeats.attempt.len() < MOST);
        }
        assert!(written > 1900, "and none is held back for long: {written}");
    }
}
