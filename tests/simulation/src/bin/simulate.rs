//! Runs seeds: see `scripts/simulate`.

#![expect(clippy::print_stdout, reason = "what it finds is its output")]

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use netroam_platform::clock;
use netroam_simulation::{Outcome, promises::Broken, regression::Case, shrink::shrink};

const USAGE: &str = "usage: simulate [--seeds N] [--steps M] [--seed S] [--threads T] [--transcript] [--save] [--replay FILE]

  --seeds N       so many seeds (1000), from --first F (0) on
  --steps M       so many steps of each (1000)
  --enough N      stop when so many seeds have failed
  --brief         do not make a failing seed short
  --seed S        this seed alone
  --transcript    print what was said and done, also where no promise is broken
  --save          write a failing seed, made short, to tests/simulation/regressions
  --replay FILE   run such a file, and print what is said and done";

#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "wishes that do not exclude each other"
)]
struct Wishes {
    seeds: u64,
    first: u64,
    steps: u64,
    threads: u64,
    enough: u64,
    brief: bool,
    one: bool,
    transcript: bool,
    save: bool,
    replay: Option<String>,
}

fn main() -> ExitCode {
    let wishes = match wishes() {
        Ok(wishes) => wishes,
        Err(wrong) => {
            println!("{wrong}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if let Some(file) = &wishes.replay {
        return replay(file);
    }
    let began = clock::now();
    let outcomes = run(&wishes);
    let took = clock::now().since(began);
    let steps: u64 = outcomes.values().map(|outcome| outcome.steps).sum();
    let failed: Vec<(u64, &Broken)> = outcomes
        .iter()
        .filter_map(|(seed, outcome)| Some((*seed, outcome.broken.as_ref()?)))
        .collect();
    for (seed, broken) in &failed {
        println!("seed {seed}: {}: {}", broken.promise, broken.what);
    }
    if let Some((seed, broken)) = failed.first().filter(|_| !wishes.brief) {
        explain(*seed, broken, &outcomes[seed], wishes.save);
    } else if wishes.transcript && wishes.one {
        let happened = outcomes.values().map(|outcome| outcome.happened).sum();
        println!(
            "{}",
            Case::of_seed(wishes.first, happened)
                .run(true)
                .transcript
                .join("\n")
        );
    }
    let (many, wrong) = (outcomes.len(), failed.len());
    println!(
        "{many} seeds, {steps} steps in {:.1} s ({:.0} a second), {wrong} failed",
        took.as_secs_f64(),
        f64::from(u32::try_from(steps).unwrap_or(u32::MAX)) / took.as_secs_f64()
    );
    if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn wishes() -> Result<Wishes, String> {
    let mut wishes = Wishes {
        seeds: 1000,
        steps: 1000,
        enough: u64::MAX,
        threads: thread::available_parallelism()
            .map_or(1, |cores| u64::try_from(cores.get()).unwrap_or(1)),
        ..Wishes::default()
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = |what: &str| -> Result<u64, String> {
            let value = words.next().ok_or(format!("{what} needs a number"))?;
            value
                .parse()
                .map_err(|error| format!("{what} {value}: {error}"))
        };
        match word.as_str() {
            "--seeds" => wishes.seeds = number("--seeds")?,
            "--first" => wishes.first = number("--first")?,
            "--steps" => wishes.steps = number("--steps")?,
            "--threads" => wishes.threads = number("--threads")?.max(1),
            "--seed" => {
                wishes.first = number("--seed")?;
                wishes.seeds = 1;
                wishes.one = true;
            }
            "--enough" => wishes.enough = number("--enough")?,
            "--brief" => wishes.brief = true,
            "--transcript" => wishes.transcript = true,
            "--save" => wishes.save = true,
            "--replay" => wishes.replay = Some(words.next().ok_or("--replay needs a file")?),
            other => return Err(format!("{other}: not known")),
        }
    }
    Ok(wishes)
}

/// Runs the seeds on all cores. Which core takes which does not matter: each is a world of its own.
fn run(wishes: &Wishes) -> BTreeMap<u64, Outcome> {
    let (next, failed) = (AtomicU64::new(wishes.first), AtomicU64::new(0));
    let end = wishes.first.saturating_add(wishes.seeds);
    let work = || {
        let mut outcomes = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end || failed.load(Ordering::Relaxed) >= wishes.enough {
                return outcomes;
            }
            let outcome = Case::run_seed(seed, wishes.steps);
            if outcome.broken.is_some() {
                failed.fetch_add(1, Ordering::Relaxed);
            }
            outcomes.push((seed, outcome));
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..wishes.threads).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .flat_map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    })
}

/// Makes a failing seed short, and shows it.
fn explain(seed: u64, broken: &Broken, outcome: &Outcome, save: bool) {
    let case = Case::of_seed(seed, outcome.happened + 1);
    let mut short = shrink(case, broken.promise);
    let outcome = short.run(true);
    println!(
        "\nseed {seed}, made short:\n\n{short}\n{}\n",
        outcome.transcript.join("\n")
    );
    if save {
        let what = outcome.broken.map(|broken| broken.what).unwrap_or_default();
        short.notes = vec![
            format!("{}: {what}", broken.promise),
            format!("seed {seed}, made short"),
        ];
        let name = format!(
            "{}-{seed}.txt",
            broken.promise.replace([' ', ',', '.'], "-")
        );
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("regressions")
            .join(name);
        match fs::write(&file, short.to_string()) {
            Ok(()) => println!("saved as {}", file.display()),
            Err(error) => println!("cannot save {}: {error}", file.display()),
        }
    }
}

fn replay(file: &str) -> ExitCode {
    let case = fs::read_to_string(file)
        .map_err(|error| error.to_string())
        .and_then(|text| text.parse::<Case>());
    let case = match case {
        Ok(case) => case,
        Err(error) => {
            println!("{file}: {error}");
            return ExitCode::from(2);
        }
    };
    let outcome = case.run(true);
    println!("{}", outcome.transcript.join("\n"));
    match outcome.broken {
        None => ExitCode::SUCCESS,
        Some(broken) => {
            println!("{}: {}", broken.promise, broken.what);
            ExitCode::FAILURE
        }
    }
}
