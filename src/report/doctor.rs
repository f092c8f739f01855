//! What `netroam doctor` says: a line for each check, and what to do where it is not as it should be.
//!
//! The word of each check is its name in `--json` and in docs/doctor.md; it does not change.

use std::fmt::Write as _;

use serde::Serialize;

use super::plain;
use crate::terminal::fit::broken;

pub mod directories;
pub mod here;
pub mod login;
pub mod there;

/// What a check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// A session works, with less than there could be; or it could not be found out.
    Warning,
    /// A session does not work.
    Wrong,
}

/// One check and what it came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which check; always the same word.
    pub check: &'static str,
    /// What it came to.
    pub verdict: Verdict,
    /// What was found.
    pub text: String,
    /// What to do; only beside a warning and what is wrong.
    pub hint: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, text: impl Into<String>) -> Self {
        Self::new(check, Verdict::Ok, &text.into(), None)
    }

    fn warning(check: &'static str, text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(check, Verdict::Warning, &text.into(), Some(&hint.into()))
    }

    fn wrong(check: &'static str, text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(check, Verdict::Wrong, &text.into(), Some(&hint.into()))
    }

    fn new(check: &'static str, verdict: Verdict, text: &str, hint: Option<&str>) -> Self {
        Self {
            check,
            verdict,
            text: plain(text),
            hint: hint.map(plain),
        }
    }
}

/// How wide the column of the verdicts is.
const VERDICT: usize = 9;

/// Less than this is no width to write in.
const NARROWEST: usize = 40;

/// How it is written.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// With colours.
    pub colour: bool,
    /// Columns of the terminal; `None` leaves lines as long as they are.
    pub width: Option<u16>,
}

impl Style {
    /// The lines of one check.
    pub fn finding(self, finding: &Finding) -> String {
        let (word, colour) = match finding.verdict {
            Verdict::Ok => ("ok", 32),
            Verdict::Warning => ("warning", 33),
            Verdict::Wrong => ("wrong", 31),
        };
        let pad = " ".repeat(VERDICT - word.len());
        let text = format!("{}: {}", finding.check, finding.text);
        let mut lines = format!(
            "{}{pad}{}\n",
            self.coloured(word, colour),
            self.wrapped(&text)
        );
        if let Some(hint) = &finding.hint {
            let hint = self.wrapped(&format!("hint: {hint}"));
            // Nothing in a string takes this.
            let _infallible = writeln!(lines, "{:VERDICT$}{hint}", "");
        }
        lines
    }

    /// The last line: whether a session will work, with `host` or at all.
    pub fn closing(self, host: Option<&str>, findings: &[Finding]) -> String {
        let count = |verdict| {
            let same = findings.iter().filter(|finding| finding.verdict == verdict);
            same.count()
        };
        let watch = host.map_or_else(
            || "netroam watch".to_owned(),
            |host| format!("netroam watch {}", plain(host)),
        );
        // Only that it was not asked is a warning there.
        let unasked = findings
            .iter()
            .any(|finding| finding.check == "answer" && finding.verdict == Verdict::Warning);
        match (count(Verdict::Wrong), count(Verdict::Warning)) {
            (0, warnings) if unasked => {
                let warnings = many(warnings, "warning", "warnings");
                let line =
                    format!("{watch} would wait now, and the host was not asked; {warnings}");
                self.coloured(&line, 33) + "\n"
            }
            (0, 0) => self.coloured(&format!("{watch} will work"), 32) + "\n",
            (0, 1) => self.coloured(&format!("{watch} will work; 1 warning"), 32) + "\n",
            (0, warnings) => {
                self.coloured(&format!("{watch} will work; {warnings} warnings"), 32) + "\n"
            }
            (1, _) => self.coloured(&format!("{watch} will not work: 1 thing is wrong"), 31) + "\n",
            (wrong, _) => {
                let line = format!("{watch} will not work: {wrong} things are wrong");
                self.coloured(&line, 31) + "\n"
            }
        }
    }

    /// By SGR (ECMA-48, 8.3.117), where that is wanted.
    fn coloured(self, text: &str, colour: u8) -> String {
        if self.colour {
            format!("\u{1b}[{colour}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    /// Broken between words behind the column of the verdicts; a word that is longer than a line stays whole.
    fn wrapped(self, text: &str) -> String {
        let Some(width) = self
            .width
            .map(usize::from)
            .filter(|width| *width >= NARROWEST)
        else {
            return text.to_owned();
        };
        let lines = broken(text, width - VERDICT);
        lines.join(&format!("\n{:VERDICT$}", ""))
    }
}

/// `1 key`, `2 keys`.
fn many(count: usize, one: &str, more: &str) -> String {
    if count == 1 {
        format!("1 {one}")
    } else {
        format!("{count} {more}")
    }
}

#[cfg(test)]
mod tests;
