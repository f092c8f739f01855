//! Keeps one session: the one `select!` loop.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    io::{self, Stderr},
    rc::Rc,
    sync::Arc,
};

use anyhow::{Context as _, Result};
use tokio::{select, sync::mpsc};

use super::{
    Driver, Session,
    account::Account,
    background::{self, Waiting},
    dir::RunDir,
    forwards,
    hub::Outlook,
    orders::{Order, next_order, next_request},
    queue::Queue,
    sight::Sight,
    signals::Signals,
    turn::Turn,
    until,
};
use crate::{
    connect::Resolver,
    control::{self, Followers, Listener},
    dirs::Unusable,
    learnt::LastRun,
    report,
    ssh::Side,
    supervisor::{Exit, Input, Settings, Supervisor},
    terminal::{Key, Keys, Status as StatusLine, Terminal},
};

/// What is around a session, be it alone in its process or not.
#[derive(Debug)]
pub(super) struct Around {
    pub(super) signals: Signals,
    pub(super) outlook: Outlook,
    pub(super) terminal: Option<Rc<Terminal>>,
    pub(super) status: StatusLine<Stderr>,
    pub(super) dir: RunDir,
    pub(super) resolver: Arc<Resolver>,
    pub(super) control: Option<Listener>,
    pub(super) orders: Option<mpsc::UnboundedReceiver<Order>>,
    pub(super) followers: Rc<RefCell<Followers>>,
    pub(super) queue: Option<Queue>,
    pub(super) waiting: Option<Waiting>,
}

/// Keeps `session` connected until it is over.
///
/// # Errors
/// Where netroam itself cannot work: no event source, no directory for its sockets.
pub async fn keep(session: Session) -> Result<Exit> {
    let dir = RunDir::create(&session.directory).context(Unusable::Own(
        "cannot make a directory for the sockets of this session".into(),
    ))?;
    let control = Listener::bind(dir.path())
        .inspect_err(|error| report::line(&report::unasked(dir.path(), error)))
        .ok();
    let terminal = Terminal::open().map(|terminal| {
        Rc::new(if session.control_mode() {
            terminal.for_control_mode()
        } else {
            terminal
        })
    });
    let around = Around {
        signals: Signals::listen().context("cannot listen for signals")?,
        outlook: Outlook::open(session.events)
            .context("cannot subscribe to the system's network events")?,
        terminal,
        status: StatusLine::stderr(),
        dir,
        resolver: Arc::new(Resolver::system()),
        control,
        orders: None,
        followers: Rc::default(),
        queue: None,
        waiting: Waiting::find().context("cannot hear from whoever waits for us")?,
    };
    let (exit, _) = keep_in(session, around).await;
    Ok(exit)
}

/// Keeps `session` connected until it is over; gives its last status as well.
pub(super) async fn keep_in(session: Session, around: Around) -> (Exit, control::Status) {
    let (messages, mut inbox) = mpsc::unbounded_channel();
    let Around {
        mut signals,
        terminal,
        ..
    } = around;
    let named = session.named.is_some();
    let settings = Settings {
        dialler: session.dialler,
        hop_known: session.first_hop.is_some(),
        again: session.again,
        // A named session is told what to do by other means.
        attended: terminal.is_some() || named,
        // ssh asks on the terminal, whatever our input is (readpass.c).
        askable: !named && (terminal.is_some() || std::fs::File::open("/dev/tty").is_ok()),
        // A stopped ssh still listens on the ports that the next one is to listen on.
        may_silence: !forwards::any_on(&session, Side::Local),
        via: session.via.clone(),
        last: session.learnt.last.as_ref().map(LastRun::path),
        seed: fastrand::u64(..),
    };
    let mut driver = Driver {
        sight: Sight::new(
            around.outlook,
            &session.learnt.addresses,
            session.target.bind_address,
            session.target.bind_interface.clone(),
        ),
        supervisor: match &session.stand_in {
            Some(stand_in) => Supervisor::new(settings).under(stand_in.restarts),
            None => Supervisor::new(settings),
        },
        status: around.status,
        dir: around.dir,
        stale: forwards::stale(&session),
        beside: forwards::Beside::Unknown,
        resolver: around.resolver,
        terminal,
        keys: None,
        shown: None,
        unsaid: Vec::new(),
        runs: BTreeMap::new(),
        chains: Vec::new(),
        attempts: BTreeMap::new(),
        finding: BTreeMap::new(),
        sockets: BTreeMap::new(),
        probe: None,
        probes: 0,
        echo: None,
        messages,
        account: Account::open(&session),
        control: around.control,
        orders: around.orders,
        followers: around.followers,
        turn: around.queue.map(Turn::new),
        postponed: None,
        waiting: around.waiting,
        exit: None,
        session,
    };
    while driver.exit.is_none() {
        let deadline = driver.deadline();
        select! {
            biased;
            arrived = signals.next() => driver.arrived(arrived),
            Some(message) = inbox.recv() => driver.received(message).await,
            changed = driver.sight.changed() => driver.look(changed).await,
            key = next_key(&mut driver.keys) => driver.pressed(key),
            request = next_request(&mut driver.control) => driver.answer(request),
            order = next_order(&mut driver.orders) => driver.obey(order),
            () = background::abandoned(driver.waiting.as_ref()) => {
                driver.waiting = None;
                driver.tell(Input::Quit(nix::libc::SIGTERM));
            }
            () = until(deadline) => driver.timed_out().await,
        }
        driver.carry_out();
        driver.review_turn();
        if driver.account.has_news() {
            driver.publish();
        }
    }
    driver.leave(&mut signals, &mut inbox).await;
    let exit = driver.exit.take().unwrap_or(Exit::GaveUp);
    driver.account.exited(&exit);
    driver.publish();
    let status = driver.told();
    driver.account.close().await;
    (exit, status)
}

async fn next_key(keys: &mut Option<Keys>) -> io::Result<Key> {
    match keys {
        Some(keys) => keys.next().await,
        None => std::future::pending().await,
    }
}
