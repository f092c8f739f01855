//! Noise: interfaces that come and go on the laptop as containers do, and lead nowhere.

use std::io::{PipeReader, Write};
use std::os::fd::AsFd;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use anyhow::{Context, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::{KernelEvents, Lab, Node};

/// The bridge, as Docker names and numbers it.
const BRIDGE: &str = "docker0";

/// How often the pace is looked at.
const STEP_MS: u16 = 10;
/// About how many announcements a command makes; measured.
const ANNOUNCEMENTS: usize = 4;

/// Noise that goes on. Dropping it ends it; the bridge goes too.
#[derive(Debug)]
pub struct Noise {
    laptop: Arc<Node>,
    stop: Option<std::io::PipeWriter>,
    thread: Option<JoinHandle<Result<usize>>>,
}

impl Lab {
    /// Makes noise on the laptop from now on: a bridge (172.17.0.1/16), and veth pairs that are made, put into it,
    /// taken up, given an address and removed, so that the kernel announces this many changes of links, addresses and
    /// routes a second.
    pub fn noise(&self, events_a_second: u32) -> Result<Noise> {
        let events = self.kernel_events()?;
        let mut ip = self.laptop().spawn(
            self.command("ip")
                .args(["-force", "-batch", "-"])
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                // It complains of nothing but a lab that is gone.
                .stderr(Stdio::null()),
        )?;
        let (stopped, stop) = std::io::pipe()?;
        self.laptop().ip_batch(&format!(
            "link add {BRIDGE} type bridge\naddr add 172.17.0.1/16 dev {BRIDGE}\nlink set {BRIDGE} up\n"
        ))?;
        let thread = thread::spawn(move || {
            let made = keep_up(&mut ip, &events, events_a_second, &stopped);
            drop(ip.stdin.take());
            ip.wait()?;
            made
        });
        Ok(Noise {
            laptop: Arc::clone(&self.laptop),
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Noise {
    /// Ends the noise; how many changes the kernel announced meanwhile, those of others included.
    pub fn end(mut self) -> Result<usize> {
        drop(self.stop.take());
        let thread = self.thread.take().context("the noise has ended")?;
        match thread.join() {
            Ok(made) => made,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

impl Drop for Noise {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            let _joined = thread.join();
        }
        // All of it goes with the laptop in any case.
        let _gone = self.laptop.ip(&format!("link del {BRIDGE}"));
    }
}

/// One process takes all commands, so that the noise costs little itself. How many announcements a command makes
/// depends on the kernel: so they are counted, and what is missing is made up for at each step.
fn keep_up(
    ip: &mut Child,
    events: &KernelEvents,
    rate: u32,
    stopped: &PipeReader,
) -> Result<usize> {
    let stdin = ip.stdin.as_mut().context("ip has no standard input")?;
    let start = Instant::now();
    let before = events.count();
    let mut commands = (0_u32..).flat_map(container);
    loop {
        let mut waiting = [PollFd::new(stopped.as_fd(), PollFlags::POLLIN)];
        let _ready = poll(&mut waiting, PollTimeout::from(STEP_MS));
        let made = events.count() - before;
        if waiting[0].revents().is_some_and(|seen| !seen.is_empty()) {
            return Ok(made);
        }
        let wanted = usize::try_from(start.elapsed().as_millis() * u128::from(rate) / 1000)?;
        let missing = wanted.saturating_sub(made).div_ceil(ANNOUNCEMENTS);
        let lines: String = commands.by_ref().take(missing).collect();
        stdin
            .write_all(lines.as_bytes())
            .context("ip takes no commands any more")?;
    }
}

/// The life of a container's network, one command at a time.
fn container(n: u32) -> [String; 6] {
    let (outside, inside) = (format!("veth{n:x}"), format!("eth{n:x}"));
    let address = n % 250 + 2;
    [
        format!("link add {outside} type veth peer name {inside}\n"),
        format!("link set {outside} master {BRIDGE}\n"),
        format!("link set {inside} up\n"),
        format!("addr add 172.17.0.{address}/16 dev {inside}\n"),
        format!("link set {outside} up\n"),
        format!("link del {outside}\n"),
    ]
}
