//! What the messages of a routing socket say (route(4), `net/route.h`, `net/if.h`).
//!
//! They are read byte by byte, and what does not fit its own length is not read: a kernel's mistake must be no panic of ours. All
//! numbers and sizes are checked against the system's own, where there is one (`layout.rs`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::event::{Event, Lost};

pub(super) const RTM_VERSION: u8 = 5;
pub(super) const RTM_ADD: u8 = 0x1;
pub(super) const RTM_DELETE: u8 = 0x2;
pub(super) const RTM_CHANGE: u8 = 0x3;
pub(super) const RTM_GET: u8 = 0x4;
pub(super) const RTM_NEWADDR: u8 = 0xc;
pub(super) const RTM_DELADDR: u8 = 0xd;
pub(super) const RTM_IFINFO: u8 = 0xe;
pub(super) const RTF_GATEWAY: u32 = 0x2;
pub(super) const RTF_LLINFO: u32 = 0x400;
pub(super) const RTF_WASCLONED: u32 = 0x2_0000;
pub(super) const RTA_DST: u32 = 0x1;
pub(super) const RTA_GATEWAY: u32 = 0x2;
pub(super) const RTA_NETMASK: u32 = 0x4;
pub(super) const RTA_IFP: u32 = 0x10;
pub(super) const RTA_IFA: u32 = 0x20;
/// One more than the number of the last bit in `rtm_addrs`.
pub(super) const RTAX_MAX: u32 = 8;
pub(super) const IFF_UP: u32 = 0x1;
pub(super) const AF_INET: u8 = 2;
pub(super) const AF_LINK: u8 = 18;
pub(super) const AF_INET6: u8 = 30;
/// `struct rt_msghdr`: index at 4, flags at 8, addresses at 12, process at 16, sequence at 20, error at 24.
pub(super) const RT_MSGHDR: usize = 92;
/// `struct if_msghdr`: addresses at 4, flags at 8, index at 12.
pub(super) const IF_MSGHDR: usize = 112;
/// `struct ifa_msghdr`: addresses at 4, flags at 8, index at 12.
pub(super) const IFA_MSGHDR: usize = 20;
pub(super) const SOCKADDR_IN: usize = 16;
pub(super) const SOCKADDR_IN6: usize = 28;
pub(super) const SOCKADDR_DL: usize = 20;

/// A message, as far as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// Flags of an interface; the carrier is none of them.
    Interface { index: u32, flags: u32 },
    Address {
        index: u32,
        address: Option<IpAddr>,
        removed: bool,
    },
    /// A route that came, went or changed, or the answer to a question.
    Route(Route),
    /// One of another kind: neighbours, losses, multicast groups…
    Other,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) kind: u8,
    pub(super) index: u32,
    pub(super) flags: u32,
    pub(super) process: u32,
    pub(super) sequence: u32,
    pub(super) error: u32,
    pub(super) destination: Option<IpAddr>,
    /// Zero for the default route, whose netmask is empty; without any netmask it is a host's.
    pub(super) prefix: Option<u8>,
    pub(super) gateway: Option<IpAddr>,
}

/// The messages in what one read has brought: `Err` for the first one that cannot be read, and then no more.
pub(super) fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Result<Message, Unreadable>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let (message, rest) = split(bytes).unwrap_or_default();
        let read = read(message).ok_or(Unreadable);
        bytes = if read.is_ok() { rest } else { &[] };
        Some(read)
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = usize::from(u16_at(bytes, 0)?);
    (length >= 4).then(|| bytes.split_at_checked(length))?
}

fn read(message: &[u8]) -> Option<Message> {
    let &[_, _, version, kind, ..] = message else {
        return None;
    };
    if version != RTM_VERSION {
        return None;
    }
    Some(match kind {
        RTM_IFINFO => Message::Interface {
            index: u16_at(message, 12)?.into(),
            flags: u32_at(message, 8)?,
        },
        RTM_NEWADDR | RTM_DELADDR => {
            let [.., address] = addresses(message, IFA_MSGHDR, u32_at(message, 4)?)?;
            Message::Address {
                index: u16_at(message, 12)?.into(),
                address: address.and_then(ip),
                removed: kind == RTM_DELADDR,
            }
        }
        RTM_ADD | RTM_DELETE | RTM_CHANGE | RTM_GET => Message::Route(route(message, kind)?),
        _ => Message::Other,
    })
}

fn route(message: &[u8], kind: u8) -> Option<Route> {
    let [destination, gateway, netmask, _] = addresses(message, RT_MSGHDR, u32_at(message, 12)?)?;
    let destination = destination.and_then(ip);
    Some(Route {
        kind,
        index: u16_at(message, 4)?.into(),
        flags: u32_at(message, 8)?,
        process: u32_at(message, 16)?,
        sequence: u32_at(message, 20)?,
        error: u32_at(message, 24)?,
        prefix: destination.map(|address| prefix(address, netmask)),
        destination,
        gateway: gateway.and_then(ip),
    })
}

/// Destination, gateway, netmask and interface address, of those that follow the header: one after the other in the order of
/// their bits, each padded to four bytes, also on 64 bits, where a length of zero counts as four (`ROUNDUP32` in xnu's
/// `bsd/net/rtsock.c`). `None` if the message ends in the middle of the header; one that ends in an address has that far.
fn addresses(message: &[u8], header: usize, present: u32) -> Option<[Option<&[u8]>; 4]> {
    let mut rest = message.get(header..)?;
    let mut found = [None; 4];
    for bit in (0..RTAX_MAX).map(|number| 1 << number) {
        if present & bit == 0 {
            continue;
        }
        let Some(&length) = rest.first() else {
            break;
        };
        let length = usize::from(length);
        let address = rest.get(..length).unwrap_or(rest);
        rest = rest
            .get(length.max(1).next_multiple_of(4)..)
            .unwrap_or_default();
        match bit {
            RTA_DST => found[0] = Some(address),
            RTA_GATEWAY => found[1] = Some(address),
            RTA_NETMASK => found[2] = Some(address),
            RTA_IFA => found[3] = Some(address),
            _ => {}
        }
    }
    Some(found)
}

/// The address in a `sockaddr_in` or `sockaddr_in6`, whose trailing zeroes may be cut off.
fn ip(address: &[u8]) -> Option<IpAddr> {
    match *address.get(1)? {
        AF_INET => Some(Ipv4Addr::from(padded(address.get(4..)?)).into()),
        AF_INET6 => {
            let mut octets: [u8; 16] = padded(address.get(8..)?);
            // The kernel keeps the scope of a link-local address within it (KAME), where it is zero for everybody else.
            if Ipv6Addr::from(octets).is_unicast_link_local() {
                octets[2..4].fill(0);
            }
            Some(Ipv6Addr::from(octets).into())
        }
        _ => None,
    }
}

/// The length of the netmask: its family byte is anything, and trailing zeroes are cut off. Without one it is a host's.
fn prefix(destination: IpAddr, netmask: Option<&[u8]>) -> u8 {
    let bits = |from: usize, bytes: usize| {
        let mask = netmask.map(|mask| mask.get(from..).unwrap_or_default());
        mask.map_or(bytes * 8, |mask| {
            let ones = mask.iter().take(bytes).map(|byte| byte.count_ones());
            usize::try_from(ones.sum::<u32>()).unwrap_or(0)
        })
    };
    let length = match destination {
        IpAddr::V4(_) => bits(4, 4),
        IpAddr::V6(_) => bits(8, 16),
    };
    u8::try_from(length).unwrap_or(128)
}

/// The first bytes of `bytes`, and zeroes where it has none.
fn padded<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut whole = [0; N];
    for (to, from) in whole.iter_mut().zip(bytes) {
        *to = *from;
    }
    whole
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_ne_bytes(*two))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_ne_bytes(*four))
}

/// The question which way packets to `destination` take (`RTM_GET`). An empty link-level address asks for the interface's.
pub(super) fn question(destination: IpAddr, process: u32, sequence: u32) -> Vec<u8> {
    let mut message = vec![0; RT_MSGHDR];
    message[2] = RTM_VERSION;
    message[3] = RTM_GET;
    message[12..16].copy_from_slice(&(RTA_DST | RTA_IFP).to_ne_bytes());
    message[16..20].copy_from_slice(&process.to_ne_bytes());
    message[20..24].copy_from_slice(&sequence.to_ne_bytes());
    message.extend_from_slice(&match destination {
        IpAddr::V4(address) => sockaddr::<SOCKADDR_IN>(AF_INET, 4, &address.octets()),
        IpAddr::V6(address) => sockaddr::<SOCKADDR_IN6>(AF_INET6, 8, &address.octets()),
    });
    message.extend_from_slice(&sockaddr::<SOCKADDR_DL>(AF_LINK, 2, &[]));
    let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
    message[..2].copy_from_slice(&length.to_ne_bytes());
    message
}

fn sockaddr<const N: usize>(family: u8, at: usize, address: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; N];
    bytes[0] = u8::try_from(N).unwrap_or(u8::MAX);
    bytes[1] = family;
    bytes[at..at + address.len()].copy_from_slice(address);
    bytes
}

/// What a message says changed; `None` if that can be no path of ours: neighbours and routes cloned for one destination, which come and go
/// all the time, multicast, broadcast and link-local destinations, and answers to anybody's question, which every routing socket hears.
pub(super) fn event(message: Result<Message, Unreadable>) -> Option<Event> {
    Some(match message {
        Err(Unreadable) => Event::Everything(Lost::Unreadable),
        Ok(Message::Other) => return None,
        Ok(Message::Interface { index, flags }) => Event::Interface {
            index,
            name: None,
            up: flags & IFF_UP != 0,
            carrier: None,
            removed: false,
        },
        Ok(Message::Address {
            index,
            address,
            removed,
        }) => Event::Address {
            index,
            address,
            removed,
        },
        Ok(Message::Route(route)) if !moves_paths(&route) => return None,
        Ok(Message::Route(route)) => Event::Route {
            destination: route
                .destination
                .zip(route.prefix)
                .filter(|(_, prefix)| *prefix > 0),
            interface: (route.index != 0).then_some(route.index),
            table: 0,
            removed: route.kind == RTM_DELETE,
        },
    })
}

fn moves_paths(route: &Route) -> bool {
    let passive = match route.destination {
        Some(IpAddr::V4(address)) => {
            address.is_multicast() || address.is_broadcast() || address.is_link_local()
        }
        Some(IpAddr::V6(address)) => address.is_multicast() || address.is_unicast_link_local(),
        None => false,
    };
    route.kind != RTM_GET && route.flags & (RTF_LLINFO | RTF_WASCLONED) == 0 && !passive
}

#[cfg(test)]
#[path = "route/tests.rs"]
mod tests;
