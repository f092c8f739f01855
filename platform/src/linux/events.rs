//! The kernel's own word that something changed.

use std::{collections::VecDeque, io, mem, time::Duration};

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::{
    errno::Errno,
    sys::socket::{setsockopt, sockopt::RcvBufForce},
};
use tokio::{
    io::{Interest, unix::AsyncFd},
    select,
    time::{Instant, sleep_until},
};

use super::{
    link,
    message::{self, Message, Route},
    names::Names,
    netlink::{BUFFER, messages},
    sleep::Sleep,
};
use crate::event::{Event, Lost};

/// Links, addresses, routes and policy rules of both families (rtnetlink(7)). Neighbours, which change all the time, are not
/// among them.
const GROUPS: libc::c_int = libc::RTMGRP_LINK
    | libc::RTMGRP_IPV4_IFADDR
    | libc::RTMGRP_IPV4_ROUTE
    | libc::RTMGRP_IPV4_RULE
    | libc::RTMGRP_IPV6_IFADDR
    | libc::RTMGRP_IPV6_ROUTE
    | 1 << (libc::RTNLGRP_IPV6_RULE - 1);

/// Asked of the kernel for messages not yet read; it doubles the number, and without privilege caps it (`rmem_max`). A message takes
/// about 1 KiB of it, so this is a burst of a thousand or more. The kernel takes the memory only while messages wait.
const ROOM: usize = 1 << 20;

/// How many messages are thrown away at most after an overrun. The kernel queues nothing new before the queue is empty, so only
/// `ROOM` bounds it; this is for a kernel that does otherwise.
const BACKLOG: usize = 1 << 16;

/// Pauses before a failed socket is opened again: none, then these, doubling.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A subscription that never ends.
#[derive(Debug)]
pub(crate) struct Events {
    ready: VecDeque<Event>,
    source: Source,
    sleep: Sleep,
    names: Names,
    /// The pause after the next failure; zero again once a message was read.
    pause: Duration,
    buffer: Vec<u8>,
}

enum Source {
    Open(AsyncFd<Socket>),
    Failed { error: String, retry: Instant },
}

impl Events {
    /// Subscribes in the network namespace of the calling thread.
    pub(crate) fn open() -> io::Result<Self> {
        Ok(Self::on(
            subscribe(ROOM)?,
            Sleep::open(),
            Event::Everything(Lost::Subscribed),
        ))
    }

    fn on(socket: AsyncFd<Socket>, sleep: Sleep, first: Event) -> Self {
        Self {
            ready: VecDeque::from([first]),
            source: Source::Open(socket),
            sleep,
            names: Names::open(),
            pause: Duration::ZERO,
            buffer: Vec::with_capacity(BUFFER),
        }
    }

    /// The next event. Cancel-safe: it waits only while it holds nothing.
    ///
    /// Each poll of it looks at the clocks first ([`Sleep::woke`]): a sleep is told before what happened after it.
    pub(crate) async fn next(&mut self) -> Event {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return event;
            }
            self.buffer.clear();
            let received = select! {
                biased;
                slept = self.sleep.woke() => return Event::Woke(slept),
                () = self.names.changed() => return Event::Names,
                received = self.source.receive(&mut self.buffer) => received,
            };
            match received {
                Received::Datagram => {
                    self.pause = Duration::ZERO;
                    self.ready.extend(events(&self.buffer));
                }
                Received::Overrun => self.ready.push_back(Event::Everything(Lost::Overrun)),
                Received::Failure(error) => self.fail(&error),
                Received::Due(error) => match subscribe(ROOM) {
                    Ok(socket) => {
                        let lost = Lost::Reopened(error);
                        self.ready.push_back(Event::Everything(lost));
                        self.source = Source::Open(socket);
                    }
                    Err(error) => self.fail(&error),
                },
            }
        }
    }

    fn fail(&mut self, error: &io::Error) {
        tracing::warn!(%error, pause = ?self.pause, "the event socket failed, opening it again");
        self.source = Source::Failed {
            error: error.to_string(),
            retry: Instant::now() + self.pause,
        };
        self.pause = (self.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
    }
}

/// What a source came up with.
enum Received {
    Datagram,
    Overrun,
    Failure(io::Error),
    /// It failed with this error a while ago, and it is time to open it again.
    Due(String),
}

impl Source {
    /// Cancel-safe: it waits only while there is nothing.
    async fn receive(&mut self, buffer: &mut Vec<u8>) -> Received {
        match self {
            Self::Open(socket) => loop {
                match receive(socket, buffer).await {
                    Ok(()) => return Received::Datagram,
                    Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                        discard_backlog(socket, buffer);
                        return Received::Overrun;
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Received::Failure(error),
                }
            },
            Self::Failed { error, retry } => {
                sleep_until(*retry).await;
                Received::Due(mem::take(error))
            }
        }
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Open(_) => f.write_str("Open"),
            Self::Failed { error, .. } => f.debug_tuple("Failed").field(error).finish(),
        }
    }
}

fn subscribe(room: usize) -> io::Result<AsyncFd<Socket>> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.set_non_blocking(true)?;
    if setsockopt(&socket, RcvBufForce, &room) == Err(Errno::EPERM) {
        socket.set_rx_buf_sz(libc::c_int::try_from(room).unwrap_or(libc::c_int::MAX))?;
    }
    socket.bind(&SocketAddr::new(0, GROUPS.cast_unsigned()))?;
    watch(socket)
}

/// Watches for errors as well as messages: where the kernel has no memory to tell of a change, it sets an error on the socket and
/// queues nothing (`rtnl_set_sk_err` in `net/core/rtnetlink.c`), which is no readiness to read.
fn watch(socket: Socket) -> io::Result<AsyncFd<Socket>> {
    #[expect(
        unsafe_code,
        reason = "registration trusts that the descriptor stays open, and an owned one does"
    )]
    // SAFETY: the socket owns its open descriptor, moves into the AsyncFd, is never replaced there, and closes it only after the
    // AsyncFd has deregistered it.
    let watched = unsafe { AsyncFd::register_with_interest(socket, WAKING) };
    watched.map_err(|error| error.into_parts().1)
}

/// What wakes us up.
const WAKING: Interest = Interest::READABLE.add(Interest::ERROR);

/// Receives one datagram. Cancel-safe: it waits only while there is none.
async fn receive(socket: &AsyncFd<Socket>, buffer: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let mut ready = socket.ready(WAKING).await?;
        if let Ok(received) = ready.try_io(|socket| socket.get_ref().recv(buffer, 0)) {
            return received.map(drop);
        }
    }
}

/// Empties the queue of an overrun socket.
///
/// From an overrun until the queue is empty the kernel drops every message without another error (`NETLINK_S_CONGESTED` in
/// `net/netlink/af_netlink.c`). Only after that may one say "everything may have changed" and look: a look before it could miss
/// what is dropped meanwhile.
fn discard_backlog(socket: &AsyncFd<Socket>, buffer: &mut Vec<u8>) {
    for _ in 0..BACKLOG {
        buffer.clear();
        if socket.get_ref().recv(buffer, libc::MSG_DONTWAIT).is_err() {
            break;
        }
    }
}

/// The events of one datagram. One that cannot be read is a reason to look, too.
pub(super) fn events(datagram: &[u8]) -> impl Iterator<Item = Event> {
    let mut messages = messages(datagram).peekable();
    let unreadable = messages
        .peek()
        .is_none()
        .then_some(Event::Everything(Lost::Unreadable));
    messages
        .filter_map(|message| event(message.message_type(), message.payload()))
        .chain(unreadable)
}

/// What a message says changed; `None` if that can be no path of ours:
///
/// - Routes of the local table, and broadcast, anycast and multicast routes: they come and go with addresses, each of which is
///   an event by itself. Routes cloned for one destination (path MTU, redirects) move no path.
/// - Links as seen by the bridge they belong to, or by IPv6 (at each router's announcement), and a wireless driver's scan
///   results. The link's own message says what matters.
fn event(kind: u16, content: &[u8]) -> Option<Event> {
    Some(match message::read(kind, content) {
        Some(Message::Link { link, .. }) if link.family != UNSPECIFIED || link.wireless => {
            return None;
        }
        Some(Message::Link { link, removed }) => {
            let (up, carrier) = link::state(link.flags);
            Event::Interface {
                index: link.index,
                name: link.name,
                up,
                carrier: Some(carrier),
                removed,
            }
        }
        Some(Message::Address { address, removed }) => Event::Address {
            index: address.index,
            address: address.ip,
            removed,
        },
        Some(Message::Route { route, .. }) if !moves_paths(&route) => return None,
        Some(Message::Route { route, removed }) => Event::Route {
            destination: route.destination,
            interface: route.interface,
            table: route.table,
            removed,
        },
        Some(Message::Rule { removed }) => Event::Rule { removed },
        None => Event::Everything(Lost::Unreadable),
    })
}

/// `AF_UNSPEC`: the link itself speaks.
const UNSPECIFIED: u8 = 0;

fn moves_paths(route: &Route) -> bool {
    let passive = [
        libc::RTN_LOCAL,
        libc::RTN_BROADCAST,
        libc::RTN_ANYCAST,
        libc::RTN_MULTICAST,
    ];
    route.table != u32::from(libc::RT_TABLE_LOCAL)
        && !passive.contains(&route.kind)
        && route.flags & libc::RTM_F_CLONED == 0
}

#[cfg(test)]
mod tests {
    use std::{
        cell::Cell,
        net::UdpSocket,
        os::fd::{FromRawFd as _, IntoRawFd as _},
    };

    use tokio::time::timeout;

    use super::{
        super::{logind::Logind, sleep::Reading},
        *,
    };
    use crate::namespace::{PATIENCE, inside, run, shell};

    thread_local! {
        static SLEPT: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    }

    /// A machine that sleeps when the test says so.
    fn on(socket: AsyncFd<Socket>) -> Events {
        let clocks = || Reading {
            asleep: SLEPT.get(),
            awake: Duration::ZERO,
        };
        let sleep = Sleep::with(None, Logind::absent(), clocks);
        Events::on(socket, sleep, Event::Rule { removed: true })
    }

    #[test]
    fn after_an_overrun_the_kernel_tells_everything_again() {
        inside(async || {
            run("ip link add home type veth peer name router");
            let mut events = on(subscribe(4096).unwrap());
            assert_eq!(events.next().await, Event::Rule { removed: true });
            shell(
                "for n in $(seq 1 250); do echo addr add 10.0.0.$n/32 dev home; done | ip -batch -",
            );
            let mut seen = Vec::new();
            while let Ok(event) = timeout(Duration::from_millis(200), events.next()).await {
                seen.push(event);
            }
            assert_eq!(
                seen.last(),
                Some(&Event::Everything(Lost::Overrun)),
                "the last word, as nothing is queued before it"
            );
            let snapshot = crate::imp::look(&[]).unwrap().0;
            assert_eq!(
                snapshot
                    .interfaces
                    .values()
                    .map(|interface| interface.addresses.len())
                    .sum::<usize>(),
                252
            );
            run("ip link set home up");
            let event = timeout(PATIENCE, events.next()).await.unwrap();
            assert!(
                matches!(event, Event::Interface { up: true, .. }),
                "{event:?}"
            );
        });
    }

    #[test]
    fn a_failed_socket_is_opened_again_and_everything_may_have_changed() {
        inside(async || {
            // Its reads fail, as a netlink socket's do when the kernel has no memory: nobody listens on that port.
            let broken = UdpSocket::bind("127.0.0.1:0").unwrap();
            broken.connect("127.0.0.1:9").unwrap();
            broken.send(b"?").unwrap();
            #[expect(unsafe_code, reason = "a socket that fails at will")]
            // SAFETY: the number is that of an open socket which nobody else owns.
            let broken = unsafe { Socket::from_raw_fd(broken.into_raw_fd()) };
            broken.set_non_blocking(true).unwrap();
            let mut events = on(watch(broken).unwrap());
            events.next().await;
            let event = timeout(PATIENCE, events.next()).await.unwrap();
            assert!(
                matches!(&event, Event::Everything(Lost::Reopened(error)) if error.contains("refused")),
                "{event:?}"
            );
            run("ip link add home type veth peer name router");
            let event = timeout(PATIENCE, events.next()).await.unwrap();
            assert!(
                matches!(event, Event::Interface { removed: false, .. }),
                "{event:?}"
            );
        });
    }

    #[test]
    fn a_sleep_is_told_before_the_message_that_wakes_us_up() {
        inside(async || {
            let mut events = on(subscribe(ROOM).unwrap());
            events.next().await;
            let quiet = timeout(Duration::from_millis(50), events.next()).await;
            assert!(quiet.is_err(), "{quiet:?}");
            SLEPT.set(Duration::from_secs(60));
            run("ip link add home type veth peer name router");
            assert_eq!(events.next().await, Event::Woke(Duration::from_secs(60)));
            let event = events.next().await;
            assert!(matches!(event, Event::Interface { .. }), "{event:?}");
        });
    }

    #[test]
    fn what_cannot_be_read_is_a_reason_to_look() {
        let lost = [Event::Everything(Lost::Unreadable)];
        assert_eq!(events(&[1, 2, 3]).collect::<Vec<_>>(), lost);
        assert_eq!(event(libc::RTM_NEWLINK, &[0; 15]), Some(lost[0].clone()));
        assert_eq!(event(libc::RTM_NEWNEIGH, &[0; 64]), Some(lost[0].clone()));
    }
}
