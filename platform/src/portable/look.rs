//! The snapshot by getifaddrs(3), and the kernel's own choice of a source address.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
};

use nix::{
    ifaddrs::getifaddrs,
    net::if_::{InterfaceFlags, if_nametoindex},
    sys::socket::SockaddrStorage,
};

use crate::{
    path::{Lookup, NoPath, Path, Query},
    snapshot::{Interface, Snapshot},
};

/// ssh's own port. Any will do but 0, to which no BSD connects (`EADDRNOTAVAIL`).
const PORT: u16 = 22;

pub(crate) fn look(queries: &[Query]) -> io::Result<(Snapshot, Vec<Lookup>)> {
    let snapshot = snapshot()?;
    let paths = queries.iter().map(|query| path(&snapshot, query)).collect();
    Ok((snapshot, paths))
}

/// All interfaces with the addresses that getifaddrs(3) knows.
pub(crate) fn snapshot() -> io::Result<Snapshot> {
    let mut snapshot = Snapshot::default();
    for found in getifaddrs()? {
        // It has gone since: an event of its own.
        let Ok(index) = if_nametoindex(found.interface_name.as_str()) else {
            continue;
        };
        let flags = found.flags;
        let loopback = flags.contains(InterfaceFlags::IFF_LOOPBACK);
        let interface = snapshot
            .interfaces
            .entry(index)
            .or_insert_with(|| Interface {
                name: found.interface_name,
                up: flags.contains(InterfaceFlags::IFF_UP),
                carrier: carrier(flags),
                loopback,
                tunnel: flags.contains(InterfaceFlags::IFF_POINTOPOINT) && !loopback,
                addresses: std::collections::BTreeSet::new(),
            });
        interface
            .addresses
            .extend(found.address.as_ref().and_then(ip));
    }
    Ok(snapshot)
}

/// `IFF_RUNNING` is the carrier on Linux (netdevice(7)); elsewhere it says that the driver works.
fn carrier(flags: InterfaceFlags) -> Option<bool> {
    cfg!(target_os = "linux").then(|| flags.contains(InterfaceFlags::IFF_RUNNING))
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    if let Some(v4) = address.as_sockaddr_in() {
        return Some(v4.ip().into());
    }
    address.as_sockaddr_in6().map(|v6| plain(v6.ip()).into())
}

/// The BSDs keep the scope of a link-local address within it, where it is zero for everybody else (RFC 4291, 2.5.6).
fn plain(address: Ipv6Addr) -> Ipv6Addr {
    if !address.is_unicast_link_local() {
        return address;
    }
    let mut octets = address.octets();
    octets[2..8].fill(0);
    octets.into()
}

/// Connects a datagram socket, which sends nothing and asks the kernel for a route.
pub(crate) fn path(snapshot: &Snapshot, query: &Query) -> Lookup {
    let source = match &query.interface {
        None => query.source,
        Some(name) => match bound(snapshot, name, query) {
            Ok(source) => Some(source),
            Err(why) => return Lookup::None(why),
        },
    };
    if source.is_some_and(|source| {
        !snapshot.owns(source) || source.is_ipv4() != query.destination.is_ipv4()
    }) {
        return Lookup::None(NoPath::NotOurs);
    }
    let source = match chosen(source, query.destination) {
        Ok(source) => source,
        Err(error) => return refused(&error),
    };
    let Some((index, interface)) = snapshot
        .interfaces
        .iter()
        .find(|(_, interface)| interface.addresses.contains(&source))
    else {
        return Lookup::Unknown(format!("{source} has just appeared"));
    };
    if !interface.up || interface.carrier == Some(false) {
        return Lookup::None(NoPath::NoCarrier(interface.name.clone()));
    }
    Lookup::Found(Path {
        index: *index,
        interface: interface.name.clone(),
        source,
        gateway: None,
        tunnel: interface.tunnel,
    })
}

/// The address of the interface that the user fixed: ssh binds to its first one of that family (`BindInterface`, `ssh_config(5)`).
fn bound(snapshot: &Snapshot, name: &str, query: &Query) -> Result<IpAddr, NoPath> {
    let interface = snapshot
        .interfaces
        .values()
        .find(|interface| interface.name == name)
        .ok_or(NoPath::NotOurs)?;
    if !interface.up || interface.carrier == Some(false) {
        return Err(NoPath::NoCarrier(name.into()));
    }
    let fits = |address: &&IpAddr| query.source.is_none_or(|source| source == **address);
    interface
        .addresses
        .iter()
        .filter(|address| address.is_ipv4() == query.destination.is_ipv4())
        .find(fits)
        .copied()
        .ok_or(NoPath::NotOurs)
}

fn chosen(source: Option<IpAddr>, destination: IpAddr) -> io::Result<IpAddr> {
    let any = match destination {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind(SocketAddr::new(source.unwrap_or(any), 0))?;
    socket.connect(SocketAddr::new(destination, PORT))?;
    Ok(socket.local_addr()?.ip())
}

/// What connect(2) fails with where nothing leads.
fn refused(error: &io::Error) -> Lookup {
    match error.raw_os_error() {
        Some(
            libc::ENETUNREACH | libc::EHOSTUNREACH | libc::ENETDOWN | libc::EACCES | libc::EINVAL,
        ) => Lookup::None(NoPath::NoRoute),
        Some(libc::EADDRNOTAVAIL) => Lookup::None(NoPath::NotOurs),
        Some(_) | None => Lookup::Unknown(error.to_string()),
    }
}
