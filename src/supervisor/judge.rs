//! What a new look says about a run: the first four rows of the design's table, as a pure function.

use std::net::IpAddr;

use netroam_platform::{Lookup, NoPath, Path};

use super::{Look, Reason, Wanted};

/// What a run's TCP connection stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The source address; packets of the connection carry it for ever.
    pub local: IpAddr,
    /// The address of the first hop.
    pub peer: IpAddr,
}

/// What a look says about a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The kernel could not be asked. Not knowing is no reason to touch a run.
    Unknown,
    /// Nothing that matters to this run has changed.
    Alive,
    /// The connection may or may not have survived: ask it.
    Doubtful(Reason),
    /// The source address is still ours but there is no path: a blip, perhaps.
    Cut(Reason),
    /// The source address is gone and nothing else reaches the first hop: only the same address coming back can save it.
    Severed(Reason),
    /// The source address is gone and another one reaches the first hop: it never recovers.
    Dead(Reason),
}

/// Judges a connection that was last known to be well on the path `before`. A path that is not `wanted` is none.
pub fn judge(
    connection: &Connection,
    before: Option<&Path>,
    wanted: &Wanted,
    look: &Look,
) -> Verdict {
    const ASTRAY: &Lookup = &Lookup::None(NoPath::NoRoute);
    let path = look
        .paths
        .get(&connection.peer)
        .map(|path| if astray(path, wanted) { ASTRAY } else { path });
    let source_ours = look.snapshot.owns(connection.local);
    match (path, source_ours) {
        (None | Some(Lookup::Unknown(_)), _) => Verdict::Unknown,
        (Some(Lookup::Found(now)), false) => Verdict::Dead(Reason::AddressLost {
            address: connection.local,
            interface: owner(connection, before),
            now: Some(now.clone()),
        }),
        (Some(Lookup::None(_)), false) => Verdict::Severed(Reason::AddressLost {
            address: connection.local,
            interface: owner(connection, before),
            now: None,
        }),
        (Some(Lookup::None(why)), true) => Verdict::Cut(cut_reason(why, before)),
        (Some(Lookup::Found(now)), true) => match before {
            Some(before) if !carries_on(connection, before, now) => {
                Verdict::Doubtful(Reason::PathMoved {
                    from: before.clone(),
                    to: now.clone(),
                })
            }
            Some(_) | None => Verdict::Alive,
        },
    }
}

/// Whether the way is the one of before for this connection, whose source address is still ours.
///
/// A new temporary address (RFC 8981: a new one every day, by default) is preferred for new connections from then on; an old one goes on
/// as before with its own, in the same network and over the same gateway.
fn carries_on(connection: &Connection, before: &Path, now: &Path) -> bool {
    let another_source = Path {
        source: now.source,
        ..before.clone()
    };
    before == now || (another_source == *now && are_neighbours(connection.local, now.source))
}

/// Whether two addresses are of one IPv6 network; those of a host are 64 bits of their own (RFC 4291, 2.5.1).
fn are_neighbours(one: IpAddr, other: IpAddr) -> bool {
    match (one, other) {
        (IpAddr::V6(one), IpAddr::V6(other)) => one.segments()[..4] == other.segments()[..4],
        (IpAddr::V4(_) | IpAddr::V6(_), _) => false,
    }
}

/// Whether there is a path, but none that is wanted.
pub(super) fn astray(lookup: &Lookup, wanted: &Wanted) -> bool {
    matches!(lookup, Lookup::Found(path) if !wanted.admits(path))
}

/// The interface that the source address was on, where the path led over that; it is gone with the address.
fn owner(connection: &Connection, before: Option<&Path>) -> Option<String> {
    let there = |path: &&Path| {
        path.source == connection.local || are_neighbours(path.source, connection.local)
    };
    name_of(before.filter(there))
}

fn name_of(path: Option<&Path>) -> Option<String> {
    path.map(|path| path.interface.clone())
}

fn cut_reason(why: &NoPath, before: Option<&Path>) -> Reason {
    Reason::PathLost {
        interface: name_of(before),
        why: why.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use netroam_platform::{Interface, Snapshot};

    use super::*;

    const HOME: &str = "192.168.1.2";
    const CAFE: &str = "10.0.0.7";
    const SERVER: &str = "203.0.113.5";

    fn path(interface: &str, source: &str, gateway: &str) -> Path {
        Path {
            index: 1,
            interface: interface.into(),
            source: source.parse().unwrap(),
            gateway: Some(gateway.parse().unwrap()),
            tunnel: false,
        }
    }

    fn look(ours: &[&str], answer: Lookup) -> Look {
        let interface = Interface {
            name: "eth0".into(),
            up: true,
            carrier: Some(true),
            loopback: false,
            tunnel: false,
            inward: false,
            addresses: ours
                .iter()
                .map(|address| address.parse().unwrap())
                .collect::<BTreeSet<_>>(),
        };
        Look {
            snapshot: Snapshot {
                interfaces: BTreeMap::from([(1, interface)]),
            },
            paths: BTreeMap::from([(SERVER.parse().unwrap(), answer)]),
        }
    }

    fn verdict(ours: &[&str], answer: Lookup) -> Verdict {
        let connection = Connection {
            local: HOME.parse().unwrap(),
            peer: SERVER.parse().unwrap(),
        };
        judge(
            &connection,
            Some(&path("eth0", HOME, "192.168.1.1")),
            &Wanted::Anything,
            &look(ours, answer),
        )
    }

    #[test]
    fn the_same_path_is_alive() {
        assert_eq!(
            verdict(&[HOME], Lookup::Found(path("eth0", HOME, "192.168.1.1"))),
            Verdict::Alive
        );
    }

    #[test]
    fn another_source_where_ours_is_gone_is_dead() {
        let now = path("wlan0", CAFE, "10.0.0.1");
        let reason = Reason::AddressLost {
            address: HOME.parse().unwrap(),
            interface: Some("eth0".into()),
            now: Some(now.clone()),
        };
        assert_eq!(verdict(&[CAFE], Lookup::Found(now)), Verdict::Dead(reason));
    }

    #[test]
    fn no_path_is_severed_without_the_address_and_cut_with_it() {
        assert!(matches!(
            verdict(&[], Lookup::None(NoPath::NoRoute)),
            Verdict::Severed(_)
        ));
        let cut = verdict(&[HOME], Lookup::None(NoPath::NoCarrier("eth0".into())));
        assert_eq!(
            cut,
            Verdict::Cut(Reason::PathLost {
                interface: Some("eth0".into()),
                why: NoPath::NoCarrier("eth0".into())
            })
        );
    }

    #[test]
    fn each_part_of_the_path_that_moves_makes_it_doubtful() {
        for moved in [
            path("wlan0", HOME, "192.168.1.1"),
            path("eth0", CAFE, "192.168.1.1"),
            path("eth0", HOME, "192.168.1.9"),
        ] {
            assert!(matches!(
                verdict(&[HOME, CAFE], Lookup::Found(moved)),
                Verdict::Doubtful(Reason::PathMoved { .. })
            ));
        }
    }

    #[test]
    fn a_new_temporary_address_is_no_move() {
        const OLD: &str = "2001:db8:1:2::aaaa";
        let connection = Connection {
            local: OLD.parse().unwrap(),
            peer: SERVER.parse().unwrap(),
        };
        let before = path("wlan0", OLD, "fe80::1");
        let verdict = |ours: &[&str], now: Path| {
            let look = look(ours, Lookup::Found(now));
            judge(&connection, Some(&before), &Wanted::Anything, &look)
        };
        let new = "2001:db8:1:2::bbbb";
        let rotated = path("wlan0", new, "fe80::1");
        assert_eq!(verdict(&[OLD, new], rotated.clone()), Verdict::Alive);
        // When the old one goes in the end, that is where it was.
        assert!(matches!(
            judge(&connection, Some(&rotated), &Wanted::Anything, &look(&[new], Lookup::Found(rotated.clone()))),
            Verdict::Dead(Reason::AddressLost { interface: Some(name), .. }) if name == "wlan0"
        ));
        for moved in [
            path("wlan0", new, "fe80::2"),
            path("eth0", new, "fe80::1"),
            // Another prefix: the network was numbered anew, and may not take what comes from the old one.
            path("wlan0", "2001:db8:1:3::bbbb", "fe80::1"),
        ] {
            let verdict = verdict(&[OLD, new], moved);
            assert!(matches!(verdict, Verdict::Doubtful(_)), "{verdict:?}");
        }
    }

    #[test]
    fn a_path_that_is_not_wanted_is_none() {
        let connection = Connection {
            local: HOME.parse().unwrap(),
            peer: SERVER.parse().unwrap(),
        };
        let mut tunnel = path("tun0", HOME, "10.8.0.1");
        tunnel.tunnel = true;
        let cafe = Lookup::Found(path("wlan0", CAFE, "10.0.0.1"));
        let verdict = |ours| {
            judge(
                &connection,
                Some(&tunnel),
                &Wanted::Tunnel,
                &look(ours, cafe.clone()),
            )
        };
        assert!(matches!(verdict(&[CAFE]), Verdict::Severed(_)));
        assert!(matches!(verdict(&[HOME, CAFE]), Verdict::Cut(_)));
    }

    #[test]
    fn not_knowing_changes_nothing() {
        assert_eq!(
            verdict(&[], Lookup::Unknown("netlink: EIO".into())),
            Verdict::Unknown
        );
    }
}
