//! One session of one netroam, from its first line in the journal to its last.

use std::collections::BTreeSet;

use super::{End, Outage, Phase, Span, shares};
use crate::{
    journal::{Entry, Event, Judged},
    record::{PathFacts, Stamp, State},
    report,
};

/// Takes the lines of one session of one netroam, and tells spans and outages.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) host: String,
    pub(super) session: Option<String>,
    pub(super) pid: u32,
    pub(super) began: Stamp,
    /// When it was heard last.
    pub(super) last: Stamp,
    pub(super) spans: Vec<Span>,
    pub(super) outages: Vec<Outage>,
    over: bool,
    /// What it is doing.
    present: Option<Span>,
    /// It has just been lost; what it does about that is said by the next line.
    unsettled: bool,
    /// The run that is attached.
    attached: Option<u64>,
    /// Runs that were told to end: what they still say counts no more.
    given_up: BTreeSet<u64>,
    /// Since when the attached run is cut or in doubt.
    trouble: Option<Stamp>,
    /// The path of the run that is or was attached.
    path: Option<PathFacts>,
    outage: Option<Open>,
}

/// An outage that is not over.
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that do not exclude each other"
)]
#[derive(Debug)]
struct Open {
    lost: Stamp,
    reason: Option<String>,
    text: String,
    from: Option<PathFacts>,
    in_doubt: bool,
    /// netroam has said that the session is lost.
    said: bool,
    /// ssh has a question that nobody has answered yet.
    asked: bool,
    /// Another client has the session: so far this is none.
    elsewhere: bool,
}

impl Life {
    pub(super) fn begin(entry: &Entry) -> Self {
        Self {
            host: entry.host.clone(),
            session: entry.session.clone(),
            pid: entry.pid,
            began: entry.at,
            last: entry.at,
            spans: Vec::new(),
            outages: Vec::new(),
            over: false,
            present: None,
            unsettled: false,
            attached: None,
            given_up: BTreeSet::new(),
            trouble: None,
            path: None,
            outage: None,
        }
    }

    /// It has ended with a word.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    pub(super) fn take(&mut self, entry: &Entry) {
        // A clock that was set back must not turn time around.
        let at = entry.at.max(self.last);
        self.last = at;
        self.host.clone_from(&entry.host);
        let text = &entry.text;
        match &entry.event {
            Event::Began => self.now(at, Phase::Connecting, text, None),
            Event::Status {
                state,
                path,
                person,
            } => self.status(at, *state, *person, text, path.as_ref()),
            Event::Started { path, asks, .. } => {
                // Who was waited for is there, and being asked.
                let asked = self.outage.as_ref().is_some_and(|outage| outage.asked);
                let phase = if *asks && asked {
                    Phase::Person
                } else {
                    Phase::Connecting
                };
                if self.attached.is_none() {
                    self.now(at, phase, text, path.as_ref());
                }
            }
            Event::Attached { run, path, .. } => {
                if !self.given_up.contains(run) {
                    self.close(at, End::Attached, None, path.as_ref());
                    self.attached = Some(*run);
                    self.trouble = None;
                    self.path.clone_from(path);
                    self.now(at, Phase::Attached, text, path.as_ref());
                }
            }
            Event::Verdict {
                run,
                verdict,
                reason,
                ..
            } => self.verdict(at, *run, *verdict, reason.as_deref(), text),
            Event::Answered { run, alive, path } => {
                if self.attached == Some(*run) && *alive != Some(false) {
                    self.trouble = None;
                    if path.is_some() {
                        self.path.clone_from(path);
                    }
                    let path = self.path.clone();
                    self.now(at, Phase::Attached, text, path.as_ref());
                }
            }
            Event::Lost {
                reason,
                why,
                from,
                in_doubt,
                ..
            } => {
                self.lose(at);
                let before = from.clone();
                let outage = self.outage.get_or_insert_with(|| Open::new(at, None));
                if !outage.said {
                    outage.said = true;
                    outage.reason = Some(reason.clone());
                    outage.text.clone_from(why.as_ref().unwrap_or(text));
                    outage.from = outage.from.take().or(before);
                    outage.in_doubt = *in_doubt;
                }
                if self.present.is_none() {
                    self.lost(at, text);
                }
            }
            Event::Ended { run, .. } => {
                if self.attached == Some(*run) {
                    self.lose(at);
                    self.lost(at, text);
                }
            }
            Event::Exited { exit } => self.exited(at, exit),
            Event::Forward { .. } | Event::Slept { .. } => {}
        }
    }

    fn status(
        &mut self,
        at: Stamp,
        state: State,
        person: bool,
        text: &str,
        path: Option<&PathFacts>,
    ) {
        let phase = match state {
            _ if person => Phase::Person,
            State::Connecting | State::LoggingIn => Phase::Connecting,
            State::Attached => Phase::Attached,
            State::Doubtful => Phase::Doubtful,
            State::NoPath | State::NoName => Phase::Network,
            State::NoTunnel | State::NeedsPerson | State::TakenOver | State::ContextGone => {
                Phase::Person
            }
            State::Holding => Phase::Holding,
            State::Retrying => Phase::Retrying,
            State::Ended | State::Unknown => Phase::Unknown,
        };
        match phase {
            Phase::Holding | Phase::Doubtful if self.attached.is_some() => {
                self.trouble.get_or_insert(at);
            }
            Phase::Attached | Phase::Unknown | Phase::Holding | Phase::Doubtful => {}
            // The line of the loss is missing.
            Phase::Connecting | Phase::Retrying | Phase::Network | Phase::Person => self.lose(at),
        }
        if let Some(outage) = &mut self.outage {
            outage.asked |= state == State::NeedsPerson;
            outage.elsewhere |= state == State::TakenOver;
        }
        self.now(at, phase, text, path);
    }

    fn verdict(&mut self, at: Stamp, run: u64, verdict: Judged, reason: Option<&str>, text: &str) {
        let attached = self.attached == Some(run);
        match verdict {
            Judged::End | Judged::Silence => {
                self.given_up.insert(run);
                if attached {
                    self.lose(at);
                    if let Some(outage) = &mut self.outage {
                        outage.reason = reason.map(str::to_owned);
                        report::history::reason_of_verdict(text).clone_into(&mut outage.text);
                    }
                    self.lost(at, text);
                }
            }
            Judged::Hold | Judged::Probe if attached => {
                self.trouble.get_or_insert(at);
                let held = self
                    .present
                    .as_ref()
                    .is_some_and(|span| span.state == Phase::Holding);
                if verdict == Judged::Probe {
                    self.now(at, Phase::Doubtful, text, None);
                } else if !held {
                    self.now(at, Phase::Holding, text, None);
                }
            }
            Judged::Hold | Judged::Probe => {}
        }
    }

    /// The attached run is none any more. Nothing if there is none.
    fn lose(&mut self, at: Stamp) {
        if self.attached.take().is_some() {
            let since = self.trouble.take().unwrap_or(at);
            let before = self.path.take();
            self.outage = Some(Open::new(since, before));
        }
    }

    fn exited(&mut self, at: Stamp, exit: &str) {
        let end = if exit == "gave-up" {
            End::GaveUp
        } else {
            End::Ended
        };
        // A remote command that has ended, and `~.`, are no outage, whatever was decided in the same moment.
        let lost = ["gave-up", "signal", "command-lost"].contains(&exit);
        if self.outage.as_ref().is_some_and(|outage| outage.said) || lost {
            self.close(at, end, Some(exit), None);
        }
        self.outage = None;
        self.end_present(at);
        self.over = true;
    }

    /// Nothing more is known: it lasts until now where its netroam lives, and else until it was heard last.
    pub(super) fn finish(&mut self, now: Option<Stamp>) {
        let at = now.unwrap_or(self.last).max(self.last);
        if self.over {
            return;
        }
        let end = if now.is_some() {
            End::Lasts
        } else {
            End::Unknown
        };
        self.close(at, end, None, None);
        self.end_present(at);
    }

    fn close(&mut self, at: Stamp, end: End, exit: Option<&str>, to: Option<&PathFacts>) {
        let Some(open) = self.outage.take() else {
            return;
        };
        if open.elsewhere && !open.said {
            return;
        }
        let present = self.present.as_ref().map(|span| Span {
            to: at,
            ..span.clone()
        });
        let part = |span: &&Span| span.to > open.lost;
        let within: Vec<Span> = self
            .spans
            .iter()
            .chain(&present)
            .filter(part)
            .cloned()
            .collect();
        for span in self.spans.iter_mut().chain(&mut self.present) {
            if span.to > open.lost || span.from >= open.lost {
                span.lost = Some(open.text.clone());
            }
        }
        let shares = shares::of(&within, open.lost, at);
        self.outages.push(Outage {
            host: self.host.clone(),
            session: self.session.clone(),
            pid: self.pid,
            lost: open.lost,
            until: (end != End::Lasts).then_some(at),
            lasted: at.since(open.lost),
            end,
            exit: exit.map(str::to_owned),
            reason: open.reason,
            text: open.text,
            from: open.from,
            to: to.cloned(),
            network: shares.network,
            person: shares.person,
            host_silent: shares.host,
            netroam: shares.netroam,
            in_doubt: open.in_doubt,
        });
    }

    /// It connects from now on, unless the next line says what it waits for.
    fn lost(&mut self, at: Stamp, text: &str) {
        self.now(at, Phase::Connecting, text, None);
        self.unsettled = true;
    }

    /// It does this from now on.
    fn now(&mut self, at: Stamp, state: Phase, text: &str, path: Option<&PathFacts>) {
        let unsettled = std::mem::take(&mut self.unsettled) && state != Phase::Attached;
        if let Some(present) = &mut self.present
            && (present.state == state || unsettled)
        {
            present.state = state;
            text.clone_into(&mut present.text);
            if path.is_some() {
                present.path = path.cloned();
            }
            return;
        }
        self.end_present(at);
        self.present = Some(Span {
            from: at,
            to: at,
            state,
            pid: self.pid,
            text: text.to_owned(),
            path: path.cloned(),
            lost: None,
        });
    }

    fn end_present(&mut self, at: Stamp) {
        let Some(mut span) = self.present.take().filter(|span| span.from < at) else {
            return;
        };
        span.to = at;
        match self.spans.last_mut() {
            // What was between them took no time.
            Some(last) if last.state == span.state && last.to == span.from => {
                span.from = last.from;
                span.lost = span.lost.or_else(|| last.lost.take());
                *last = span;
            }
            Some(_) | None => self.spans.push(span),
        }
    }
}

impl Open {
    fn new(lost: Stamp, from: Option<PathFacts>) -> Self {
        Self {
            lost,
            reason: None,
            text: report::history::NO_REASON.into(),
            from,
            in_doubt: false,
            said: false,
            asked: false,
            elsewhere: false,
        }
    }
}
