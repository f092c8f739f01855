//! Carrying actions out.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use netroam_platform::{Path, clock};
use tokio::sync::mpsc;

use super::{
    Driver, GRACE, Heard, Message, checked,
    run::LiveRun,
    signals::{Arrived, Signals},
};
use crate::{
    connect,
    journal::Judged,
    learnt::{LastRun, Learnt, Store},
    report,
    ssh::Ending,
    supervisor::{
        Action, Answer, AttemptId, Dialler, Input, Purpose, Reason, RunId, Segments, Wanted,
    },
    terminal::Reset,
};

/// The largest segment where large packets were swallowed, in bytes: what the least MTU that IPv6 allows (1280, RFC 8200 section 5) leaves
/// inside one more tunnel (80 by `WireGuard` over IPv6) for the data of a packet with its headers (40 and 60).
const SMALL: u32 = 1100;

impl Driver {
    /// Carries out everything that the supervisor wants, until it wants nothing, or has to wait for a run to stop.
    pub(super) fn carry_out(&mut self) {
        while self.exit.is_none() && !self.runs.values().any(LiveRun::stopping) {
            let Some(action) = self.supervisor.poll_action() else {
                return self.refresh();
            };
            tracing::debug!(?action, "action");
            self.act(action);
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Dial {
                attempt,
                over,
                segments,
            } => self.dial(attempt, over, segments),
            Action::FindFirstHop => self.find_first_hop(None),
            Action::Discard(attempt) => self.discard(attempt),
            Action::Start {
                run,
                over,
                questions,
                purpose,
            } => self.start(run, over, questions, purpose),
            Action::End { run, reason } => self.end(run, &reason),
            Action::Silence { run, reason } => self.silence(run, &reason),
            Action::Hold(run) => {
                self.account.verdict(run, Judged::Hold, None);
                self.stop_probing();
                self.with(run, LiveRun::hold);
            }
            Action::Kill(run) => {
                if let Some(run) = self.runs.get_mut(&run) {
                    run.kill();
                }
            }
            Action::Probe {
                run,
                sign,
                patience,
            } => self.probe(run, sign, patience),
            Action::Learn { path, peer } => self.learn(path, peer),
            Action::Show(status) => {
                tracing::info!(?status, "status");
                self.account.shown(&status);
                self.let_hear(Heard::Status(&status));
                self.shown = Some(status);
            }
            Action::Say(notice) => {
                self.account.said(&notice);
                self.let_hear(Heard::Said(&notice));
                let line = report::notice(self.session.label(), &notice);
                tracing::info!("{line}");
                if !self.quiet() {
                    self.say(format!("netroam: {line}"));
                }
            }
            Action::Finish(exit) => self.exit = Some(exit),
        }
    }

    fn with(&mut self, run: RunId, what: impl FnOnce(&LiveRun)) {
        if let Some(run) = self.runs.get(&run) {
            what(run);
        }
    }

    fn dial(&mut self, attempt: AttemptId, over: Wanted, segments: Segments) {
        let (mut target, known) = (self.session.target.clone(), self.sight.good());
        if segments == Segments::Small {
            target.max_segment = Some(SMALL);
        }
        let gate = self.sight.gate(over);
        let (resolver, messages) = (Arc::clone(&self.resolver), self.messages.clone());
        let queue = self.take_turn();
        if queue.is_some() {
            self.wait_for(attempt);
        }
        let task = tokio::spawn(async move {
            if let Some(queue) = queue {
                report_to(&messages, Message::Admitted(queue.wait().await));
            }
            let observe = |progress| report_to(&messages, Message::Progress(attempt, progress));
            let admit = |address| gate.clone().admits(address);
            let result = connect::dial(&target, &known, &resolver, admit, observe).await;
            report_to(&messages, Message::Dialled(attempt, result));
        });
        self.attempts.insert(attempt, task.abort_handle());
    }

    fn discard(&mut self, attempt: AttemptId) {
        if let Some(task) = self.attempts.remove(&attempt) {
            task.abort();
        }
        self.sockets.remove(&attempt);
    }

    pub(super) fn start(
        &mut self,
        id: RunId,
        over: Option<AttemptId>,
        questions: bool,
        purpose: Purpose,
    ) {
        if over.is_none()
            && let Some(queue) = self.take_turn()
        {
            return self.postpone(queue, id, questions, purpose);
        }
        let socket = over.and_then(|attempt| self.sockets.remove(&attempt));
        if over.is_some() && socket.is_none() {
            return self.tell(Input::Ended {
                run: id,
                ending: Ending::Unreachable {
                    why: "the connection was closed before ssh took it".into(),
                },
                unacknowledged: false,
            });
        }
        self.keys = None;
        if questions {
            self.clear_status();
            self.shown = None;
        }
        if let Some(terminal) = &self.terminal {
            checked(
                "lend the terminal",
                terminal
                    .restore(Reset::TermiosOnly)
                    .and_then(|()| terminal.lend()),
            );
        }
        let attach = self.session.attach_command(purpose);
        let again = purpose != Purpose::Open;
        let (late, note) = self.keep_forwards(again);
        let plan = super::run::Plan {
            id,
            socket: socket.map(|dialled| dialled.socket),
            unattended: !questions,
            attach,
            again,
            terminal: self.terminal.is_some(),
            heard: self.waiting.is_some(),
            chained: self.is_chained(),
            late,
            note,
            beside: self.beside,
        };
        match LiveRun::start(&self.session, &self.dir, plan, &self.messages) {
            Ok(run) => {
                tracing::info!(
                    run = id.0,
                    pid = run.pid.number(),
                    ?purpose,
                    questions,
                    "started ssh"
                );
                self.account.started(id, questions);
                self.let_hear(Heard::Started {
                    run: id,
                    pid: run.pid.number(),
                });
                if let Some(turn) = &mut self.turn {
                    turn.login(id);
                }
                self.runs.insert(id, run);
                self.find_first_hops();
            }
            Err(error) => {
                let why = format!("cannot start ssh: {error:#}");
                tracing::error!("{why}");
                // The first time it is a matter of how things are set up, later one of the moment: no descriptor, no memory.
                let ending = if id.0 == 1 {
                    let line = format!("netroam: {}: {why}", self.session.label());
                    checked("write a line", self.status.line(&line));
                    Ending::Unusable { line: why }
                } else {
                    Ending::Unreachable { why }
                };
                self.tell(Input::Ended {
                    run: id,
                    ending,
                    unacknowledged: false,
                });
            }
        }
    }

    /// Looks for what the connections of ssh's own making stand on, as far as that is not known: perhaps the name did not resolve before.
    pub(super) fn find_first_hops(&mut self) {
        let unplaced = self.runs.iter().filter(|(_, run)| !run.placed);
        for run in unplaced.map(|(run, _)| *run).collect::<Vec<_>>() {
            self.find_first_hop(Some(run));
        }
    }

    /// Asks for the addresses of the first hop that this run of ssh, or the next one, dials by itself.
    fn find_first_hop(&mut self, run: Option<RunId>) {
        let (Dialler::Ssh, Some(hop)) = (self.session.dialler, &self.session.first_hop) else {
            return;
        };
        let (hop, target) = (hop.clone(), self.session.target.clone());
        let (resolver, messages) = (Arc::clone(&self.resolver), self.messages.clone());
        let finding = tokio::spawn(async move {
            match resolver.addresses(&hop.host, hop.port).await {
                Ok(addresses) => {
                    let wanted = addresses.iter().filter(|address| target.admits(address));
                    let wanted = wanted.map(SocketAddr::ip).collect();
                    report_to(&messages, Message::FirstHop(run, wanted));
                }
                Err(error) => tracing::warn!(hop.host, error, "the first hop does not resolve"),
            }
        });
        // One question for each is enough, however fast the network changes.
        if let Some(earlier) = self.finding.insert(run, finding.abort_handle()) {
            earlier.abort();
        }
    }

    fn end(&mut self, id: RunId, reason: &Reason) {
        if let Some(run) = self.runs.get_mut(&id) {
            tracing::info!(run = id.0, ?reason, "ending ssh");
            self.account.verdict(id, Judged::End, Some(reason));
            run.end(clock::now() + GRACE);
        } else {
            self.forget_postponed(id);
        }
    }

    fn silence(&mut self, id: RunId, reason: &Reason) {
        if let Some(run) = self.runs.get_mut(&id) {
            tracing::info!(run = id.0, ?reason, "silencing ssh");
            self.account.verdict(id, Judged::Silence, Some(reason));
            run.silence();
            let unacknowledged = run.undelivered;
            self.take_terminal(false);
            self.tell(Input::Silenced {
                run: id,
                unacknowledged,
            });
        }
    }

    fn probe(&mut self, id: RunId, sign: connect::Sign, patience: Option<Duration>) {
        self.stop_probing();
        self.account.verdict(id, Judged::Probe, None);
        let Some(socket) = self.runs.get(&id).and_then(LiveRun::duplicate) else {
            let answer = Answer::Unaskable;
            self.account.answered(id, answer, None);
            return self.tell(Input::Probed { run: id, answer });
        };
        self.probes += 1;
        let (number, messages) = (self.probes, self.messages.clone());
        let task = tokio::spawn(async move {
            let answer = match connect::probe(&socket, sign, patience).await {
                connect::Answer::Alive => Answer::Alive,
                connect::Answer::Silent => Answer::Silent,
                connect::Answer::Untold => Answer::Unaskable,
                connect::Answer::Gone(error) if error.kind() == io::ErrorKind::Unsupported => {
                    Answer::Unaskable
                }
                connect::Answer::Gone(error) => {
                    tracing::info!(%error, "the connection is gone");
                    Answer::Silent
                }
            };
            report_to(&messages, Message::Probed(number, id, answer));
        });
        self.probe = Some((number, task.abort_handle()));
    }

    fn stop_probing(&mut self) {
        if let Some((_, task)) = self.probe.take() {
            task.abort();
        }
    }

    /// Writes down what the next netroam is to know.
    fn learn(&mut self, path: Path, peer: IpAddr) {
        self.sight.learn_good(peer);
        let learnt = Learnt {
            addresses: self.sight.good(),
            last: Some(LastRun {
                interface: path.interface,
                source: path.source,
                gateway: path.gateway,
                tunnel: path.tunnel,
                at: clock::wall(),
            }),
        };
        let store = Store::new(&self.session.state);
        if let Err(error) = store.write(&self.session.key, &learnt) {
            let error = format!("{error:#}");
            tracing::warn!(error, "cannot keep what was learnt of the host");
        }
        self.session.learnt = learnt;
    }

    /// Leaves nothing behind: every run ended and reaped, the terminal given back.
    pub(super) async fn leave(
        &mut self,
        signals: &mut Signals,
        inbox: &mut mpsc::UnboundedReceiver<Message>,
    ) {
        self.keys = None;
        self.clear_status();
        self.stop_probing();
        for task in self.attempts.values() {
            task.abort();
        }
        self.attempts.clear();
        self.sockets.clear();
        self.turn = None;
        let deadline = clock::now() + GRACE;
        for run in self.runs.values_mut() {
            if run.silenced {
                run.kill();
            } else {
                run.end(deadline);
            }
        }
        while !self.runs.is_empty() {
            tokio::select! {
                arrived = signals.next() => if matches!(arrived, Arrived::ChildChanged) { self.reap() },
                Some(message) = inbox.recv() => match message {
                    Message::Over(run, _) => {
                        if let Some(over) = self.runs.remove(&run) {
                            self.end_chain(over.chain);
                        }
                        self.take_terminal(false);
                    }
                    Message::Said(bytes) => self.said(&bytes),
                    Message::Progress(..) | Message::Dialled(..) | Message::FirstHop(..) | Message::Probed(..) | Message::Greeted(_) | Message::KeyExchanged(_) | Message::Authenticated(_) | Message::Chain(..) | Message::ForwardGranted(_) | Message::Beside(_) | Message::Mute(..) | Message::Forward(..) | Message::Admitted(_) => {}
                },
                () = super::until(Some(deadline)), if self.runs.values().any(|run| run.kill_at.is_some()) => {
                    for run in self.runs.values_mut() {
                        run.kill_if_due(clock::now());
                    }
                }
            }
        }
        if let Some(terminal) = &self.terminal {
            checked("restore the terminal", terminal.restore(Reset::TermiosOnly));
        }
        for ending in self.chains.drain(..) {
            if let Err(error) = ending.await {
                tracing::warn!(%error, "cannot end what ssh has started");
            }
        }
    }
}

/// Tells the loop; it is gone only when netroam ends, and then nobody needs to know.
pub(super) fn report_to(messages: &mpsc::UnboundedSender<Message>, message: Message) {
    if messages.send(message).is_err() {
        tracing::debug!("a task reported after the end");
    }
}
