//! Processes as the kernel shows them: whose they are, what they cost, when they end.

use std::fs;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::os::fd::AsFd;

/// A process at the moment of looking.
#[derive(Clone, Debug)]
pub struct Proc {
    /// Its id, as this process sees it.
    pub pid: u32,
    /// Its parent's.
    pub ppid: u32,
    /// Its name (`comm`, at most 15 bytes).
    pub name: String,
    /// Its state letter as in `ps`: `Z` is a zombie, `T` stopped.
    pub state: char,
    /// Its command line, words joined by blanks; empty for a zombie.
    pub command: String,
}

/// What a process has used up since its start, threads together.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcCost {
    /// Time on a processor.
    pub cpu: Duration,
    /// Voluntary context switches: how often it waited, so how often it was woken.
    pub wakeups: u64,
    /// Resident memory, kB.
    pub rss_kb: u64,
    /// Open file descriptors.
    pub descriptors: usize,
}

impl ProcCost {
    /// What has been used since an earlier look; memory and descriptors are as now.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(earlier.cpu),
            wakeups: self.wakeups - earlier.wakeups.min(self.wakeups),
            ..self
        }
    }
}

impl Proc {
    /// Looks at one process; none if it is gone.
    pub fn look(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name is in parentheses and may hold any character: what follows the last one is regular (proc(5)).
        let (head, tail) = stat.rsplit_once(')')?;
        let mut fields = tail.split_whitespace();
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        Some(Self {
            pid,
            name: head.split_once('(')?.1.to_owned(),
            state: fields.next()?.chars().next()?,
            ppid: fields.next()?.parse().ok()?,
            command: String::from_utf8_lossy(&command)
                .replace('\0', " ")
                .trim_end()
                .to_owned(),
        })
    }

    /// Every process that this one can see.
    pub fn all() -> Result<Vec<Self>> {
        let entries = fs::read_dir("/proc").context("cannot read /proc")?;
        let pids = entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        Ok(pids.filter_map(Self::look).collect())
    }

    /// The processes below `root` (without it), at any depth.
    pub fn below(root: u32) -> Result<Vec<Self>> {
        let all = Self::all()?;
        let mut found: Vec<Self> = Vec::new();
        let mut parents = vec![root];
        while let Some(parent) = parents.pop() {
            for child in all.iter().filter(|process| process.ppid == parent) {
                parents.push(child.pid);
                found.push(child.clone());
            }
        }
        Ok(found)
    }

    /// The ssh processes below `root` that are alive.
    pub fn ssh_below(root: u32) -> Result<Vec<Self>> {
        Ok(Self::below(root)?
            .into_iter()
            .filter(|process| process.name == "ssh" && process.state != 'Z')
            .collect())
    }

    pub(crate) fn in_namespace(namespace: &str) -> Result<Vec<Self>> {
        let inside = |process: &Self| {
            fs::read_link(format!("/proc/{}/ns/pid", process.pid))
                .is_ok_and(|link| link.to_string_lossy() == namespace)
        };
        Ok(Self::all()?.into_iter().filter(inside).collect())
    }

    /// What it has used up so far.
    pub fn cost(&self) -> Result<ProcCost> {
        let mut cost = ProcCost::default();
        for task in fs::read_dir(format!("/proc/{}/task", self.pid))
            .context("the process is gone")?
            .flatten()
        {
            let read = |name: &str| fs::read_to_string(task.path().join(name));
            // schedstat: time on a processor, in ns (Documentation/scheduler/sched-stats).
            let ns = read("schedstat")?
                .split(' ')
                .next()
                .and_then(|ns| ns.parse().ok())
                .unwrap_or(0);
            cost.cpu += Duration::from_nanos(ns);
            cost.wakeups += field(&read("status")?, "voluntary_ctxt_switches:").unwrap_or(0);
        }
        cost.rss_kb = field(
            &fs::read_to_string(format!("/proc/{}/status", self.pid))?,
            "VmRSS:",
        )
        .unwrap_or(0);
        cost.descriptors = fs::read_dir(format!("/proc/{}/fd", self.pid))?.count();
        Ok(cost)
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill(Pid::from_raw(i32::try_from(self.pid)?), signal)
            .with_context(|| format!("cannot signal {} ({})", self.name, self.pid))
    }
}

/// Tells when a process ends (also one that is not our child), within 0.1 ms. Watching starts before this returns.
pub fn exit_time(pid: u32) -> Result<Receiver<SystemTime>> {
    let id = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw)
        .context("no process id")?;
    let fd = rustix::process::pidfd_open(id, rustix::process::PidfdFlags::empty())
        .with_context(|| format!("no process {pid}"))?;
    let (tell, told) = channel();
    thread::spawn(move || {
        // pidfd_open(2): readable when the process has terminated.
        let _ready = poll(
            &mut [PollFd::new(fd.as_fd(), PollFlags::POLLIN)],
            PollTimeout::NONE,
        );
        let _nobody_listens = tell.send(SystemTime::now());
    });
    Ok(told)
}

fn field(status: &str, name: &str) -> Option<u64> {
    status.lines().find_map(|line| {
        line.strip_prefix(name)?
            .split_whitespace()
            .next()?
            .parse()
            .ok()
    })
}
