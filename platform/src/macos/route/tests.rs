use proptest::{collection::vec, prelude::*};

use super::*;

const UP: u32 = 0x1;

fn inet(address: [u8; 4]) -> Vec<u8> {
    sockaddr::<SOCKADDR_IN>(AF_INET, 4, &address)
}

fn inet6(address: &str) -> Vec<u8> {
    let address: Ipv6Addr = address.parse().unwrap();
    sockaddr::<SOCKADDR_IN6>(AF_INET6, 8, &address.octets())
}

/// With its padding, and its length where the kernel has it.
fn message(kind: u8, header: usize, fields: &[(usize, u32)], addresses: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = vec![0; header];
    bytes[2] = RTM_VERSION;
    bytes[3] = kind;
    for (at, value) in fields {
        bytes[*at..at + 4].copy_from_slice(&value.to_ne_bytes());
    }
    for address in addresses {
        bytes.extend_from_slice(address);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    let length = u16::try_from(bytes.len()).unwrap();
    bytes[..2].copy_from_slice(&length.to_ne_bytes());
    bytes
}

fn route_message(kind: u8, flags: u32, present: u32, addresses: &[Vec<u8>]) -> Vec<u8> {
    // The two bytes after the index are padding.
    let index = u32::from_ne_bytes([24_u16.to_ne_bytes(), [0, 0]].concat().try_into().unwrap());
    let fields = [(4, index), (8, flags), (12, present)];
    message(kind, RT_MSGHDR, &fields, addresses)
}

fn one(bytes: &[u8]) -> Option<Event> {
    let mut all = messages(bytes);
    let event = event(all.next().expect("a message"));
    assert_eq!(all.next(), None, "one message only");
    event
}

fn route(destination: Option<(&str, u8)>, removed: bool) -> Event {
    Event::Route {
        destination: destination.map(|(address, prefix)| (address.parse().unwrap(), prefix)),
        interface: Some(24),
        table: 0,
        removed,
    }
}

#[test]
fn a_netmask_is_as_long_as_its_bytes_whatever_its_family() {
    let everything = RTA_DST | RTA_GATEWAY | RTA_NETMASK;
    let link = sockaddr::<SOCKADDR_DL>(AF_LINK, 2, &24_u16.to_ne_bytes());
    let cases = [
        (
            inet([10, 8, 0, 0]),
            vec![7, 255, 255, 255, 255, 255, 254],
            Some(("10.8.0.0", 23)),
        ),
        (
            inet([10, 0, 0, 0]),
            vec![5, 0, 0, 0, 255],
            Some(("10.0.0.0", 8)),
        ),
        (inet([0; 4]), vec![0], None),
        (
            inet6("2001:db8:7::"),
            vec![14, 255, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255],
            Some(("2001:db8:7::", 48)),
        ),
        (inet6("::"), vec![0], None),
    ];
    for (destination, netmask, expected) in cases {
        let bytes = route_message(
            RTM_ADD,
            UP,
            everything,
            &[destination, link.clone(), netmask],
        );
        assert_eq!(one(&bytes), Some(route(expected, false)));
    }
    let host = route_message(RTM_DELETE, UP, RTA_DST, &[inet([192, 0, 2, 9])]);
    assert_eq!(one(&host), Some(route(Some(("192.0.2.9", 32)), true)));
}

#[test]
fn what_moves_no_path_is_no_event() {
    let add = |flags, address| one(&route_message(RTM_ADD, flags, RTA_DST, &[address]));
    let host = || inet([192, 168, 1, 7]);
    assert!(add(UP, host()).is_some());
    assert_eq!(add(UP | RTF_LLINFO, host()), None);
    assert_eq!(add(UP | RTF_WASCLONED, host()), None);
    for passive in [
        inet([224, 0, 0, 251]),
        inet([255; 4]),
        inet([169, 254, 1, 1]),
        inet6("ff02::fb"),
        inet6("fe80::1"),
    ] {
        assert_eq!(add(UP, passive), None);
    }
    let answer = route_message(RTM_GET, UP, RTA_DST, &[host()]);
    assert_eq!(one(&answer), None);
    // RTM_MISS, and a new member of a multicast group.
    for kind in [0x7, 0xf] {
        assert_eq!(one(&message(kind, RT_MSGHDR, &[], &[])), None);
    }
}

#[test]
fn interfaces_and_addresses_are_told() {
    let index = u32::from_ne_bytes([5_u16.to_ne_bytes(), [0, 0]].concat().try_into().unwrap());
    let flags = [(8, 0x8863), (12, index)];
    assert_eq!(
        one(&message(RTM_IFINFO, IF_MSGHDR, &flags, &[])),
        Some(Event::Interface {
            index: 5,
            name: None,
            up: true,
            carrier: None,
            removed: false
        })
    );
    let link = sockaddr::<SOCKADDR_DL>(AF_LINK, 2, &[5, 0]);
    for (address, expected) in [
        (inet([192, 0, 2, 7]), "192.0.2.7"),
        // The scope of a link-local address is within it.
        (inet6("fe80:5::1"), "fe80::1"),
    ] {
        for kind in [RTM_NEWADDR, RTM_DELADDR] {
            let present = [(4, RTA_NETMASK | RTA_IFP | RTA_IFA), (12, index)];
            let addresses = [
                vec![7, 255, 255, 255, 255, 255, 255],
                link.clone(),
                address.clone(),
            ];
            assert_eq!(
                one(&message(kind, IFA_MSGHDR, &present, &addresses)),
                Some(Event::Address {
                    index: 5,
                    address: Some(expected.parse().unwrap()),
                    removed: kind == RTM_DELADDR
                })
            );
        }
    }
}

#[test]
fn the_answer_to_a_question_has_the_gateway() {
    let sent = question("2001:db8::7".parse().unwrap(), 4242, 7);
    assert_eq!(sent.len(), RT_MSGHDR + SOCKADDR_IN6 + SOCKADDR_DL);
    let Some(Ok(Message::Route(asked))) = messages(&sent).next() else {
        panic!("a question is a message of that kind, too");
    };
    assert_eq!((asked.process, asked.sequence), (4242, 7));
    assert_eq!(asked.destination, Some("2001:db8::7".parse().unwrap()));
    let answer = route_message(
        RTM_GET,
        UP | RTF_GATEWAY,
        RTA_DST | RTA_GATEWAY | RTA_NETMASK,
        &[inet([0; 4]), inet([192, 168, 1, 1]), vec![0]],
    );
    let Some(Ok(Message::Route(route))) = messages(&answer).next() else {
        panic!("a route");
    };
    assert_eq!(route.gateway, Some("192.168.1.1".parse().unwrap()));
    assert_eq!((route.index, route.prefix), (24, Some(0)));
}

#[test]
fn several_messages_come_in_one_read_and_an_unreadable_one_ends_it() {
    let add = route_message(RTM_ADD, UP, RTA_DST, &[inet([10, 1, 0, 0])]);
    let all = |bytes: &[u8]| messages(bytes).map(|read| read.is_ok()).collect::<Vec<_>>();
    let mut bytes = [add.clone(), add.clone()].concat();
    assert_eq!(all(&bytes), [true, true]);
    bytes.push(200);
    assert_eq!(all(&bytes), [true, true, false]);
    // A length of zero, one beyond the end, another version, and a message cut off within its header.
    for (at, value) in [(0, 0), (1, 255), (2, 4)] {
        let mut broken = add.clone();
        broken[at] = value;
        assert_eq!(all(&broken).last(), Some(&false), "{at}");
    }
    let mut short = add[..40].to_vec();
    short[0] = 40;
    assert_eq!(all(&short), [false]);
    let followed = [short.clone(), add.clone()].concat();
    assert_eq!(all(&followed), [false], "its length may be wrong, too");
    assert_eq!(
        one(&short),
        Some(Event::Everything(Lost::Unreadable)),
        "it may have said anything"
    );
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..400)) {
        let _ = messages(&bytes).filter_map(event).count();
    }

    #[test]
    fn arbitrary_bytes_in_a_well_formed_frame_never_panic(
        kind in 0_u8..0x16,
        mut bytes in vec(any::<u8>(), 4..400),
    ) {
        let length = u16::try_from(bytes.len()).unwrap();
        bytes[..2].copy_from_slice(&length.to_ne_bytes());
        bytes[2] = RTM_VERSION;
        bytes[3] = kind;
        prop_assert_eq!(messages(&bytes).count(), 1);
        let _ = messages(&bytes).filter_map(event).count();
    }

    #[test]
    fn a_destination_is_read_back(address: std::net::IpAddr, process: u32, sequence: u32) {
        let bytes = question(address, process, sequence);
        let mut all = messages(&bytes);
        let Some(Ok(Message::Route(route))) = all.next() else {
            panic!("a question is a message of that kind, too");
        };
        let scoped = matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
        prop_assert!(scoped || route.destination == Some(address));
        prop_assert_eq!((route.process, route.sequence), (process, sequence));
    }
}
