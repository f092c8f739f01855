//! The time between "dialled" and "attached": a login that hangs is given up, with what it looks like.
//!
//! A path that swallows large packets without a word (a VPN whose MTU is not what its ends believe) lets the connection be made and the
//! banners pass, and then hangs in the key exchange, whose packets are the first large ones. ssh itself would wait for ever.

use std::time::Duration;

use netroam_platform::{Path, clock::Time};

use super::{Action, Dialler, GivenUp, Phase, Reason, RunId, Segments, Stage, Status, Supervisor};

/// How long the server's answer to the key exchange may take: three round trips and two machines' arithmetic, no person (measured: 0.2 s
/// on two slow cores, 0.4 s with a round trip of 100 ms).
const KEY_EXCHANGE: Duration = Duration::from_secs(15);

/// How long the rest may take where nobody is asked anything: a key, at most a touch of one, and what the server does at a login. Half of
/// what a server grants (`LoginGraceTime` of `sshd_config(5)`: 120 s).
const AUTHENTICATION: Duration = Duration::from_secs(60);

/// A login that hung may be a server's that is slow today: the next one may take twice as long, up to this. The server does not wait
/// longer itself (`LoginGraceTime`).
const LONGEST: Duration = Duration::from_secs(120);

/// How long the next stage of a login may take, after so many in a row that hung.
pub(super) fn patience(key_exchanged: bool, hung: u32) -> Duration {
    let first = if key_exchanged {
        AUTHENTICATION
    } else {
        KEY_EXCHANGE
    };
    first.saturating_mul(1 << hung.min(3)).min(LONGEST)
}

impl Supervisor {
    /// Where netroam dials, the banner was heard before ssh was started.
    pub(super) fn greeted(&mut self, now: Time, id: RunId) {
        if let Phase::Running(run) = &mut self.phase
            && run.id == id
            && run.authenticated.is_none()
            && !run.key_exchanged
        {
            run.deadline.get_or_insert(now + patience(false, self.hung));
        }
    }

    pub(super) fn key_exchanged(&mut self, now: Time, id: RunId) {
        if let Phase::Running(run) = &mut self.phase
            && run.id == id
            && run.authenticated.is_none()
            && run.deadline.is_some()
        {
            // A person takes the time that it takes.
            run.deadline = (!run.questions).then(|| now + patience(true, self.hung));
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
        if stage == Stage::KeyExchange && self.settings.dialler == Dialler::Ours {
            self.small = interface;
        }
        self.hung = self.hung.saturating_add(1);
        self.phase = Phase::Seeking;
        let given_up = GivenUp {
            reason: reason.clone(),
            authenticated: false,
        };
        self.ending.insert(id, given_up);
        self.act(Action::End { run: id, reason });
        if let Some(why) = self.back_off(now) {
            self.show_no_path(why, None);
        } else {
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
