//! Keeps many sessions in one process, without a terminal.
//!
//! Each session has a task with a driver of its own, all on one thread. What is one of its kind in a process is here: the subscription to the
//! kernel's events, the signals, the control socket, and the queues at the servers.

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    path::Path,
    rc::Rc,
    sync::Arc,
};

use anyhow::{Context as _, Result};
use netroam_platform::{Events, Source};
use tokio::{
    select,
    sync::mpsc,
    task::{JoinSet, LocalSet, yield_now},
};
use tracing::Instrument as _;

use super::{
    Order, Session,
    dir::RunDir,
    hub::Hub,
    keep::{Around, keep_in},
    kept::{Kept, Life, Then},
    orders::next_request,
    plan::{News, Plan, Unkept},
    queue::{Queue, Queues},
    signals::{Commands, Signals, Told},
};
use crate::{
    config::Named,
    control::{Followers, Listener, Status},
    dirs::Unusable,
    record::State,
    report,
    ssh::Ending,
    supervisor::{Dialler, Exit},
    terminal::Status as StatusLine,
};

mod answers;

/// Keeps the sessions of `plan` until all of them have come to their own end, or a signal says so. `directory` is where netroam keeps its
/// sockets. Gives the exit status: 0 after a signal, and else the first that was not 0.
///
/// A session that did not come to its own end (it was stopped, its command was lost, it could not be put together) stays, and can be tried
/// again.
///
/// # Errors
/// Where netroam itself cannot work: no event source, no directory for its sockets, or no configuration to begin with.
pub async fn keep_many(directory: &Path, source: Source, plan: &mut dyn Plan) -> Result<u8> {
    LocalSet::new()
        .run_until(async {
            let (mut many, events) = Many::open(directory, source)?;
            many.take(plan.read()?);
            many.keep(events, plan).await
        })
        .await
}

#[derive(Debug)]
struct Many {
    hub: Rc<Hub>,
    queues: Rc<Queues>,
    followers: Rc<RefCell<Followers>>,
    kept: BTreeMap<String, Kept>,
    /// Those that are to begin, in this order.
    pending: VecDeque<String>,
    tasks: JoinSet<(String, Exit, Status)>,
    /// Sessions so far: the next one's number.
    number: u64,
    /// A session has begun, ever.
    begun: bool,
    /// The first exit status that was not 0.
    status: u8,
    ending: bool,
    control: Option<Listener>,
    /// Dropped last: the directories of the sessions are below.
    dir: RunDir,
}

impl Many {
    fn open(directory: &Path, source: Source) -> Result<(Self, Events)> {
        let dir = RunDir::create(directory).context(Unusable::Own(
            "cannot make a directory for the sockets of the sessions".into(),
        ))?;
        let (hub, events) =
            Hub::open(source).context("cannot subscribe to the system's network events")?;
        let control = Listener::bind(dir.path())
            .inspect_err(|error| report::line(&report::unasked(dir.path(), error)))
            .ok();
        let many = Self {
            hub,
            queues: Rc::default(),
            followers: Rc::default(),
            kept: BTreeMap::new(),
            pending: VecDeque::new(),
            tasks: JoinSet::new(),
            number: 0,
            begun: false,
            status: 0,
            ending: false,
            control,
            dir,
        };
        Ok((many, events))
    }

    async fn keep(&mut self, mut events: Events, plan: &mut dyn Plan) -> Result<u8> {
        let mut commands = Commands::listen().context("cannot listen for signals")?;
        let mut ready = false;
        loop {
            if self.ending && self.tasks.is_empty() {
                return Ok(0);
            }
            if !self.ending && self.pending.is_empty() {
                if self.tasks.is_empty() && (self.kept.is_empty() || !self.begun) {
                    return Ok(self.status);
                }
                if !std::mem::replace(&mut ready, true) {
                    plan.tell(News::Ready);
                }
            }
            select! {
                biased;
                told = commands.next() => match told {
                    Told::End => {
                        tracing::info!("told to end");
                        plan.tell(News::Ending);
                        self.end();
                    }
                    // What would begin now would not be told to end.
                    Told::Reload | Told::Retry if self.ending => {}
                    Told::Reload => {
                        plan.tell(News::Reloading);
                        ready = false;
                        self.reload(plan);
                    }
                    Told::Retry => self.retry(),
                },
                Some(joined) = self.tasks.join_next() => match joined {
                    Ok((name, exit, status)) => self.ended(&name, &exit, status),
                    // A fault of netroam's own: what started us may start us again.
                    Err(error) => std::panic::resume_unwind(error.into_panic()),
                },
                event = events.next() => self.hub.tell(event),
                request = next_request(&mut self.control) => self.answer(request),
                () = yield_now(), if !self.pending.is_empty() => self.begin(plan),
            }
        }
    }

    /// Brings what is kept in line with the configuration. What has not changed is left alone.
    fn take(&mut self, wanted: BTreeMap<String, Named>) {
        self.kept.retain(|name, kept| {
            if wanted.contains_key(name) {
                return true;
            }
            kept.end(Then::Forget)
        });
        for (name, named) in wanted {
            match self.kept.get_mut(&name) {
                Some(kept) if kept.named == named => {
                    if kept.is_being_forgotten() {
                        kept.revive();
                    }
                    continue;
                }
                Some(kept) => {
                    kept.named = named;
                    if kept.end(Then::Again) {
                        continue;
                    }
                    kept.life = Life::Pending;
                }
                None => {
                    let life = Life::Pending;
                    self.kept.insert(name.clone(), Kept { named, life });
                }
            }
            self.await_turn(name);
        }
    }

    fn await_turn(&mut self, name: String) {
        if !self.pending.contains(&name) {
            self.pending.push_back(name);
        }
    }

    fn reload(&mut self, plan: &mut dyn Plan) {
        match plan.read() {
            Ok(wanted) => {
                tracing::info!("the configuration is read again");
                self.take(wanted);
            }
            Err(error) => {
                report::error(&error.context("everything stays as it is"));
            }
        }
    }

    fn retry(&mut self) {
        let over = |kept: &Kept| matches!(kept.life, Life::Over(_));
        for kept in self.kept.values() {
            kept.order(Order::Retry { insist: false });
        }
        let again: Vec<String> = self
            .kept
            .iter()
            .filter(|(_, kept)| over(kept) && !kept.was_stopped())
            .map(|(name, _)| name.clone())
            .collect();
        for name in again {
            self.begin_again(name);
        }
    }

    fn begin_again(&mut self, name: String) {
        if let Some(kept) = self.kept.get_mut(&name) {
            kept.life = Life::Pending;
            self.await_turn(name);
        }
    }

    fn end(&mut self) {
        self.ending = true;
        self.pending.clear();
        for kept in self.kept.values_mut() {
            kept.end(Then::Nothing);
        }
    }

    /// Begins the session whose turn it is.
    fn begin(&mut self, plan: &mut dyn Plan) {
        let Some(name) = self.pending.pop_front() else {
            return;
        };
        let Some(kept) = self.kept.get(&name) else {
            return;
        };
        if !matches!(kept.life, Life::Pending) {
            return;
        }
        let session = plan.session(&name, &kept.named);
        let begun = session.and_then(|session| {
            self.start(&name, session).map_err(|error| Unkept {
                line: format!("{error:#}"),
                status: report::status::FAILED,
            })
        });
        match begun {
            Ok(orders) => {
                self.begun = true;
                if let Some(kept) = self.kept.get_mut(&name) {
                    kept.life = Life::Live { orders, then: None };
                }
            }
            Err(unkept) => {
                let line = report::plain(&unkept.line);
                report::line(&format!("{name}: {line}"));
                tracing::warn!(name, line, "not kept");
                self.note(unkept.status);
                self.over(&name, line);
            }
        }
    }

    fn start(&mut self, name: &str, session: Session) -> Result<mpsc::UnboundedSender<Order>> {
        self.number += 1;
        let (orders, receiver) = mpsc::unbounded_channel();
        let queue = self.queue(&session);
        let around = Around {
            signals: Signals::of_children().context("cannot listen for the ends of children")?,
            outlook: self.hub.outlook(),
            terminal: None,
            status: StatusLine::lines(),
            dir: self
                .dir
                .below(self.number)
                .context("cannot make a directory for its sockets")?,
            resolver: Arc::clone(queue.resolver()),
            control: None,
            orders: Some(receiver),
            followers: Rc::clone(&self.followers),
            queue: Some(queue),
            waiting: None,
        };
        let span = tracing::info_span!("session", name);
        let name = name.to_owned();
        let keeping = async move {
            let (exit, status) = keep_in(session, around).await;
            (name, exit, status)
        };
        self.tasks.spawn_local(keeping.instrument(span));
        Ok(orders)
    }

    /// The queue of the server to which the first connection of this session goes.
    fn queue(&self, session: &Session) -> Queue {
        match (session.dialler, &session.first_hop) {
            (Dialler::Ssh, Some(hop)) => self.queues.of(&hop.host, hop.port),
            // What a ProxyCommand connects to only that program knows; the host stands for it.
            (Dialler::Ours, _) | (Dialler::Ssh, None) => {
                self.queues.of(&session.target.host, session.target.port)
            }
        }
    }

    fn ended(&mut self, name: &str, exit: &Exit, status: Status) {
        tracing::info!(name, ?exit, "a session has ended");
        let Some(kept) = self.kept.get_mut(name) else {
            return;
        };
        let then = match &kept.life {
            Life::Live { then, .. } => then.unwrap_or(Then::Nothing),
            Life::Pending | Life::Over(_) => Then::Nothing,
        };
        match then {
            Then::Forget => drop(self.kept.remove(name)),
            Then::Again => self.begin_again(name.to_owned()),
            Then::Nothing => {
                let (line, code) = report::exit(name, exit);
                if let Some(line) = line {
                    report::line(&line);
                }
                if !matches!(exit, Exit::Signal(_)) {
                    self.note(code);
                }
                if matches!(exit, Exit::Ssh(Ending::Finished { .. })) {
                    report::line(&format!("{name}: {}", report::ended(exit)));
                    self.kept.remove(name);
                } else if let Some(kept) = self.kept.get_mut(name) {
                    kept.life = Life::Over(Box::new(status));
                }
            }
        }
    }

    fn note(&mut self, status: u8) {
        if self.status == 0 {
            self.status = status;
        }
    }

    /// It is over before it was there.
    fn over(&mut self, name: &str, text: String) {
        if let Some(kept) = self.kept.get_mut(name) {
            let status = kept.idle(name, State::Ended, text);
            self.followers.borrow_mut().tell(&status);
            kept.life = Life::Over(Box::new(status));
        }
    }
}
