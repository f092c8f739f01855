//! How far a person's wish for the session has come, and so what the next run may do for it.

use std::time::Duration;

use netroam_platform::clock::Time;

use super::Purpose;

/// How long after authentication the context surely exists, so that a loss may only lead back to it, never make another.
const CONTEXT_EXISTS: Duration = Duration::from_secs(3);

/// How far a person's wish for the session has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Opened {
    /// No run has logged in since it was made known.
    #[default]
    Not,
    /// One has, and was lost before the context surely existed.
    Perhaps,
    /// The context exists, or somebody has ended it.
    Surely,
}

impl Opened {
    /// A run that logged in at `authenticated` is lost `now`.
    pub(super) fn lost(&mut self, authenticated: Time, now: Time) {
        let to = if now.since(authenticated) >= CONTEXT_EXISTS {
            Self::Surely
        } else {
            Self::Perhaps
        };
        *self = (*self).max(to);
    }

    /// What the next run is for.
    pub(super) fn purpose(self) -> Purpose {
        match self {
            Self::Not => Purpose::Open,
            Self::Perhaps => Purpose::Resume,
            Self::Surely => Purpose::Reattach,
        }
    }
}
