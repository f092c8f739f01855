//! What a look says of a run and of the way to the host, by the design's table.

use netroam::supervisor::{Look, Wanted};
use netroam_platform::{Lookup, Path};

use super::{Live, found};

/// What a look says of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// Nothing.
    Unknown,
    /// Its address is ours, and there is this path.
    Here(Path),
    /// As it was, but nothing is beneath its tunnel.
    Adrift,
    /// Its address is ours, and there is no path that is wanted.
    Cut,
    /// Its address is gone, and there is no such path.
    Severed,
    /// Its address is gone, and another one reaches the host.
    Dead,
}

/// Over what the host is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Over(Option<Path>),
    Not,
}

pub(super) fn of(look: &Look, live: &Live) -> View {
    let Some(connection) = &live.connection else {
        return View::Unknown;
    };
    let ours = look.snapshot.owns(connection.local);
    let lookup = look.paths.get(&connection.peer);
    if matches!(lookup, None | Some(Lookup::Unknown(_))) {
        return View::Unknown;
    }
    let path = found(lookup).filter(|path| live.wanted.admits(path));
    match (path, ours) {
        (Some(path), true) => {
            let through = live.well.as_ref() == Some(&path) && path.tunnel;
            if through && live.grounded && !look.snapshot.grounded() {
                View::Adrift
            } else {
                View::Here(path)
            }
        }
        (Some(_), false) => View::Dead,
        (None, true) => View::Cut,
        (None, false) => View::Severed,
    }
}

/// The wanted path under a run, if there is one.
pub(super) fn path(look: &Look, live: &Live) -> Option<Path> {
    let connection = live.connection.as_ref()?;
    found(look.paths.get(&connection.peer)).filter(|path| live.wanted.admits(path))
}

/// Whether the host can be reached as it is wanted. Not knowing counts as yes.
pub(super) fn reach(look: &Look, wanted: &Wanted) -> Reach {
    if look.paths.is_empty() {
        let possible = match wanted {
            Wanted::Anything => look.snapshot.online(),
            Wanted::Tunnel | Wanted::Interface(_) => wanted.possible(&look.snapshot),
        };
        return if possible {
            Reach::Over(None)
        } else {
            Reach::Not
        };
    }
    let paths = || look.paths.values();
    if let Some(path) =
        paths().find_map(|lookup| found(Some(lookup)).filter(|path| wanted.admits(path)))
    {
        return Reach::Over(Some(path));
    }
    if paths().any(|lookup| matches!(lookup, Lookup::Unknown(_))) {
        return Reach::Over(None);
    }
    Reach::Not
}
