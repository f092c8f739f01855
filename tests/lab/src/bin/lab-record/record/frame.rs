//! What a terminal showed, moment by moment.

use std::num::NonZeroU16;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use netroam_lab::{Chunk, seconds};

use super::paint::Look;

/// What arrives within this time is seen as one.
const AT_ONCE: Duration = Duration::from_millis(40);

/// Neighbours in a row that look alike; each of their characters has the same width.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Run {
    /// Where it begins, in columns.
    pub(crate) column: u16,
    /// How many columns it takes.
    pub(crate) width: u16,
    /// Its characters.
    pub(crate) text: String,
    /// How they look.
    pub(crate) look: Look,
}

/// The screen at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// When it came, from the beginning on.
    pub(crate) at: Duration,
    /// Its rows.
    pub(crate) rows: Vec<Vec<Run>>,
    /// Row and column of the cursor, unless that is hidden.
    pub(crate) cursor: Option<(u16, u16)>,
}

/// The screens that these bytes drew on a terminal of this size; the first is the one at `began`.
pub(crate) fn frames(
    chunks: &[Chunk],
    began: SystemTime,
    rows: u16,
    columns: u16,
) -> Result<Vec<Frame>> {
    let size = |n| NonZeroU16::new(n).context("a terminal has rows and columns");
    let mut parser = vt100::Parser::new(size(rows)?, size(columns)?, 0);
    let mut frames: Vec<Frame> = Vec::new();
    for (index, chunk) in chunks.iter().enumerate() {
        parser.process(&chunk.bytes);
        let next = chunks.get(index + 1);
        if next.is_some_and(|next| seconds(chunk.at, next.at) < AT_ONCE.as_secs_f64()) {
            continue;
        }
        let at = chunk.at.duration_since(began).unwrap_or_default();
        let frame = Frame {
            at,
            ..shown(parser.screen())
        };
        match frames.last_mut() {
            Some(last) if last.rows == frame.rows && last.cursor == frame.cursor => {}
            Some(last) if at.is_zero() => *last = frame,
            Some(_) | None => frames.push(frame),
        }
    }
    Ok(frames)
}

fn shown(screen: &vt100::Screen) -> Frame {
    let (rows, columns) = screen.size();
    Frame {
        at: Duration::ZERO,
        rows: (0..rows.get())
            .map(|row| runs(screen, row, columns.get()))
            .collect(),
        cursor: (!screen.hide_cursor()).then(|| screen.cursor_position()),
    }
}

fn runs(screen: &vt100::Screen, row: u16, columns: u16) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    // Whether the last run is of characters that take two columns: those stand alone.
    let mut open = false;
    for column in 0..columns {
        let Some(cell) = screen
            .cell(row, column)
            .filter(|cell| !cell.is_wide_continuation())
        else {
            continue;
        };
        let (look, wide) = (Look::of(cell), cell.is_wide());
        let text = if cell.has_contents() {
            cell.contents()
        } else {
            " "
        };
        match runs.last_mut() {
            Some(last) if open && !wide && last.look == look => {
                last.text.push_str(text);
                last.width += 1;
            }
            Some(_) | None => runs.push(Run {
                column,
                width: 1 + u16::from(wide),
                text: text.to_owned(),
                look,
            }),
        }
        open = !wide;
    }
    // Nothing to see.
    for run in &mut runs {
        if !run.look.shows_blanks() {
            let start = run.text.len() - run.text.trim_start_matches(' ').len();
            let text = run.text.trim_matches(' ').to_owned();
            run.column += u16::try_from(start).unwrap_or_default();
            let blanks = run.text.len() - text.len();
            run.width -= u16::try_from(blanks).unwrap_or_default();
            run.text = text;
        }
    }
    runs.retain(|run| !run.text.is_empty());
    runs
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Chunks that came at these milliseconds.
    pub(crate) fn recorded(chunks: &[(u64, &str)]) -> Vec<Frame> {
        let began = SystemTime::UNIX_EPOCH;
        let chunks: Vec<_> = chunks
            .iter()
            .map(|(at, text)| Chunk {
                at: began + Duration::from_millis(*at),
                bytes: text.as_bytes().to_vec(),
            })
            .collect();
        frames(&chunks, began, 3, 20).unwrap()
    }

    fn texts(frame: &Frame, row: usize) -> Vec<(u16, u16, &str)> {
        let runs = frame.rows[row].iter();
        runs.map(|run| (run.column, run.width, &*run.text))
            .collect()
    }

    #[test]
    fn what_comes_at_once_is_one_frame_and_what_changes_nothing_is_none() {
        let frames = recorded(&[
            (0, "a"),
            (10, "b"),
            (100, "\x1b[m"),
            (200, "c"),
            (300, "\x1b[2J\x1b[H"),
            (310, "abc"),
        ]);
        let seen: Vec<_> = frames
            .iter()
            .map(|frame| (frame.at.as_millis(), texts(frame, 0)))
            .collect();
        assert_eq!(seen, [(10, vec![(0, 2, "ab")]), (200, vec![(0, 3, "abc")])]);
    }

    #[test]
    fn runs_have_one_look_and_blanks_at_their_ends_only_where_they_show() {
        let frames = recorded(&[(0, "  a b \x1b[31mred\x1b[m  \x1b[7m x \x1b[m")]);
        let row = &frames[0].rows[0];
        assert_eq!(
            texts(&frames[0], 0),
            [(2, 3, "a b"), (6, 3, "red"), (11, 3, " x ")]
        );
        assert!(row[0].look != row[1].look && row[1].look != row[2].look);
        assert_eq!(frames[0].cursor, Some((0, 14)));
    }

    #[test]
    fn wide_characters_stand_alone_in_two_columns() {
        let frames = recorded(&[(0, "ab東京c\x1b[?25l")]);
        assert_eq!(
            texts(&frames[0], 0),
            [(0, 2, "ab"), (2, 2, "東"), (4, 2, "京"), (6, 1, "c")]
        );
        assert_eq!(frames[0].cursor, None);
    }
}
