//! What reads the kernel's bytes.

use super::{
    events, link,
    message::{self, Message},
    netlink, others, sockets,
};
use crate::{event::Event, snapshot::Interface};

/// The events of a datagram of rtnetlink(7), and the interfaces that a look would see in it.
pub fn events(datagram: &[u8]) -> (Vec<Event>, Vec<Interface>) {
    let seen = netlink::messages(datagram).filter_map(|message| {
        match message::read(message.message_type(), message.payload())? {
            Message::Link { link, .. } => Some(link::interface(&link)),
            Message::Address { .. } | Message::Route { .. } | Message::Rule { .. } => None,
        }
    });
    (events::events(datagram).collect(), seen.collect())
}

/// How many sockets a datagram of `sock_diag(7)` tells of.
pub fn sockets(datagram: &[u8]) -> usize {
    netlink::messages(datagram)
        .filter_map(|message| sockets::read(message.payload()))
        .count()
}

/// Number of the start and parent of the process that `/proc/PID/stat` is about.
pub fn process(stat: &str) -> Option<(u64, i32)> {
    others::start_and_parent(stat)
}
