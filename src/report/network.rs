//! Words for what the operating system says of the network: for `netroam events`.

use std::net::IpAddr;

use netroam_platform::{Event, Interface, Lost, Snapshot};

use super::{duration, plain};

/// The table of ordinary routes (`RT_TABLE_MAIN` of `linux/rtnetlink.h`), which needs no mention.
const MAIN: u32 = 254;

/// An event; the snapshot has the names of interfaces.
pub fn event(event: &Event, names: &Snapshot) -> String {
    match event {
        Event::Interface {
            index,
            name,
            up,
            carrier,
            removed,
        } => {
            let name = name
                .as_deref()
                .map_or_else(|| interface_name(*index, names), plain);
            let state = match (removed, up, carrier) {
                (true, _, _) => "is gone",
                (false, false, _) => "is down",
                (false, true, Some(false)) => "is up, without carrier",
                (false, true, Some(true) | None) => "is up",
            };
            format!("interface {name} {state}")
        }
        Event::Address {
            index,
            address,
            removed,
        } => {
            let address = address.map_or_else(String::new, |address| format!(" {address}"));
            let name = interface_name(*index, names);
            if *removed {
                format!("address{address} is gone from {name}")
            } else {
                format!("address{address} on {name}")
            }
        }
        Event::Route {
            destination,
            interface,
            table,
            removed,
        } => {
            let to = route_destination(*destination);
            let over = interface.map_or_else(String::new, |index| {
                format!(" over {}", interface_name(index, names))
            });
            let table = match *table {
                0 | MAIN => String::new(),
                table => format!(" in table {table}"),
            };
            let gone = if *removed { " is gone" } else { "" };
            format!("route {to}{over}{table}{gone}")
        }
        Event::Rule { removed: true } => "a routing rule is gone".into(),
        Event::Rule { removed: false } => "a new routing rule".into(),
        Event::Everything(Lost::Subscribed) => "listening: everything may have changed".into(),
        Event::Everything(Lost::Overrun) => {
            "too much at once for the kernel to tell: everything may have changed".into()
        }
        Event::Everything(Lost::Unreadable) => {
            "a message that cannot be read: everything may have changed".into()
        }
        Event::Everything(Lost::Reopened(why)) => format!(
            "the source of events was opened anew ({}): everything may have changed",
            plain(why)
        ),
        Event::Names => "names may resolve differently now".into(),
        Event::Due => "time to look".into(),
        Event::Woke(slept) if slept.is_zero() => "the machine woke".into(),
        Event::Woke(slept) => format!("the machine slept for {}", duration(*slept)),
    }
}

/// Where a route leads.
pub fn route_destination(destination: Option<(IpAddr, u8)>) -> String {
    destination.map_or_else(
        || "default".into(),
        |(address, length)| format!("{address}/{length}"),
    )
}

/// The name of an interface, or its number where there is none of it any more.
pub fn interface_name(index: u32, names: &Snapshot) -> String {
    let known = names.interfaces.get(&index);
    known.map_or_else(
        || format!("interface {index}"),
        |interface| plain(&interface.name),
    )
}

/// What is there now and was not, or the other way round, one line each.
pub fn changes(before: &Snapshot, now: &Snapshot) -> Vec<String> {
    let mut lines = Vec::new();
    for (index, old) in &before.interfaces {
        if !now.interfaces.contains_key(index) {
            let addresses = old.addresses.iter().map(IpAddr::to_string);
            let with = match addresses.collect::<Vec<_>>().join(", ") {
                none if none.is_empty() => none,
                some => format!(" with {some}"),
            };
            lines.push(format!("{} is gone{with}", plain(&old.name)));
        }
    }
    for (index, new) in &now.interfaces {
        let name = plain(&new.name);
        let Some(old) = before.interfaces.get(index) else {
            let kind = if new.tunnel { ", a tunnel" } else { "" };
            let mut words = vec![format!("{name} is new{kind}, {}", state(new))];
            words.extend(new.addresses.iter().map(IpAddr::to_string));
            lines.push(words.join(", "));
            continue;
        };
        if old.name != new.name {
            lines.push(format!("{} is now called {name}", plain(&old.name)));
        }
        if state(old) != state(new) {
            lines.push(format!("{name} is {}", state(new)));
        }
        let lost = old.addresses.difference(&new.addresses);
        lines.extend(lost.map(|address| format!("{name} lost {address}")));
        let got = new.addresses.difference(&old.addresses);
        lines.extend(got.map(|address| format!("{name} has {address}")));
    }
    lines
}

fn state(interface: &Interface) -> &'static str {
    match (interface.up, interface.carrier) {
        (false, _) => "down",
        (true, Some(false)) => "up, without carrier",
        (true, Some(true) | None) => "up",
    }
}
