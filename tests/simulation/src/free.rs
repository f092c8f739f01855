//! Whether a session might be attached, seen from outside: the promise that it then is, within 30 s.

use std::{net::IpAddr, time::Duration};

use netroam::supervisor::{Dialler, Wanted};
use netroam_platform::{Path, clock::Time};

use crate::{
    child::Stage,
    passage::{Far, Passage, Syn},
    promises::{Broken, broken},
    session::Session,
    world::{Names, World},
};

/// With a path for so long, a willing server and nothing for a person to do, the session is attached.
const WITHIN: Duration = Duration::from_secs(30);

/// What is to be said of one session now.
pub(crate) struct Free {
    /// Over this path.
    might: Option<Path>,
    attached: bool,
    excused: bool,
}

impl Free {
    pub(crate) fn of(world: &World, session: &Session, now: Time) -> Self {
        let books = &session.books;
        let willing = books.may_be_attached(now)
            && !world.blind
            && world.servers[session.kind.server].willing(now);
        let might = if willing {
            reachable(world, session, now)
        } else {
            None
        };
        let through = |tcp| matches!(world.passage(tcp, now), Passage::Through(_));
        let attached = session
            .attached()
            .and_then(|child| child.tcp.as_ref())
            .is_some_and(through);
        Self {
            excused: might.is_some() && !attached && excused(world, session, now),
            might,
            attached,
        }
    }

    pub(crate) fn review(&self, session: &mut Session, now: Time) -> Result<(), Broken> {
        let Some(path) = self
            .might
            .clone()
            .filter(|_| !self.attached && !self.excused)
        else {
            session.missing = None;
            return Ok(());
        };
        // One path, for so long: where it is another one every moment, no login comes to its end.
        let same = session.missing.take().filter(|(_, over)| *over == path);
        let (since, _) = session.missing.insert(same.unwrap_or((now, path)));
        if now.since(*since) > WITHIN {
            return broken(
                "attached within 30 s",
                "there is a path, the server is willing, nobody is needed, and it is not attached",
            );
        }
        Ok(())
    }
}

/// The path over which an attempt that is made now would come to a good end.
fn reachable(world: &World, session: &Session, now: Time) -> Option<Path> {
    let (names, mut addresses) = world.resolve(session.kind.server);
    match names {
        // What is known is tried where the resolver says nothing, not where it says something else.
        Names::Good | Names::Lying => {}
        Names::Slow | Names::Broken | Names::NoSuch | Names::Hanging => {
            if session.kind.settings.dialler == Dialler::Ssh {
                return None;
            }
            addresses.clone_from(&session.good);
        }
    }
    let wanted = session.books.wanted();
    let ours = |address: &IpAddr| {
        let (_, path) = world.route(*address).ok()?;
        let admitted = *wanted == Wanted::Anything || wanted.admits(&path);
        let answered = match world.syn(None, *address, false, now) {
            Syn::Accepted(_, tcp) => {
                tcp.far == Far::Server(session.kind.server) && !world.swallows(&tcp)
            }
            Syn::Refused(_) | Syn::Silence | Syn::Unreachable => false,
        };
        (admitted && answered).then_some(path)
    };
    match session.kind.settings.dialler {
        Dialler::Ours => addresses.iter().find_map(ours),
        // ssh tries the first that has a path.
        Dialler::Ssh => addresses
            .iter()
            .find(|address| world.route(**address).is_ok())
            .and_then(ours),
    }
}

/// What netroam cannot know, or leaves to others: see docs/reliability.md.
fn excused(world: &World, session: &Session, now: Time) -> bool {
    let waits = session.postponed.is_some()
        || session
            .attempts
            .values()
            .any(|attempt| attempt.waiting.is_some());
    let ssh = session.kind.settings.dialler == Dialler::Ssh;
    let mut live = session.children.values().filter(|child| child.is_live());
    let busy = live.any(|child| {
        let Some(tcp) = &child.tcp else { return true };
        let through = matches!(world.passage(tcp, now), Passage::Through(_));
        match child.stage {
            // Its login hangs where the kernel sees nothing: it is given up after what a login may take.
            Stage::Dialling | Stage::Banner | Stage::KeyExchange | Stage::Authentication => {
                !through || world.swallows(tcp) || !matches!(tcp.far, Far::Server(_))
            }
            // A person takes the time that it takes.
            Stage::Asked => true,
            Stage::Session => ssh && !through,
        }
    });
    // All the addresses that it knows lead past what is wanted: what the name is elsewhere it does not ask.
    let misled = session.books.waits();
    waits || busy || misled
}
