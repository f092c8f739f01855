//! Stands in for the desktop where netroam was built without notifications.

use tokio::task::JoinHandle;

/// What would be shown.
#[derive(Debug)]
#[expect(dead_code, reason = "nobody shows it")]
pub(super) struct Note {
    pub(super) summary: String,
    pub(super) body: String,
    pub(super) stays: bool,
}

/// There is none.
#[derive(Debug)]
pub(super) enum Desktop {}

/// There is none.
pub(super) fn session_bus() -> Option<Desktop> {
    tracing::debug!("built without notifications");
    None
}

impl Desktop {
    pub(super) fn new(bus: Self) -> Self {
        bus
    }

    pub(super) fn show(&mut self, _: Note) {
        match *self {}
    }

    pub(super) fn clear(&mut self) {
        match *self {}
    }

    pub(super) fn close(self) -> Option<JoinHandle<()>> {
        match self {}
    }
}
