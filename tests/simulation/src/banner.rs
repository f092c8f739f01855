//! What the other end says first, and how far an attempt came.

use std::net::SocketAddr;

use netroam::connect::Failure;
use netroam_platform::clock::Time;

use crate::{
    passage::{Far, Tcp},
    server::Server,
    world::Portal,
};

/// What the machine at the other end says first: that it is an ssh server, why it is none for us, or nothing yet.
pub(crate) fn first_words(servers: &[Server], tcp: &Tcp, now: Time) -> Option<Result<(), Failure>> {
    let peer = SocketAddr::new(tcp.peer, 22);
    let said = |said: &str| said.to_owned();
    match tcp.far {
        Far::Stranger => Some(Ok(())),
        Far::Portal(Portal::Silent) => None,
        Far::Portal(Portal::Closed) => Some(Err(Failure::Closed(peer))),
        Far::Portal(Portal::Foreign | Portal::None) => Some(Err(Failure::Foreign {
            peer,
            said: said("HTTP/1.1 302 Found"),
        })),
        Far::Server(number) => {
            let server = &servers[number];
            if server.turns_away(now) {
                let said = said("Not allowed at this time");
                Some(Err(Failure::Busy { peer, said }))
            } else if server.closes {
                Some(Err(Failure::Closed(peer)))
            } else {
                (!server.frozen).then_some(Ok(()))
            }
        }
    }
}

/// How far it came; more is further.
pub(crate) fn distance(failure: &Failure) -> u8 {
    match failure {
        Failure::Resolve(_) | Failure::NoSuchName(_) => 0,
        Failure::Astray(_) => 1,
        Failure::Unreachable(_) => 2,
        Failure::TimedOut => 3,
        Failure::Local(_) => 4,
        Failure::Refused(_) => 5,
        Failure::Closed(_) => 6,
        Failure::Silent(_) => 7,
        Failure::Foreign { .. } => 8,
        Failure::Busy { .. } => 9,
    }
}
