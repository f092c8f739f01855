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
        inward: false,
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
    insta::assert_snapshot!(lines.concat(), @r#"
    listening: everything may have changed
    the source of events was opened anew (Bad file descriptor): everything may have changed
    interface wlan0 is up, without carrier
    interface tun0 is gone
    address 192.168.1.2 is gone from wlan0
    address on interface 77
    route default over wlan0 is gone
    route 10.0.0.0/8 over tun0 in table 51820
    a new routing rule
    the machine slept for 1:02:03
    "#);
    let json = serde_json::to_string(&of(&events[4], &home())).unwrap();
    insta::assert_snapshot!(json, @r#"{"kind":"address","interface":"wlan0","address":"192.168.1.2","removed":true,"text":"address 192.168.1.2 is gone from wlan0"}"#);
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
    insta::assert_snapshot!(text(&first, AT), @r#"
    14:03:07.123  look: no interface and no address has changed
                        gw1 203.0.113.5: tun0 (10.8.0.2), a tunnel
                        198.51.100.7: wlan0 (192.168.1.2) via 192.168.1.1
    "#);

    let later = snapshot(vec![
        (2, interface("wlan0", true, &["192.168.1.2", "2001:db8::2"])),
        (4, interface("eth0", false, &[])),
    ]);
    let answers = [Lookup::None(NoPath::NoRoute), answers[1].clone()];
    let second = compare(&home(), &first.paths, &later, &destinations, &answers);
    insta::assert_snapshot!(text(&second, AT), @r#"
    14:03:07.123  look: tun0 is gone with 10.8.0.2; wlan0 has 2001:db8::2; eth0 is new, down
                        gw1 203.0.113.5: no route (was: tun0 (10.8.0.2), a tunnel)
                        198.51.100.7: wlan0 (192.168.1.2) via 192.168.1.1 (as before)
    "#);
    insta::assert_snapshot!(serde_json::to_string(&second).unwrap(), @r#"{"changes":["tun0 is gone with 10.8.0.2","wlan0 has 2001:db8::2","eth0 is new, down"],"online":true,"paths":[{"destination":"gw1","address":"203.0.113.5","why":"no route","changed":true},{"destination":"198.51.100.7","address":"198.51.100.7","path":{"interface":"wlan0","source":"192.168.1.2","gateway":"192.168.1.1","tunnel":false},"changed":false}]}"#);
}
