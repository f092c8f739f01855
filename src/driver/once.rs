//! Dialling once, for an ssh that somebody else started: by the supervisor's own decisions, up to the connection.
//!
//! What answers, even in the wrong way, is an answer and ends it. What is not there is waited for, by events: a path, the tunnel that is
//! wanted, the name that only the tunnel's network knows.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context as _, Result};
use netroam_platform::{Source, clock};
use tokio::{select, sync::mpsc, task::AbortHandle};

use super::{Message, act::report_to, hub::Outlook, sight::Sight, until};
use crate::{
    connect::{self, Dialled, Failure, Progress, Resolver, Target},
    learnt::{LastRun, Learnt},
    supervisor::{
        Action, Again, AttemptId, Connection, Dialler, Input, Look, Settings, Status, Supervisor,
        Via, Wanted,
    },
};

/// What is to be dialled.
#[derive(Debug)]
pub struct Once {
    /// Where to.
    pub target: Target,
    /// Who says that the network changed.
    pub events: Source,
    /// Over what.
    pub via: Via,
    /// What is known of the host from earlier.
    pub learnt: Learnt,
}

/// Dials until there is a connection to an ssh server, or an answer that is none; `say` is told what it waits for. It never gives up
/// waiting: drop the future to end it.
///
/// # Errors
/// Where netroam itself cannot work: no event source.
pub async fn dial(
    once: Once,
    say: impl FnMut(&Status),
) -> Result<Result<(Dialled, Wanted), Failure>> {
    let last = once.learnt.last.as_ref().map(LastRun::path);
    let wanted = once
        .via
        .wanted(last.as_ref().is_some_and(|last| last.tunnel));
    let (messages, mut inbox) = mpsc::unbounded_channel();
    let mut dialling = Dialling {
        sight: Sight::new(
            Outlook::open(once.events)
                .context("cannot subscribe to the system's network events")?,
            &once.learnt.addresses,
            once.target.bind_address,
            once.target.bind_interface.clone(),
        ),
        supervisor: Supervisor::new(Settings {
            dialler: Dialler::Ours,
            hop_known: false,
            again: Again::Never,
            attended: false,
            askable: false,
            may_silence: false,
            via: once.via,
            last,
            seed: fastrand::u64(..),
        }),
        target: once.target,
        wanted,
        online: false,
        resolver: Arc::new(Resolver::system()),
        attempts: BTreeMap::new(),
        sockets: BTreeMap::new(),
        messages,
        say,
    };
    loop {
        // What is overdue when the machine is awake for its user again is done then.
        let deadline = dialling.supervisor.poll_timeout();
        let deadline = deadline.filter(|_| !dialling.sight.in_the_dark());
        select! {
            biased;
            Some(message) = inbox.recv() => {
                if let Some(failure) = dialling.received(message).await {
                    return Ok(Err(failure));
                }
            }
            changed = dialling.sight.changed() => {
                if changed.slept.is_some() {
                    dialling.tell(Input::Woke);
                }
                dialling.look().await;
                if changed.names {
                    dialling.tell(Input::NamesChanged);
                }
            }
            () = until(deadline) => {
                // It may have become dark since the deadline was set.
                if !dialling.sight.in_the_dark() {
                    dialling.supervisor.handle_timeout(clock::now());
                }
            }
        }
        if let Some(dialled) = dialling.carry_out() {
            return Ok(Ok((dialled, dialling.wanted.clone())));
        }
    }
}

struct Dialling<S> {
    sight: Sight,
    supervisor: Supervisor,
    target: Target,
    wanted: Wanted,
    /// Any network might be reached at all, by the last look.
    online: bool,
    resolver: Arc<Resolver>,
    attempts: BTreeMap<AttemptId, AbortHandle>,
    sockets: BTreeMap<AttemptId, Dialled>,
    messages: mpsc::UnboundedSender<Message>,
    say: S,
}

impl<S: FnMut(&Status)> Dialling<S> {
    fn tell(&mut self, input: Input) {
        tracing::debug!(?input, "fact");
        self.supervisor.handle(clock::now(), input);
    }

    async fn look(&mut self) {
        let look: Look = self.sight.look().await;
        self.online = look.snapshot.online();
        self.tell(Input::Looked(look));
    }

    /// The answer that ends it, if this is one.
    async fn received(&mut self, message: Message) -> Option<Failure> {
        match message {
            Message::Progress(attempt, Progress::Reached) => self.tell(Input::Reached(attempt)),
            Message::Progress(_, Progress::Resolved(addresses)) => {
                if self.sight.learn(addresses) {
                    self.look().await;
                }
            }
            Message::Dialled(attempt, result) => {
                self.attempts.remove(&attempt)?;
                match result {
                    Ok(dialled) => self.connected(attempt, dialled).await,
                    Err(failure) => {
                        tracing::info!(attempt = attempt.0, %failure, "not connected");
                        if self.is_an_answer(&failure) {
                            return Some(failure);
                        }
                        self.tell(Input::NotConnected { attempt, failure });
                    }
                }
            }
            Message::FirstHop(..)
            | Message::Probed(..)
            | Message::Greeted(_)
            | Message::KeyExchanged(_)
            | Message::Authenticated(_)
            | Message::Chain(..)
            | Message::ForwardGranted(_)
            | Message::Beside(_)
            | Message::Mute(..)
            | Message::Admitted(_)
            | Message::Forward(..)
            | Message::Said(_)
            | Message::Over(..) => unreachable!("these are about a run"),
        }
        None
    }

    async fn connected(&mut self, attempt: AttemptId, dialled: Dialled) {
        tracing::info!(attempt = attempt.0, peer = %dialled.peer, local = %dialled.local, banner = dialled.banner, "connected");
        if self.sight.learn_good(dialled.peer.ip()) {
            self.look().await;
        }
        let connection = Connection {
            local: dialled.local.ip(),
            peer: dialled.peer.ip(),
        };
        self.sockets.insert(attempt, dialled);
        self.tell(Input::Connected {
            attempt,
            connection,
        });
    }

    /// Whether nothing that could be waited for would change it.
    fn is_an_answer(&self, failure: &Failure) -> bool {
        match failure {
            Failure::Refused(_)
            | Failure::Closed(_)
            | Failure::Silent(_)
            | Failure::Foreign { .. }
            | Failure::Busy { .. }
            | Failure::Local(_) => true,
            // A tunnel's own names come with the tunnel, a moment later. Everywhere else it is misspelt.
            Failure::NoSuchName(_) => self.wanted == Wanted::Anything && self.online,
            Failure::Resolve(_)
            | Failure::Astray(_)
            | Failure::Unreachable(_)
            | Failure::TimedOut => false,
        }
    }

    /// Carries out what the supervisor wants; the connection, when it wants ssh to be started over one.
    fn carry_out(&mut self) -> Option<Dialled> {
        while let Some(action) = self.supervisor.poll_action() {
            tracing::debug!(?action, "action");
            match action {
                Action::Dial { attempt, over, .. } => self.dial(attempt, over),
                Action::Discard(attempt) => {
                    if let Some(task) = self.attempts.remove(&attempt) {
                        task.abort();
                    }
                    self.sockets.remove(&attempt);
                }
                Action::Show(status) => {
                    tracing::info!(?status, "status");
                    (self.say)(&status);
                }
                Action::Start { over, .. } => {
                    if let Some(dialled) = over.and_then(|attempt| self.sockets.remove(&attempt)) {
                        return Some(dialled);
                    }
                }
                Action::FindFirstHop
                | Action::End { .. }
                | Action::Silence { .. }
                | Action::Hold(_)
                | Action::Kill(_)
                | Action::Probe { .. }
                | Action::Learn { .. }
                | Action::Say(_)
                | Action::Finish(_) => unreachable!("there is no run, and nobody to ask"),
            }
        }
        None
    }

    fn dial(&mut self, attempt: AttemptId, over: Wanted) {
        let (target, known) = (self.target.clone(), self.sight.good());
        let gate = self.sight.gate(over);
        let (resolver, messages) = (Arc::clone(&self.resolver), self.messages.clone());
        let task = tokio::spawn(async move {
            let observe = |progress| report_to(&messages, Message::Progress(attempt, progress));
            let admit = |address| gate.clone().admits(address);
            let result = connect::dial(&target, &known, &resolver, admit, observe).await;
            report_to(&messages, Message::Dialled(attempt, result));
        });
        self.attempts.insert(attempt, task.abort_handle());
    }
}

impl<S> Drop for Dialling<S> {
    fn drop(&mut self) {
        for task in self.attempts.values() {
            task.abort();
        }
    }
}
