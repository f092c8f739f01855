//! What a run of the benchmark puts into the documents: between marks, so that the words around it stay.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::report::Report;
use super::scenario::Scenario;
use super::trial::How;
use super::{Choices, picture};

const BEGIN: &str = "<!-- bench: begin, written by scripts/bench --publish -->";
const END: &str = "<!-- bench: end -->";

/// Clients of the short table and of the picture, in their order.
pub(super) const COMPARED: [&str; 6] = [
    "by hand",
    "netroam",
    "autossh -M",
    "autossh -M0",
    "loop",
    "mosh",
];

/// One line of the short table, or one group of bars: seconds.
pub(super) struct Row {
    pub(super) what: String,
    /// For each of [`COMPARED`].
    pub(super) seconds: Vec<Option<f64>>,
    /// Whether no other client was better, noise apart; by hand is none.
    pub(super) first: bool,
    /// The one that was best.
    best: &'static str,
}

/// Writes `README.md`, `docs/measured.md` and `docs/bench.svg`, below the current directory.
pub(super) fn write(report: &Report, scenarios: &[&'static Scenario], hows: &[How]) -> Result<()> {
    let rows = rows(report, scenarios);
    ensure!(
        !rows.is_empty(),
        "nothing was measured that could be published"
    );
    let machine = &report.machine;
    replace(
        Path::new("README.md"),
        &(short(&rows) + &costs(report) + &format!("\n{machine}\n")),
    )?;
    let mut full = format!("{machine}\n");
    for scenario in scenarios {
        for rtt in report.rtts(scenario.name) {
            let _infallible = write!(
                full,
                "\n### {}, round trip {rtt} ms\n\n{}.\n\n",
                scenario.name, scenario.what
            );
            full += &markdown(&report.rows(scenario, rtt, hows));
        }
    }
    full += "\n### Where netroam is not first\n\n";
    let behind: Vec<_> = rows
        .iter()
        .filter(|row| !row.first)
        .map(|row| format!("- {}: {} is\n", row.what, row.best))
        .collect();
    full += &if behind.is_empty() {
        "Nowhere.\n".to_owned()
    } else {
        behind.concat()
    };
    replace(Path::new("docs/measured.md"), &full)?;
    fs::write("docs/bench.svg", picture::bars(&rows)).context("cannot write docs/bench.svg")
}

/// The first metric of each scenario that compares with the login by hand.
fn rows(report: &Report, scenarios: &[&'static Scenario]) -> Vec<Row> {
    let mut rows = Vec::new();
    for scenario in scenarios
        .iter()
        .filter(|scenario| scenario.metrics[0].ratio)
    {
        let rtts: BTreeSet<u64> = report.rtts(scenario.name);
        for rtt in rtts {
            let spreads = COMPARED.map(|client| report.spread(scenario.name, rtt, client, 0));
            let Some(own) = spreads[1] else { continue };
            let others = || (2..COMPARED.len()).filter_map(|n| Some((COMPARED[n], spreads[n]?)));
            let best = others().min_by(|a, b| a.1.median.total_cmp(&b.1.median));
            let delay = if rtt == 0 {
                String::new()
            } else {
                format!(", {rtt} ms of delay")
            };
            rows.push(Row {
                what: format!("{}{delay}", scenario.short),
                seconds: spreads.map(|spread| Some(spread?.median)).to_vec(),
                first: others().all(|(_, other)| own.is_no_worse_than(other)),
                best: best.map_or("nobody", |(name, _)| name),
            });
        }
    }
    rows
}

fn short(rows: &[Row]) -> String {
    let mut cells = vec![
        std::iter::once("seconds until usable")
            .chain(COMPARED)
            .map(str::to_owned)
            .collect::<Vec<_>>(),
    ];
    for row in rows {
        let shown = row.seconds.iter().enumerate().map(|(n, seconds)| {
            let text = seconds.map_or_else(|| "–".to_owned(), |seconds| format!("{seconds:.2}"));
            if n == 1 && row.first {
                format!("**{text}**")
            } else {
                text
            }
        });
        cells.push(std::iter::once(row.what.clone()).chain(shown).collect());
    }
    markdown(&cells)
}

/// What it costs to wait for a tunnel, and to be attached.
fn costs(report: &Report) -> String {
    let lines = [
        ("wait", 0, "waiting for the tunnel: ssh started", 0),
        ("wait", 1, "packets towards the host", 0),
        ("wait", 2, "CPU, ms", 1),
        ("idle", 0, "attached and idle for a minute: wake-ups", 0),
        ("idle", 2, "resident, kB", 0),
    ];
    let mut cells = Vec::new();
    for (scenario, metric, what, digits) in lines {
        let values = COMPARED.map(|client| report.spread(scenario, 0, client, metric));
        if values.iter().all(Option::is_none) {
            continue;
        }
        let shown = values.map(|value| {
            value.map_or_else(
                || "–".to_owned(),
                |value| format!("{:.digits$}", value.median),
            )
        });
        cells.push(std::iter::once(what.to_owned()).chain(shown).collect());
    }
    // They go on with the columns of the table before.
    cells.iter().map(|row: &Vec<String>| line(row)).collect()
}

fn markdown(rows: &[Vec<String>]) -> String {
    let mut text = String::new();
    for (n, row) in rows.iter().enumerate() {
        text += &line(row);
        if n == 0 {
            text += &line(&vec!["---".to_owned(); row.len()]);
        }
    }
    text
}

fn line(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

/// On what is measured, and how, in a sentence.
pub(super) fn machine(choices: &Choices) -> Result<String> {
    let cpus = fs::read_to_string("/proc/cpuinfo").context("cannot read /proc/cpuinfo")?;
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown processor", |(_, name)| name.trim());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")
        .context("cannot read the kernel's release")?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let versions = [
        ("ssh", "-V"),
        ("screen", "-v"),
        ("tmux", "-V"),
        ("autossh", "-V"),
        ("mosh", "--version"),
    ]
    .into_iter()
    .filter_map(|(program, option)| {
        let output = Command::new(program).arg(option).output().ok()?;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        let first = said.lines().next()?;
        // `OpenSSH_9.2p1 Debian-2, OpenSSL …`, `Screen version 4.09.00 (GNU) …`
        let end = first.find([',', '(', '[']).unwrap_or(first.len());
        Some(first[..end].trim().to_owned())
    })
    .collect::<Vec<_>>();
    Ok(format!(
        "Medians of {} runs, {} labs at a time, on {cores} cores of {model}, Linux {}; {}. The base is a login by hand: \
         `ssh -t HOST screen -d -R NAME`, started in the moment that the network is there. Bold: first, or within the noise of the first (the middle halves of the runs touch); by hand does not compete.",
        choices.runs,
        choices.jobs,
        // The rest is whoever built it.
        kernel.split(['-', '\n']).next().unwrap_or_default(),
        versions.join(", ")
    ))
}

/// Puts the text between the marks of the file.
fn replace(path: &Path, text: &str) -> Result<()> {
    let old =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let new = old.split_once(BEGIN).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some(format!("{before}{BEGIN}\n\n{text}\n{END}{after}"))
    });
    let new = new.with_context(|| format!("{} has not the marks {BEGIN} {END}", path.display()))?;
    fs::write(path, new).with_context(|| format!("cannot write {}", path.display()))
}
