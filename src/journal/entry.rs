//! What a line of the journal says.

use std::time::Duration;

use netroam_platform::Path;
use serde::{Deserialize, Serialize};

use crate::{
    driver::Outcome,
    record::{PathFacts, Stamp, State, ending_word, exit_word, path_of, paths_of, reason_word},
    report,
    ssh::{Ending, Forward},
    supervisor::{Answer, Exit, Notice, Reason, RunId, Status},
};

/// Characters of words that are kept; what a server said may be longer.
const MOST_WORDS: usize = 1000;

/// One line: what happened, when, and to which session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: Stamp,
    /// The host as it was typed.
    pub host: String,
    /// The session's name; `None` where nothing keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The netroam that wrote it.
    pub pid: u32,
    /// What, for programs.
    #[serde(flatten)]
    pub event: Event,
    /// What, in the words that the terminal has for it.
    pub text: String,
}

impl Entry {
    /// The line that a journal has for it, with its end.
    ///
    /// # Errors
    /// It cannot be written down.
    pub fn line(&self) -> serde_json::Result<Vec<u8>> {
        Ok((report::json(self)? + "\n").into_bytes())
    }
}

/// What happened, with the facts from which an outage can be told.
///
/// [`crate::history`] tells an outage from them. Entries belong together by host, pid and session; one netroam may keep a session twice, one time
/// after the other, each of which begins with [`Event::Began`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// netroam keeps the session from now on.
    Began,
    /// The state changed.
    Status {
        /// To this.
        state: State,
        /// The path that it is about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<PathFacts>,
        /// Only a person gets it on.
        #[serde(default, skip_serializing_if = "is_false")]
        person: bool,
    },
    /// ssh was started.
    Started {
        /// Its number.
        run: u64,
        /// Over this path, if known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<PathFacts>,
        /// It may ask a person.
        #[serde(default, skip_serializing_if = "is_false")]
        asks: bool,
    },
    /// ssh has authenticated.
    Attached {
        /// Its number.
        run: u64,
        /// Over this path, if known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<PathFacts>,
        /// Its login began so long after the loss, if there was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outage_ms: Option<u64>,
    },
    /// A run was judged.
    Verdict {
        /// Its number.
        run: u64,
        /// What follows.
        verdict: Judged,
        /// Why: [`reason_word`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// The path that was left.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<PathFacts>,
        /// The path that there is instead.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<PathFacts>,
    },
    /// A forward is not there, or is again.
    Forward {
        /// The run's number.
        run: u64,
        /// Which, as a person would write it.
        forward: String,
        /// It is there.
        back: bool,
    },
    /// A probe was answered, or not.
    Answered {
        /// The run's number.
        run: u64,
        /// True if it lives, false if nothing came, `None` if it cannot be asked.
        alive: Option<bool>,
        /// It lives, and stands on this path now, which is another one than before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<PathFacts>,
    },
    /// The session is lost for now.
    Lost {
        /// Why: [`reason_word`].
        reason: String,
        /// Why, for people, where the text says more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
        /// The path that was left, where the reason has it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<PathFacts>,
        /// The path that there is instead.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<PathFacts>,
        /// What was typed last may be lost.
        #[serde(default, skip_serializing_if = "is_false")]
        in_doubt: bool,
    },
    /// A run's ssh is gone.
    Ended {
        /// Its number.
        run: u64,
        /// How: [`ending_word`].
        ending: String,
        /// Its status, where it ended with one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<i32>,
    },
    /// The machine slept.
    Slept {
        /// For so long, in milliseconds.
        slept_ms: u64,
    },
    /// netroam ended.
    Exited {
        /// How: [`exit_word`].
        exit: String,
    },
}

/// What a verdict led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Judged {
    /// It is ended.
    End,
    /// It is stopped where it stands.
    Silence,
    /// It is kept through the silence.
    Hold,
    /// It is asked for a sign of life.
    Probe,
}

/// What is to be written down: an event and its words. [`super::Journal::note`] adds when and whose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub(super) event: Event,
    pub(super) text: String,
}

impl Note {
    /// For the beginning of a session.
    pub fn began() -> Self {
        Self::new(Event::Began, "netroam begins")
    }

    /// For `Action::Show`. `host` is the one of the terminal's lines.
    pub fn status(host: &str, status: &Status) -> Self {
        let state = State::of(status);
        let event = Event::Status {
            state,
            path: facts(path_of(status)),
            person: state.waits_for_person(),
        };
        Self::new(event, about(host, &report::status(host, status).0))
    }

    /// For `Action::Say`; `None` for what only repeats what is known.
    pub fn notice(host: &str, notice: &Notice) -> Option<Self> {
        match notice {
            Notice::Lost {
                reason,
                input_in_doubt,
                ..
            } => {
                let (from, to) = paths_of(reason);
                let notice = report::notice(host, notice);
                let text = about(host, &notice);
                let why = kept(&report::reason_text(reason));
                let event = Event::Lost {
                    reason: reason_word(reason).into(),
                    why: (why != text).then_some(why),
                    from: facts(from),
                    to: facts(to),
                    in_doubt: *input_in_doubt,
                };
                Some(Self::new(event, text))
            }
            Notice::Details { .. } => None,
        }
    }

    /// For `Action::Start`, once ssh runs; `asks`: it may ask a person.
    pub fn started(run: RunId, path: Option<&Path>, asks: bool) -> Self {
        let over = path.map_or_else(String::new, |path| format!(" via {path}"));
        let event = Event::Started {
            run: run.0,
            path: facts(path),
            asks,
        };
        Self::new(event, &format!("ssh started{over}"))
    }

    /// For a run that has authenticated over this path, so long after the loss.
    pub fn attached(run: RunId, path: Option<&Path>, outage: Option<Duration>) -> Self {
        let over = path.map_or_else(String::new, |path| format!(" via {path}"));
        let after = outage.map_or_else(String::new, |outage| {
            format!(" after {}", report::duration(outage))
        });
        let event = Event::Attached {
            run: run.0,
            path: facts(path),
            outage_ms: outage.map(milliseconds),
        };
        Self::new(event, &format!("attached{over}{after}"))
    }

    /// For `Action::End`, `Silence`, `Hold` and `Probe`; with the reason where there is one.
    pub fn verdict(run: RunId, verdict: Judged, reason: Option<&Reason>) -> Self {
        let (from, to) = reason.map_or((None, None), paths_of);
        let event = Event::Verdict {
            run: run.0,
            verdict,
            reason: reason.map(|reason| reason_word(reason).into()),
            from: facts(from),
            to: facts(to),
        };
        Self::new(event, &report::verdict_text(verdict, reason))
    }

    /// For a forward that is not there, or is there again.
    pub fn forward(run: RunId, forward: &Forward, outcome: Outcome) -> Self {
        let event = Event::Forward {
            run: run.0,
            forward: forward.to_string(),
            back: outcome == Outcome::Back,
        };
        Self::new(event, &report::forward(forward, outcome))
    }

    /// For `Input::Probed`; with the path where it is another one than before.
    pub fn answered(run: RunId, answer: Answer, path: Option<PathFacts>) -> Self {
        let (alive, text) = match answer {
            Answer::Alive => (Some(true), "the connection answers"),
            Answer::Silent => (Some(false), "the connection does not answer"),
            Answer::Unaskable => (
                None,
                "the connection cannot be asked: ssh opened it, or the system shows no answer",
            ),
        };
        let event = Event::Answered {
            run: run.0,
            alive,
            path,
        };
        Self::new(event, text)
    }

    /// For `Input::Ended`.
    pub fn ended(run: RunId, ending: &Ending) -> Self {
        let status = if let Ending::Finished { status } = ending {
            Some(*status)
        } else {
            None
        };
        let event = Event::Ended {
            run: run.0,
            ending: ending_word(ending).into(),
            status,
        };
        Self::new(event, &report::ending_text(ending))
    }

    /// For a sleep that was noticed.
    pub fn slept(time: Duration) -> Self {
        let event = Event::Slept {
            slept_ms: milliseconds(time),
        };
        Self::new(
            event,
            &format!("the machine slept for {}", report::duration(time)),
        )
    }

    /// For the end of netroam.
    pub fn exited(host: &str, exit: &Exit) -> Self {
        let text = match exit {
            Exit::GaveUp => "given up".into(),
            Exit::Signal(signal) => format!("netroam was ended by signal {signal}"),
            // How ssh ended is the entry before.
            Exit::Ssh(_) => "netroam ends".into(),
            Exit::StrangeKey(_)
            | Exit::TakenOver
            | Exit::ContextGone
            | Exit::PersonNeeded(_)
            | Exit::Limit(_)
            | Exit::CommandLost(_) => report::exit(host, exit).0.unwrap_or_default(),
        };
        let event = Event::Exited {
            exit: exit_word(exit).into(),
        };
        Self::new(event, about(host, &text))
    }

    fn new(event: Event, text: &str) -> Self {
        let text = kept(text);
        Self { event, text }
    }
}

/// One line is enough: what follows the first is a hint.
fn kept(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    report::plain(line).chars().take(MOST_WORDS).collect()
}

/// The line without the host in front, which the journal is about.
fn about<'a>(host: &str, line: &'a str) -> &'a str {
    line.strip_prefix(host)
        .and_then(|rest| rest.strip_prefix(": "))
        .unwrap_or(line)
}

fn facts(path: Option<&Path>) -> Option<PathFacts> {
    path.map(PathFacts::from)
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_false(value: &bool) -> bool {
    !value
}
