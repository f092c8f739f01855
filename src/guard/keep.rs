//! The loop of `netroam guard`.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result};
use netroam_platform::{
    Event, Events, Network, Query, Source, clock,
    others::{Identity, Watch},
};
use tokio::{
    select,
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    time::{sleep, timeout},
};

use super::{
    Found, Ssh,
    held::{Held, Next, PATIENCE},
    intake::{Handed, Intake},
};
use crate::{
    connect::{self, Sign},
    report,
    supervisor::{Look, Reason, Verdict},
};

/// A burst of events is looked at when nothing has come for this long: a half-made move is no reason to end anything.
const QUIET: Duration = Duration::from_millis(100);

/// Or after this long, whether it is over or not.
const LONGEST: Duration = Duration::from_millis(500);

/// A number for each connection that was handed over.
type Id = u64;

/// What its tasks report.
#[derive(Clone, Copy)]
enum Message {
    /// The ssh that had the connection is gone.
    Gone(Id),
    /// The answer to the question of this number.
    Answered(Id, u64, bool),
}

struct Guard {
    network: Network,
    found: Found,
    /// Those that were told to end and are still there: one that is stopped ends when it goes on.
    told: BTreeSet<Identity>,
    held: BTreeMap<Id, Held>,
    /// How many are held, for who lets further ones in.
    count: Arc<AtomicUsize>,
    look: Look,
    /// The last number that was given to a connection or a question.
    number: u64,
    messages: mpsc::UnboundedSender<Message>,
}

/// Guards the connections of the user's ssh processes, as `source` tells of changes, until it is told to end by `SIGTERM` or `SIGINT`. Nothing runs while the network is as it
/// is and no connection is in doubt.
///
/// # Errors
/// Where it cannot work: no event source, no socket in `directory`, which is the user's alone and where no other guard listens.
pub async fn keep(directory: &Path, source: Source) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for signals")?;
    let (network, mut events) =
        Network::by(source).context("cannot subscribe to the system's network events")?;
    let count = Arc::new(AtomicUsize::new(0));
    let mut intake =
        Intake::listen(directory, Arc::clone(&count)).context("cannot listen for netroam dial")?;
    let (messages, mut inbox) = mpsc::unbounded_channel();
    let mut guard = Guard {
        network,
        found: Found::default(),
        told: BTreeSet::new(),
        held: BTreeMap::new(),
        count,
        look: Look::default(),
        number: 0,
        messages,
    };
    report::line("guarding the connections of ssh");
    loop {
        let due = guard.found.next_look(clock::now());
        select! {
            biased;
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            Some(message) = inbox.recv() => guard.received(message),
            handed = intake.next() => guard.take(handed).await,
            event = events.next() => {
                let slept = burst(event, &mut events).await;
                guard.look(slept).await;
            }
            () = after(due) => guard.look(None).await,
        }
        guard.count.store(guard.held.len(), Ordering::Relaxed);
    }
    tracing::info!("guard ends");
    Ok(())
}

/// Waits for the end of a burst of events; says how long the machine slept, if one of them was that.
async fn burst(first: Event, events: &mut Events) -> Option<Duration> {
    let begun = clock::now();
    let mut slept = None;
    let mut event = Some(first);
    while let Some(one) = event {
        tracing::debug!(event = ?one, "event");
        if let Event::Woke(time) = one {
            slept = Some(time);
        }
        let left = LONGEST.saturating_sub(clock::now().since(begun));
        event = timeout(QUIET.min(left), events.next()).await.ok();
    }
    slept
}

async fn after(due: Option<Duration>) {
    match due {
        Some(due) => sleep(due).await,
        None => std::future::pending().await,
    }
}

impl Guard {
    /// Looks at everything, and ends what is dead.
    async fn look(&mut self, slept: Option<Duration>) {
        let all = self.others();
        let mut peers = Found::peers(&all);
        peers.extend(self.held.values().map(|held| held.peer.ip()));
        if !self.look_at(&peers).await {
            return;
        }
        let now = clock::now();
        if slept.is_some() {
            self.found.slept(now, &all);
        }
        let verdicts = self.found.judge(now, &all, &self.look);
        for (ssh, verdict) in all.iter().zip(verdicts) {
            tracing::debug!(pid = ssh.pid(), ?verdict, "found");
            if let Verdict::Dead(reason) = verdict
                && end(ssh, &reason)
            {
                self.told.insert(ssh.identity());
            }
        }
        let ids: Vec<Id> = self.held.keys().copied().collect();
        for id in ids {
            if let Some(held) = self.held.get_mut(&id) {
                let next = held.judge(&self.look, slept.is_some());
                self.follow(id, next);
            }
        }
    }

    /// The ssh processes of which nothing is held, and which have not been told to end.
    fn others(&mut self) -> Vec<Ssh> {
        let mut all = Ssh::all().unwrap_or_else(|error| {
            tracing::warn!(%error, "cannot look for ssh");
            Vec::new()
        });
        self.told
            .retain(|told| all.iter().any(|ssh| ssh.identity() == *told));
        all.retain(|ssh| {
            let mut held = self.held.values();
            !self.told.contains(&ssh.identity())
                && !held.any(|held| held.offer.ssh == ssh.pid() || ssh.has(held.local, held.peer))
        });
        all
    }

    /// Takes a look at the paths to these; false if the kernel could not be asked, and nothing is known.
    async fn look_at(&mut self, peers: &[IpAddr]) -> bool {
        let queries: Vec<Query> = peers.iter().copied().map(Query::to).collect();
        match self.network.look(&queries).await {
            Ok(look) => {
                self.look = Look {
                    snapshot: look.snapshot,
                    paths: peers.iter().copied().zip(look.paths).collect(),
                };
                true
            }
            Err(error) => {
                tracing::warn!(%error, "cannot look at the network");
                false
            }
        }
    }

    /// Takes a connection that was handed over.
    async fn take(&mut self, handed: Handed) {
        let held = match Held::take(handed) {
            Ok(held) => held,
            Err(error) => return tracing::warn!(%error, "a connection was not taken"),
        };
        tracing::info!(host = held.offer.host, ssh = held.offer.ssh, local = %held.local, peer = %held.peer, "holds a connection");
        self.number += 1;
        let (id, ssh) = (self.number, held.offer.ssh);
        self.held.insert(id, held);
        self.watch(id, ssh);
        self.look(None).await;
    }

    /// Waits for the end of the process that has the connection, or lets go of the connection if there is none.
    fn watch(&mut self, id: Id, pid: i32) {
        let watch = match Watch::over(pid) {
            Ok(Some(watch)) => watch,
            Ok(None) => return self.received(Message::Gone(id)),
            Err(error) => {
                tracing::warn!(pid, %error, "cannot watch ssh, its connection is let go");
                self.held.remove(&id);
                return;
            }
        };
        let messages = self.messages.clone();
        let task = tokio::spawn(async move {
            if let Err(error) = watch.ended().await {
                tracing::warn!(%error, "cannot watch ssh any more");
            }
            tell(&messages, Message::Gone(id));
        });
        if let Some(held) = self.held.get_mut(&id) {
            held.watch = Some(task.abort_handle());
        }
    }

    fn received(&mut self, message: Message) {
        match message {
            Message::Gone(id) => self.gone(id),
            Message::Answered(id, number, alive) => {
                tracing::info!(id, alive, "asked a connection");
                if let Some(held) = self.held.get_mut(&id)
                    && let Some(next) = held.answered(number, alive, &self.look)
                {
                    self.follow(id, next);
                }
            }
        }
    }

    /// The process is gone. With `ControlPersist` or `-f` a child of it goes on with the connection; otherwise ours is the last duplicate.
    fn gone(&mut self, id: Id) {
        let Some(held) = self.held.get_mut(&id) else {
            return;
        };
        let former = held.offer.ssh;
        let heir = Ssh::all()
            .unwrap_or_default()
            .into_iter()
            .find(|ssh| ssh.pid() != former && ssh.has(held.local, held.peer));
        if let Some(heir) = heir {
            tracing::info!(former, ssh = heir.pid(), "another ssh has the connection");
            held.offer.ssh = heir.pid();
            self.watch(id, heir.pid());
        } else {
            tracing::info!(former, "ssh is gone, its connection is let go");
            self.held.remove(&id);
        }
    }

    fn follow(&mut self, id: Id, next: Next) {
        match next {
            Next::Nothing => {}
            Next::Ask(reason, sign) => self.ask(id, reason, sign),
            Next::End(reason) => {
                if let Some(held) = self.held.remove(&id) {
                    held.end();
                    let line =
                        report::guarded_host(&held.offer.host, held.offer.ssh, held.peer, &reason);
                    tracing::info!("{line}");
                    report::line(&line);
                }
            }
        }
    }

    fn ask(&mut self, id: Id, reason: Reason, sign: Sign) {
        let Some(held) = self.held.get_mut(&id) else {
            return;
        };
        let socket = match held.duplicate() {
            Ok(socket) => socket,
            Err(error) => return tracing::warn!(%error, "cannot duplicate a connection"),
        };
        tracing::info!(id, ?reason, "asks a connection");
        self.number += 1;
        let number = self.number;
        held.asked(reason, number);
        let messages = self.messages.clone();
        tokio::spawn(async move {
            let alive = match connect::probe(&socket, sign, Some(PATIENCE)).await {
                // Where the kernel does not say whether it has asked, silence says nothing.
                connect::Answer::Alive | connect::Answer::Untold => true,
                connect::Answer::Silent => false,
                // Where the system cannot ask, not knowing is no reason to end it; one that is over has ended by itself.
                connect::Answer::Gone(error) => {
                    tracing::debug!(%error, "a connection cannot be asked");
                    true
                }
            };
            tell(&messages, Message::Answered(id, number, alive));
        });
    }
}

/// Tells an ssh that was found to end, and says so; false if that was not possible.
fn end(ssh: &Ssh, reason: &Reason) -> bool {
    match ssh.end() {
        Ok(true) => {
            let line = report::guarded(ssh, reason);
            tracing::info!("{line}");
            report::line(&line);
            return true;
        }
        Ok(false) => tracing::debug!(pid = ssh.pid(), "ssh is gone already"),
        Err(error) => tracing::warn!(pid = ssh.pid(), %error, "cannot end ssh"),
    }
    false
}

/// The loop is gone only when guard ends, and then nobody needs to know.
fn tell(messages: &mpsc::UnboundedSender<Message>, message: Message) {
    if messages.send(message).is_err() {
        tracing::debug!("a task reported after the end");
    }
}
