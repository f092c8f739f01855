//! One ssh process: its login, its life, its death, and what it says of them, if late.

use std::time::Duration;

use netroam::{
    ssh::Ending,
    supervisor::{Dialler, Input, Purpose, RunId},
};
use netroam_platform::clock::Time;

use crate::{
    dice::Dice,
    passage::{Passage, Tcp},
    simulation::{Event, Simulation},
};

/// How long a run that was told to end may take before it is killed, as in the driver.
const GRACE: Duration = Duration::from_millis(250);

/// How long the kernel lets data go unacknowledged (`--stall`), and how long ssh's own `ServerAlive` takes where netroam has no socket.
const STALL: Duration = Duration::from_secs(15);
const SERVER_ALIVE: Duration = Duration::from_secs(45);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Dialling,
    Banner,
    KeyExchange,
    Authentication,
    Asked,
    Session,
}

/// A process that is not reaped yet, or whose last words are not read yet.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "conditions that do not exclude each other"
)]
pub(crate) struct Child {
    pub(crate) tcp: Option<Tcp>,
    pub(crate) stage: Stage,
    pub(crate) questions: bool,
    pub(crate) purpose: Purpose,
    pub(crate) began: Time,
    /// Told to end.
    pub(crate) told: bool,
    /// Told to stop.
    pub(crate) silenced: bool,
    /// Told to stop, and not stopped yet.
    pub(crate) stopping: bool,
    pub(crate) gone: bool,
    pub(crate) held: bool,
    /// What it stands on is known.
    pub(crate) placed: bool,
    pub(crate) silent_since: Option<Time>,
    pub(crate) resetting: bool,
    /// Its last message arrives then.
    pub(crate) said_until: Time,
    pub(crate) tries: u32,
    pub(crate) dice: Dice,
}

impl Child {
    /// It is in the session and nobody has told it to go.
    pub(crate) fn is_attached(&self) -> bool {
        self.stage == Stage::Session && !self.told && !self.silenced && !self.gone
    }

    /// It lives, and nobody has told it to go.
    pub(crate) fn is_live(&self) -> bool {
        !self.told && !self.silenced && !self.gone
    }
}

/// What goes on in a process.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// The next thing in its login.
    Goes,
    /// It ends by itself.
    Ends(Ending),
    /// A signal ends it.
    Dies,
    /// It is killed, if it is still there.
    Grace,
    /// It has stopped.
    Stopped,
    /// What it said is read.
    Says(Word),
    /// The kernel gives its connection up, if it has been silent since then.
    Stall(Time),
    /// It hears that the other end knows nothing of its connection.
    Reset,
}

/// What a process says.
#[derive(Clone, Debug)]
pub(crate) enum Word {
    Greeted,
    KeyExchanged,
    Authenticated,
    /// The last.
    Ended(Ending, bool),
}

impl Simulation {
    pub(crate) fn spawn(
        &mut self,
        number: usize,
        run: RunId,
        tcp: Option<Tcp>,
        questions: bool,
        purpose: Purpose,
    ) {
        let now = self.agenda.now();
        let session = &mut self.sessions[number];
        let stage = if tcp.is_some() {
            Stage::KeyExchange
        } else {
            Stage::Dialling
        };
        let child = Child {
            placed: tcp.is_some(),
            tcp,
            stage,
            questions,
            purpose,
            began: now,
            told: false,
            silenced: false,
            stopping: false,
            gone: false,
            held: false,
            silent_since: None,
            resetting: false,
            said_until: now,
            tries: 0,
            dice: Dice::new(session.dice.seed()),
        };
        session.children.insert(run, child);
        if let Some(turn) = &mut session.turn {
            turn.login(run);
        }
        self.child_after(Duration::from_millis(40), number, run, Step::Goes);
        self.find_first_hops(number);
        self.watch(number);
    }

    pub(crate) fn child_after(&mut self, wait: Duration, number: usize, run: RunId, step: Step) {
        self.agenda.after(wait, Event::Child(number, run, step));
    }

    /// Its word is read a little later than it is said, and in order.
    pub(crate) fn says(&mut self, number: usize, run: RunId, word: Word) {
        let now = self.agenda.now();
        let Some(child) = self.sessions[number].children.get_mut(&run) else {
            return;
        };
        let slow = child.dice.percent(15);
        let delay = child.dice.millis(0, if slow { 900 } else { 3 });
        child.said_until = child.said_until.max(now + delay);
        let read = child.said_until;
        self.agenda
            .at(read, Event::Child(number, run, Step::Says(word)));
    }

    pub(crate) fn child(&mut self, number: usize, run: RunId, step: Step) {
        let Some(child) = self.sessions[number].children.get_mut(&run) else {
            return;
        };
        match step {
            Step::Says(word) => self.heard(number, run, word),
            Step::Grace => {
                if !child.gone {
                    self.dies(number, run, &Ending::EndedByUs);
                }
            }
            Step::Stopped => child.stopping = false,
            Step::Dies => self.dies(number, run, &Ending::EndedByUs),
            // A stopped process does nothing.
            Step::Goes | Step::Ends(_) | Step::Stall(_) | Step::Reset
                if child.gone || child.silenced => {}
            Step::Ends(ending) => {
                let ending = if child.told
                    && !matches!(
                        ending,
                        Ending::Finished { .. } | Ending::TakenOver | Ending::RemoteKilled
                    ) {
                    Ending::EndedByUs
                } else {
                    ending
                };
                self.dies(number, run, &ending);
            }
            Step::Stall(since) => {
                if child.silent_since == Some(since) && !child.held {
                    self.breaks(number, run, "Timeout, server not responding.");
                }
            }
            Step::Reset => {
                child.resetting = false;
                let reset = child.tcp.clone().is_some_and(|tcp| {
                    matches!(
                        self.world.passage(&tcp, self.agenda.now()),
                        Passage::Reset(_)
                    )
                });
                if reset {
                    self.breaks(number, run, "Connection reset by peer");
                }
            }
            Step::Goes => self.goes(number, run),
        }
    }

    /// Its connection breaks.
    pub(crate) fn breaks(&mut self, number: usize, run: RunId, why: &str) {
        let Some(child) = self.sessions[number].children.get(&run) else {
            return;
        };
        let why = why.to_owned();
        let ending = if child.told {
            Ending::EndedByUs
        } else if child.stage == Stage::Session {
            Ending::Lost { why }
        } else {
            Ending::Unreachable { why }
        };
        self.dies(number, run, &ending);
    }

    pub(crate) fn dies(&mut self, number: usize, run: RunId, ending: &Ending) {
        let now = self.agenda.now();
        let Some(child) = self.sessions[number].children.get_mut(&run) else {
            return;
        };
        if std::mem::replace(&mut child.gone, true) {
            return;
        }
        child.stopping = false;
        let undelivered = child.dice.percent(20);
        let unused = child.tcp.clone().filter(|_| child.stage != Stage::Session);
        self.says(number, run, Word::Ended(ending.clone(), undelivered));
        if let Some(tcp) = unused {
            let price = if matches!(ending, Ending::Denied { .. }) {
                5
            } else {
                1
            };
            let unheard = self.world.passage(&tcp, now) == Passage::Lost;
            if unheard {
                self.note_world(|| format!("the server does not hear of the end of run {}", run.0));
            }
            self.unused(number, &tcp, Duration::from_secs(price));
        }
    }

    fn heard(&mut self, number: usize, run: RunId, word: Word) {
        let session = &mut self.sessions[number];
        match word {
            Word::Greeted => {
                if let Some(turn) = &mut session.turn {
                    turn.used();
                }
                self.tell(number, Input::Greeted(run));
            }
            Word::KeyExchanged => self.tell(number, Input::KeyExchanged(run)),
            Word::Authenticated => {
                if let Some(turn) = &mut session.turn {
                    turn.logged_in(run);
                }
                self.tell(number, Input::Authenticated(run));
            }
            Word::Ended(ending, unacknowledged) => {
                session.children.remove(&run);
                session.past_runs.push(run);
                if let Some(turn) = &mut session.turn {
                    turn.ended(run, &ending);
                }
                self.tell(
                    number,
                    Input::Ended {
                        run,
                        ending,
                        unacknowledged,
                    },
                );
            }
        }
    }

    /// Tells it to end.
    pub(crate) fn terminate(&mut self, number: usize, run: RunId) {
        let Some(child) = self.sessions[number].children.get_mut(&run) else {
            return;
        };
        child.told = true;
        let (ignores, takes) = (child.dice.percent(10), child.dice.millis(1, 9));
        if !ignores {
            self.child_after(takes, number, run, Step::Dies);
        }
        self.child_after(GRACE, number, run, Step::Grace);
    }

    pub(crate) fn stop(&mut self, number: usize, run: RunId) {
        let Some(child) = self.sessions[number].children.get_mut(&run) else {
            return;
        };
        child.silenced = true;
        let undelivered = child.dice.percent(20);
        if !child.gone {
            child.stopping = true;
            self.child_after(Duration::from_millis(1), number, run, Step::Stopped);
        }
        self.tell(
            number,
            Input::Silenced {
                run,
                unacknowledged: undelivered,
            },
        );
    }

    pub(crate) fn hold(&mut self, number: usize, run: RunId) {
        self.sessions[number].probe = None;
        if let Some(child) = self.sessions[number].children.get_mut(&run) {
            child.held = true;
        }
    }

    /// The kernel watches the connections of the live processes.
    pub(crate) fn watch(&mut self, number: usize) {
        let now = self.agenda.now();
        let session = &mut self.sessions[number];
        let stall = match session.kind.settings.dialler {
            Dialler::Ours => STALL,
            Dialler::Ssh => SERVER_ALIVE,
        };
        for (run, child) in &mut session.children {
            let Some(tcp) = child.tcp.as_ref().filter(|_| !child.gone) else {
                continue;
            };
            match self.world.passage(tcp, now) {
                Passage::Through(_) => child.silent_since = None,
                Passage::Lost if child.silent_since.is_none() && !child.held => {
                    child.silent_since = Some(now);
                    self.agenda
                        .after(stall, Event::Child(number, *run, Step::Stall(now)));
                }
                Passage::Lost => {}
                Passage::Reset(trip) => {
                    if !std::mem::replace(&mut child.resetting, true) {
                        let wait = trip + child.dice.millis(0, 1000);
                        self.agenda
                            .after(wait, Event::Child(number, *run, Step::Reset));
                    }
                }
            }
        }
    }
}
