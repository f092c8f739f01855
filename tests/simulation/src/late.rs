//! Messages that come again, or too late.

use netroam::{
    connect::Failure,
    ssh::Ending,
    supervisor::{Answer, AttemptId, Connection, Input, RunId},
};

use crate::{address::outer_addresses, occurrence::Late, simulation::Simulation};

impl Simulation {
    /// Tells something again, or too late: of a run or an attempt that is over.
    pub(crate) fn late(&mut self, number: usize, late: Late) {
        let session = &self.sessions[number];
        let run = session
            .past_runs
            .last()
            .copied()
            .filter(|run| !session.children.contains_key(run));
        let attempt = session.past_attempts.last().copied();
        let attempt = attempt.filter(|attempt| {
            !session.attempts.contains_key(attempt) && !session.sockets.contains_key(attempt)
        });
        let connection = Connection {
            local: [10, 1, 0, 2].into(),
            peer: outer_addresses()[0],
        };
        let of_run = |run: RunId| match late {
            Late::Silent => Input::Probed {
                run,
                answer: Answer::Silent,
            },
            Late::Alive => Input::Probed {
                run,
                answer: Answer::Alive,
            },
            Late::Authenticated => Input::Authenticated(run),
            Late::KeyExchanged => Input::KeyExchanged(run),
            Late::Mute => Input::Mute {
                run,
                why: "late".into(),
            },
            Late::Assumed => Input::Assumed {
                run,
                connection: Some(connection.clone()),
            },
            Late::Ended | Late::Connected | Late::NotConnected | Late::Reached => Input::Ended {
                run,
                ending: Ending::Lost { why: "late".into() },
                unacknowledged: true,
            },
        };
        let of_attempt = |attempt: AttemptId| match late {
            Late::Connected => Some(Input::Connected {
                attempt,
                connection: connection.clone(),
            }),
            Late::NotConnected => Some(Input::NotConnected {
                attempt,
                failure: Failure::TimedOut,
            }),
            Late::Reached => Some(Input::Reached(attempt)),
            Late::Silent
            | Late::Alive
            | Late::Authenticated
            | Late::KeyExchanged
            | Late::Mute
            | Late::Assumed
            | Late::Ended => None,
        };
        let input = match (attempt.and_then(of_attempt), late) {
            (Some(input), _) => Some(input),
            (None, Late::Connected | Late::NotConnected | Late::Reached) => None,
            (None, _) => run.map(of_run),
        };
        if let Some(input) = input {
            self.sessions[number].books.late(&input);
            self.tell(number, input);
        }
    }
}
