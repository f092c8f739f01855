//! Tunnels of other people's making: OpenVPN, WireGuard, and a tunnel that swallows.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test ends where something fails")]

use std::net::Ipv4Addr;
use std::time::Duration;

use netroam_lab::{Lab, Net};
use nix::sys::signal::Signal;

const SOON: Duration = Duration::from_secs(30);

fn way_inside(lab: &Lab) -> String {
    lab.laptop()
        .sh(&format!("ip route get {} || true", Lab::INSIDE_V4))
        .unwrap()
}

#[test]
fn each_code_is_good_for_one_openvpn_login_with_an_address_of_its_own() {
    let lab = Lab::new().unwrap();
    let vpn = lab.openvpn(&[Lab::INSIDE_NET]).unwrap();
    lab.arrive(Net::Home).unwrap();
    let ssh = format!("ssh -F {} inside true", lab.ssh_config().display());

    let code = vpn.code().unwrap();
    let mut first = vpn.login(&code).unwrap();
    let tunnel = first.wait_up(SOON).unwrap();
    assert_eq!(
        (tunnel.device.as_str(), tunnel.address),
        ("tun0", Ipv4Addr::new(10, 9, 0, 11))
    );
    assert!(way_inside(&lab).contains("dev tun0 src 10.9.0.11"));
    lab.laptop().sh(&ssh).unwrap();
    first.end(Signal::SIGTERM).unwrap();
    assert!(way_inside(&lab).contains("dev home0"));
    lab.laptop().sh("! ip link show tun0").unwrap();

    for refused in [&code, "000000"] {
        let mut login = vpn.login(refused).unwrap();
        login.wait_exit(SOON).unwrap();
        assert!(login.log().contains("AUTH_FAILED"), "{}", login.log());
        assert!(!login.log().contains("Initialization Sequence Completed"));
    }

    // In the café, started before there is a network, with a name of its own.
    lab.leave(Net::Home).unwrap();
    let mut second = vpn
        .login_with(&vpn.code().unwrap(), &["--dev", "tun7"])
        .unwrap();
    lab.arrive(Net::Cafe).unwrap();
    let tunnel = second.wait_up(SOON).unwrap();
    assert_eq!(
        (tunnel.device.as_str(), tunnel.address),
        ("tun7", Ipv4Addr::new(10, 9, 0, 12))
    );
    lab.laptop().sh(&ssh).unwrap();
    second.end(Signal::SIGKILL).unwrap();
    lab.laptop().sh("! ip link show tun7").unwrap();

    vpn.next_host(12).unwrap();
    let mut third = vpn.login(&vpn.code().unwrap()).unwrap();
    assert_eq!(
        third.wait_up(SOON).unwrap().address,
        Ipv4Addr::new(10, 9, 0, 12)
    );
    lab.laptop().sh(&ssh).unwrap();
}

#[test]
fn an_openvpn_may_carry_nothing_of_ours() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let vpn = lab.openvpn(&[]).unwrap();
    let mut login = vpn.login(&vpn.code().unwrap()).unwrap();
    login.wait_up(SOON).unwrap();
    lab.laptop().sh("ping -c 1 -W 2 10.9.0.1").unwrap();
    assert!(way_inside(&lab).contains("dev home0"));
    lab.laptop()
        .sh(&format!("! ping -c 1 -W 0.3 {}", Lab::INSIDE_V4))
        .unwrap();
}

#[test]
fn wireguard_takes_its_networks_by_rule_wherever_the_laptop_is() {
    let lab = Lab::new().unwrap();
    let wireguard = lab.wireguard(&[Lab::INSIDE_NET]).unwrap();
    lab.arrive(Net::Home).unwrap();
    assert!(way_inside(&lab).contains("dev home0"));
    for _again in 0..2 {
        wireguard.up().unwrap();
        let way = way_inside(&lab);
        assert!(
            way.contains("dev wg0 table 51820 src 10.7.0.2"),
            "by rule: {way}"
        );
        for net in [Net::Home, Net::Cafe] {
            lab.move_to(net).unwrap();
            wireguard.follow().unwrap();
            lab.laptop()
                .sh(&format!(
                    "ssh -F {} inside true",
                    lab.ssh_config().display()
                ))
                .unwrap();
            // What is not its own goes where it went.
            let way = lab
                .laptop()
                .ip(&format!("route get {}", Lab::SERVER_V4))
                .unwrap();
            assert!(way.contains(net.interface()), "{way}");
        }
        wireguard.down().unwrap();
        assert!(way_inside(&lab).contains("dev cafe0"));
        assert!(!lab.laptop().ip("rule").unwrap().contains("51820"));
        lab.laptop().sh("! ip link show wg0").unwrap();
    }
}

#[test]
fn wireguard_may_take_everything_but_itself() {
    let lab = Lab::new().unwrap();
    let wireguard = lab.wireguard(&["0.0.0.0/0"]).unwrap();
    lab.arrive(Net::Cafe).unwrap();
    wireguard.up().unwrap();
    for address in [Lab::INSIDE_V4, Lab::SERVER_V4] {
        lab.laptop()
            .sh(&format!(
                "ip route get {address} | grep 'dev wg0'; ping -c 1 -W 2 {address}"
            ))
            .unwrap();
    }
}

#[test]
fn a_tunnel_swallows_large_packets_each_way_on_its_own() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let ping = |bytes: usize| {
        // 28 bytes of headers; what is out of bounds at the laptop's own end would be an error of another kind.
        let script = format!(
            "ping -c 1 -W 0.5 -M do -s {} {} > /dev/null",
            bytes - 28,
            Lab::INSIDE_V4
        );
        lab.laptop().sh(&script).is_ok()
    };
    // Before the tunnel is there: it has the hole from its first packet on.
    lab.tunnel_swallows_larger_than(Some(1000), None);
    lab.tunnel_up(2).unwrap();
    assert!(ping(1000) && !ping(1001));
    let sniffer = lab.sniff().unwrap();
    lab.tunnel_swallows_larger_than(None, Some(1000));
    assert!(ping(1000) && !ping(1001));
    let told = |protocol: u8| {
        sniffer
            .packets()
            .iter()
            .filter(|packet| packet.protocol == protocol && packet.in_tunnel && !packet.outgoing)
            .count()
    };
    assert_eq!(told(1), 1, "the answer to the small one, and no complaint");
    lab.tunnel_swallows_larger_than(None, None);
    assert!(ping(1400));

    // What a login makes of it: the key exchange's large packets do not pass.
    lab.tunnel_swallows_larger_than(Some(1000), Some(1000));
    let ssh = format!("ssh -v -F {} inside true", lab.ssh_config().display());
    let said = lab
        .laptop()
        .sh(&format!("timeout 2 {ssh} 2>&1 || echo status $?"))
        .unwrap();
    assert!(
        said.contains("Connection established") && said.contains("status 124"),
        "{said}"
    );
    assert!(!said.contains("Authenticated"), "{said}");
}
