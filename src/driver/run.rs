//! One ssh process: started, asked after, ended.

use std::{
    net::{IpAddr, TcpStream},
    time::Duration,
};

use netroam_platform::{
    clock::Time,
    process::{self, Change, Pid, Signal},
    tcp,
};
use tokio::{sync::oneshot, task::AbortHandle};

use super::chain::Chain;
use crate::ssh::Forward;

mod start;

pub(super) use start::Plan;

/// A connection that ends by itself was silent for at least this long, if its silence is what ended it; ssh's own goodbye comes within
/// milliseconds of the server's last word. (The shortest `--stall` is 3 s.)
const SILENCE: Duration = Duration::from_secs(1);

/// A run whose ssh is not reaped yet, or whose last words are not read yet.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that do not exclude each other"
)]
pub(super) struct LiveRun {
    pub(super) pid: Pid,
    pub(super) unattended: bool,
    /// Where ssh dials: what its connection stands on is known.
    pub(super) placed: bool,
    /// Stopped where it stood; it has no terminal any more.
    pub(super) silenced: bool,
    /// It has been attached.
    attached: bool,
    stage: Stage,
    /// Written but never acknowledged, when it was given up.
    pub(super) undelivered: bool,
    pub(super) kill_at: Option<Time>,
    chained: bool,
    /// What it has started to reach the host, once that is known.
    pub(super) chain: Option<Chain>,
    /// For so many of its remote forwards the server listens.
    pub(super) granted: usize,
    /// It is ended because this forward is not to be had, and the user does not want to be without it.
    pub(super) not_without: Option<Forward>,
    /// The duplicate of its socket with which the kernel can be asked and told. Kept no longer than ssh lives: the server hears of the
    /// end only when the last one is closed.
    socket: Option<TcpStream>,
    /// Waits for ssh to fetch the connection, and holds another duplicate of it until then.
    handing_over: Option<AbortHandle>,
    gone: Option<oneshot::Sender<(Change, bool)>>,
}

/// How far it is from being gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Not authenticated yet.
    Connecting,
    /// What it shows is the session's.
    Attached,
    /// Told to end.
    Told,
    /// Told to stop, and not stopped yet.
    Stopping,
    Stopped,
    Reaped,
}

impl LiveRun {
    /// It has authenticated.
    pub(super) fn attached(&mut self) {
        if self.stage == Stage::Connecting {
            self.stage = Stage::Attached;
            self.attached = true;
        }
    }

    /// What the terminal shows is the session's, though it may be about to end.
    pub(super) fn on_screen(&self) -> bool {
        self.attached && !self.silenced
    }

    /// It has authenticated, and is not told to end.
    pub(super) fn is_attached(&self) -> bool {
        self.stage == Stage::Attached
    }

    /// It logs in, and nobody is to be asked anything: the status line may be shown meanwhile.
    pub(super) fn attaching(&self) -> bool {
        self.unattended && self.stage == Stage::Connecting
    }

    /// Tells it to end, and when to be killed if it has not.
    pub(super) fn end(&mut self, kill_at: Time) {
        // Its number may be another's by now, and nothing is left to do but to read its last words.
        if self.stage == Stage::Reaped {
            return;
        }
        self.note_undelivered(Duration::ZERO);
        self.stage = Stage::Told;
        self.kill_at = Some(kill_at);
        self.signal(Signal::Terminate);
    }

    /// A run that is stopped or stuck takes no other signal.
    pub(super) fn kill_if_due(&mut self, now: Time) {
        if self.kill_at.is_some_and(|kill_at| kill_at <= now) {
            self.kill_at = None;
            tracing::warn!(
                pid = self.pid.number(),
                "ssh did not end when told to, killing it"
            );
            self.signal(Signal::Continue);
            self.kill();
        }
    }

    /// Kills it, which it does not notice: nor does what it has started.
    pub(super) fn kill(&mut self) {
        if self.chained && self.chain.is_none() && self.stage != Stage::Reaped {
            self.chain = Some(Chain::below(self.pid));
        }
        self.signal(Signal::Kill);
    }

    /// Stops it where it stands.
    pub(super) fn silence(&mut self) {
        self.silenced = true;
        if self.stage == Stage::Reaped {
            return;
        }
        self.note_undelivered(Duration::ZERO);
        self.stage = Stage::Stopping;
        self.signal(Signal::Stop);
    }

    /// Told to stop, and not stopped yet: the terminal is not free.
    pub(super) fn stopping(&self) -> bool {
        self.stage == Stage::Stopping
    }

    /// It has stopped; false if nobody told it to.
    pub(super) fn stopped(&mut self) -> bool {
        if self.silenced && self.stage == Stage::Stopping {
            self.stage = Stage::Stopped;
        }
        self.silenced
    }

    pub(super) fn signal(&self, signal: Signal) {
        if self.stage == Stage::Reaped {
            return;
        }
        if let Err(error) = process::signal(self.pid, signal) {
            tracing::warn!(pid = self.pid.number(), ?signal, %error, "cannot signal ssh");
        }
    }

    /// It is reaped: its listener may read the rest and judge.
    pub(super) fn gone(&mut self, change: Change) {
        let told = !matches!(self.stage, Stage::Connecting | Stage::Attached);
        if !told {
            self.note_undelivered(SILENCE);
        }
        self.stage = Stage::Reaped;
        self.kill_at = None;
        self.socket = None;
        if let Some(handing_over) = self.handing_over.take() {
            handing_over.abort();
        }
        if let Some(gone) = self.gone.take()
            && gone.send((change, told)).is_err()
        {
            tracing::warn!(pid = self.pid.number(), "nobody listened to ssh");
        }
    }

    pub(super) fn duplicate(&self) -> Option<TcpStream> {
        self.socket.as_ref().and_then(|socket| {
            socket
                .try_clone()
                .inspect_err(|error| tracing::warn!(%error, "cannot duplicate a socket"))
                .ok()
        })
    }

    /// The other end of the connection, where netroam has made it.
    pub(super) fn peer(&self) -> Option<IpAddr> {
        Some(self.socket.as_ref()?.peer_addr().ok()?.ip())
    }

    /// What the kernel knows of the connection.
    pub(super) fn health(&self) -> Option<tcp::Health> {
        let socket = self.socket.as_ref()?;
        tcp::health(socket)
            .inspect_err(
                |error| tracing::debug!(%error, "the kernel says nothing of this connection"),
            )
            .ok()
    }

    /// Has the kernel end the connection when it is silent for `stall`.
    pub(super) fn keep_honest(&self, stall: Duration, keepalive: bool) {
        if let Some(socket) = &self.socket
            && let Err(error) = tcp::keep_honest(socket, stall, keepalive)
        {
            tracing::debug!(%error, "the kernel does not watch this connection");
        }
    }

    /// Has the kernel keep the connection through any silence.
    pub(super) fn hold(&self) {
        if let Some(socket) = &self.socket
            && let Err(error) = tcp::hold(socket)
        {
            tracing::debug!(%error, "the connection may not outlive the silence");
        }
    }

    /// What is not acknowledged now never will be. Only what was written into a silence of that length: the goodbye that ssh writes into a
    /// connection which the server has just closed is nothing that anybody typed.
    fn note_undelivered(&mut self, silence: Duration) {
        if let Some(health) = self.health() {
            let undelivered = health.undelivered > 0 && health.since_last_ack >= silence;
            if undelivered {
                tracing::info!(
                    pid = self.pid.number(),
                    bytes = health.undelivered,
                    silent_for = ?health.since_last_ack,
                    "what ssh wrote last was not acknowledged"
                );
            }
            self.undelivered |= undelivered;
        }
    }
}

#[cfg(test)]
mod tests;
