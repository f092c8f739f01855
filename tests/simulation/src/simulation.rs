//! One simulation: the loop, and the driver's part of it.

use std::{net::IpAddr, rc::Rc, time::Duration};

use netroam::{
    driver::{Place, Queues},
    supervisor::{AttemptId, Input, RunId},
};
use netroam_platform::clock::Time;

use crate::{
    agenda::Agenda,
    attempt, child,
    child::Child,
    dice::Dice,
    free::Free,
    occurrence::Occurrence,
    promises::{Broken, Rate},
    session::Session,
    setup::{Kind, Setup},
    transcript::{self, Transcript},
    world::World,
};

/// What is due.
#[derive(Debug)]
pub(crate) enum Event {
    /// It may be time to look.
    Look(usize),
    Attempt(usize, AttemptId, attempt::Step),
    Child(usize, RunId, child::Step),
    /// The answer to the question of this number about a run.
    Probe(usize, u64, RunId),
    /// The first hop's addresses, for a run of ssh or the next one.
    FirstHop(usize, Option<RunId>, Vec<IpAddr>),
    /// A place at a server is free again.
    Free(Place),
    /// The tunnel carries again.
    Settled,
    /// The laptop wakes up.
    Woke(usize),
}

/// Everything that is simulated.
#[derive(Debug)]
pub struct Simulation {
    pub(crate) agenda: Agenda<Event>,
    pub(crate) world: World,
    pub(crate) sessions: Vec<Session>,
    /// Which of them each line of the setup has now: one that is over may be opened again.
    pub(crate) current: Vec<usize>,
    pub(crate) dice: Dice,
    queues: Option<Rc<Queues>>,
    seed: u64,
    pub(crate) rate: [Rate; 2],
    /// Until then the kernel's messages are lost.
    pub(crate) deaf_until: Time,
    broken: Option<Broken>,
    transcript: Option<Transcript>,
    steps: u64,
}

/// What came of a simulation.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// So many steps: each is something that happened, a message or answer that arrived, or a moment that the supervisor had asked for.
    pub steps: u64,
    /// The occurrences that happened.
    pub happened: usize,
    /// The promise that was broken, if one was.
    pub broken: Option<Broken>,
    /// What was said and done, if it was to be written down.
    pub transcript: Vec<String>,
}

impl Simulation {
    /// Begins with these sessions; `seed` is for what no schedule says: how long things take.
    pub fn new(setup: &[Setup], seed: u64, write_down: bool) -> Self {
        let together = setup.contains(&Setup::Together {});
        let mut simulation = Self {
            agenda: Agenda::new(),
            world: World::new(),
            sessions: Vec::new(),
            current: Vec::new(),
            dice: Dice::of(seed, 0, 0),
            queues: together.then(Rc::default),
            seed,
            rate: [Rate::new(), Rate::new()],
            deaf_until: Time::default(),
            broken: None,
            transcript: write_down.then(Transcript::default),
            steps: 0,
        };
        for kind in setup.iter().filter_map(Kind::of) {
            let number = simulation.open(kind);
            simulation.current.push(number);
        }
        simulation
    }

    /// Lets all that happen, up to so many steps, and says what came of it.
    pub fn run(mut self, schedule: impl Iterator<Item = Occurrence>, most: u64) -> Outcome {
        let mut schedule = schedule.peekable();
        let mut last = self.agenda.now();
        let mut happened = 0;
        while self.steps < most && self.broken.is_none() {
            let now = self.agenda.now();
            let occurs = schedule
                .peek()
                .map(|occurrence| (last + Duration::from_millis(occurrence.after)).max(now));
            let Some(occurs) = occurs else { break };
            let event = self.agenda.next().map(|time| time.max(now));
            let timer = self.timer().map(|(time, number)| (time.max(now), number));
            let first = [Some(occurs), event, timer.map(|(time, _)| time)]
                .into_iter()
                .flatten()
                .min();
            let Some(first) = first else { break };
            self.agenda.go_on_to(first);
            self.steps += 1;
            if event == Some(first) {
                self.event();
            } else if occurs == first {
                if let Some(occurrence) = schedule.next() {
                    happened += 1;
                    self.happens(&occurrence.what);
                    last = self.agenda.now();
                }
            } else if let Some((_, number)) = timer {
                self.time_out(number);
            }
            self.review();
        }
        Outcome {
            steps: self.steps,
            happened,
            broken: self.broken,
            transcript: self.transcript.map(Transcript::lines).unwrap_or_default(),
        }
    }

    /// Opens a session: as if the user had typed the command.
    pub(crate) fn open(&mut self, kind: Kind) -> usize {
        let number = self.sessions.len();
        let queue = self
            .queues
            .as_ref()
            .map(|queues| queues.of(&format!("server{}", kind.server), 22));
        let count = u64::try_from(number).unwrap_or_default();
        self.sessions
            .push(Session::new(kind, count, self.seed, queue));
        self.look_soon(number, Duration::ZERO);
        number
    }

    fn timer(&self) -> Option<(Time, usize)> {
        let timer = |number: usize| self.sessions[number].timer.map(|time| (time, number));
        self.current
            .iter()
            .filter_map(|number| timer(*number))
            .min()
    }

    fn time_out(&mut self, number: usize) {
        let now = self.agenda.now();
        self.note(number, || "· it is time".into());
        let session = &mut self.sessions[number];
        session.books.timed_out(now);
        session.supervisor.handle_timeout(now);
        self.collect(number);
        self.settle(number);
    }

    fn event(&mut self) {
        let Some(event) = self.agenda.take() else {
            return;
        };
        let number = match event {
            Event::Look(number) => {
                self.look_if_due(number);
                number
            }
            Event::Woke(number) => {
                self.sessions[number].woke = true;
                self.look_soon(number, Duration::ZERO);
                number
            }
            Event::Attempt(number, id, step) => {
                self.attempt(number, id, step);
                number
            }
            Event::Child(number, run, step) => {
                self.child(number, run, step);
                number
            }
            Event::Probe(number, question, run) => {
                self.probed(number, question, run);
                number
            }
            Event::FirstHop(number, run, addresses) => {
                self.first_hop(number, run, &addresses);
                number
            }
            Event::Free(place) => {
                drop(place);
                return self.serve_queues();
            }
            Event::Settled => return self.watch_all(),
        };
        self.settle(number);
    }

    pub(crate) fn watch_all(&mut self) {
        for number in 0..self.sessions.len() {
            if !self.sessions[number].children.is_empty() {
                self.watch(number);
            }
        }
    }

    /// Notes a reason to look.
    pub(crate) fn look_soon(&mut self, number: usize, wait: Duration) {
        let now = self.agenda.now();
        let session = &mut self.sessions[number];
        session.due = true;
        let time = (now + wait).max(session.pace.next()).max(self.deaf_until);
        self.agenda.at(time, Event::Look(number));
    }

    pub(crate) fn look_if_due(&mut self, number: usize) {
        let session = &mut self.sessions[number];
        if !std::mem::take(&mut session.due) {
            return;
        }
        if std::mem::take(&mut session.woke) {
            self.tell(number, Input::Woke);
        }
        self.look_now(number);
        if std::mem::take(&mut self.sessions[number].names_changed) {
            self.tell(number, Input::NamesChanged);
        }
        self.find_first_hops(number);
    }

    pub(crate) fn look_now(&mut self, number: usize) {
        let now = self.agenda.now();
        let look = self.sessions[number].look(&self.world, now);
        self.tell(number, Input::Looked(look));
    }

    /// Tells the supervisor of a session a fact, and takes what it wants.
    pub(crate) fn tell(&mut self, number: usize, input: Input) {
        if self.broken.is_some() || self.sessions[number].books.over() {
            return;
        }
        self.note(number, || transcript::input(&input));
        let now = self.agenda.now();
        let session = &mut self.sessions[number];
        session.books.told(now, &input);
        session.supervisor.handle(now, input);
        self.collect(number);
    }

    fn collect(&mut self, number: usize) {
        let now = self.agenda.now();
        while let Some(action) = self.sessions[number].supervisor.poll_action() {
            self.note(number, || transcript::action(&action));
            let session = &mut self.sessions[number];
            let kept = session.books.wants(now, &action);
            session.actions.push_back(action);
            if let Err(broken) = kept {
                self.broken(number, broken);
            }
        }
        let session = &mut self.sessions[number];
        session.timer = session.supervisor.poll_timeout();
        if let Err(broken) = session.books.rest(now, session.timer) {
            self.broken(number, broken);
        }
    }

    /// A person insists, and may have one connection more.
    pub(crate) fn insisted(&mut self, number: usize) {
        let server = self.sessions[number].kind.server;
        self.rate[server].allow();
    }

    /// Looks at each session from outside.
    fn review(&mut self) {
        let now = self.agenda.now();
        for at in 0..self.current.len() {
            let number = self.current[at];
            let free = Free::of(&self.world, &self.sessions[number], now);
            let session = &mut self.sessions[number];
            if let Err(broken) = free.review(session, now) {
                self.broken(number, broken);
            }
        }
    }

    pub(crate) fn broken(&mut self, number: usize, broken: Broken) {
        self.note(number, || format!("✗ {}: {}", broken.promise, broken.what));
        self.broken.get_or_insert(broken);
    }

    pub(crate) fn note(&mut self, number: usize, line: impl FnOnce() -> String) {
        if let Some(transcript) = &mut self.transcript {
            transcript.session(self.agenda.now(), number, &line());
        }
    }

    pub(crate) fn note_world(&mut self, line: impl FnOnce() -> String) {
        if let Some(transcript) = &mut self.transcript {
            transcript.world(self.agenda.now(), &line());
        }
    }

    /// The live process of a session, if there is one.
    pub(crate) fn live(&mut self, number: usize) -> Option<(RunId, &mut Child)> {
        let children = &mut self.sessions[number].children;
        children
            .iter_mut()
            .find(|(_, child)| child.is_live())
            .map(|(run, child)| (*run, child))
    }
}
