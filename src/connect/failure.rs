//! Why an attempt to dial brought no connection.

use std::{
    fmt,
    io::{self, ErrorKind},
    net::SocketAddr,
};

use nix::errno::Errno;

/// What became of an attempt that failed. Where several addresses failed, the one that came the furthest is reported.
///
/// The order of the variants is that of how far it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The name has no address; in the resolver's own words.
    Resolve(String),
    /// The resolver has answered that there is no such name: asking again in the same network brings the same.
    NoSuchName(String),
    /// No address of the host has a path that is wanted, so that nothing was sent; says which address goes where.
    Astray(String),
    /// The kernel sent nothing, or a router answered that the way ends there; says which address and why.
    Unreachable(String),
    /// Nobody answered in time.
    TimedOut,
    /// This machine could not even try: the source address or interface is not there, no descriptor is left.
    Local(String),
    /// The host answered that nobody listens on the port.
    Refused(SocketAddr),
    /// The connection was accepted and closed without a word.
    Closed(SocketAddr),
    /// The connection was accepted, and nothing was said for [`super::banner::SILENCE`].
    Silent(SocketAddr),
    /// Something else than an ssh server answered: a captive portal, a proxy, another service.
    Foreign {
        /// Who answered.
        peer: SocketAddr,
        /// What it said, cut and made printable.
        said: String,
    },
    /// An ssh server answered that it takes no connection of ours now: `PerSourcePenalties` or `MaxStartups` of `sshd_config(5)`.
    Busy {
        /// Who answered.
        peer: SocketAddr,
        /// What it said, cut and made printable.
        said: String,
    },
}

impl Failure {
    /// How far the attempt came; larger is further.
    fn distance(&self) -> u8 {
        match self {
            Self::Resolve(_) | Self::NoSuchName(_) => 0,
            Self::Astray(_) => 1,
            Self::Unreachable(_) => 2,
            Self::TimedOut => 3,
            Self::Local(_) => 4,
            Self::Refused(_) => 5,
            Self::Closed(_) => 6,
            Self::Silent(_) => 7,
            Self::Foreign { .. } => 8,
            Self::Busy { .. } => 9,
        }
    }

    /// The one of two failures of the same attempt that came further; the earlier of equals.
    pub(super) fn furthest(earlier: Option<Self>, later: Self) -> Self {
        match earlier {
            Some(earlier) if earlier.distance() >= later.distance() => earlier,
            Some(_) | None => later,
        }
    }

    /// What the resolver's words mean. The number that getaddrinfo(3) gave is lost in the standard library, but each system has fixed
    /// words for `EAI_NONAME` and `EAI_NODATA`: glibc's, musl's, and those of macOS and the BSDs.
    pub(super) fn of_resolver(words: String) -> Self {
        const NO_SUCH_NAME: [&str; 4] = [
            "Name or service not known",
            "No address associated with hostname",
            "Name does not resolve",
            "nodename nor servname provided, or not known",
        ];
        if NO_SUCH_NAME.contains(&words.as_str()) {
            Self::NoSuchName(words)
        } else {
            Self::Resolve(words)
        }
    }

    /// What connect(2)'s error means.
    pub(super) fn of_connect(peer: SocketAddr, error: &io::Error) -> Self {
        let kind = error.kind();
        if kind == ErrorKind::ConnectionRefused {
            Self::Refused(peer)
        } else if [ErrorKind::ConnectionReset, ErrorKind::ConnectionAborted].contains(&kind) {
            Self::Closed(peer)
        } else if kind == ErrorKind::TimedOut {
            Self::TimedOut
        } else {
            // None of the others is about this machine's resources: no route (ENETUNREACH, EADDRNOTAVAIL without a source address of
            // that family), a router's word (EHOSTUNREACH), a prohibiting route or packet filter (EACCES, EPERM).
            Self::Unreachable(format!("{}: {}", Address(peer), words(error)))
        }
    }
}

/// What went wrong in one attempt.
#[derive(Debug, Default)]
pub(super) struct Failures {
    furthest: Option<Failure>,
    unresolved: Option<Failure>,
    /// To some address a packet could leave: there is a route, and a source address of its family.
    leads_somewhere: bool,
}

impl Failures {
    /// Adds one that is about an address.
    pub(super) fn add(&mut self, failure: Failure) {
        self.furthest = Some(Failure::furthest(self.furthest.take(), failure));
    }

    /// Adds what connect(2) said.
    pub(super) fn add_connect(&mut self, peer: SocketAddr, error: &io::Error) {
        let nowhere = [ErrorKind::NetworkUnreachable, ErrorKind::AddrNotAvailable];
        self.leads_somewhere |= !nowhere.contains(&error.kind());
        self.add(Failure::of_connect(peer, error));
    }

    /// Adds what the resolver said, or that it said nothing.
    pub(super) fn add_resolver(&mut self, failure: Failure) {
        self.unresolved = Some(failure);
    }

    /// The one that the attempt failed of: the furthest; but where the addresses that are known lead nowhere from here, it is the others that are
    /// missing.
    pub(super) fn into_one(self) -> Failure {
        match (self.furthest, self.unresolved) {
            (None, Some(unresolved)) => unresolved,
            (Some(Failure::Unreachable(_)), Some(unresolved)) if !self.leads_somewhere => {
                unresolved
            }
            (furthest, _) => furthest.unwrap_or(Failure::TimedOut),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve(words) | Self::NoSuchName(words) => {
                write!(f, "does not resolve here ({words})")
            }
            Self::Astray(words) | Self::Unreachable(words) | Self::Local(words) => {
                f.write_str(words)
            }
            Self::TimedOut => f.write_str("no answer"),
            Self::Refused(peer) => write!(f, "connection refused by {}", Address(*peer)),
            Self::Closed(peer) => {
                write!(f, "{} closed the connection without a word", Address(*peer))
            }
            Self::Silent(peer) => write!(
                f,
                "{} accepts the connection but says nothing",
                Address(*peer)
            ),
            Self::Foreign { peer, said } => {
                write!(f, "{} is no ssh server, it says: {said}", Address(*peer))
            }
            Self::Busy { peer, said } => {
                write!(f, "{} takes no connection now: {said}", Address(*peer))
            }
        }
    }
}

impl std::error::Error for Failure {}

/// An address and port the way ssh writes them.
pub(super) struct Address(pub(super) SocketAddr);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} port {}", self.0.ip(), self.0.port())
    }
}

/// The system's words for an error, without Rust's `(os error N)`.
pub(super) fn words(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => Errno::from_raw(number).desc().to_owned(),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_that_came_the_furthest_is_reported() {
        let peer: SocketAddr = "192.0.2.1:22".parse().unwrap();
        let refused = Failure::furthest(Some(Failure::TimedOut), Failure::Refused(peer));
        assert_eq!(refused, Failure::Refused(peer));
        let still = Failure::furthest(Some(refused), Failure::Unreachable(String::new()));
        assert_eq!(still, Failure::Refused(peer));
    }

    #[test]
    fn messages_name_the_address_and_have_no_numbers_of_errors() {
        let peer: SocketAddr = "192.0.2.1:2222".parse().unwrap();
        let unreachable = Failure::of_connect(peer, &Errno::ENETUNREACH.into());
        assert_eq!(
            unreachable.to_string(),
            "192.0.2.1 port 2222: Network is unreachable"
        );
        let refused = Failure::of_connect(peer, &Errno::ECONNREFUSED.into());
        assert_eq!(
            refused.to_string(),
            "connection refused by 192.0.2.1 port 2222"
        );
    }
}
