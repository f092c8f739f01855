//! One notification on the desktop, for somebody who does not look at the terminal.
//!
//! | system | way | what cannot be had |
//! |---|---|---|
//! | macOS | `osascript`, once for each | in its place or taken away: each stays in the Notification Center, under Script Editor's name |
//! | every other | `org.freedesktop.Notifications` on the session's bus | |
//!
//! Built without the feature `notify`, there is no desktop. What is worth showing is the caller's business.

use std::{ffi::OsString, fmt::Display, time::Duration};

use tokio::{sync::watch, task::JoinSet, time::timeout};

#[cfg(all(feature = "notify", not(target_os = "macos")))]
mod bus;
#[cfg(not(feature = "notify"))]
mod none;
#[cfg(any(all(feature = "notify", target_os = "macos"), test))]
mod script;

#[cfg(all(feature = "notify", not(target_os = "macos")))]
use bus::Bus as Screen;
#[cfg(not(feature = "notify"))]
use none::Nothing as Screen;
#[cfg(all(feature = "notify", target_os = "macos"))]
use script::Script as Screen;

/// How long the desktop may take for one change: a notification service that the bus has to start first needs seconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the desktop may take to say whether it could.
const ASKING: Duration = Duration::from_secs(2);

/// After so many changes in a row without an answer the desktop is told nothing more: where a bus itself hangs, each has left a thread
/// behind in which zbus connects.
const MOST_UNANSWERED: u32 = 3;

/// Whether a notification would be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shows {
    /// By this service or program.
    By(String),
    /// There is a bus, and no notification service on it, nor one that it could start.
    Nobody,
    /// This environment belongs to no desktop.
    NoDesktop,
    /// The desktop does not answer, for this reason.
    Unanswered(String),
    /// netroam was built without notifications.
    NotBuilt,
}

/// Whether the desktop that this environment belongs to would show one. It shows none, starts nothing, and takes at most two seconds.
///
/// # Panics
/// Outside a tokio runtime that has IO and time enabled.
pub async fn shows(variable: impl Fn(&str) -> Option<OsString>) -> Shows {
    if cfg!(not(feature = "notify")) {
        return Shows::NotBuilt;
    }
    let Some(screen) = Screen::found(variable) else {
        return Shows::NoDesktop;
    };
    match timeout(ASKING, screen.answers()).await {
        Ok(Ok(Some(by))) => Shows::By(by),
        Ok(Ok(None)) => Shows::Nobody,
        Ok(Err(error)) => Shows::Unanswered(error.to_string()),
        Err(_) => Shows::Unanswered("no answer within two seconds".into()),
    }
}

/// What a notification says, as plain text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The first line.
    pub summary: String,
    /// The rest.
    pub body: String,
    /// It is to stay until it is cleared; otherwise as long as the desktop likes.
    pub stays: bool,
}

/// The desktop, and the task that talks to it once there was something to show.
#[derive(Debug)]
pub struct Desktop {
    /// Until there is something to show.
    screen: Option<Screen>,
    notes: watch::Sender<Option<Note>>,
    /// One at most; aborted on drop.
    task: JoinSet<()>,
}

/// What shows one notification at a time.
trait Show: Send + 'static {
    /// Why it could not.
    type Error: Display;

    /// Who would show one; `None` if nobody.
    fn answers(&self) -> impl Future<Output = Result<Option<String>, Self::Error>> + Send;

    /// Shows this in place of what was shown before, or takes that away. When it fails or is given up, what was shown is out of reach.
    fn change(
        &mut self,
        note: Option<Note>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

impl Desktop {
    /// The one that this environment belongs to, if there is any. Starts nothing and connects to nothing yet.
    pub fn found(variable: impl Fn(&str) -> Option<OsString>) -> Option<Self> {
        Some(Self {
            screen: Some(Screen::found(variable)?),
            notes: watch::Sender::new(None),
            task: JoinSet::new(),
        })
    }

    /// Shows this in place of what was shown before, where the system can do that. Returns at once.
    ///
    /// # Panics
    /// Outside a tokio runtime that has IO and time enabled.
    pub fn show(&mut self, note: Note) {
        if let Some(screen) = self.screen.take() {
            self.task.spawn(work(screen, self.notes.subscribe()));
        }
        self.notes.send_replace(Some(note));
    }

    /// Closes what was shown, if it still is and where the system can do that. Returns at once.
    pub fn clear(&mut self) {
        // Without a task nothing was shown.
        if self.screen.is_none() {
            self.notes.send_replace(None);
        }
    }

    /// Returns when the desktop has been told; nothing more will change. Dropped before, it tells nothing more.
    pub async fn close(self) {
        let Self {
            notes, mut task, ..
        } = self;
        drop(notes);
        while let Some(ended) = task.join_next().await {
            if let Err(error) = ended {
                tracing::warn!(%error, "a notification failed");
            }
        }
    }
}

/// Has the desktop show what is to be shown now, until nothing changes any more. What was overtaken is not shown.
async fn work(mut screen: impl Show, mut notes: watch::Receiver<Option<Note>>) {
    let mut unanswered = 0;
    while unanswered < MOST_UNANSWERED && notes.changed().await.is_ok() {
        let note = notes.borrow_and_update().clone();
        match timeout(PATIENCE, screen.change(note)).await {
            Ok(Ok(())) => unanswered = 0,
            // A desktop without such a service, or none at all, is nothing unusual.
            Ok(Err(error)) => tracing::info!(%error, "cannot notify the desktop"),
            Err(_) => {
                unanswered += 1;
                tracing::warn!(unanswered, "the desktop does not answer");
            }
        }
    }
}
