//! Hooks and notifications: somebody who looks elsewhere is told.

use std::fs;

use netroam_lab::{Lab, Mux, Net};
use netroam_platform::clock;

use super::support::{SOON, eventually, netroam, ticking};

#[test]
fn a_tunnel_that_is_needed_and_the_session_that_is_back_are_told() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    lab.tunnel_up(2).unwrap();
    lab.start_probe(Mux::Screen, "probe").unwrap();
    let told = lab.home_dir().join("told");
    let config = lab.home_dir().join(".config/netroam/config.toml");
    fs::create_dir_all(config.parent().unwrap()).unwrap();
    let hook = |name: &str| {
        format!(
            "{name} = 'echo \"$NETROAM_EVENT $NETROAM_HOST $NETROAM_SESSION $NETROAM_NEED: $NETROAM_TEXT\" >> {}'\n",
            told.display()
        )
    };
    fs::write(
        &config,
        format!("[host.inside]\n{}{}", hook("on-wait"), hook("on-attached")),
    )
    .unwrap();
    let bus = lab.bus().unwrap();
    let ssh_config = lab.ssh_config();
    let words = [
        netroam().to_str().unwrap(),
        "watch",
        "--session",
        "probe",
        "-F",
        ssh_config.to_str().unwrap(),
        "inside",
    ];
    let terminal = lab.terminal_with(&words, 24, 80, &bus.env()).unwrap();
    ticking(&terminal, clock::wall());
    let lines = || fs::read_to_string(&told).unwrap_or_default();
    eventually("the first hook", || {
        lines() == "attached inside probe : attached\n"
    });

    lab.tunnel_down();
    let waiting = "waiting for a tunnel to inside, last seen vpn0";
    terminal
        .wait_for_text(&format!("netroam: {waiting} [Enter tries without]"), SOON)
        .unwrap();
    eventually("the second hook", || {
        lines().ends_with(&format!("wait inside probe tunnel: {waiting}\n"))
    });
    eventually("the notification", || {
        bus.notifications()
            .unwrap()
            .iter()
            .any(|notification| notification.app == "netroam" && notification.body == waiting)
    });

    lab.tunnel_up(3).unwrap();
    ticking(&terminal, clock::wall());
    eventually("the third hook", || {
        lines()
            .lines()
            .last()
            .is_some_and(|line| line.starts_with("attached inside probe : "))
    });
    assert_eq!(lines().lines().count(), 3, "{}", lines());
}
