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
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that do not exclude each other"
)]
pub struct Interface {
    /// The kernel's name for it.
    pub name: String,
    /// Administratively up (`IFF_UP`).
    pub up: bool,
    /// Carrier present (Linux: `IFF_LOWER_UP`; macOS: the medium's own word); `None` where the system does not say, which counts as
    /// present.
    pub carrier: Option<bool>,
    /// A loopback interface.
    pub loopback: bool,
    /// A tunnel by link kind or point-to-point flag (macOS: by its driver's name, too).
    pub tunnel: bool,
    /// It leads to containers and virtual machines of this machine only (Linux: a bridge that has ports for such alone).
    pub inward: bool,
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
            .flat_map(Interface::reaching)
            .collect()
    }

    /// Whether there is any such address.
    pub fn online(&self) -> bool {
        self.interfaces
            .values()
            .any(|interface| interface.reaching().next().is_some())
    }

    /// Those of such addresses that are neither a tunnel's nor of a network within this machine: what a tunnel's own packets can leave by.
    pub fn grounding(&self) -> BTreeSet<IpAddr> {
        let outward = |interface: &&Interface| !interface.tunnel && !interface.inward;
        let interfaces = self.interfaces.values().filter(outward);
        interfaces.flat_map(Interface::reaching).collect()
    }

    /// Whether there is any of those.
    ///
    /// A tunnel keeps its address when the network under it goes. Where nothing is grounded, it carries nothing, and no probe through
    /// it says anything about the other side. Where something is, that says nothing yet of where it leads.
    pub fn grounded(&self) -> bool {
        !self.grounding().is_empty()
    }
}

impl Interface {
    /// Its addresses with which other networks might be reached: none while it is down or without carrier.
    fn reaching(&self) -> impl Iterator<Item = IpAddr> {
        let passes = self.up && self.carrier != Some(false) && !self.loopback;
        self.addresses
            .iter()
            .copied()
            .filter(move |address| passes && !link_local(*address))
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

    fn interface(addresses: &[&str]) -> Interface {
        Interface {
            name: "wlan0".into(),
            up: true,
            carrier: Some(true),
            loopback: false,
            tunnel: false,
            inward: false,
            addresses: addresses
                .iter()
                .map(|address| address.parse().unwrap())
                .collect(),
        }
    }

    fn snapshot(interfaces: &[Interface]) -> Snapshot {
        Snapshot {
            interfaces: (1..).zip(interfaces.iter().cloned()).collect(),
        }
    }

    #[test]
    fn a_link_local_address_alone_is_not_online() {
        let mut wlan = interface(&["fe80::1", "169.254.3.4"]);
        assert!(!snapshot(&[wlan.clone()]).online());
        wlan.addresses.insert("192.0.2.7".parse().unwrap());
        let looked = snapshot(&[wlan.clone()]);
        assert!(looked.online());
        assert_eq!(looked.reaching(), ["192.0.2.7".parse().unwrap()].into());
        wlan.carrier = Some(false);
        let looked = snapshot(&[wlan]);
        assert!(!looked.online() && looked.reaching().is_empty());
        assert!(looked.owns("192.0.2.7".parse().unwrap()));
    }

    #[test]
    fn a_tunnel_alone_is_online_and_not_grounded() {
        let loopback = Interface {
            loopback: true,
            ..interface(&["127.0.0.1", "::1"])
        };
        let tunnel = Interface {
            tunnel: true,
            ..interface(&["10.8.0.2"])
        };
        let mut wlan = interface(&["fe80::1", "169.254.3.4"]);
        let grounded = |wlan: &Interface| {
            let looked = snapshot(&[loopback.clone(), tunnel.clone(), wlan.clone()]);
            assert!(looked.online());
            looked.grounded()
        };
        assert!(!grounded(&wlan), "link-local addresses lead nowhere");
        wlan.addresses.insert("2001:db8::7".parse().unwrap());
        assert!(grounded(&wlan));
        wlan.carrier = None;
        assert!(grounded(&wlan), "not known counts as present");
        wlan.inward = true;
        assert!(!grounded(&wlan), "a container's bridge");
        wlan.inward = false;
        wlan.carrier = Some(false);
        assert!(!grounded(&wlan));
        wlan.carrier = Some(true);
        wlan.up = false;
        assert!(!grounded(&wlan));
    }
}
