//! What becomes of packets: connections live as long as both ends know them and packets pass between their addresses.

use std::{net::IpAddr, time::Duration};

use netroam_platform::clock::Time;

use crate::{
    address::{inner_address, outer_addresses},
    world::{Link, Net, Portal, World},
};

/// Where connections lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Far {
    /// This server of ours.
    Server(usize),
    /// A machine that has its address elsewhere.
    Stranger,
    /// A portal of this kind.
    Portal(Portal),
}

/// One TCP connection, as both ends and what is between them know it.
#[derive(Clone, Debug)]
pub struct Tcp {
    /// Our address.
    pub local: IpAddr,
    /// Theirs.
    pub peer: IpAddr,
    /// Who is there.
    pub far: Far,
    net: Net,
    mappings: u32,
    boot: u32,
    /// The other end has not closed it.
    pub open: bool,
    /// Its segments are small.
    pub small: bool,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// It arrives and is answered, after this time.
    Through(Duration),
    /// It does not arrive, or nobody answers.
    Lost,
    /// Whoever gets it knows nothing of the connection.
    Reset(Duration),
}

/// What becomes of a SYN.
#[derive(Clone, Debug)]
pub enum Syn {
    /// The kernel sends nothing.
    Unreachable,
    /// No answer.
    Silence,
    /// Nobody listens.
    Refused(Duration),
    /// A connection.
    Accepted(Duration, Tcp),
}

impl World {
    fn tunnel_carries(&self, now: Time) -> bool {
        let beneath = self.underlay().and_then(|(link, _)| self.cards[&link].net);
        let carried = beneath.is_some_and(|net| {
            let medium = &self.nets[&net];
            medium.uplink && medium.portal == Portal::None
        });
        carried && self.nets[&Net::Vpn].uplink && self.carries_from <= now
    }

    /// The network through which a packet from `local` to `peer` leaves and is carried, if it is.
    fn carrier(&self, local: IpAddr, peer: IpAddr, now: Time) -> Option<Net> {
        let owner = self.owner(local)?;
        let (link, _) = self.route(peer).ok()?;
        let net = self.cards[&link].net?;
        // Another interface in the same network is as good; elsewhere the source is a stranger's.
        if self.cards[&owner].net != Some(net) {
            return None;
        }
        let carries = match link {
            Link::Tun => self.tunnel_carries(now),
            Link::Eth | Link::Wlan | Link::Docker => self.nets[&net].uplink,
        };
        carries.then_some(net)
    }

    /// What becomes of a packet of this connection now.
    pub fn passage(&self, tcp: &Tcp, now: Time) -> Passage {
        let Some(net) = self.carrier(tcp.local, tcp.peer, now) else {
            return Passage::Lost;
        };
        let medium = &self.nets[&net];
        let intercepted = medium.portal != Portal::None && !matches!(tcp.far, Far::Portal(_));
        if net != tcp.net || medium.mappings != tcp.mappings || intercepted {
            return Passage::Lost;
        }
        match tcp.far {
            Far::Portal(_) | Far::Stranger if tcp.open => Passage::Through(medium.trip),
            Far::Portal(_) | Far::Stranger => Passage::Reset(medium.trip),
            Far::Server(number) => {
                let server = &self.servers[number];
                if !server.up || server.deaf {
                    Passage::Lost
                } else if !tcp.open || server.boot != tcp.boot {
                    Passage::Reset(medium.trip)
                } else {
                    Passage::Through(medium.trip)
                }
            }
        }
    }

    /// Whether large packets of it are swallowed.
    pub fn swallows(&self, tcp: &Tcp) -> bool {
        self.nets[&tcp.net].hole && !tcp.small
    }

    /// What becomes of a SYN that is sent now; from `local`, where that is fixed by an earlier one.
    pub fn syn(&self, local: Option<IpAddr>, peer: IpAddr, small: bool, now: Time) -> Syn {
        let local = match local {
            Some(local) => local,
            None => match self.route(peer) {
                Ok((_, path)) => path.source,
                Err(_) => return Syn::Unreachable,
            },
        };
        let Some(net) = self.carrier(local, peer, now) else {
            return Syn::Silence;
        };
        let medium = &self.nets[&net];
        let Some(far) = self.far(net, peer) else {
            return Syn::Silence;
        };
        let boot = match far {
            Far::Server(number) => {
                let server = &self.servers[number];
                if !server.up || server.deaf {
                    return Syn::Silence;
                }
                if !server.listens {
                    return Syn::Refused(medium.trip);
                }
                server.boot
            }
            Far::Stranger | Far::Portal(_) => 0,
        };
        let tcp = Tcp {
            local,
            peer,
            far,
            net,
            mappings: medium.mappings,
            boot,
            open: true,
            small,
        };
        Syn::Accepted(medium.trip, tcp)
    }

    /// Who has this address, seen from there.
    fn far(&self, net: Net, peer: IpAddr) -> Option<Far> {
        let medium = &self.nets[&net];
        if medium.portal != Portal::None {
            return Some(Far::Portal(medium.portal));
        }
        if peer == inner_address() {
            return match net {
                Net::Vpn | Net::Office => Some(Far::Server(1)),
                Net::Home | Net::Cafe => medium.stranger.then_some(Far::Stranger),
            };
        }
        outer_addresses().contains(&peer).then_some(Far::Server(0))
    }
}
