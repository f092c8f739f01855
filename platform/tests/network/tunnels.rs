//! What counts as a tunnel, on real TUN and TAP devices.

use std::{fs::File, os::fd::AsRawFd as _};

use super::*;

/// Opens a TUN device of this name, and makes it if it is not there (`Documentation/networking/tuntap.rst`).
pub(crate) fn tun(name: &str) -> File {
    nix::ioctl_write_int!(attach, b'T', 202);
    let device = File::options()
        .read(true)
        .write(true)
        .open("/dev/net/tun")
        .unwrap();
    // struct ifreq: the name, and flags.
    let mut request = [0_u8; 40];
    request[..name.len()].copy_from_slice(name.as_bytes());
    request[16..18].copy_from_slice(&i16::try_from(libc::IFF_TUN).unwrap().to_ne_bytes());
    #[expect(unsafe_code, reason = "no crate here makes a TUN device")]
    // SAFETY: TUNSETIFF reads and writes a struct ifreq, 40 bytes long, at this address, which outlives the call.
    unsafe { attach(device.as_raw_fd(), request.as_mut_ptr() as u64) }.unwrap();
    device
}

#[test]
fn a_tun_device_is_a_tunnel_and_a_veth_is_none() {
    inside(async || {
        home();
        shell(
            "ip tuntap add dev work mode tun
             ip addr add 10.8.0.2 peer 10.8.0.1 dev work
             ip link set work up",
        );
        let (network, _events) = Network::open().unwrap();
        let look = network
            .look(&[to("10.8.0.1"), to("198.51.100.1")])
            .await
            .unwrap();
        let tunnels: Vec<_> = look
            .snapshot
            .interfaces
            .values()
            .filter(|interface| interface.tunnel)
            .map(|i| i.name.as_str())
            .collect();
        assert_eq!(tunnels, ["work"]);
        // With a peer, the address is our side of it.
        assert!(look.snapshot.owns(ip("10.8.0.2")) && !look.snapshot.owns(ip("10.8.0.1")));
        // Nobody has the device open: the VPN client is gone.
        assert_eq!(
            look.paths[0],
            Lookup::None(NoPath::NoCarrier("work".into()))
        );
        assert!(matches!(&look.paths[1], Lookup::Found(path) if !path.tunnel));
    });
}

#[test]
fn a_tap_device_is_a_tunnel_until_it_is_a_port_of_a_bridge() {
    inside(async || {
        shell(
            "ip link add docker0 type bridge
             ip tuntap add dev vm mode tap
             ip tuntap add dev work mode tap
             ip link add inside type veth peer name outside
             ip link set vm master docker0
             ip link set outside master docker0",
        );
        let (network, _events) = Network::open().unwrap();
        let tunnels = async || {
            let looked = network.snapshot().await.unwrap();
            let tunnels = looked.interfaces.into_values().filter(|link| link.tunnel);
            tunnels.map(|link| link.name).collect::<Vec<_>>()
        };
        assert_eq!(tunnels().await, ["work"]);
        run("ip link set vm nomaster");
        assert_eq!(tunnels().await, ["vm", "work"]);
    });
}

/// clatd(8): an IPv6-only network's way to IPv4 is a TUN device, and no VPN.
#[test]
fn a_translator_to_ipv4_is_no_tunnel() {
    inside(async || {
        let _open = tun("clat");
        shell(
            "ip addr add 192.0.0.1/32 dev clat
             ip link set clat up
             ip route add default dev clat",
        );
        let (network, _events) = Network::open().unwrap();
        let look = network.look(&[to("203.0.113.5")]).await.unwrap();
        assert!(found(&look).is_some_and(|path| path.interface == "clat" && !path.tunnel));
        // What it leaves by is not seen from here.
        assert!(!look.snapshot.grounded());
    });
}

#[test]
fn a_containers_bridge_grounds_nothing_until_another_link_is_its_port() {
    inside(async || {
        shell(
            "ip link add docker0 type bridge
             ip addr add 172.17.0.1/16 dev docker0
             ip link set docker0 up
             ip link add container type veth peer name inside
             ip link set inside up
             ip link set container master docker0 up",
        );
        let (network, mut events) = Network::open().unwrap();
        let far = to("172.17.0.2");
        let look = until(&network, &mut events, &far, "a bridge", |look| {
            found(look).is_some_and(|path| path.interface == "docker0")
        })
        .await;
        assert!(look.snapshot.online() && !look.snapshot.grounded());
        // Not a card, but what may lead to one.
        shell(
            "ip link add outer type veth peer name wall
             ip link add card link outer type macvlan
             ip link set card master docker0",
        );
        assert!(network.snapshot().await.unwrap().grounded());
    });
}

#[test]
fn a_tunnel_outlives_what_it_leaves_by() {
    inside(async || {
        home();
        // A TUN has carrier while somebody has it open: this thread of ours.
        let _open = tun("work");
        shell("ip addr add 10.8.0.2/24 dev work; ip link set work up");
        let (network, mut events) = Network::open().unwrap();
        let far = to("10.8.0.9");
        let through_work =
            |look: &Look| found(look).is_some_and(|path| path.tunnel && path.interface == "work");
        let look = until(&network, &mut events, &far, "a tunnel", through_work).await;
        assert!(look.snapshot.grounded());
        run("ip link set router down");
        until(&network, &mut events, &far, "nothing under it", |look| {
            through_work(look) && look.snapshot.online() && !look.snapshot.grounded()
        })
        .await;
        run("ip link set router up");
        until(&network, &mut events, &far, "a network again", |look| {
            through_work(look) && look.snapshot.grounded()
        })
        .await;
    });
}
