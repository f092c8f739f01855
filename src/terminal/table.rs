//! Rows in columns that fit a terminal: cut, or left out, but never wrapped.

use std::{cmp::Reverse, collections::BTreeMap};

use super::fit::{columns_of, cut};
use crate::report;

/// Between two columns.
const GAP: &str = "  ";

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// What stands above it.
    pub head: &'static str,
    /// It is not cut to less than so many columns of the terminal; `usize::MAX` where it is never cut.
    pub least: usize,
    /// Where not all fit, those with the smallest go first; `None` stays.
    pub rank: Option<u8>,
    /// Numbers, which stand at its right end.
    pub right: bool,
}

/// A cell: its text, and how it is shown (SGR parameters, ECMA-48 8.3.117) where colours are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// What it says. It is made harmless here.
    pub text: String,
    /// As in `ESC [ STYLE m`.
    pub style: Option<&'static str>,
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self {
            text: text.into(),
            style: None,
        }
    }
}

/// The lines: the heads, and one for each row, none wider than `width` columns. A row has a cell for each of `columns`.
pub fn lines(columns: &[Column], rows: &[Vec<Cell>], width: usize, styled: bool) -> Vec<String> {
    let heads = columns.iter().map(|column| Cell {
        text: column.head.into(),
        style: Some("1"),
    });
    let rows: Vec<Vec<Cell>> = std::iter::once(heads.collect())
        .chain(rows.iter().cloned())
        .map(|row: Vec<Cell>| {
            let clean = |cell: Cell| Cell {
                text: report::plain(&cell.text),
                ..cell
            };
            row.into_iter().map(clean).collect()
        })
        .collect();
    let widest = |index: usize| {
        let cells = rows.iter().filter_map(|row| row.get(index));
        cells.map(|cell| columns_of(&cell.text)).max().unwrap_or(0)
    };
    let natural: Vec<usize> = (0..columns.len()).map(widest).collect();
    let shown = fit(columns, &natural, width);
    let line = |row: &Vec<Cell>| {
        let mut line = String::new();
        let mut left = width;
        for (position, (index, room)) in shown.iter().enumerate() {
            let Some((cell, column)) = row.get(*index).zip(columns.get(*index)) else {
                continue;
            };
            if position > 0 {
                let gap = GAP.len().min(left);
                line += &GAP[..gap];
                left -= gap;
            }
            let room = (*room).min(left);
            let text = cut(&cell.text, room);
            let pad = room - columns_of(&text);
            left -= room;
            if column.right {
                line += &" ".repeat(pad);
            }
            match cell.style.filter(|_| styled && !text.is_empty()) {
                Some(style) => line += &["\x1b[", style, "m", &text, "\x1b[0m"].concat(),
                None => line += &text,
            }
            if !column.right {
                line += &" ".repeat(pad);
            }
        }
        line.trim_end_matches(' ').to_owned()
    };
    rows.iter().map(line).collect()
}

/// Which columns are shown, and how wide.
fn fit(columns: &[Column], natural: &[usize], width: usize) -> Vec<(usize, usize)> {
    let mut shown: Vec<usize> = (0..columns.len()).collect();
    let least = |index: &usize| natural[*index].min(columns[*index].least);
    let needed = |shown: &[usize]| {
        shown.iter().map(least).sum::<usize>() + GAP.len() * shown.len().saturating_sub(1)
    };
    while needed(&shown) > width {
        let ranked = shown.iter().filter(|index| columns[**index].rank.is_some());
        let Some(first) = ranked.min_by_key(|index| columns[**index].rank).copied() else {
            break;
        };
        shown.retain(|index| *index != first);
    }
    // What is left goes to those that matter most.
    let mut spare = width.saturating_sub(needed(&shown));
    let mut by_rank = shown.clone();
    by_rank.sort_by_key(|index| Reverse(columns[*index].rank.unwrap_or(u8::MAX)));
    let mut widths = BTreeMap::new();
    for index in by_rank {
        let least = least(&index);
        let more = (natural[index] - least).min(spare);
        spare -= more;
        widths.insert(index, least + more);
    }
    widths.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn column(head: &'static str, least: usize, rank: Option<u8>) -> Column {
        Column {
            head,
            least,
            rank,
            right: false,
        }
    }

    const COLUMNS: [Column; 3] = [
        column("NAME", 4, None),
        column("STATE", usize::MAX, Some(1)),
        column("NEXT", 6, Some(0)),
    ];

    fn drawn(width: usize) -> String {
        let row = |texts: [&str; 3]| texts.map(Cell::from).to_vec();
        let rows = [
            row(["gateway", "attached", ""]),
            row(["東京", "no-path", "waiting for it\x1b[2J"]),
        ];
        lines(&COLUMNS, &rows, width, false).join("\n")
    }

    #[test]
    fn columns_are_cut_then_left_out_and_never_wrap() {
        insta::assert_snapshot!(drawn(40), @r"
        NAME     STATE     NEXT
        gateway  attached
        東京     no-path   waiting for it�[2J
        ");
        insta::assert_snapshot!(drawn(30), @r"
        NAME     STATE     NEXT
        gateway  attached
        東京     no-path   waiting f..
        ");
        insta::assert_snapshot!(drawn(20), @r"
        NAME     STATE
        gateway  attached
        東京     no-path
        ");
        insta::assert_snapshot!(drawn(14), @r"
        NAME  STATE
        ga..  attached
        東京  no-path
        ");
        insta::assert_snapshot!(drawn(5), @r"
        NAME
        gat..
        東京
        ");
        insta::assert_snapshot!(drawn(1), @r"
        .
        .
        .
        ");
        for width in 0..60 {
            for line in drawn(width).lines() {
                assert!(columns_of(line) <= width, "{width}: {line:?}");
            }
        }
    }

    #[test]
    fn styles_are_no_part_of_the_width() {
        let cell = Cell {
            text: "down".into(),
            style: Some("31"),
        };
        let columns = [Column {
            right: true,
            ..column("STATE", 9, None)
        }];
        let lines = lines(&columns, &[vec![cell]], 80, true);
        assert_eq!(lines, ["\x1b[1mSTATE\x1b[0m", " \x1b[31mdown\x1b[0m"]);
    }
}
