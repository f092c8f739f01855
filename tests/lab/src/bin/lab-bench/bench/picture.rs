//! The bars.

use std::fmt::Write as _;

use super::publish::{COMPARED, Row};

const WIDTH: f64 = 800.0;
/// Where the bars begin, and where the longest may end.
const LEFT: f64 = 14.0;
const RIGHT: f64 = WIDTH - 60.0;
const BAR: f64 = 11.0;
/// A line of words above each group, and the distance to the next.
const WORDS: f64 = 6.0;
const GROUP: f64 = 26.0;
const TOP: f64 = 64.0;

/// What a bar stands for: the shortest that is drawn, and the longest, in seconds. The scale is logarithmic.
const SCALE: (f64, f64) = (0.01, 200.0);

/// A group of bars for each row.
pub(super) fn bars(rows: &[Row]) -> String {
    let clients = COMPARED.len();
    let group = |n: usize| TOP + as_f64(n) * (as_f64(clients) * BAR + GROUP);
    let height = group(rows.len()) - WORDS;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"system-ui, sans-serif\" font-size=\"11\">\n\
         <title>Seconds until the session is usable again, by client</title>\n\
         <style>\n\
         text {{ fill: #24292f }} .line {{ stroke: #d0d7de }} .other {{ fill: #8c959f }} .hand {{ fill: #c8ced5 }} .netroam {{ fill: #0969da }} .back {{ fill: #fff }}\n\
         @media (prefers-color-scheme: dark) {{ text {{ fill: #d1d7e0 }} .line {{ stroke: #3d444d }} .other {{ fill: #7d8590 }} .hand {{ fill: #4a525c }} \
         .netroam {{ fill: #4493f8 }} .back {{ fill: #0d1117 }} }}\n\
         </style>\n\
         <rect class=\"back\" width=\"100%\" height=\"100%\"/>\n\
         <text x=\"12\" y=\"20\" font-size=\"14\" font-weight=\"bold\">Seconds until the session is usable again</text>\n"
    );
    for (mark, name) in [
        (0.01, "0.01"),
        (0.1, "0.1"),
        (1.0, "1"),
        (10.0, "10"),
        (100.0, "100 s"),
    ] {
        let x = across(mark);
        let _infallible = writeln!(
            svg,
            "<line class=\"line\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/><text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{name}</text>",
            TOP - 22.0,
            height - 10.0,
            TOP - 26.0
        );
    }
    for (n, row) in rows.iter().enumerate() {
        let top = group(n);
        let _infallible = writeln!(
            svg,
            "<text x=\"{LEFT}\" y=\"{:.1}\" font-weight=\"bold\">{}</text>",
            top - WORDS,
            escaped(&row.what)
        );
        for (m, (client, seconds)) in COMPARED.iter().zip(&row.seconds).enumerate() {
            let y = top + as_f64(m) * BAR;
            let class = match m {
                0 => "hand",
                1 => "netroam",
                _ => "other",
            };
            let _infallible = match seconds {
                Some(seconds) => writeln!(
                    svg,
                    "<rect class=\"{class}\" x=\"{LEFT}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>\
                     <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"9\">{client} {seconds:.2}</text>",
                    (across(*seconds) - LEFT).max(1.0),
                    BAR - 2.0,
                    across(*seconds) + 4.0,
                    y + BAR - 3.0
                ),
                None => writeln!(
                    svg,
                    "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"9\">{client} –</text>",
                    LEFT + 4.0,
                    y + BAR - 3.0
                ),
            };
        }
    }
    svg + "</svg>\n"
}

/// Where a number of seconds is.
fn across(seconds: f64) -> f64 {
    let (least, most) = SCALE;
    let part = (seconds.clamp(least, most) / least).ln() / (most / least).ln();
    LEFT + part * (RIGHT - LEFT)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

fn as_f64(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_the_logarithm() {
        let step = across(1.0) - across(0.1);
        assert!((across(10.0) - across(1.0) - step).abs() < 0.01);
        assert!((across(0.0) - LEFT).abs() < 0.01 && (across(1e9) - RIGHT).abs() < 0.01);
    }
}
