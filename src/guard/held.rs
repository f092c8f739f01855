//! A connection that `netroam dial` has handed over: judged as a run without a context is, and ended without a signal.

use std::{
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

use netroam_platform::{Lookup, Path, tcp};
use tokio::task::AbortHandle;

use super::intake::{Handed, Offer};
use crate::{
    connect::Sign,
    supervisor::{Connection, Look, Reason, Verdict, Via, Wanted, judge},
};

/// How long it is given to answer a probe: losing it loses work.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// One of them. Dropping it closes the duplicate: the server hears of ssh's end only then.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) offer: Offer,
    pub(super) local: SocketAddr,
    pub(super) peer: SocketAddr,
    /// The task that waits for the end of its ssh.
    pub(super) watch: Option<AbortHandle>,
    socket: TcpStream,
    wanted: Wanted,
    /// The path on which it was last known to be well.
    path: Option<Path>,
    /// There was no path that is wanted; the kernel keeps it through any silence.
    cut: bool,
    /// Why it is being asked, and the number of the question.
    asked: Option<(Reason, u64)>,
}

/// What is to be done about it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Nothing,
    /// Ask it; whatever the kernel says of it.
    Ask(Reason, Sign),
    End(Reason),
}

impl Held {
    /// Takes it, as what it stands on was the last time that somebody looked.
    pub(super) fn take(handed: Handed) -> std::io::Result<Self> {
        let wanted = handed.offer.via.parse::<Via>().unwrap_or_default();
        Ok(Self {
            local: handed.socket.local_addr()?,
            peer: handed.socket.peer_addr()?,
            socket: handed.socket,
            // `auto` was decided by whoever dialled.
            wanted: wanted.wanted(false),
            offer: handed.offer,
            watch: None,
            path: None,
            cut: false,
            asked: None,
        })
    }

    /// What a look says; `slept` if the machine did before it.
    pub(super) fn judge(&mut self, look: &Look, slept: bool) -> Next {
        let now = match look.paths.get(&self.peer.ip()) {
            Some(Lookup::Found(path)) => Some(path.clone()),
            Some(Lookup::None(_) | Lookup::Unknown(_)) | None => None,
        };
        match judge(&self.stands(), self.path.as_ref(), &self.wanted, look) {
            Verdict::Unknown => Next::Nothing,
            Verdict::Dead(reason) => Next::End(reason),
            Verdict::Cut(reason) | Verdict::Severed(reason) => {
                if !self.cut {
                    tracing::info!(host = self.offer.host, ?reason, "holding a connection");
                    self.cut = true;
                    self.asked = None;
                    checked("hold", tcp::hold(&self.socket));
                }
                Next::Nothing
            }
            Verdict::Doubtful(reason) => self.ask(reason, Sign::Receipt),
            Verdict::Alive if slept => self.ask(Reason::Slept, Sign::Word),
            Verdict::Alive if self.cut => self.ask(Reason::PathBack, Sign::Word),
            Verdict::Alive => {
                if self.asked.is_none() {
                    self.path = now;
                }
                Next::Nothing
            }
        }
    }

    fn ask(&mut self, reason: Reason, sign: Sign) -> Next {
        self.cut = false;
        // A question that is under way went over another path, where that has moved.
        let moved = matches!(reason, Reason::PathMoved { .. });
        match &self.asked {
            Some((asked, _)) if *asked == reason || !moved => Next::Nothing,
            Some(_) | None => Next::Ask(reason, sign),
        }
    }

    /// It is being asked, by the question of this number.
    pub(super) fn asked(&mut self, reason: Reason, number: u64) {
        self.asked = Some((reason, number));
    }

    /// What the answer to a question means, by the last look; `None` for an earlier question.
    pub(super) fn answered(&mut self, number: u64, alive: bool, look: &Look) -> Option<Next> {
        let (reason, _) = self.asked.take_if(|(_, asked)| *asked == number)?;
        self.keep_honest();
        let now = match look.paths.get(&self.peer.ip()) {
            Some(Lookup::Found(path)) => Some(path.clone()),
            Some(Lookup::None(_) | Lookup::Unknown(_)) | None => None,
        };
        // A tunnel that is as it was may not carry anything yet: the kernel's own timers watch it.
        let may_yet_carry = now == self.path && now.as_ref().is_some_and(|path| path.tunnel);
        if alive || may_yet_carry {
            self.path = now;
            return Some(Next::Nothing);
        }
        Some(Next::End(Reason::Silent(Box::new(reason))))
    }

    /// Has the kernel end it when it is silent for as long as whoever dialled has said.
    pub(super) fn keep_honest(&self) {
        let stall = Duration::from_secs(self.offer.stall);
        checked("watch", tcp::keep_honest(&self.socket, stall, true));
    }

    /// A duplicate for a question.
    pub(super) fn duplicate(&self) -> std::io::Result<TcpStream> {
        self.socket.try_clone()
    }

    /// Ends it, for ssh too: whoever has a duplicate of a socket can shut it down (shutdown(2)), and ssh sees the end within milliseconds.
    pub(super) fn end(&self) {
        checked("end", self.socket.shutdown(Shutdown::Both));
    }

    fn stands(&self) -> Connection {
        Connection {
            local: self.local.ip(),
            peer: self.peer.ip(),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.cut || self.asked.is_some() {
            // Nobody holds it any more.
            self.keep_honest();
        }
        if let Some(watch) = &self.watch {
            watch.abort();
        }
    }
}

/// One that is over already is nobody's to tell.
fn checked(what: &str, result: std::io::Result<()>) {
    if let Err(error) = result {
        tracing::debug!(%error, "cannot {what} a connection");
    }
}
