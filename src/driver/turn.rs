//! A session's turn at its server, where many sessions live in one process: see [`super::queue`].

use std::time::Duration;

use tokio::task::AbortHandle;

use super::{
    Driver, Message,
    act::report_to,
    queue::{Place, Queue, REFUSED, UNHEARD, UNUSED},
};
use crate::{
    ssh::Ending,
    supervisor::{AttemptId, Input, Purpose, RunId},
};

/// Where a session stands in the queue of its server, and what it owes. It is told what happened and asks no clock.
#[derive(Debug)]
pub struct Turn {
    queue: Queue,
    place: Option<Place>,
    /// What it costs to give the place back without a login: something, once the server has seen a connection.
    price: Option<Duration>,
    /// The run that logs in.
    run: Option<RunId>,
}

/// A run of an ssh that dials by itself, which waits for its turn.
#[derive(Debug)]
pub(super) struct Postponed {
    run: RunId,
    questions: bool,
    purpose: Purpose,
    waiting: AbortHandle,
}

impl Turn {
    /// Stands nowhere in this queue yet.
    pub fn new(queue: Queue) -> Self {
        Self {
            queue,
            place: None,
            price: None,
            run: None,
        }
    }

    /// Takes a place, or gives the queue to wait in. A place that was used in vain is not used once more: it comes second, with what it costs.
    pub fn take(&mut self) -> (Option<Queue>, Option<(Place, Duration)>) {
        let spent = self.price.take().and_then(|price| {
            // Nobody dials beside a login: that one is given up, and on its way out.
            let given_up = self.run.take().is_some();
            let price = if given_up { UNHEARD } else { price };
            self.place.take().map(|place| (place, price))
        });
        if self.place.is_none() {
            self.place = self.queue.enter();
        }
        let queue = self.place.is_none().then(|| self.queue.clone());
        (queue, spent)
    }

    /// The place for which was waited; one too many is given back.
    pub fn admit(&mut self, place: Place) {
        self.place.get_or_insert(place);
    }

    /// The server has seen a connection, or one more, which costs something unless it logs in.
    pub fn used(&mut self) {
        if self.place.is_some() {
            *self.price.get_or_insert_default() += UNUSED;
        }
    }

    /// This run logs in, and has the place until it has.
    pub fn login(&mut self, run: RunId) {
        self.run = Some(run);
    }

    /// This run has logged in.
    pub fn logged_in(&mut self, run: RunId) {
        if self.run.take_if(|logging_in| *logging_in == run).is_some() {
            self.price = None;
        }
    }

    /// This run has ended, perhaps without a login.
    pub fn ended(&mut self, run: RunId, ending: &Ending) {
        if self.run.take_if(|logging_in| *logging_in == run).is_none() {
            return;
        }
        // Where ssh dials, nothing is heard of a connection that does not come to its banner.
        if self.price.is_none() {
            if matches!(
                ending,
                Ending::TurnedAway { .. } | Ending::Unreachable { .. } | Ending::EndedByUs
            ) {
                self.used();
            }
            return;
        }
        let Some(price) = &mut self.price else { return };
        if matches!(ending, Ending::Denied { .. }) {
            *price = REFUSED;
        } else if *ending == Ending::EndedByUs {
            *price = UNHEARD;
        }
    }

    /// Gives up the place, with what that costs, unless a run that logs in needs it. For when no attempt, and nothing that waits, does.
    pub fn give_back(&mut self) -> Option<(Place, Option<Duration>)> {
        if self.run.is_some() {
            return None;
        }
        let price = self.price.take();
        self.place.take().map(|place| (place, price))
    }

    /// Whether others wait, or would.
    pub fn is_full(&self) -> bool {
        self.queue.is_full()
    }
}

impl Driver {
    /// Takes a place, or gives the queue to wait in. A session alone in its process needs none.
    pub(super) fn take_turn(&mut self) -> Option<Queue> {
        let (queue, spent) = self.turn.as_mut()?.take();
        if let Some((place, price)) = spent {
            place.wasted(price);
        }
        queue
    }

    /// Starts the run when it is its turn.
    pub(super) fn postpone(&mut self, queue: Queue, run: RunId, questions: bool, purpose: Purpose) {
        let messages = self.messages.clone();
        let waiting = tokio::spawn(async move {
            let place = queue.wait().await;
            report_to(&messages, Message::Admitted(place));
        });
        self.postponed = Some(Postponed {
            run,
            questions,
            purpose,
            waiting: waiting.abort_handle(),
        });
    }

    /// Gives up a run that has not been started yet.
    pub(super) fn forget_postponed(&mut self, run: RunId) {
        if let Some(postponed) = self.postponed.take_if(|postponed| postponed.run == run) {
            postponed.waiting.abort();
            self.tell(Input::Ended {
                run,
                ending: Ending::EndedByUs,
                unacknowledged: false,
            });
        }
    }

    /// It is this session's turn.
    pub(super) fn admitted(&mut self, place: Place) {
        let Some(turn) = &mut self.turn else { return };
        turn.admit(place);
        if let Some(postponed) = self.postponed.take() {
            let Postponed {
                run,
                questions,
                purpose,
                ..
            } = postponed;
            self.start(run, None, questions, purpose);
        }
    }

    /// The server has seen a connection, which costs something unless it logs in.
    pub(super) fn turn_is_used(&mut self) {
        if let Some(turn) = &mut self.turn {
            turn.used();
        }
    }

    /// Gives the place back when nothing needs it any more.
    pub(super) fn review_turn(&mut self) {
        let idle = self.attempts.is_empty() && self.sockets.is_empty() && self.postponed.is_none();
        let Some(turn) = self.turn.as_mut().filter(|_| idle) else {
            return;
        };
        if let Some((place, Some(price))) = turn.give_back() {
            place.wasted(price);
        }
    }

    /// While others wait, this session is not to try again before it has seen what comes of this attempt.
    pub(super) fn make_room(&mut self) {
        let full = self.turn.as_ref().is_some_and(Turn::is_full);
        if let (true, Some(last)) = (full, self.attempts.keys().next_back().copied()) {
            self.wait_for(last);
        }
    }

    /// Lets the supervisor try nothing else before something has come of this attempt: as if the server had it already.
    pub(super) fn wait_for(&mut self, attempt: AttemptId) {
        self.tell(Input::Reached(attempt));
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::driver::Queues;

    const RUN: RunId = RunId(1);

    fn turn() -> Turn {
        Turn::new(Rc::new(Queues::default()).of("gw1", 22))
    }

    #[test]
    fn a_place_that_was_used_in_vain_is_not_used_once_more() {
        let mut turn = turn();
        assert!(turn.take().0.is_none(), "there is a place");
        turn.used();
        turn.login(RUN);
        // Its path goes: it is dialled again before ssh is gone.
        let (waits, spent) = turn.take();
        assert!(waits.is_none(), "there is another place");
        assert_eq!(spent.map(|(_, price)| price), Some(UNHEARD));
        turn.ended(RUN, &Ending::EndedByUs);
        turn.used();
        turn.login(RunId(2));
        turn.logged_in(RunId(2));
        assert!(matches!(turn.give_back(), Some((_, None))));
    }

    #[test]
    fn each_connection_that_the_server_saw_costs_something() {
        let mut turn = turn();
        assert!(turn.take().0.is_none());
        turn.used();
        turn.used();
        assert!(matches!(turn.give_back(), Some((_, Some(price))) if price == UNUSED * 2));
        assert!(turn.take().0.is_none());
        turn.login(RUN);
        let why = "closed before the banner".into();
        turn.ended(RUN, &Ending::Unreachable { why });
        assert!(matches!(turn.give_back(), Some((_, Some(UNUSED)))));
    }
}
