//! What an interface is: a tunnel, or none.

use crate::snapshot::Interface;

/// What is made as a tunnel, by the start of its name; a number follows. The kernel's names are no user's choice here: `utun` are those of
/// programs and of the system's VPNs, `ipsec` and `ppp` of the system's, `feth` and `zt` those of `ZeroTier`, the others those of kernel
/// extensions. (`SIOCGIFFUNCTIONALTYPE` is no help: for a tunnel it answers what lies under it.)
const TUNNELS: [&str; 9] = [
    "utun", "ipsec", "ppp", "tun", "tap", "wg", "feth", "gif", "zt",
];

/// What the flags of getifaddrs(3) say beyond the snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flags {
    /// `IFF_POINTOPOINT`.
    pub(super) point_to_point: bool,
    /// `IFF_RUNNING`: the driver works. It is no carrier, but a tunnel without it carries nothing.
    pub(super) running: bool,
}

/// Puts right what the flags that every Unix has leave open: `carrier` is what the medium says, where there is one.
///
/// An idle tunnel (the machine always has a few `utun`, which serve the system, with no address but a link-local one) is a
/// tunnel as well: nothing reaches another network over it, by its addresses. One that is not running has no carrier, so that no path
/// leads there. What it is decides nothing by itself: only a tunnel that the kernel's path to our destination takes counts.
pub(super) fn refine(interface: &mut Interface, flags: Flags, carrier: Option<bool>) {
    let stem = interface
        .name
        .trim_end_matches(|digit: char| digit.is_ascii_digit());
    interface.tunnel = !interface.loopback && (flags.point_to_point || TUNNELS.contains(&stem));
    interface.carrier = if interface.tunnel {
        (!flags.running).then_some(false)
    } else {
        carrier
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Snapshot;

    /// The interface with these flags, as `ifconfig` prints them.
    fn refined(name: &str, flags: u32, addresses: &[&str], carrier: Option<bool>) -> Interface {
        let mut interface = Interface {
            name: name.into(),
            up: flags & 1 != 0,
            carrier: None,
            loopback: flags & 8 != 0,
            tunnel: false,
            inward: false,
            addresses: addresses
                .iter()
                .map(|address| address.parse().unwrap())
                .collect(),
        };
        let flags = Flags {
            point_to_point: flags & 0x10 != 0,
            running: flags & 0x40 != 0,
        };
        refine(&mut interface, flags, carrier);
        interface
    }

    fn online(interface: Interface) -> bool {
        Snapshot {
            interfaces: [(1, interface)].into(),
        }
        .online()
    }

    #[test]
    fn a_tunnel_is_known_by_its_name_or_by_being_point_to_point() {
        for (name, flags, tunnel) in [
            ("utun4", 0x8051, true),
            ("ipsec0", 0x8051, true),
            ("ppp0", 0x8051, true),
            ("feth1234", 0x8863, true),
            ("zt5u4y6ejv", 0x8051, true),
            ("vendor0", 0x8051, true),
            ("en0", 0x8863, false),
            ("bridge100", 0x8863, false),
            ("vmenet0", 0x8863, false),
            ("lo0", 0x8049, false),
            ("awdl0", 0x8943, false),
            ("llw0", 0x8863, false),
            ("ap1", 0x8843, false),
            ("anpi0", 0x8863, false),
            ("p2p0", 0x8843, false),
        ] {
            let interface = refined(name, flags, &[], None);
            assert_eq!(interface.tunnel, tunnel, "{name}");
        }
    }

    #[test]
    fn an_idle_tunnel_of_the_system_leads_nowhere() {
        let link_local = &["fe80::4a3a:b2a1:35e0:480b"];
        assert!(!online(refined("utun0", 0x8051, link_local, None)));
        assert!(!online(refined("utun1", 0x8050, &["10.8.0.2"], None)));
        let stopped = refined("utun2", 0x8011, &["10.8.0.2"], None);
        assert_eq!(stopped.carrier, Some(false));
        assert!(!online(stopped));
        // Tailscale's addresses are of the carriers' own range.
        let live = refined("utun6", 0x80d1, &["fe80::1", "100.101.1.2"], None);
        assert_eq!((live.tunnel, live.carrier), (true, None));
        assert!(online(live));
    }

    #[test]
    fn a_medium_says_the_carrier_and_its_absence_says_nothing() {
        for carrier in [Some(true), Some(false), None] {
            let interface = refined("en0", 0x8863, &["192.0.2.7"], carrier);
            assert_eq!(interface.carrier, carrier);
            assert_eq!(online(interface), carrier != Some(false));
        }
        assert!(!online(refined("lo0", 0x8049, &["127.0.0.1"], None)));
    }
}
