//! All that tells of a change, as one subscription.

use std::{
    collections::{BTreeMap, VecDeque},
    future::poll_fn,
    io,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use nix::time::{ClockId, clock_gettime};
use tokio::{
    select,
    time::{Instant, sleep_until},
};

use super::{
    CLOCK_COUNTING_SLEEP,
    mailbox::{Letter, Mailbox},
    routes::Routes,
    run_loop::Listener,
    sleep::{Moment, Reading, Wakes},
};
use crate::{
    event::{Event, Lost},
    portable,
};

/// After so long without an event it is time to look by ourselves: the routing socket drops messages without a word. Time awake.
const PERIOD: Duration = Duration::from_secs(60);

/// A subscription that never ends.
#[derive(Debug)]
pub(crate) struct Events {
    first: Option<Event>,
    ready: VecDeque<Event>,
    mailbox: Arc<Mailbox>,
    wakes: Wakes,
    routes: Routes,
    /// The interfaces told of before.
    known: BTreeMap<u32, String>,
    due: Instant,
    _listener: Listener,
}

impl Events {
    pub(crate) fn open() -> io::Result<Self> {
        let mailbox = Arc::new(Mailbox::default());
        let listener = Listener::start(Arc::clone(&mailbox))?;
        let known = portable::snapshot()?
            .interfaces
            .into_iter()
            .map(|(index, interface)| (index, interface.name))
            .collect();
        Ok(Self {
            first: Some(Event::Everything(Lost::Subscribed)),
            ready: VecDeque::new(),
            mailbox,
            wakes: Wakes::since(read()),
            routes: Routes::open()?,
            known,
            due: Instant::now() + PERIOD,
            _listener: listener,
        })
    }

    /// The next event. Cancel-safe: it waits only while it holds nothing.
    ///
    /// Each poll of it looks at the clocks and at the power manager's word first: a sleep is told before what happened after it, and in
    /// the dark nothing is told at all. Nothing of that is lost: the wake is a reason to look at everything, and that names changed waits
    /// for it.
    pub(crate) async fn next(&mut self) -> Event {
        if let Some(first) = self.first.take() {
            return first;
        }
        loop {
            match moment(&self.mailbox, &mut self.wakes) {
                Moment::Woke(slept) => return self.tell(Event::Woke(slept)),
                Moment::Dark => self.discard(),
                Moment::Awake => {
                    if let Some(event) = self.ready.pop_front() {
                        return self.tell(event);
                    }
                    if let Some(letter) = self.mailbox.take() {
                        self.open_letter(letter);
                        continue;
                    }
                }
            }
            let (mailbox, wakes) = (&self.mailbox, &mut self.wakes);
            let woke = poll_fn(|_| match moment(mailbox, wakes) {
                Moment::Woke(slept) => Poll::Ready(slept),
                Moment::Awake | Moment::Dark => Poll::Pending,
            });
            select! {
                biased;
                // Whatever wakes up the task that waits also tells of a sleep.
                slept = woke => return self.tell(Event::Woke(slept)),
                () = self.mailbox.filled() => {}
                event = self.routes.next() => self.ready.push_back(event),
                () = sleep_until(self.due) => {
                    self.due = Instant::now() + PERIOD;
                    self.ready.push_back(Event::Due);
                }
            }
        }
    }

    /// Every event is a look, and the next one by ourselves is due that much later.
    fn tell(&mut self, event: Event) -> Event {
        self.due = Instant::now() + PERIOD;
        event
    }

    fn open_letter(&mut self, letter: Letter) {
        match letter {
            Letter::Names => self.ready.push_back(Event::Names),
            Letter::Hint(hint) => {
                let now = portable::snapshot().unwrap_or_else(|error| {
                    tracing::debug!(%error, "the event says less than it could");
                    crate::Snapshot::default()
                });
                self.ready.extend(hint.events(&now, &mut self.known));
            }
        }
    }

    fn discard(&mut self) {
        let discarded = self.ready.len() + self.mailbox.discard();
        if self.ready.contains(&Event::Names) {
            self.mailbox.names_changed();
        }
        self.ready.clear();
        if discarded > 0 {
            tracing::debug!(discarded, "the machine is not awake for its user");
        }
    }
}

/// What this moment is. A wake that it tells of is told.
fn moment(mailbox: &Mailbox, wakes: &mut Wakes) -> Moment {
    let moment = wakes.looked(mailbox.phase(), read());
    if let Moment::Woke(_) = moment {
        mailbox.awake();
    }
    moment
}

fn read() -> Reading {
    let [all, awake] = [
        CLOCK_COUNTING_SLEEP,
        ClockId::from_raw(libc::CLOCK_UPTIME_RAW),
    ]
    .map(|clock| clock_gettime(clock).map_or(Duration::ZERO, Duration::from));
    Reading {
        asleep: all.saturating_sub(awake),
        awake,
    }
}
