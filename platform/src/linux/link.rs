//! What a link is: usable, and a tunnel or not.

use super::message::Link;
use crate::snapshot::Interface;

/// The interface as the snapshot has it, still without addresses.
pub(super) fn interface(link: &Link) -> Interface {
    let (up, carrier) = state(link.flags);
    Interface {
        name: link.name.clone().unwrap_or_default(),
        up,
        carrier: Some(carrier),
        loopback: has(link.flags, libc::IFF_LOOPBACK),
        tunnel: tunnel(link),
        inward: false,
        addresses: std::collections::BTreeSet::new(),
    }
}

/// Whether an interface with these flags is administratively up, and has carrier.
///
/// A dormant link counts as one without carrier: a wireless network whose key exchange is not over passes no packet yet
/// (`Documentation/networking/operstates.rst`). `IFF_RUNNING` is not looked at, since it may lag behind by a second.
pub(super) fn state(flags: u32) -> (bool, bool) {
    (
        has(flags, libc::IFF_UP),
        has(flags, libc::IFF_LOWER_UP) && !has(flags, libc::IFF_DORMANT),
    )
}

/// Whether this link leads only to containers and virtual machines of our own: a bridge that has ports for such, and no other.
pub(super) fn inward(link: &Link, all: &[Link]) -> bool {
    let mut ports = all.iter().filter(|port| port.master == Some(link.index));
    link.kind.as_deref() == Some("bridge")
        && ports.all(|port| {
            matches!(
                port.kind.as_deref(),
                Some("veth" | "tun" | "dummy" | "macvtap")
            )
        })
}

/// Whether packets into this link leave the machine inside other packets.
///
/// By what made it, since names are anybody's choice; failing that, by what its packets look like (`linux/if_arp.h`), or by its
/// being a point-to-point link; and neither makes a tunnel of a device on a bus (a mobile-network modem is such a link, too).
///
/// - `tun` is also the kind of TAP devices. That of a virtual machine is a port of a bridge, and a port is no path of ours, whatever it is:
///   the bridge is. One that is no port is a VPN's (`OpenVPN`, `ZeroTier`, `SoftEther`). A VRF is no bridge: its ports keep their addresses
///   (`Documentation/networking/vrf.rst`).
/// - `ppp` is a tunnel for L2TP, PPTP, SSTP and the like, but also DSL and dial-up, which look the same. On a laptop it is a VPN.
/// - veth, bridges, VLANs, MACVLAN and macvtap, VXLAN and Geneve (containers' overlays) are none.
/// - Others need not be named: those of the kernel (`bareudp`, `gtp`) and those built outside of it (`amneziawg`, `OpenVPN`'s
///   before Linux 6.16) are point-to-point, and without link-layer headers (`ARPHRD_NONE`).
fn tunnel(link: &Link) -> bool {
    if link.port_of.as_deref().is_some_and(|kind| kind != "vrf") {
        return false;
    }
    match link.kind.as_deref() {
        Some(
            "tun" | "wireguard" | "ovpn" | "ovpn-dco" | "ppp" | "xfrm" | "vti" | "vti6" | "ipip"
            | "ip6tnl" | "sit" | "gre" | "ip6gre" | "gretap" | "ip6gretap",
        ) => true,
        // The driver's other side of a modem: not on a bus itself.
        Some("wwan" | "rmnet") => false,
        Some(_) | None => {
            let point_to_point = has(link.flags, libc::IFF_POINTOPOINT);
            (point_to_point || ENCAPSULATING.contains(&link.medium)) && !link.hardware
        }
    }
}

/// Of `linux/if_arp.h`; the libc crate does not have it.
const ARPHRD_IP6GRE: u16 = 823;

/// The media that are no media: IPIP, IPv6's tunnels, SIT, GRE, PPP, and packets without any link-layer header.
const ENCAPSULATING: [u16; 7] = [
    libc::ARPHRD_TUNNEL,
    libc::ARPHRD_TUNNEL6,
    libc::ARPHRD_SIT,
    libc::ARPHRD_IPGRE,
    ARPHRD_IP6GRE,
    libc::ARPHRD_PPP,
    libc::ARPHRD_NONE,
];

fn has(flags: u32, flag: libc::c_int) -> bool {
    flags & flag.cast_unsigned() != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of `linux/if_arp.h`; the libc crate does not have it.
    const ARPHRD_RAWIP: u16 = 519;

    /// A link of this kind: what its packets look like, and its flags, as the kernel sets them up.
    fn made(kind: &str, medium: u16, flags: libc::c_int) -> Link {
        Link {
            kind: Some(kind.into()),
            medium,
            flags: flags.cast_unsigned(),
            ..Link::default()
        }
    }

    fn unnamed(medium: u16, flags: libc::c_int) -> Link {
        Link {
            kind: None,
            ..made("", medium, flags)
        }
    }

    #[test]
    fn a_tunnel_is_known_by_what_made_it() {
        assert!(tunnel(&made(
            "wireguard",
            libc::ARPHRD_NONE,
            libc::IFF_NOARP
        )));
        assert!(
            tunnel(&made("tun", libc::ARPHRD_ETHER, libc::IFF_BROADCAST)),
            "a TAP"
        );
        assert!(tunnel(&made(
            "gretap",
            libc::ARPHRD_ETHER,
            libc::IFF_BROADCAST
        )));
        for kind in [
            "veth", "bridge", "vlan", "macvlan", "macvtap", "vxlan", "geneve", "bond",
        ] {
            let link = made(kind, libc::ARPHRD_ETHER, libc::IFF_BROADCAST);
            assert!(!tunnel(&link), "{kind}");
        }
        let modem = made("wwan", libc::ARPHRD_NONE, libc::IFF_POINTOPOINT);
        assert!(!tunnel(&modem));
    }

    #[test]
    fn a_tunnel_is_else_known_by_its_medium_or_by_being_point_to_point() {
        assert!(tunnel(&made(
            "bareudp",
            libc::ARPHRD_NONE,
            libc::IFF_POINTOPOINT
        )));
        assert!(tunnel(&made(
            "of-a-vendor",
            libc::ARPHRD_ETHER,
            libc::IFF_POINTOPOINT
        )));
        assert!(tunnel(&made(
            "of-a-vendor",
            libc::ARPHRD_NONE,
            libc::IFF_NOARP
        )));
        for medium in ENCAPSULATING {
            let mut link = unnamed(medium, libc::IFF_NOARP);
            assert!(tunnel(&link), "{medium}");
            link.hardware = true;
            assert!(!tunnel(&link), "a modem that speaks {medium}");
        }
        assert!(!tunnel(&unnamed(libc::ARPHRD_LOOPBACK, libc::IFF_LOOPBACK)));
        assert!(
            !tunnel(&unnamed(ARPHRD_RAWIP, libc::IFF_NOARP)),
            "a modem's channel"
        );
        let mut card = unnamed(libc::ARPHRD_ETHER, libc::IFF_BROADCAST);
        card.hardware = true;
        assert!(!tunnel(&card));
        card.flags = libc::IFF_POINTOPOINT.cast_unsigned();
        assert!(!tunnel(&card), "a modem");
    }

    #[test]
    fn a_bridge_without_a_card_leads_to_our_own_machines_only() {
        let bridge = Link {
            index: 4,
            ..made("bridge", libc::ARPHRD_ETHER, libc::IFF_BROADCAST)
        };
        let port = |kind: Option<&str>, master| Link {
            kind: kind.map(Into::into),
            master,
            ..Link::default()
        };
        let container = port(Some("veth"), Some(4));
        let (card, other) = (port(None, Some(4)), port(None, Some(9)));
        assert!(inward(&bridge, &[]));
        assert!(inward(
            &bridge,
            &[container.clone(), other, port(Some("tun"), Some(4))]
        ));
        assert!(!inward(&bridge, &[container.clone(), card]));
        assert!(!inward(&bridge, &[port(Some("bond"), Some(4))]));
        assert!(!inward(&container, &[]), "the only way out of a container");
    }

    #[test]
    fn a_port_is_no_tunnel_unless_it_keeps_its_addresses() {
        let mut tap = made("tun", libc::ARPHRD_ETHER, libc::IFF_BROADCAST);
        for (port_of, expected) in [("bridge", false), ("openvswitch", false), ("vrf", true)] {
            tap.port_of = Some(port_of.into());
            assert_eq!(tunnel(&tap), expected, "{port_of}");
        }
    }

    #[test]
    fn a_dormant_link_has_no_carrier() {
        let flags = |flags: libc::c_int| state(flags.cast_unsigned());
        assert_eq!(flags(libc::IFF_UP | libc::IFF_LOWER_UP), (true, true));
        assert_eq!(
            flags(libc::IFF_UP | libc::IFF_LOWER_UP | libc::IFF_DORMANT),
            (true, false)
        );
        assert_eq!(flags(libc::IFF_UP), (true, false));
        assert_eq!(flags(0), (false, false));
    }
}
