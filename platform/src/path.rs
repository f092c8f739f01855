//! How the kernel reaches a destination.

use std::{fmt, net::IpAddr};

/// A question for the kernel: which way would a packet to `destination` take now?
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Query {
    /// Where to.
    pub destination: IpAddr,
    /// The source address that the user fixed (`BindAddress`), if any.
    pub source: Option<IpAddr>,
    /// The interface that the user fixed (`BindInterface`), if any.
    pub interface: Option<String>,
}

impl Query {
    /// Asks for `destination` with nothing fixed by the user.
    pub fn to(destination: IpAddr) -> Self {
        Self {
            destination,
            source: None,
            interface: None,
        }
    }
}

/// The way a packet takes: two equal paths are the same path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// The kernel's index of the outgoing interface.
    pub index: u32,
    /// Name of the outgoing interface.
    pub interface: String,
    /// The source address that the kernel prefers.
    pub source: IpAddr,
    /// The next hop; `None` where the destination is on the link.
    pub gateway: Option<IpAddr>,
    /// The interface is a tunnel by what the kernel says of it: link kind, point-to-point flag; not by its name, unless that is the
    /// driver's (BSD, macOS).
    pub tunnel: bool,
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.interface, self.source)
    }
}

/// The kernel's answer to a [`Query`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// There is a path.
    Found(Path),
    /// There is none.
    None(NoPath),
    /// The question failed with this error: not knowing. Whoever decides presumes that there is a path.
    Unknown(String),
}

/// Why there is no path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoPath {
    /// No route leads there (`ENETUNREACH`, `EHOSTUNREACH`, an unreachable or prohibit route).
    NoRoute,
    /// A route leads there over this interface, which has no carrier or is down. Linux keeps such routes and answers with them.
    NoCarrier(String),
    /// The source address or interface that the user fixed is not there.
    NotOurs,
}

impl fmt::Display for NoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRoute => f.write_str("no route"),
            Self::NoCarrier(interface) => write!(f, "{interface} has no carrier"),
            Self::NotOurs => f.write_str("the address or interface to bind to is not there"),
        }
    }
}
