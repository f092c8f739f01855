//! What is told of the session: to the journal, to a person who looks elsewhere, and to whoever asks on the control socket.

use std::{env, net::IpAddr, time::Duration};

use netroam_platform::{Lookup, Path, desktop::Desktop};

use super::{Session, forwards::Outcome, run::LiveRun};
use crate::{
    alert::{Alerts, Need, Occasion},
    connect::Failure,
    control::{self, AddressFacts, LookFacts, RunFacts, Want},
    journal::{Journal, Judged, Note},
    record::{PathFacts, Stamp, State},
    report,
    ssh::{Ending, Forward},
    supervisor::{self, Answer, Connection, Exit, Look, Notice, Reason, RunId, Status},
};

/// Keeps account of one session.
#[derive(Debug)]
pub(super) struct Account {
    host: String,
    /// The session's name in the configuration.
    named: Option<String>,
    journal: Journal,
    alerts: Alerts,
    state: State,
    text: String,
    since: Stamp,
    /// Forwards that the present run is without.
    missing: Vec<Forward>,
    /// The words for the login of the present run, until it is attached.
    login: Option<String>,
    /// The path that the present state is about.
    path: Option<Path>,
    /// The path of the attached run, as it was noted last.
    noted: Option<PathFacts>,
    look: Option<LookFacts>,
    /// How long the session was away when it began to be attached again.
    outage: Option<Duration>,
    /// The state has changed.
    news: bool,
}

impl Account {
    pub(super) fn open(session: &Session) -> Self {
        let desktop = session
            .notify
            .then(|| Desktop::found(|name| env::var_os(name)));
        let name = session.named.as_deref().or(session.name());
        let journal = Journal::open(&session.state, &session.key, name);
        journal.note(&Note::began());
        Self {
            host: session.host.clone(),
            named: session.named.clone(),
            journal,
            alerts: Alerts::new(
                &session.host,
                session.name(),
                session.hooks.clone(),
                desktop.flatten(),
            )
            .named(session.named.as_deref()),
            state: State::Connecting,
            text: "connecting".into(),
            since: Stamp::now(),
            missing: Vec::new(),
            login: None,
            path: None,
            noted: None,
            look: None,
            outage: None,
            news: true,
        }
    }

    /// Whether the state has changed since this was asked last.
    pub(super) fn has_news(&mut self) -> bool {
        std::mem::take(&mut self.news)
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    pub(super) fn looked(&mut self, look: &Look) {
        self.look = Some(LookFacts::of(look, Stamp::now()));
    }

    pub(super) fn shown(&mut self, status: &Status) {
        self.journal.note(&Note::status(&self.host, status));
        let text = report::state_of(&self.host, self.named.as_deref(), status);
        if let Status::Attaching { outage, path } = status {
            self.outage = *outage;
            self.path.clone_from(path);
            self.login = Some(text.clone());
        }
        if let Some(occasion) = occasion(status, &text) {
            self.alerts.tell(occasion);
        }
        self.now(State::of(status), text);
    }

    pub(super) fn said(&self, notice: &Notice) {
        if let Some(note) = Note::notice(&self.host, notice) {
            self.journal.note(&note);
        }
    }

    /// `asks`: this ssh may ask a person.
    pub(super) fn started(&self, run: RunId, asks: bool) {
        self.journal
            .note(&Note::started(run, self.path.as_ref(), asks));
    }

    /// ssh dials by itself, and its connection will stand on this, by this look.
    pub(super) fn assumed(&mut self, look: &Look, connection: Option<&Connection>) {
        let answer = connection.and_then(|connection| look.paths.get(&connection.peer));
        if let (Some(_), None, Some(Lookup::Found(path))) = (&self.login, &self.path, answer) {
            self.path = Some(path.clone());
        }
    }

    pub(super) fn attached(&mut self, run: RunId) {
        let outage = self.outage.take();
        self.noted = self.path.as_ref().map(PathFacts::from);
        let note = Note::attached(run, self.path.as_ref(), outage);
        self.journal.note(&note);
        self.alerts.tell(Occasion::Attached { outage });
        self.login = None;
        self.as_ever();
    }

    pub(super) fn forward(&mut self, run: RunId, forward: &Forward, outcome: Outcome) {
        self.journal.note(&Note::forward(run, forward, outcome));
        self.missing.retain(|missing| missing != forward);
        if outcome != Outcome::Back {
            self.missing.push(forward.clone());
        }
        if self.state == State::Attached {
            self.as_ever();
        }
    }

    pub(super) fn verdict(&mut self, run: RunId, judged: Judged, reason: Option<&Reason>) {
        self.journal.note(&Note::verdict(run, judged, reason));
        if judged == Judged::Probe && self.login.is_none() {
            self.now(State::Doubtful, "asking the connection".into());
        }
    }

    /// `peer`: the other end of the run's connection, where netroam has made it.
    pub(super) fn answered(&mut self, run: RunId, answer: Answer, peer: Option<IpAddr>) {
        let moved = peer
            .filter(|_| answer == Answer::Alive && self.login.is_none())
            .and_then(|peer| self.led_to(peer))
            .filter(|path| self.noted.as_ref() != Some(path));
        if moved.is_some() {
            self.noted.clone_from(&moved);
        }
        self.journal.note(&Note::answered(run, answer, moved));
        if answer != Answer::Silent {
            self.as_ever();
        }
    }

    pub(super) fn ended(&mut self, run: RunId, ending: &Ending) {
        self.missing.clear();
        self.journal.note(&Note::ended(run, ending));
    }

    pub(super) fn slept(&self, time: Duration) {
        self.journal.note(&Note::slept(time));
    }

    pub(super) fn exited(&mut self, exit: &Exit) {
        self.journal.note(&Note::exited(&self.host, exit));
        let parked = self.state == State::TakenOver;
        self.now(State::Ended, report::ended(exit));
        if *exit == Exit::TakenOver && !parked {
            self.alerts.tell(Occasion::TakenOver);
        }
    }

    /// Lets what was told last be heard.
    pub(super) async fn close(self) {
        self.alerts.finish().await;
    }

    /// For whoever asks: the session, its live run, and when the next attempt comes by itself.
    pub(super) fn status(
        &self,
        session: &Session,
        live: Option<(RunId, &LiveRun)>,
        next: Option<Duration>,
    ) -> control::Status {
        let last_was_tunnel = session.learnt.last.as_ref().is_some_and(|last| last.tunnel);
        let path = match live.map(|(_, run)| run.peer()) {
            // A connection that outlives a move is on another path than it began with.
            Some(peer) => peer
                .and_then(|peer| self.led_to(peer))
                .or_else(|| self.path.as_ref().map(PathFacts::from)),
            None => self.seen().find_map(|seen| seen.path.clone()),
        };
        let run = live.map(|(id, run)| {
            let pid = run.pid.number().cast_unsigned();
            RunFacts::of(id.0, pid, path.clone(), run.health().as_ref())
        });
        control::Status {
            id: session.id(),
            host: session.key.clone(),
            session: session.name().map(str::to_owned),
            pid: std::process::id(),
            state: self.state,
            text: self.text.clone(),
            since: self.since,
            path,
            want: Want::of(&session.via, session.via_configured, last_was_tunnel),
            look: self.look.clone(),
            run,
            attach: session.attach_words(),
            next_ms: next.map(|next| u64::try_from(next.as_millis()).unwrap_or(u64::MAX)),
        }
    }

    fn seen(&self) -> impl Iterator<Item = &AddressFacts> {
        self.look.iter().flat_map(|look| &look.paths)
    }

    /// The path to this address, by the last look.
    fn led_to(&self, peer: IpAddr) -> Option<PathFacts> {
        self.seen()
            .filter(|seen| seen.address == peer)
            .find_map(|seen| seen.path.clone())
    }

    /// The run is as it was before it was doubted: attached, or about to be.
    fn as_ever(&mut self) {
        if let Some(login) = self.login.clone() {
            return self.now(State::LoggingIn, login);
        }
        let over = self
            .path
            .as_ref()
            .map_or_else(String::new, |path| format!(" via {path}"));
        let without: Vec<_> = self.missing.iter().map(Forward::to_string).collect();
        let without = if without.is_empty() {
            String::new()
        } else {
            format!(", but not yet {}", without.join(", "))
        };
        self.now(State::Attached, format!("attached{over}{without}"));
    }

    fn now(&mut self, state: State, text: String) {
        if self.state != state {
            self.since = Stamp::now();
        }
        self.news |= self.state != state || self.text != text;
        self.state = state;
        self.text = text;
    }
}

/// What is worth telling of a status: that only a person can bring the session back.
fn occasion(status: &Status, text: &str) -> Option<Occasion> {
    let need = match status {
        Status::Waiting { .. } => Need::Tunnel,
        Status::Retrying(Failure::NoSuchName(_)) => Need::Name,
        Status::Retrying(Failure::Closed(_) | Failure::Silent(_) | Failure::Foreign { .. }) => {
            Need::Portal
        }
        Status::Parked(supervisor::Need::Question(_)) => Need::Question,
        Status::Parked(supervisor::Need::ContextGone) => Need::Context,
        Status::Parked(supervisor::Need::TakenOver) => return Some(Occasion::TakenOver),
        Status::Retrying(
            Failure::Resolve(_)
            | Failure::Astray(_)
            | Failure::Unreachable(_)
            | Failure::TimedOut
            | Failure::Local(_)
            | Failure::Refused(_)
            | Failure::Busy { .. },
        )
        | Status::Attaching { .. }
        | Status::Dialling(_)
        | Status::NoPath(_)
        | Status::Holding(_)
        | Status::RetryingSsh(_)
        | Status::RetryingLogin { .. } => return None,
    };
    let text = text.to_owned();
    Some(Occasion::Waiting { need, text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        alert::Hooks,
        journal::{self, Event},
    };

    #[test]
    fn a_run_that_is_asked_while_it_logs_in_is_not_attached_by_its_answer() {
        let folder = tempfile::tempdir().unwrap();
        let mut account = Account {
            host: "gw1".into(),
            named: None,
            journal: Journal::open(folder.path(), "gw1", None),
            alerts: Alerts::new("gw1", None, Hooks::default(), None),
            state: State::Connecting,
            text: String::new(),
            since: Stamp::now(),
            missing: Vec::new(),
            login: None,
            path: None,
            noted: None,
            look: None,
            outage: None,
            news: false,
        };
        account.shown(&Status::Attaching {
            path: None,
            outage: None,
        });
        account.shown(&Status::Holding(Reason::PathBack));
        account.verdict(RunId(1), Judged::Probe, None);
        assert_eq!(account.state, State::Holding);
        account.answered(RunId(1), Answer::Alive, None);
        assert_eq!(account.state, State::LoggingIn);
        account.attached(RunId(1));
        account.verdict(RunId(1), Judged::Probe, None);
        assert_eq!(account.state, State::Doubtful);
        account.answered(RunId(1), Answer::Alive, None);
        assert_eq!(account.state, State::Attached);

        // The answer came over another path than the run began with: that is noted, once.
        let peer: IpAddr = "203.0.113.5".parse().unwrap();
        let moved = Path {
            index: 3,
            interface: "cafe0".into(),
            source: "10.0.0.7".parse().unwrap(),
            gateway: None,
            tunnel: false,
        };
        let looked = Look {
            paths: [(peer, Lookup::Found(moved.clone()))].into(),
            ..Look::default()
        };
        account.looked(&looked);
        for _ in 0..2 {
            account.answered(RunId(1), Answer::Alive, Some(peer));
        }
        let entries = journal::read(folder.path(), "gw1", 2).unwrap();
        let paths: Vec<_> = entries
            .into_iter()
            .map(|entry| {
                let Event::Answered { path, .. } = entry.event else {
                    panic!("{}", entry.text);
                };
                path
            })
            .collect();
        assert_eq!(paths, [Some(PathFacts::from(&moved)), None]);
    }
}
