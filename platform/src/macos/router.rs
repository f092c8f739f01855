//! Asking the routing table.

use std::{
    io::{self, Read as _, Write as _},
    net::IpAddr,
    process,
};

use socket2::{Domain, Socket, Type};

use super::route::{Message, RTM_GET, Route, messages, question};

/// A routing socket for questions. It is short-lived: from its opening on, it hears everything that anybody else hears.
#[derive(Debug)]
pub(super) struct Router {
    socket: Socket,
    asked: u32,
}

/// How many reads look for the answer at most: whatever else happened meanwhile comes first.
const READS: usize = 64;

/// For messages not yet read. The kernel drops what does not fit, without a word (`raw_input` and `sbappendaddr` in xnu), and gives 8 KiB by
/// itself: forty messages. Those of a full VPN table fit in here.
const ROOM: usize = 1 << 18;

impl Router {
    pub(super) fn open() -> io::Result<Self> {
        let socket = open()?;
        Ok(Self { socket, asked: 0 })
    }

    /// The route to `destination`, by the table alone; `None` if there is none. Never waits: the answer is there when the question
    /// is put (`route_output` in xnu's `bsd/net/rtsock.c`).
    pub(super) fn route(&mut self, destination: IpAddr) -> io::Result<Option<Route>> {
        self.asked += 1;
        let sent = self
            .socket
            .write(&question(destination, process::id(), self.asked));
        if let Err(error) = sent {
            return match error.raw_os_error() {
                Some(libc::ESRCH) => Ok(None),
                Some(_) | None => Err(error),
            };
        }
        let mut buffer = [0; 2048];
        for _ in 0..READS {
            let length = self.socket.read(&mut buffer)?;
            let answer = messages(buffer.get(..length).unwrap_or_default())
                .filter_map(Result::ok)
                .find_map(|message| self.answer(message));
            if answer.is_some() {
                return Ok(answer);
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn answer(&self, message: Message) -> Option<Route> {
        match message {
            Message::Route(route)
                if route.kind == RTM_GET
                    && (route.process, route.sequence) == (process::id(), self.asked) =>
            {
                Some(route)
            }
            Message::Route(_)
            | Message::Interface { .. }
            | Message::Address { .. }
            | Message::Other => None,
        }
    }
}

/// A routing socket (route(4)), which takes no privilege for listening and asking.
pub(super) fn open() -> io::Result<Socket> {
    let socket = Socket::new(Domain::from(libc::PF_ROUTE), Type::RAW, None)?;
    socket.set_nonblocking(true)?;
    socket.set_recv_buffer_size(ROOM)?;
    Ok(socket)
}
