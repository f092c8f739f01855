//! The snapshot by getifaddrs(3), and the kernel's own choice of a source address.
//!
//! A datagram socket is connected, which sends nothing, and says from which address it would send (getsockname(2)); whose address that is
//! is the interface. So the answer has no gateway, and two gateways on one interface are the same path. What goes by protocol or port,
//! a policy rule for TCP or a packet filter's route, is not seen. Where one address is on two interfaces, the first one counts.

use std::{
    collections::BTreeMap,
    io::{self, ErrorKind},
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

/// What BSD calls an interface is the name of its driver and a number (ifconfig(8)): these drivers make tunnels, and not all of them say that
/// they are point-to-point (wg(4), tap(4)). Renamed by the user, they may go unrecognized.
const TUNNEL_DRIVERS: [&str; 10] = [
    "tun", "tap", "wg", "ovpn", "gif", "gre", "ipsec", "sec", "ppp", "ng",
];

pub(crate) fn look(queries: &[Query]) -> io::Result<(Snapshot, Vec<Lookup>)> {
    let snapshot = snapshot()?;
    let paths = queries.iter().map(|query| path(&snapshot, query)).collect();
    Ok((snapshot, paths))
}

/// All interfaces with the addresses that getifaddrs(3) knows.
pub(crate) fn snapshot() -> io::Result<Snapshot> {
    let mut snapshot = Snapshot::default();
    let mut indices = BTreeMap::new();
    for found in getifaddrs()? {
        // Linux says by which label the address was added: `eth0:1`.
        let name = found.interface_name.split(':').next().unwrap_or_default();
        let index = *indices
            .entry(name.to_owned())
            .or_insert_with(|| if_nametoindex(name).ok());
        // It has gone since: the next look does not see it at all.
        let Some(index) = index else { continue };
        let interface = snapshot
            .interfaces
            .entry(index)
            .or_insert_with(|| interface(name, found.flags));
        let address = found.address.as_ref().and_then(ip);
        interface.addresses.extend(address.filter(usable));
    }
    Ok(snapshot)
}

/// The interface as the snapshot has it, still without addresses.
fn interface(name: &str, flags: InterfaceFlags) -> Interface {
    let loopback = flags.contains(InterfaceFlags::IFF_LOOPBACK);
    Interface {
        name: name.to_owned(),
        up: flags.contains(InterfaceFlags::IFF_UP),
        carrier: carrier(flags),
        loopback,
        tunnel: flags.contains(InterfaceFlags::IFF_POINTOPOINT) && !loopback || driven(name),
        inward: false,
        addresses: std::collections::BTreeSet::new(),
    }
}

#[cfg(target_os = "linux")]
#[expect(clippy::unnecessary_wraps, reason = "as every system has it")]
fn carrier(flags: InterfaceFlags) -> Option<bool> {
    Some(
        flags.contains(InterfaceFlags::IFF_LOWER_UP)
            && !flags.contains(InterfaceFlags::IFF_DORMANT),
    )
}

/// `IFF_RUNNING` says elsewhere that the driver works (netintro(4)).
#[cfg(not(target_os = "linux"))]
fn carrier(_flags: InterfaceFlags) -> Option<bool> {
    None
}

/// Whether the name is that of a driver for tunnels. On Linux names are anybody's choice.
fn driven(name: &str) -> bool {
    let driver = name.trim_end_matches(|c: char| c.is_ascii_digit());
    cfg!(not(target_os = "linux")) && TUNNEL_DRIVERS.contains(&driver)
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

/// Whether a socket may use an address of ours. One that is not known to be unique yet, or known not to be, cannot be bound to
/// (RFC 4862, 5.4; `EADDRNOTAVAIL`). A deprecated one can (`in6_pcbbind` in the BSDs' `netinet6/in6_pcb.c`, and xnu's).
fn usable(address: &IpAddr) -> bool {
    if address.is_ipv4() || link_local(*address) {
        return true;
    }
    let bound = UdpSocket::bind(SocketAddr::new(*address, 0));
    !bound.is_err_and(|error| error.kind() == ErrorKind::AddrNotAvailable)
}

pub(crate) fn path(snapshot: &Snapshot, query: &Query) -> Lookup {
    match way(snapshot, query) {
        Ok(path) => Lookup::Found(path),
        Err(why) => why,
    }
}

fn way(snapshot: &Snapshot, query: &Query) -> Result<Path, Lookup> {
    let ours =
        |source: IpAddr| snapshot.owns(source) && source.is_ipv4() == query.destination.is_ipv4();
    let bound = query
        .interface
        .as_ref()
        .map(|name| named(snapshot, name).ok_or(Lookup::None(NoPath::NotOurs)))
        .transpose()?
        .map(passing)
        .transpose()?;
    if query.source.is_some_and(|source| !ours(source)) {
        return Err(Lookup::None(NoPath::NotOurs));
    }
    let free = source(None, query.destination);
    let (source, (index, interface)) = match (bound, query.source) {
        (None, None) => {
            let source = free?;
            (source, leaving(snapshot, query.destination, source)?)
        }
        // Which interface it is does not hang on the source address, unless a rule says so.
        (None, Some(fixed)) => {
            let source = source(Some(fixed), query.destination)?;
            let leads = free.unwrap_or(source);
            (source, leaving(snapshot, query.destination, leads)?)
        }
        (Some(bound), fixed) => {
            let source = fixed
                .or(free.ok().filter(|free| bound.1.addresses.contains(free)))
                .or_else(|| first(bound.1, query.destination))
                .ok_or(Lookup::None(NoPath::NoRoute))?;
            (self::source(Some(source), query.destination)?, bound)
        }
    };
    passing((index, interface))?;
    Ok(Path {
        index: *index,
        interface: interface.name.clone(),
        source,
        gateway: None,
        tunnel: interface.tunnel,
    })
}

/// An interface and its number.
type Numbered<'a> = (&'a u32, &'a Interface);

fn named<'a>(snapshot: &'a Snapshot, name: &str) -> Option<Numbered<'a>> {
    snapshot
        .interfaces
        .iter()
        .find(|(_, interface)| interface.name == name)
}

/// The interface, if packets can leave by it.
fn passing(numbered: Numbered<'_>) -> Result<Numbered<'_>, Lookup> {
    let interface = numbered.1;
    if interface.up && interface.carrier != Some(false) {
        Ok(numbered)
    } else {
        let name = interface.name.clone();
        Err(Lookup::None(NoPath::NoCarrier(name)))
    }
}

/// The interface that has the address `source`; to an address of our own it is the loopback interface.
fn leaving(
    snapshot: &Snapshot,
    destination: IpAddr,
    source: IpAddr,
) -> Result<Numbered<'_>, Lookup> {
    let to_ourselves = snapshot.owns(destination);
    snapshot
        .interfaces
        .iter()
        .find(|(_, interface)| {
            if to_ourselves {
                interface.loopback
            } else {
                interface.addresses.contains(&source)
            }
        })
        .ok_or_else(|| Lookup::Unknown(format!("{source} has just appeared")))
}

/// The address of an interface that ssh binds to (`BindInterface`, `ssh_config(5)`): of the destination's family, and no link-local one.
fn first(interface: &Interface, destination: IpAddr) -> Option<IpAddr> {
    let fits =
        |address: &&IpAddr| address.is_ipv4() == destination.is_ipv4() && !link_local(**address);
    interface.addresses.iter().find(fits).copied()
}

/// The address that the kernel sends from, of its own choice or bound to a fixed one.
fn source(fixed: Option<IpAddr>, destination: IpAddr) -> Result<IpAddr, Lookup> {
    let any = match destination {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind(SocketAddr::new(fixed.unwrap_or(any), 0)).map_err(|error| {
        if error.kind() == ErrorKind::AddrNotAvailable {
            Lookup::None(NoPath::NotOurs)
        } else {
            refused(&error)
        }
    })?;
    let chosen = socket
        .connect(SocketAddr::new(destination, PORT))
        .and_then(|()| socket.local_addr());
    let chosen = plain_ip(chosen.map_err(|error| refused(&error))?.ip());
    // A route without an address to go with it, or with a link-local one that no router forwards (RFC 4291, 2.5.6), or when
    // the last address went before its route: the kernel takes what there is.
    let useless = chosen.is_unspecified()
        || link_local(chosen) && !link_local(destination)
        || chosen.is_loopback() && !destination.is_loopback();
    if useless {
        Err(Lookup::None(NoPath::NoRoute))
    } else {
        Ok(chosen)
    }
}

fn plain_ip(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => plain(v6).into(),
    }
}

fn link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local())
}

/// What connect(2) fails with where nothing leads: besides its own words `EACCES` for a prohibit route, `EINVAL` for a blackhole route
/// (both Linux), and `EADDRNOTAVAIL` where no address of ours goes with the route.
fn refused(error: &io::Error) -> Lookup {
    match error.raw_os_error() {
        Some(
            libc::ENETUNREACH
            | libc::EHOSTUNREACH
            | libc::ENETDOWN
            | libc::EACCES
            | libc::EINVAL
            | libc::EADDRNOTAVAIL,
        ) => Lookup::None(NoPath::NoRoute),
        Some(_) | None => Lookup::Unknown(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_local_address_is_the_same_whatever_scope_is_kept_in_it() {
        let kept = "fe80:3::1".parse::<Ipv6Addr>().unwrap();
        assert_eq!(plain(kept), "fe80::1".parse::<Ipv6Addr>().unwrap());
        let global = "2001:db8:3::1".parse().unwrap();
        assert_eq!(plain(global), global);
    }

    #[test]
    fn not_knowing_is_no_lack_of_a_path() {
        for (errno, expected) in [
            (libc::ENETUNREACH, Lookup::None(NoPath::NoRoute)),
            (libc::EACCES, Lookup::None(NoPath::NoRoute)),
            (
                libc::ENOBUFS,
                Lookup::Unknown(io::Error::from_raw_os_error(libc::ENOBUFS).to_string()),
            ),
        ] {
            assert_eq!(refused(&io::Error::from_raw_os_error(errno)), expected);
        }
    }
}
