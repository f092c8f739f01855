//! A program that runs beside a machine until it is ended, with a log that can be awaited.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::Node;
use crate::terminal::wait_child;

/// How long a daemon may take until it is ready: measured below 0.3 s, on a machine that compiles at the same time 2 s.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The program, a child of this process on a machine. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// A command with a daemon's environment: PATH, nothing else of this process's.
    pub(crate) fn command(program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LANG", "C.UTF-8");
        command
    }

    /// Starts it in a process group of its own; both its output streams go to this file, which is made anew.
    pub(crate) fn start(node: &Node, command: &mut Command, log: &Path) -> Result<Self> {
        let file = File::create(log).with_context(|| format!("cannot make {}", log.display()))?;
        command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file);
        Ok(Self {
            child: node.spawn(command)?,
            log: log.to_owned(),
        })
    }

    /// Its process id, as this process sees it.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has said so far.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Waits until its log holds a text; an error if the program ends before.
    pub(crate) fn wait_for_log(&mut self, text: &str, within: Duration) -> Result<()> {
        let log = self.log.clone();
        self.wait_until(text, within, || {
            Ok(fs::read(&log).is_ok_and(|said| String::from_utf8_lossy(&said).contains(text)))
        })
    }

    /// Waits until what it does can be seen; an error if the program ends before.
    pub(crate) fn wait_until(
        &mut self,
        what: &str,
        within: Duration,
        mut seen: impl FnMut() -> Result<bool>,
    ) -> Result<()> {
        let deadline = Instant::now() + within;
        loop {
            // Asked first: what was said before an end counts.
            let ended = self.child.try_wait()?;
            if seen()? {
                return Ok(());
            }
            if let Some(status) = ended {
                bail!("ended ({status}) before {what:?}:\n{}", self.log());
            }
            ensure!(
                Instant::now() < deadline,
                "no {what:?} within {within:?}:\n{}",
                self.log()
            );
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits for its end.
    pub(crate) fn wait_exit(&mut self, within: Duration) -> Result<ExitStatus> {
        wait_child(&mut self.child, within).with_context(|| self.log())
    }

    /// Sends it a signal and waits for its end.
    pub(crate) fn end(&mut self, signal: Signal) -> Result<ExitStatus> {
        // Until it is reaped its id is its own.
        if self.child.try_wait()?.is_none() {
            kill(Pid::from_raw(i32::try_from(self.child.id())?), signal)?;
        }
        self.wait_exit(PATIENCE)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Its machine's end would kill it as well; the child has to be waited for.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}
