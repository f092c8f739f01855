//! A terminal on the laptop: a program under a real pty, and what it draws.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::os::fd::AsFd;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::termios::{Termios, tcgetattr};
use nix::unistd::Pid;

use crate::{Node, Tick, Ticks};

/// How many lines the terminal keeps of what scrolled off.
const SCROLLBACK: usize = 20_000;

/// Bytes that the program wrote, and when they arrived.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// When.
    pub at: SystemTime,
    /// What.
    pub bytes: Vec<u8>,
}

/// A program under a terminal. Dropping it kills the program and hangs the terminal up.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    /// None after the terminal was hung up.
    master: Option<File>,
    stop: Option<std::io::PipeWriter>,
    reader: Option<JoinHandle<()>>,
    display: Arc<Display>,
}

#[derive(Debug)]
struct Display {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    parser: vt100::Parser,
    raw: Vec<Chunk>,
    ticks: Ticks,
    ended: bool,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("screen", &self.parser.screen().contents())
            .finish_non_exhaustive()
    }
}

impl Terminal {
    pub(crate) fn start(
        node: &Node,
        mut command: Command,
        rows: u16,
        columns: u16,
    ) -> Result<Self> {
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pty = openpty(&size, None).context("cannot open a pty")?;
        // The master is no business of other children; std marks only what it opens itself.
        nix::fcntl::fcntl(
            &pty.master,
            nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC),
        )?;
        let slave = File::from(pty.slave);
        nix::fcntl::fcntl(
            &slave,
            nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC),
        )?;
        command
            .stdin(slave.try_clone()?)
            .stdout(slave.try_clone()?)
            .stderr(slave);
        let child = node.spawn(&mut command)?;
        drop(command); // it holds the last of our slave descriptors
        let master = File::from(pty.master);
        let display = Arc::new(Display {
            state: Mutex::new(State {
                parser: vt100::Parser::new(
                    size_of_screen(rows)?,
                    size_of_screen(columns)?,
                    SCROLLBACK,
                ),
                raw: Vec::new(),
                ticks: Ticks::default(),
                ended: false,
            }),
            changed: Condvar::new(),
        });
        let (stopped, stop) = std::io::pipe()?;
        let reader = {
            let (master, display) = (master.try_clone()?, Arc::clone(&display));
            thread::spawn(move || display.follow(master, &stopped))
        };
        Ok(Self {
            child,
            master: Some(master),
            stop: Some(stop),
            reader: Some(reader),
            display,
        })
    }

    /// The program's process id; it leads a session and a process group of its own.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What is on the screen now.
    pub fn screen(&self) -> String {
        self.display.lock().parser.screen().contents()
    }

    /// What has scrolled off the screen, and then the screen.
    pub fn history(&self) -> String {
        let mut state = self.display.lock();
        let screen = state.parser.screen_mut();
        let (rows, columns) = screen.size();
        let mut lines = Vec::new();
        let mut offset = screen.scrollback_len();
        while offset > 0 {
            screen.set_scrollback(offset);
            let step = offset.min(usize::from(rows.get()));
            lines.extend(screen.rows(0, columns.get()).take(step));
            offset -= step;
        }
        screen.set_scrollback(0);
        lines.push(screen.contents());
        lines.join("\n")
    }

    /// True while the program draws on the alternate screen.
    pub fn alternate_screen(&self) -> bool {
        self.display.lock().parser.screen().alternate_screen()
    }

    /// The terminal's modes that a killed program may leave on, as the escape sequences that would set them: empty
    /// when all are off.
    pub fn input_modes(&self) -> String {
        let state = self.display.lock();
        let fresh = vt100::Parser::default();
        state.parser.screen().input_mode_diff(fresh.screen())
    }

    /// Everything that the program wrote, with times.
    pub fn raw(&self) -> Vec<Chunk> {
        self.display.lock().raw.clone()
    }

    /// Everything that the program wrote.
    pub fn bytes(&self) -> Vec<u8> {
        self.display
            .lock()
            .raw
            .iter()
            .flat_map(|chunk| chunk.bytes.iter().copied())
            .collect()
    }

    /// What has been seen of the probe.
    pub fn ticks(&self) -> Ticks {
        self.display.lock().ticks.clone()
    }

    /// Types; Enter is `\r`.
    pub fn type_keys(&self, keys: &str) -> Result<()> {
        self.master()?
            .write_all(keys.as_bytes())
            .context("cannot type")
    }

    /// Waits until the screen shows a text. What has scrolled off again before this is called is not found.
    pub fn wait_for_text(&self, text: &str, within: Duration) -> Result<()> {
        self.wait_until(within, &format!("{text:?} on the screen"), |terminal| {
            terminal.screen().contents().contains(text).then_some(())
        })
    }

    /// Waits for a tick that was written at or after a moment.
    pub fn wait_for_tick(&self, emitted_after: SystemTime, within: Duration) -> Result<Tick> {
        self.wait(within, "new tick", |state| {
            state.ticks.first_emitted_after(emitted_after)
        })
    }

    /// Types a line at the probe and waits for the answer: the time between. The line must be a new one.
    pub fn echo(&self, line: &str, within: Duration) -> Result<Duration> {
        let typed = SystemTime::now();
        self.type_keys(&format!("{line}\r"))?;
        let seen = self.wait_for_echo(line, within)?;
        Ok(seen.duration_since(typed).unwrap_or_default())
    }

    /// Waits for the probe's answer to a line typed before: when it was seen, though it may have scrolled off since.
    pub fn wait_for_echo(&self, line: &str, within: Duration) -> Result<SystemTime> {
        self.wait(within, &format!("answer to {line:?}"), |state| {
            state.ticks.echoed(line)
        })
    }

    /// Waits until a look at the terminal finds what it looks for. It looks after each write of the program.
    pub fn wait_until<T>(
        &self,
        within: Duration,
        what: &str,
        mut look: impl FnMut(&vt100::Parser) -> Option<T>,
    ) -> Result<T> {
        self.wait(within, what, |state| look(&state.parser))
    }

    /// Waits for the end of the program, and for the last that it wrote.
    pub fn wait_exit(&mut self, within: Duration) -> Result<ExitStatus> {
        let status = wait_child(&mut self.child, within)
            .with_context(|| format!("the screen:\n{}", self.screen()))?;
        let deadline = Instant::now() + Duration::from_millis(500);
        let mut state = self.display.lock();
        // A descendant may still hold the terminal open; then there is no last byte to wait for.
        while !state.ended && Instant::now() < deadline {
            state = self
                .display
                .changed
                .wait_timeout(state, Duration::from_millis(50))
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        Ok(status)
    }

    /// The exit status, if the program has ended.
    pub fn exited(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Sends the program (not its children) a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill(Pid::from_raw(i32::try_from(self.pid())?), signal).context("cannot signal the program")
    }

    /// Closes the terminal's window: the kernel hangs the session up.
    pub fn hang_up(&mut self) {
        drop(self.stop.take());
        if let Some(reader) = self.reader.take() {
            // A reader that panicked has said so already.
            let _joined = reader.join();
        }
        self.master = None;
    }

    /// Changes the size of the window.
    pub fn resize(&self, rows: u16, columns: u16) -> Result<()> {
        self.display
            .lock()
            .parser
            .set_size(size_of_screen(rows)?, size_of_screen(columns)?);
        let size = rustix::termios::Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        rustix::termios::tcsetwinsize(self.master()?, size).context("cannot resize")
    }

    /// The terminal's settings (`termios(3)`), readable before, during and after the program.
    pub fn termios(&self) -> Result<Termios> {
        tcgetattr(self.master()?).context("cannot read the terminal's settings")
    }

    fn master(&self) -> Result<&File> {
        self.master.as_ref().context("the terminal was hung up")
    }

    fn wait<T>(
        &self,
        within: Duration,
        what: &str,
        mut look: impl FnMut(&State) -> Option<T>,
    ) -> Result<T> {
        let deadline = Instant::now() + within;
        let mut state = self.display.lock();
        loop {
            if let Some(found) = look(&state) {
                return Ok(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let screen = || state.parser.screen().contents();
            ensure!(
                !state.ended,
                "the program ended before {what}; the screen:\n{}",
                screen()
            );
            ensure!(
                !left.is_zero(),
                "no {what} within {within:?}; the screen:\n{}",
                screen()
            );
            state = self
                .display
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Until it is reaped its id is its own, and so is its process group.
        if matches!(self.child.try_wait(), Ok(None))
            && let Ok(pid) = i32::try_from(self.child.id())
        {
            let _gone = killpg(Pid::from_raw(pid), Signal::SIGKILL);
            let _reaped = self.child.wait();
        }
        self.hang_up();
    }
}

impl Display {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn follow(&self, mut master: File, stopped: &std::io::PipeReader) {
        let mut buffer = vec![0; 65536];
        loop {
            let mut waiting = [
                PollFd::new(master.as_fd(), PollFlags::POLLIN),
                PollFd::new(stopped.as_fd(), PollFlags::POLLIN),
            ];
            let _ready = poll(&mut waiting, PollTimeout::NONE);
            if waiting[1].revents().is_some_and(|seen| !seen.is_empty()) {
                break;
            }
            // EIO: nobody has the terminal open any more.
            let Ok(length @ 1..) = master.read(&mut buffer) else {
                break;
            };
            let at = SystemTime::now();
            let mut state = self.lock();
            let State {
                parser, raw, ticks, ..
            } = &mut *state;
            raw.push(Chunk {
                at,
                bytes: buffer[..length].to_vec(),
            });
            parser.process(&buffer[..length]);
            let columns = parser.screen().size().1.get();
            ticks.take_in(parser.screen().rows(0, columns), at);
            drop(state);
            self.changed.notify_all();
        }
        self.lock().ended = true;
        self.changed.notify_all();
    }
}

/// Waits for a child, looking every 2 ms.
pub(crate) fn wait_child(child: &mut Child, within: Duration) -> Result<ExitStatus> {
    let deadline = Instant::now() + within;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if Instant::now() >= deadline {
            bail!("the program still runs after {within:?}");
        }
        thread::sleep(Duration::from_millis(2));
    }
}

fn size_of_screen(n: u16) -> Result<NonZeroU16> {
    NonZeroU16::new(n).context("a terminal has at least one row and one column")
}
