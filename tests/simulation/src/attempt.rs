//! One attempt to reach the first hop, as `connect::dial` makes it: names, addresses raced, SYNs sent again, the banner.

use std::{
    collections::VecDeque,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use netroam::{
    connect::{Failure, banner::SILENCE, dial::PATIENCE, race::DELAY},
    supervisor::{AttemptId, Input, Wanted},
};
use netroam_platform::{Lookup, clock::Time};

use crate::{
    banner::{distance, first_words},
    passage::{Passage, Syn, Tcp},
    session::{Waiting, connection},
    simulation::{Event, Simulation},
    world::Names,
};

/// When the kernel sends a SYN again, after the one before.
const AGAIN: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];

/// An attempt in flight.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that do not exclude each other"
)]
pub(crate) struct Attempt {
    over: Wanted,
    small: bool,
    candidates: VecDeque<IpAddr>,
    connecting: Vec<IpAddr>,
    /// The resolver has answered.
    answered: bool,
    tried: bool,
    /// Its time is over.
    late: bool,
    failure: Option<Failure>,
    /// It has reached this, and waits for the banner until then.
    pub(crate) reached: Option<(Tcp, Time)>,
    /// It waits for its turn.
    pub(crate) waiting: Option<Waiting>,
}

/// What goes on in an attempt.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// The resolver answers.
    Resolved(Names, Vec<IpAddr>),
    /// The resolver took too long: the known ones are tried.
    Known,
    /// The next address is due.
    Next,
    /// A SYN is sent again, from there.
    Again(IpAddr, IpAddr, usize),
    /// What comes of a SYN arrives.
    Answer(IpAddr, Syn),
    /// The server's first words might be there.
    Banner,
    /// It has lasted too long.
    End,
}

impl Simulation {
    pub(crate) fn dial(&mut self, number: usize, id: AttemptId, over: Wanted, small: bool) {
        let queue = self.take_turn(number);
        let session = &mut self.sessions[number];
        let waits = queue.is_some();
        let mut attempt = Attempt {
            over,
            small,
            candidates: VecDeque::new(),
            connecting: Vec::new(),
            answered: false,
            tried: false,
            late: false,
            failure: None,
            reached: None,
            waiting: queue.map(Waiting::at),
        };
        // Stands in the queue.
        let place = attempt.waiting.as_mut().and_then(Waiting::place);
        session.attempts.insert(id, attempt);
        if waits {
            self.tell(number, Input::Reached(id));
        }
        if let Some(place) = place {
            self.admit(number, id, place);
        } else if !waits {
            self.begin_attempt(number, id);
        }
    }

    pub(crate) fn admit(&mut self, number: usize, id: AttemptId, place: netroam::driver::Place) {
        let session = &mut self.sessions[number];
        if let Some(turn) = &mut session.turn {
            turn.admit(place);
        }
        if let Some(attempt) = session.attempts.get_mut(&id) {
            attempt.waiting = None;
            self.begin_attempt(number, id);
        }
    }

    fn begin_attempt(&mut self, number: usize, id: AttemptId) {
        let session = &mut self.sessions[number];
        let (names, addresses) = self.world.resolve(session.kind.server);
        let takes = match names {
            Names::Good | Names::NoSuch | Names::Lying => session.dice.millis(1, 40),
            Names::Slow => session.dice.millis(500, 4000),
            Names::Broken => session.dice.millis(1, 2000),
            Names::Hanging => Duration::from_secs(3600),
        };
        if !session.good.is_empty() {
            self.attempt_after(DELAY, number, id, Step::Known);
        }
        self.attempt_after(takes, number, id, Step::Resolved(names, addresses));
        self.attempt_after(PATIENCE, number, id, Step::End);
    }

    fn attempt_after(&mut self, wait: Duration, number: usize, id: AttemptId, step: Step) {
        self.agenda.after(wait, Event::Attempt(number, id, step));
    }

    pub(crate) fn attempt(&mut self, number: usize, id: AttemptId, step: Step) {
        let now = self.agenda.now();
        let session = &mut self.sessions[number];
        let good = session.good.clone();
        let Some(attempt) = session.attempts.get_mut(&id) else {
            return;
        };
        match step {
            Step::Resolved(names, addresses) => {
                attempt.answered = true;
                if addresses.is_empty() {
                    let failure = if names == Names::NoSuch {
                        Failure::NoSuchName("Name or service not known".into())
                    } else {
                        Failure::Resolve("Temporary failure in name resolution".into())
                    };
                    attempt.fail(failure);
                    attempt.candidates.extend(good);
                } else {
                    let (known, new): (Vec<_>, Vec<_>) = addresses
                        .iter()
                        .copied()
                        .partition(|address| good.contains(address));
                    attempt.candidates.extend(known.into_iter().chain(new));
                    if session.learn(&addresses) {
                        self.look_now(number);
                    }
                }
                self.next_address(number, id);
            }
            Step::Known => {
                if !attempt.answered && !attempt.tried {
                    attempt.candidates.extend(good);
                    self.next_address(number, id);
                }
            }
            Step::Next => self.next_address(number, id),
            Step::Again(local, peer, times) => {
                if attempt.connecting.contains(&peer) && attempt.reached.is_none() {
                    let small = attempt.small;
                    let syn = self.world.syn(Some(local), peer, small, now);
                    self.sent(number, id, local, peer, syn, times);
                }
            }
            Step::Answer(peer, syn) => self.answered(number, id, peer, syn),
            Step::Banner => self.banner(number, id),
            Step::End => {
                // As long again is left to the server for its banner.
                attempt.late = true;
                if attempt.reached.is_none() {
                    let failure = if attempt.tried {
                        Failure::TimedOut
                    } else {
                        Failure::Resolve("no answer from the resolver".into())
                    };
                    attempt.fail(failure);
                    self.give_up(number, id);
                }
            }
        }
    }

    fn next_address(&mut self, number: usize, id: AttemptId) {
        let now = self.agenda.now();
        let session = &mut self.sessions[number];
        let Some(attempt) = session
            .attempts
            .get_mut(&id)
            .filter(|attempt| attempt.reached.is_none())
        else {
            return;
        };
        let next = attempt.candidates.pop_front().filter(|_| !attempt.late);
        let Some(peer) = next else {
            if attempt.late || (attempt.answered && attempt.connecting.is_empty()) {
                self.give_up(number, id);
            }
            return;
        };
        attempt.tried = true;
        if let Some(astray) = astray(&attempt.over, peer, &self.world.lookup(peer)) {
            attempt.fail(astray);
            return self.next_address(number, id);
        }
        let (small, path) = (attempt.small, self.world.route(peer).ok());
        if let Err(broken) = session.books.sends(path.as_ref().map(|(_, path)| path), id) {
            self.broken(number, broken);
            return;
        }
        let syn = self.world.syn(None, peer, small, now);
        if let Some((_, path)) = path {
            attempt.connecting.push(peer);
            self.sent(number, id, path.source, peer, syn, 0);
            self.attempt_after(DELAY, number, id, Step::Next);
        } else {
            attempt.fail(Failure::Unreachable(format!(
                "{peer}: Network is unreachable"
            )));
            self.next_address(number, id);
        }
    }

    fn sent(
        &mut self,
        number: usize,
        id: AttemptId,
        local: IpAddr,
        peer: IpAddr,
        syn: Syn,
        times: usize,
    ) {
        match &syn {
            Syn::Refused(trip) | Syn::Accepted(trip, _) => {
                let trip = *trip;
                self.attempt_after(trip, number, id, Step::Answer(peer, syn));
            }
            Syn::Silence | Syn::Unreachable => {
                if let Some(wait) = AGAIN.get(times) {
                    self.attempt_after(*wait, number, id, Step::Again(local, peer, times + 1));
                }
            }
        }
    }

    fn answered(&mut self, number: usize, id: AttemptId, peer: IpAddr, syn: Syn) {
        let now = self.agenda.now();
        let session = &mut self.sessions[number];
        let Some(attempt) = session.attempts.get_mut(&id) else {
            return;
        };
        if attempt.reached.is_some() || !attempt.connecting.contains(&peer) {
            return;
        }
        attempt.connecting.retain(|connecting| *connecting != peer);
        match syn {
            Syn::Accepted(trip, tcp) => {
                // The others are given up, and tried again if this is no ssh server.
                let others = std::mem::take(&mut attempt.connecting);
                others
                    .into_iter()
                    .rev()
                    .for_each(|other| attempt.candidates.push_front(other));
                attempt.reached = Some((tcp, now + SILENCE));
                if let Some(turn) = &mut session.turn {
                    turn.used();
                }
                self.attempt_after(trip, number, id, Step::Banner);
                self.tell(number, Input::Reached(id));
            }
            Syn::Refused(_) => {
                attempt.fail(Failure::Refused(SocketAddr::new(peer, 22)));
                self.next_address(number, id);
            }
            Syn::Silence | Syn::Unreachable => {}
        }
    }

    fn banner(&mut self, number: usize, id: AttemptId) {
        let now = self.agenda.now();
        let session = &mut self.sessions[number];
        let Some(attempt) = session.attempts.get_mut(&id) else {
            return;
        };
        let Some((tcp, until)) = attempt.reached.take() else {
            return;
        };
        let peer = SocketAddr::new(tcp.peer, 22);
        let heard = match self.world.passage(&tcp, now) {
            Passage::Through(_) => first_words(&self.world.servers, &tcp, now),
            Passage::Reset(_) => Some(Err(Failure::Closed(peer))),
            Passage::Lost => None,
        };
        match heard {
            Some(Ok(())) => self.connected(number, id, tcp),
            None if now < until => {
                attempt.reached = Some((tcp, until));
                let wait = until.since(now).min(Duration::from_millis(700));
                self.attempt_after(wait, number, id, Step::Banner);
            }
            None | Some(Err(_)) => {
                attempt.fail(heard.and_then(Result::err).unwrap_or(Failure::Silent(peer)));
                self.close_unused(number, &tcp);
                self.next_address(number, id);
            }
        }
    }

    fn connected(&mut self, number: usize, id: AttemptId, tcp: Tcp) {
        let connection = connection(&tcp);
        let session = &mut self.sessions[number];
        session.attempts.remove(&id);
        session.past_attempts.push(id);
        session.sockets.insert(id, tcp);
        if session.learn_good(connection.peer) {
            self.look_now(number);
        }
        self.tell(
            number,
            Input::Connected {
                attempt: id,
                connection,
            },
        );
    }

    fn give_up(&mut self, number: usize, id: AttemptId) {
        let session = &mut self.sessions[number];
        let Some(attempt) = session.attempts.remove(&id) else {
            return;
        };
        session.past_attempts.push(id);
        let failure = attempt.failure.unwrap_or(Failure::TimedOut);
        self.tell(
            number,
            Input::NotConnected {
                attempt: id,
                failure,
            },
        );
        // While others wait, this session is not to try again before it has seen what comes of the attempts it has.
        let session = &self.sessions[number];
        let full = session
            .turn
            .as_ref()
            .is_some_and(netroam::driver::Turn::is_full);
        if let (true, Some(last)) = (full, session.attempts.keys().next_back().copied()) {
            self.tell(number, Input::Reached(last));
        }
    }

    pub(crate) fn discard(&mut self, number: usize, id: AttemptId) {
        let session = &mut self.sessions[number];
        let attempt = session
            .attempts
            .remove(&id)
            .and_then(|attempt| attempt.reached)
            .map(|(tcp, _)| tcp);
        let socket = session.sockets.remove(&id);
        session.past_attempts.push(id);
        for tcp in attempt.into_iter().chain(socket) {
            self.close_unused(number, &tcp);
        }
    }

    /// A connection ends without a login.
    pub(crate) fn close_unused(&mut self, number: usize, tcp: &Tcp) {
        self.unused(number, tcp, Duration::from_secs(1));
    }
}

impl Attempt {
    /// Notes why it failed; what came further counts.
    fn fail(&mut self, failure: Failure) {
        if self
            .failure
            .as_ref()
            .is_none_or(|earlier| distance(earlier) < distance(&failure))
        {
            self.failure = Some(failure);
        }
    }
}

/// Why nothing is sent to an address, where only certain paths are wanted.
fn astray(over: &Wanted, peer: IpAddr, lookup: &Lookup) -> Option<Failure> {
    if *over == Wanted::Anything || matches!(lookup, Lookup::Found(path) if over.admits(path)) {
        return None;
    }
    Some(Failure::Astray(format!(
        "{peer} is not reached over {over}"
    )))
}
