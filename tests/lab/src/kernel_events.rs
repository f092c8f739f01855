//! What the kernel announces on the laptop, and when: the zero of every reaction time.

use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::SystemTime;

use anyhow::{Context, Result};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, setsockopt,
    socket, sockopt,
};

use crate::Lab;
use crate::recorder::Recorder;

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
    /// The network that a route is about, without its prefix's length; none for a default route, and for what is no route.
    pub destination: Option<IpAddr>,
}

/// Records the announcements of links, addresses and routes. Dropping it ends the record.
#[derive(Debug)]
pub struct KernelEvents(Recorder<KernelEvent>);

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
        Recorder::start(socket, take_in).map(KernelEvents)
    }
}

impl KernelEvents {
    /// The events since a moment: all that were announced before this call.
    pub fn since(&self, moment: SystemTime) -> Vec<KernelEvent> {
        self.0.look(|events| {
            events
                .iter()
                .copied()
                .filter(|event| event.at >= moment)
                .collect()
        })
    }

    /// How many there were so far.
    pub fn count(&self) -> usize {
        self.0.look(<[KernelEvent]>::len)
    }
}

fn take_in(socket: BorrowedFd<'_>, at: SystemTime, events: &mut Vec<KernelEvent>) {
    let mut message = vec![0; 32 << 10];
    while let Ok(length) = recv(socket.as_raw_fd(), &mut message, MsgFlags::empty()) {
        let mut rest = &message[..length];
        // struct nlmsghdr of linux/netlink.h: u32 length, u16 type, 16 bytes in all; the next one is 4-aligned.
        // struct rtmsg of linux/rtnetlink.h follows for routes: u8 family, u8 destination's prefix length.
        while let Some(&[l0, l1, l2, l3, t0, t1]) = rest.first_chunk::<6>() {
            let kind = kind_of(u16::from_ne_bytes([t0, t1]));
            let size = usize::try_from(u32::from_ne_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
            let route = rest.get(..size).filter(|_| kind.ends_with("ROUTE"));
            let destination = route.and_then(destination_of);
            let default_route = kind.ends_with("ROUTE") && rest.get(17) == Some(&0);
            events.push(KernelEvent {
                at,
                kind,
                default_route,
                destination,
            });
            rest = rest.get(size.next_multiple_of(4).max(16)..).unwrap_or(&[]);
        }
    }
}

/// `RTA_DST` of linux/rtnetlink.h among the attributes (u16 length, u16 type, 4-aligned) that follow the 12 bytes of
/// struct rtmsg.
fn destination_of(message: &[u8]) -> Option<IpAddr> {
    let mut rest = message.get(28..)?;
    loop {
        let &[l0, l1, t0, t1] = rest.first_chunk::<4>()?;
        let size = usize::from(u16::from_ne_bytes([l0, l1]));
        if u16::from_ne_bytes([t0, t1]) == 1 {
            let value = rest.get(4..size)?;
            let v6 = <[u8; 16]>::try_from(value).map(IpAddr::from);
            return v6.or(<[u8; 4]>::try_from(value).map(IpAddr::from)).ok();
        }
        rest = rest.get(size.next_multiple_of(4).max(4)..)?;
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
