//! A server: whether it can be reached, and what it makes of a login.

use std::time::Duration;

use netroam_platform::clock::Time;

use crate::words::words;

/// sshd punishes an address once the sum of its penalties is this (`PerSourcePenalties` of `sshd_config(5)`, `min`).
const PENALTY_LEAST: Duration = Duration::from_secs(15);

words! {
    /// What it takes to be let in.
    Login {
        /// A key that the laptop has.
        Key "key",
        /// Something that only a person knows.
        Password "password",
        /// Nobody is let in.
        Refused "refused",
    }
}

/// A server.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "conditions that do not exclude each other"
)]
pub struct Server {
    /// The machine is there.
    pub up: bool,
    /// Counted up whenever it forgets its connections.
    pub boot: u32,
    /// sshd listens.
    pub listens: bool,
    /// A firewall drops everything.
    pub deaf: bool,
    /// sshd does nothing, though the kernel acknowledges.
    pub frozen: bool,
    /// It takes no connections for now, for reasons of its own.
    pub busy: bool,
    /// It closes new connections without a word.
    pub closes: bool,
    /// It ends every session as soon as it is there.
    pub drops: bool,
    /// Its host key is not the known one.
    pub other_key: bool,
    /// What it takes to be let in.
    pub login: Login,
    penalty: Time,
}

impl Server {
    /// One that lets everybody in who has a key.
    pub fn new() -> Self {
        Self {
            up: true,
            boot: 0,
            listens: true,
            deaf: false,
            frozen: false,
            busy: false,
            closes: false,
            drops: false,
            other_key: false,
            login: Login::Key,
            penalty: Time::default(),
        }
    }

    /// Heals it of everything; it knows its connections as ever.
    pub fn mend(&mut self) {
        *self = Self {
            boot: self.boot,
            penalty: self.penalty,
            ..Self::new()
        };
    }

    /// Whether a login succeeds without a person.
    pub fn willing(&self, now: Time) -> bool {
        let hindered = self.deaf || self.frozen || self.closes || self.drops || self.other_key;
        self.up && self.listens && !hindered && !self.turns_away(now) && self.login == Login::Key
    }

    /// Whether it says that it takes no connection of ours.
    pub fn turns_away(&self, now: Time) -> bool {
        self.busy || self.penalty.since(now) > PENALTY_LEAST
    }

    /// Notes a connection that ended without a login, or with a refused one.
    pub fn punish(&mut self, now: Time, by: Duration) {
        self.penalty = self.penalty.max(now) + by;
    }
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}
