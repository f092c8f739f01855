//! The snapshot, and the kernel's own answer for a destination.

use std::{
    io,
    net::{IpAddr, Ipv4Addr},
};

use super::{
    link,
    message::{self, INET, INET6, Message, Route},
    netlink::{Conversation, Reply, attach},
};
use crate::{
    path::{Lookup, NoPath, Path, Query},
    snapshot::{Interface, Snapshot},
};

/// `RTEXT_FILTER_SKIP_STATS` of `linux/rtnetlink.h`: spare the kernel the counting, and us the bytes.
const SKIP_STATISTICS: u32 = 1 << 3;

/// Of `linux/rtnetlink.h`, since Linux 4.19; older kernels pass over it.
const RTA_IP_PROTO: u16 = 27;

/// `IPPROTO_TCP`, as the attribute's one byte has it.
const TCP: u8 = 6;

/// Opens one socket for the whole look: nothing is left over from an earlier one, and none can have gone bad.
pub(crate) fn look(queries: &[Query]) -> io::Result<(Snapshot, Vec<Lookup>)> {
    let mut conversation = Conversation::open()?;
    let snapshot = snapshot(&mut conversation)?;
    let paths = queries
        .iter()
        .map(|query| path(&mut conversation, &snapshot, query))
        .collect();
    Ok((snapshot, paths))
}

fn snapshot(conversation: &mut Conversation) -> io::Result<Snapshot> {
    // struct ifinfomsg of zeroes: every link.
    let mut body = vec![0; 16];
    attach(
        &mut body,
        libc::IFLA_EXT_MASK,
        &SKIP_STATISTICS.to_ne_bytes(),
    );
    let links = conversation.dump(
        libc::RTM_GETLINK,
        &body,
        |links: &mut Vec<_>, kind, content| {
            if let Some(Message::Link { link, .. }) = message::read(kind, content) {
                links.push(link);
            }
        },
    )?;
    let mut snapshot = Snapshot::default();
    for link in &links {
        let interface = Interface {
            inward: link::inward(link, &links),
            ..link::interface(link)
        };
        snapshot.interfaces.insert(link.index, interface);
    }
    // struct ifaddrmsg of zeroes: both families.
    let addresses = conversation.dump(
        libc::RTM_GETADDR,
        &[0; 8],
        |addresses: &mut Vec<_>, kind, content| {
            if let Some(Message::Address { address, .. }) = message::read(kind, content)
                && usable(address.flags)
                && let Some(ip) = address.ip
            {
                addresses.push((address.index, ip));
            }
        },
    )?;
    for (index, address) in addresses {
        // An interface that came after the first question has its own event, and so another look.
        if let Some(interface) = snapshot.interfaces.get_mut(&index) {
            interface.addresses.insert(address);
        }
    }
    Ok(snapshot)
}

/// Whether a socket may use an address with these flags: not while it is tentative, unless optimistic (RFC 4429). A deprecated one
/// serves the connections that have it.
fn usable(flags: u32) -> bool {
    let checked = flags & libc::IFA_F_TENTATIVE == 0 || flags & libc::IFA_F_OPTIMISTIC != 0;
    checked && flags & libc::IFA_F_DADFAILED == 0
}

fn path(conversation: &mut Conversation, snapshot: &Snapshot, query: &Query) -> Lookup {
    let bound = match &query.interface {
        None => None,
        Some(name) => match snapshot
            .interfaces
            .iter()
            .find(|(_, interface)| interface.name == *name)
        {
            None => return Lookup::None(NoPath::NotOurs),
            Some((_, interface)) if !usable_link(interface) => {
                return Lookup::None(NoPath::NoCarrier(name.clone()));
            }
            Some((index, _)) => Some(*index),
        },
    };
    if query.source.is_some_and(|source| {
        !snapshot.owns(source) || source.is_ipv4() != query.destination.is_ipv4()
    }) {
        return Lookup::None(NoPath::NotOurs);
    }
    match conversation.ask(libc::RTM_GETROUTE, &question(query, bound)) {
        Ok(Reply::Refused(errno)) => refused(errno),
        Ok(Reply::Message(kind, content)) => match message::read(kind, &content) {
            Some(Message::Route { route, .. }) => judge(&route, snapshot, query),
            Some(Message::Link { .. } | Message::Address { .. } | Message::Rule { .. }) | None => {
                Lookup::Unknown(format!("the kernel answered with a message of type {kind}"))
            }
        },
        Err(error) => Lookup::Unknown(error.to_string()),
    }
}

/// `struct rtmsg` and attributes. The kernel adds our own user to the question, as it does for a socket; that ssh is TCP has
/// to be said, because rules may go by it.
fn question(query: &Query, bound: Option<u32>) -> Vec<u8> {
    let (family, bits) = if query.destination.is_ipv4() {
        (INET, 32)
    } else {
        (INET6, 128)
    };
    let mut body = vec![0; 12];
    body[0] = family;
    body[1] = bits;
    address(&mut body, libc::RTA_DST, query.destination);
    if let Some(source) = query.source {
        body[2] = bits;
        address(&mut body, libc::RTA_SRC, source);
    }
    if let Some(index) = bound {
        attach(&mut body, libc::RTA_OIF, &index.to_ne_bytes());
    }
    attach(&mut body, RTA_IP_PROTO, &[TCP]);
    body
}

fn address(body: &mut Vec<u8>, kind: u16, address: IpAddr) {
    match address {
        IpAddr::V4(v4) => attach(body, kind, &v4.octets()),
        IpAddr::V6(v6) => attach(body, kind, &v6.octets()),
    }
}

/// What connect(2) would fail with. `EACCES` is a prohibit route; `EINVAL` is IPv4's word for a blackhole route
/// (`fib_props` in `net/ipv4/fib_semantics.c`), and a source that is not ours was sorted out before.
fn refused(errno: i32) -> Lookup {
    match errno {
        libc::ENETUNREACH | libc::EHOSTUNREACH | libc::ENETDOWN | libc::EACCES | libc::EINVAL => {
            Lookup::None(NoPath::NoRoute)
        }
        libc::ENODEV => Lookup::None(NoPath::NotOurs),
        _ => Lookup::Unknown(io::Error::from_raw_os_error(errno).to_string()),
    }
}

/// Makes a path of the kernel's answer, if it is one that packets can take.
fn judge(route: &Route, snapshot: &Snapshot, query: &Query) -> Lookup {
    // IPv6 answers with the unreachable route itself, where IPv4 says an errno.
    if matches!(
        route.kind,
        libc::RTN_UNREACHABLE | libc::RTN_PROHIBIT | libc::RTN_BLACKHOLE | libc::RTN_THROW
    ) {
        return Lookup::None(NoPath::NoRoute);
    }
    let Some((index, interface)) = route
        .interface
        .and_then(|index| Some((index, snapshot.interfaces.get(&index)?)))
    else {
        return Lookup::Unknown("the path goes over an interface that has just appeared".into());
    };
    if !usable_link(interface) {
        return Lookup::None(NoPath::NoCarrier(interface.name.clone()));
    }
    // The answer repeats no source that the question fixed.
    let source = query
        .source
        .or(route.source)
        .filter(|source| *source != IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    match source {
        // An interface without an address: IPv4 then pretends that the destination is on its link.
        None => Lookup::None(NoPath::NoRoute),
        // A router's announcement is here before the address it promises: until then the kernel would take the link-local
        // address, which no router forwards (RFC 4291, 2.5.6).
        Some(source) if link_local(source) && !link_local(query.destination) => {
            Lookup::None(NoPath::NoRoute)
        }
        // When the last address goes before the route, the kernel takes one of the loopback interface for a moment (seen on Linux 6.18).
        Some(source) if source.is_loopback() && !query.destination.is_loopback() => {
            Lookup::None(NoPath::NoRoute)
        }
        Some(source) => Lookup::Found(Path {
            index,
            interface: interface.name.clone(),
            source,
            gateway: route.gateway,
            // IPv4 over a network that has IPv6 only is no VPN, though the translator (464XLAT, RFC 6877) stands behind a TUN device.
            tunnel: interface.tunnel && !is_translated(source),
        }),
    }
}

/// Whether this is an address of the translator of a host that has no IPv4 of its own (RFC 7335: 192.0.0.0/29).
fn is_translated(source: IpAddr) -> bool {
    matches!(source, IpAddr::V4(v4) if u32::from(v4) >> 3 == u32::from(Ipv4Addr::new(192, 0, 0, 0)) >> 3)
}

fn usable_link(interface: &Interface) -> bool {
    interface.up && interface.carrier != Some(false)
}

fn link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local())
}
