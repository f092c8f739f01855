//! Words in so many columns.

/// Cut to so many characters, the last of which says so.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept = text.chars().take(width.saturating_sub(1));
    kept.chain("…".chars()).take(width).collect()
}

/// Parts in as few lines as hold them; a part that is too long is broken at its spaces.
pub(super) fn wrapped(parts: &[String], between: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        let room = |line: &String| {
            line.chars().count() + between.chars().count() + part.chars().count() <= width
        };
        if let Some(line) = lines.last_mut().filter(|line| room(line)) {
            *line += between;
            *line += part;
        } else if part.chars().count() <= width || !part.contains(' ') {
            lines.push(part.clone());
        } else {
            let words: Vec<String> = part.split(' ').map(String::from).collect();
            lines.extend(wrapped(&words, " ", width));
        }
    }
    lines
}
