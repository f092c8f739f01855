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
pub(super) fn patience(stage: Stage, hung: u32) -> Duration {
    let first = match stage {
        Stage::KeyExchange => KEY_EXCHANGE,
        // Before the banner of a host behind jump hosts, there are as many logins.
        Stage::Banner | Stage::Authentication => AUTHENTICATION,
    };
    first.saturating_mul(1 << hung.min(3)).min(LONGEST)
}

impl Supervisor {
    /// What a run that begins waits for first, and until when. Where netroam dials, the banner was heard before ssh was started. Where ssh does,
    /// over hosts that netroam knows, a jump host's login may hang as any; but somebody who is asked takes the time that it takes, and so does
    /// a program of the user's.
    pub(super) fn first_stage(
        &self,
        now: Time,
        dialled: bool,
        questions: bool,
    ) -> (Stage, Option<Time>) {
        let stage = if dialled {
            Stage::KeyExchange
        } else {
            Stage::Banner
        };
        let hangs = dialled || (self.settings.hop_known && !questions);
        (stage, hangs.then(|| now + patience(stage, self.hung)))
    }

    pub(super) fn greeted(&mut self, now: Time, id: RunId) {
        if let Phase::Running(run) = &mut self.phase
            && run.id == id
            && run.authenticated.is_none()
            && run.stage == Stage::Banner
        {
            run.stage = Stage::KeyExchange;
            run.deadline = Some(now + patience(run.stage, self.hung));
        }
    }

    pub(super) fn key_exchanged(&mut self, now: Time, id: RunId) {
        if let Phase::Running(run) = &mut self.phase
            && run.id == id
            && run.authenticated.is_none()
            && run.stage == Stage::KeyExchange
        {
            // A person takes the time that it takes.
            run.stage = Stage::Authentication;
            run.deadline = (!run.questions).then(|| now + patience(run.stage, self.hung));
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
        let stage = run.stage;
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
                Stage::Banner | Stage::KeyExchange | Stage::Authentication => Segments::Usual,
            };
            self.show(Status::RetryingLogin { stage, segments });
        }
    }

    /// Whether large packets were swallowed over the interface of `path`.
    pub(super) fn small_over(&self, path: &Path) -> bool {
        self.small.as_ref() == Some(&path.interface)
    }
}
