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

/// Where a session stands in the queue of its server.
#[derive(Debug)]
pub(super) struct Turn {
    queue: Queue,
    place: Option<Place>,
    /// What it costs to give the place back without a login: something, once the server has seen a connection.
    price: Option<Duration>,
    /// The run that logs in.
    run: Option<RunId>,
    /// A run of an ssh that dials by itself, which waits for its turn.
    postponed: Option<Postponed>,
}

#[derive(Debug)]
struct Postponed {
    run: RunId,
    questions: bool,
    purpose: Purpose,
    waiting: AbortHandle,
}

impl Turn {
    pub(super) fn new(queue: Queue) -> Self {
        Self {
            queue,
            place: None,
            price: None,
            run: None,
            postponed: None,
        }
    }
}

impl Driver {
    /// Takes a place, or gives the queue to wait in. A session alone in its process needs none.
    pub(super) fn take_turn(&mut self) -> Option<Queue> {
        let turn = self.turn.as_mut()?;
        if turn.place.is_none() {
            turn.place = turn.queue.enter();
        }
        turn.place.is_none().then(|| turn.queue.clone())
    }

    /// Starts the run when it is its turn.
    pub(super) fn postpone(&mut self, queue: Queue, run: RunId, questions: bool, purpose: Purpose) {
        let messages = self.messages.clone();
        let waiting = tokio::spawn(async move {
            let place = queue.wait().await;
            report_to(&messages, Message::Admitted(place));
        });
        if let Some(turn) = &mut self.turn {
            turn.postponed = Some(Postponed {
                run,
                questions,
                purpose,
                waiting: waiting.abort_handle(),
            });
        }
    }

    /// Gives up a run that has not been started yet.
    pub(super) fn forget_postponed(&mut self, run: RunId) {
        let Some(turn) = &mut self.turn else { return };
        if let Some(postponed) = turn.postponed.take_if(|postponed| postponed.run == run) {
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
        turn.place.get_or_insert(place);
        if let Some(postponed) = turn.postponed.take() {
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
        if let Some(turn) = &mut self.turn
            && turn.place.is_some()
        {
            turn.price = Some(UNUSED);
        }
    }

    /// This run logs in, and has the place until it has.
    pub(super) fn turn_of(&mut self, run: RunId) {
        if let Some(turn) = &mut self.turn {
            turn.run = Some(run);
        }
    }

    /// This run has logged in.
    pub(super) fn turn_is_over(&mut self, run: RunId) {
        if let Some(turn) = &mut self.turn
            && turn.run.take_if(|logging_in| *logging_in == run).is_some()
        {
            turn.price = None;
        }
    }

    /// This run has ended, perhaps without a login.
    pub(super) fn turn_ended(&mut self, run: RunId, ending: &Ending) {
        let Some(turn) = &mut self.turn else { return };
        if turn.run.take_if(|logging_in| *logging_in == run).is_none() {
            return;
        }
        let Some(price) = &mut turn.price else { return };
        if matches!(ending, Ending::Denied { .. }) {
            *price = REFUSED;
        } else if *ending == Ending::EndedByUs {
            *price = UNHEARD;
        }
    }

    /// Gives the place back when nothing needs it any more.
    pub(super) fn review_turn(&mut self) {
        let idle = self.attempts.is_empty() && self.sockets.is_empty();
        let Some(turn) = &mut self.turn else { return };
        if !idle || turn.run.is_some() || turn.postponed.is_some() {
            return;
        }
        let (place, price) = (turn.place.take(), turn.price.take());
        if let (Some(place), Some(price)) = (place, price) {
            place.wasted(price);
        }
    }

    /// While others wait, this session is not to try again before it has seen what comes of this attempt.
    pub(super) fn make_room(&mut self) {
        let full = self.turn.as_ref().is_some_and(|turn| turn.queue.is_full());
        if let (true, Some(last)) = (full, self.attempts.keys().next_back().copied()) {
            self.wait_for(last);
        }
    }

    /// Lets the supervisor try nothing else before something has come of this attempt: as if the server had it already.
    pub(super) fn wait_for(&mut self, attempt: AttemptId) {
        self.tell(Input::Reached(attempt));
    }
}
