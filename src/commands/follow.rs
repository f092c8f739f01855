//! `netroam status --follow`: a table on a terminal, kept up to date; a row for each change elsewhere.
//!
//! The netroams tell each change by themselves. What changes without one (times, durations, data under way) is asked for once a second, by
//! us: while nobody looks, nothing wakes in them.

use std::{io, os::fd::AsFd as _, path::Path, process::ExitCode, rc::Rc, time::Duration};

use anyhow::{Context as _, Result};
use netroam_platform::process;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::{
    select,
    task::{JoinError, JoinHandle},
    time::{Interval, MissedTickBehavior, interval},
};

use super::sessions::{ASKING, directory, is_meant, none_runs, write};
use crate::{
    cli::Status as StatusOptions,
    control::{self, Answers, Change, Following, Status},
    driver::{Arrived, Signals, stop_ourselves},
    record::{Stamp, Zone},
    report::{self, Overview, plain},
    terminal::{Key, Keys, Screen, Terminal, coloured},
};

/// How often it is looked whether another netroam has begun, and the table is made anew.
const EACH: Duration = Duration::from_secs(1);

/// Shows the sessions until somebody has seen enough.
pub(super) fn run(options: &StatusOptions) -> Result<ExitCode> {
    let directory = directory()?;
    let runtime = super::runtime()?;
    let screen = Screen::stdout().filter(|_| !options.json);
    let Some(screen) = screen else {
        return runtime.block_on(rows(options, &directory));
    };
    let ended =
        runtime.block_on(async { Table::new(options, &directory, screen)?.keep().await })?;
    // The terminal is as it was.
    match ended {
        Some(signal) => process::die_of(signal),
        None => Ok(ExitCode::SUCCESS),
    }
}

fn each_second() -> Interval {
    let mut interval = interval(EACH);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// A line for each change, until no netroam runs any more.
async fn rows(options: &StatusOptions, directory: &Path) -> Result<ExitCode> {
    let mut following = Following::new(directory, ASKING);
    let mut tick = each_second();
    let look = |following: &mut Following| {
        let looked = following.look();
        looked.context("cannot look for running sessions")
    };
    look(&mut following)?;
    if following.is_over() && !options.json {
        none_runs();
    }
    while !following.is_over() {
        let change = select! {
            change = following.next() => change,
            _ = tick.tick() => {
                if reader_is_gone() {
                    break;
                }
                look(&mut following)?;
                continue;
            }
        };
        match change {
            Change::Session(status) => {
                let meant = |name: &String| is_meant(&status, name);
                if options.name.as_ref().is_none_or(meant) && !write(&row(options, &status)?)? {
                    break;
                }
            }
            Change::Ended => look(&mut following)?,
            Change::Problem(problem) => report::line(&plain(&problem)),
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether nobody reads standard output any more, as behind `head`: a session that stays as it is would write no row that finds out.
fn reader_is_gone() -> bool {
    let stdout = io::stdout();
    let mut asked = [PollFd::new(stdout.as_fd(), PollFlags::empty())];
    let answered = poll(&mut asked, PollTimeout::ZERO).is_ok();
    let gone = PollFlags::POLLERR | PollFlags::POLLHUP;
    answered
        && asked[0]
            .revents()
            .is_some_and(|events| events.intersects(gone))
}

fn row(options: &StatusOptions, status: &Status) -> Result<String> {
    let line = if options.json {
        report::json(status).context("cannot write it as JSON")?
    } else {
        let now = Stamp::now();
        let time = now.local(now, Zone::LOCAL);
        let (id, text) = (plain(&status.id), plain(&status.text));
        format!("{time} {id}: {text}")
    };
    Ok(line + "\n")
}

/// The table on a terminal.
struct Table<'a> {
    options: &'a StatusOptions,
    directory: &'a Path,
    following: Following,
    signals: Signals,
    /// Before what they belong to, so that the modes are given back last.
    keys: Option<Keys>,
    screen: Screen<io::Stdout>,
    terminal: Option<Rc<Terminal>>,
    /// What was said last, of the sessions that are meant.
    answers: Answers,
    coloured: bool,
}

/// A question to all that run.
type Asked = JoinHandle<io::Result<Answers>>;

impl<'a> Table<'a> {
    fn new(
        options: &'a StatusOptions,
        directory: &'a Path,
        screen: Screen<io::Stdout>,
    ) -> Result<Self> {
        Ok(Self {
            options,
            directory,
            following: Following::new(directory, ASKING),
            signals: Signals::listen().context("cannot listen for signals")?,
            keys: None,
            screen,
            terminal: Terminal::open().map(Rc::new),
            answers: Answers::default(),
            coloured: coloured(),
        })
    }

    /// Keeps it up to date; the signal that ended it, if one did.
    async fn keep(mut self) -> Result<Option<i32>> {
        let mut tick = each_second();
        let mut asked: Option<Asked> = None;
        self.listen()?;
        loop {
            select! {
                _ = tick.tick() => {
                    self.following.look().context("cannot look for running sessions")?;
                    if asked.is_none() {
                        let directory = self.directory.to_owned();
                        asked = Some(tokio::spawn(async move { control::ask(&directory, ASKING).await }));
                    }
                }
                answers = answered(&mut asked) => {
                    asked = None;
                    let answers = answers.context("cannot ask the running sessions")?;
                    self.answers = answers.context("cannot look for running sessions")?;
                    self.draw()?;
                }
                change = self.following.next() => self.heard(change)?,
                key = pressed(self.keys.as_ref()) => match key.context("cannot read the keys")? {
                    Key::Quit => return Ok(None),
                    Key::HungUp => return Ok(Some(nix::libc::SIGHUP)),
                    Key::Enter | Key::Details | Key::Other => self.draw()?,
                },
                arrived = self.signals.next() => match arrived {
                    Arrived::Quit(signal) => return Ok(Some(signal)),
                    Arrived::Suspend => {
                        self.keys = None;
                        self.screen.leave().context("cannot give the terminal back")?;
                        stop_ourselves();
                        self.again()?;
                    }
                    Arrived::Continued => self.again()?,
                    Arrived::Resized => self.draw()?,
                    Arrived::ChildChanged | Arrived::TakenOver => {}
                },
            }
        }
    }

    fn heard(&mut self, change: Change) -> Result<()> {
        match change {
            Change::Session(status) => {
                let sessions = &mut self.answers.sessions;
                let same = |old: &&mut Status| old.pid == status.pid && old.id == status.id;
                match sessions.iter_mut().find(same) {
                    Some(old) => *old = *status,
                    // The next answer has it in its place.
                    None => sessions.push(*status),
                }
            }
            // The next answer is without it.
            Change::Ended => return Ok(()),
            // What lasts is a problem of the next answer as well.
            Change::Problem(problem) => {
                tracing::debug!(problem, "not followed");
                return Ok(());
            }
        }
        self.draw()
    }

    /// In the foreground again, perhaps: the terminal was the shell's.
    fn again(&mut self) -> Result<()> {
        self.keys = None;
        self.screen.lost();
        self.listen()?;
        self.draw()
    }

    fn listen(&mut self) -> Result<()> {
        if let Some(terminal) = &self.terminal {
            self.keys = terminal.listen().context("cannot listen for keys")?;
        }
        Ok(())
    }

    fn draw(&mut self) -> Result<()> {
        let name = self.options.name.as_deref();
        let meant = |status: &&Status| name.is_none_or(|name| is_meant(status, name));
        let sessions: Vec<_> = self
            .answers
            .sessions
            .iter()
            .filter(meant)
            .cloned()
            .collect();
        let lines = Overview {
            sessions: &sessions,
            name,
            problems: &self.answers.problems,
            now: Stamp::now(),
            size: self.screen.size(),
            coloured: self.coloured,
        }
        .lines();
        self.screen.draw(&lines).context("cannot write to stdout")
    }
}

/// The answers, once there are some.
async fn answered(asked: &mut Option<Asked>) -> Result<io::Result<Answers>, JoinError> {
    match asked {
        Some(asked) => asked.await,
        None => std::future::pending().await,
    }
}

/// The next key, where keys are listened to.
async fn pressed(keys: Option<&Keys>) -> io::Result<Key> {
    match keys {
        Some(keys) => keys.next().await,
        None => std::future::pending().await,
    }
}
