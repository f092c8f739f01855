//! What a person who looks elsewhere is told.

use super::Driver;
use crate::{
    alert::{Need, Occasion},
    connect::Failure,
    report,
    supervisor::{self, Exit, Status},
};

impl Driver {
    /// Notes what the session is doing, and tells it where a person is needed.
    pub(super) fn show(&mut self, status: Status) {
        tracing::info!(?status, "status");
        if let Status::Attaching { outage, .. } = &status {
            self.outage = *outage;
        }
        if let Some(occasion) = occasion(&self.session.host, &status) {
            self.alerts.tell(occasion);
        }
        self.shown = Some(status);
    }

    pub(super) fn tell_attached(&mut self) {
        let outage = self.outage.take();
        self.alerts.tell(Occasion::Attached { outage });
    }

    /// Leaves the loop.
    pub(super) fn exit(&mut self, exit: Exit) {
        let told = matches!(
            self.shown,
            Some(Status::Parked(supervisor::Need::TakenOver))
        );
        if exit == Exit::TakenOver && !told {
            self.alerts.tell(Occasion::TakenOver);
        }
        self.exit = Some(exit);
    }
}

/// What is worth telling of a status: that only a person can bring the session back.
fn occasion(host: &str, status: &Status) -> Option<Occasion> {
    let need = match status {
        Status::Waiting { .. } => Need::Tunnel,
        Status::Retrying(Failure::NoSuchName(_)) => Need::Name,
        Status::Retrying(Failure::Closed(_) | Failure::Silent(_) | Failure::Foreign { .. }) => {
            Need::Portal
        }
        Status::Parked(supervisor::Need::Question(_)) => Need::Question,
        Status::Parked(supervisor::Need::ContextGone) => Need::Context,
        Status::Parked(supervisor::Need::TakenOver) => return Some(Occasion::TakenOver),
        Status::Retrying(
            Failure::Resolve(_)
            | Failure::Astray(_)
            | Failure::Unreachable(_)
            | Failure::TimedOut
            | Failure::Local(_)
            | Failure::Refused(_)
            | Failure::Busy { .. },
        )
        | Status::Attaching { .. }
        | Status::Dialling(_)
        | Status::NoPath(_)
        | Status::Holding(_)
        | Status::RetryingSsh(_)
        | Status::RetryingLogin { .. } => return None,
    };
    let (text, _) = report::state(host, status);
    Some(Occasion::Waiting { need, text })
}
