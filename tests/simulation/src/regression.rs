//! A schedule in a file: what a failing seed leaves behind, to be run for ever.

use std::{fmt, str::FromStr};

use crate::{
    Outcome, Simulation,
    dice::Dice,
    occurrence::Occurrence,
    schedule::Schedule,
    setup::{self, Setup},
};

/// What makes one simulation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// How long things take.
    pub seed: u64,
    /// The sessions.
    pub setup: Vec<Setup>,
    /// What happens.
    pub schedule: Vec<Occurrence>,
    /// What it is about, for people.
    pub notes: Vec<String>,
}

impl Case {
    /// That of a seed; with so many occurrences of its schedule, which has no end.
    pub fn of_seed(seed: u64, occurrences: usize) -> Self {
        Self {
            seed,
            setup: setup::setup(&mut Dice::of(seed, 3, 0)),
            schedule: Schedule::new(seed).take(occurrences).collect(),
            notes: Vec::new(),
        }
    }

    /// Runs a seed for so many steps.
    pub fn run_seed(seed: u64, steps: u64) -> Outcome {
        let setup = setup::setup(&mut Dice::of(seed, 3, 0));
        Simulation::new(&setup, seed, false).run(Schedule::new(seed), steps)
    }

    /// Runs it to its end.
    pub fn run(&self, write_down: bool) -> Outcome {
        Simulation::new(&self.setup, self.seed, write_down)
            .run(self.schedule.iter().cloned(), u64::MAX)
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for note in &self.notes {
            writeln!(f, "# {note}")?;
        }
        writeln!(f, "seed {}", self.seed)?;
        for setup in &self.setup {
            writeln!(f, "{setup}")?;
        }
        for occurrence in &self.schedule {
            writeln!(f, "{occurrence}")?;
        }
        Ok(())
    }
}

impl FromStr for Case {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut case = Self {
            seed: 0,
            setup: Vec::new(),
            schedule: Vec::new(),
            notes: Vec::new(),
        };
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Some(note) = line.strip_prefix('#') {
                case.notes.push(note.trim().to_owned());
            } else if let Some(seed) = line.strip_prefix("seed ") {
                case.seed = seed.parse().map_err(|error| format!("{line}: {error}"))?;
            } else if line.starts_with('+') {
                case.schedule.push(line.parse()?);
            } else {
                case.setup.push(line.parse()?);
            }
        }
        Ok(case)
    }
}
