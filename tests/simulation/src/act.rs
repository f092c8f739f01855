//! Carrying actions out, and taking turns at the servers, as the driver does.

use std::time::Duration;

use netroam::{
    driver::Queue,
    ssh::Ending,
    supervisor::{Action, AttemptId, Input, Purpose, RunId, Segments},
};

use crate::{
    attempt::Attempt,
    child,
    passage::{Far, Tcp},
    promises,
    session::{Postponed, Waiting},
    simulation::{Event, Simulation},
};

impl Simulation {
    /// Carries out what a session's supervisor wants, as the driver does after each thing that happened.
    pub(crate) fn settle(&mut self, number: usize) {
        while !self.sessions[number]
            .children
            .values()
            .any(|child| child.stopping)
        {
            let Some(action) = self.sessions[number].actions.pop_front() else {
                break;
            };
            self.act(number, action);
        }
        let session = &self.sessions[number];
        let reached = |attempt: &&Attempt| attempt.reached.is_some();
        let accepted = session.sockets.len() + session.attempts.values().filter(reached).count();
        // Where it waits for a run to stop, what is to be given up is not yet.
        let paused = !session.actions.is_empty();
        if let Err(broken) = promises::holds(accepted)
            && !paused
        {
            self.broken(number, broken);
        }
        self.review_turn(number);
    }

    fn act(&mut self, number: usize, action: Action) {
        match action {
            Action::Dial {
                attempt,
                over,
                segments,
            } => self.dial(number, attempt, over, segments == Segments::Small),
            Action::FindFirstHop => self.find_first_hop(number, None),
            Action::Discard(attempt) => self.discard(number, attempt),
            Action::Start {
                run,
                over,
                questions,
                purpose,
            } => self.start(number, run, over, questions, purpose),
            Action::End { run, .. } => {
                if self.sessions[number].children.contains_key(&run) {
                    self.terminate(number, run);
                } else {
                    self.forget_postponed(number, run);
                }
            }
            Action::Silence { run, .. } => self.stop(number, run),
            Action::Hold(run) => self.hold(number, run),
            Action::Kill(run) => {
                self.child_after(Duration::from_millis(1), number, run, child::Step::Dies);
            }
            Action::Probe { run, patience, .. } => self.probe(number, run, patience),
            Action::Learn { peer, .. } => {
                self.sessions[number].learn_good(peer);
            }
            Action::Show(_) | Action::Say(_) => {}
            Action::Finish(_) => self.leave(number),
        }
    }

    pub(crate) fn start(
        &mut self,
        number: usize,
        run: RunId,
        over: Option<AttemptId>,
        questions: bool,
        purpose: Purpose,
    ) {
        let queue = if over.is_none() {
            self.take_turn(number)
        } else {
            None
        };
        let session = &mut self.sessions[number];
        if let Some(queue) = queue {
            let mut waiting = Waiting::at(queue);
            if let Some(place) = waiting.place() {
                if let Some(turn) = &mut session.turn {
                    turn.admit(place);
                }
            } else {
                session.postponed = Some(Postponed {
                    run,
                    questions,
                    purpose,
                    waiting,
                });
                return;
            }
        }
        let tcp = over.and_then(|attempt| session.sockets.remove(&attempt));
        self.spawn(number, run, tcp, questions, purpose);
    }

    fn forget_postponed(&mut self, number: usize, run: RunId) {
        let session = &mut self.sessions[number];
        if session
            .postponed
            .take_if(|postponed| postponed.run == run)
            .is_some()
        {
            self.tell(
                number,
                Input::Ended {
                    run,
                    ending: Ending::EndedByUs,
                    unacknowledged: false,
                },
            );
        }
    }

    /// Leaves nothing behind, as the driver does.
    fn leave(&mut self, number: usize) {
        let session = &mut self.sessions[number];
        session.timer = None;
        session.probe = None;
        session.postponed = None;
        let attempts: Vec<AttemptId> = session
            .attempts
            .keys()
            .chain(session.sockets.keys())
            .copied()
            .collect();
        for attempt in attempts {
            self.discard(number, attempt);
        }
        let runs: Vec<RunId> = self.sessions[number].children.keys().copied().collect();
        for run in runs {
            self.terminate(number, run);
        }
        // A driver that goes gives its place back without a price.
        self.sessions[number].turn = None;
        self.serve_queues();
    }

    /// Takes a place at the server, or gives the queue to wait in.
    pub(crate) fn take_turn(&mut self, number: usize) -> Option<Queue> {
        let now = self.agenda.now();
        let (queue, spent) = self.sessions[number].turn.as_mut()?.take();
        if let Some((place, price)) = spent {
            let wait = place.charge(now, price);
            self.agenda.after(wait, Event::Free(place));
        }
        queue
    }

    fn review_turn(&mut self, number: usize) {
        let now = self.agenda.now();
        let session = &mut self.sessions[number];
        let idle = session.attempts.is_empty()
            && session.sockets.is_empty()
            && session.postponed.is_none();
        let Some(turn) = session.turn.as_mut().filter(|_| idle) else {
            return;
        };
        match turn.give_back() {
            Some((place, Some(price))) => {
                let wait = place.charge(now, price);
                self.agenda.after(wait, Event::Free(place));
            }
            Some((place, None)) => {
                drop(place);
                self.serve_queues();
            }
            None => {}
        }
    }

    /// Gives the places that are free to whoever waits for them. They know each other's order.
    pub(crate) fn serve_queues(&mut self) {
        for number in 0..self.sessions.len() {
            let session = &mut self.sessions[number];
            let waiting = session
                .attempts
                .iter_mut()
                .filter_map(|(id, attempt)| Some((*id, attempt.waiting.as_mut()?)));
            let admitted: Vec<_> = waiting
                .filter_map(|(id, waiting)| Some((id, waiting.place()?)))
                .collect();
            let postponed = session
                .postponed
                .as_mut()
                .and_then(|postponed| postponed.waiting.place());
            if admitted.is_empty() && postponed.is_none() {
                continue;
            }
            for (id, place) in admitted {
                self.admit(number, id, place);
            }
            if let (Some(place), Some(postponed)) =
                (postponed, self.sessions[number].postponed.take())
            {
                if let Some(turn) = &mut self.sessions[number].turn {
                    turn.admit(place);
                }
                self.start(
                    number,
                    postponed.run,
                    None,
                    postponed.questions,
                    postponed.purpose,
                );
            }
            self.settle(number);
        }
    }

    /// A connection to a server ends without a login.
    pub(crate) fn unused(&mut self, number: usize, tcp: &Tcp, price: Duration) {
        let now = self.agenda.now();
        let Far::Server(far) = tcp.far else { return };
        self.note(number, || {
            format!("server {far} sees a connection end without a login")
        });
        let server = &mut self.world.servers[far];
        if !server.turns_away(now) {
            server.punish(now, price);
        }
        if let Err(broken) = self.rate[far].count(now) {
            self.broken(number, broken);
        }
    }
}
