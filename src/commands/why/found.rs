//! What `netroam why` found: the object that `--json` prints.

use serde::Serialize;

use crate::{
    control::{AddressFacts, Status, Want},
    journal::Entry,
    learnt::LastRun,
    record::{Connects, PathFacts, Stamp},
};

/// Everything about a host. The names of the fields are documented in docs/json.md.
#[derive(Debug, Serialize)]
pub(super) struct Found {
    pub(super) at: Stamp,
    pub(super) host: String,
    pub(super) hostname: String,
    pub(super) port: u16,
    pub(super) connects: Connects,
    pub(super) first_hop: Option<String>,
    /// What a session has otherwise than the user's ssh configuration says.
    pub(super) overridden: Vec<String>,
    pub(super) path: Option<PathFacts>,
    pub(super) name: Name,
    pub(super) addresses: Vec<Address>,
    pub(super) want: Want,
    pub(super) last: Option<Last>,
    pub(super) sessions: Vec<Status>,
    pub(super) lately: Vec<Entry>,
    pub(super) problems: Vec<String>,
}

/// What became of the name of the first hop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::commands) enum Name {
    /// It is an address, or nobody knows it.
    NotNeeded,
    /// It has the addresses that are not only learnt.
    Resolved,
    /// The resolver was not asked: a tunnel is wanted, and none leads to what is known.
    NotAsked,
    /// It does not resolve, in the resolver's words.
    Unknown(String),
    /// The resolver did not answer in time.
    Slow,
}

/// An address of the first hop.
#[derive(Debug, Serialize)]
pub(in crate::commands) struct Address {
    #[serde(flatten)]
    pub(in crate::commands) facts: AddressFacts,
    /// It answered before.
    pub(super) learnt: bool,
    /// There is a path, and a session may go over it.
    pub(in crate::commands) wanted: bool,
}

/// The last good run.
#[derive(Debug, Serialize)]
pub(super) struct Last {
    pub(super) at: Stamp,
    pub(super) path: PathFacts,
}

impl From<LastRun> for Last {
    fn from(last: LastRun) -> Self {
        Self {
            at: last.at.into(),
            path: PathFacts {
                interface: last.interface,
                source: last.source,
                gateway: last.gateway,
                tunnel: last.tunnel,
            },
        }
    }
}
