//! A list to choose from: narrowed by typing, drawn below the line where the cursor is, and taken away again.
//!
//! The cursor stays on the first line of what is drawn, so that taking it away needs no count of lines, whatever a window that was made
//! narrower did to them. Nothing is switched on that would have to be switched off.

use super::{fit::columns_of, status::cut};
use crate::report;

/// So many rows are shown at once.
const MOST: usize = 12;

/// Clears the list away.
pub const ERASED: &str = "\r\x1b[J";

/// Something to choose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// What one types to narrow the list down to it.
    pub name: String,
    /// What else there is to know.
    pub about: String,
    /// What choosing it does.
    pub does: String,
}

/// What keys did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pressed {
    /// Nothing is chosen yet.
    Nothing,
    /// The row of this number is chosen.
    Chosen(usize),
    /// The person leaves.
    Left,
}

/// The list, as far as it is narrowed.
#[derive(Clone, Debug)]
pub struct List {
    prompt: String,
    rows: Vec<Row>,
    typed: String,
    /// The rows that fit what is typed, the best first.
    fitting: Vec<usize>,
    /// The one of these that Enter takes.
    at: usize,
    /// The first of these that is shown.
    top: usize,
}

impl List {
    /// All of these, below this prompt.
    pub fn new(prompt: &str, rows: Vec<Row>) -> Self {
        Self {
            prompt: prompt.to_owned(),
            fitting: (0..rows.len()).collect(),
            rows,
            typed: String::new(),
            at: 0,
            top: 0,
        }
    }

    /// Takes what the terminal sent for keys: those that came at once, sequences whole.
    pub fn press(&mut self, mut bytes: &[u8]) -> Pressed {
        while let Some((first, rest)) = bytes.split_first() {
            bytes = rest;
            match first {
                b'\r' | b'\n' => {
                    if let Some(row) = self.fitting.get(self.at) {
                        return Pressed::Chosen(*row);
                    }
                }
                0x1b => match sequence(&mut bytes) {
                    None => return Pressed::Left,
                    Some([.., b'A']) => self.step(-1),
                    Some([.., b'B']) => self.step(1),
                    Some([.., b'5', b'~']) => self.step(-(MOST.cast_signed())),
                    Some([.., b'6', b'~']) => self.step(MOST.cast_signed()),
                    Some([.., b'H']) => self.at = 0,
                    Some([.., b'F']) => self.at = self.fitting.len().saturating_sub(1),
                    Some(_) => {}
                },
                // Ctrl-P, Ctrl-N, Tab
                0x10 => self.step(-1),
                0x0e | b'\t' => self.step(1),
                // Ctrl-D, as at the prompt of a shell.
                0x04 if self.typed.is_empty() => return Pressed::Left,
                0x7f | 0x08 => {
                    self.typed.pop();
                    self.narrow();
                }
                // Ctrl-U
                0x15 => {
                    self.typed.clear();
                    self.narrow();
                }
                byte if byte.is_ascii_control() => {}
                _ => {
                    let more = rest.iter().position(u8::is_ascii_control);
                    let (more, after) = rest.split_at(more.unwrap_or(rest.len()));
                    bytes = after;
                    let text = [&[*first], more].concat();
                    self.typed
                        .push_str(&report::plain(&String::from_utf8_lossy(&text)));
                    self.narrow();
                }
            }
        }
        Pressed::Nothing
    }

    /// Draws it in a window of this size, in the place of what was drawn of it before.
    pub fn draw(&mut self, columns: usize, lines: usize) -> String {
        let columns = columns.saturating_sub(1);
        let room = lines.saturating_sub(2).clamp(1, MOST);
        self.top = self.top.clamp((self.at + 1).saturating_sub(room), self.at);
        let first = cut(&format!("{}{}", self.prompt, self.typed), columns).to_owned();
        let shown = self.fitting.iter().enumerate().skip(self.top).take(room);
        let shown: Vec<_> = shown.map(|(at, row)| (at, &self.rows[*row])).collect();
        let width = shown.iter().map(|(_, row)| row.name.chars().count());
        let width = width.max().unwrap_or(0).min(columns / 2);
        let mut drawn = vec![first.clone()];
        for (at, row) in shown {
            let mark = if at == self.at { '>' } else { ' ' };
            let line = format!("{mark} {:width$}  {}", row.name, row.about);
            drawn.push(cut(line.trim_end(), columns).to_owned());
        }
        let last = match self.fitting.get(self.at) {
            Some(row) => format!(
                "{} of {} [Esc: leave, Enter: {}]",
                self.at + 1,
                self.fitting.len(),
                self.rows[*row].does
            ),
            None => "none fits [Esc: leave; for any other host: netroam watch HOST]".to_owned(),
        };
        if lines > 2 {
            drawn.push(cut(&last, columns).to_owned());
        }
        let below = drawn.len() - 1;
        let right = match columns_of(&first) {
            0 => String::new(),
            columns => format!("\x1b[{columns}C"),
        };
        format!("{ERASED}{}\r\x1b[{below}A{right}", drawn.join("\r\n"))
    }

    fn step(&mut self, by: isize) {
        let last = self.fitting.len().saturating_sub(1);
        self.at = self.at.saturating_add_signed(by).min(last);
    }

    fn narrow(&mut self) {
        let typed = self.typed.to_lowercase();
        let ranks = self.rows.iter().map(|row| rank(&row.name, &typed));
        let mut fitting: Vec<_> = ranks
            .enumerate()
            .filter_map(|(row, rank)| Some((rank?, row)))
            .collect();
        fitting.sort_unstable();
        self.fitting = fitting.into_iter().map(|(_, row)| row).collect();
        (self.at, self.top) = (0, 0);
    }
}

/// How well a name fits what is typed, in lower case; the least is the best. Its letters may stand apart, as long as they stand in that order.
fn rank(name: &str, typed: &str) -> Option<u8> {
    let name = name.to_lowercase();
    let mut letters = name.chars();
    if name == typed {
        Some(0)
    } else if name.starts_with(typed) {
        Some(1)
    } else if name.contains(typed) {
        Some(2)
    } else if typed
        .chars()
        .all(|letter| letters.any(|other| other == letter))
    {
        Some(3)
    } else {
        None
    }
}

/// Takes the rest of an escape sequence (ECMA-48, 5.4; `ESC O` is what cursor keys send in application mode); `None` if there is none, so that
/// it was the key Esc.
fn sequence<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let whole = *bytes;
    let end = match whole {
        [] => return None,
        [b'[', rest @ ..] => rest
            .iter()
            .position(|byte| (0x40..=0x7e).contains(byte))
            .map_or(whole.len(), |at| at + 2),
        [b'O', _, ..] => 2,
        [_, ..] => 1,
    };
    let (sequence, rest) = whole.split_at(end);
    *bytes = rest;
    Some(sequence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(names: &[&str]) -> Vec<Row> {
        let row = |name: &&str| Row {
            name: (*name).into(),
            about: format!("about {name}"),
            does: format!("take {name}"),
        };
        names.iter().map(row).collect()
    }

    fn list(names: &[&str]) -> List {
        List::new("which? ", rows(names))
    }

    /// The rows that fit, in their order.
    fn fitting(names: &[&str], typed: &str) -> Vec<String> {
        let mut list = list(names);
        assert_eq!(list.press(typed.as_bytes()), Pressed::Nothing);
        let fitting = list.fitting.iter();
        fitting.map(|row| list.rows[*row].name.clone()).collect()
    }

    #[test]
    fn typing_narrows_and_the_best_come_first() {
        let names = ["mail", "gw1/work", "work", "workshop", "w-o", "GW2"];
        for (typed, expected) in [
            ("", &names[..]),
            ("work", &["work", "workshop", "gw1/work"]),
            ("gw", &["gw1/work", "GW2"]),
            ("wo", &["work", "workshop", "gw1/work", "w-o"]),
            ("mo", &[]),
            ("about", &[]),
            ("xyz", &[]),
            ("xyz\x7f\x7f\x7fmail", &["mail"]),
            ("xyz\x15mail", &["mail"]),
            ("m\x01\x02ail", &["mail"]),
        ] {
            assert_eq!(fitting(&names, typed), expected, "{typed:?}");
        }
    }

    #[test]
    fn enter_takes_the_row_of_the_mark() {
        let names = ["a", "ba", "bb", "c"];
        for (keys, chosen) in [
            ("\n", 0),
            ("\r", 0),
            ("b\n", 1),
            ("b\x1b[B\n", 2),
            ("b\x1bOB\x1b[B\x1b[B\n", 2),
            ("\x1b[B\x1b[B\x1b[A\n", 1),
            ("\x1b[A\n", 0),
            ("\x1b[F\n", 3),
            ("\x1b[6~\n", 3),
            ("\x1b[6~\x1b[5~\n", 0),
            ("\x1b[B\x1b[H\n", 0),
            ("\x0e\t\x10\n", 1),
            ("\x1b[1;5C\x1b[200~b\x1b[201~\n", 1),
            // A choice that nothing fits is none.
            ("x\n\x7fc\n", 3),
        ] {
            assert_eq!(
                list(&names).press(keys.as_bytes()),
                Pressed::Chosen(chosen),
                "{keys:?}"
            );
        }
        for keys in ["\x1b", "b\x1b", "\x04", "b\x7f\x04"] {
            assert_eq!(
                list(&names).press(keys.as_bytes()),
                Pressed::Left,
                "{keys:?}"
            );
        }
        assert_eq!(list(&names).press(b"b\x04"), Pressed::Nothing);
        assert_eq!(list(&[]).press(b"\n\x1b[B\n"), Pressed::Nothing);
    }

    /// What a window of this size shows, and where its cursor is.
    fn shown(bytes: &str, lines: u16, columns: u16) -> (String, (u16, u16)) {
        let size = |n| std::num::NonZeroU16::new(n).unwrap();
        let mut parser = vt100::Parser::new(size(lines), size(columns), 0);
        parser.process(bytes.as_bytes());
        let screen = parser.screen();
        (screen.contents(), screen.cursor_position())
    }

    #[test]
    fn what_is_drawn_fits_the_window_and_goes_away() {
        let names: Vec<_> = (0..500).map(|n| format!("host{n}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        for (lines, columns) in [(24, 80), (24, 40), (10, 20), (3, 10), (2, 4), (1, 2)] {
            let mut list = list(&names);
            list.press(b"\x1b[6~");
            let drawn = list.draw(columns.into(), lines.into());
            let (seen, cursor) = shown(&drawn, lines, columns);
            assert!(seen.lines().count() <= 14, "{seen}");
            assert_eq!(cursor, (0, 7.min(columns - 1)), "{seen}");
            if columns > 8 {
                assert!(seen.contains("\n> host12"), "{lines}x{columns}: {seen}");
            }
            let (seen, cursor) = shown(&format!("{drawn}{ERASED}"), lines, columns);
            assert_eq!((seen.as_str(), cursor), ("", (0, 0)));
        }
    }

    #[test]
    fn the_last_line_says_what_enter_does() {
        let mut list = list(&["a", "b"]);
        list.press(b"\x1b[B");
        let (seen, _) = shown(&list.draw(80, 24), 24, 80);
        let expected = "which? \n  a  about a\n> b  about b\n2 of 2 [Esc: leave, Enter: take b]";
        assert_eq!(seen, expected);
        list.press(b"x");
        let (seen, cursor) = shown(&list.draw(80, 24), 24, 80);
        assert_eq!(
            seen,
            "which? x\nnone fits [Esc: leave; for any other host: netroam watch HOST]"
        );
        assert_eq!(cursor, (0, 8));
    }
}
