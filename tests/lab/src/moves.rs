//! Moves of the laptop, and what happens to its networks. Each returns when the kernel has taken it.

use std::sync::PoisonError;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::lab::INDEX;
use crate::{Lab, Tunnel};

/// One of the two networks that the laptop may be in, at the same time if it likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Net {
    /// Home: 192.168.1.0/24 and `2001:db8:1::/64`.
    Home,
    /// The café: 10.20.0.0/24 and `2001:db8:2::/64`, or IPv6 alone.
    Cafe,
}

impl Net {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Home, Self::Cafe];

    /// The laptop's interface in it.
    pub fn interface(self) -> &'static str {
        match self {
            Self::Home => "home0",
            Self::Cafe => "cafe0",
        }
    }

    /// Its name in messages; also the internet router's interface towards it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Cafe => "cafe",
        }
    }

    /// The laptop's IPv4 address there with this host number.
    pub fn v4(self, host: u8) -> String {
        format!("{}.{host}", self.v4_prefix())
    }

    /// The laptop's IPv6 address there with this host number.
    pub fn v6(self, host: u8) -> String {
        format!("{}::{host}", self.v6_prefix())
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Home => Self::Cafe,
            Self::Cafe => Self::Home,
        }
    }

    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Home => 1,
            Self::Cafe => 2,
        }
    }

    pub(crate) fn v4_prefix(self) -> &'static str {
        match self {
            Self::Home => "192.168.1",
            Self::Cafe => "10.20.0",
        }
    }

    pub(crate) fn v6_prefix(self) -> &'static str {
        match self {
            Self::Home => "2001:db8:1",
            Self::Cafe => "2001:db8:2",
        }
    }
}

/// What the laptop has been given by a network.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stay {
    host: u8,
    metric: u32,
}

impl Lab {
    /// The host number of the address that [`Lab::arrive`] gets.
    pub const HOST: u8 = 10;
    /// The metric of the default routes that [`Lab::arrive`] gets.
    pub const METRIC: u32 = 100;

    /// Enters a network as a network manager does: link up, addresses, default routes.
    pub fn arrive(&self, net: Net) -> Result<()> {
        self.arrive_as(net, Self::HOST, Self::METRIC)
    }

    /// The same with another address, and a metric for the default routes: the lower one is the better route.
    pub fn arrive_as(&self, net: Net, host: u8, metric: u32) -> Result<()> {
        let stay = Stay { host, metric };
        let up = format!("link set {} up\n", net.interface());
        self.laptop()
            .ip_batch(&(up + &self.addresses(net, stay) + &self.routes(net, stay)))?;
        self.remember(net, Some(stay));
        self.settle(net)
    }

    /// Leaves a network as a network manager does: addresses gone (routes with them), link down. Nothing to leave is
    /// no error.
    pub fn leave(&self, net: Net) -> Result<()> {
        let interface = net.interface();
        self.remember(net, None);
        self.laptop().ip_batch(&format!(
            "addr flush dev {interface}\nlink set {interface} down\n"
        ))
    }

    /// Leaves the other network, then enters this one: break before make.
    pub fn move_to(&self, net: Net) -> Result<()> {
        self.leave(net.other())?;
        self.arrive(net)
    }

    /// Takes the link down, nothing more: the kernel keeps the IPv4 address, and drops IPv6 addresses and all routes.
    pub fn link_down(&self, net: Net) -> Result<()> {
        self.laptop()
            .ip(&format!("link set {} down", net.interface()))
            .map(drop)
    }

    /// Takes the link up again and restores, with the same addresses, what the kernel dropped.
    pub fn link_up(&self, net: Net) -> Result<()> {
        self.take_up(net)?;
        self.settle(net)
    }

    /// Loses the carrier (the far end of the cable goes dark): the laptop keeps addresses and routes.
    pub fn carrier_lost(&self, net: Net) -> Result<()> {
        self.router(net).ip("link set lan down").map(drop)
    }

    /// Gets the carrier back.
    pub fn carrier_back(&self, net: Net) -> Result<()> {
        let lines = format!(
            "link set lan up\n{}",
            router_addresses(net, self.cafe_ipv6_only)
        );
        self.router(net).ip_batch(&lines)?;
        self.settle(net)
    }

    /// Removes the addresses; the link stays up.
    pub fn remove_addresses(&self, net: Net) -> Result<()> {
        self.laptop()
            .ip(&format!("addr flush dev {} scope global", net.interface()))
            .map(drop)
    }

    /// Gives the addresses and routes back that were removed.
    pub fn restore_addresses(&self, net: Net) -> Result<()> {
        let stay = self.stay(net)?;
        self.laptop()
            .ip_batch(&(self.addresses(net, stay) + &self.routes(net, stay)))
    }

    /// Replaces the addresses by those of another host number: a new lease in the same network.
    pub fn readdress(&self, net: Net, host: u8) -> Result<()> {
        let stay = Stay {
            host,
            ..self.stay(net)?
        };
        let flush = format!("addr flush dev {} scope global\n", net.interface());
        self.laptop()
            .ip_batch(&(flush + &self.addresses(net, stay) + &self.routes(net, stay)))?;
        self.remember(net, Some(stay));
        Ok(())
    }

    /// Removes the default routes, of both families; the link and its addresses stay.
    pub fn remove_routes(&self, net: Net) -> Result<()> {
        self.laptop()
            .ip_batch(&self.routes(net, self.stay(net)?).replace("replace", "del"))
    }

    /// Gives the default routes back that were removed.
    pub fn restore_routes(&self, net: Net) -> Result<()> {
        self.laptop().ip_batch(&self.routes(net, self.stay(net)?))
    }

    /// Changes the metric of the default routes: adds the new ones, then removes the old.
    pub fn set_metric(&self, net: Net, metric: u32) -> Result<()> {
        let old = self.stay(net)?;
        let stay = Stay { metric, ..old };
        if metric == old.metric {
            return Ok(());
        }
        let lines = self.routes(net, stay) + &self.routes(net, old).replace("replace", "del");
        self.laptop().ip_batch(&lines)?;
        self.remember(net, Some(stay));
        Ok(())
    }

    /// Makes the router drop whatever it should hand on, in both directions, without a word. It still answers ARP and
    /// neighbour solicitations, so the laptop notices nothing.
    pub fn silence(&self, net: Net) -> Result<()> {
        self.router(net).nft(
            "table inet silence { chain way { type filter hook forward priority -10; policy drop; }; }",
        )
    }

    /// Makes the router hand on again.
    pub fn unsilence(&self, net: Net) -> Result<()> {
        self.router(net).nft("delete table inet silence")
    }

    /// Makes the router forget every connection that goes through it, as a cheap one does with an idle one: what belongs to one is dropped
    /// without a word, in both directions, and a new one passes. It can forget once.
    pub fn forget_mappings(&self, net: Net) -> Result<()> {
        self.router(net).nft(
            "table inet forgotten { chain way { type filter hook forward priority -10; policy drop; \
             ct state new ct mark set 42 accept; ct mark 42 accept; }; }",
        )
    }

    /// Takes the link down and up, `times` times, evenly within `total`; the laptop ends with the link up.
    pub fn flap(&self, net: Net, times: u32, total: Duration) -> Result<()> {
        let start = Instant::now();
        for flap in 0..times * 2 {
            let due = total * flap / (times * 2);
            thread::sleep(due.saturating_sub(start.elapsed()));
            if flap % 2 == 0 {
                self.link_down(net)?;
            } else {
                self.take_up(net)?;
            }
        }
        self.settle(net)
    }

    /// Takes the interface away altogether, as a USB adapter that is unplugged.
    pub fn unplug(&self, net: Net) -> Result<()> {
        self.remember(net, None);
        self.laptop()
            .ip(&format!("link del {}", net.interface()))
            .map(drop)
    }

    /// Plugs the adapter in again: a new interface, down, with a new index.
    pub fn plug(&self, net: Net) -> Result<()> {
        self.cable(net)
    }

    /// Brings the tunnel up with this host number (10.8.0.N and `fd08::N`): from now on the way to the server, and to
    /// what is inside, goes through `vpn0`. Its packets travel over whatever network the laptop is in.
    pub fn tunnel_up(&self, host: u8) -> Result<()> {
        self.tunnel_down();
        let tunnel = Tunnel::start(self.laptop(), &self.internet, host, &self.hole)?;
        *self.tunnel.lock().unwrap_or_else(PoisonError::into_inner) = Some(tunnel);
        Ok(())
    }

    /// Ends the tunnel: its interface, addresses and routes are gone at once. None to end is no error.
    pub fn tunnel_down(&self) {
        drop(
            self.tunnel
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
    }

    pub(crate) fn cable(&self, net: Net) -> Result<()> {
        let (laptop, router) = (self.laptop().net_path(), self.router(net));
        router.ip_batch(&format!(
            "link add lan index {} type veth peer name {} netns {laptop}\nlink set lan up\n{}",
            INDEX + 1,
            net.interface(),
            router_addresses(net, self.cafe_ipv6_only)
        ))
    }

    fn take_up(&self, net: Net) -> Result<()> {
        let stay = self.stay(net)?;
        let up = format!("link set {} up\n", net.interface());
        self.laptop()
            .ip_batch(&(up + &self.addresses(net, stay) + &self.routes(net, stay)))
    }

    /// Waits until both ends of a link that has a carrier are ready to send: the kernel finishes that in the background
    /// and drops what is sent before.
    fn settle(&self, net: Net) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(5);
        for (node, interface) in [(self.laptop(), net.interface()), (self.router(net), "lan")] {
            loop {
                let link = node.ip(&format!("-o link show dev {interface}"))?;
                if !link.contains("LOWER_UP") || link.contains("state UP") {
                    break;
                }
                ensure!(
                    Instant::now() < deadline,
                    "{interface} does not become ready: {link}"
                );
            }
        }
        Ok(())
    }

    fn has_v4(&self, net: Net) -> bool {
        net == Net::Home || !self.cafe_ipv6_only
    }

    /// `replace`, since after a move some of it may still be there.
    fn addresses(&self, net: Net, stay: Stay) -> String {
        let interface = net.interface();
        let mut lines = format!(
            "addr replace {}/64 dev {interface} nodad\n",
            net.v6(stay.host)
        );
        if self.has_v4(net) {
            lines = format!(
                "addr replace {}/24 dev {interface}\n{lines}",
                net.v4(stay.host)
            );
        }
        lines
    }

    fn routes(&self, net: Net, Stay { metric, .. }: Stay) -> String {
        let interface = net.interface();
        let mut lines = format!(
            "route replace default via {} dev {interface} metric {metric}\n",
            net.v6(1)
        );
        if self.has_v4(net) {
            lines = format!(
                "route replace default via {} dev {interface} metric {metric}\n{lines}",
                net.v4(1)
            );
        }
        lines
    }

    fn stay(&self, net: Net) -> Result<Stay> {
        let stays = self.stays.lock().unwrap_or_else(PoisonError::into_inner);
        stays
            .get(&net)
            .copied()
            .with_context(|| format!("the laptop is not in the {} network", net.name()))
    }

    /// Whether the laptop is in this network.
    pub fn is_in(&self, net: Net) -> bool {
        let stays = self.stays.lock().unwrap_or_else(PoisonError::into_inner);
        stays.contains_key(&net)
    }

    fn remember(&self, net: Net, stay: Option<Stay>) {
        let mut stays = self.stays.lock().unwrap_or_else(PoisonError::into_inner);
        match stay {
            Some(stay) => stays.insert(net, stay),
            None => stays.remove(&net),
        };
    }
}

/// Given again after each time that the router's end was down, since the kernel drops IPv6 addresses then.
fn router_addresses(net: Net, cafe_ipv6_only: bool) -> String {
    let v6 = format!("addr replace {}/64 dev lan nodad\n", net.v6(1));
    if net == Net::Cafe && cafe_ipv6_only {
        return v6;
    }
    format!("{v6}addr replace {}/24 dev lan\n", net.v4(1))
}
