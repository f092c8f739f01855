//! What the routing table adds to the kernel's choice of a source address.

use super::route::{RTF_GATEWAY, Route};
use crate::{path::Path, snapshot::Snapshot};

/// Takes the gateway from the routing table's own answer, if both speak of one interface; and where several interfaces have the source
/// address (a cable and the wireless network, in one home), the interface that it names.
///
/// Where the two disagree otherwise the kernel's choice stands: rules of the system's own may bind a socket of ours to an interface, and
/// the table knows nothing of them.
pub(super) fn add(path: &mut Path, route: &Route, snapshot: &Snapshot) {
    if route.error != 0 {
        return;
    }
    if route.index != path.index {
        let named = snapshot.interfaces.get(&route.index).filter(|named| {
            named.up && named.carrier != Some(false) && named.addresses.contains(&path.source)
        });
        let Some(named) = named else {
            return;
        };
        path.index = route.index;
        path.interface.clone_from(&named.name);
        path.tunnel = named.tunnel;
    }
    path.gateway = route.gateway.filter(|_| route.flags & RTF_GATEWAY != 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Interface;

    fn interface(name: &str, up: bool) -> Interface {
        Interface {
            name: name.into(),
            up,
            carrier: None,
            loopback: false,
            tunnel: false,
            inward: false,
            addresses: ["192.0.2.7".parse().unwrap()].into(),
        }
    }

    fn snapshot(cable_up: bool) -> Snapshot {
        let other = Interface {
            addresses: ["198.51.100.7".parse().unwrap()].into(),
            ..interface("en7", true)
        };
        Snapshot {
            interfaces: [
                (4, interface("en0", true)),
                (6, interface("en5", cable_up)),
                (7, other),
            ]
            .into(),
        }
    }

    fn added(index: u32, flags: u32, error: u32, cable_up: bool) -> (u32, String, bool) {
        let mut path = Path {
            index: 4,
            interface: "en0".into(),
            source: "192.0.2.7".parse().unwrap(),
            gateway: None,
            tunnel: false,
        };
        let route = Route {
            index,
            flags,
            error,
            gateway: Some("192.0.2.1".parse().unwrap()),
            ..Route::default()
        };
        add(&mut path, &route, &snapshot(cable_up));
        (path.index, path.interface.clone(), path.gateway.is_some())
    }

    #[test]
    fn the_gateway_is_the_routes_where_it_has_one() {
        assert_eq!(added(4, RTF_GATEWAY, 0, true), (4, "en0".into(), true));
        assert_eq!(
            added(4, 0, 0, true),
            (4, "en0".into(), false),
            "on the link"
        );
        assert_eq!(added(4, RTF_GATEWAY, 3, true), (4, "en0".into(), false));
    }

    #[test]
    fn one_address_on_two_interfaces_is_that_of_the_route() {
        assert_eq!(added(6, RTF_GATEWAY, 0, true), (6, "en5".into(), true));
        assert_eq!(added(6, RTF_GATEWAY, 0, false), (4, "en0".into(), false));
        // Without that address, or not there at all.
        assert_eq!(added(7, RTF_GATEWAY, 0, true), (4, "en0".into(), false));
        assert_eq!(added(9, RTF_GATEWAY, 0, true), (4, "en0".into(), false));
    }
}
