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

/// Whether packets into this link leave the machine inside other packets.
///
/// By what made it, since names are anybody's choice; failing that, by its being a point-to-point link that is no device on a bus (a
/// mobile-network modem is a point-to-point link too, and no tunnel).
///
/// - `tun` is also the kind of TAP devices. A TAP of a virtual machine belongs to a bridge and never is a path itself; one that
///   is, is a VPN's. So it counts.
/// - `ppp` is a tunnel for L2TP, PPTP, SSTP and the like, but also DSL and dial-up, which look the same. On a laptop it is a VPN.
/// - veth, bridges, VLANs, VXLAN and Geneve (containers' overlays) are none.
fn tunnel(link: &Link) -> bool {
    match link.kind.as_deref() {
        Some(
            "tun" | "wireguard" | "ovpn" | "ovpn-dco" | "ppp" | "xfrm" | "vti" | "vti6" | "ipip"
            | "ip6tnl" | "sit" | "gre" | "ip6gre" | "gretap" | "ip6gretap",
        ) => true,
        // The driver's other side of a modem: not on a bus itself.
        Some("wwan" | "rmnet") => false,
        Some(_) | None => has(link.flags, libc::IFF_POINTOPOINT) && !link.hardware,
    }
}

fn has(flags: u32, flag: libc::c_int) -> bool {
    flags & flag.cast_unsigned() != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_tunnel(kind: Option<&str>, flags: libc::c_int, hardware: bool) -> bool {
        tunnel(&Link {
            kind: kind.map(Into::into),
            flags: flags.cast_unsigned(),
            hardware,
            ..Link::default()
        })
    }

    #[test]
    fn a_tunnel_is_known_by_what_made_it_and_else_by_being_point_to_point() {
        assert!(is_tunnel(Some("wireguard"), libc::IFF_NOARP, false));
        assert!(is_tunnel(Some("tun"), libc::IFF_BROADCAST, false));
        assert!(is_tunnel(
            Some("a-driver-of-a-vendor"),
            libc::IFF_POINTOPOINT,
            false
        ));
        assert!(is_tunnel(None, libc::IFF_POINTOPOINT, false));
        for kind in ["veth", "bridge", "vlan", "vxlan", "bond"] {
            assert!(!is_tunnel(Some(kind), libc::IFF_BROADCAST, false), "{kind}");
        }
        assert!(!is_tunnel(None, libc::IFF_LOOPBACK, false));
        assert!(
            !is_tunnel(None, libc::IFF_BROADCAST, true),
            "a network card"
        );
        assert!(!is_tunnel(None, libc::IFF_POINTOPOINT, true), "a modem");
        assert!(
            !is_tunnel(Some("wwan"), libc::IFF_POINTOPOINT, false),
            "a modem"
        );
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
