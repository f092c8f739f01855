//! What others want of a session: clients of the control socket, and whoever keeps all sessions of the process.

use netroam_platform::clock;
use tokio::sync::{mpsc, oneshot};

use super::Driver;
use crate::{
    control::{self, Listener, Question, Request},
    supervisor::{Input, Wish},
};

/// What whoever keeps all sessions of the process wants of one.
#[derive(Debug)]
pub(super) enum Order {
    /// Try now. Unless somebody insists, not past what is waited for: a tunnel, or a person's word that the session is to be taken back.
    Retry { insist: bool },
    /// End.
    End,
    /// Say how it is.
    Tell(oneshot::Sender<control::Status>),
    /// Say it to those who follow.
    Publish,
}

impl Driver {
    /// How the session is, for whoever asks.
    pub(super) fn told(&self) -> control::Status {
        let live = self.runs.iter().rev().find(|(_, run)| !run.silenced);
        let next = self.supervisor.poll_timeout();
        self.account.status(
            &self.session,
            live.map(|(id, run)| (*id, run)),
            next.map(|next| next.since(clock::now())),
        )
    }

    /// Tells whoever follows.
    pub(super) fn publish(&self) {
        let mut followers = self.followers.borrow_mut();
        if !followers.is_empty() {
            followers.tell(&self.told());
        }
    }

    /// Does what a client asks for.
    pub(super) fn answer(&mut self, request: Request) {
        let order = match &request.question {
            Question::Status => return request.answer(&[self.told()]),
            Question::Follow => {
                self.followers.borrow_mut().add(request);
                return self.publish();
            }
            Question::Retry(id) if *id == self.session.id() => Order::Retry { insist: true },
            Question::Stop(id) if *id == self.session.id() => Order::End,
            Question::Retry(_) | Question::Stop(_) => return request.done(&[]),
        };
        request.done(&[self.session.id()]);
        self.obey(order);
    }

    pub(super) fn obey(&mut self, order: Order) {
        match order {
            Order::Retry { insist } => {
                tracing::info!(insist, "told to try now");
                if insist || !self.account.state().waits_for_word() {
                    self.tell(Input::Person(Wish::Now));
                }
            }
            Order::End => {
                tracing::info!("told to end");
                self.tell(Input::Quit(nix::libc::SIGTERM));
            }
            // Whoever asked has gone.
            Order::Tell(answer) => drop(answer.send(self.told())),
            Order::Publish => self.publish(),
        }
    }
}

pub(super) async fn next_request(control: &mut Option<Listener>) -> Request {
    match control {
        Some(control) => control.next().await,
        None => std::future::pending().await,
    }
}

pub(super) async fn next_order(orders: &mut Option<mpsc::UnboundedReceiver<Order>>) -> Order {
    match orders {
        // Whoever keeps all sessions outlives them.
        Some(orders) => match orders.recv().await {
            Some(order) => order,
            None => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}
