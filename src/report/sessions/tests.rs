use super::*;
use crate::{
    control::{Health, RunFacts, tests::sample},
    record::PathFacts,
};

const NOW: &str = "2026-11-22T14:05:07.9Z";

fn path(interface: &str, source: &str) -> PathFacts {
    PathFacts {
        interface: interface.into(),
        source: source.parse().unwrap(),
        gateway: None,
        tunnel: false,
    }
}

fn attached(name: &str, round_trip_ms: f64, unacknowledged: u64) -> Status {
    let path = path("wlan0", "192.168.1.23");
    Status {
        state: State::Attached,
        text: format!("attached via {path}"),
        path: Some(path.clone()),
        run: Some(RunFacts {
            run: 3,
            pid: 77,
            path: Some(path),
            health: Some(Health {
                round_trip_ms: Some(round_trip_ms),
                unacknowledged,
                retransmissions: 0,
                backoff: 0,
                last_heard_ms: 12,
                unanswered_ms: if unacknowledged > 0 { 4200 } else { 0 },
            }),
            hanging: unacknowledged > 0,
        }),
        ..sample("gw1", name)
    }
}

fn sessions() -> Vec<Status> {
    let retrying = Status {
        id: "web".into(),
        state: State::Retrying,
        text: "connection refused, trying again".into(),
        path: Some(path("eth0", "2001:db8::1234:5678")),
        next_ms: Some(3400),
        ..sample("gateway.example.org", "web")
    };
    let waiting = Status {
        id: "東京".into(),
        state: State::NoTunnel,
        text: "waiting for a tunnel to tokyo\u{1b}[2J, last seen tun0".into(),
        ..sample("tokyo", "x")
    };
    vec![
        attached("mac", 12.34, 0),
        attached("mac-2", 0.42, 5120),
        retrying,
        sample("gw2", "mac"),
        waiting,
    ]
}

fn shown(width: usize, height: usize) -> String {
    let overview = Overview {
        sessions: &sessions(),
        name: None,
        problems: &["netroam 99 does not answer".into()],
        now: NOW.parse().unwrap(),
        size: (width, height),
        coloured: false,
    };
    let lines = overview.lines();
    assert!(lines.len() <= height);
    lines.join("\n")
}

#[test]
fn a_wide_terminal_has_all_of_it() {
    insta::assert_snapshot!(shown(140, 40), @r"
    netroam: 5 sessions, 2 attached [q: quit]
    netroam 99 does not answer

    NAME       HOST              STATE      PATH                         FOR     RTT  UNACKED  NEXT
    gw1/mac    gw1               attached   wlan0 (192.168.1.23)        2:00   12 ms        0
    gw1/mac-2  gw1               attached   wlan0 (192.168.1.23)        2:00  0.4 ms     5120  unanswered for 4 s
    web        gateway.exampl..  retrying   eth0 (2001:db8::1234:5678)  2:00                   in 3 s: connection refused, trying again
    gw2/mac    gw2               no-path                                2:00                   no route, waiting for the network
    東京       tokyo             no-tunnel                              2:00                   waiting for a tunnel to tokyo�[2J, last seen tun0
    ");
}

#[test]
fn a_usual_terminal_has_what_matters() {
    insta::assert_snapshot!(shown(79, 24), @r"
    netroam: 5 sessions, 2 attached [q: quit]
    netroam 99 does not answer

    NAME       STATE      PATH             FOR     RTT  NEXT
    gw1/mac    attached   wlan0 (192.1..  2:00   12 ms
    gw1/mac-2  attached   wlan0 (192.1..  2:00  0.4 ms  unanswered for 4 s
    web        retrying   eth0 (2001:d..  2:00          in 3 s: connection refuse..
    gw2/mac    no-path                    2:00          no route, waiting for the..
    東京       no-tunnel                  2:00          waiting for a tunnel to t..
    ");
}

#[test]
fn narrow_ones_have_less() {
    insta::assert_snapshot!(shown(50, 24), @r"
    netroam: 5 sessions, 2 attached [q: quit]
    netroam 99 does not answer

    NAME       STATE       FOR  NEXT
    gw1/mac    attached   2:00
    gw1/mac-2  attached   2:00  unanswered for 4 s
    web        retrying   2:00  in 3 s: connection r..
    gw2/mac    no-path    2:00  no route, waiting fo..
    東京       no-tunnel  2:00  waiting for a tunnel..
    ");
    insta::assert_snapshot!(shown(20, 24), @r"
    netroam: 5 session..
    netroam 99 does no..

    NAME       STATE
    gw1/mac    attached
    gw1/mac-2  attached
    web        retrying
    gw2/mac    no-path
    東京       no-tunnel
    ");
}

#[test]
fn what_does_not_fit_in_height_is_counted() {
    insta::assert_snapshot!(shown(60, 6), @r"
    netroam: 5 sessions, 2 attached [q: quit]
    netroam 99 does not answer

    NAME       STATE       FOR  NEXT
    gw1/mac    attached   2:00
    and 4 more
    ");
    assert_eq!(shown(60, 1), "and 9 more");
}

#[test]
fn no_session_is_said_and_of_what_name() {
    let mut overview = Overview {
        sessions: &[],
        name: None,
        problems: &[],
        now: NOW.parse().unwrap(),
        size: (79, 24),
        coloured: true,
    };
    assert_eq!(overview.lines(), ["netroam: no session runs [q: quit]"]);
    overview.name = Some("gw\n");
    assert_eq!(
        overview.lines(),
        ["netroam: no session gw\u{fffd} runs [q: quit]"]
    );
}

#[test]
fn colours_say_what_words_say_as_well() {
    let sessions = sessions();
    let mut overview = Overview {
        sessions: &sessions,
        name: None,
        problems: &[],
        now: NOW.parse().unwrap(),
        size: (140, 24),
        coloured: true,
    };
    let coloured = overview.lines().join("\n");
    for part in [
        "\x1b[32mattached\x1b[0m",
        "\x1b[33mretrying\x1b[0m",
        "\x1b[31mno-tunnel\x1b[0m",
        "\x1b[31m5120\x1b[0m",
    ] {
        assert!(coloured.contains(part), "{coloured}");
    }
    overview.coloured = false;
    assert!(!overview.lines().join("\n").contains('\x1b'));
}
