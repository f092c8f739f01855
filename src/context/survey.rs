//! The remote command that looks at what a host has for sessions, and writes nothing there.
//!
//! It obeys the rules of [`super::bootstrap`]. What it says are lines of their own that begin with a word of ours, among whatever a login shell says
//! by itself.

use std::collections::BTreeSet;

use super::bootstrap::{FIND, HERE, Mux, reads_the_same_everywhere};

/// What each line begins with.
const MARK: &str = "=netroam ";

/// The longest name of a terminal that is asked for; terminfo's own have at most 32 (term(7) asks for 14).
const LONGEST_TERM: usize = 64;

/// What a host has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// The kernel's name and release.
    pub system: String,
    /// Its clock, in seconds of the Unix epoch.
    pub clock: Option<i64>,
    /// What screen calls its version; `None` where there is none.
    pub screen: Option<String>,
    /// The same of tmux.
    pub tmux: Option<String>,
    /// It knows the terminal; `None` where nobody can say (no infocmp).
    pub terminfo: Option<bool>,
    /// Sessions that run there.
    pub sessions: Vec<Remote>,
    /// Whether `~/.ssh` can be written to, or made.
    pub writable: bool,
    /// The characters of its locale; `None` where nobody can say.
    pub charmap: Option<String>,
}

/// A session on the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// What keeps it.
    pub mux: &'static str,
    /// Its name.
    pub name: String,
    /// A netroam has attached it before.
    pub ours: bool,
}

impl Survey {
    /// The remote command: what is looked for is what `mux` means to the command that attaches, and the terminal of this name. A name that
    /// some shell might read otherwise is not asked for.
    pub fn command(mux: Mux, term: &str) -> String {
        let mux = mux.word();
        let term = if is_plain(term) { term } else { "-" };
        format!("exec sh -c '{}' netroam {mux} {term}", BODY.join(" "))
    }

    /// Reads what it said; `None` if it did not come to its end.
    pub fn read(said: &str) -> Option<Self> {
        let mut survey = Self::default();
        let mut ours = BTreeSet::new();
        let mut ended = false;
        for line in said.lines() {
            let Some((_, words)) = line.split_once(MARK) else {
                continue;
            };
            let words = words.trim_end();
            let (key, value) = words.split_once(' ').unwrap_or((words, ""));
            let value = value.trim();
            match key {
                "system" => value.clone_into(&mut survey.system),
                "clock" => survey.clock = value.parse().ok(),
                "screen" => survey.screen = Some(version(value)),
                "tmux" => survey.tmux = Some(version(value)),
                "terminfo" => survey.terminfo = Some(value == "yes"),
                "in-screen" => survey.add("screen", value),
                "in-tmux" => survey.add("tmux", value),
                "owner" => {
                    ours.insert(value.to_owned());
                }
                "writable" => survey.writable = value == "yes",
                "charmap" => survey.charmap = Some(value.to_owned()).filter(|map| !map.is_empty()),
                "end" => ended = true,
                _ => {}
            }
        }
        for session in &mut survey.sessions {
            session.ours = ours.contains(&session.name);
        }
        ended.then_some(survey)
    }

    fn add(&mut self, mux: &'static str, name: &str) {
        self.sessions.push(Remote {
            mux,
            name: name.to_owned(),
            ours: false,
        });
    }
}

/// The number in `Screen version 4.09.00 (GNU) 30-Jan-22` and `tmux 3.3a`.
fn version(said: &str) -> String {
    let number = said
        .split(' ')
        .find(|word| word.starts_with(|first: char| first.is_ascii_digit()));
    number.unwrap_or("of an unknown version").to_owned()
}

fn is_plain(term: &str) -> bool {
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'+');
    !term.is_empty()
        && term.len() <= LONGEST_TERM
        && !term.starts_with('-')
        && term.bytes().all(plain)
}

/// POSIX sh, run in no terminal.
///
/// - screen and tmux make the directory of their sockets even when they only list: they are asked only where there is one already. screen's is where
///   Debian, the BSDs, Fedora, Apple and its own `configure` have it.
/// - `screen -ls` lists also those whose screen was killed, as `(Dead ???)`; `tmux ls` starts no server.
const BODY: &[&str] = &[
    "m=$1; e=$2; l=; p() { echo \"=netroam $*\"; };",
    "h() { command -v $1 >/dev/null 2>&1; };",
    "p clock $(date +%s); p system $(uname -s) $(uname -r);",
    "if [ $m = tmux-cc ]; then m=tmux; fi;",
    FIND,
    HERE,
    "if h screen; then p screen $(screen -v 2>/dev/null); fi; if h tmux; then p tmux $(tmux -V 2>/dev/null); fi;",
    "if [ $e = - ]; then :; elif h infocmp; then if infocmp $e >/dev/null 2>&1; then p terminfo yes; else p terminfo no; fi; fi;",
    "u=$(id -un); for d in \"$SCREENDIR\" /run/screen/S-$u /var/run/screen/S-$u /run/screens/S-$u /tmp/screens/S-$u /tmp/uscreens/S-$u \"$HOME/.screen\" \"${TMPDIR:-/tmp}/.screen\";",
    "do if [ -n \"$d\" ] && [ -d \"$d\" ]; then l=1; fi; done;",
    "if [ -n \"$l\" ] && h screen; then screen -ls 2>/dev/null | while read a b; do case $b in *\"(Dead\"*) a=;; esac; case $a in [0-9]*.*) p in-screen \"${a#*.}\";; esac; done; fi;",
    "d=${TMUX_TMPDIR:-/tmp}/tmux-$(id -u);",
    "if [ -d \"$d\" ] && h tmux; then tmux ls -F \"#{session_name}\" 2>/dev/null | while read a; do p in-tmux \"$a\"; done; fi;",
    "for f in \"$HOME/.ssh/netroam-$i-\"*.owner; do if [ -e \"$f\" ]; then f=${f##*/netroam-$i-}; p owner \"${f%.owner}\"; fi; done;",
    "d=$HOME; if [ -d \"$d/.ssh\" ]; then d=$d/.ssh; fi; if [ -w \"$d\" ]; then p writable yes; else p writable no; fi;",
    "if h locale; then p charmap $(locale charmap 2>/dev/null); fi;",
    "p end; exit 0",
];

const _: () = reads_the_same_everywhere(BODY);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_one_line_with_one_quoted_body_and_plain_words() {
        let command = Survey::command(Mux::Auto, "xterm-256color");
        assert!(command.is_ascii() && !command.contains(['\n', '\\', '!']));
        assert_eq!(command.matches('\'').count(), 2);
        assert!(command.ends_with("' netroam auto xterm-256color"));
        for strange in ["", "$(x)", "a b", "-x", "x;y"] {
            let command = Survey::command(Mux::Screen, strange);
            assert!(command.ends_with("' netroam screen -"), "{strange}");
        }
    }

    #[test]
    fn what_it_says_is_read_among_what_a_login_shell_says() {
        let said = "Welcome!\n=netroam clock 1700000000\n=netroam system Linux 6.1\nhi =netroam screen Screen version 4.09.00 (GNU) 30-Jan-22\n\
                    =netroam tmux tmux 3.3a\n=netroam terminfo no\n=netroam in-screen mac\n=netroam in-tmux a b\n=netroam owner mac\n\
                    =netroam writable yes\n=netroam charmap UTF-8\n";
        assert_eq!(Survey::read(said), None, "it was cut off");
        let survey = Survey::read(&format!("{said}=netroam end\n")).unwrap();
        let remote = |mux, name: &str, ours| Remote {
            mux,
            name: name.into(),
            ours,
        };
        let expected = Survey {
            system: "Linux 6.1".into(),
            clock: Some(1_700_000_000),
            screen: Some("4.09.00".into()),
            tmux: Some("3.3a".into()),
            terminfo: Some(false),
            sessions: vec![remote("screen", "mac", true), remote("tmux", "a b", false)],
            writable: true,
            charmap: Some("UTF-8".into()),
        };
        assert_eq!(survey, expected);
    }
}
