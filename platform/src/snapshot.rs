//! Interfaces, addresses and flags at one moment.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

/// All interfaces with their usable addresses, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// By the kernel's interface index.
    pub interfaces: BTreeMap<u32, Interface>,
}

/// One network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The kernel's name for it.
    pub name: String,
    /// Administratively up (`IFF_UP`).
    pub up: bool,
    /// Carrier present (Linux: `IFF_LOWER_UP`); `None` where the system does not say, which counts as present.
    pub carrier: Option<bool>,
    /// A loopback interface.
    pub loopback: bool,
    /// A tunnel by link kind or point-to-point flag.
    pub tunnel: bool,
    /// Addresses that a socket may use: neither tentative nor failed by duplicate address detection.
    pub addresses: BTreeSet<IpAddr>,
}

impl Snapshot {
    /// Whether `address` belongs to any interface, up or down.
    pub fn owns(&self, address: IpAddr) -> bool {
        self.interfaces
            .values()
            .any(|interface| interface.addresses.contains(&address))
    }

    /// The addresses with which other networks might be reached: not link-local, on an interface that is up, has carrier and is no
    /// loopback.
    pub fn reaching(&self) -> BTreeSet<IpAddr> {
        self.interfaces
            .values()
            .filter(|interface| {
                interface.up && interface.carrier != Some(false) && !interface.loopback
            })
            .flat_map(|interface| interface.addresses.iter().copied())
            .filter(|address| !link_local(*address))
            .collect()
    }

    /// Whether there is any such address.
    pub fn online(&self) -> bool {
        !self.reaching().is_empty()
    }
}

fn link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_local_address_alone_is_not_online() {
        let mut interface = Interface {
            name: "wlan0".into(),
            up: true,
            carrier: Some(true),
            loopback: false,
            tunnel: false,
            addresses: BTreeSet::from(["fe80::1".parse().unwrap(), "169.254.3.4".parse().unwrap()]),
        };
        let snapshot = |interface: &Interface| Snapshot {
            interfaces: BTreeMap::from([(2, interface.clone())]),
        };
        assert!(!snapshot(&interface).online());
        interface.addresses.insert("192.0.2.7".parse().unwrap());
        assert!(snapshot(&interface).online());
        interface.carrier = Some(false);
        assert!(!snapshot(&interface).online());
        assert!(snapshot(&interface).owns("192.0.2.7".parse().unwrap()));
    }
}
