//! The routing socket, for what configd does not manage: the routes of a VPN from the command line.

use std::{
    collections::VecDeque,
    io::{self, Read as _},
    mem,
    time::Duration,
};

use socket2::Socket;
use tokio::{
    io::{Interest, unix::AsyncFd},
    time::{Instant, sleep_until},
};

use super::{
    route::{event, messages},
    router,
};
use crate::event::{Event, Lost};

/// No message is as long.
const BUFFER: usize = 1 << 12;

/// Pauses before a failed socket is opened again: none, then these, doubling.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A subscription to routes that never ends.
#[derive(Debug)]
pub(super) struct Routes {
    ready: VecDeque<Event>,
    source: Source,
    /// The pause after the next failure; zero again once a message was read.
    pause: Duration,
    buffer: Vec<u8>,
}

#[derive(Debug)]
enum Source {
    Open(AsyncFd<Socket>),
    Failed { error: String, retry: Instant },
}

impl Routes {
    pub(super) fn open() -> io::Result<Self> {
        Ok(Self {
            ready: VecDeque::new(),
            source: Source::Open(subscribe()?),
            pause: Duration::ZERO,
            buffer: vec![0; BUFFER],
        })
    }

    /// The next event. Cancel-safe: it waits only while it holds nothing.
    pub(super) async fn next(&mut self) -> Event {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return event;
            }
            match &mut self.source {
                Source::Open(socket) => match receive(socket, &mut self.buffer).await {
                    Ok(length) => {
                        self.pause = Duration::ZERO;
                        let read = self.buffer.get(..length).unwrap_or_default();
                        self.ready.extend(messages(read).filter_map(event));
                    }
                    Err(error) => self.fail(&error),
                },
                Source::Failed { error, retry } => {
                    sleep_until(*retry).await;
                    let error = mem::take(error);
                    match subscribe() {
                        Ok(socket) => {
                            self.source = Source::Open(socket);
                            return Event::Everything(Lost::Reopened(error));
                        }
                        Err(error) => self.fail(&error),
                    }
                }
            }
        }
    }

    fn fail(&mut self, error: &io::Error) {
        tracing::warn!(%error, pause = ?self.pause, "the routing socket failed, opening it again");
        self.source = Source::Failed {
            error: error.to_string(),
            retry: Instant::now() + self.pause,
        };
        self.pause = (self.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
    }
}

fn subscribe() -> io::Result<AsyncFd<Socket>> {
    let socket = router::open()?;
    #[expect(
        unsafe_code,
        reason = "registration trusts that the descriptor stays open, and an owned one does"
    )]
    // SAFETY: the socket owns its open descriptor, moves into the AsyncFd, is never replaced there, and closes it only after the
    // AsyncFd has deregistered it.
    let watched = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) };
    watched.map_err(|error| error.into_parts().1)
}

/// Receives one read's worth. Cancel-safe: it waits only while there is none.
async fn receive(socket: &AsyncFd<Socket>, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        let mut ready = socket.readable().await?;
        match ready.try_io(|socket| socket.get_ref().read(buffer)) {
            Ok(Ok(0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(received) => return received,
            Err(_would_block) => {}
        }
    }
}
