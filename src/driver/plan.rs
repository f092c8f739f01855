//! What a process that keeps many sessions is to keep.

use std::collections::BTreeMap;

use anyhow::Result;

use super::Session;
use crate::config::Named;

/// What is to be kept, and how a session is put together.
pub trait Plan {
    /// The sessions by name, as the configuration has them now.
    ///
    /// # Errors
    /// The configuration cannot be read, or is wrong.
    fn read(&mut self) -> Result<BTreeMap<String, Named>>;

    /// Puts one together.
    ///
    /// # Errors
    /// Why it cannot be kept.
    fn session(&mut self, name: &str, named: &Named) -> Result<Session, Unkept>;

    /// Tells whoever started us.
    fn tell(&mut self, news: News);
}

/// Why a session cannot be kept: a line for a person, and the exit status for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unkept {
    /// Without the name of the session.
    pub line: String,
    /// See [`mod@crate::report::status`].
    pub status: u8,
}

/// What whoever started us wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Every session has begun.
    Ready,
    /// The configuration is being read again; [`Self::Ready`] follows.
    Reloading,
    /// It is about to end.
    Ending,
}
