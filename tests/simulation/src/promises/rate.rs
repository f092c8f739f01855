//! Never more than one unauthenticated connection per second and server, on average.

use netroam_platform::clock::Time;
use std::time::Duration;

use super::{Broken, broken};

/// So many may come at once: an attempt may try two addresses of one server, and five attempts of a session, or one for each of six places at
/// a server, may be made at once. More than this is what sshd punishes (`PerSourcePenalties` of `sshd_config(5)`: 1 s for each, from a sum of 15 s).
const BURST: u32 = 14;

/// Counts the connections that a server saw end without a login.
#[derive(Debug)]
pub(crate) struct Rate {
    /// All of them are paid for by then, at one a second.
    paid: Time,
    /// Somebody insisted so often.
    allowed: u32,
}

impl Rate {
    pub(crate) fn new() -> Self {
        Self {
            paid: Time::default(),
            allowed: 0,
        }
    }

    pub(crate) fn allow(&mut self) {
        self.allowed += 1;
    }

    pub(crate) fn count(&mut self, now: Time) -> Result<(), Broken> {
        if self.paid <= now {
            self.allowed = self.allowed.min(1);
        }
        self.paid = self.paid.max(now) + Duration::from_secs(1);
        let debt = self.paid.since(now);
        if debt > Duration::from_secs(1) * (BURST + self.allowed) {
            let seconds = debt.as_secs();
            return broken(
                "one unauthenticated connection a second",
                format!("{seconds} more than one a second were shown to the server"),
            );
        }
        Ok(())
    }
}
