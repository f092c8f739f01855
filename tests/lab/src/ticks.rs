//! The remote probe: a program that counts on, so that what arrives at the terminal tells when it was sent.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// The probe, for bash 5 (EPOCHREALTIME). Every 50 ms: `tick NUMBER SECONDS.MICROSECONDS #CHECK`; for each line it
/// reads: `echo LINE SECONDS.MICROSECONDS #CHECK`. The check tells a line that is drawn completely from one whose
/// cells are still partly another line's. A line that is read when the time is up comes in two parts.
pub(crate) const PROBE: &str = r#"n=0; line=
say() { t=$EPOCHREALTIME; printf '%s %s #%d\n' "$1" "$t" $(( (${2:-0} + 10#${t#*.}) % 97 )); }
while :; do
    n=$((n + 1)); say "tick $n" $n
    read -r -t 0.05 part; status=$?; line=$line$part
    if [ $status = 0 ]; then say "echo $line"; line=; elif [ $status -lt 128 ]; then exit; fi
done
"#;

/// One line of the probe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tick {
    /// Its number.
    pub number: u64,
    /// When the remote program wrote it.
    pub emitted: SystemTime,
    /// When it could be read on the local terminal.
    pub seen: SystemTime,
}

/// What a terminal has seen of the probe.
#[derive(Clone, Debug, Default)]
pub struct Ticks {
    ticks: Vec<Tick>,
    echoes: BTreeMap<String, SystemTime>,
}

impl Ticks {
    /// All that was seen, each once, in order.
    pub fn all(&self) -> &[Tick] {
        &self.ticks
    }

    /// The last one.
    pub fn last(&self) -> Option<Tick> {
        self.ticks.last().copied()
    }

    /// The first one that was written at or after a moment: the session is usable when it is seen.
    pub fn first_emitted_after(&self, moment: SystemTime) -> Option<Tick> {
        self.ticks
            .iter()
            .copied()
            .find(|tick| tick.emitted >= moment)
    }

    /// When the answer to a typed line was seen.
    pub fn echoed(&self, line: &str) -> Option<SystemTime> {
        self.echoes.get(line).copied()
    }

    /// The longest time between two moments in which no new tick was seen. The moments count as ticks.
    pub fn longest_gap(&self, from: SystemTime, to: SystemTime) -> Duration {
        let mut previous = from;
        let mut longest = Duration::ZERO;
        let within = self
            .ticks
            .iter()
            .map(|tick| tick.seen)
            .filter(|seen| (from..to).contains(seen));
        for seen in within.chain([to]) {
            longest = longest.max(seen.duration_since(previous).unwrap_or_default());
            previous = seen;
        }
        longest
    }

    /// What two terminals have seen together, in the order of their seeing.
    #[must_use]
    pub fn merged(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.ticks.extend(&other.ticks);
        both.ticks.sort_by_key(|tick| tick.seen);
        both.echoes.extend(other.echoes.clone());
        both
    }

    /// Takes in what the terminal shows now. True if it was new.
    pub(crate) fn take_in(&mut self, rows: impl Iterator<Item = String>, now: SystemTime) -> bool {
        let mut new = false;
        for row in rows {
            match line_of(row.trim()) {
                Some(Line::Tick(number, emitted))
                    if self.ticks.last().is_none_or(|last| emitted > last.emitted) =>
                {
                    self.ticks.push(Tick {
                        number,
                        emitted,
                        seen: now,
                    });
                    new = true;
                }
                Some(Line::Echo(text)) => {
                    new |= !self.echoes.contains_key(&text);
                    self.echoes.entry(text).or_insert(now);
                }
                Some(Line::Tick(..)) | None => {}
            }
        }
        new
    }
}

/// Seconds from one moment to another, negative if the other was earlier.
pub fn seconds(from: SystemTime, to: SystemTime) -> f64 {
    match to.duration_since(from) {
        Ok(after) => after.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    }
}

enum Line {
    Tick(u64, SystemTime),
    Echo(String),
}

fn line_of(row: &str) -> Option<Line> {
    let (head, check) = row.rsplit_once(" #")?;
    let (head, stamp) = head.rsplit_once(' ')?;
    let (secs, micros) = stamp.split_once('.')?;
    let micros: u64 = (micros.len() == 6).then(|| micros.parse().ok())??;
    let emitted = SystemTime::UNIX_EPOCH
        + Duration::from_secs(secs.parse().ok()?)
        + Duration::from_micros(micros);
    let (word, rest) = head.split_once(' ')?;
    let (number, line) = match word {
        "tick" => (rest.parse().ok()?, Line::Tick(rest.parse().ok()?, emitted)),
        "echo" => (0, Line::Echo(rest.to_owned())),
        _other => return None,
    };
    (check.parse::<u64>().ok()? == (number + micros) % 97).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_drawn_lines_do_not_count() {
        let mut ticks = Ticks::default();
        let rows = [
            "tick 7 1700000000.000090 #0",
            "tick 8 1700000000.0001",
            "tick 8 1700000000.050090 #3",
            "$ ls",
        ];
        assert!(ticks.take_in(rows.iter().map(|&row| row.to_owned()), SystemTime::now()));
        assert_eq!(ticks.all().len(), 1);
        assert_eq!(ticks.all()[0].number, 7);
    }

    #[test]
    fn the_longest_gap_includes_the_ends() {
        let at = |ms| SystemTime::UNIX_EPOCH + Duration::from_millis(ms);
        let tick = |number, ms| Tick {
            number,
            emitted: at(ms),
            seen: at(ms),
        };
        let ticks = Ticks {
            ticks: vec![tick(1, 100), tick(2, 150), tick(3, 900)],
            ..Ticks::default()
        };
        assert_eq!(
            ticks.longest_gap(at(100), at(950)),
            Duration::from_millis(750)
        );
        assert_eq!(
            ticks.longest_gap(at(100), at(3000)),
            Duration::from_millis(2100)
        );
    }
}
