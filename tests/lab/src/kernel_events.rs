//! What the kernel announces on the laptop, and when: the zero of every reaction time.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::SystemTime;

use anyhow::{Context, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, setsockopt,
    socket, sockopt,
};

use crate::Lab;

/// One announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelEvent {
    /// When it could be received. The thread that notes it runs with real-time priority, so it is rarely later than
    /// any other receiver.
    pub at: SystemTime,
    /// What, by its name in linux/rtnetlink.h without `RTM_`: `NEWLINK`, `DELADDR`, `NEWROUTE`…
    pub kind: &'static str,
    /// It is about a default route, of either family.
    pub default_route: bool,
}

/// Records the announcements of links, addresses and routes. Dropping it ends the record.
#[derive(Debug)]
pub struct KernelEvents {
    record: Arc<Record>,
    stop: Option<std::io::PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

/// The socket, and what came out of it: emptied by the thread, or by whoever asks first.
#[derive(Debug)]
struct Record {
    socket: OwnedFd,
    events: Mutex<Vec<KernelEvent>>,
}

/// `RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE` of
/// linux/rtnetlink.h.
const GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;

impl Lab {
    /// Records what the kernel announces on the laptop, from now on.
    pub fn kernel_events(&self) -> Result<KernelEvents> {
        let socket = self.laptop().within(|| {
            let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
            let socket = socket(
                AddressFamily::Netlink,
                SockType::Raw,
                flags,
                SockProtocol::NetlinkRoute,
            )?;
            setsockopt(&socket, sockopt::RcvBufForce, &(8 << 20))?;
            bind(socket.as_raw_fd(), &NetlinkAddr::new(0, GROUPS))
                .context("cannot listen to netlink")?;
            Ok(socket)
        })?;
        let record = Arc::new(Record {
            socket,
            events: Mutex::default(),
        });
        let (stopped, stop) = std::io::pipe()?;
        let shared = Arc::clone(&record);
        let thread = thread::spawn(move || {
            hurry();
            shared.follow(&stopped);
        });
        Ok(KernelEvents {
            record,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl KernelEvents {
    /// The events since a moment: all that were announced before this call.
    pub fn since(&self, moment: SystemTime) -> Vec<KernelEvent> {
        let events = self.record.drain(SystemTime::now());
        events
            .iter()
            .copied()
            .filter(|event| event.at >= moment)
            .collect()
    }
}

impl Drop for KernelEvents {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            let _joined = thread.join();
        }
    }
}

/// Gives the calling thread real-time priority, so that what it notes or delays is on time on a busy machine. Where
/// that is not allowed (some containers) it goes on without.
pub(crate) fn hurry() {
    let thread = nix::unistd::gettid().to_string();
    let _allowed = Command::new("chrt")
        .args(["--fifo", "--pid", "10", &thread])
        .output();
}

impl Record {
    fn follow(&self, stopped: &std::io::PipeReader) {
        loop {
            let mut waiting = [
                PollFd::new(self.socket.as_fd(), PollFlags::POLLIN),
                PollFd::new(stopped.as_fd(), PollFlags::POLLIN),
            ];
            let _ready = poll(&mut waiting, PollTimeout::NONE);
            let at = SystemTime::now();
            if waiting[1].revents().is_some_and(|seen| !seen.is_empty()) {
                return;
            }
            drop(self.drain(at));
        }
    }

    /// Takes what the socket holds; it came at this moment.
    fn drain(&self, at: SystemTime) -> MutexGuard<'_, Vec<KernelEvent>> {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let mut message = vec![0; 32 << 10];
        while let Ok(length) = recv(self.socket.as_raw_fd(), &mut message, MsgFlags::empty()) {
            let mut rest = &message[..length];
            // struct nlmsghdr of linux/netlink.h: u32 length, u16 type, 16 bytes in all; the next one is 4-aligned.
            // struct rtmsg of linux/rtnetlink.h follows for routes: u8 family, u8 destination's prefix length.
            while let Some(&[l0, l1, l2, l3, t0, t1]) = rest.first_chunk::<6>() {
                let kind = kind_of(u16::from_ne_bytes([t0, t1]));
                let default_route = kind.ends_with("ROUTE") && rest.get(17) == Some(&0);
                events.push(KernelEvent {
                    at,
                    kind,
                    default_route,
                });
                let size =
                    usize::try_from(u32::from_ne_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
                rest = rest.get(size.next_multiple_of(4).max(16)..).unwrap_or(&[]);
            }
        }
        events
    }
}

/// The numbers of linux/rtnetlink.h.
fn kind_of(number: u16) -> &'static str {
    match number {
        16 => "NEWLINK",
        17 => "DELLINK",
        20 => "NEWADDR",
        21 => "DELADDR",
        24 => "NEWROUTE",
        25 => "DELROUTE",
        _other => "OTHER",
    }
}
