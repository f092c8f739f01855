//! `netroam history` tells of a roam and of a VPN outage what they were.

use netroam_lab::{Lab, Mux, Net, seconds};
use netroam_platform::clock;
use nix::sys::signal::Signal;
use serde_json::Value;

use super::support::{
    SOON, at_home, attached, ended, eventually, netroam, pause, ssh, status, ticking,
};

/// What it says of this host, to programs.
fn history(lab: &Lab, words: &[&str]) -> Value {
    let words = [&[netroam().to_str().unwrap(), "history", "--json"], words].concat();
    let mut asked = lab.piped(&words, &[]).unwrap();
    assert_eq!(asked.wait_exit(SOON).unwrap().code(), Some(0));
    let said = asked.stdout();
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// A share in seconds.
fn share(outage: &Value, name: &str) -> f64 {
    outage[name].as_f64().unwrap() / 1000.0
}

/// The states of the one session, in turn.
fn states(history: &Value) -> Vec<&str> {
    let sessions = history["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 1, "{history}");
    let spans = sessions[0]["spans"].as_array().unwrap().iter();
    spans.map(|span| span["state"].as_str().unwrap()).collect()
}

#[test]
fn a_roam_costs_netroams_time_and_a_network_that_is_away_the_networks() {
    let lab = Lab::new().unwrap();
    let mut terminal = at_home(&lab);
    let moved = clock::wall();
    lab.move_to(Net::Cafe).unwrap();
    ticking(&terminal, clock::wall());
    let back = seconds(moved, clock::wall());
    pause(0.5);
    lab.leave(Net::Cafe).unwrap();
    let left = clock::wall();
    eventually("the second loss, which lasts", || {
        history(&lab, &["work"])["outages"][1]["end"] == "lasts"
    });
    pause(3.0);
    let away = seconds(left, clock::wall());
    lab.arrive(Net::Home).unwrap();
    ticking(&terminal, clock::wall());

    let told = history(&lab, &["dev@WORK", "--since", "90m"]);
    let outages = told["outages"].as_array().unwrap();
    assert_eq!(outages.len(), 2, "{told}");
    for (outage, [from, to]) in outages.iter().zip([["home0", "cafe0"], ["cafe0", "home0"]]) {
        assert_eq!(outage["from"]["interface"], from, "{outage}");
        assert_eq!(outage["to"]["interface"], to, "{outage}");
        assert_eq!(outage["reason"], "address-lost", "{outage}");
        assert_eq!(outage["end"], "attached", "{outage}");
        assert_eq!(outage["person_ms"], 0, "{outage}");
        let took = share(outage, "netroam_ms");
        assert!(took > 0.05 && took < back + 2.0, "{outage}");
    }
    assert!(share(&outages[0], "lasted_ms") <= back, "{told}");
    assert!(share(&outages[0], "network_ms") < 0.5, "{told}");
    let network = share(&outages[1], "network_ms");
    assert!(
        (away - 0.5..away + 1.0).contains(&network),
        "{away}: {told}"
    );
    let last = states(&told).last().copied();
    assert_eq!(last, Some("attached"), "its netroam says that it lives");

    terminal.signal(Signal::SIGKILL).unwrap();
    terminal.wait_exit(SOON).unwrap();
    let told = history(&lab, &[]);
    assert_eq!(states(&told).last().copied(), Some("unknown"), "{told}");
    assert_eq!(told["outages"], serde_json::json!(outages), "that was none");
}

#[test]
fn a_vpn_outage_costs_the_person_the_time_until_the_login() {
    let lab = Lab::new().unwrap();
    let vpn = lab.openvpn(&[Lab::INSIDE_NET]).unwrap();
    lab.arrive(Net::Home).unwrap();
    let up = |device| {
        let code = vpn.code().unwrap();
        let mut login = vpn.login_with(&code, &["--dev", device]).unwrap();
        login.wait_up(SOON).unwrap();
        login
    };
    let login = up("tun0");
    let mut terminal = attached(&lab, "inside", Mux::Screen);
    let dropped = clock::wall();
    login.end(Signal::SIGKILL).unwrap();
    status(&terminal, "waiting for a tunnel to inside, last seen tun0");
    eventually("ssh to be gone", || ssh(&terminal).is_empty());
    lab.move_to(Net::Cafe).unwrap();
    pause(4.0);
    let since = clock::wall();
    let waited = seconds(dropped, since);
    let login = up("tun7");
    let logged_in = seconds(since, clock::wall());
    ticking(&terminal, since);
    let back = seconds(since, clock::wall());
    terminal.signal(Signal::SIGTERM).unwrap();
    ended(&lab, &mut terminal);

    let told = history(&lab, &["inside"]);
    let outages = told["outages"].as_array().unwrap();
    let [outage] = &outages[..] else {
        panic!("{told}")
    };
    assert_eq!(outage["reason"], "address-lost");
    assert_eq!(outage["text"], "tun0 lost 10.9.0.11");
    assert_eq!(outage["session"], "probe");
    let paths = ["from", "to"].map(|path| (&outage[path]["interface"], &outage[path]["tunnel"]));
    assert_eq!(
        paths,
        [
            (&"tun0".into(), &true.into()),
            (&"tun7".into(), &true.into())
        ]
    );
    let (person, took) = (share(outage, "person_ms"), share(outage, "netroam_ms"));
    assert!(
        (waited - 1.0..waited + logged_in + 0.5).contains(&person),
        "{waited}+{logged_in}: {outage}"
    );
    assert!(took > 0.05 && took <= back, "{back}: {outage}");
    assert_eq!(outage["network_ms"], 0);
    assert!(
        (share(outage, "lasted_ms") - person - took).abs() < 0.01,
        "{outage}"
    );
    let expected = ["connecting", "attached", "person", "connecting", "attached"];
    assert_eq!(states(&told), expected, "{told}");
    login.end(Signal::SIGTERM).unwrap();
}
