//! A VPN that speaks the protocol of Cisco's client, as openconnect sets it up.

use netroam_lab::{AnyConnectLogin, Lab, Mux, Net};
use netroam_platform::clock;

use super::support::{
    SOON, attached, eventually, own, pause, said, same_ssh, ssh, status, ticking,
};

#[test]
fn after_a_new_login_elsewhere_the_session_is_back_with_another_address() {
    let lab = Lab::new().unwrap();
    let vpn = lab.openconnect(&[Lab::INSIDE_NET]).unwrap();
    lab.arrive(Net::Home).unwrap();
    let mut login = vpn.login().unwrap();
    let first = login.wait_up(SOON).unwrap();
    let terminal = attached(&lab, "inside", Mux::Screen);
    let sniffer = lab.sniff().unwrap();
    login.end().unwrap();
    status(
        &terminal,
        "waiting for a tunnel to inside, last seen tun0 [Enter tries without]",
    );
    eventually("ssh to be gone", || ssh(&terminal).is_empty());
    let lost = said(&terminal);
    assert!(
        lost.contains(&format!("netroam: inside: tun0 lost {first}")),
        "{lost}"
    );
    lab.move_to(Net::Cafe).unwrap();
    let since = clock::wall();
    pause(3.0);
    let mut sent = sniffer.to_server(since);
    sent.retain(|packet| !packet.in_tunnel);
    assert!(sent.is_empty(), "sent past the tunnel: {sent:?}");
    let since = clock::wall();
    let mut login = vpn.login().unwrap();
    assert_ne!(login.wait_up(SOON).unwrap(), first);
    ticking(&terminal, since);
}

#[test]
fn while_the_vpn_connects_anew_by_itself_the_session_is_left_alone() {
    let lab = Lab::new().unwrap();
    let vpn = lab.openconnect(&[Lab::INSIDE_NET]).unwrap();
    lab.arrive(Net::Home).unwrap();
    let mut login: AnyConnectLogin = vpn.login().unwrap();
    login.wait_up(SOON).unwrap();
    let terminal = attached(&lab, "inside", Mux::Screen);
    let run = own(&terminal);
    lab.move_to(Net::Cafe).unwrap();
    let moved = clock::wall();
    login.network_changed().unwrap();
    ticking(&terminal, moved);
    assert!(same_ssh(&terminal, run), "{}", login.log());
}
