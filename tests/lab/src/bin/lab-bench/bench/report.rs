//! The table, and the file with everything.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::scenario::{Metric, Scenario, Values};
use super::spread::Spread;
use super::trial::How;

/// What has been measured so far.
#[derive(Debug)]
pub(crate) struct Report {
    /// On what it was measured, in a sentence.
    pub(crate) machine: String,
    runs: Vec<Run>,
}

#[derive(Debug)]
struct Run {
    scenario: &'static str,
    rtt: u64,
    client: &'static str,
    result: Result<Values, String>,
}

impl Report {
    /// Nothing yet.
    pub(crate) fn on(machine: String) -> Self {
        Self {
            machine,
            runs: Vec::new(),
        }
    }

    pub(crate) fn add(
        &mut self,
        scenario: &'static str,
        rtt: u64,
        how: &How,
        outcome: Result<Values>,
    ) {
        self.runs.push(Run {
            scenario,
            rtt,
            client: how.name,
            result: outcome.map_err(|error| format!("{error:#}")),
        });
    }

    /// The delays with which a scenario was run, each once.
    pub(crate) fn rtts(&self, scenario: &str) -> BTreeSet<u64> {
        self.runs
            .iter()
            .filter(|run| run.scenario == scenario)
            .map(|run| run.rtt)
            .collect()
    }

    /// What a client needed of one metric; none if no run of it has one.
    pub(crate) fn spread(
        &self,
        scenario: &str,
        rtt: u64,
        client: &str,
        metric: usize,
    ) -> Option<Spread> {
        let values = self
            .of(scenario, rtt, client)
            .filter_map(|run| run.result.as_ref().ok().and_then(|values| values[metric]));
        Spread::of(values.collect())
    }

    /// How many runs a client failed, of how many.
    pub(crate) fn failed(&self, scenario: &str, rtt: u64, client: &str) -> (usize, usize) {
        let runs: Vec<_> = self.of(scenario, rtt, client).collect();
        let failed = runs.iter().filter(|run| run.result.is_err()).count();
        (failed, runs.len())
    }

    /// Per client the median, minimum and maximum of each metric, and the ratio to the login by hand with the same
    /// context.
    pub(crate) fn rows(&self, scenario: &Scenario, rtt: u64, hows: &[How]) -> Vec<Vec<String>> {
        let mut rows = vec![vec!["client".to_owned()]];
        for metric in scenario.metrics {
            let unit = if metric.unit.is_empty() {
                String::new()
            } else {
                format!(" ({})", metric.unit)
            };
            rows[0].push(format!("{}{unit}", metric.name));
            if metric.ratio {
                rows[0].push("to by hand".to_owned());
            }
        }
        rows[0].push("failed".to_owned());
        for how in hows {
            let (failed, all) = self.failed(scenario.name, rtt, how.name);
            if all == 0 {
                continue;
            }
            let mut row = vec![how.name.to_owned()];
            for (n, metric) in scenario.metrics.iter().enumerate() {
                let values = self.spread(scenario.name, rtt, how.name, n);
                row.push(
                    values.map_or_else(|| "-".to_owned(), |spread| spread.text(metric.digits)),
                );
                if metric.ratio {
                    let base = hows.iter().find(|base| base.by_hand && base.mux == how.mux);
                    let base = base.and_then(|base| self.spread(scenario.name, rtt, base.name, n));
                    let ratio = values.zip(base).map(|(own, base)| own.median / base.median);
                    row.push(ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}")));
                }
            }
            row.push(failed.to_string());
            rows.push(row);
        }
        rows
    }

    /// The same for a terminal.
    pub(crate) fn table(&self, scenario: &Scenario, rtt: u64, hows: &[How]) -> String {
        let rows = self.rows(scenario, rtt, hows);
        let widths: Vec<usize> = (0..rows[0].len())
            .map(|n| {
                rows.iter()
                    .map(|row| row[n].chars().count())
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        let mut text = format!("\n{}, RTT {rtt} ms: {}\n", scenario.name, scenario.what);
        for row in rows {
            for (cell, width) in row.iter().zip(&widths) {
                let _infallible = write!(text, "  {cell:<width$}");
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        text
    }

    /// Reads what [`Self::write`] wrote, as far as it is about these scenarios and clients.
    pub(crate) fn read(file: &Path, scenarios: &[&'static Scenario], hows: &[How]) -> Result<Self> {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        let all: Value =
            serde_json::from_str(&text).with_context(|| format!("in {}", file.display()))?;
        let machine = all["machine"].as_str();
        let mut report = Self::on(machine.context("it does not say on what machine")?.into());
        for run in all["runs"].as_array().into_iter().flatten() {
            let scenario = scenarios
                .iter()
                .find(|scenario| run["scenario"] == scenario.name);
            let how = hows.iter().find(|how| run["client"] == how.name);
            let (Some(scenario), Some(how)) = (scenario, how) else {
                continue;
            };
            let result = match run["failed"].as_str() {
                Some(why) => Err(why.to_owned()),
                None => Ok(scenario
                    .metrics
                    .iter()
                    .map(|metric| {
                        let name = key(metric);
                        let value = run
                            .get(&name)
                            .with_context(|| format!("a run of {} without {name}", scenario.name));
                        value.map(Value::as_f64)
                    })
                    .collect::<Result<_>>()?),
            };
            report.runs.push(Run {
                scenario: scenario.name,
                rtt: run["rtt_ms"].as_u64().context("a run without rtt_ms")?,
                client: how.name,
                result,
            });
        }
        Ok(report)
    }

    /// Writes every single value.
    pub(crate) fn write(&self, file: &Path, seed: u64) -> Result<()> {
        let runs: Vec<Value> = self.runs.iter().map(Run::json).collect();
        let all = json!({ "machine": self.machine, "seed": seed, "runs": runs });
        std::fs::write(file, format!("{all:#}\n"))
            .with_context(|| format!("cannot write {}", file.display()))
    }

    fn of<'a>(
        &'a self,
        scenario: &'a str,
        rtt: u64,
        client: &'a str,
    ) -> impl Iterator<Item = &'a Run> {
        self.runs
            .iter()
            .filter(move |run| (run.scenario, run.rtt, run.client) == (scenario, rtt, client))
    }
}

impl Run {
    fn json(&self) -> Value {
        let mut object =
            json!({ "scenario": self.scenario, "rtt_ms": self.rtt, "client": self.client });
        match &self.result {
            Err(why) => object["failed"] = json!(why),
            Ok(values) => {
                let metrics = super::SCENARIOS
                    .iter()
                    .find(|scenario| scenario.name == self.scenario);
                for (metric, value) in metrics
                    .iter()
                    .flat_map(|scenario| scenario.metrics)
                    .zip(values)
                {
                    object[key(metric)] = json!(value);
                }
            }
        }
        object
    }
}

/// What a metric is called in the file.
fn key(metric: &Metric) -> String {
    format!("{} {}", metric.name, metric.unit)
        .trim_end()
        .replace([' ', '-'], "_")
}
