//! What is different where netroam stands in autossh's place.

use std::{fmt, sync::Arc, time::Duration};

use tokio::{task::AbortHandle, time::sleep};

use super::{Driver, Message, act::report_to};
use crate::{
    connect::echo::Loop,
    context::Recipe,
    ssh::Ending,
    supervisor::{Input, Notice, Restarts, RunId, Status},
};

/// What is different.
#[derive(Debug)]
pub struct StandIn {
    /// What follows the end of a run.
    pub restarts: Restarts,
    /// The user's own command that attaches screen or tmux, if it is one.
    pub recipe: Option<Recipe>,
    /// The loop of forwards that is asked for its echo.
    pub monitor: Option<Monitor>,
    /// Hears what happens.
    pub hearer: Hearer,
    /// Without a terminal nothing but ssh's own words goes to standard error.
    pub quiet: bool,
    /// There is no remote program, so that nothing is over when the terminal goes.
    pub outlives_terminal: bool,
}

/// A loop of forwards that is asked now and then.
#[derive(Clone, Debug)]
pub struct Monitor {
    /// Which loop.
    pub echo: Arc<Loop>,
    /// From the login to the first question.
    pub first: Duration,
    /// From one answer to the next question.
    pub every: Duration,
}

/// Something that happened.
#[derive(Clone, Copy, Debug)]
pub enum Heard<'a> {
    /// ssh was started.
    Started {
        /// The how manieth.
        run: RunId,
        /// Its process.
        pid: i32,
    },
    /// The user is let in.
    Attached(RunId),
    /// ssh is gone.
    Ended(RunId, &'a Ending),
    /// What the session is doing while it is not attached.
    Status(&'a Status),
    /// What a user of a terminal is told.
    Said(&'a Notice),
    /// A signal came.
    Signal(i32),
}

/// Hears what happens.
pub struct Hearer(pub Box<dyn Fn(Heard<'_>)>);

impl fmt::Debug for Hearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hearer")
    }
}

impl Driver {
    /// Lets autossh's user know.
    pub(super) fn let_hear(&self, heard: Heard<'_>) {
        if let Some(stand_in) = &self.session.stand_in {
            (stand_in.hearer.0)(heard);
        }
    }

    /// Nothing is to be written to standard error.
    pub(super) fn quiet(&self) -> bool {
        let stand_in = self.session.stand_in.as_ref();
        stand_in.is_some_and(|stand_in| stand_in.quiet)
    }

    /// What the signals mean that autossh takes otherwise; false if this is none of them.
    pub(super) fn took_signal(&mut self, signal: i32) -> bool {
        use nix::libc::{SIGHUP, SIGUSR1};
        let Some(stand_in) = &self.session.stand_in else {
            return false;
        };
        let outlives = stand_in.outlives_terminal || self.terminal.is_none();
        self.let_hear(Heard::Signal(signal));
        match signal {
            SIGUSR1 => self.tell(Input::Restart(Some("another ssh was asked for".into()))),
            SIGHUP if outlives || terminal_is_there() => self.tell(Input::Restart(None)),
            _ => return false,
        }
        true
    }

    /// The terminal went away, and with it the keys; true if the session lives on.
    pub(super) fn lives_without_terminal(&mut self) -> bool {
        let stand_in = self.session.stand_in.as_ref();
        let lives = stand_in.is_some_and(|stand_in| stand_in.outlives_terminal);
        if lives {
            tracing::info!("the terminal is gone");
            self.keys = None;
            self.terminal = None;
        }
        lives
    }

    /// Begins to ask the loop of a run that is logged in.
    pub(super) fn watch_echo(&mut self, run: RunId) {
        let stand_in = self.session.stand_in.as_ref();
        let Some(monitor) = stand_in.and_then(|stand_in| stand_in.monitor.clone()) else {
            return;
        };
        let messages = self.messages.clone();
        let asking = tokio::spawn(async move {
            sleep(monitor.first).await;
            loop {
                if let Err(error) = monitor.echo.ask().await {
                    return report_to(&messages, Message::Mute(run, error.to_string()));
                }
                sleep(monitor.every).await;
            }
        });
        if let Some(before) = self.echo.replace(asking.abort_handle()) {
            before.abort();
        }
    }
}

fn terminal_is_there() -> bool {
    nix::sys::termios::tcgetattr(std::io::stdin()).is_ok()
}

/// Ends what asks the loop of a run that is over.
pub(super) fn stop_asking(echo: &mut Option<AbortHandle>) {
    if let Some(asking) = echo.take() {
        asking.abort();
    }
}
