//! The portable look, held against the kernel's own answer by netlink: the same interfaces, and the same verdict on each path.

use netroam_platform::Source;

use super::*;

/// What both looks can know of a path: all but the gateway.
fn comparable(lookup: Lookup) -> Lookup {
    match lookup {
        Lookup::Found(path) => Lookup::Found(Path {
            gateway: None,
            ..path
        }),
        Lookup::None(_) | Lookup::Unknown(_) => lookup,
    }
}

/// Looks by both, and returns the one answer. What the kernel still has to do (a second or two for an IPv6 address) may come between
/// the two looks, so they are taken until they agree.
async fn both(query: &Query, what: &str) -> Lookup {
    let (system, _) = Network::open().unwrap();
    let (portable, _) = Network::by(Source::Portable).unwrap();
    let queries = std::slice::from_ref(query);
    let agree = async {
        loop {
            let expected = system.look(queries).await.unwrap();
            let mut found = portable.look(queries).await.unwrap();
            if found.snapshot == expected.snapshot
                && comparable(found.paths[0].clone()) == comparable(expected.paths[0].clone())
            {
                return found.paths.remove(0);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    if let Ok(answer) = timeout(PATIENCE, agree).await {
        return answer;
    }
    let expected = system.look(queries).await.unwrap();
    let found = portable.look(queries).await.unwrap();
    panic!("{what}: {query:?}\nby netlink: {expected:#?}\nportable: {found:#?}");
}

/// Asks for the path that both find, and says over which interface and from where.
async fn over(query: &Query, what: &str) -> (String, IpAddr) {
    match both(query, what).await {
        Lookup::Found(path) => (path.interface, path.source),
        none @ (Lookup::None(_) | Lookup::Unknown(_)) => panic!("{what}: {none:?}"),
    }
}

#[test]
fn routes_are_as_the_kernel_has_them() {
    inside(async || {
        let far = to("198.51.100.1");
        let none = Lookup::None(NoPath::NoRoute);
        assert_eq!(both(&far, "nothing").await, none);
        home();
        let expected = ("home".to_owned(), ip("192.0.2.2"));
        assert_eq!(over(&far, "a default route").await, expected);
        over(&to("192.0.2.7"), "on the link").await;
        assert_eq!(over(&to("192.0.2.2"), "ourselves").await.0, "lo");
        over(&to("127.0.0.1"), "loopback").await;
        assert_eq!(both(&to("2001:db8::1"), "the other family").await, none);
        for kind in ["unreachable", "prohibit", "blackhole"] {
            run(&format!("ip route add {kind} 198.51.100.0/24"));
            assert_eq!(both(&far, kind).await, none);
            run("ip route del 198.51.100.0/24");
        }
        // Another address, under a name of its own, and preferred.
        run("ip addr add 192.0.2.3/24 dev home label home:1");
        run("ip route replace default via 192.0.2.9 src 192.0.2.3");
        assert_eq!(over(&far, "another source").await.1, ip("192.0.2.3"));
        run("ip route del default");
        assert_eq!(both(&far, "no route").await, none);
        run("ip addr flush dev home");
        run("ip route add default dev home");
        assert_eq!(both(&far, "a route, and no address").await, none);
    });
}

#[test]
fn a_link_without_carrier_is_no_path() {
    inside(async || {
        home();
        let far = to("198.51.100.1");
        run("ip link set router down");
        let dead = Lookup::None(NoPath::NoCarrier("home".into()));
        assert_eq!(both(&far, "no carrier").await, dead);
        run("ip link set router up");
        over(&far, "carrier").await;
        run("ip link set home down");
        assert_eq!(both(&far, "down").await, Lookup::None(NoPath::NoRoute));
        run("ip link del home");
        assert_eq!(both(&far, "gone").await, Lookup::None(NoPath::NoRoute));
    });
}

#[test]
fn rules_decide() {
    inside(async || {
        home();
        shell(
            "ip link add vpn type veth peer name far
             ip link set far up
             ip addr add 10.8.0.2/24 dev vpn
             ip link set vpn up
             ip route add default via 10.8.0.1 table 51820",
        );
        let far = to("198.51.100.1");
        assert_eq!(over(&far, "main").await.0, "home");
        run("ip rule add not fwmark 51820 table 51820 priority 100");
        let expected = ("vpn".to_owned(), ip("10.8.0.2"));
        assert_eq!(over(&far, "as wg-quick does").await, expected);
        run("ip rule del priority 100");
        run("ip rule add to 198.51.100.0/24 unreachable priority 100");
        assert_eq!(both(&far, "forbidden").await, Lookup::None(NoPath::NoRoute));
    });
}

#[test]
fn what_the_user_binds_to_is_taken() {
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
        assert_eq!(
            both(&bare, "bound to an interface without an address").await,
            Lookup::None(NoPath::NoRoute)
        );
        run("ip link del bare");
        home();
        shell(
            "ip link add wifi type veth peer name cafe
             ip link set cafe up
             ip addr add 203.0.113.7/24 dev wifi
             ip link set wifi up
             ip route add default via 203.0.113.1 metric 900",
        );
        let ask = |source: Option<&str>, interface: Option<&str>| Query {
            source: source.map(ip),
            interface: interface.map(Into::into),
            ..to("198.51.100.1")
        };
        let found = |interface: &str, source| (interface.to_owned(), ip(source));
        for (query, expected) in [
            (ask(Some("192.0.2.2"), None), found("home", "192.0.2.2")),
            // An address of another interface than the path's is ours all the same.
            (ask(Some("203.0.113.7"), None), found("home", "203.0.113.7")),
            (ask(None, Some("home")), found("home", "192.0.2.2")),
            (ask(None, Some("wifi")), found("wifi", "203.0.113.7")),
            (
                ask(Some("203.0.113.7"), Some("wifi")),
                found("wifi", "203.0.113.7"),
            ),
        ] {
            assert_eq!(over(&query, "bound").await, expected);
        }
        for (query, why) in [
            (ask(Some("192.0.2.77"), None), NoPath::NotOurs),
            (ask(Some("2001:db8::1"), None), NoPath::NotOurs),
            (ask(None, Some("nowhere")), NoPath::NotOurs),
        ] {
            assert_eq!(both(&query, "bound in vain").await, Lookup::None(why));
        }
        run("ip link set cafe down");
        assert_eq!(
            both(&ask(None, Some("wifi")), "bound to a dead link").await,
            Lookup::None(NoPath::NoCarrier("wifi".into()))
        );
    });
}

#[test]
fn an_ipv6_address_counts_once_it_is_known_to_be_unique() {
    inside(async || {
        shell(
            "ip link add home type veth peer name router
             ip link set router up
             ip link set home up
             ip -6 route add default via fe80::1 dev home",
        );
        let far = to("2001:db8:1::1");
        let none = Lookup::None(NoPath::NoRoute);
        assert_eq!(both(&far, "no address").await, none);
        // The check takes a second, in which the address is there and not to be used.
        run("ip addr add 2001:db8::2/64 dev home");
        assert_eq!(both(&far, "a tentative address").await, none);
        let (portable, _) = Network::by(Source::Portable).unwrap();
        let usable = async {
            while !portable.snapshot().await.unwrap().owns(ip("2001:db8::2")) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, usable).await.unwrap();
        let expected = ("home".to_owned(), ip("2001:db8::2"));
        assert_eq!(over(&far, "an address").await, expected);
        for kind in ["unreachable", "prohibit", "blackhole"] {
            run(&format!("ip -6 route add {kind} 2001:db8:1::/48"));
            assert_eq!(both(&far, kind).await, none);
            run("ip -6 route del 2001:db8:1::/48");
        }
    });
}

#[test]
fn a_tunnel_is_one_for_both() {
    inside(async || {
        home();
        let far = to("10.8.0.9");
        shell(
            "ip tuntap add dev work mode tun
             ip addr add 10.8.0.2 peer 10.8.0.1 dev work
             ip link set work up
             ip route add 10.8.0.0/24 dev work",
        );
        assert_eq!(
            both(&far, "nobody has it open").await,
            Lookup::None(NoPath::NoCarrier("work".into()))
        );
        let _open = tunnels::tun("work");
        let Lookup::Found(path) = both(&far, "a tunnel").await else {
            panic!("no path");
        };
        assert!(path.tunnel && path.interface == "work");
        let Lookup::Found(beside) = both(&to("198.51.100.1"), "beside it").await else {
            panic!("no path");
        };
        assert!(!beside.tunnel);
    });
}
