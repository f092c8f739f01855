//! A VPN that a person logs in to: dropped, waited for, and back with another address.

use std::{
    fs,
    time::{Duration, SystemTime},
};

use netroam_lab::{Lab, Mux, Names, Net, OpenVpn, Packet, Proc, Sniffer, Terminal, VpnLogin};
use netroam_platform::clock;
use nix::sys::signal::Signal;

use super::support::{
    SOON, attached, ended, eventually, netroam, own, pause, said, ssh, status, ticking, watch,
};

/// A person logs in, and the tunnel is there.
fn log_in(vpn: &OpenVpn, device: &str) -> VpnLogin {
    let mut login = vpn
        .login_with(&vpn.code().unwrap(), &["--dev", device])
        .unwrap();
    assert_eq!(login.wait_up(SOON).unwrap().device, device);
    login
}

/// At home, logged in, and attached to what is inside.
fn through(lab: &Lab, vpn: &OpenVpn, host: &str) -> (Terminal, VpnLogin) {
    lab.arrive(Net::Home).unwrap();
    let login = log_in(vpn, "tun0");
    let terminal = attached(lab, host, Mux::Screen);
    (terminal, login)
}

/// Waits until netroam waits for the tunnel and its ssh is gone.
fn waiting(terminal: &Terminal, host: &str) {
    status(
        terminal,
        &format!("waiting for a tunnel to {host}, last seen tun0 [Enter tries without]"),
    );
    eventually("ssh to be gone", || ssh(terminal).is_empty());
}

/// What went towards the server since then, past any tunnel.
fn beside(sniffer: &Sniffer, since: SystemTime) -> Vec<Packet> {
    let mut sent = sniffer.to_server(since);
    sent.retain(|packet| !packet.in_tunnel);
    sent
}

/// Nothing at all was sent to the server or to a name server since then.
fn silent(sniffer: &Sniffer, since: SystemTime) {
    let (sent, asked) = (sniffer.to_server(since), sniffer.to_name_servers(since));
    assert!(sent.is_empty() && asked.is_empty(), "{sent:?} {asked:?}");
}

#[test]
fn a_new_login_20_s_later_brings_the_session_back_in_another_network() {
    let lab = Lab::new().unwrap();
    let vpn = lab.openvpn(&[Lab::INSIDE_NET]).unwrap();
    let (terminal, login) = through(&lab, &vpn, "inside");
    let first = own(&terminal);
    let sniffer = lab.sniff().unwrap();
    let dropped = clock::wall();
    login.end(Signal::SIGKILL).unwrap();
    waiting(&terminal, "inside");
    let said = said(&terminal);
    assert!(
        said.contains("netroam: inside: tun0 lost 10.9.0.11"),
        "{said}"
    );
    let alone = clock::wall();
    lab.move_to(Net::Cafe).unwrap();
    pause(20.0);
    assert!(ssh(&terminal).is_empty());
    silent(&sniffer, alone);
    let since = clock::wall();
    let mut login = vpn
        .login_with(&vpn.code().unwrap(), &["--dev", "tun7"])
        .unwrap();
    let tunnel = login.wait_up(SOON).unwrap();
    assert_eq!(tunnel.device, "tun7");
    assert_ne!(tunnel.address.to_string(), "10.9.0.11");
    ticking(&terminal, since);
    assert_ne!(own(&terminal), first);
    let past = beside(&sniffer, dropped);
    assert!(past.is_empty(), "sent past the tunnel: {past:?}");
}

#[test]
fn waiting_3_minutes_for_the_tunnel_costs_nothing_and_tells_nobody() {
    let lab = Lab::new().unwrap();
    let names = lab.names().unwrap();
    let vpn = lab.openvpn(&[Lab::INSIDE_NET]).unwrap();
    lab.set_resolver(Names::INSIDE).unwrap();
    let (terminal, login) = through(&lab, &vpn, "corp");
    let sniffer = lab.sniff().unwrap();
    let dropped = clock::wall();
    login.end(Signal::SIGTERM).unwrap();
    // As a VPN client's down script does.
    lab.set_resolver(Names::OUTSIDE).unwrap();
    waiting(&terminal, "corp");

    let netroam = Proc::look(terminal.pid()).unwrap();
    let (start, before) = (clock::wall(), netroam.cost().unwrap());
    let past = beside(&sniffer, dropped);
    assert!(past.is_empty(), "sent past the tunnel: {past:?}");
    lab.move_to(Net::Cafe).unwrap();
    // What the network says of itself has been heard.
    pause(5.0);
    let settled = netroam.cost().unwrap();
    for _second in 0..175 {
        assert!(ssh(&terminal).is_empty());
        pause(1.0);
    }
    let after = netroam.cost().unwrap();
    silent(&sniffer, start);
    assert_eq!(names.asked_outside(), []);
    assert_eq!(after.since(settled).wakeups, 0, "no event, no wake-up");
    let used = after.since(before);
    assert!(used.cpu < Duration::from_millis(5), "{used:?}");

    let since = clock::wall();
    let _login = log_in(&vpn, "tun7");
    lab.set_resolver(Names::INSIDE).unwrap();
    ticking(&terminal, since);
}

#[test]
fn a_tunnel_that_does_not_lead_to_the_host_changes_nothing() {
    let lab = Lab::new().unwrap();
    let vpn = lab.openvpn(&[Lab::INSIDE_NET]).unwrap();
    let other = lab.wireguard(&["10.77.0.0/24"]).unwrap();
    let (terminal, login) = through(&lab, &vpn, "inside");
    login.end(Signal::SIGTERM).unwrap();
    waiting(&terminal, "inside");
    let sniffer = lab.sniff().unwrap();
    let since = clock::wall();
    let mut useless = vpn
        .login_with(&vpn.code().unwrap(), &["--route-nopull", "--dev", "tun3"])
        .unwrap();
    useless.wait_up(SOON).unwrap();
    other.up().unwrap();
    lab.laptop().sh("ping -c 1 -W 5 10.9.0.1").unwrap();
    pause(3.0);
    silent(&sniffer, since);
    assert!(ssh(&terminal).is_empty());
    // The same tunnel, once it does.
    let routed = clock::wall();
    lab.laptop()
        .ip(&format!("route add {} dev tun3", Lab::INSIDE_NET))
        .unwrap();
    ticking(&terminal, routed);
    assert_eq!(beside(&sniffer, since).len(), 0);
}

#[test]
fn what_was_learnt_outlives_netroam_until_it_is_forgotten() {
    let lab = Lab::new().unwrap();
    let vpn = lab.openvpn(&[Lab::INSIDE_NET]).unwrap();
    let (mut terminal, login) = through(&lab, &vpn, "inside");
    terminal.signal(Signal::SIGTERM).unwrap();
    ended(&lab, &mut terminal);
    login.end(Signal::SIGTERM).unwrap();

    let again = || watch(&lab, &["--session", "probe"], &["inside"]);
    let wait = "waiting for a tunnel to inside, last seen tun0";
    let sniffer = lab.sniff().unwrap();
    let since = clock::wall();
    let mut terminal = again();
    status(&terminal, wait);
    pause(2.0);
    silent(&sniffer, since);
    // It is no less wanted where nothing has been attached yet.
    let back = clock::wall();
    let login = log_in(&vpn, "tun5");
    ticking(&terminal, back);
    terminal.signal(Signal::SIGTERM).unwrap();
    ended(&lab, &mut terminal);
    login.end(Signal::SIGTERM).unwrap();
    let mut terminal = again();
    status(&terminal, "last seen tun5");
    terminal.type_keys("q").unwrap();
    ended(&lab, &mut terminal);

    let forget = || {
        let words = [netroam().to_str().unwrap(), "forget", "dev@INSIDE"];
        let mut forget = lab.piped(&words, &[]).unwrap();
        assert_eq!(forget.wait_exit(SOON).unwrap().code(), Some(0));
        forget.stdout()
    };
    assert_eq!(forget(), "INSIDE: forgotten\n");
    assert_eq!(forget(), "INSIDE: nothing was known\n");
    let since = clock::wall();
    let mut terminal = again();
    eventually("a SYN over what there is", || {
        !sniffer.syns(since).is_empty()
    });
    assert!(!said(&terminal).contains("waiting for a tunnel"));
    terminal.signal(Signal::SIGTERM).unwrap();
    ended(&lab, &mut terminal);
}

#[test]
fn a_broken_file_is_set_aside_with_one_line() {
    let lab = Lab::new().unwrap();
    let hosts = lab.home_dir().join(".local/state/netroam/hosts");
    fs::create_dir_all(&hosts).unwrap();
    fs::write(hosts.join("work.toml"), "addresses = [\n").unwrap();
    lab.arrive(Net::Home).unwrap();
    let terminal = attached(&lab, "work", Mux::Screen);
    let said = said(&terminal);
    let about: Vec<_> = said
        .lines()
        .filter(|line| line.contains("learnt"))
        .collect();
    assert!(
        matches!(about[..], [line] if line.contains("netroam: work: what was learnt of it is not understood (")
            && line.contains("work.toml.broken")),
        "{said}"
    );
    let aside = fs::read_to_string(hosts.join("work.toml.broken")).unwrap();
    assert_eq!(aside, "addresses = [\n");
    eventually("what is learnt now", || {
        fs::read_to_string(hosts.join("work.toml")).is_ok_and(|text| {
            text.contains("interface = \"home0\"") && text.contains("tunnel = false")
        })
    });
}

#[test]
fn enter_tries_once_without_the_tunnel_and_success_is_learnt() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    lab.tunnel_up(7).unwrap();
    let terminal = attached(&lab, "work4", Mux::Screen);
    lab.tunnel_down();
    let wait = "waiting for a tunnel to work4, last seen vpn0";
    status(&terminal, wait);
    eventually("ssh to be gone", || ssh(&terminal).is_empty());
    let sniffer = lab.sniff().unwrap();
    let since = clock::wall();
    lab.move_to(Net::Cafe).unwrap();
    pause(1.0);
    silent(&sniffer, since);

    // In vain at first: once, and then it waits as before.
    lab.server().stop_sshd().unwrap();
    terminal.type_keys("\r").unwrap();
    status(
        &terminal,
        "netroam: waiting for a tunnel to work4 (connection refused)",
    );
    let refused = clock::wall();
    assert_eq!(sniffer.syns(since).len(), 1);
    lab.server().start_sshd().unwrap();
    pause(3.0);
    silent(&sniffer, refused);

    terminal.type_keys("\r").unwrap();
    ticking(&terminal, refused);
    let second = own(&terminal);
    // What was good once is wanted: any path.
    lab.move_to(Net::Home).unwrap();
    ticking(&terminal, clock::wall());
    assert_ne!(own(&terminal), second);
}
