//! Real netlink in network namespaces: what `ip` changes must be told, and seen by a look at that moment.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../namespace/mod.rs"]
mod namespace;
mod portable;
mod tunnels;

use std::net::IpAddr;

use namespace::{PATIENCE, inside, run, shell};
use netroam_platform::{Event, Events, Look, Lookup, Lost, Network, NoPath, Path, Query};
use tokio::time::{Duration, timeout};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn to(text: &str) -> Query {
    Query::to(ip(text))
}

/// Looks, and again after each event, until `holds`. Never by time: so an event that is not sent, or comes too early, fails.
async fn until(
    network: &Network,
    events: &mut Events,
    query: &Query,
    what: &str,
    holds: impl Fn(&Look) -> bool,
) -> Look {
    let mut seen = Vec::new();
    loop {
        let look = network.look(std::slice::from_ref(query)).await.unwrap();
        if holds(&look) {
            return look;
        }
        match timeout(PATIENCE, events.next()).await {
            Ok(event) => seen.push(event),
            Err(late) => {
                panic!("no event leads to: {what} ({late})\nseen: {seen:#?}\nlook: {look:#?}")
            }
        }
    }
}

/// Takes the events that are there or about to come.
async fn settle(events: &mut Events) -> Vec<Event> {
    let mut seen = Vec::new();
    while let Ok(event) = timeout(Duration::from_millis(300), events.next()).await {
        seen.push(event);
    }
    seen
}

fn found(look: &Look) -> Option<&Path> {
    match &look.paths[0] {
        Lookup::Found(path) => Some(path),
        Lookup::None(_) | Lookup::Unknown(_) => None,
    }
}

/// A veth pair, ours up with an address and a default route.
fn home() {
    shell(
        "ip link add home type veth peer name router
         ip link set router up
         ip addr add 192.0.2.2/24 dev home
         ip link set home up
         ip route add default via 192.0.2.1",
    );
}

#[test]
fn the_first_event_says_that_anything_may_have_happened_before() {
    inside(async || {
        let (network, mut events) = Network::open().unwrap();
        assert_eq!(events.next().await, Event::Everything(Lost::Subscribed));
        let look = network
            .look(&[to("198.51.100.1"), to("127.0.0.1"), to("2001:db8::1")])
            .await
            .unwrap();
        assert!(!look.snapshot.online());
        assert_eq!(look.paths[0], Lookup::None(NoPath::NoRoute));
        assert!(
            matches!(&look.paths[1], Lookup::Found(path) if path.interface == "lo" && path.source == ip("127.0.0.1"))
        );
        assert_eq!(look.paths[2], Lookup::None(NoPath::NoRoute));
    });
}

#[test]
fn a_network_comes_moves_and_goes_by_events_alone() {
    inside(async || {
        let (network, mut events) = Network::open().unwrap();
        let far = to("198.51.100.1");
        home();
        let look = until(&network, &mut events, &far, "a path through home", |look| {
            found(look).is_some()
        })
        .await;
        let index = *look
            .snapshot
            .interfaces
            .iter()
            .find(|(_, interface)| interface.name == "home")
            .unwrap()
            .0;
        let path = Path {
            index,
            interface: "home".into(),
            source: ip("192.0.2.2"),
            gateway: Some(ip("192.0.2.1")),
            tunnel: false,
        };
        assert_eq!(look.paths[0], Lookup::Found(path.clone()));
        assert!(look.snapshot.online() && look.snapshot.owns(ip("192.0.2.2")));
        assert_eq!(network.path_to(&far).await, look.paths[0]);

        run("ip addr add 192.0.2.3/24 dev home");
        until(&network, &mut events, &far, "a second address", |look| {
            look.snapshot.owns(ip("192.0.2.3"))
        })
        .await;

        run("ip route replace default via 192.0.2.9 src 192.0.2.3");
        let moved = Path {
            gateway: Some(ip("192.0.2.9")),
            source: ip("192.0.2.3"),
            ..path
        };
        until(&network, &mut events, &far, "another gateway", |look| {
            found(look) == Some(&moved)
        })
        .await;

        run("ip addr del 192.0.2.3/24 dev home");
        until(
            &network,
            &mut events,
            &far,
            "the route that used the address is gone",
            |look| {
                !look.snapshot.owns(ip("192.0.2.3"))
                    && look.paths[0] == Lookup::None(NoPath::NoRoute)
            },
        )
        .await;

        // IPv4 routes go without a word of their own when a link is set down; the link's word must do.
        run("ip route add default via 192.0.2.1");
        until(&network, &mut events, &far, "the route is back", |look| {
            found(look).is_some()
        })
        .await;
        run("ip link set home down");
        until(
            &network,
            &mut events,
            &far,
            "no route over a link that is down",
            |look| {
                look.paths[0] == Lookup::None(NoPath::NoRoute)
                    && look.snapshot.owns(ip("192.0.2.2"))
            },
        )
        .await;
        run("ip link del home");
        until(
            &network,
            &mut events,
            &far,
            "the interface is gone",
            |look| !look.snapshot.owns(ip("192.0.2.2")),
        )
        .await;
    });
}

#[test]
fn a_path_without_carrier_is_none_although_its_route_stays() {
    inside(async || {
        home();
        let (network, mut events) = Network::open().unwrap();
        let far = to("198.51.100.1");
        assert!(matches!(network.path_to(&far).await, Lookup::Found(_)));
        run("ip link set router down");
        until(&network, &mut events, &far, "the carrier is lost", |look| {
            look.paths[0] == Lookup::None(NoPath::NoCarrier("home".into()))
        })
        .await;
        assert!(
            shell("ip route get 198.51.100.1").contains("dev home"),
            "the kernel still answers with the dead link"
        );
        run("ip link set router up");
        until(&network, &mut events, &far, "the carrier is back", |look| {
            found(look).is_some()
        })
        .await;
    });
}

#[test]
fn policy_rules_and_unreachable_routes_are_the_kernels_word() {
    inside(async || {
        home();
        shell(
            "ip link add vpn type veth peer name far
             ip link set far up
             ip addr add 10.8.0.2/24 dev vpn
             ip link set vpn up
             ip route add default via 10.8.0.1 table 51820",
        );
        let (network, mut events) = Network::open().unwrap();
        let far = to("198.51.100.1");
        let through = |name: &'static str| {
            move |look: &Look| found(look).is_some_and(|path| path.interface == name)
        };
        until(&network, &mut events, &far, "home", through("home")).await;
        run("ip rule add not fwmark 51820 table 51820 priority 100");
        until(
            &network,
            &mut events,
            &far,
            "the rule's table",
            through("vpn"),
        )
        .await;
        run("ip rule del priority 100");
        until(&network, &mut events, &far, "home again", through("home")).await;
        // Rules may go by protocol and port: ssh is TCP.
        run("ip rule add ipproto tcp table 51820 priority 100");
        until(
            &network,
            &mut events,
            &far,
            "the rule for TCP",
            through("vpn"),
        )
        .await;
        run("ip rule del priority 100");

        for kind in ["unreachable", "prohibit", "blackhole"] {
            until(&network, &mut events, &far, "home again", through("home")).await;
            run(&format!("ip route add {kind} 198.51.100.0/24"));
            until(&network, &mut events, &far, kind, |look| {
                look.paths[0] == Lookup::None(NoPath::NoRoute)
            })
            .await;
            run("ip route del 198.51.100.0/24");
        }
    });
}

#[test]
fn what_the_user_binds_to_must_be_there() {
    inside(async || {
        shell(
            "ip link add bare type veth peer name end
             ip link set bare up
             ip link set end up",
        );
        let bare = Query {
            interface: Some("bare".into()),
            ..to("198.51.100.1")
        };
        // Bound to an interface, the kernel takes any destination to be on its link; but there is no address to come from.
        assert_eq!(
            Network::open().unwrap().0.path_to(&bare).await,
            Lookup::None(NoPath::NoRoute)
        );
        home();
        shell(
            "ip link add wifi type veth peer name cafe
             ip link set cafe up
             ip addr add 203.0.113.7/24 dev wifi
             ip link set wifi up",
        );
        let network = Network::open().unwrap().0;
        let ask = async |source: Option<&str>, interface: Option<&str>| {
            let query = Query {
                source: source.map(ip),
                interface: interface.map(Into::into),
                ..to("198.51.100.1")
            };
            network.path_to(&query).await
        };
        assert!(
            matches!(ask(Some("192.0.2.2"), None).await, Lookup::Found(path) if path.source == ip("192.0.2.2"))
        );
        assert!(
            matches!(ask(None, Some("home")).await, Lookup::Found(path) if path.interface == "home")
        );
        assert_eq!(
            ask(Some("192.0.2.77"), None).await,
            Lookup::None(NoPath::NotOurs)
        );
        assert_eq!(
            ask(Some("2001:db8::1"), None).await,
            Lookup::None(NoPath::NotOurs)
        );
        assert_eq!(
            ask(None, Some("nowhere")).await,
            Lookup::None(NoPath::NotOurs)
        );
        run("ip link set cafe down");
        assert_eq!(
            ask(None, Some("wifi")).await,
            Lookup::None(NoPath::NoCarrier("wifi".into()))
        );
        // An address of another interface than the path's is ours all the same.
        assert!(
            matches!(ask(Some("203.0.113.7"), None).await, Lookup::Found(path) if path.interface == "home")
        );
    });
}

#[test]
fn an_ipv6_address_counts_once_it_is_known_to_be_unique() {
    inside(async || {
        shell(
            "ip link add home type veth peer name router
             ip link set router up
             ip link set home up",
        );
        let (network, mut events) = Network::open().unwrap();
        let far = to("2001:db8:1::1");
        settle(&mut events).await;
        // The router's announcement: a route by its link-local address, before there is an address to go with it.
        run("ip -6 route add default via fe80::1 dev home");
        until(
            &network,
            &mut events,
            &far,
            "a route, and a link-local source only",
            |look| look.paths[0] == Lookup::None(NoPath::NoRoute),
        )
        .await;
        assert!(shell("ip -6 route get 2001:db8:1::1").contains("dev home"));
        run("ip addr add 2001:db8::2/64 dev home");
        assert!(
            shell("ip -6 addr show dev home").contains("tentative"),
            "the kernel checks for duplicates"
        );
        let look = network.look(std::slice::from_ref(&far)).await.unwrap();
        assert!(!look.snapshot.owns(ip("2001:db8::2")), "{look:#?}");
        assert_eq!(look.paths[0], Lookup::None(NoPath::NoRoute));
        let look = until(
            &network,
            &mut events,
            &far,
            "the address is usable",
            |look| found(look).is_some(),
        )
        .await;
        let path = found(&look).unwrap();
        assert_eq!(
            (path.source, path.gateway),
            (ip("2001:db8::2"), Some(ip("fe80::1")))
        );
        // Deprecated, it still serves the connections that have it.
        run("ip addr change 2001:db8::2/64 dev home preferred_lft 0 valid_lft 1000");
        settle(&mut events).await;
        assert!(network.snapshot().await.unwrap().owns(ip("2001:db8::2")));
        run("ip -6 route replace unreachable default metric 1");
        until(&network, &mut events, &far, "unreachable", |look| {
            look.paths[0] == Lookup::None(NoPath::NoRoute)
        })
        .await;
    });
}

#[test]
fn an_ipv4_path_may_have_an_ipv6_gateway() {
    inside(async || {
        home();
        shell("ip route del default; ip -4 route add default via inet6 fe80::9 dev home onlink");
        let path = Network::open()
            .unwrap()
            .0
            .path_to(&to("198.51.100.1"))
            .await;
        assert!(
            matches!(&path, Lookup::Found(path) if path.gateway == Some(ip("fe80::9"))),
            "{path:?}"
        );
    });
}

#[test]
fn while_nothing_changes_nothing_is_said() {
    inside(async || {
        home();
        let (network, mut events) = Network::open().unwrap();
        // Duplicate address detection of the link-local addresses takes a second or two.
        while timeout(Duration::from_secs(3), events.next()).await.is_ok() {}
        network.snapshot().await.unwrap();
        run("ip neigh replace 192.0.2.1 lladdr 02:00:00:00:00:01 dev home");
        run("ip route add local 192.0.2.99 dev home table local");
        run("ip -6 route add multicast ff05::/16 dev home table 99");
        assert_eq!(
            settle(&mut events).await,
            [],
            "neighbours and the local table move no path"
        );
        run("ip route add 203.0.113.0/24 via 192.0.2.1");
        let event = timeout(PATIENCE, events.next()).await.unwrap();
        let Event::Route {
            destination,
            table,
            removed,
            ..
        } = event
        else {
            panic!("{event:?}")
        };
        assert_eq!(
            (destination, table, removed),
            (Some((ip("203.0.113.0"), 24)), 254, false)
        );
    });
}
