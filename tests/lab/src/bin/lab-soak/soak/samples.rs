//! What each netroam has open and holds, over time.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs, thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use netroam_lab::Proc;
use serde_json::{Value, json};

use super::kept::Kept;

/// Memory may grow by so much, in kB, from the first quarter to the last: what an allocator keeps back.
const SLACK: u64 = 1024;

#[derive(Clone, Copy, Debug)]
struct Sample {
    descriptors: u64,
    threads: u64,
    rss_kb: u64,
}

impl Sample {
    fn look(pid: u32) -> Result<Self> {
        let cost = Proc::look(pid).context("netroam is gone")?.cost()?;
        let threads = fs::read_dir(format!("/proc/{pid}/task"))?.count();
        Ok(Self {
            descriptors: u64::try_from(cost.descriptors)?,
            threads: u64::try_from(threads)?,
            rss_kb: cost.rss_kb,
        })
    }
}

/// What is under way is over after so long, by far.
const SETTLES: Duration = Duration::from_secs(3);

/// What is looked at, and by how much it may grow.
const KINDS: [Kind; 3] = [
    ("descriptors", |sample| sample.descriptors, 0),
    ("threads", |sample| sample.threads, 0),
    ("kB resident", |sample| sample.rss_kb, SLACK),
];

type Kind = (&'static str, fn(&Sample) -> u64, u64);

/// Of each netroam, in the order of time.
#[derive(Debug, Default)]
pub(super) struct Samples(BTreeMap<&'static str, Vec<Sample>>);

impl Samples {
    pub(super) fn take(&mut self, kept: &Kept) -> Result<()> {
        for (name, pid) in kept.pids() {
            let samples = self.0.entry(name).or_default();
            let before = samples.last().map(|sample| sample.descriptors);
            let mut sample = Sample::look(pid)?;
            let begun = Instant::now();
            // What is still under way is no growth: an attempt, a question, the last words of a run.
            while before.is_some_and(|before| sample.descriptors > before)
                && begun.elapsed() < SETTLES
            {
                thread::sleep(Duration::from_millis(20));
                let again = Sample::look(pid)?;
                if again.descriptors < sample.descriptors {
                    sample = again;
                }
            }
            samples.push(sample);
        }
        Ok(())
    }

    /// The medians of the first and of the last quarter.
    fn ends(samples: &[Sample], of: fn(&Sample) -> u64) -> (u64, u64) {
        let quarter = samples.len().div_ceil(4);
        let median = |part: &[Sample]| {
            let mut values: Vec<_> = part.iter().map(of).collect();
            values.sort_unstable();
            values[values.len() / 2]
        };
        (
            median(&samples[..quarter]),
            median(&samples[samples.len() - quarter..]),
        )
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (name, samples) in &self.0 {
            for (kind, of, _) in KINDS {
                let (first, last) = Self::ends(samples, of);
                let most = samples.iter().map(of).max().unwrap_or(0);
                let _infallible = writeln!(
                    text,
                    "{name}: {kind} {first} in the first quarter, {last} in the last, {most} at most"
                );
            }
        }
        text
    }

    pub(super) fn json(&self) -> Value {
        let of = |samples: &Vec<Sample>| -> Vec<Value> {
            samples
                .iter()
                .map(|sample| json!([sample.descriptors, sample.threads, sample.rss_kb]))
                .collect()
        };
        self.0
            .iter()
            .map(|(name, samples)| ((*name).to_owned(), json!(of(samples))))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    /// Nothing grew.
    pub(super) fn ensure_flat(&self) -> Result<()> {
        for (name, samples) in &self.0 {
            for (kind, of, slack) in KINDS {
                let (first, last) = Self::ends(samples, of);
                ensure!(
                    last <= first + slack,
                    "{name}: {kind} grew from {first} to {last}"
                );
            }
        }
        Ok(())
    }
}
