//! A program on the laptop without a terminal: its standard streams are pipes, as under a service manager.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::Node;
use crate::terminal::wait_child;

/// The program. Dropping it kills it.
#[derive(Debug)]
pub struct Piped {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Stream,
    stderr: Stream,
}

#[derive(Debug)]
struct Stream {
    text: Arc<(Mutex<String>, Condvar)>,
    reader: Option<JoinHandle<()>>,
}

impl Piped {
    pub(crate) fn start(node: &Node, mut command: Command) -> Result<Self> {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = node.spawn(&mut command)?;
        let stdout = Stream::follow(child.stdout.take().context("no standard output")?);
        let stderr = Stream::follow(child.stderr.take().context("no standard error")?);
        Ok(Self {
            stdin: child.stdin.take(),
            child,
            stdout,
            stderr,
        })
    }

    /// The program's process id; it leads a session and a process group of its own.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote to standard output so far.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// What it wrote to standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Writes to its standard input.
    pub fn write(&mut self, text: &str) -> Result<()> {
        self.stdin
            .as_mut()
            .context("standard input is closed")?
            .write_all(text.as_bytes())?;
        Ok(())
    }

    /// Closes its standard input.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Waits until its standard output holds a text.
    pub fn wait_for_stdout(&self, text: &str, within: Duration) -> Result<()> {
        self.stdout
            .wait_for(text, within)
            .with_context(|| format!("standard error:\n{}", self.stderr()))
    }

    /// Waits until its standard error holds a text.
    pub fn wait_for_stderr(&self, text: &str, within: Duration) -> Result<()> {
        self.stderr.wait_for(text, within)
    }

    /// Waits for its end.
    pub fn wait_exit(&mut self, within: Duration) -> Result<ExitStatus> {
        let status = wait_child(&mut self.child, within)
            .with_context(|| format!("standard error:\n{}", self.stderr()))?;
        // A descendant may hold the pipes open: give the last words half a second, not more.
        let deadline = Instant::now() + Duration::from_millis(500);
        for stream in [&mut self.stdout, &mut self.stderr] {
            while stream
                .reader
                .as_ref()
                .is_some_and(|reader| !reader.is_finished())
                && Instant::now() < deadline
            {
                thread::sleep(Duration::from_millis(2));
            }
        }
        Ok(status)
    }

    /// Sends it (not its children) a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill(Pid::from_raw(i32::try_from(self.pid())?), signal).context("cannot signal the program")
    }
}

impl Drop for Piped {
    fn drop(&mut self) {
        // Until it is reaped its id is its own, and so is its process group.
        if matches!(self.child.try_wait(), Ok(None))
            && let Ok(pid) = i32::try_from(self.child.id())
        {
            let _gone = killpg(Pid::from_raw(pid), Signal::SIGKILL);
            let _reaped = self.child.wait();
        }
    }
}

impl Stream {
    fn follow(mut pipe: impl Read + Send + 'static) -> Self {
        let text = Arc::new((Mutex::new(String::new()), Condvar::new()));
        let shared = Arc::clone(&text);
        let reader = thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(length @ 1..) = pipe.read(&mut buffer) {
                let (text, changed) = &*shared;
                let mut text = text.lock().unwrap_or_else(PoisonError::into_inner);
                text.push_str(&String::from_utf8_lossy(&buffer[..length]));
                changed.notify_all();
            }
        });
        Self {
            text,
            reader: Some(reader),
        }
    }

    fn text(&self) -> String {
        self.text
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn wait_for(&self, wanted: &str, within: Duration) -> Result<()> {
        let deadline = Instant::now() + within;
        let (text, changed) = &*self.text;
        let mut text = text.lock().unwrap_or_else(PoisonError::into_inner);
        while !text.contains(wanted) {
            let left = deadline.saturating_duration_since(Instant::now());
            ensure!(
                !left.is_zero(),
                "no {wanted:?} within {within:?} in:\n{text}"
            );
            text = changed
                .wait_timeout(text, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        Ok(())
    }
}
