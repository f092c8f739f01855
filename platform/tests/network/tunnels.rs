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
