//! Sessions and time, drawn in the terminal.

use super::summary;
use crate::{
    history::{History, Phase, Session, Span, Tick, ticks},
    record::{Stamp, Zone},
    report::{self, duration},
    terminal::fit::{columns_of, cut, padded, wrapped},
};

/// The lowest width of the picture, whatever the terminal's.
const NARROWEST: usize = 10;

/// Of so many columns, one is for names at most.
const NAMES: usize = 3;

/// Characters of a session's name.
pub(super) const LONGEST_NAME: usize = 36;

/// The picture, `width` columns wide, over the time from the first to the second moment, or as much of it as something is known of.
pub(super) fn text(
    history: &History,
    (since, now): (Stamp, Stamp),
    zone: Zone,
    width: usize,
    coloured: bool,
) -> String {
    let from = begin(history, since, now);
    let names: Vec<String> = history.sessions.iter().map(name).collect();
    let longest = names.iter().map(|name| columns_of(name)).max();
    let margin = longest
        .unwrap_or_default()
        .min(LONGEST_NAME)
        .min(width / NAMES);
    let columns = width.saturating_sub(margin + 1).max(NARROWEST);
    let scale = Scale { from, now, columns };
    let mut lines = heading(&scale, zone, width);
    for (session, name) in history.sessions.iter().zip(&names) {
        let name = padded(&cut(name, margin), margin);
        let bar = bar(&scale.worst(session), coloured);
        lines.push(format!("{name} {bar}").trim_end().to_owned());
    }
    lines.extend(axis(&scale, zone, margin));
    lines.extend(legend(history, width, coloured));
    lines.extend(wrapped(summary(&history.outages), " ", width));
    lines.join("\n") + "\n"
}

/// The first moment of which something is known.
pub(super) fn begin(history: &History, since: Stamp, now: Stamp) -> Stamp {
    let spans = history.sessions.iter().flat_map(|session| &session.spans);
    let first = spans.map(|span| span.from).min().unwrap_or(since);
    // Something has to be drawn.
    first
        .max(since)
        .min(now.before(std::time::Duration::from_secs(1)))
}

/// The name beside the bar of a session.
pub(super) fn name(session: &Session) -> String {
    report::history::session(&session.host, session.session.as_deref())
}

/// From when to when, in the zone's time.
pub(super) fn range(from: Stamp, now: Stamp, zone: Zone) -> String {
    let (first, last) = (from.date(zone), now.date(zone));
    let to = if first == last {
        now.second(zone)
    } else {
        format!("{last} {}", now.second(zone))
    };
    format!("{first} {} to {to}", from.second(zone))
}

/// The states that occur, in the order of the legend.
pub(super) fn phases(history: &History) -> Vec<Phase> {
    let spans = || history.sessions.iter().flat_map(|session| &session.spans);
    let occurs = |phase: &Phase| spans().any(|span| span.state == *phase);
    Phase::ALL.into_iter().filter(occurs).collect()
}

/// As many marks as find room for their labels and `gap` between them, where a character is so wide, on an axis of this length.
pub(super) fn marks(
    (from, now): (Stamp, Stamp),
    zone: Zone,
    length: f64,
    character: f64,
    gap: f64,
) -> Vec<(f64, Tick)> {
    let range = to_float(now.unix_ms() - from.unix_ms());
    let place = |tick: Tick| {
        let since = to_float(tick.at.unix_ms() - from.unix_ms());
        (since / range * length, tick)
    };
    (1..=40_usize)
        .rev()
        .map(|most| {
            let ticks = ticks(from, now, most, zone);
            ticks.into_iter().map(place).collect::<Vec<_>>()
        })
        .find(|marks| {
            marks.windows(2).all(|pair| {
                let chars = pair.iter().map(|(_, tick)| tick.label.chars().count());
                let widest = f64::from(u32::try_from(chars.max().unwrap_or(0)).unwrap_or(0));
                pair[1].0 - pair[0].0 >= widest * character + gap
            })
        })
        .unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "a place in a picture")]
pub(super) fn to_float(number: i64) -> f64 {
    number as f64
}

/// Time in columns.
struct Scale {
    from: Stamp,
    now: Stamp,
    columns: usize,
}

impl Scale {
    /// The column of a millisecond since 1970; that of the last moment is beyond all.
    fn column(&self, ms: i64) -> usize {
        let columns = i128::try_from(self.columns).unwrap_or(i128::MAX);
        let from = self.from.unix_ms();
        let range = i128::from(self.now.unix_ms() - from).max(1);
        usize::try_from(i128::from(ms - from).max(0) * columns / range).unwrap_or(self.columns)
    }

    /// The worst of each column, that a short outage is seen.
    fn worst(&self, session: &Session) -> Vec<Option<Phase>> {
        let mut columns = vec![None; self.columns];
        let seen = |span: &&Span| span.to > self.from;
        for span in session.spans.iter().filter(seen) {
            let first = self.column(span.from.unix_ms());
            let end = 1 + self.column(span.to.unix_ms() - 1);
            for column in columns.iter_mut().take(end).skip(first) {
                *column = (*column).max(Some(span.state));
            }
        }
        columns
    }
}

/// One that says it without colour: the fuller, the better.
fn glyph(phase: Phase) -> char {
    match phase {
        Phase::Attached => '█',
        Phase::Doubtful => '▆',
        Phase::Holding => '▓',
        Phase::Connecting => '▒',
        Phase::Retrying => '░',
        Phase::Network => '▁',
        Phase::Person => '▄',
        Phase::Unknown => '·',
    }
}

/// SGR (ECMA-48, 8.3.117).
fn colour(phase: Phase) -> &'static str {
    match phase {
        Phase::Attached => "32",
        Phase::Doubtful | Phase::Holding => "36",
        Phase::Connecting => "34",
        Phase::Retrying => "33",
        Phase::Network | Phase::Unknown => "90",
        Phase::Person => "31",
    }
}

fn bar(columns: &[Option<Phase>], coloured: bool) -> String {
    let mut bar = String::new();
    for same in columns.chunk_by(|one, other| one == other) {
        let Some(phase) = same[0] else {
            bar.extend(std::iter::repeat_n(' ', same.len()));
            continue;
        };
        let glyphs: String = std::iter::repeat_n(glyph(phase), same.len()).collect();
        bar += &painted(&glyphs, phase, coloured);
    }
    bar.trim_end().to_owned()
}

fn painted(text: &str, phase: Phase, coloured: bool) -> String {
    if coloured {
        format!("\x1b[{}m{text}\x1b[0m", colour(phase))
    } else {
        text.to_owned()
    }
}

fn heading(scale: &Scale, zone: Zone, width: usize) -> Vec<String> {
    let range = range(scale.from, scale.now, zone);
    let one = scale.now.since(scale.from) / u32::try_from(scale.columns).unwrap_or(u32::MAX);
    let one = format!("a column is {}", duration(one));
    wrapped([range, one], ", ", width)
}

fn axis(scale: &Scale, zone: Zone, margin: usize) -> [String; 2] {
    let length = f64::from(u32::try_from(scale.columns).unwrap_or(u32::MAX));
    let mut line = vec!['─'; scale.columns];
    let mut labels = vec![' '; scale.columns];
    for (_, tick) in marks((scale.from, scale.now), zone, length, 1.0, 2.0) {
        let column = scale.column(tick.at.unix_ms()).min(scale.columns - 1);
        line[column] = '┬';
        let label: Vec<char> = tick.label.chars().collect();
        // The last one may have to stand to the left of its mark.
        let first = column.min(scale.columns.saturating_sub(label.len()));
        let free = labels[first.saturating_sub(1)..]
            .iter()
            .all(|char| *char == ' ');
        if free && label.len() <= scale.columns {
            labels[first..first + label.len()].copy_from_slice(&label);
        }
    }
    let indent = " ".repeat(margin + 1);
    [line, labels].map(|chars| {
        let text: String = chars.into_iter().collect();
        format!("{indent}{text}").trim_end().to_owned()
    })
}

fn legend(history: &History, width: usize, coloured: bool) -> Vec<String> {
    let item = |phase: Phase| format!("{} {}", glyph(phase), report::history::phase(phase));
    let items: Vec<(String, Phase)> = phases(history)
        .into_iter()
        .map(|phase| (item(phase), phase))
        .collect();
    let plain: Vec<String> = items.iter().map(|(item, _)| item.clone()).collect();
    let mut lines = wrapped(&plain, "  ", width);
    for (item, phase) in items {
        let painted = item.replacen(
            glyph(phase),
            &painted(&glyph(phase).to_string(), phase, coloured),
            1,
        );
        for line in &mut lines {
            *line = line.replacen(&item, &painted, 1);
        }
    }
    lines
}
