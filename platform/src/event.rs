//! The reasons to look that an operating system gives.

use std::{net::IpAddr, time::Duration};

/// Says that the operating system reported a change.
///
/// It is a reason to look again, never the new state itself: messages arrive late, in bursts, twice, or not at all. The fields
/// serve people who read `netroam events` and the log; no decision may be taken from them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An interface appeared, changed its flags or carrier, or went away.
    Interface {
        /// The kernel's interface index; 0 where only a name is known (macOS: it has gone since).
        index: u32,
        /// The name, where the message has it.
        name: Option<String>,
        /// Administratively up (`IFF_UP`).
        up: bool,
        /// Carrier present; `None` where the system does not say.
        carrier: Option<bool>,
        /// The interface is gone.
        removed: bool,
    },
    /// An address was added, changed or removed.
    Address {
        /// The kernel's interface index; 0 where the message has none (macOS).
        index: u32,
        /// The address, where the message has it.
        address: Option<IpAddr>,
        /// The address is gone.
        removed: bool,
    },
    /// A route was added, changed or removed.
    Route {
        /// Destination and prefix length; `None` is the default route.
        destination: Option<(IpAddr, u8)>,
        /// Index of the outgoing interface, where the message has one.
        interface: Option<u32>,
        /// The routing table (Linux: 254 is main); 0 where there is only one.
        table: u32,
        /// The route is gone.
        removed: bool,
    },
    /// A policy routing rule was added or removed.
    Rule {
        /// The rule is gone.
        removed: bool,
    },
    /// Messages may have been missed: everything may have changed.
    Everything(Lost),
    /// Names may resolve differently now: a file changed that says who is asked, or that answers itself (Linux: `/etc/resolv.conf`
    /// and what it links to, systemd-resolved's own record of the servers it asks, `/etc/hosts`, `/etc/nsswitch.conf`; macOS: configd's
    /// records of the servers, but nothing tells there of `/etc/hosts`).
    ///
    /// One change may be told more than once, and in the middle of it.
    Names,
    /// The machine slept for about this long (time that `CLOCK_MONOTONIC` did not count; macOS: `CLOCK_UPTIME_RAW`), told once for each
    /// sleep. Zero where the system says that it woke, and the clocks say that it never slept: a sleep that was called off at the last
    /// moment.
    ///
    /// On macOS it is told when the machine is awake for its user, of all the time since it was so before. Nothing at all is told while it
    /// is awake in the dark (Power Nap, maintenance), unless that lasts for three minutes on end.
    Woke(Duration),
    /// Nothing was said that is read here: the system does not say everything, and it is time to look by ourselves.
    Due,
}

/// Why earlier messages may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The subscription has just begun; what happened before is unknown.
    Subscribed,
    /// The kernel dropped messages because they were not read fast enough (Linux: `ENOBUFS`).
    Overrun,
    /// A message came that could not be read; it may have said anything.
    Unreadable,
    /// The event source failed with this error and was opened anew.
    Reopened(String),
}
