//! Whether this machine knows a terminal.

use std::{
    env,
    path::{Path, PathBuf},
};

use etcetera::home_dir;

/// Where descriptions are beside the user's own: Debian's, everybody's, those of Homebrew and of the BSDs' packages.
const PLACES: [&str; 6] = [
    "/etc/terminfo",
    "/lib/terminfo",
    "/usr/share/terminfo",
    "/usr/lib/terminfo",
    "/usr/local/share/terminfo",
    "/opt/homebrew/share/terminfo",
];

/// Whether a description of this terminal is there, in the order of terminfo(5); `None` where no directory of them is (a system may have one
/// file for all of them).
pub fn knows(term: &str) -> Option<bool> {
    let own = env::var_os("TERMINFO").map(PathBuf::from);
    let home = home_dir().ok().map(|home| home.join(".terminfo"));
    let more = env::var_os("TERMINFO_DIRS");
    let more = more.iter().flat_map(|list| env::split_paths(list));
    let places = PLACES.iter().map(PathBuf::from);
    let all: Vec<PathBuf> = own
        .into_iter()
        .chain(home)
        .chain(more)
        .chain(places)
        .collect();
    known_in(&all, term)
}

fn known_in(places: &[PathBuf], term: &str) -> Option<bool> {
    let first = term.bytes().next()?;
    if term.contains('/') {
        return Some(false);
    }
    // By its first letter, or by the number of that, where names of files do not tell upper from lower case (macOS).
    let letter = char::from(first).to_string();
    let number = format!("{first:x}");
    let there = |place: &Path| {
        [&letter, &number]
            .iter()
            .any(|folder| place.join(folder).join(term).is_file())
    };
    let mut places = places.iter().filter(|place| place.is_dir()).peekable();
    places.peek()?;
    Some(places.any(|place| there(place)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_description_is_found_by_letter_and_by_number() {
        let dir = tempfile::tempdir().unwrap();
        let places = [dir.path().join("none"), dir.path().to_owned()];
        for name in ["x/xterm", "66/foot"] {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        assert_eq!(known_in(&places, "xterm"), Some(true));
        assert_eq!(known_in(&places, "foot"), Some(true));
        assert_eq!(known_in(&places, "xterm-kitty"), Some(false));
        assert_eq!(known_in(&places, "../x/xterm"), Some(false));
        assert_eq!(known_in(&places[..1], "xterm"), None);
    }
}
