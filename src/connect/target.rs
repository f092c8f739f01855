//! What to dial, and how the user wants it dialled.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

/// The first hop as `ssh -G` describes it.
///
/// Beside the host these are the options that ssh itself applies while it connects, and which are lost when it is handed a
/// connected socket (`ProxyUseFdpass`); so the dialler applies them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `hostname`: a name, or an address in numbers.
    pub host: String,
    /// `port`.
    pub port: u16,
    /// `addressfamily`.
    pub family: Family,
    /// `bindaddress`: the source address.
    pub bind_address: Option<IpAddr>,
    /// `bindinterface`: the source address is the first of this interface, as `ssh_config(5)` says. Ignored beside `bind_address`, as
    /// ssh ignores it.
    pub bind_interface: Option<String>,
    /// `connecttimeout`; `None` is ssh's `none`, and [`super::dial::PATIENCE`] then bounds an attempt.
    pub connect_timeout: Option<Duration>,
    /// The interactive value of `ipqos` (`IP_TOS`, 0 to 255), which ssh sets from the first packet on; `None` leaves the system's.
    pub qos: Option<u8>,
    /// `tcpkeepalive`.
    pub keepalive: bool,
    /// The largest TCP segment in either direction, in bytes without headers; `None` leaves it to the system.
    pub max_segment: Option<u32>,
}

impl Target {
    /// A target with ssh's defaults: any family, nothing bound, no time limit of the user's, keepalive on.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
            family: Family::Any,
            bind_address: None,
            bind_interface: None,
            connect_timeout: None,
            qos: None,
            keepalive: true,
            max_segment: None,
        }
    }

    /// Whether the user's options leave `address` to be dialled: its family is wanted, and is that of the source address.
    pub fn admits(&self, address: &SocketAddr) -> bool {
        self.family.admits(address)
            && self
                .bind_address
                .is_none_or(|source| source.is_ipv4() == address.is_ipv4())
    }
}

/// `AddressFamily` of `ssh_config(5)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// `any`.
    #[default]
    Any,
    /// `inet`.
    V4,
    /// `inet6`.
    V6,
}

impl Family {
    fn admits(self, address: &SocketAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }
}
