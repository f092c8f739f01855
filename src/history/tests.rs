//! From journals that netroam wrote in the lab: `vpn`, `roam`, `hold` and `question`, each as it was.

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;
use crate::{journal::Judged, record::State};

fn at(text: &str) -> Stamp {
    text.parse().unwrap()
}

fn entries(lines: &str) -> Vec<Entry> {
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Told an hour after the last entry, of all; nobody lives but the netroam with this pid.
fn told(entries: &[Entry], living: Option<u32>) -> History {
    let last = entries.iter().map(|entry| entry.at).max().unwrap();
    let now = Stamp::from_unix_ms(last.unix_ms() + 3_600_000).unwrap();
    let lives = |_: &str, _: Option<&str>, pid| Some(pid) == living;
    History::of(entries.iter().cloned(), lives, now.before(WEEK), now)
}

const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

/// Each outage in a line: its shares in milliseconds (network, person, host, netroam), and the rest.
fn outages(history: &History) -> String {
    let line = |outage: &Outage| {
        let shares = [
            outage.network,
            outage.person,
            outage.host_silent,
            outage.netroam,
        ];
        let shares: Vec<String> = shares
            .iter()
            .map(|share| share.as_millis().to_string())
            .collect();
        format!(
            "{} {}: {} of {:?} {:?} {} ({})\n",
            outage.lost,
            outage.pid,
            shares.join("+"),
            outage.lasted,
            outage.end,
            crate::report::history::paths(outage),
            outage.text,
        )
    };
    history.outages.iter().map(line).collect()
}

fn spans(history: &History) -> String {
    let mut lines = Vec::new();
    for session in &history.sessions {
        lines.push(format!("{:?} {:?}\n", session.session, session.pids));
        for span in &session.spans {
            let (from, length) = (&span.from.to_string()[11..23], span.to.since(span.from));
            let lost = if span.lost.is_some() { " (lost)" } else { "" };
            lines.push(format!("  {from} {length:?} {:?}{lost}\n", span.state));
        }
    }
    lines.concat()
}

#[test]
fn a_vpn_that_drops_costs_the_person_the_time_until_it_is_back() {
    let history = told(&entries(include_str!("tests/vpn.jsonl")), None);
    insta::assert_snapshot!(outages(&history), @"2026-11-26T15:01:37.223Z 8: 0+7161+0+545 of 7.706s Attached tun0 → tun7 (tun0 lost 10.9.0.11)");
    insta::assert_snapshot!(spans(&history), @r#"
    Some("probe") [8]
      15:01:36.508 504ms Connecting
      15:01:37.012 211ms Attached
      15:01:37.223 7.161s Person (lost)
      15:01:44.384 545ms Connecting (lost)
      15:01:44.929 228ms Attached
    "#);
}

#[test]
fn a_move_a_refusal_a_kill_and_giving_up_are_told_apart() {
    let entries = entries(include_str!("tests/roam.jsonl"));
    let history = told(&entries, None);
    insta::assert_snapshot!(outages(&history), @r#"
    2026-11-26T15:01:36.898Z 7: 0+0+0+505 of 505ms Attached home0 → cafe0 (home0 lost 2001:db8:1::10)
    2026-11-26T15:01:38.594Z 7: 6006+0+0+476 of 6.482s Attached cafe0 → home0 (cafe0 lost 2001:db8:2::10)
    2026-11-26T15:01:46.301Z 7: 2029+0+7024+418 of 9.471s Attached home0 → home0 (home0 lost 2001:db8:1::10)
    2026-11-26T15:01:56.919Z 26: 6005+0+0+0 of 6.005s GaveUp home0 → given up (home0 lost 2001:db8:1::10)
    "#);
    insta::assert_snapshot!(spans(&history), @r#"
    Some("probe") [7, 26]
      15:01:36.313 451ms Connecting
      15:01:36.764 134ms Attached
      15:01:36.898 505ms Connecting (lost)
      15:01:37.403 1.191s Attached
      15:01:38.594 6.006s Network (lost)
      15:01:44.600 476ms Connecting (lost)
      15:01:45.076 1.225s Attached
      15:01:46.301 2.029s Network (lost)
      15:01:48.330 1.014s Connecting (lost)
      15:01:49.344 6.01s Retrying (lost)
      15:01:55.354 418ms Connecting (lost)
      15:01:55.772 204ms Unknown
      15:01:55.976 449ms Connecting
      15:01:56.425 494ms Attached
      15:01:56.919 6.005s Network (lost)
    "#);
}

#[test]
fn a_cut_that_is_held_is_an_outage_only_if_the_session_is_lost_and_from_its_beginning() {
    let history = told(&entries(include_str!("tests/hold.jsonl")), None);
    insta::assert_snapshot!(outages(&history), @"2026-11-26T15:01:27.144Z 7: 5006+0+0+1265 of 6.271s Attached home0 → home0 (the route over home0 is gone)");
    insta::assert_snapshot!(spans(&history), @r#"
    Some("probe") [7]
      15:01:23.573 367ms Connecting
      15:01:23.940 1.15s Attached
      15:01:25.090 1.003s Holding
      15:01:26.093 8ms Doubtful
      15:01:26.101 1.043s Attached
      15:01:27.144 3.004s Holding (lost)
      15:01:30.148 2.002s Network (lost)
      15:01:32.150 1.265s Connecting (lost)
      15:01:33.415 1.984s Attached
    "#);
}

#[test]
fn a_question_takes_the_person_until_it_is_answered() {
    let history = told(&entries(include_str!("tests/question.jsonl")), Some(7));
    insta::assert_snapshot!(outages(&history), @"2026-11-26T15:01:30.432Z 7: 5+4405+0+385 of 4.795s Attached home0 → cafe0 (home0 lost 2001:db8:1::10)");
    insta::assert_snapshot!(spans(&history), @r#"
    Some("people") [7]
      15:01:26.026 269ms Connecting
      15:01:26.295 4.137s Attached
      15:01:30.432 5ms Network (lost)
      15:01:30.437 360ms Connecting (lost)
      15:01:30.797 2.004s Person (lost)
      15:01:32.801 25ms Connecting (lost)
      15:01:32.826 2.401s Person (lost)
      15:01:35.227 3600s Attached
    "#);
}

#[test]
fn an_outage_lasts_where_its_netroam_lives_and_ends_unknown_where_it_does_not() {
    let mut entries = entries(include_str!("tests/vpn.jsonl"));
    entries.truncate(9);
    let outage = |living| told(&entries, living).outages.remove(0);
    let lasts = outage(Some(8));
    assert_eq!((lasts.end, lasts.until), (End::Lasts, None));
    assert_eq!(lasts.lasted.as_secs(), 3600);
    assert_eq!(lasts.person, lasts.lasted);
    let unknown = outage(Some(9));
    assert_eq!(
        (unknown.end, unknown.until),
        (End::Unknown, Some(entries[8].at))
    );
    let last = told(&entries, None).sessions.remove(0).spans.pop().unwrap();
    assert_eq!((last.state, last.from), (Phase::Unknown, entries[8].at));
}

/// What a journal of before says, where the fields that came later are missing.
#[test]
fn lines_without_the_later_fields_are_told_as_far_as_they_go() {
    let mut entries = entries(include_str!("tests/question.jsonl"));
    entries.retain(|entry| entry.event != Event::Began);
    for entry in &mut entries {
        let mut line = serde_json::to_value(&*entry).unwrap();
        line.as_object_mut().unwrap().remove("asks");
        line.as_object_mut().unwrap().remove("why");
        *entry = serde_json::from_value(line).unwrap();
    }
    let history = told(&entries, None);
    let outage = &history.outages[0];
    assert_eq!(outage.end, End::Attached);
    assert!(outage.person.as_millis() > 1900, "{outage:?}");
    // Only whether ssh asked is not known.
    assert!(outage.netroam.as_millis() > 2000, "{outage:?}");
}

#[test]
fn what_was_over_before_is_left_out_and_what_reaches_into_the_range_is_not() {
    let entries = entries(include_str!("tests/vpn.jsonl"));
    let of =
        |since: &str, now: &str| History::of(entries.clone(), |_, _, _| false, at(since), at(now));
    let all = of("2026-11-26T15:01:40Z", "2026-11-26T16:00:00Z");
    assert_eq!((all.outages.len(), all.sessions[0].spans.len()), (1, 3));
    let after = of("2026-11-26T15:01:45Z", "2026-11-26T16:00:00Z");
    assert_eq!((after.outages.len(), after.sessions[0].spans.len()), (0, 1));
    let nothing = of("2026-11-26T15:02:00Z", "2026-11-26T16:00:00Z");
    assert_eq!(nothing, History::default());
}

#[test]
fn a_session_that_was_taken_elsewhere_and_back_was_never_lost() {
    let mut entries = entries(include_str!("tests/question.jsonl"));
    // Its first run is taken over instead, and Enter takes the session back.
    entries.retain(|entry| !matches!(entry.event, Event::Lost { .. } | Event::Verdict { .. }));
    for entry in &mut entries {
        if let Event::Status { state, .. } = &mut entry.event
            && *state == State::NeedsPerson
        {
            *state = State::TakenOver;
        }
    }
    let history = told(&entries, None);
    assert_eq!(history.outages, []);
    assert!(spans(&history).contains("Person"), "{}", spans(&history));
}

#[test]
fn the_summary_counts_each_share_over_those_that_have_it() {
    let mut outages = told(&entries(include_str!("tests/roam.jsonl")), None).outages;
    outages.extend(told(&entries(include_str!("tests/question.jsonl")), None).outages);
    let summary = Summary::of(&outages);
    assert_eq!(summary.outages, 5);
    assert_eq!(summary.person.outages, 1);
    assert_eq!(summary.netroam.outages, 4, "one was given up");
    assert_eq!(Summary::of(&[]), Summary::default());
    insta::assert_snapshot!(crate::report::history::summary(&summary), @"5 outages of 27 s together, the longest 9.5 s; waiting for you 4.4 s; netroam itself took 1.8 s, median 0.5 s");
}

fn event() -> impl Strategy<Value = Event> {
    let run = || 1..4_u64;
    let state = || {
        select(&[
            State::Connecting,
            State::LoggingIn,
            State::Attached,
            State::Doubtful,
            State::NoPath,
            State::NoTunnel,
            State::NoName,
            State::Holding,
            State::Retrying,
            State::NeedsPerson,
            State::TakenOver,
            State::ContextGone,
            State::Ended,
            State::Unknown,
        ])
    };
    let judged = select(&[Judged::End, Judged::Silence, Judged::Hold, Judged::Probe]);
    let exits = select(&["finished", "gave-up", "signal", "command-lost", "?"]);
    let status = (state(), any::<bool>()).prop_map(|(state, person)| Event::Status {
        state,
        path: None,
        person,
    });
    let started = (run(), any::<bool>()).prop_map(|(run, asks)| Event::Started {
        run,
        path: None,
        asks,
    });
    let verdict = (run(), judged).prop_map(|(run, verdict)| Event::Verdict {
        run,
        verdict,
        reason: None,
        from: None,
        to: None,
    });
    let answered = (run(), any::<Option<bool>>()).prop_map(|(run, alive)| Event::Answered {
        run,
        alive,
        path: None,
    });
    let lost = Event::Lost {
        reason: "slept".into(),
        why: None,
        from: None,
        to: None,
        in_doubt: false,
    };
    prop_oneof![
        Just(Event::Began),
        status,
        started,
        run().prop_map(|run| Event::Attached {
            run,
            path: None,
            outage_ms: None
        }),
        verdict,
        answered,
        Just(lost),
        run().prop_map(|run| Event::Ended {
            run,
            ending: "lost".into(),
            status: None
        }),
        Just(Event::Slept { slept_ms: 1000 }),
        exits.prop_map(|exit| Event::Exited { exit: exit.into() }),
    ]
}

#[test]
fn a_netroam_that_keeps_a_session_twice_is_told_in_order_though_the_clock_is_set_back_between() {
    let noted = |time: &str, event| Entry {
        at: at(&format!("2026-11-26T10:00:{time}Z")),
        host: "gw1".into(),
        session: None,
        pid: 1,
        event,
        text: "words".into(),
    };
    let attached = |run| Event::Attached {
        run,
        path: None,
        outage_ms: None,
    };
    let exited = || Event::Exited {
        exit: "finished".into(),
    };
    let entries = [
        noted("00", Event::Began),
        noted("01", attached(1)),
        noted("30", exited()),
        noted("20", Event::Began),
        noted("21", attached(2)),
        noted("40", exited()),
    ];
    insta::assert_snapshot!(spans(&told(&entries, None)), @r"
    None [1]
      10:00:00.000 1s Connecting
      10:00:01.000 29s Attached
      10:00:30.000 10s Attached
    ");
}

/// Entries in no order of any sense, of two hosts, two names and three netroams, by a clock that is set back now and then.
fn journal() -> impl Strategy<Value = Vec<Entry>> {
    let entry = (
        -2000..10_000_i64,
        select(&["gw1", "GW1", "web"]),
        select(&[None, Some("mac")]),
        1..4_u32,
        event(),
    );
    vec(entry, 0..60).prop_map(|entries| {
        let mut clock = at("2026-11-26T10:00:00Z").unix_ms();
        let mut noted = Vec::new();
        for (passed, host, session, pid, event) in entries {
            clock += passed;
            noted.push(Entry {
                at: Stamp::from_unix_ms(clock).unwrap(),
                host: host.into(),
                session: session.map(str::to_owned),
                pid,
                event,
                text: "words".into(),
            });
        }
        noted
    })
}

/// Whether the netroam of this outage was the only one of its pid. Of two, the later one may have lived earlier, by a clock that was set back.
fn one_life(entries: &[Entry], outage: &Outage) -> bool {
    let of_it = entries.iter().filter(|entry| {
        let same = entry.host.eq_ignore_ascii_case(&outage.host);
        same && (&entry.session, entry.pid) == (&outage.session, outage.pid)
    });
    let events: Vec<&Event> = of_it.map(|entry| &entry.event).collect();
    events
        .windows(2)
        .all(|pair| !matches!(pair[0], Event::Exited { .. }) && *pair[1] != Event::Began)
}

proptest! {
    #[test]
    fn whatever_a_journal_says_time_is_told_in_order(entries in journal(), living in 0..4_u32) {
        let now = at("2026-11-26T10:02:00Z");
        let of = |since| History::of(entries.clone(), |_, _, pid| pid == living, since, now);
        let history = of(now.before(WEEK));
        for session in &history.sessions {
            for span in &session.spans {
                prop_assert!(span.from < span.to && span.to <= now, "{span:?}");
            }
            for pair in session.spans.windows(2) {
                prop_assert!(pair[0].to <= pair[1].from, "{pair:?}");
            }
            // Those of its netroams, one after the other.
            let mut of_it: Vec<&Outage> = history
                .outages
                .iter()
                .filter(|outage| {
                    let same = outage.host.eq_ignore_ascii_case(&session.host);
                    let same = same && outage.session == session.session;
                    same && session.pids.contains(&outage.pid) && one_life(&entries, outage)
                })
                .collect();
            of_it.sort_by_key(|outage| (outage.pid, outage.lost));
            for pair in of_it.windows(2).filter(|pair| pair[0].pid == pair[1].pid) {
                prop_assert!(pair[0].until.is_some_and(|until| until <= pair[1].lost), "{pair:?}");
            }
        }
        for outage in &history.outages {
            let shares = outage.network + outage.person + outage.host_silent + outage.netroam;
            prop_assert_eq!(shares, outage.lasted, "{:?}", outage);
            prop_assert_eq!(outage.until.is_none(), outage.end == End::Lasts);
        }
        // A shorter range shows nothing that the longer one does not have.
        let short = of(now.before(Duration::from_secs(60)));
        prop_assert!(short.outages.iter().all(|outage| history.outages.contains(outage)));
    }
}
