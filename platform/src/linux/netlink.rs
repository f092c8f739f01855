//! Speaking netlink: one question with its answers, and the attributes inside a message.
//!
//! A question is asked with blocking calls, and that is on purpose: the kernel works out the answer inside the sending call and
//! each part of a dump inside the receiving call (netlink(7)), so there is nothing that a runtime could wait for.

use std::{io, time::Duration};

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR, NetlinkBuffer,
    NlasIterator,
};
use netlink_sys::{Socket, protocols::NETLINK_ROUTE};
use socket2::SockRef;

/// The kernel's own limit for one part of a dump (`netlink_dump` in `net/netlink/af_netlink.c`); less would cost more calls.
pub(super) const BUFFER: usize = 32 * 1024;

/// Length of `struct nlmsghdr`.
const HEADER: usize = 16;

/// An answer that does not come within this time never comes. The kernel always answers before the call returns.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often a dump is asked for again when the kernel says that something changed while it was made. After that the last one is
/// taken: each of those changes is also an event, so another look follows.
const TRIES: u32 = 3;

/// A socket for questions.
pub(super) struct Conversation {
    socket: Socket,
    buffer: Vec<u8>,
    sequence: u32,
}

/// The kernel's answer to a question for one thing.
pub(super) enum Reply {
    /// Type and content.
    Message(u16, Vec<u8>),
    /// The kernel said no, with this errno (positive).
    Refused(i32),
}

impl Conversation {
    /// Opens a socket for questions about links, addresses and routes in the network namespace of the calling thread.
    pub(super) fn open() -> io::Result<Self> {
        Self::with(NETLINK_ROUTE)
    }

    /// The same for another of netlink's families.
    pub(super) fn with(protocol: isize) -> io::Result<Self> {
        let socket = Socket::new(protocol)?;
        SockRef::from(&socket).set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            socket,
            buffer: Vec::with_capacity(BUFFER),
            sequence: 0,
        })
    }

    /// Asks for one thing.
    pub(super) fn ask(&mut self, kind: u16, body: &[u8]) -> io::Result<Reply> {
        self.send(kind, NLM_F_REQUEST, body)?;
        let mut reply = None;
        while reply.is_none() {
            self.receive(|message| {
                reply = Some(match message.message_type() {
                    NLMSG_ERROR => Reply::Refused(errno(message.payload())),
                    kind => Reply::Message(kind, message.payload().to_vec()),
                });
            })?;
        }
        reply.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Asks for all there is, and gives each message's type and content to `keep`. `restart` is called before each attempt.
    pub(super) fn dump<T>(
        &mut self,
        kind: u16,
        body: &[u8],
        keep: impl Fn(&mut T, u16, &[u8]),
    ) -> io::Result<T>
    where
        T: Default,
    {
        let mut attempt = 1;
        loop {
            self.send(kind, NLM_F_REQUEST | NLM_F_DUMP, body)?;
            let (mut kept, mut done, mut interrupted, mut refused) =
                (T::default(), false, false, 0);
            while !done {
                self.receive(|message| {
                    interrupted |= message.flags() & NLM_F_DUMP_INTR != 0;
                    match message.message_type() {
                        // Both carry an errno; zero is success.
                        NLMSG_DONE | NLMSG_ERROR => {
                            done = true;
                            refused = errno(message.payload());
                        }
                        kind => keep(&mut kept, kind, message.payload()),
                    }
                })?;
            }
            if refused != 0 {
                return Err(io::Error::from_raw_os_error(refused));
            }
            if !interrupted || attempt == TRIES {
                return Ok(kept);
            }
            attempt += 1;
        }
    }

    fn send(&mut self, kind: u16, flags: u16, body: &[u8]) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let length = HEADER + body.len();
        let mut bytes = vec![0; length];
        let mut message = NetlinkBuffer::new(&mut bytes);
        message.set_length(u32::try_from(length).map_err(io::Error::other)?);
        message.set_message_type(kind);
        message.set_flags(flags);
        message.set_sequence_number(self.sequence);
        message.payload_mut().copy_from_slice(body);
        // Unconnected, and without an address: to the kernel.
        self.socket.send(&bytes, 0).map(drop)
    }

    /// Receives one datagram and shows the messages in it that answer the last question.
    fn receive(&mut self, mut show: impl FnMut(&NetlinkBuffer<&[u8]>)) -> io::Result<()> {
        self.buffer.clear();
        let length = self.socket.recv(&mut self.buffer, libc::MSG_TRUNC)?;
        if length > self.buffer.len() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the kernel's answer does not fit",
            ));
        }
        for message in messages(&self.buffer) {
            if message.sequence_number() == self.sequence {
                show(&message);
            }
        }
        Ok(())
    }
}

/// The messages of one datagram.
pub(super) fn messages(datagram: &[u8]) -> impl Iterator<Item = NetlinkBuffer<&[u8]>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let message = NetlinkBuffer::new_checked(rest).ok()?;
        // Each message begins at a multiple of four (NLMSG_ALIGN).
        let length = usize::try_from(message.length()).ok()?.next_multiple_of(4);
        rest = rest.get(length..).unwrap_or_default();
        Some(message)
    })
}

/// The attributes of one message, by kind; what cannot be read ends them.
pub(super) fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    NlasIterator::new(bytes)
        .map_while(Result::ok)
        .map(|attribute| {
            let value = HEADER_OF_ATTRIBUTE..usize::from(attribute.length());
            (
                attribute.kind(),
                attribute.into_inner().get(value).unwrap_or_default(),
            )
        })
}

/// Length of `struct nlattr`.
const HEADER_OF_ATTRIBUTE: usize = 4;

/// Appends an attribute.
pub(super) fn attach(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(HEADER_OF_ATTRIBUTE + value.len()).unwrap_or(u16::MAX);
    body.extend_from_slice(&length.to_ne_bytes());
    body.extend_from_slice(&kind.to_ne_bytes());
    body.extend_from_slice(value);
    body.resize(body.len().next_multiple_of(4), 0);
}

/// A number, in the byte order of the machine.
pub(super) fn number(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().copied().map(u32::from_ne_bytes)
}

/// The errno at the start of an error or the end of a dump, made positive.
fn errno(content: &[u8]) -> i32 {
    content
        .first_chunk()
        .map_or(0, |bytes| i32::from_ne_bytes(*bytes).saturating_neg())
}
