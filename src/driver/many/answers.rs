//! What is asked on the control socket, and what is told there to be done.

use tokio::sync::oneshot;

use super::{Life, Many, Order, Then};
use crate::control::{Question, Request};

impl Many {
    pub(super) fn answer(&mut self, request: Request) {
        match request.question.clone() {
            Question::Status => self.report(request),
            Question::Follow => {
                self.followers.borrow_mut().add(request);
                for (name, kept) in &self.kept {
                    if let Some(status) = kept.at_rest(name) {
                        self.followers.borrow_mut().tell(&status);
                    }
                    kept.order(Order::Publish);
                }
            }
            Question::Retry(id) => {
                let Some(kept) = self.kept.get_mut(&id).filter(|_| !self.ending) else {
                    return request.done(&[]);
                };
                if matches!(kept.life, Life::Over(_)) {
                    self.begin_again(id.clone());
                } else if !kept.revive() {
                    kept.order(Order::Retry { insist: true });
                }
                request.done(&[id]);
            }
            Question::Stop(id) => {
                let Some(kept) = self.kept.get_mut(&id) else {
                    return request.done(&[]);
                };
                if !kept.end(Then::Nothing) && matches!(kept.life, Life::Pending) {
                    self.over(&id, "stopped".into());
                }
                request.done(&[id]);
            }
        }
    }

    /// Collects how all of them are.
    fn report(&self, request: Request) {
        let mut statuses = Vec::new();
        let mut waiting = Vec::new();
        for (name, kept) in &self.kept {
            let (answer, answered) = oneshot::channel();
            match kept.at_rest(name) {
                Some(status) => statuses.push(status),
                None if kept.order(Order::Tell(answer)) => waiting.push(answered),
                // It ends just now.
                None => {}
            }
        }
        tokio::task::spawn_local(async move {
            for answered in waiting {
                // One that ends meanwhile does not answer.
                statuses.extend(answered.await);
            }
            request.answer(&statuses);
        });
    }
}
