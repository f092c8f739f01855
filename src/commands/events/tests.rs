use std::collections::BTreeMap;

use netroam_platform::{Interface, Lost, NoPath, Path};

use super::*;

const AT: &str = "14:03:07.123";

fn interface(name: &str, up: bool, addresses: &[&str]) -> Interface {
    Interface {
        name: name.into(),
        up,
        carrier: Some(up),
        loopback: false,
        tunnel: name.starts_with("tun"),
        addresses: addresses
            .iter()
            .map(|address| address.parse().unwrap())
            .collect(),
    }
}

fn snapshot(interfaces: Vec<(u32, Interface)>) -> Snapshot {
    Snapshot {
        interfaces: interfaces.into_iter().collect::<BTreeMap<_, _>>(),
    }
}

fn home() -> Snapshot {
    snapshot(vec![
        (2, interface("wlan0", true, &["192.168.1.2"])),
        (3, interface("tun0", true, &["10.8.0.2"])),
    ])
}

fn path(interface: &str, source: &str, gateway: Option<&str>) -> Lookup {
    Lookup::Found(Path {
        index: 2,
        interface: interface.into(),
        source: source.parse().unwrap(),
        gateway: gateway.map(|gateway| gateway.parse().unwrap()),
        tunnel: interface.starts_with("tun"),
    })
}

#[test]
fn every_event_is_one_readable_line() {
    let events = [
        Event::Everything(Lost::Subscribed),
        Event::Everything(Lost::Reopened("Bad file descriptor".into())),
        Event::Interface {
            index: 9,
            name: Some("wlan0".into()),
            up: true,
            carrier: Some(false),
            removed: false,
        },
        Event::Interface {
            index: 3,
            name: None,
            up: false,
            carrier: None,
            removed: true,
        },
        Event::Address {
            index: 2,
            address: Some("192.168.1.2".parse().unwrap()),
            removed: true,
        },
        Event::Address {
            index: 77,
            address: None,
            removed: false,
        },
        Event::Route {
            destination: None,
            interface: Some(2),
            table: 254,
            removed: true,
        },
        Event::Route {
            destination: Some(("10.0.0.0".parse().unwrap(), 8)),
            interface: Some(3),
            table: 51820,
            removed: false,
        },
        Event::Rule { removed: false },
        Event::Woke(Duration::from_secs(3723)),
    ];
    let lines: Vec<_> = events
        .iter()
        .map(|event| of(event, &home()).text + "\n")
        .collect();
    insta::assert_snapshot!(lines.concat(), @"");
    let json = serde_json::to_string(&of(&events[4], &home())).unwrap();
    insta::assert_snapshot!(json, @"");
}

#[test]
fn a_look_says_what_changed_and_each_way() {
    let destinations: Vec<Destination> = ["203.0.113.5", "198.51.100.7"]
        .iter()
        .zip(["gw1", "198.51.100.7"])
        .map(|(address, name)| Destination {
            name: name.into(),
            address: address.parse().unwrap(),
        })
        .collect();
    let gateway = Some("192.168.1.1");
    let answers = [
        path("tun0", "10.8.0.2", None),
        path("wlan0", "192.168.1.2", gateway),
    ];
    let first = compare(&home(), &[], &home(), &destinations, &answers);
    insta::assert_snapshot!(text(&first, AT), @"");

    let later = snapshot(vec![
        (2, interface("wlan0", true, &["192.168.1.2", "2001:db8::2"])),
        (4, interface("eth0", false, &[])),
    ]);
    let answers = [Lookup::None(NoPath::NoRoute), answers[1].clone()];
    let second = compare(&home(), &first.paths, &later, &destinations, &answers);
    insta::assert_snapshot!(text(&second, AT), @"");
    insta::assert_snapshot!(serde_json::to_string(&second).unwrap(), @"");
}
