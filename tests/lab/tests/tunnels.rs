//! Tunnels of other people's making: OpenVPN, WireGuard, and a tunnel that swallows.

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
