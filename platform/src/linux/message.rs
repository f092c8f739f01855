//! What the kernel's messages about links, addresses, routes and rules say.
//!
//! Only the dozen attributes that matter here are read. Their formats are part of the kernel's binary interface and have never changed;
//! what newer kernels add is passed over. So no kernel update can make a message unreadable.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::netlink::{attributes, number};

/// A message, as far as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    Link { link: Link, removed: bool },
    Address { address: Address, removed: bool },
    Route { route: Route, removed: bool },
    Rule { removed: bool },
}

/// `struct ifinfomsg` and attributes (`linux/rtnetlink.h`, `linux/if_link.h`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) family: u8,
    /// What its packets look like (`ARPHRD_ETHER`…).
    pub(super) medium: u16,
    pub(super) index: u32,
    pub(super) flags: u32,
    pub(super) name: Option<String>,
    /// What made it: `tun`, `veth`…; hardware has none.
    pub(super) kind: Option<String>,
    /// The link that it is a port of.
    pub(super) master: Option<u32>,
    /// The kind of link that it is a port of: `bridge`, `bond`, `vrf`…
    pub(super) port_of: Option<String>,
    /// It belongs to a device on a bus (Linux 5.14 and later say so).
    pub(super) hardware: bool,
    /// A wireless driver's word about a scan, not a change of the link.
    pub(super) wireless: bool,
}

/// `struct ifaddrmsg` and attributes (`linux/if_addr.h`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) index: u32,
    pub(super) flags: u32,
    pub(super) ip: Option<IpAddr>,
}

/// `struct rtmsg` and attributes (`linux/rtnetlink.h`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    /// `RTN_UNICAST`…
    pub(super) kind: u8,
    pub(super) flags: u32,
    pub(super) table: u32,
    pub(super) destination: Option<(IpAddr, u8)>,
    pub(super) interface: Option<u32>,
    pub(super) gateway: Option<IpAddr>,
    pub(super) source: Option<IpAddr>,
}

/// Reads a message; `None` if it is of another type or shorter than its own header.
pub(super) fn read(kind: u16, content: &[u8]) -> Option<Message> {
    Some(match kind {
        libc::RTM_NEWLINK | libc::RTM_DELLINK => Message::Link {
            link: link(content)?,
            removed: kind == libc::RTM_DELLINK,
        },
        libc::RTM_NEWADDR | libc::RTM_DELADDR => Message::Address {
            address: address(content)?,
            removed: kind == libc::RTM_DELADDR,
        },
        libc::RTM_NEWROUTE | libc::RTM_DELROUTE => Message::Route {
            route: route(content)?,
            removed: kind == libc::RTM_DELROUTE,
        },
        libc::RTM_NEWRULE | libc::RTM_DELRULE => Message::Rule {
            removed: kind == libc::RTM_DELRULE,
        },
        _ => return None,
    })
}

/// Of `linux/rtnetlink.h`; the libc crate has it for one C library only.
const RTA_VIA: u16 = 18;

fn link(content: &[u8]) -> Option<Link> {
    let (header, rest) = content.split_first_chunk::<16>()?;
    let mut link = Link {
        family: header[0],
        medium: u16::from_ne_bytes([header[2], header[3]]),
        index: number(&header[4..])?,
        flags: number(&header[8..])?,
        ..Link::default()
    };
    for (kind, value) in attributes(rest) {
        match kind {
            libc::IFLA_IFNAME => link.name = text(value),
            libc::IFLA_LINKINFO => {
                for (kind, value) in attributes(value) {
                    match kind {
                        libc::IFLA_INFO_KIND => link.kind = text(value),
                        libc::IFLA_INFO_SLAVE_KIND => link.port_of = text(value),
                        _ => {}
                    }
                }
            }
            libc::IFLA_MASTER => link.master = number(value),
            libc::IFLA_PARENT_DEV_NAME => link.hardware = true,
            libc::IFLA_WIRELESS => link.wireless = true,
            _ => {}
        }
    }
    Some(link)
}

fn address(content: &[u8]) -> Option<Address> {
    let (header, rest) = content.split_first_chunk::<8>()?;
    let family = header[0];
    let mut address = Address {
        index: number(&header[4..])?,
        flags: header[2].into(),
        ip: None,
    };
    let mut ours = None;
    for (kind, value) in attributes(rest) {
        match kind {
            libc::IFA_ADDRESS => address.ip = ip(family, value),
            // With a peer, IFA_ADDRESS is the peer's.
            libc::IFA_LOCAL => ours = ip(family, value),
            // The header has room for eight only.
            libc::IFA_FLAGS => address.flags = number(value)?,
            _ => {}
        }
    }
    address.ip = ours.or(address.ip);
    Some(address)
}

fn route(content: &[u8]) -> Option<Route> {
    let (header, rest) = content.split_first_chunk::<12>()?;
    let [family, prefix] = [header[0], header[1]];
    let mut route = Route {
        kind: header[7],
        flags: number(&header[8..])?,
        table: header[4].into(),
        destination: None,
        interface: None,
        gateway: None,
        source: None,
    };
    for (kind, value) in attributes(rest) {
        match kind {
            libc::RTA_DST => route.destination = ip(family, value).map(|address| (address, prefix)),
            libc::RTA_OIF => route.interface = number(value),
            libc::RTA_GATEWAY => route.gateway = ip(family, value),
            // A gateway of another family: that family's number, then the address.
            RTA_VIA => {
                route.gateway = value
                    .split_first_chunk::<2>()
                    .and_then(|(family, address)| {
                        ip(u8::try_from(u16::from_ne_bytes(*family)).ok()?, address)
                    });
            }
            libc::RTA_PREFSRC => route.source = ip(family, value),
            // The header has room for numbers up to 255 only.
            libc::RTA_TABLE => route.table = number(value)?,
            _ => {}
        }
    }
    Some(route)
}

/// `AF_INET`, as a message's one byte has it.
pub(super) const INET: u8 = 2;
/// `AF_INET6`, as a message's one byte has it.
pub(super) const INET6: u8 = 10;

fn ip(family: u8, value: &[u8]) -> Option<IpAddr> {
    match family {
        INET => <[u8; 4]>::try_from(value)
            .ok()
            .map(|bytes| Ipv4Addr::from(bytes).into()),
        INET6 => <[u8; 16]>::try_from(value)
            .ok()
            .map(|bytes| Ipv6Addr::from(bytes).into()),
        _ => None,
    }
}

/// A string with its final NUL.
fn text(value: &[u8]) -> Option<String> {
    let end = value
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(value.len());
    value
        .get(..end)
        .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}
