//! Sessions and time, drawn for a browser.

use std::fmt::Write as _;

use super::{
    plot::{LONGEST_NAME, begin, marks, name, phases, range, to_float},
    summary,
};
use crate::{
    history::{History, Phase, Session, Span},
    record::{Stamp, Zone},
    report::{self, duration, plain},
    terminal::fit::{columns_of, cut, wrapped},
};

/// All lengths are in units of the picture: pixels, where it is shown as it is.
const WIDTH: f64 = 1000.0;
const MARGIN: f64 = 16.0;
const ROW: f64 = 24.0;
const BAR: f64 = 16.0;

/// A character of the fixed-width font; 0.6 of its size are usual, and some are a little wider.
const CHARACTER: f64 = 7.3;

/// Characters of a line from margin to margin.
const COLUMNS: usize = 132;

/// What is shorter is drawn as wide as this, that it is seen.
const NARROWEST: f64 = 1.5;

/// Colours that people tell apart who see few of them (Okabe and Ito, Color Universal Design, 2008), on white and on black.
const STYLE: &str = "\
    text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#24292f}\
    .page{fill:#fff}.grid{stroke:#d0d7de;stroke-width:1}.track{fill:#f3f4f6}.faint{fill:#57606a}\
    .attached{fill:#009e73}.doubtful{fill:#b3dff7}.holding{fill:#56b4e9}.connecting{fill:#0072b2}.retrying{fill:#e69f00}\
    .network{fill:#8c959f}.person{fill:#d55e00}.unknown{fill:#fff;stroke:#8c959f;stroke-dasharray:2 2}\
    @media (prefers-color-scheme:dark){\
    text{fill:#e6edf3}.page{fill:#0d1117}.grid{stroke:#30363d}.track{fill:#161b22}.faint{fill:#9da7b3}\
    .connecting{fill:#3a9bdc}.network{fill:#6e7681}.unknown{fill:#0d1117;stroke:#6e7681}}";

/// The picture over the time from the first to the second moment, or as much of it as something is known of.
pub(super) fn text(history: &History, (since, now): (Stamp, Stamp), zone: Zone) -> String {
    let from = begin(history, since, now);
    let names: Vec<String> = history
        .sessions
        .iter()
        .map(|session| cut(&name(session), LONGEST_NAME))
        .collect();
    let longest = names.iter().map(|name| width(name)).fold(0.0, f64::max);
    let left = MARGIN + longest + 12.0;
    let page = Page {
        from,
        now,
        zone,
        left,
        length: WIDTH - MARGIN - left,
    };
    let top = 44.0;
    let rows = f64::from(u32::try_from(history.sessions.len()).unwrap_or(u32::MAX));
    let bottom = top + rows * ROW;
    let mut body = page.grid(top, bottom);
    let mut y = top;
    for (session, name) in history.sessions.iter().zip(&names) {
        page.row(&mut body, session, name, y);
        y += ROW;
    }
    let mut y = legend(&mut body, &phases(history), bottom + 48.0);
    for line in wrapped(summary(&history.outages), " ", COLUMNS) {
        y += 20.0;
        words(&mut body, MARGIN, y, "", &line);
    }
    let height = y + MARGIN;
    let title = format!("netroam, {}", range(from, now, zone));
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n\
         <rect class=\"page\" width=\"{WIDTH}\" height=\"{height}\"/>\n",
        title = escaped(&title)
    );
    words(&mut text, MARGIN, 26.0, "", &title);
    text + &body + "</svg>\n"
}

/// Where what is drawn.
struct Page {
    from: Stamp,
    now: Stamp,
    zone: Zone,
    left: f64,
    length: f64,
}

impl Page {
    fn x(&self, at: Stamp) -> f64 {
        let range = to_float(self.now.unix_ms() - self.from.unix_ms());
        let since = to_float(at.unix_ms() - self.from.unix_ms());
        self.left + (since / range).clamp(0.0, 1.0) * self.length
    }

    fn grid(&self, top: f64, bottom: f64) -> String {
        let mut text = String::new();
        let (range, mut end) = ((self.from, self.now), 0.0);
        for (place, tick) in marks(range, self.zone, self.length, CHARACTER, 16.0) {
            let x = self.left + place;
            add(
                &mut text,
                format_args!(
                    "<line class=\"grid\" x1=\"{x:.1}\" y1=\"{:.1}\" x2=\"{x:.1}\" y2=\"{:.1}\"/>",
                    top - 6.0,
                    bottom + 4.0
                ),
            );
            // In the middle of its mark, but not over the edge.
            let half = width(&tick.label) / 2.0;
            let x = x.min(WIDTH - 4.0 - half) - half;
            if x > end {
                words(&mut text, x, bottom + 20.0, "faint", &tick.label);
                end = x + 2.0 * half;
            }
        }
        text
    }

    fn row(&self, text: &mut String, session: &Session, name: &str, y: f64) {
        let bar = y + (ROW - BAR) / 2.0;
        words(text, MARGIN, y + ROW / 2.0 + 4.0, "", name);
        add(
            text,
            format_args!(
                "<rect class=\"track\" x=\"{:.1}\" y=\"{bar:.1}\" width=\"{:.1}\" height=\"{BAR}\"/>",
                self.left, self.length
            ),
        );
        let mut spans: Vec<&Span> = session
            .spans
            .iter()
            .filter(|span| span.to > self.from)
            .collect();
        // What is worse is drawn over what is better, where both are narrower than can be drawn.
        spans.sort_by_key(|span| (span.state, span.from));
        for span in spans {
            let (from, to) = (self.x(span.from), self.x(span.to));
            let width = (to - from).max(NARROWEST);
            let x = from.min(self.left + self.length - width);
            add(
                text,
                format_args!(
                    "<rect class=\"{}\" x=\"{x:.2}\" y=\"{bar:.1}\" width=\"{width:.2}\" height=\"{BAR}\"><title>{}</title></rect>",
                    class(span.state),
                    escaped(&self.about(span, &self::name(session)))
                ),
            );
        }
    }

    /// What is said where it is pointed at.
    fn about(&self, span: &Span, name: &str) -> String {
        let (from, to) = (span.from, span.to);
        let mut lines = vec![
            format!("{name}: {}", report::history::phase(span.state)),
            format!(
                "{}, {}",
                range(from, to, self.zone),
                duration(to.since(from))
            ),
            span.text.clone(),
        ];
        lines.extend(span.path.as_ref().map(|path| format!("path: {path}")));
        lines.extend(span.lost.as_ref().map(|why| format!("lost: {why}")));
        let lines: Vec<String> = lines.iter().map(|line| plain(line)).collect();
        lines.join("\n")
    }
}

/// Draws what the colours mean, in as many lines as it takes; gives where the last one is.
fn legend(text: &mut String, phases: &[Phase], mut y: f64) -> f64 {
    let mut x = MARGIN;
    for phase in phases {
        let label = report::history::phase(*phase);
        let end = x + 18.0 + width(label);
        if end > WIDTH - MARGIN {
            x = MARGIN;
            y += 20.0;
        }
        add(
            text,
            format_args!(
                "<rect class=\"{}\" x=\"{x:.1}\" y=\"{:.1}\" width=\"12\" height=\"12\"/>",
                class(*phase),
                y - 10.0
            ),
        );
        words(text, x + 18.0, y, "", label);
        x += 18.0 + width(label) + 20.0;
    }
    y
}

/// A line of words.
fn words(text: &mut String, x: f64, y: f64, class: &str, words: &str) {
    let class = if class.is_empty() {
        String::new()
    } else {
        format!(" class=\"{class}\"")
    };
    let words = escaped(words);
    add(
        text,
        format_args!("<text{class} x=\"{x:.1}\" y=\"{y:.1}\">{words}</text>"),
    );
}

fn add(text: &mut String, line: std::fmt::Arguments<'_>) {
    if writeln!(text, "{line}").is_err() {
        unreachable!("a string takes everything");
    }
}

fn width(text: &str) -> f64 {
    f64::from(u32::try_from(columns_of(text)).unwrap_or(u32::MAX)) * CHARACTER
}

fn class(phase: Phase) -> &'static str {
    match phase {
        Phase::Attached => "attached",
        Phase::Doubtful => "doubtful",
        Phase::Holding => "holding",
        Phase::Connecting => "connecting",
        Phase::Retrying => "retrying",
        Phase::Network => "network",
        Phase::Person => "person",
        Phase::Unknown => "unknown",
    }
}

/// As XML has it; what no document may hold (XML 1.0, 2.2) is replaced. Control characters but a newline are gone already ([`plain`]).
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for char in text.chars() {
        match char {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            '\u{fffe}' | '\u{ffff}' => escaped.push(char::REPLACEMENT_CHARACTER),
            char => escaped.push(char),
        }
    }
    escaped
}
