//! What `proc_pidfdinfo` says of a socket: `struct socket_fdinfo` of xnu's `bsd/sys/proc_info.h`, read by its offsets.
//!
//! The structure is part of the system's binary interface; the offsets are those of a C compiler for it, and the system fills in all of it or nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Its length.
pub(super) const LENGTH: usize = 792;

/// `psi` begins behind a `proc_fileinfo` of 24 bytes; `soi_kind` stands 232 bytes into it, behind a `vinfo_stat` of 136 bytes.
const KIND: usize = 24 + 232;
/// `SOCKINFO_TCP`.
const TCP: u32 = 2;
/// `soi_proto`, which is a `tcp_sockinfo` then, and begins with an `in_sockinfo`.
const PROTO: usize = 24 + 240;
/// `insi_fport` and `insi_lport`: an int whose low half is in the network's order.
const PEER_PORT: usize = PROTO;
const LOCAL_PORT: usize = PROTO + 4;
/// `insi_vflag`.
const VERSION: usize = PROTO + 24;
/// `INI_IPV4`.
const IPV4: u8 = 1;
/// `insi_faddr` and `insi_laddr`: 16 bytes, an IPv4 address in the last four.
const PEER: usize = PROTO + 32;
const LOCAL: usize = PROTO + 48;
/// `tcpsi_state`.
const STATE: usize = PROTO + 80;

/// A TCP socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Socket {
    pub(super) local: SocketAddr,
    pub(super) peer: SocketAddr,
    pub(super) state: State,
}

/// Of `netinet/tcp_fsm.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Listening,
    Connecting,
    Established,
}

/// Reads it; `None` for what is no TCP socket in one of these states.
pub(super) fn read(info: &[u8; LENGTH]) -> Option<Socket> {
    let number = |at: usize| {
        let bytes = info.get(at..)?.first_chunk()?;
        Some(u32::from_ne_bytes(*bytes))
    };
    if number(KIND)? != TCP {
        return None;
    }
    let state = match number(STATE)? {
        1 => State::Listening,
        2 => State::Connecting,
        4 => State::Established,
        _ => return None,
    };
    let port = |at: usize| {
        let low = number(at)? & 0xffff;
        Some(u16::from_be(u16::try_from(low).ok()?))
    };
    let address = |at: usize| -> Option<IpAddr> {
        let bytes: [u8; 16] = *info.get(at..)?.first_chunk()?;
        if info[VERSION] & IPV4 != 0 {
            let last: [u8; 4] = *bytes.last_chunk()?;
            return Some(Ipv4Addr::from(last).into());
        }
        Some(IpAddr::from(Ipv6Addr::from(bytes)).to_canonical())
    };
    Some(Socket {
        local: SocketAddr::new(address(LOCAL)?, port(LOCAL_PORT)?),
        peer: SocketAddr::new(address(PEER)?, port(PEER_PORT)?),
        state,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(kind: u32, state: u32, version: u8) -> [u8; LENGTH] {
        let mut info = [0; LENGTH];
        let mut put = |at: usize, bytes: &[u8]| info[at..at + bytes.len()].copy_from_slice(bytes);
        put(256, &kind.to_ne_bytes());
        put(264, &u32::from(22_u16.to_be()).to_ne_bytes());
        put(268, &u32::from(50_000_u16.to_be()).to_ne_bytes());
        put(288, &[version]);
        put(308, &[203, 0, 113, 10]);
        put(324, &[192, 168, 1, 10]);
        put(344, &state.to_ne_bytes());
        info
    }

    #[test]
    fn a_connection_is_read_by_its_offsets() {
        let socket = read(&info(2, 4, 1)).unwrap();
        assert_eq!(socket.local.to_string(), "192.168.1.10:50000");
        assert_eq!(socket.peer.to_string(), "203.0.113.10:22");
        assert_eq!(socket.state, State::Established);
        let mut v6 = info(2, 2, 2);
        v6[296..312].copy_from_slice(&"2001:db8:5::10".parse::<Ipv6Addr>().unwrap().octets());
        v6[312..328].copy_from_slice(&"2001:db8:1::7".parse::<Ipv6Addr>().unwrap().octets());
        let socket = read(&v6).unwrap();
        assert_eq!(socket.peer.to_string(), "[2001:db8:5::10]:22");
        assert_eq!(socket.local.to_string(), "[2001:db8:1::7]:50000");
        assert_eq!(socket.state, State::Connecting);
    }

    #[test]
    fn what_is_no_live_tcp_socket_is_none() {
        assert_eq!(read(&info(1, 4, 1)), None, "UDP");
        assert_eq!(read(&info(2, 5, 1)), None, "closed by the other side");
    }
}
