use std::net::IpAddr;

use netroam_platform::tcp;

use super::*;
use crate::record::Connects;
use crate::{
    commands::why::found::Last,
    control::{AddressFacts, LookFacts, RunFacts, Want, tests::sample},
    journal::{Event, Judged},
    record::{PathFacts, State},
    supervisor::Via,
};

fn at(text: &str) -> Stamp {
    format!("2026-11-22T{text}Z").parse().unwrap()
}

fn tunnel() -> PathFacts {
    PathFacts {
        interface: "tun0".into(),
        source: "10.8.0.2".parse().unwrap(),
        gateway: None,
        tunnel: true,
    }
}

fn wlan() -> PathFacts {
    PathFacts {
        interface: "wlan0".into(),
        source: "192.168.1.2".parse().unwrap(),
        gateway: Some("192.168.1.1".parse().unwrap()),
        tunnel: false,
    }
}

fn address(text: &str, path: Option<PathFacts>, wanted: bool) -> Address {
    Address {
        facts: AddressFacts {
            address: text.parse::<IpAddr>().unwrap(),
            why: path.is_none().then(|| "no route".into()),
            path,
        },
        learnt: true,
        wanted,
    }
}

fn entry(time: &str, event: Event, text: &str) -> Entry {
    Entry {
        at: at(time),
        host: "gw1".into(),
        session: Some("mac".into()),
        pid: 4242,
        event,
        text: text.into(),
    }
}

/// The VPN has dropped, in a café.
fn waiting() -> Found {
    let verdict = Event::Verdict {
        run: 1,
        verdict: Judged::End,
        reason: Some("address-lost".into()),
        from: None,
        to: Some(wlan()),
    };
    let ended = Event::Ended {
        run: 1,
        ending: "ended-by-us".into(),
        status: None,
    };
    Found {
        at: at("14:08:20"),
        host: "gw1".into(),
        hostname: "gw1.example.org".into(),
        port: 22,
        connects: Connects::Netroam,
        overridden: Vec::new(),
        first_hop: Some("gw1.example.org port 22".into()),
        path: None,
        name: Name::NotAsked,
        addresses: vec![address("203.0.113.5", Some(wlan()), false)],
        want: Want::of(&Via::Auto, false, true),
        last: Some(Last {
            at: at("11:55:02"),
            path: tunnel(),
        }),
        sessions: vec![sample("gw1", "mac")],
        lately: vec![
            entry("14:03:07", verdict, "tun0 lost 10.8.0.2: ends ssh"),
            entry("14:03:07.050", ended, "ended by netroam"),
        ],
        problems: vec![],
    }
}

#[test]
fn a_session_that_waits_for_a_tunnel() {
    insta::assert_snapshot!(text(&waiting(), Zone::UTC), @r#"
    gw1 is gw1.example.org port 22; netroam connects
    path now: none that is wanted, a session would wait
      the name is not looked up while no wanted path leads to the host
      203.0.113.5: wlan0 (192.168.1.2) via 192.168.1.1 (answered before)
    wanted: a tunnel (via auto, by default): the last good run, 11:55:02 (2:13:18 ago), went over tun0 (10.8.0.2), a tunnel
    session mac (pid 4242): no route, waiting for the network, for 5:12
      last look 14:03:07 (5:12 ago): 203.0.113.5: no route
    lately:
      14:03:07      5:13 ago  mac: tun0 lost 10.8.0.2: ends ssh
      14:03:07      5:12 ago  mac: ended by netroam
    "#);
}

#[test]
fn a_session_whose_data_hangs() {
    let health = tcp::Health {
        established: true,
        rtt: Some(Duration::from_micros(12_340)),
        unacknowledged: 2,
        unsent: 0,
        undelivered: 104,
        backoff: 4,
        retransmits: 4,
        probes: 0,
        since_last_ack: Duration::from_secs(5),
        since_last_sent: Duration::from_millis(300),
        acknowledgements: 9,
        acknowledged: 900,
        bytes_received: 900,
        sent: 9,
        received: 9,
        question: tcp::Question::Counted,
    };
    let mut status = sample("gw1", "mac");
    status.state = State::Attached;
    status.text = "attached via tun0 (10.8.0.2)".into();
    status.since = at("12:05:17");
    status.path = Some(tunnel());
    status.run = Some(RunFacts::of(1, 4250, None, Some(&health)));
    status.want = Want::of(&Via::Tunnel, true, true);
    status.look = Some(LookFacts {
        at: at("14:08:10"),
        online: true,
        paths: vec![AddressFacts {
            address: "203.0.113.5".parse().unwrap(),
            path: Some(tunnel()),
            why: None,
        }],
    });
    status.next_ms = Some(12_000);
    let mut quiet = status.clone();
    quiet.pid = 4343;
    quiet.session = None;
    quiet.id = "gw1".into();
    quiet.next_ms = None;
    let calm = tcp::Health {
        unacknowledged: 0,
        undelivered: 0,
        backoff: 0,
        ..health
    };
    quiet.run = Some(RunFacts::of(1, 4350, None, Some(&calm)));
    let found = Found {
        path: Some(tunnel()),
        name: Name::Resolved,
        addresses: vec![address("203.0.113.5", Some(tunnel()), true)],
        sessions: vec![status, quiet],
        lately: vec![],
        problems: vec!["netroam 4444 does not answer".into()],
        ..waiting()
    };
    insta::assert_snapshot!(text(&found, Zone::UTC), @r#"
    gw1 is gw1.example.org port 22; netroam connects
    path now: tun0 (10.8.0.2), a tunnel, to 203.0.113.5
    wanted: a tunnel (via auto, by default): the last good run, 11:55:02 (2:13:18 ago), went over tun0 (10.8.0.2), a tunnel
    session mac (pid 4242): attached via tun0 (10.8.0.2), for 2:03:03
      wanted: a tunnel (via tunnel)
      connection (ssh 4250): round trip 12.3 ms, hangs: 104 bytes unacknowledged, sent 4 more times, heard 5.0 s ago
      last look 14:08:10 (10 s ago): 203.0.113.5 by tun0 (10.8.0.2), a tunnel
      next attempt in 12 s, or at any change
    session (pid 4343): attached via tun0 (10.8.0.2), for 2:03:03
      wanted: a tunnel (via tunnel)
      connection (ssh 4350): round trip 12.3 ms, all acknowledged, heard 5.0 s ago
      last look 14:08:10 (10 s ago): 203.0.113.5 by tun0 (10.8.0.2), a tunnel
    problem: netroam 4444 does not answer
    "#);
}

#[test]
fn a_host_of_which_nothing_is_known() {
    let found = Found {
        connects: Connects::ProxyJump,
        first_hop: Some("jump port 22".into()),
        name: Name::Unknown("Name or service not known".into()),
        addresses: vec![],
        want: Want::of(&Via::Auto, false, false),
        last: None,
        sessions: vec![],
        lately: vec![],
        ..waiting()
    };
    insta::assert_snapshot!(text(&found, Zone::UTC), @r#"
    gw1 is gw1.example.org port 22; ssh connects (ProxyJump), first to jump port 22
    path now: none, no address is known
      the name does not resolve here: Name or service not known
    wanted: a path (via auto, by default): no good run is known yet
    sessions: none is running
    "#);
}

#[test]
fn what_programs_read() {
    let mut found = waiting();
    found.lately.truncate(1);
    let json = serde_json::to_value(&found).unwrap();
    let keys = |value: &serde_json::Value| {
        let mut keys: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys.join(" ")
    };
    insta::assert_snapshot!(keys(&json), @"addresses at connects first_hop host hostname last lately name overridden path port problems sessions want");
    insta::assert_snapshot!(keys(&json["sessions"][0]), @"host id look pid session since state text want");
    insta::assert_snapshot!(json["addresses"][0].to_string(), @r#"{"address":"203.0.113.5","path":{"interface":"wlan0","source":"192.168.1.2","gateway":"192.168.1.1","tunnel":false},"learnt":true,"wanted":false}"#);
    insta::assert_snapshot!(json["want"].to_string(), @r#"{"via":"auto","wanted":"a tunnel","configured":false,"learnt":true}"#);
}
