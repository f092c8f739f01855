//! Text without anything that a terminal would act on: much of what is shown was said by strangers.

use std::fmt;

use serde::Serialize;

/// Whether a terminal does something at this character instead of showing it, or shows what follows otherwise than it is: control characters (C0,
/// DEL and C1, escape sequences begin with one), those that turn the direction of writing (`Bidi_Control` of UAX 9), and separators of lines.
pub fn is_acted_on(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}')
        || matches!(char, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What is printable of `text`: what a terminal would act on is shown and not sent.
pub fn plain(text: &str) -> String {
    text.chars().map(shown).collect()
}

/// The same of several lines, which stay lines.
pub fn plain_lines(text: &str) -> String {
    text.chars()
        .map(|char| if char == '\n' { char } else { shown(char) })
        .collect()
}

fn shown(char: char) -> char {
    if is_acted_on(char) {
        char::REPLACEMENT_CHARACTER
    } else {
        char
    }
}

/// The text without the numbers that Rust puts behind the system's words for an error: `No such file or directory (os error 2)`. They say nothing
/// that the words do not, and nothing on systems that number them otherwise.
pub(super) fn without_numbers(text: &str) -> String {
    const BEGINS: &str = " (os error ";
    let mut words = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(BEGINS) {
        let (before, number) = rest.split_at(at);
        words.push_str(before);
        let after = &number[BEGINS.len()..];
        rest = match after.split_once(')') {
            Some((number, behind)) if number.parse::<i32>().is_ok() => behind,
            Some(_) | None => {
                words.push_str(BEGINS);
                after
            }
        };
    }
    words + rest
}

/// Bytes as people write them.
#[derive(Clone, Copy, Debug)]
pub struct Plain<'a>(pub &'a [u8]);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&plain(&String::from_utf8_lossy(self.0)))
    }
}

/// A value as JSON on one line, which says the same to a program and does nothing to a terminal: what that would act on is escaped.
///
/// # Errors
/// It cannot be written as JSON.
pub fn json(value: &impl Serialize) -> serde_json::Result<String> {
    let text = serde_json::to_string(value)?;
    if !text.contains(is_acted_on) {
        return Ok(text);
    }
    // Only strings have such characters in them: outside of them is nothing but ASCII.
    let escape = |char: char| {
        if is_acted_on(char) {
            format!("\\u{:04x}", u32::from(char))
        } else {
            char.to_string()
        }
    };
    Ok(text.chars().map(escape).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_terminal_acts_on_is_shown_and_not_sent() {
        for (text, expected) in [
            ("\u{1b}[2J\u{1b}]0;title\u{7}", "�[2J�]0;title�"),
            ("a\r\nb\tc\u{7f}", "a��b�c�"),
            // CSI and OSC in one character, as UTF-8 has them.
            ("\u{9b}2J\u{9d}0;t\u{9c}", "�2J�0;t�"),
            ("gw1\u{202e}1wg\u{2066}x\u{2069}\u{200f}", "gw1�1wg�x��"),
            ("one\u{2028}two", "one�two"),
            ("bücher \u{5d0}\u{5d1}", "bücher \u{5d0}\u{5d1}"),
        ] {
            assert_eq!(plain(text), expected);
        }
        assert_eq!(plain_lines("a\n\u{1b}b\n"), "a\n�b\n");
        // A C1 character as a single byte is no UTF-8.
        assert_eq!(Plain(b"\x9b2J\x1b[m").to_string(), "�2J�[m");
    }

    #[test]
    fn an_error_is_words_and_no_number() {
        for (text, expected) in [
            (
                "cannot open a: No such file or directory (os error 2): b",
                "cannot open a: No such file or directory: b",
            ),
            ("x (os error 2)\ny (os error 13)\n", "x\ny\n"),
            ("a (os error x) (os error 7)", "a (os error x)"),
            ("cut off (os error 1", "cut off (os error 1"),
        ] {
            assert_eq!(without_numbers(text), expected);
        }
    }

    proptest! {
        #[test]
        fn json_says_the_same_and_has_nothing_to_act_on(text: String, strange in "[\u{0}-\u{1f}\u{7f}-\u{9f}\u{2028}-\u{202e}\u{2066}-\u{2069}a]*") {
            for text in [text, strange] {
                let written = json(&text).unwrap();
                prop_assert!(!written.contains(is_acted_on), "{written:?}");
                prop_assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
            }
        }
    }
}
