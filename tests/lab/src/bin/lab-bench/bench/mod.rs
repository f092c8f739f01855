//! The benchmark: scenarios × clients × delays, in the lab, as a table and as JSON.

#![expect(clippy::print_stdout, reason = "the table is what it is run for")]

mod report;
mod scenario;
mod trial;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use self::report::Report;
use self::scenario::SCENARIOS;
use self::trial::{How, Setting};
use anyhow::{Context, Result, bail, ensure};

const USAGE: &str =
    "usage: scripts/bench [--quick] [--runs N] [--only WORD[,WORD…]] [--rtt MS[,MS…]] [--seed N]
                     [--seconds N] [--netroam PATH] [--out FILE]
  --quick   two runs, without delay, shorter waits
  --only    scenarios and clients whose names start with one of the words: --only roam,netroam
  --rtt     round-trip times to the server in ms, default 0,50; what waits long runs with
            the first only
  --seconds how long netroam waits for a tunnel, default 180, with --quick 30";

struct Choices {
    quick: bool,
    runs: u32,
    only: Vec<String>,
    rtts: Vec<u64>,
    seed: u64,
    seconds: u64,
    netroam: PathBuf,
    out: PathBuf,
}

fn choices() -> Result<Choices> {
    let mut choices = Choices {
        quick: false,
        runs: 3,
        only: Vec::new(),
        rtts: vec![0, 50],
        seed: 1,
        seconds: 180,
        netroam: "target/release/netroam".into(),
        out: "target/bench.json".into(),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || {
            arguments
                .next()
                .with_context(|| format!("{argument} wants a value\n{USAGE}"))
        };
        match &*argument {
            "--quick" => {
                (choices.quick, choices.runs, choices.rtts) = (true, 2, vec![0]);
                choices.seconds = 30;
            }
            "--runs" => choices.runs = value()?.parse()?,
            "--only" => choices.only = value()?.split(',').map(str::to_owned).collect(),
            "--rtt" => {
                choices.rtts = value()?
                    .split(',')
                    .map(str::parse)
                    .collect::<Result<_, _>>()?;
            }
            "--seconds" => choices.seconds = value()?.parse()?,
            "--seed" => choices.seed = value()?.parse()?,
            "--netroam" => choices.netroam = value()?.into(),
            "--out" => choices.out = value()?.into(),
            _other => bail!("what is {argument:?}?\n{USAGE}"),
        }
    }
    ensure!(choices.runs > 0, "--runs wants at least 1");
    Ok(choices)
}

/// Does what the command line says.
pub(crate) fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let choices = choices()?;
    let hows = clients(&choices.netroam)?;
    let wanted = |name: &str, all: &[&str]| {
        // A word that names no scenario does not choose among scenarios, and likewise for clients.
        let words: Vec<_> = choices
            .only
            .iter()
            .filter(|word| all.iter().any(|name| name.starts_with(&***word)))
            .collect();
        words.is_empty() || words.iter().any(|word| name.starts_with(&***word))
    };
    let scenario_names: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
    let how_names: Vec<_> = hows.iter().map(|how| how.name).collect();
    for word in &choices.only {
        ensure!(
            scenario_names
                .iter()
                .chain(&how_names)
                .any(|name| name.starts_with(&**word)),
            "nothing is called {word:?}"
        );
    }
    let mut report = Report::default();
    let mut rng = fastrand::Rng::with_seed(choices.seed);
    for scenario in SCENARIOS
        .iter()
        .filter(|scenario| wanted(scenario.name, &scenario_names))
    {
        for &rtt in choices
            .rtts
            .iter()
            .filter(|&&rtt| scenario.delayed || rtt == choices.rtts[0])
        {
            for run in 0..choices.runs {
                // The same for every client of the run.
                let gap = Duration::from_secs_f64(3.0 + 6.0 * rng.f64());
                for how in &hows {
                    // Without the login by hand there is no ratio.
                    let compared =
                        |other: &How| other.mux == how.mux && wanted(other.name, &how_names);
                    let base = how.by_hand
                        && scenario.metrics.iter().any(|metric| metric.ratio)
                        && hows.iter().any(compared);
                    if !(scenario.for_whom)(how) || !(base || wanted(how.name, &how_names)) {
                        continue;
                    }
                    let setting = Setting {
                        how,
                        netroam: &choices.netroam,
                        host: scenario.host,
                        rtt: Duration::from_millis(rtt),
                        gap,
                        long: Duration::from_secs(choices.seconds),
                        quick: choices.quick,
                    };
                    eprint!(
                        "\r\x1b[K{} rtt {rtt} run {}/{} {}",
                        scenario.name,
                        run + 1,
                        choices.runs,
                        how.name
                    );
                    match (scenario.run)(&setting) {
                        Ok(values) => report.add(scenario.name, rtt, how, values),
                        Err(error) => {
                            eprintln!(
                                "\r\x1b[K{} rtt {rtt} run {}: {}: {error:#}",
                                scenario.name,
                                run + 1,
                                how.name
                            );
                            report.fail(scenario.name, rtt, how, &format!("{error:#}"));
                        }
                    }
                }
            }
            eprint!("\r\x1b[K");
            print!("{}", report.table(scenario, rtt, &hows));
            report.write(&choices.out, choices.seed)?;
        }
    }
    println!("everything is in {}", choices.out.display());
    Ok(())
}

/// Every client there is. Those that are not installed are named and left out; netroam is not optional.
fn clients(netroam: &Path) -> Result<Vec<How>> {
    ensure!(
        netroam.exists(),
        "there is no {}: build it, or give --netroam PATH",
        netroam.display()
    );
    let (known, missing): (Vec<_>, Vec<_>) = trial::hows()
        .into_iter()
        .partition(|how| how.program.is_none_or(installed));
    for how in missing {
        println!("{} is not installed: left out", how.name);
    }
    Ok(known)
}

fn installed(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).exists()))
}
