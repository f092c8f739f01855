//! A line that takes time: packets between two TUN devices, each handed on a fixed while after it came.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Result;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::recorder::hurry;
use crate::{Node, tun};

/// The line. In each direction packets leave in the order in which they came.
#[derive(Debug)]
pub(crate) struct DelayLine {
    one_way_us: Arc<AtomicU64>,
    stop: Option<std::io::PipeWriter>,
    threads: Vec<JoinHandle<()>>,
}

impl DelayLine {
    /// Joins two machines by interfaces of the same name; both are left without addresses, down.
    pub(crate) fn start(a: &Node, b: &Node, interface: &str, rtt: Duration) -> Result<Self> {
        let ends = [tun::open(a, interface)?, tun::open(b, interface)?];
        let one_way_us = Arc::new(AtomicU64::new(0));
        let (stopped, stop) = std::io::pipe()?;
        let mut threads = Vec::new();
        for (from, to) in [(0, 1), (1, 0)] {
            let (queue, due) = channel();
            let (from, to) = (ends[from].try_clone()?, ends[to].try_clone()?);
            let (stopped, one_way_us) = (stopped.try_clone()?, Arc::clone(&one_way_us));
            threads.push(thread::spawn(move || {
                take_in(from, &stopped, &one_way_us, &queue);
            }));
            threads.push(thread::spawn(move || hand_on(to, &due)));
        }
        let line = Self {
            one_way_us,
            stop: Some(stop),
            threads,
        };
        line.set_rtt(rtt);
        Ok(line)
    }

    /// Changes the round-trip time, from the next packet on.
    pub(crate) fn set_rtt(&self, rtt: Duration) {
        let one_way = u64::try_from(rtt.as_micros() / 2).unwrap_or(u64::MAX);
        self.one_way_us.store(one_way, Ordering::Relaxed);
    }
}

impl Drop for DelayLine {
    fn drop(&mut self) {
        drop(self.stop.take());
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so already.
            let _joined = thread.join();
        }
    }
}

type Due = (Instant, Vec<u8>);

fn take_in(
    mut from: File,
    stopped: &std::io::PipeReader,
    one_way_us: &AtomicU64,
    queue: &Sender<Due>,
) {
    hurry();
    let mut packet = vec![0; 65536];
    loop {
        let mut waiting = [
            PollFd::new(from.as_fd(), PollFlags::POLLIN),
            PollFd::new(stopped.as_fd(), PollFlags::POLLIN),
        ];
        let _ready = poll(&mut waiting, PollTimeout::NONE);
        if waiting[1].revents().is_some_and(|seen| !seen.is_empty()) {
            return;
        }
        // While the interface is down, a read says EIO or EBADFD: nothing to carry.
        let Ok(length) = from.read(&mut packet) else {
            thread::sleep(Duration::from_millis(1));
            continue;
        };
        let due = Instant::now() + Duration::from_micros(one_way_us.load(Ordering::Relaxed));
        if queue.send((due, packet[..length].to_vec())).is_err() {
            return;
        }
    }
}

fn hand_on(mut to: File, queue: &Receiver<Due>) {
    hurry();
    while let Ok((due, packet)) = queue.recv() {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        // A packet that the far interface does not take (it is down) is lost, as on a real line.
        let _lost = to.write(&packet);
    }
}
