//! What may happen to the laptop.

use anyhow::Result;
use netroam_lab::{Lab, Net};

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
pub(super) enum Move {
    /// Another network with another address, after none.
    To(Net),
    /// Another network beside the one that is there, better or worse.
    Beside(Net, u32),
    /// No network.
    Away,
    /// The link goes down and up.
    Blip(Net),
    /// The carrier is lost and comes back.
    Carrier(Net),
    /// Another address in the same network.
    Readdress(Net, u8),
    /// A tunnel comes, with this address in it.
    TunnelUp(u8),
    /// The tunnel goes.
    TunnelDown,
}

impl Move {
    pub(super) fn random(rng: &mut fastrand::Rng) -> Self {
        let net = if rng.bool() { Net::Home } else { Net::Cafe };
        match rng.u8(0..12) {
            0..4 => Self::To(net),
            4 => Self::Beside(net, Lab::METRIC / 2),
            5 => Self::Beside(net, Lab::METRIC * 2),
            6 => Self::Away,
            7 => Self::Blip(net),
            8 => Self::Carrier(net),
            9 => Self::Readdress(net, rng.u8(20..200)),
            10 => Self::TunnelUp(rng.u8(7..30)),
            _ => Self::TunnelDown,
        }
    }

    /// Makes it; nothing where it has nothing to change.
    pub(super) fn make(self, lab: &Lab) -> Result<()> {
        match self {
            Self::To(net) => {
                lab.leave(net)?;
                lab.move_to(net)
            }
            Self::Beside(net, metric) => {
                lab.leave(net)?;
                lab.arrive_as(net, Lab::HOST, metric)
            }
            Self::Away => Net::ALL
                .into_iter()
                .filter(|net| lab.is_in(*net))
                .try_for_each(|net| lab.leave(net)),
            Self::Blip(net) if lab.is_in(net) => {
                lab.link_down(net)?;
                lab.link_up(net)
            }
            Self::Carrier(net) if lab.is_in(net) => {
                lab.carrier_lost(net)?;
                lab.carrier_back(net)
            }
            Self::Readdress(net, host) if lab.is_in(net) => lab.readdress(net, host),
            Self::TunnelUp(host) => lab.tunnel_up(host),
            Self::TunnelDown => {
                lab.tunnel_down();
                Ok(())
            }
            Self::Blip(_) | Self::Carrier(_) | Self::Readdress(..) => Ok(()),
        }
    }
}

/// Sees to it that there is a network.
pub(super) fn into_a_network(lab: &Lab) -> Result<()> {
    if Net::ALL.into_iter().any(|net| lab.is_in(net)) {
        return Ok(());
    }
    lab.arrive(Net::Cafe)
}
