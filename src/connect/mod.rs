//! stub
use std::net::SocketAddr;
/// Stub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    Resolve(String),
    NoSuchName(String),
    Refused(SocketAddr),
    Unreachable(String),
    TimedOut,
    Closed(SocketAddr),
    Foreign { peer: SocketAddr, said: String },
    Silent(SocketAddr),
    Busy { peer: SocketAddr, said: String },
    Local(String),
}
