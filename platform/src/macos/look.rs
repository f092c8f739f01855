//! The snapshot, and the kernel's choice of a path.

use std::io;

use nix::{ifaddrs::getifaddrs, net::if_::InterfaceFlags};

use super::{
    carrier::Media,
    gateway,
    kind::{self, Flags},
    router::Router,
};
use crate::{
    path::{Lookup, Query},
    portable,
    snapshot::Snapshot,
};

/// Nothing in it waits: it asks the kernel alone, and configd nothing.
pub(crate) fn look(queries: &[Query]) -> io::Result<(Snapshot, Vec<Lookup>)> {
    let mut snapshot = portable::snapshot()?;
    refine(&mut snapshot)?;
    let mut router = if queries.is_empty() {
        None
    } else {
        Router::open()
            .inspect_err(|error| tracing::debug!(%error, "the routing table cannot be asked"))
            .ok()
    };
    let paths = queries
        .iter()
        .map(|query| path(&snapshot, query, router.as_mut()))
        .collect();
    Ok((snapshot, paths))
}

/// Adds carriers, and what is a tunnel.
fn refine(snapshot: &mut Snapshot) -> io::Result<()> {
    let media = Media::open()?;
    let mut refined = std::collections::BTreeSet::new();
    for found in getifaddrs()? {
        let Some(interface) = snapshot
            .interfaces
            .values_mut()
            .find(|interface| interface.name == found.interface_name)
        else {
            continue;
        };
        // There is an entry for each address.
        if refined.insert(found.interface_name) {
            let flags = Flags {
                point_to_point: found.flags.contains(InterfaceFlags::IFF_POINTOPOINT),
                running: found.flags.contains(InterfaceFlags::IFF_RUNNING),
            };
            let carrier = media.carrier(&interface.name);
            kind::refine(interface, flags, carrier);
        }
    }
    Ok(())
}

/// The source address that a datagram socket of ours gets, which goes by all rules that a connection of ours goes by; and the gateway from
/// the routing table, which knows the interface as well. Without its answer there is a path all the same.
fn path(snapshot: &Snapshot, query: &Query, router: Option<&mut Router>) -> Lookup {
    let mut lookup = portable::path(snapshot, query);
    if let (Lookup::Found(path), Some(router)) = (&mut lookup, router) {
        match router.route(query.destination) {
            Ok(Some(route)) if query.interface.is_none() => gateway::add(path, &route, snapshot),
            Ok(Some(route)) if route.index == path.index => gateway::add(path, &route, snapshot),
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(%error, destination = %query.destination, "the routing table says nothing");
            }
        }
    }
    lookup
}
