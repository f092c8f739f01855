//! One of many sessions: what the configuration says of it, and what has become of it.

use tokio::sync::mpsc;

use super::Order;
use crate::{
    config::Named, control::Status, record::State, report, ssh::host_of, supervisor::Exit,
};

/// A session of the configuration.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) named: Named,
    pub(super) life: Life,
}

#[derive(Debug)]
pub(super) enum Life {
    /// Its turn to begin will come.
    Pending,
    Live {
        orders: mpsc::UnboundedSender<Order>,
        /// It was told to end, and this follows.
        then: Option<Then>,
    },
    /// Over, with this last status.
    Over(Box<Status>),
}

/// What follows the end of a session that was told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// It stays as one that is over.
    Nothing,
    /// It begins again: its configuration has changed.
    Again,
    /// It is forgotten: it is not in the configuration any more.
    Forget,
}

impl Kept {
    /// Gives a live one an order; whether it takes one.
    pub(super) fn order(&self, order: Order) -> bool {
        match &self.life {
            Life::Live { orders, .. } => orders.send(order).is_ok(),
            Life::Pending | Life::Over(_) => false,
        }
    }

    /// Tells a live one to end; whether there is something to end.
    pub(super) fn end(&mut self, what_then: Then) -> bool {
        match &mut self.life {
            Life::Live { orders, then } => {
                *then = Some(what_then);
                orders.send(Order::End).is_ok()
            }
            Life::Pending | Life::Over(_) => false,
        }
    }

    /// Has one that was told to end begin again when it has ended; whether it was told to.
    pub(super) fn revive(&mut self) -> bool {
        match &mut self.life {
            Life::Live { then, .. } => then.as_mut().map(|then| *then = Then::Again).is_some(),
            Life::Pending | Life::Over(_) => false,
        }
    }

    /// It ends because the configuration does not have it any more.
    pub(super) fn is_being_forgotten(&self) -> bool {
        match &self.life {
            Life::Live { then, .. } => *then == Some(Then::Forget),
            Life::Pending | Life::Over(_) => false,
        }
    }

    /// How one is that has no driver now.
    pub(super) fn at_rest(&self, name: &str) -> Option<Status> {
        match &self.life {
            Life::Live { .. } => None,
            Life::Pending => Some(self.idle(
                name,
                State::Connecting,
                "waits for its turn to begin".into(),
            )),
            Life::Over(status) => Some(Status::clone(status)),
        }
    }

    pub(super) fn was_stopped(&self) -> bool {
        matches!(&self.life, Life::Over(status) if status.text == report::ended(&Exit::Signal(0)))
    }

    pub(super) fn idle(&self, name: &str, state: State, text: String) -> Status {
        Status::idle(name, host_of(&self.named.host), state, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_ends_can_be_told_to_begin_again_and_one_that_does_not_need_not() {
        let (orders, _taken) = mpsc::unbounded_channel();
        let life = Life::Live { orders, then: None };
        let named = Named::default();
        let mut kept = Kept { named, life };
        assert!(!kept.revive() && !kept.is_being_forgotten());
        for then in [Then::Nothing, Then::Forget] {
            assert!(kept.end(then));
            assert_eq!(kept.is_being_forgotten(), then == Then::Forget);
            assert!(kept.revive());
            assert!(matches!(
                kept.life,
                Life::Live {
                    then: Some(Then::Again),
                    ..
                }
            ));
        }
        kept.life = Life::Pending;
        assert!(!kept.revive());
    }
}
