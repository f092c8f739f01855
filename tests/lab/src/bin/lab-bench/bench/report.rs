//! The table, and the file with everything.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::scenario::{Scenario, Values};
use super::trial::How;

/// What has been measured so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
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
    pub(crate) fn add(&mut self, scenario: &'static str, rtt: u64, how: &How, values: Values) {
        self.runs.push(Run {
            scenario,
            rtt,
            client: how.name,
            result: Ok(values),
        });
    }

    pub(crate) fn fail(&mut self, scenario: &'static str, rtt: u64, how: &How, why: &str) {
        self.runs.push(Run {
            scenario,
            rtt,
            client: how.name,
            result: Err(why.to_owned()),
        });
    }

    /// Per client the median, minimum and maximum of each metric, and the ratio to the login by hand with the same
    /// context.
    pub(crate) fn table(&self, scenario: &Scenario, rtt: u64, hows: &[How]) -> String {
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
            let runs: Vec<_> = self.of(scenario.name, rtt, how.name).collect();
            if runs.is_empty() {
                continue;
            }
            let mut row = vec![how.name.to_owned()];
            for (n, metric) in scenario.metrics.iter().enumerate() {
                let values = Spread::of(&runs, n);
                row.push(
                    values.map_or_else(|| "-".to_owned(), |spread| spread.text(metric.digits)),
                );
                if metric.ratio {
                    let base = hows.iter().find(|base| base.by_hand && base.mux == how.mux);
                    let base = base.and_then(|base| {
                        Spread::of(
                            &self.of(scenario.name, rtt, base.name).collect::<Vec<_>>(),
                            n,
                        )
                    });
                    let ratio = values.zip(base).map(|(own, base)| own.median / base.median);
                    row.push(ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}")));
                }
            }
            row.push(
                runs.iter()
                    .filter(|run| run.result.is_err())
                    .count()
                    .to_string(),
            );
            rows.push(row);
        }
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

    /// Writes every single value.
    pub(crate) fn write(&self, file: &Path, seed: u64) -> Result<()> {
        let runs: Vec<Value> = self.runs.iter().map(Run::json).collect();
        let all = json!({ "kernel": kernel(), "seed": seed, "runs": runs });
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
                    let name = format!("{} {}", metric.name, metric.unit)
                        .trim_end()
                        .replace([' ', '-'], "_");
                    object[name] = json!(value);
                }
            }
        }
        object
    }
}

#[derive(Clone, Copy)]
struct Spread {
    median: f64,
    min: f64,
    max: f64,
}

impl Spread {
    fn of(runs: &[&Run], metric: usize) -> Option<Self> {
        let mut values: Vec<f64> = runs
            .iter()
            .filter_map(|run| run.result.as_ref().ok().and_then(|values| values[metric]))
            .collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 {
            values[middle]
        } else {
            f64::midpoint(*values.get(middle)?, *values.get(middle.checked_sub(1)?)?)
        };
        Some(Self {
            median,
            min: *values.first()?,
            max: *values.last()?,
        })
    }

    fn text(self, digits: usize) -> String {
        format!(
            "{:.digits$} ({:.digits$}-{:.digits$})",
            self.median, self.min, self.max
        )
    }
}

fn kernel() -> String {
    std::fs::read_to_string("/proc/sys/kernel/osrelease")
        .unwrap_or_default()
        .trim()
        .to_owned()
}
