//! A command of the user's own that attaches screen or tmux and takes the session from whoever has it, as in `ssh -t HOST screen -D -R NAME`.
//!
//! Run again by itself after each loss, such a command fights: of two laptops that both have it, each takes the session from the other for
//! ever, because screen's `-D` (and tmux's `-X`) ends the loser's connection, which looks like any other loss. So the command is run
//! as it is, but by a shell that stays: it tells the one from the other, and a reconnect does not run it at all while somebody else has the session.
//!
//! As to how the command reads in every login shell, and to the file that says who attached last, this is [`super::bootstrap`] over again.

use std::ffi::OsString;

use super::{
    bootstrap::{HERE, STARTED, Token, When, reads_the_same_everywhere},
    name::Name,
};

/// A command that attaches screen or tmux.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// Its words, of which no shell makes anything else.
    words: Vec<String>,
    /// What the file is named after that says who attached last.
    name: Name,
    /// Tells our own connections from everybody else's.
    token: Token,
}

/// What attaches, and in which words it says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Program {
    Screen,
    Tmux,
}

impl Recipe {
    /// Reads a command as the user typed it for ssh; `None` if it is not one of this kind: another program, one that shares the session or leaves it
    /// with whoever has it, or words that need a shell to be understood.
    pub fn of(command: &[OsString]) -> Option<Self> {
        let text = command
            .iter()
            .map(|word| word.to_str())
            .collect::<Option<Vec<_>>>()?
            .join(" ");
        if !text.chars().all(is_plain) {
            return None;
        }
        let mut words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        if words.first().is_some_and(|word| word == "exec") {
            words.remove(0);
        }
        let (program, rest) = words.split_first()?;
        let program = match program.rsplit('/').next() {
            Some("screen") => Program::Screen,
            Some("tmux") => Program::Tmux,
            Some(_) | None => return None,
        };
        let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
        let (taken, fallback) = match program {
            Program::Screen => (screen(&rest)?, "screen"),
            Program::Tmux => (tmux(&rest)?, "tmux"),
        };
        let name = taken
            .name
            .and_then(|name| name.trim_start_matches('=').parse().ok());
        Some(Self {
            name: match name {
                Some(name) => name,
                None => fallback.parse().ok()?,
            },
            words,
            token: Token::random(),
        })
    }

    /// What the file is named after that says who attached last: the session, where it has a plain name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The remote command. It exits with that of the user's, or with [`TAKEN_OVER`](super::bootstrap::TAKEN_OVER).
    pub fn command(&self, when: When) -> String {
        let when = match when {
            When::First => "first",
            When::Resumed => "resumed",
            When::Again => "again",
        };
        format!(
            "exec sh -c '{}' netroam {} {} {when} {}",
            BODY.join(" "),
            self.name,
            self.token,
            self.words.join(" ")
        )
    }
}

/// What means the same in every shell, inside a word or in front of one.
fn is_plain(char: char) -> bool {
    char.is_ascii_alphanumeric() || " _-./:=^%+,@".contains(char)
}

/// Letters of options with their values, and the words that are none, as getopt(3) has them.
type Options<'a> = (Vec<(char, Option<&'a str>)>, Vec<&'a str>);

/// Reads options; those in `valued` take a value. In tmux(1) the first word that is no option ends them (`stop`).
fn options<'a>(words: &[&'a str], valued: &str, stop: bool) -> Options<'a> {
    let (mut options, mut operands) = (Vec::new(), Vec::new());
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        let Some(letters) = word.strip_prefix('-') else {
            operands.push(word);
            if stop {
                operands.extend(words.by_ref());
            }
            continue;
        };
        for (at, letter) in letters.char_indices() {
            if valued.contains(letter) {
                let inside = &letters[at + letter.len_utf8()..];
                let value = if inside.is_empty() {
                    words.next()
                } else {
                    Some(inside)
                };
                options.push((letter, value));
                break;
            }
            options.push((letter, None));
        }
    }
    (options, operands)
}

/// A session that is attached, and taken from whoever has it.
struct Taken<'a> {
    /// Its name, where the words have one.
    name: Option<&'a str>,
}

/// What is taken where these words have screen attach to it and detach whoever has it (screen(1): `-d -r`, `-D -R`, `-dRR`…).
fn screen<'a>(words: &[&'a str]) -> Option<Taken<'a>> {
    let (options, operands) = options(words, "cehpsStT", false);
    let has = |letters: &str| options.iter().any(|(letter, _)| letters.contains(*letter));
    // Sharing, lists, and words for a session that runs.
    if has("xlwXQ") || !has("dD") || !has("rR") {
        return None;
    }
    let named = options.iter().find(|(letter, _)| *letter == 'S');
    let name = named.map_or(operands.first().copied(), |(_, name)| *name);
    Some(Taken { name })
}

/// The same for tmux(1): `attach-session -d`, `new-session -A -D`.
fn tmux<'a>(words: &[&'a str]) -> Option<Taken<'a>> {
    let (_, rest) = options(words, "cfLST", true);
    let (command, rest) = rest.split_first()?;
    let attach = *command == "a" || "attach-session".starts_with(command);
    let new = "new-session".starts_with(command);
    let (options, _) = options(rest, "cefFnstxy", true);
    let has = |wanted: char| options.iter().any(|(letter, _)| *letter == wanted);
    let takes = (attach && has('d')) || (new && has('A') && (has('D') || has('X')));
    let named = options
        .iter()
        .find(|(letter, _)| matches!(letter, 's' | 't'));
    takes.then(|| Taken {
        name: named.and_then(|(_, name)| *name),
    })
}

/// The body, one statement or one branch for each line, under the rules of [`super::bootstrap`]'s.
///
/// - While another laptop's sshd lives, a reconnect (`again`, or `resumed` soon after the first) runs nothing; a first run takes the session, because the user asked for it.
/// - Our own stale sshd is ended half a second from now, so that what its connection held is free.
/// - screen's `-D` hangs up whoever started the other screen, and that is this shell, which traps it. A lost connection hangs it up as well, but
///   takes the terminal with it (`-t 0`).
/// - The user may be away when that happens, so that the status is never heard: it is written down, and a reconnect finds it. Not by a run of ours that was
///   replaced by a newer one.
const BODY: &[&str] = &[
    "n=$1; k=$2; w=$3; shift 3; y=; z=; o=; p=; t=;",
    STARTED,
    HERE,
    "d=$HOME/.ssh; [ -d \"$d\" ] || (umask 077; mkdir -p \"$d\") 2>/dev/null; f=$d/netroam-$i-$n.owner;",
    "if [ -r \"$f\" ]; then read o p t < \"$f\"; fi;",
    "if [ \"$o$t\" = ${k}taken ]; then [ $w = first ] || exit 213;",
    "elif [ \"$p\" -gt 1 ] 2>/dev/null && [ \"$p\" -ne $PPID ] && [ -n \"$t\" ] && [ \"$(st $p)\" = \"$t\" ]; then",
    "if [ \"$o\" = $k ]; then case $(ps -o args= -p $p 2>/dev/null) in *sshd*)",
    "{ sleep 0.5 || sleep 1; [ \"$(st $p)\" = \"$t\" ] && kill $p; } </dev/null >/dev/null 2>&1 & ;; esac;",
    "elif [ $w = first ]; then :; else exit 213; fi; fi;",
    "{ (umask 077; echo $k $PPID $(st $PPID) > \"$f\"); } 2>/dev/null && y=1;",
    "trap \"z=1\" HUP; \"$@\"; r=$?; [ -t 0 ] || exit $r;",
    "o=; p=; [ -n \"$y\" ] && { read o p t < \"$f\"; } 2>/dev/null;",
    "if [ \"$o\" = $k ]; then [ \"$p\" = $PPID ] || exit $r;",
    "if [ -n \"$z\" ] || [ $r -eq 0 ]; then echo $k 0 taken > \"$f\"; fi;",
    "elif [ -n \"$o\" ]; then exit 213; fi;",
    "[ -n \"$z\" ] && exit 213; exit $r",
];

const _: () = reads_the_same_everywhere(BODY);

#[cfg(test)]
mod tests {
    use super::*;

    fn name(command: &str) -> Option<String> {
        Recipe::of(&[command.into()]).map(|recipe| recipe.name().to_string())
    }

    #[test]
    fn a_command_that_takes_a_session_is_known_by_its_words() {
        for (command, expected) in [
            ("screen -D -R work", Some("work")),
            ("screen -DR work", Some("work")),
            ("screen -e^Zz -D -R", Some("screen")),
            ("/usr/bin/screen -U -d -RR -S work", Some("work")),
            ("exec screen -dr 1234.work", Some("screen")),
            ("tmux attach -d -t work", Some("work")),
            ("tmux a -dt =work", Some("work")),
            ("tmux -u -L other new-session -A -D -s work", Some("work")),
            ("tmux new -ADswork", Some("work")),
            ("tmux attach -d", Some("tmux")),
        ] {
            assert_eq!(name(command).as_deref(), expected, "{command}");
        }
        let words = ["tmux", "attach", "-d", "-t", "work"].map(OsString::from);
        assert!(Recipe::of(&words).is_some(), "in words of their own too");
    }

    #[test]
    fn a_command_that_shares_or_needs_a_shell_is_left_alone() {
        for command in [
            "",
            "screen",
            "screen -ls",
            "screen -r work",
            "screen -R work",
            "screen -x work",
            "screen -D -R work -X quit",
            "tmux",
            "tmux attach",
            "tmux new-session -A -s work",
            "tmux ls",
            "top",
            "cd /tmp; screen -D -R work",
            "screen -D -R $USER",
            "screen -D -R 'a b'",
            "TERM=xterm screen -D -R work",
        ] {
            assert_eq!(name(command), None, "{command}");
        }
    }

    #[test]
    fn the_command_is_one_line_with_one_quoted_body() {
        let recipe = Recipe::of(&["screen -D -R work".into()]).unwrap();
        let command = recipe.command(When::Again);
        assert!(command.is_ascii() && !command.contains(['\n', '\\', '!']));
        assert_eq!(command.matches('\'').count(), 2);
        assert!(command.ends_with(&format!(
            "' netroam work {} again screen -D -R work",
            recipe.token
        )));
        assert!(command.contains(&format!("exit {}", super::super::bootstrap::TAKEN_OVER)));
    }
}
