//! Outages as lines for people.

use super::summary;
use crate::{
    history::Outage,
    record::{Stamp, Zone},
    report::{
        duration,
        history::{COLUMNS, paths, session},
        plain,
    },
    terminal::fit::{columns_of, cut, padded, wrapped},
};

/// So many columns say when and how long; the rest, what it was about, stands below where a line is too short for all.
const FIRST: usize = 4;

/// These columns are times, which stand to the right.
const TIMES: std::ops::Range<usize> = 1..4;

/// Between columns.
const GAP: &str = "  ";

/// The table, the newest last, and a line over all. `width`: of the terminal; without one, nothing is cut.
pub(super) fn text(outages: &[Outage], now: Stamp, zone: Zone, width: Option<usize>) -> String {
    let mut rows = vec![COLUMNS.map(String::from)];
    rows.extend(outages.iter().map(|outage| row(outage, now, zone)));
    let mut widths = [0; 7];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = columns_of(cell).max(*width);
        }
    }
    for row in &mut rows {
        for place in TIMES {
            row[place] = format!("{:>width$}", row[place], width = widths[place]);
        }
    }
    let whole = widths.iter().sum::<usize>() + GAP.len() * (widths.len() - 1);
    let width = width.unwrap_or(usize::MAX);
    // What says why may be cut a little before it is worth a line of its own.
    let below = whole.saturating_sub(widths[6] / 2) > width;
    let mut lines = Vec::new();
    for row in &rows {
        if below {
            lines.push(cut(&aligned(&row[..FIRST], &widths[..FIRST]), width));
            let about = aligned(&row[FIRST..], &widths[FIRST..]);
            lines.push(cut(&format!("{GAP}{about}"), width));
        } else {
            lines.push(cut(&aligned(row, &widths), width));
        }
    }
    lines.extend(wrapped(summary(outages), " ", width));
    lines.join("\n") + "\n"
}

fn row(outage: &Outage, now: Stamp, zone: Zone) -> [String; 7] {
    let share = |time: std::time::Duration| {
        if time.is_zero() {
            "-".into()
        } else {
            duration(time)
        }
    };
    [
        outage.lost.local(now, zone),
        duration(outage.lasted),
        share(outage.person),
        share(outage.netroam),
        session(&outage.host, outage.session.as_deref()),
        paths(outage),
        plain(&outage.text),
    ]
}

/// Padded to these widths.
fn aligned(cells: &[String], widths: &[usize]) -> String {
    let cells = cells.iter().zip(widths);
    let padded: Vec<String> = cells.map(|(cell, width)| padded(cell, *width)).collect();
    padded.join(GAP).trim_end().to_owned()
}
