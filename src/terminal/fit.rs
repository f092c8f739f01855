//! Text in so many columns of a terminal: measured, cut, padded and broken.

use unicode_width::UnicodeWidthChar as _;

/// What stands for the rest where something is cut. ASCII: whether an ellipsis takes one column or two, terminals do not agree.
const REST: &str = "..";

/// How many columns of a terminal `text` takes.
pub fn columns_of(text: &str) -> usize {
    text.chars().map(|char| char.width().unwrap_or(0)).sum()
}

/// As much of `text` as fits into `columns`, and a sign that there is more.
pub fn cut(text: &str, columns: usize) -> String {
    if columns_of(text) <= columns {
        return text.to_owned();
    }
    let rest = &REST[..REST.len().min(columns)];
    let mut left = columns - rest.len();
    let mut cut = String::new();
    for char in text.chars() {
        let width = char.width().unwrap_or(0);
        if width > left {
            break;
        }
        left -= width;
        cut.push(char);
    }
    cut + rest
}

/// `text`, and spaces up to `columns`.
pub fn padded(text: &str, columns: usize) -> String {
    text.to_owned() + &" ".repeat(columns.saturating_sub(columns_of(text)))
}

/// Parts in as few lines of `columns` as hold them, `between` those that share a line; a part that is too long is broken at its spaces.
pub fn wrapped<S: AsRef<str>>(
    parts: impl IntoIterator<Item = S>,
    between: &str,
    columns: usize,
) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        let part = part.as_ref();
        let room =
            |line: &String| columns_of(line) + columns_of(between) + columns_of(part) <= columns;
        if let Some(line) = lines.last_mut().filter(|line| room(line)) {
            *line += between;
            *line += part;
        } else if columns_of(part) <= columns || !part.contains(' ') {
            lines.push(part.to_owned());
        } else {
            lines.extend(broken(part, columns));
        }
    }
    lines
}

/// The words of `text` in as few lines of `columns` as hold them; a word that is too long stays whole.
pub fn broken(text: &str, columns: usize) -> Vec<String> {
    wrapped(text.split(' '), " ", columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_padded_and_broken_by_the_columns_that_it_takes() {
        assert_eq!(padded("東京", 6), "東京  ");
        assert_eq!(padded("Tokyo", 3), "Tokyo");
        for (columns, expected) in [(4, "東京"), (3, ".."), (1, "."), (0, "")] {
            assert_eq!(cut("東京", columns), expected);
        }
        let parts = ["a b c,", "dd", "東京", "long-word"];
        assert_eq!(
            wrapped(parts, " ", 5),
            ["a b", "c, dd", "東京", "long-word"]
        );
        assert_eq!(wrapped(parts, " ", 80), ["a b c, dd 東京 long-word"]);
        assert_eq!(broken("a bc d", 4), ["a bc", "d"]);
    }
}
