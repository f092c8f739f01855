//! What happens to the laptop, and what is measured then.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use netroam_lab::{Lab, Mux, Net, ProcCost, seconds};

use super::trial::{How, INSIDE, PUBLIC, Setting, Trial, pause};

/// A number that a scenario measures.
#[derive(Debug)]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    /// Digits after the point.
    pub(crate) digits: usize,
    /// Compared with the login by hand.
    pub(crate) ratio: bool,
}

/// Values, in the order of the scenario's metrics; none where it does not apply (a client without ssh).
pub(crate) type Values = Vec<Option<f64>>;

/// What happens.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    /// The same for a table, without its length.
    pub(crate) short: &'static str,
    /// Where the session is, by its name in ssh's configuration.
    pub(crate) host: &'static str,
    pub(crate) metrics: &'static [Metric],
    /// Worth running with a delay on the line too.
    pub(crate) delayed: bool,
    pub(crate) for_whom: fn(&How) -> bool,
    pub(crate) run: fn(&Setting<'_>) -> Result<Values>,
}

const fn metric(name: &'static str, unit: &'static str, digits: usize) -> Metric {
    Metric {
        name,
        unit,
        digits,
        ratio: false,
    }
}

const fn compared(name: &'static str) -> Metric {
    Metric {
        name,
        unit: "s",
        digits: 3,
        ratio: true,
    }
}

const USABLE: &[Metric] = &[compared("usable after")];
const LONGEST_GAP: &[Metric] = &[compared("longest gap")];

/// What it costs to have no path.
const COST: &[Metric] = &[
    metric("ssh processes", "", 0),
    metric("packets out", "", 0),
    metric("CPU", "ms", 1),
    metric("wake-ups", "", 0),
];

/// All scenarios.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "roam",
        what: "home goes, 3-9 s later the cafe comes with another address",
        short: "home goes, the café comes",
        host: PUBLIC,
        metrics: &[
            compared("usable after"),
            metric("loss to stale ssh gone", "ms", 1),
            metric("route to SYN", "ms", 1),
        ],
        delayed: true,
        for_whom: |how| how.name != "bare ssh",
        run: roam,
    },
    Scenario {
        name: "handover-better",
        what: "the cafe comes with a better route, 2 s later home goes",
        short: "a better network comes, then the old one goes: longest gap",
        host: PUBLIC,
        metrics: LONGEST_GAP,
        delayed: true,
        for_whom: |how| how.name != "bare ssh",
        run: |setting| handover(setting, Lab::METRIC / 2),
    },
    Scenario {
        name: "handover-worse",
        what: "the cafe comes with a worse route, 2 s later home goes",
        short: "a worse network comes, then the old one goes: longest gap",
        host: PUBLIC,
        metrics: LONGEST_GAP,
        delayed: true,
        for_whom: |how| how.name != "bare ssh",
        run: |setting| handover(setting, Lab::METRIC * 2),
    },
    Scenario {
        name: "blip-admin",
        what: "the link is down for 2 s, then up with the same address",
        short: "the link is down for 2 s",
        host: PUBLIC,
        metrics: USABLE,
        delayed: true,
        for_whom: |_| true,
        run: |setting| blip(setting, Lab::link_down, Lab::link_up, 2.0),
    },
    Scenario {
        name: "blip-carrier",
        what: "the carrier is lost for 2 s",
        short: "the carrier is lost for 2 s",
        host: PUBLIC,
        metrics: USABLE,
        delayed: true,
        for_whom: |_| true,
        run: |setting| blip(setting, Lab::carrier_lost, Lab::carrier_back, 2.0),
    },
    Scenario {
        name: "blackhole",
        what: "the router drops everything for 30 s (--quick: 12 s), no local event",
        short: "the router drops everything for 30 s",
        host: PUBLIC,
        metrics: USABLE,
        delayed: false,
        for_whom: |how| how.mux == Mux::Screen,
        run: |setting| {
            blip(
                setting,
                Lab::silence,
                Lab::unsilence,
                if setting.quick { 12.0 } else { 30.0 },
            )
        },
    },
    Scenario {
        name: "nat",
        what: "the router forgets the connection and drops what belongs to it, without a word; nobody types",
        short: "the router forgets the connection",
        host: PUBLIC,
        metrics: USABLE,
        delayed: false,
        for_whom: |how| how.mux == Mux::Screen && how.name != "bare ssh",
        run: nat,
    },
    Scenario {
        name: "no-path",
        what: "home goes and nothing comes: 10 s of that, from the first second on",
        short: "no network",
        host: PUBLIC,
        metrics: COST,
        delayed: false,
        for_whom: supervised,
        run: no_path,
    },
    Scenario {
        name: "idle",
        what: "attached, nothing happens, 60 s (--quick: 15 s); everything of the client but ssh",
        short: "attached, idle",
        host: PUBLIC,
        metrics: &[
            metric("wake-ups", "", 0),
            metric("CPU", "ms", 2),
            metric("RSS", "kB", 0),
            metric("packets out", "", 0),
        ],
        delayed: false,
        for_whom: supervised,
        run: idle,
    },
    Scenario {
        name: "vpn",
        what: "the tunnel goes, 20-26 s later (--quick: 3-9 s) somebody has logged in, and it is back with another address",
        short: "the VPN drops, a login 20 s later",
        host: INSIDE,
        metrics: &[compared("usable after"), metric("route to SYN", "ms", 1)],
        delayed: true,
        for_whom: |how| how.name != "bare ssh",
        run: vpn,
    },
    Scenario {
        name: "wait",
        what: "the tunnel goes and stays away for long, meanwhile the laptop moves to the cafe",
        short: "waiting for the tunnel",
        host: INSIDE,
        metrics: COST,
        delayed: false,
        for_whom: supervised,
        run: wait,
    },
];

/// Those that wait by themselves.
fn supervised(how: &How) -> bool {
    how.mux == Mux::Screen && !how.by_hand && how.name != "bare ssh"
}

fn roam(setting: &Setting<'_>) -> Result<Values> {
    let mut trial = Trial::start(setting)?;
    let ssh_end = trial.ssh_end()?;
    let leaving = SystemTime::now();
    trial.lab.leave(Net::Home)?;
    let lost = trial.first_event(leaving)?;
    pause(setting.gap.as_secs_f64());
    let arriving = SystemTime::now();
    trial.lab.arrive(Net::Cafe)?;
    let route = trial.route_came(arriving)?;
    let back = trial.network_is_back(route)?;
    let usable = trial.usable(back)?;
    let syn = trial
        .sniffer
        .syns(arriving)
        .first()
        .map(|syn| seconds(route, syn.at) * 1e3);
    let gone = ssh_end
        .and_then(|end| end.try_recv().ok())
        .map(|at| seconds(lost, at) * 1e3);
    // The person's own reactions are not measured.
    let reaction = |value: Option<f64>| if setting.how.by_hand { None } else { value };
    Ok(vec![Some(usable), reaction(gone), reaction(syn)])
}

fn handover(setting: &Setting<'_>, metric: u32) -> Result<Values> {
    let mut trial = Trial::start(setting)?;
    let start = SystemTime::now();
    trial.lab.arrive_as(Net::Cafe, Lab::HOST, metric)?;
    // A better route takes the old connection's packets with it: from now on, they get nowhere.
    let mut back = SystemTime::now();
    if metric < Lab::METRIC {
        back = trial.network_is_back(back)?;
    }
    pause(2.0);
    trial.lab.leave(Net::Home)?;
    if metric >= Lab::METRIC {
        back = trial.network_is_back(SystemTime::now())?;
    }
    trial.usable(back)?;
    // A second gap may follow: a client that kills what it has just got back.
    pause(2.0);
    trial.usable(SystemTime::now())?;
    Ok(vec![Some(
        trial
            .ticks()
            .longest_gap(start, SystemTime::now())
            .as_secs_f64(),
    )])
}

type Move = fn(&Lab, Net) -> Result<()>;

fn blip(setting: &Setting<'_>, lose: Move, regain: Move, gap: f64) -> Result<Values> {
    let mut trial = Trial::start(setting)?;
    lose(&trial.lab, Net::Home)?;
    pause(gap);
    regain(&trial.lab, Net::Home)?;
    let back = trial.network_is_back(SystemTime::now())?;
    Ok(vec![Some(trial.usable(back)?)])
}

fn nat(setting: &Setting<'_>) -> Result<Values> {
    let mut trial = Trial::start(setting)?;
    trial.lab.forget_mappings(Net::Home)?;
    let back = trial.network_is_back(SystemTime::now())?;
    Ok(vec![Some(trial.usable(back)?)])
}

fn no_path(setting: &Setting<'_>) -> Result<Values> {
    let trial = Trial::start(setting)?;
    trial.lab.leave(Net::Home)?;
    pause(1.0);
    used_within(&trial, 10.0, || Ok(()))
}

/// From the moment of the route on, whoever comes back then.
fn vpn(setting: &Setting<'_>) -> Result<Values> {
    let mut trial = Trial::start_inside(setting)?;
    trial.lab.tunnel_down();
    // A one-time password is read, typed, and checked.
    let login = if setting.quick { 0.0 } else { 17.0 };
    pause(login + setting.gap.as_secs_f64());
    let coming = SystemTime::now();
    trial.lab.tunnel_up(9)?;
    let route = trial.route_inside_came(coming)?;
    let back = trial.network_is_back(route)?;
    let usable = trial.usable(back)?;
    let syn = trial
        .sniffer
        .syns(coming)
        .first()
        .map(|syn| seconds(route, syn.at) * 1e3);
    Ok(vec![
        Some(usable),
        if setting.how.by_hand { None } else { syn },
    ])
}

fn wait(setting: &Setting<'_>) -> Result<Values> {
    let trial = Trial::start_inside(setting)?;
    trial.lab.tunnel_down();
    pause(1.0);
    used_within(&trial, setting.long.as_secs_f64(), || {
        trial.lab.move_to(Net::Cafe)
    })
}

/// What a client without a path uses up in this time, of which `event` is the beginning.
fn used_within(trial: &Trial<'_>, time: f64, event: impl FnOnce() -> Result<()>) -> Result<Values> {
    let start = SystemTime::now();
    let before = cost(trial)?;
    event()?;
    let mut seen = BTreeSet::new();
    // Each look reads /proc for a millisecond or two; an ssh that finds no route lives for ten.
    while seconds(start, SystemTime::now()) < time {
        seen.extend(trial.ssh()?.iter().map(|ssh| ssh.pid));
        pause(0.005);
    }
    let used = cost(trial)?.since(before);
    let packets = count(trial.sniffer.to_server(start).len());
    Ok(vec![
        Some(count(seen.len())),
        Some(packets),
        Some(used.cpu.as_secs_f64() * 1e3),
        Some(wakeups(used)),
    ])
}

fn idle(setting: &Setting<'_>) -> Result<Values> {
    let trial = Trial::start_quiet(setting)?;
    let start = SystemTime::now();
    let before = cost(&trial)?;
    pause(if setting.quick { 15.0 } else { 60.0 });
    let after = cost(&trial)?;
    let used = after.since(before);
    let packets = count(trial.sniffer.to_server(start).len());
    let rss = f64::from(u32::try_from(after.rss_kb)?);
    Ok(vec![
        Some(wakeups(used)),
        Some(used.cpu.as_secs_f64() * 1e3),
        Some(rss),
        Some(packets),
    ])
}

/// Of all processes of the client but ssh, together.
fn cost(trial: &Trial<'_>) -> Result<ProcCost> {
    let mut sum = ProcCost {
        cpu: Duration::ZERO,
        ..ProcCost::default()
    };
    for process in trial.supervisor()? {
        // A child of a shell may end while it is looked at.
        let Ok(cost) = process.cost() else { continue };
        sum.cpu += cost.cpu;
        sum.wakeups += cost.wakeups;
        sum.rss_kb += cost.rss_kb;
        sum.descriptors += cost.descriptors;
    }
    Ok(sum)
}

fn wakeups(cost: ProcCost) -> f64 {
    f64::from(u32::try_from(cost.wakeups).unwrap_or(u32::MAX))
}

fn count(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX))
}
