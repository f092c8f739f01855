//! Thousands of random moves with sessions and tunnels attached: nothing that was typed is missed or repeated, no session begins anew, and
//! netroam does not grow.

#![expect(clippy::print_stdout, reason = "the figures are what it is run for")]

mod kept;
mod moves;
mod samples;
mod shared;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use netroam_lab::{Lab, Net};
use serde_json::json;

use self::kept::Kept;
use self::moves::Move;
use self::samples::Samples;

const USAGE: &str = "usage: scripts/soak [--moves N] [--seed N] [--netroam PATH] [--out FILE]
  --moves  how many moves, default 2000: three quarters of an hour
  --seed   of the moves, default 1";

/// So many moves are made between two looks at everything.
const BETWEEN: u32 = 5;

struct Choices {
    moves: u32,
    seed: u64,
    netroam: PathBuf,
    out: PathBuf,
}

fn choices() -> Result<Choices> {
    let mut choices = Choices {
        moves: 2000,
        seed: 1,
        netroam: "target/release/netroam".into(),
        out: "target/soak.json".into(),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || {
            arguments
                .next()
                .with_context(|| format!("{argument} wants a value\n{USAGE}"))
        };
        match &*argument {
            "--moves" => choices.moves = value()?.parse()?,
            "--seed" => choices.seed = value()?.parse()?,
            "--netroam" => choices.netroam = value()?.into(),
            "--out" => choices.out = value()?.into(),
            _other => bail!("what is {argument:?}?\n{USAGE}"),
        }
    }
    ensure!(
        choices.netroam.exists(),
        "there is no {}: build it, or give --netroam PATH",
        choices.netroam.display()
    );
    Ok(choices)
}

/// Does what the command line says.
pub(crate) fn main() -> ExitCode {
    match choices().and_then(|choices| run(&choices)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("soak: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(choices: &Choices) -> Result<()> {
    let lab = Lab::new()?;
    lab.arrive(Net::Home)?;
    let mut kept = Kept::start(&lab, &std::path::absolute(&choices.netroam)?)?;
    let mut rng = fastrand::Rng::with_seed(choices.seed);
    let mut samples = Samples::default();
    let (begun, mut back) = (Instant::now(), Vec::new());
    for number in 1..=choices.moves {
        let next = Move::random(&mut rng);
        next.make(&lab)
            .with_context(|| format!("move {number}, {next:?}"))?;
        // Also none at all, so that a move comes into whatever the one before has begun.
        thread::sleep(Duration::from_millis(
            rng.u64(0..1200) * u64::from(rng.bool()),
        ));
        if number % BETWEEN == 0 || number == choices.moves {
            moves::into_a_network(&lab)?;
            let taken = kept.check(&lab, number).with_context(|| {
                let what = format!("after move {number}, {next:?}");
                match keep_logs(&lab, &choices.out) {
                    Ok(to) => format!("{what}; the logs are in {}", to.display()),
                    Err(error) => format!("{what}; the logs are lost: {error:#}"),
                }
            })?;
            back.push(taken.as_secs_f64());
            samples.take(&kept)?;
            eprint!("\r\x1b[K{number}/{} moves", choices.moves);
        }
    }
    eprint!("\r\x1b[K");
    let lines = kept.end(&lab)?;
    back.sort_by(f64::total_cmp);
    let minutes = begun.elapsed().as_secs_f64() / 60.0;
    println!(
        "{} moves in {minutes:.0} min, seed {}: {lines} lines typed in two sessions, none missed, none repeated, no session began anew; \
         a third session went to and fro between two laptops at their persons' word alone; three tunnels; all usable {:.2} s after the last move (median; {:.2} s at most)",
        choices.moves,
        choices.seed,
        back[back.len() / 2],
        back[back.len() - 1],
    );
    let connections = lab.server().connections();
    println!(
        "{} connections to the server, {} without a login",
        connections.all,
        connections.unauthenticated()
    );
    println!("{}", samples.text());
    let all = json!({
        "moves": choices.moves, "seed": choices.seed, "minutes": minutes, "lines": lines, "usable_s": back,
        "connections": connections.all, "unauthenticated": connections.unauthenticated(), "samples": samples.json(),
    });
    fs::write(&choices.out, format!("{all:#}\n"))
        .with_context(|| format!("cannot write {}", choices.out.display()))?;
    samples.ensure_flat()
}

/// Copies what netroam wrote down beside the figures: the lab's files go with the lab.
fn keep_logs(lab: &Lab, out: &Path) -> Result<PathBuf> {
    let to = out.with_extension("failed");
    fs::create_dir_all(&to)?;
    let states = [
        ("laptop", lab.home_dir().join(".local/state/netroam")),
        ("other", lab.dir().join("other/netroam")),
    ];
    for (laptop, state) in states {
        let copied = Command::new("cp")
            .arg("-rT")
            .args([&state, &to.join(laptop)])
            .status()
            .context("cannot run cp")?;
        ensure!(copied.success(), "cp: {copied}");
    }
    fs::write(to.join("sshd.log"), lab.server().log())?;
    Ok(to)
}
