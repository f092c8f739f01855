//! `-f`: to the background once the session is attached.
//!
//! What the user called has started this process, and waits for a word over our standard input; until then we are part of the shell's job, and
//! ssh asks on the terminal whatever it has to ask. With that word what was called ends, and we go on without a terminal.

use std::{env, ffi::OsString, io, os::fd::AsFd as _, os::unix::net::UnixStream};

use netroam_platform::{process, readable::Readable};
use nix::unistd::getppid;

use super::{Driver, checked, forwards};
use crate::{
    ssh::Side,
    supervisor::{Input, RunId},
    terminal::Status as StatusLine,
};

/// The environment variable that tells a netroam that it is the one that goes to the background. Its value is the process id of the one that
/// waits, so that whatever else finds it in its environment does not take it for its own.
pub const VARIABLE: &str = "NETROAM_BACKGROUND";

/// Whoever waits until we go to the background.
#[derive(Debug)]
pub(super) struct Waiting {
    channel: Readable,
}

impl Waiting {
    /// Looks whether somebody waits.
    pub(super) fn find() -> io::Result<Option<Self>> {
        if !is_meant() {
            return Ok(None);
        }
        let channel = Readable::duplicate(io::stdin().as_fd())?;
        Ok(Some(Self { channel }))
    }

    /// Waits until nobody waits any more. Cancel-safe.
    async fn gone(&self) {
        let mut byte = [0];
        while let Ok(1..) = self.channel.read(&mut byte).await {}
    }
}

/// Whether this process is the one that goes to the background.
pub fn is_meant() -> bool {
    env::var_os(VARIABLE) == Some(OsString::from(getppid().to_string()))
}

/// Waits until whoever waits for us has gone without hearing our word: then nobody wants the session.
pub(super) async fn abandoned(waiting: Option<&Waiting>) {
    match waiting {
        Some(waiting) => waiting.gone().await,
        None => std::future::pending().await,
    }
}

impl Driver {
    /// Goes to the background if this run is all that the user wants to wait for: with `ExitOnForwardFailure` the server's word for every remote
    /// forward, too (ssh(1), `-f`).
    pub(super) fn go_to_background_with(&mut self, run: RunId) {
        let config = &self.session.config;
        let wanted = config.forwards.iter();
        let wanted = wanted.filter(|forward| forward.side == Side::Remote);
        let complete = !config.exit_on_forward_failure
            || !forwards::any_on(&self.session, Side::Remote)
            || self
                .runs
                .get(&run)
                .is_some_and(|live| live.granted >= wanted.count());
        if complete
            && self
                .runs
                .get(&run)
                .is_some_and(super::run::LiveRun::is_attached)
        {
            self.go_to_background();
        }
    }

    fn go_to_background(&mut self) {
        if self.waiting.take().is_none() {
            return;
        }
        tracing::info!("to the background");
        self.clear_status();
        // Before the word: whoever hears it may close the terminal.
        let said = io::stdin()
            .as_fd()
            .try_clone_to_owned()
            .and_then(|channel| {
                process::leave_terminal()?;
                io::Write::write_all(&mut UnixStream::from(channel), b"+")
            });
        checked("go to the background", said);
        self.status = StatusLine::stderr();
        self.tell(Input::Alone);
    }

    pub(super) fn forward_granted(&mut self, run: RunId) {
        if let Some(live) = self.runs.get_mut(&run) {
            live.granted += 1;
        }
        self.go_to_background_with(run);
    }
}
