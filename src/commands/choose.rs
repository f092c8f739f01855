//! `netroam watch` without a host: what there is to attach, to choose from.

use std::{
    ffi::OsString,
    io::{self, BufRead as _, IsTerminal as _, Write as _, stderr, stdin},
    os::unix::process::CommandExt as _,
    process::{Command, ExitCode},
    rc::Rc,
};

use anyhow::{Context as _, Result, bail};
use netroam_platform::process;
use nix::libc::SIGHUP;
use terminal_size::terminal_size_of;
use tokio::select;

use super::{runtime, sessions, usage};
use crate::{
    driver::signals::{self, Arrived, Signals},
    record::{Stamp, State},
    report::{self, status},
    ssh::{
        Version,
        hosts::{self, KnownHost, Origin},
        split::Split,
    },
    terminal::{ERASED, Keys, List, Pressed, Row, Terminal, modes::is_dumb},
};

/// What the size of a window is taken for that does not tell it.
const WINDOW: (usize, usize) = (80, 24);

/// Something to choose, and the words after `netroam` that stand for it.
struct Choice {
    row: Row,
    words: Vec<OsString>,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chosen {
    Row(usize),
    Nothing,
    /// Ended by this signal.
    Signal(i32),
}

/// Whether somebody can choose: there is a terminal to read from, and one to draw on.
pub(super) fn is_possible() -> bool {
    stdin().is_terminal() && stderr().is_terminal()
}

/// Has the user choose a host or a session, and becomes the netroam that attaches it; these are the words of `watch`, without a host.
pub(super) fn run(words: &Split, version: Version) -> Result<ExitCode> {
    let mut choices = running(words)?;
    choices.extend(known(words, version));
    if choices.is_empty() {
        let (line, hint) = report::NOTHING;
        return Ok(usage(line, hint));
    }
    let rows: Vec<Row> = choices.iter().map(|choice| choice.row.clone()).collect();
    let chosen = match Terminal::open() {
        Some(terminal) if !is_dumb(std::env::var_os("TERM").as_deref()) => {
            let list = List::new(report::WHICH, rows);
            // The terminal is given back before anything else is done.
            runtime()?.block_on(pick(Rc::new(terminal), list))?
        }
        Some(_) | None => ask(&rows)?,
    };
    match chosen {
        Chosen::Row(row) => become_it(&choices[row].words),
        Chosen::Nothing => Ok(ExitCode::from(status::GAVE_UP)),
        Chosen::Signal(signal) => process::die_of(signal),
    }
}

/// Runs netroam with these words in this one's place: what is on the command line then is what runs, for `ps` and for what starts itself again.
fn become_it(words: &[OsString]) -> Result<ExitCode> {
    let own = std::env::current_exe().context("cannot find netroam's own program")?;
    Err(Command::new(own).arg0("netroam").args(words).exec()).context("cannot start netroam again")
}

/// The sessions of other terminals, and those of `netroam up`. What was typed must leave open which session is meant; and to `up` it means nothing.
fn running(words: &Split) -> Result<Vec<Choice>> {
    let given = |option: &str| {
        let mut own = words.own.iter().filter_map(|word| word.to_str());
        own.any(|word| {
            word == option || word.split_once('=').is_some_and(|(name, _)| name == option)
        })
    };
    if given("--session") || given("--take-over") {
        return Ok(Vec::new());
    }
    let bare = words.own.is_empty() && words.ssh.is_empty();
    let answers = sessions::asked()?;
    sessions::problems(&answers);
    let now = Stamp::now();
    let mut choices = Vec::new();
    for status in &answers.sessions {
        let Some((verb, rest)) = status.attach.as_deref().and_then(<[_]>::split_first) else {
            continue;
        };
        if status.state == State::Ended || (verb != "watch" && !bare) {
            continue;
        }
        let rest = match rest {
            [option, _, rest @ ..] if option == "--context" && given("--context") => rest,
            rest => rest,
        };
        let all: Vec<OsString> = [verb.into()]
            .into_iter()
            .chain(words.own.clone())
            .chain(words.ssh.clone())
            .chain(rest.iter().map(OsString::from))
            .collect();
        choices.push(Choice {
            row: report::running(status, &shown(&all), now),
            words: all,
        });
    }
    Ok(choices)
}

/// The hosts that `ssh_config(5)` names; if it names none, those that ssh has been to.
fn known(words: &Split, version: Version) -> Vec<Choice> {
    let hosts = hosts::known(words.config(version).as_deref());
    let configured = hosts.iter().filter(|host| host.from == Origin::Config);
    let configured: Vec<&KnownHost> = configured.collect();
    let hosts = if configured.is_empty() {
        hosts.iter().collect()
    } else {
        configured
    };
    let choice = |host: &KnownHost| {
        let all: Vec<OsString> = [OsString::from("watch")]
            .into_iter()
            .chain(words.own.clone())
            .chain(words.ssh.clone())
            .chain([OsString::from(&host.name)])
            .collect();
        Choice {
            row: report::host(&host.name, &shown(&all)),
            words: all,
        }
    };
    hosts.into_iter().map(choice).collect()
}

fn shown(words: &[OsString]) -> Vec<String> {
    let words = words.iter();
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect()
}

/// Draws the list and listens until something is chosen. The terminal is as before when this ends, however it ends.
async fn pick(terminal: Rc<Terminal>, mut list: List) -> Result<Chosen> {
    let mut signals = Signals::listen().context("cannot listen for signals")?;
    loop {
        if let Some(keys) = terminal.listen().context("cannot read from the terminal")? {
            let chosen = listen(&keys, &mut list, &mut signals).await;
            if terminal.foreground() {
                draw(ERASED)?;
            }
            drop(keys);
            match chosen? {
                Next::Chosen(chosen) => return Ok(chosen),
                Next::Stop => drop(signals::stop_ourselves()),
                Next::Anew => {}
            }
        } else if !signals::stop_ourselves() {
            // As the system stops whoever reads from the background.
            bail!("the terminal is another program's");
        }
    }
}

/// What follows when keys are no longer listened to.
enum Next {
    Chosen(Chosen),
    /// ^Z: the shell has the terminal, until we go on.
    Stop,
    /// The terminal may have been the shell's meanwhile.
    Anew,
}

async fn listen(keys: &Keys, list: &mut List, signals: &mut Signals) -> Result<Next> {
    loop {
        let (columns, lines) = terminal_size_of(stderr()).map_or(WINDOW, |(width, height)| {
            (usize::from(width.0), usize::from(height.0))
        });
        draw(&list.draw(columns, lines))?;
        select! {
            typed = keys.typed() => {
                let whole = match typed? {
                    Some(typed) => keys.whole(typed).await?,
                    None => None,
                };
                let Some(typed) = whole else {
                    return Ok(Next::Chosen(Chosen::Signal(SIGHUP)));
                };
                match list.press(&typed) {
                    Pressed::Nothing => {}
                    Pressed::Chosen(row) => return Ok(Next::Chosen(Chosen::Row(row))),
                    Pressed::Left => return Ok(Next::Chosen(Chosen::Nothing)),
                }
            }
            arrived = signals.next() => match arrived {
                Arrived::Quit(signal) => return Ok(Next::Chosen(Chosen::Signal(signal))),
                Arrived::Suspend => return Ok(Next::Stop),
                Arrived::Continued => return Ok(Next::Anew),
                Arrived::Resized | Arrived::ChildChanged | Arrived::TakenOver => {}
            }
        }
    }
}

/// Lists everything with a number and reads a line, where nothing can be drawn over.
fn ask(rows: &[Row]) -> Result<Chosen> {
    draw(&report::numbered(rows))?;
    let mut lines = stdin().lock();
    loop {
        draw(report::WHICH_NUMBER)?;
        let mut line = String::new();
        if lines
            .read_line(&mut line)
            .context("cannot read from the terminal")?
            == 0
        {
            draw("\n")?;
            return Ok(Chosen::Nothing);
        }
        match numbered(rows, line.trim()) {
            Some(row) => return Ok(Chosen::Row(row)),
            None if line.trim().is_empty() => {}
            None => report::line(&report::no_row(line.trim())),
        }
    }
}

/// The row of this name, or else of this number.
fn numbered(rows: &[Row], typed: &str) -> Option<usize> {
    let named = rows.iter().position(|row| row.name == typed);
    let number = || typed.parse::<usize>().ok()?.checked_sub(1);
    named.or_else(number).filter(|row| *row < rows.len())
}

fn draw(text: &str) -> io::Result<()> {
    let mut stderr = stderr().lock();
    stderr.write_all(text.as_bytes())?;
    stderr.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_meant_by_its_name_or_its_number() {
        let row = |name: &str| Row {
            name: name.into(),
            ..Row::default()
        };
        let rows = ["gw1", "3", "gw2"].map(row);
        for (typed, expected) in [
            ("gw1", Some(0)),
            ("1", Some(0)),
            ("3", Some(1)),
            ("2", Some(1)),
            ("0", None),
            ("4", None),
            ("-1", None),
            ("", None),
            ("gw", None),
        ] {
            assert_eq!(numbered(&rows, typed), expected, "{typed}");
        }
    }
}
