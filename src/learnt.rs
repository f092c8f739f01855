//! What netroam has learnt of a host from its good runs.

use std::{net::IpAddr, path::Path, time::SystemTime};

/// What is known of a host; by default nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learnt {
    /// Addresses of the first hop that answered, the last good one first.
    pub addresses: Vec<IpAddr>,
    /// What the last run that was attached stood on.
    pub last: Option<LastRun>,
}

/// What a run stood on when it was attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastRun {
    /// The interface.
    pub interface: String,
    /// The source address.
    pub source: IpAddr,
    /// The gateway, where there was one.
    pub gateway: Option<IpAddr>,
    /// Whether the interface was a tunnel.
    pub tunnel: bool,
    /// When it was attached.
    pub at: SystemTime,
}

/// Where it is kept.
#[derive(Clone, Debug)]
pub struct Store;

impl Store {
    /// The store in netroam's state directory.
    pub fn new(_state: &Path) -> Self {
        Self
    }

    /// What is known of `host`, and a line for the user where the file is no good.
    pub fn read(&self, _host: &str) -> (Learnt, Option<String>) {
        (Learnt::default(), None)
    }
}
