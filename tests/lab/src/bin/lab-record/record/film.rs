//! An SVG that moves by itself, also as an image in a page: no script, no font of its own, nothing loaded.
//!
//! All frames lie below each other on one strip, of which a window shows one at a time; CSS moves the strip. What the network
//! does is told beneath, on a strip of its own. A row that occurs more than once is drawn once.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::frame::{Frame, Run};
use super::paint::{INK, Look, PAPER};

/// A character's cell, in pixels. That of 15 px type in the fonts below; the text is stretched to it in any other.
const CELL: (u32, u32) = (9, 20);
/// Around the terminal, the title above it, the caption beneath.
const MARGIN: u32 = 18;
const TITLE: u32 = 36;
const CAPTION: u32 = 78;
/// Between the frames on their strip, so that nothing of the next one is seen where pixels are not whole.
const GAP: u32 = 20;
/// One line of the caption.
const LINE: u32 = 30;

/// What is to be drawn.
#[derive(Debug)]
pub(crate) struct Film {
    /// In the window's title.
    pub(crate) title: String,
    /// How it was made.
    pub(crate) description: String,
    /// The terminal, in order.
    pub(crate) frames: Vec<Frame>,
    pub(crate) rows: u16,
    pub(crate) columns: u16,
    /// The network, in order.
    pub(crate) scenes: Vec<Scene>,
    /// The moment for who wants nothing to move.
    pub(crate) still: Duration,
    /// When it begins again.
    pub(crate) length: Duration,
}

/// What the network does from a moment on.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) at: Duration,
    pub(crate) colour: &'static str,
    /// Where the laptop is.
    pub(crate) place: String,
    /// What else is to be said.
    pub(crate) text: String,
}

/// Draws it.
pub(crate) fn draw(film: &Film) -> String {
    let (width, height) = (
        u32::from(film.columns) * CELL.0,
        u32::from(film.rows) * CELL.1,
    );
    let (whole, below) = (width + 2 * MARGIN, TITLE + height + 20);
    let frames: Vec<_> = film.frames.iter().map(|frame| frame.at).collect();
    let scenes: Vec<_> = film.scenes.iter().map(|scene| scene.at).collect();
    let still = |moments: &[Duration], step: u32| {
        let seen = moments.partition_point(|at| *at <= film.still).max(1) - 1;
        format!("translate(0,-{})", count(seen) * step)
    };
    let mut rows = BTreeMap::new();
    let mut looks = BTreeMap::new();
    let step = height + GAP;
    let strip = strip(film, step, &mut rows, &mut looks);
    let defs = definitions(&rows, &mut looks);
    let style = style(
        film,
        &looks,
        &[("film", &frames, step), ("note", &scenes, LINE)],
        width,
    );
    let (title, description) = (escape(&film.title), escape(&film.description));
    let head = width * count(share(film.still, film)) / 100_000;
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole} {tall}" width="{whole}" height="{tall}" role="img" xml:space="preserve">
<title>{title}</title>
<desc>{description}</desc>
<style>{style}</style>
<defs><rect id="c" width="{cell}" height="{line}" fill="{INK}" opacity=".55"/>
{defs}</defs>
<rect width="{whole}" height="{tall}" rx="10" fill="{PAPER}"/>
<path d="M0 {TITLE}V10A10 10 0 0 1 10 0H{corner}A10 10 0 0 1 {whole} 10V{TITLE}z" fill="#161b22"/>
<circle cx="20" cy="18" r="6" fill="#ff5f57"/><circle cx="40" cy="18" r="6" fill="#febc2e"/><circle cx="60" cy="18" r="6" fill="#28c840"/>
<text class="n" x="{middle}" y="23" text-anchor="middle" fill="#8b949e">{title}</text>
<svg x="{MARGIN}" y="{top}" width="{width}" height="{height}"><g class="film" transform="{film_still}">
{strip}</g></svg>
<path d="M0 {below}H{whole}" stroke="#30363d"/>
<svg x="{MARGIN}" y="{note_top}" width="{width}" height="{LINE}"><g class="note" transform="{note_still}">
{notes}</g></svg>
<g transform="translate({MARGIN},{bar_top})">{bar}<g class="head" transform="translate({head},0)"><circle cy="3" r="7" fill="{INK}" stroke="{PAPER}" stroke-width="2"/></g></g>
</svg>
"##,
        tall = below + CAPTION,
        cell = CELL.0,
        line = CELL.1,
        corner = whole - 10,
        middle = whole / 2,
        top = TITLE + 10,
        film_still = still(&frames, step),
        note_top = below + 12,
        note_still = still(&scenes, LINE),
        notes = notes(film),
        bar_top = below + 54,
        bar = bar(film, width),
    )
}

type Rows<'a> = BTreeMap<&'a [Run], usize>;
type Looks = BTreeMap<Look, usize>;

/// The frames, each as the rows that it has.
fn strip<'a>(film: &'a Film, step: u32, rows: &mut Rows<'a>, looks: &mut Looks) -> String {
    let mut strip = String::new();
    for (index, frame) in film.frames.iter().enumerate() {
        let _infallible = write!(
            strip,
            r#"<g transform="translate(0,{})">"#,
            count(index) * step
        );
        for (at, row) in frame
            .rows
            .iter()
            .enumerate()
            .filter(|(_, row)| !row.is_empty())
        {
            let new = rows.len();
            let id = *rows.entry(row).or_insert(new);
            let _infallible = write!(
                strip,
                r##"<use href="#r{id}" y="{}"/>"##,
                count(at) * CELL.1
            );
            for run in row {
                let new = looks.len();
                looks.entry(run.look).or_insert(new);
            }
        }
        if let Some((row, column)) = frame.cursor {
            let (x, y) = (u32::from(column) * CELL.0, u32::from(row) * CELL.1);
            let _infallible = write!(strip, r##"<use href="#c" x="{x}" y="{y}"/>"##);
        }
        strip.push_str("</g>\n");
    }
    strip
}

fn definitions(rows: &Rows, looks: &mut Looks) -> String {
    let mut text = String::new();
    for (row, id) in rows {
        let _infallible = write!(text, r#"<g id="r{id}">"#);
        for run in *row {
            let (x, width) = (
                u32::from(run.column) * CELL.0,
                u32::from(run.width) * CELL.0,
            );
            if let Some(paper) = run.look.paper {
                let _infallible = write!(
                    text,
                    r#"<rect x="{x}" width="{width}" height="{}" fill="{paper}"/>"#,
                    CELL.1
                );
            }
            let (look, written) = (looks[&run.look], escape(&run.text));
            let _infallible = write!(
                text,
                r#"<text class="l{look}" x="{x}" y="15" textLength="{width}" lengthAdjust="spacingAndGlyphs">{written}</text>"#
            );
        }
        text.push_str("</g>\n");
    }
    text
}

fn style(film: &Film, looks: &Looks, strips: &[(&str, &[Duration], u32)], width: u32) -> String {
    let seconds = film.length.as_secs_f64();
    let mut css = String::from(
        "text{font:15px ui-monospace,SFMono-Regular,Menlo,Consolas,'Liberation Mono','DejaVu Sans Mono',monospace;white-space:pre}\
         .n{font:14px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif}\n",
    );
    for (look, id) in looks {
        let _infallible = write!(css, ".l{id}{{{}}}", look.css());
    }
    for (name, moments, step) in strips {
        let _infallible = write!(
            css,
            "\n.{name}{{animation:{name} {seconds:.2}s step-end infinite}}@keyframes {name}{{"
        );
        for (index, at) in moments.iter().enumerate() {
            // The first is there from the beginning.
            let share = if index == 0 { 0 } else { share(*at, film) };
            let (whole, rest) = (share / 1000, share % 1000);
            let _infallible = write!(
                css,
                "{whole}.{rest:03}%{{transform:translateY(-{}px)}}",
                count(index) * step
            );
        }
        css.push('}');
    }
    let _infallible = write!(
        css,
        "\n.head{{animation:head {seconds:.2}s linear infinite}}@keyframes head{{from{{transform:translateX(0)}}to{{transform:translateX({width}px)}}}}\
         \n@media (prefers-reduced-motion:reduce){{.film,.note,.head{{animation:none}}}}"
    );
    css
}

fn notes(film: &Film) -> String {
    let mut text = String::new();
    for (index, scene) in film.scenes.iter().enumerate() {
        let (y, colour) = (count(index) * LINE, scene.colour);
        let _infallible = writeln!(
            text,
            r#"<circle cx="7" cy="{}" r="6" fill="{colour}"/><text class="n" x="24" y="{}" fill="{INK}"><tspan font-weight="bold" fill="{colour}">{}</tspan>  {}</text>"#,
            y + 14,
            y + 19,
            escape(&scene.place),
            escape(&scene.text)
        );
    }
    text
}

/// The time that passes, in the colours of the scenes; neighbours of one colour are one piece.
fn bar(film: &Film, width: u32) -> String {
    let mut text = String::new();
    let mut from = 0;
    for pieces in film
        .scenes
        .chunk_by(|scene, next| scene.colour == next.colour)
    {
        let after = film
            .scenes
            .iter()
            .find(|scene| pieces.iter().all(|piece| piece.at < scene.at));
        let to = after.map_or(width, |next| width * count(share(next.at, film)) / 100_000);
        let gap = if after.is_some() { 2 } else { 0 };
        let _infallible = write!(
            text,
            r#"<rect x="{from}" width="{}" height="6" rx="3" fill="{}" opacity=".75"/>"#,
            to.saturating_sub(from + gap),
            pieces[0].colour
        );
        from = to;
    }
    text
}

/// How much of the film has passed at a moment, in thousandths of a percent.
fn share(at: Duration, film: &Film) -> usize {
    let share = at.as_micros() * 100_000 / film.length.as_micros().max(1);
    usize::try_from(share).unwrap_or(100_000).min(100_000)
}

/// A number of things, none of which are ever so many.
fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Text in XML 1.0, which has no control characters.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            _ if character.is_control() => escaped.push(char::REPLACEMENT_CHARACTER),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::frame::tests::recorded;

    fn film() -> Film {
        let scene = |at, place: &str| Scene {
            at: Duration::from_secs(at),
            colour: "#123456",
            place: place.into(),
            text: "a <b>".into(),
        };
        Film {
            title: "me & you".into(),
            description: "from a test".into(),
            frames: recorded(&[
                (0, "$ "),
                (1000, "if a<b && \x1b[1;31m東\x1b[m"),
                (2000, "\x1b[2J\x1b[Hnew\r\n\x1b[44mold\x1b[m"),
                (3000, "\x1b[2J\x1b[H$ if a<b && \x1b[1;31m東\x1b[m"),
            ]),
            rows: 3,
            columns: 20,
            scenes: vec![scene(0, "here"), scene(2, "there")],
            still: Duration::from_millis(2500),
            length: Duration::from_secs(4),
        }
    }

    #[test]
    fn it_is_xml_that_says_what_was_on_the_screen() {
        let svg = draw(&film());
        let document = roxmltree::Document::parse(&svg).unwrap();
        let texts: Vec<_> = document
            .descendants()
            .filter(|node| node.has_tag_name("text") && node.attribute("textLength").is_some())
            .map(|node| {
                (
                    node.text().unwrap(),
                    node.attribute("x").unwrap(),
                    node.attribute("textLength").unwrap(),
                )
            })
            .collect();
        // A row that occurs twice is there once; the wide character has the width of two.
        assert_eq!(
            texts
                .iter()
                .filter(|(text, ..)| *text == "$ if a<b &&")
                .count(),
            1
        );
        assert!(texts.contains(&("東", "108", "18")), "{texts:?}");
        let uses = |id: &str| {
            document
                .descendants()
                .filter(|node| node.attribute("href") == Some(id))
                .count()
        };
        assert_eq!(uses("#c"), 4, "a cursor in each frame");
        for node in document
            .descendants()
            .filter(|node| node.has_tag_name("use"))
        {
            let id = &node.attribute("href").unwrap()[1..];
            assert!(
                document
                    .descendants()
                    .any(|node| node.attribute("id") == Some(id)),
                "{id}"
            );
        }
        for needs in ["script", "image", "foreignObject", "animate"] {
            assert!(
                !document.descendants().any(|node| node.has_tag_name(needs)),
                "{needs}"
            );
        }
        assert!(!svg.contains("url(") && !svg.contains("@import"));
    }

    #[test]
    fn each_frame_has_its_moment_and_who_wants_no_motion_sees_a_whole_one() {
        let svg = draw(&film());
        for keyframe in [
            "@keyframes film{0.000%{transform:translateY(-0px)}25.000%{transform:translateY(-80px)}50.000%{transform:translateY(-160px)}75.000%{",
            "@keyframes note{0.000%{transform:translateY(-0px)}50.000%{transform:translateY(-30px)}}",
            "film 4.00s step-end infinite",
            "(prefers-reduced-motion:reduce){.film,.note,.head{animation:none}}",
        ] {
            assert!(svg.contains(keyframe), "no {keyframe} in {svg}");
        }
        assert!(svg.contains(r#"class="film" transform="translate(0,-160)""#));
        assert!(svg.contains(r#"class="note" transform="translate(0,-30)""#));
    }

    #[test]
    fn control_characters_are_no_xml() {
        assert_eq!(escape("a\u{1b}<&>\u{7}"), "a\u{fffd}&lt;&amp;&gt;\u{fffd}");
    }
}
