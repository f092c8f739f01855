//! What a key of the dynamic store says, and the event that it makes.

use std::collections::BTreeMap;

use crate::{event::Event, snapshot::Snapshot};

/// The keys to watch (`SCDynamicStoreKey.h`, `SCSchemaDefinitions.h`).
pub(super) const KEYS: [&str; 4] = [
    "State:/Network/Interface",
    "State:/Network/Global/IPv4",
    "State:/Network/Global/IPv6",
    "State:/Network/Global/DNS",
];

/// The patterns to watch: extended regular expressions, which configd anchors at both ends (`SCDynamicStoreSetNotificationKeys`).
///
/// An interface says its carrier in `Link` and nowhere else: xnu's routing sockets have no message for it. A VPN of the system is a
/// service; one from the command line has only addresses on its interface. The last one is the order of the services.
pub(super) const PATTERNS: [&str; 3] = [
    "State:/Network/Interface/[^/]+/(Link|IPv4|IPv6)",
    "State:/Network/Service/[^/]+/(IPv4|IPv6|DNS|PPP)",
    "Setup:/Network/Global/IPv4",
];

/// What a key holds now, as far as it is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Value {
    /// `Active`, of a `Link`: a tunnel has no medium, and so none.
    pub(super) active: Option<bool>,
    /// `InterfaceName` or `PrimaryInterface`.
    pub(super) interface: Option<String>,
}

/// That the network may have changed, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Hint {
    /// The list of interfaces.
    Interfaces,
    /// The carrier of an interface.
    Link {
        name: String,
        active: Option<bool>,
        removed: bool,
    },
    /// The addresses of an interface, if that is known.
    Addresses {
        interface: Option<String>,
        removed: bool,
    },
    /// The default route, which leads over this interface now.
    DefaultRoute {
        interface: Option<String>,
        removed: bool,
    },
}

/// What a changed key is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Names may resolve differently.
    Names,
    Network(Hint),
}

/// What a key says that holds `value` now, or is gone. One that nobody asked for says that anything may have changed.
pub(super) fn change(key: &str, value: Option<Value>) -> Change {
    let removed = value.is_none();
    let Value { active, interface } = value.unwrap_or_default();
    let parts = key.split('/').collect::<Vec<_>>();
    let hint = match parts.as_slice() {
        [_, "Network", "Global", "DNS"] | [_, "Network", "Service", _, "DNS"] => {
            return Change::Names;
        }
        ["State:", "Network", "Interface", name, "Link"] => Hint::Link {
            name: (*name).into(),
            active,
            removed,
        },
        ["State:", "Network", "Interface", name, _] => Hint::Addresses {
            interface: Some((*name).into()),
            removed,
        },
        ["State:", "Network", "Service", ..] => Hint::Addresses { interface, removed },
        [_, "Network", "Global", ..] => Hint::DefaultRoute { interface, removed },
        _ => Hint::Interfaces,
    };
    Change::Network(hint)
}

impl Hint {
    /// The events to tell, with what the store does not say taken from a snapshot of now. `known` are the interfaces told of before,
    /// by their index.
    pub(super) fn events(self, now: &Snapshot, known: &mut BTreeMap<u32, String>) -> Vec<Event> {
        match self {
            Self::Interfaces => interfaces(now, known),
            Self::Link {
                name,
                active,
                removed,
            } => {
                let index = index(now, &name);
                vec![Event::Interface {
                    index,
                    up: now.interfaces.get(&index).is_some_and(|found| found.up),
                    name: Some(name),
                    carrier: active,
                    removed,
                }]
            }
            Self::Addresses { interface, removed } => vec![Event::Address {
                index: interface.map_or(0, |name| index(now, &name)),
                address: None,
                removed,
            }],
            Self::DefaultRoute { interface, removed } => vec![Event::Route {
                destination: None,
                interface: interface.map(|name| index(now, &name)),
                table: 0,
                removed,
            }],
        }
    }
}

/// What came and what went. Where that is nothing, the list has been back and forth: still a reason to look.
fn interfaces(now: &Snapshot, known: &mut BTreeMap<u32, String>) -> Vec<Event> {
    let list = now
        .interfaces
        .iter()
        .map(|(index, interface)| (*index, interface.name.clone()))
        .collect::<BTreeMap<_, _>>();
    let before = std::mem::replace(known, list);
    let event = |index: &u32, name: &String, removed| Event::Interface {
        index: *index,
        name: Some(name.clone()),
        up: now.interfaces.get(index).is_some_and(|found| found.up),
        carrier: None,
        removed,
    };
    let gone = before
        .iter()
        .filter(|(index, name)| known.get(index) != Some(name))
        .map(|(index, name)| event(index, name, true));
    let new = known
        .iter()
        .filter(|(index, name)| before.get(index) != Some(name))
        .map(|(index, name)| event(index, name, false));
    let mut events = gone.chain(new).collect::<Vec<_>>();
    if events.is_empty() {
        events.push(Event::Due);
    }
    events
}

/// Zero where there is none of that name (any more).
fn index(now: &Snapshot, name: &str) -> u32 {
    now.interfaces
        .iter()
        .find(|(_, interface)| interface.name == name)
        .map_or(0, |(index, _)| *index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Interface;

    fn snapshot(names: &[(u32, &str)]) -> Snapshot {
        let interface = |name: &str| Interface {
            name: name.into(),
            up: true,
            carrier: None,
            loopback: false,
            tunnel: false,
            inward: false,
            addresses: std::collections::BTreeSet::new(),
        };
        Snapshot {
            interfaces: names
                .iter()
                .map(|(index, name)| (*index, interface(name)))
                .collect(),
        }
    }

    fn value(active: Option<bool>, interface: Option<&str>) -> Value {
        Value {
            active,
            interface: interface.map(Into::into),
        }
    }

    fn events(key: &str, value: impl Into<Option<Value>>) -> Vec<Event> {
        let now = snapshot(&[(1, "lo0"), (4, "en0")]);
        match change(key, value.into()) {
            Change::Network(hint) => hint.events(&now, &mut BTreeMap::new()),
            Change::Names => vec![Event::Names],
        }
    }

    #[test]
    fn a_link_says_its_carrier_where_it_has_one() {
        let link = |active, index: u32, name: &str| Event::Interface {
            index,
            name: Some(name.into()),
            up: index != 0,
            carrier: active,
            removed: false,
        };
        for active in [Some(true), Some(false), None] {
            assert_eq!(
                events("State:/Network/Interface/en0/Link", value(active, None)),
                [link(active, 4, "en0")]
            );
        }
        // It has gone since.
        assert_eq!(
            events("State:/Network/Interface/utun7/Link", value(None, None)),
            [link(None, 0, "utun7")]
        );
        let removed = events("State:/Network/Interface/en0/Link", None);
        assert!(
            matches!(
                removed[..],
                [Event::Interface {
                    removed: true,
                    carrier: None,
                    ..
                }]
            ),
            "{removed:?}"
        );
    }

    #[test]
    fn addresses_and_services_name_their_interface() {
        let address = |index, removed| Event::Address {
            index,
            address: None,
            removed,
        };
        for (key, interface, expected) in [
            ("State:/Network/Interface/en0/IPv4", None, 4),
            ("State:/Network/Interface/en0/IPv6", None, 4),
            ("State:/Network/Interface/utun9/IPv4", None, 0),
            ("State:/Network/Service/0A-1B/IPv4", Some("en0"), 4),
            ("State:/Network/Service/0A-1B/PPP", None, 0),
        ] {
            let told = events(key, value(None, interface));
            assert_eq!(told, [address(expected, false)], "{key}");
        }
        assert_eq!(
            events("State:/Network/Interface/en0/IPv4", None),
            [address(4, true)]
        );
    }

    #[test]
    fn the_primary_service_is_the_default_route() {
        let route = |interface, removed| Event::Route {
            destination: None,
            interface,
            table: 0,
            removed,
        };
        let key = "State:/Network/Global/IPv6";
        assert_eq!(
            events(key, value(None, Some("en0"))),
            [route(Some(4), false)]
        );
        assert_eq!(events(key, None), [route(None, true)]);
        assert_eq!(
            events("Setup:/Network/Global/IPv4", value(None, None)),
            [route(None, false)]
        );
    }

    #[test]
    fn names_are_those_of_all_services() {
        for key in ["State:/Network/Global/DNS", "State:/Network/Service/X/DNS"] {
            assert_eq!(change(key, None), Change::Names, "{key}");
        }
    }

    #[test]
    fn the_list_of_interfaces_says_what_came_and_went() {
        let mut known = BTreeMap::new();
        let mut told =
            |names: &[(u32, &str)]| Hint::Interfaces.events(&snapshot(names), &mut known);
        let interface = |index, name: &str, removed: bool| Event::Interface {
            index,
            name: Some(name.into()),
            up: !removed,
            carrier: None,
            removed,
        };
        assert_eq!(told(&[(4, "en0")]), [interface(4, "en0", false)]);
        assert_eq!(told(&[(4, "en0")]), [Event::Due], "it came and went");
        assert_eq!(
            told(&[(5, "en0"), (9, "utun3")]),
            [
                interface(4, "en0", true),
                interface(5, "en0", false),
                interface(9, "utun3", false)
            ]
        );
        assert_eq!(
            change("unheard of", None),
            Change::Network(Hint::Interfaces)
        );
    }

    #[test]
    fn every_key_that_is_watched_is_understood() {
        let expanded = PATTERNS.iter().flat_map(|pattern| {
            let pattern = pattern.replace("[^/]+", "x");
            let (start, ends) = pattern.split_once('(').unwrap_or((&pattern, ")"));
            let ends = ends.trim_end_matches(')').split('|');
            ends.map(|end| format!("{start}{end}")).collect::<Vec<_>>()
        });
        let keys = KEYS.map(str::to_owned).into_iter().chain(expanded);
        let (lists, others) = keys
            .partition::<Vec<_>, _>(|key| change(key, None) == Change::Network(Hint::Interfaces));
        assert_eq!(lists, ["State:/Network/Interface"]);
        assert_eq!(others.len(), 3 + 3 + 4 + 1, "{others:?}");
    }
}
