//! The TCP sockets of this network namespace, by `sock_diag(7)`.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use netlink_sys::protocols::NETLINK_SOCK_DIAG;

use super::{
    message::{INET, INET6},
    netlink::{Conversation, attributes, number},
    tcp,
};
use crate::tcp::Health;

/// `SOCK_DIAG_BY_FAMILY` of `linux/sock_diag.h`.
const BY_FAMILY: u16 = 20;

/// `INET_DIAG_INFO` of `linux/inet_diag.h`: the attribute with the `tcp_info`, asked for by the bit below its number.
const INFO: u16 = 2;

/// Of `net/tcp_states.h`.
const ESTABLISHED: u8 = 1;
const SYN_SENT: u8 = 2;
const LISTEN: u8 = 10;

/// Length of `struct inet_diag_req_v2`.
const REQUEST: usize = 56;

/// Length of `struct inet_diag_msg`.
const HEADER: usize = 72;

/// A socket, as far as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Socket {
    pub(super) local: SocketAddr,
    pub(super) peer: SocketAddr,
    pub(super) state: State,
    pub(super) health: Option<Health>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Established,
    Connecting,
    Listening,
}

/// All of these states, by the inode that `/proc/PID/fd` shows too.
pub(super) fn all() -> io::Result<BTreeMap<u32, Socket>> {
    let mut conversation = Conversation::with(NETLINK_SOCK_DIAG)?;
    let mut sockets = BTreeMap::new();
    for family in [INET, INET6] {
        let mut request = [0; REQUEST];
        let states: u32 = 1 << ESTABLISHED | 1 << SYN_SENT | 1 << LISTEN;
        request[0] = family;
        request[1] = 6; // IPPROTO_TCP
        request[2] = 1 << (INFO - 1);
        request[4..8].copy_from_slice(&states.to_ne_bytes());
        let found = conversation.dump(BY_FAMILY, &request, |found, kind, content| {
            if kind == BY_FAMILY {
                Vec::extend(found, read(content));
            }
        })?;
        sockets.extend(found);
    }
    Ok(sockets)
}

/// Inode and socket; `None` for a message that is too short or about something else.
pub(super) fn read(content: &[u8]) -> Option<(u32, Socket)> {
    let (header, rest) = content.split_first_chunk::<HEADER>()?;
    let state = match header[1] {
        ESTABLISHED => State::Established,
        SYN_SENT => State::Connecting,
        LISTEN => State::Listening,
        _ => return None,
    };
    let port = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let address = |at: usize| ip(header[0], &header[at..at + 16]);
    let mut health = None;
    for (kind, value) in attributes(rest) {
        if kind == INFO {
            health = Some(tcp::read(value));
        }
    }
    let socket = Socket {
        local: SocketAddr::new(address(8)?, port(4)),
        peer: SocketAddr::new(address(24)?, port(6)),
        state,
        health,
    };
    Some((number(&header[68..])?, socket))
}

/// An address in its field of 16 bytes. A socket of both families has IPv4 addresses in IPv6's form.
fn ip(family: u8, field: &[u8]) -> Option<IpAddr> {
    match family {
        INET => {
            let bytes: [u8; 4] = *field.first_chunk()?;
            Some(Ipv4Addr::from(bytes).into())
        }
        INET6 => {
            let bytes: [u8; 16] = *field.first_chunk()?;
            Some(IpAddr::from(Ipv6Addr::from(bytes)).to_canonical())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_structure_of_any_length_that_says_the_most_of_everything_is_read() {
        for length in 0..=size_of::<libc::tcp_info>() + 8 {
            let health = tcp::read(&vec![0xff; length]);
            assert!(!health.established, "255 is no state");
        }
        let mut unsent = vec![0; size_of::<libc::tcp_info>()];
        let at = std::mem::offset_of!(libc::tcp_info, tcpi_bytes_sent);
        unsent[at..at + 8].fill(0xff);
        let at = std::mem::offset_of!(libc::tcp_info, tcpi_notsent_bytes);
        unsent[at] = 1;
        assert_eq!(
            tcp::read(&unsent).undelivered,
            u64::MAX,
            "more is not to be said"
        );
    }
}
