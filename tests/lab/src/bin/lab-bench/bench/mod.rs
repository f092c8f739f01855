//! The benchmark: scenarios × clients × delays, in the lab, as a table and as JSON.

#![expect(clippy::print_stdout, reason = "the table is what it is run for")]

mod picture;
mod publish;
mod report;
mod scenario;
mod spread;
mod trial;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use self::report::Report;
use self::scenario::{SCENARIOS, Scenario};
use self::trial::{How, Setting};
use anyhow::{Context, Result, bail, ensure};

const USAGE: &str =
    "usage: scripts/bench [--quick] [--runs N] [--only WORD[,WORD…]] [--rtt MS[,MS…]] [--seed N]
                     [--seconds N] [--jobs N] [--netroam PATH] [--out FILE] [--publish] [--from FILE]
  --quick   two runs, without delay, shorter waits
  --only    scenarios and clients whose names start with one of the words: --only roam,netroam
  --rtt     round-trip times to the server in ms, default 0,50; what waits long runs with
            the first only
  --seconds how long a client waits for a tunnel, default 180, with --quick 30
  --jobs    so many labs beside each other, default 1: most of the time each waits
  --publish writes the tables into README.md and docs/measured.md, and docs/bench.svg
  --from    measures nothing, and shows or publishes what an earlier run wrote";

struct Choices {
    quick: bool,
    runs: u32,
    only: Vec<String>,
    rtts: Vec<u64>,
    seed: u64,
    seconds: u64,
    jobs: usize,
    netroam: PathBuf,
    out: PathBuf,
    publish: bool,
    from: Option<PathBuf>,
}

fn choices() -> Result<Choices> {
    let mut choices = Choices {
        quick: false,
        runs: 7,
        only: Vec::new(),
        rtts: vec![0, 50],
        seed: 1,
        seconds: 180,
        jobs: 1,
        netroam: "target/release/netroam".into(),
        out: "target/bench.json".into(),
        publish: false,
        from: None,
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
            "--jobs" => choices.jobs = value()?.parse()?,
            "--publish" => choices.publish = true,
            "--from" => choices.from = Some(value()?.into()),
            "--seed" => choices.seed = value()?.parse()?,
            "--netroam" => choices.netroam = value()?.into(),
            "--out" => choices.out = value()?.into(),
            _other => bail!("what is {argument:?}?\n{USAGE}"),
        }
    }
    ensure!(choices.runs > 0, "--runs wants at least 1");
    ensure!(choices.jobs > 0, "--jobs wants at least 1");
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
        // The whole name is that one's alone.
        let meant = |word: &str| name == word || !all.contains(&word) && name.starts_with(word);
        words.is_empty() || words.iter().any(|word| meant(word))
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
    let scenarios: Vec<_> = SCENARIOS
        .iter()
        .filter(|scenario| wanted(scenario.name, &scenario_names))
        .collect();
    let mut rng = fastrand::Rng::with_seed(choices.seed);
    let mut tasks = VecDeque::new();
    for scenario in &scenarios {
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
                    if (scenario.for_whom)(how) && (base || wanted(how.name, &how_names)) {
                        tasks.push_back(Task {
                            scenario,
                            rtt,
                            run,
                            how,
                            gap,
                        });
                    }
                }
            }
        }
    }
    let report = match &choices.from {
        Some(file) => Report::read(file, &scenarios, &hows)?,
        None => measured(&choices, tasks)?,
    };
    for scenario in &scenarios {
        for rtt in report.rtts(scenario.name) {
            print!("{}", report.table(scenario, rtt, &hows));
        }
    }
    let all = choices.from.as_ref().unwrap_or(&choices.out);
    println!("everything is in {}", all.display());
    if choices.publish {
        publish::write(&report, &scenarios, &hows)?;
    }
    let failed: usize = scenarios
        .iter()
        .flat_map(|scenario| {
            report
                .rtts(scenario.name)
                .into_iter()
                .map(|rtt| (scenario.name, rtt))
        })
        .map(|(scenario, rtt)| report.failed(scenario, rtt, "netroam").0)
        .sum();
    ensure!(failed == 0, "netroam failed {failed} runs");
    Ok(())
}

/// One run of one client.
#[derive(Clone, Copy)]
struct Task<'a> {
    scenario: &'static Scenario,
    rtt: u64,
    run: u32,
    how: &'a How,
    gap: Duration,
}

/// Does all of it, in its order, so many beside each other.
fn measured(choices: &Choices, tasks: VecDeque<Task<'_>>) -> Result<Report> {
    let all = tasks.len();
    let report = Report::on(publish::machine(choices)?);
    let shared = Mutex::new((tasks, report));
    let lock = || shared.lock().unwrap_or_else(PoisonError::into_inner);
    let work = || -> Result<()> {
        loop {
            let (task, left) = {
                let mut shared = lock();
                let Some(task) = shared.0.pop_front() else {
                    return Ok(());
                };
                (task, shared.0.len())
            };
            let Task {
                scenario, rtt, how, ..
            } = task;
            let what = format!(
                "{} rtt {rtt} run {}/{} {}",
                scenario.name,
                task.run + 1,
                choices.runs,
                how.name
            );
            eprint!("\r\x1b[K{}/{all} {what}", all - left);
            let setting = Setting {
                how,
                netroam: &choices.netroam,
                host: scenario.host,
                rtt: Duration::from_millis(rtt),
                gap: task.gap,
                long: Duration::from_secs(choices.seconds),
                quick: choices.quick,
            };
            let outcome = (scenario.run)(&setting);
            if let Err(error) = &outcome {
                eprintln!("\r\x1b[K{what}: {error:#}");
            }
            let mut shared = lock();
            shared.1.add(scenario.name, rtt, how, outcome);
            shared.1.write(&choices.out, choices.seed)?;
        }
    };
    let worked: Result<()> = thread::scope(|scope| {
        let workers: Vec<_> = (0..choices.jobs).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| {
            worker
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    });
    worked?;
    eprint!("\r\x1b[K");
    Ok(shared
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
        .1)
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
