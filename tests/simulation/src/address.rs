//! Which address is where.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use crate::world::{Card, Link, Net};

/// The outer server's addresses.
pub(crate) fn outer_addresses() -> [IpAddr; 2] {
    [
        Ipv4Addr::new(203, 0, 113, 5).into(),
        Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 5).into(),
    ]
}

/// The inner server's address, behind the tunnel and in the office.
pub(crate) fn inner_address() -> IpAddr {
    Ipv4Addr::new(10, 20, 0, 5).into()
}

pub(crate) fn liars_address() -> IpAddr {
    Ipv4Addr::new(198, 51, 100, 66).into()
}

pub(crate) fn index(link: Link) -> u32 {
    match link {
        Link::Eth => 2,
        Link::Wlan => 3,
        Link::Tun => 4,
        Link::Docker => 5,
    }
}

pub(crate) fn octet(net: Net) -> u8 {
    match net {
        Net::Home => 1,
        Net::Cafe => 2,
        Net::Office => 3,
        Net::Vpn => 8,
    }
}

pub(crate) fn gateway(net: Net, six: bool) -> IpAddr {
    numbered(net, 1, six)
}

pub(crate) fn numbered(net: Net, host: u8, six: bool) -> IpAddr {
    if six {
        Ipv6Addr::new(0x2001, 0xdb8, octet(net).into(), 0, 0, 0, 0, host.into()).into()
    } else {
        Ipv4Addr::new(10, octet(net), 0, host).into()
    }
}

/// The address of a card, of one family; only home has IPv6.
pub(crate) fn address(card: &Card, six: bool) -> Option<IpAddr> {
    let (net, lease) = (card.net?, card.lease?);
    (!six || net == Net::Home).then(|| numbered(net, lease, six))
}

pub(crate) fn addresses(link: Link, card: &Card) -> BTreeSet<IpAddr> {
    let bridge = (link == Link::Docker && card.up).then(|| Ipv4Addr::new(172, 17, 0, 1).into());
    let privacy = card.privacy.map(|host| {
        let segment = u16::try_from(index(link)).unwrap_or_default();
        Ipv6Addr::new(0x2001, 0xdb8, 0xaaaa, segment, 0, 0, 0, host.into()).into()
    });
    [address(card, false), address(card, true), bridge, privacy]
        .into_iter()
        .flatten()
        .collect()
}
