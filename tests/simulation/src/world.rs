//! The laptop's interfaces and the networks behind them: the truth, of which the supervisor sees looks only.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use netroam_platform::{Interface, Lookup, NoPath, Path, Snapshot, clock::Time};

use crate::{
    address::{address, addresses, gateway, index, inner_address, liars_address, outer_addresses},
    server::Server,
    words::words,
};

words! {
    /// An interface of the laptop.
    Link {
        /// A cable.
        Eth "eth0",
        /// Wi-Fi.
        Wlan "wlan0",
        /// A tunnel.
        Tun "tun0",
        /// The bridge of containers: nothing leads there.
        Docker "docker0",
    }
}

words! {
    /// What an interface may be in.
    Net {
        /// Behind a NAT, with IPv6.
        Home "home",
        /// Behind a NAT, with a portal at times.
        Cafe "cafe",
        /// Where the inner server is reached without a tunnel.
        Office "office",
        /// The other end of the tunnel.
        Vpn "vpn",
    }
}

words! {
    /// Who answers in everybody's place.
    Portal {
        /// Nobody.
        None "none",
        /// A web server.
        Foreign "foreign",
        /// Something that closes at once.
        Closed "closed",
        /// Something that accepts and says nothing.
        Silent "silent",
    }
}

words! {
    /// How names resolve.
    Names {
        /// As they should.
        Good "good",
        /// After some seconds.
        Slow "slow",
        /// Not for now.
        Broken "broken",
        /// There is no such name.
        NoSuch "no-such-name",
        /// To somebody else's address.
        Lying "lying",
        /// Never: the question hangs.
        Hanging "hanging",
    }
}

/// One network.
#[derive(Clone, Debug)]
pub struct Medium {
    /// It carries packets to the world. (The tunnel: its other end knows us.)
    pub uplink: bool,
    /// There and back.
    pub trip: Duration,
    /// Connections made before this number was counted up have lost their mapping.
    pub mappings: u32,
    /// Who answers in everybody's place.
    pub portal: Portal,
    /// Large packets are swallowed.
    pub hole: bool,
    /// Another machine has the inner server's address here.
    pub stranger: bool,
    /// How names resolve.
    pub names: Names,
}

impl Medium {
    fn good(trip: u64) -> Self {
        Self {
            uplink: true,
            trip: Duration::from_millis(trip),
            mappings: 0,
            portal: Portal::None,
            hole: false,
            stranger: false,
            names: Names::Good,
        }
    }
}

/// One interface.
#[derive(Clone, Debug, Default)]
pub struct Card {
    /// Administratively up.
    pub up: bool,
    /// It has carrier.
    pub carrier: bool,
    /// The network that it is in, if any; a tunnel without one is not there at all.
    pub net: Option<Net>,
    /// The last octet of its address.
    pub lease: Option<u8>,
    /// Routes lead over it.
    pub routed: bool,
    /// One more address that nothing of ours uses.
    pub privacy: Option<u8>,
}

/// All that is outside of netroam.
#[derive(Clone, Debug)]
pub struct World {
    /// The interfaces.
    pub cards: BTreeMap<Link, Card>,
    /// The networks.
    pub nets: BTreeMap<Net, Medium>,
    /// The servers: the outer and the inner one.
    pub servers: [Server; 2],
    /// The tunnel leads to everywhere, not only to the inner server.
    pub full_tunnel: bool,
    /// The kernel cannot be asked.
    pub blind: bool,
    /// The tunnel carries from then on: an overlay network finds its way again after a change beneath.
    pub carries_from: Time,
    beneath: Option<(Link, IpAddr)>,
}

impl World {
    /// At home, by cable; everything is well.
    pub fn new() -> Self {
        let home = Card {
            up: true,
            carrier: true,
            net: Some(Net::Home),
            lease: Some(2),
            routed: true,
            privacy: None,
        };
        let mut world = Self {
            cards: Link::ALL
                .iter()
                .map(|link| (*link, Card::default()))
                .collect(),
            nets: BTreeMap::from([
                (Net::Home, Medium::good(20)),
                (Net::Cafe, Medium::good(60)),
                (Net::Office, Medium::good(5)),
                (Net::Vpn, Medium::good(40)),
            ]),
            servers: [Server::new(), Server::new()],
            full_tunnel: true,
            blind: false,
            carries_from: Time::default(),
            beneath: None,
        };
        world.cards.insert(Link::Eth, home);
        world.beneath = world.underlay();
        world
    }

    /// The interface.
    pub fn card(&mut self, link: Link) -> &mut Card {
        self.cards.entry(link).or_default()
    }

    /// The network.
    pub fn net(&mut self, net: Net) -> &mut Medium {
        self.nets.entry(net).or_insert_with(|| Medium::good(20))
    }

    /// Lets the tunnel find its way after what is beneath has changed.
    pub fn settle(&mut self, now: Time, takes: Duration) {
        let beneath = self.underlay();
        if beneath != self.beneath {
            self.beneath = beneath;
            self.carries_from = now + takes;
        }
    }

    /// Interfaces and addresses now.
    pub fn snapshot(&self) -> Snapshot {
        let there = self
            .cards
            .iter()
            .filter(|(link, card)| **link != Link::Tun || card.net.is_some());
        let interface = |link: Link, card: &Card| Interface {
            name: link.to_string(),
            up: card.up,
            carrier: (link != Link::Tun).then_some(card.carrier),
            loopback: false,
            tunnel: link == Link::Tun,
            inward: false,
            addresses: addresses(link, card),
        };
        Snapshot {
            interfaces: there
                .map(|(link, card)| (index(*link), interface(*link, card)))
                .collect(),
        }
    }

    /// The kernel's answer for this address.
    pub fn lookup(&self, to: IpAddr) -> Lookup {
        if self.blind {
            return Lookup::Unknown("EIO".into());
        }
        match self.route(to) {
            Ok((_, path)) => Lookup::Found(path),
            Err(why) => Lookup::None(why),
        }
    }

    /// What the kernel would answer if it could be asked.
    pub fn route(&self, to: IpAddr) -> Result<(Link, Path), NoPath> {
        let inner = to == inner_address();
        let order: &[Link] = if inner || self.full_tunnel {
            &[Link::Tun, Link::Eth, Link::Wlan]
        } else {
            &[Link::Eth, Link::Wlan]
        };
        for link in order {
            let Some(card) = self.cards.get(link) else {
                continue;
            };
            let (Some(net), true, true) = (card.net, card.up, card.routed) else {
                continue;
            };
            let Some(source) = address(card, to.is_ipv6()) else {
                continue;
            };
            if !card.carrier && *link != Link::Tun {
                return Err(NoPath::NoCarrier(link.to_string()));
            }
            let path = Path {
                index: index(*link),
                interface: link.to_string(),
                source,
                gateway: (*link != Link::Tun).then(|| gateway(net, to.is_ipv6())),
                tunnel: *link == Link::Tun,
            };
            return Ok((*link, path));
        }
        Err(NoPath::NoRoute)
    }

    /// The interface that has this address.
    pub(crate) fn owner(&self, address: IpAddr) -> Option<Link> {
        let owns = |link: Link, card: &Card| addresses(link, card).contains(&address);
        self.cards
            .iter()
            .find(|(link, card)| owns(**link, card))
            .map(|(link, _)| *link)
    }

    /// What the tunnel's own packets leave by.
    pub(crate) fn underlay(&self) -> Option<(Link, IpAddr)> {
        [Link::Eth, Link::Wlan].into_iter().find_map(|link| {
            let card = self.cards.get(&link)?;
            let there = card.up && card.carrier && card.routed;
            there
                .then(|| address(card, false))
                .flatten()
                .map(|address| (link, address))
        })
    }

    /// How, and to what, the name of a server resolves now.
    pub fn resolve(&self, server: usize) -> (Names, Vec<IpAddr>) {
        let path = self
            .route(inner_address())
            .or_else(|_| self.route(outer_addresses()[0]));
        let Some(net) = path.ok().and_then(|(link, _)| self.cards[&link].net) else {
            return (Names::Broken, Vec::new());
        };
        match (self.nets[&net].names, server, net) {
            (Names::Lying, _, _) => (Names::Lying, vec![liars_address()]),
            (names @ (Names::Broken | Names::NoSuch | Names::Hanging), _, _) => (names, Vec::new()),
            (names @ (Names::Good | Names::Slow), 0, Net::Home) => {
                (names, outer_addresses().to_vec())
            }
            (names @ (Names::Good | Names::Slow), 0, _) => (names, vec![outer_addresses()[0]]),
            (names @ (Names::Good | Names::Slow), _, Net::Vpn | Net::Office) => {
                (names, vec![inner_address()])
            }
            (Names::Good | Names::Slow, _, Net::Home | Net::Cafe) => (Names::NoSuch, Vec::new()),
        }
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}
