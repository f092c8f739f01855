//! The time between "dialled" and "attached": a login that hangs is given up, with what it looks like.
//!
//! A path that swallows large packets without a word (a VPN whose MTU is not what its ends believe) lets the connection be made and the
//! banners pass, and then hangs in the key exchange, whose packets are the first large ones. ssh itself would wait for ever.

use std::time::Duration;

use netroam_platform::{Path, clock::Time};

use super::{Action, GivenUp, Phase, Reason, RunId, Segments, Stage, Status, Supervisor};

/// How long the server's answer to the key exchange may take: three round trips and two machines' arithmetic, no person (measured: 0.2 s
/// on two slow cores, 0.4 s with a round trip of 100 ms).
pub(super) const KEY_EXCHANGE: Duration = Duration::from_secs(15);

/// How long the rest may take where nobody is asked anything: a key, at most a touch of one, and what the server does at a login. Half of
/// what a server grants (`LoginGraceTime` of `sshd_config(5)`: 120 s).
const AUTHENTICATION: Duration = Duration::from_secs(60);

impl Supervisor {
    pub(super) fn key_exchanged(&mut self, now: Time, id: RunId) {
        if let Phase::Running(run) = &mut self.phase
            && run.id == id
            && run.authenticated.is_none()
            && run.deadline.is_some()
        {
            // A person takes the time that it takes.
            run.deadline = (!run.questions).then(|| now + AUTHENTICATION);
            run.key_exchanged = true;
        }
    }

    pub(super) fn give_up_login_if_due(&mut self, now: Time) {
        let Phase::Running(run) = &self.phase else {
            return;
        };
        if run.deadline.is_none_or(|deadline| deadline > now) {
            return;
        }
        let id = run.id;
        let interface = run.path.as_ref().map(|path| path.interface.clone());
        let stage = if run.key_exchanged {
            Stage::Authentication
        } else {
            Stage::KeyExchange
        };
        let reason = Reason::Stuck(stage);
        // The answer to the key exchange was a large packet already.
        if stage == Stage::KeyExchange {
            self.small = interface;
        }
        self.phase = Phase::Seeking;
        let given_up = GivenUp {
            reason: reason.clone(),
            authenticated: false,
        };
        self.ending.insert(id, given_up);
        self.act(Action::End { run: id, reason });
        self.wait_and_seek(now);
        if !self.waits_for_wanted() {
            let segments = match stage {
                Stage::KeyExchange if self.small.is_some() => Segments::Small,
                Stage::KeyExchange | Stage::Authentication => Segments::Usual,
            };
            self.show(Status::RetryingLogin { stage, segments });
        }
    }

    /// Whether large packets were swallowed over the interface of `path`.
    pub(super) fn small_over(&self, path: &Path) -> bool {
        self.small.as_ref() == Some(&path.interface)
    }
}
