//! Stands in for the desktop where netroam was built without notifications.

use std::{convert::Infallible, ffi::OsString};

use super::{Note, Show};

/// There is none.
#[derive(Debug)]
pub(super) enum Nothing {}

impl Nothing {
    pub(super) fn found(_: impl Fn(&str) -> Option<OsString>) -> Option<Self> {
        tracing::debug!("built without notifications");
        None
    }
}

impl Show for Nothing {
    type Error = Infallible;

    async fn answers(&self) -> Result<Option<String>, Infallible> {
        match *self {}
    }

    async fn change(&mut self, _: Option<Note>) -> Result<(), Infallible> {
        match *self {}
    }
}
