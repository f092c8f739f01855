//! Every packet of the laptop, with the kernel's own time stamp.

use std::io::IoSliceMut;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType,
    recvmsg, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeSpec;

use crate::recorder::Recorder;
use crate::{Lab, Node};

/// `PACKET_OUTGOING` of `linux/if_packet.h`.
const OUTGOING: u8 = 4;
/// `ARPHRD_NONE` of `linux/if_arp.h`: an interface without link addresses, here the tunnel's.
const NO_LINK_LAYER: u16 = 0xFFFE;
/// `ARPHRD_LOOPBACK` of `linux/if_arp.h`.
const LOOPBACK: u16 = 772;

/// One packet, as it passed an interface of the laptop.
#[derive(Clone, Copy, Debug)]
pub struct Packet {
    /// When, by the kernel.
    pub at: SystemTime,
    /// From the laptop, or to it.
    pub outgoing: bool,
    /// It passed the tunnel's interface (and, in its wrapping, another one).
    pub in_tunnel: bool,
    /// Where it comes from.
    pub source: IpAddr,
    /// Where it goes.
    pub destination: IpAddr,
    /// The IP protocol: 6 TCP, 17 UDP, 1 and 58 ICMP.
    pub protocol: u8,
    /// TCP or UDP source port, else 0.
    pub source_port: u16,
    /// TCP or UDP destination port, else 0.
    pub destination_port: u16,
    /// TCP's flags, else 0.
    pub tcp_flags: u8,
    /// Bytes, IP header included.
    pub length: usize,
}

impl Packet {
    /// The first packet of a TCP connection (or one sent again): SYN without ACK.
    pub fn is_syn(&self) -> bool {
        self.protocol == 6 && self.tcp_flags & 0x12 == 0x02
    }

    /// To one of the server's addresses.
    pub fn is_to_server(&self) -> bool {
        let servers = [Lab::SERVER_V4, Lab::SERVER_V6, Lab::INSIDE_V4];
        self.outgoing
            && servers
                .iter()
                .any(|server| server.parse() == Ok(self.destination))
    }
}

/// Records the packets of all interfaces of the laptop but loopback. Dropping it ends the record.
#[derive(Debug)]
pub struct Sniffer(Recorder<Packet>);

impl Sniffer {
    pub(crate) fn start(node: &Node) -> Result<Self> {
        let socket = node.within(|| {
            let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
            // Datagram: without link headers, so that all interfaces look alike.
            let socket = socket(
                AddressFamily::Packet,
                SockType::Datagram,
                flags,
                SockProtocol::EthAll,
            )
            .context("cannot open a packet socket")?;
            setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
            setsockopt(&socket, sockopt::RcvBufForce, &(8 << 20))?;
            Ok(socket)
        })?;
        Recorder::start(socket, take_in).map(Self)
    }

    /// The packets so far: all that passed before this call.
    pub fn packets(&self) -> Vec<Packet> {
        self.0.look(<[Packet]>::to_vec)
    }

    /// The packets from the laptop to the server since a moment.
    pub fn to_server(&self, since: SystemTime) -> Vec<Packet> {
        self.packets()
            .into_iter()
            .filter(|packet| packet.at >= since && packet.is_to_server())
            .collect()
    }

    /// The packets from the laptop to any name server (UDP or TCP port 53) since a moment.
    pub fn to_name_servers(&self, since: SystemTime) -> Vec<Packet> {
        self.packets()
            .into_iter()
            .filter(|packet| packet.at >= since && packet.outgoing && packet.destination_port == 53)
            .collect()
    }

    /// The connection attempts (SYNs) to the server since a moment.
    pub fn syns(&self, since: SystemTime) -> Vec<Packet> {
        self.to_server(since)
            .into_iter()
            .filter(Packet::is_syn)
            .collect()
    }
}

/// The kernel's own stamp is better than the moment at which this thread woke up.
fn take_in(socket: BorrowedFd<'_>, _woken: SystemTime, packets: &mut Vec<Packet>) {
    // Enough for both headers.
    let mut head = [0; 128];
    let mut control = nix::cmsg_space!(TimeSpec);
    loop {
        let mut buffers = [IoSliceMut::new(&mut head)];
        let fd = socket.as_raw_fd();
        // MSG_TRUNC: the true length, although only the head is copied.
        let Ok(message) =
            recvmsg::<LinkAddr>(fd, &mut buffers, Some(&mut control), MsgFlags::MSG_TRUNC)
        else {
            return; // EAGAIN: the queue is empty
        };
        let stamp = message.cmsgs().ok().and_then(|mut all| {
            all.find_map(|control| {
                if let ControlMessageOwned::ScmTimestampns(at) = control {
                    Some(at)
                } else {
                    None
                }
            })
        });
        let (Some(stamp), Some(link), length) = (stamp, message.address, message.bytes) else {
            continue;
        };
        if link.hatype() == LOOPBACK {
            continue;
        }
        let at = SystemTime::UNIX_EPOCH + Duration::from(stamp);
        packets.extend(parse(&head[..length.min(head.len())], at, &link, length));
    }
}

/// RFC 791, RFC 8200 (without extension headers, which nothing here sends), RFC 9293.
fn parse(head: &[u8], at: SystemTime, link: &LinkAddr, length: usize) -> Option<Packet> {
    let (source, destination, protocol, payload): (IpAddr, IpAddr, u8, &[u8]) =
        match head.first()? >> 4 {
            4 if head.len() >= 20 => {
                let address = |at: usize| {
                    Ipv4Addr::new(head[at], head[at + 1], head[at + 2], head[at + 3]).into()
                };
                (
                    address(12),
                    address(16),
                    head[9],
                    head.get(usize::from(head[0] & 15) * 4..)?,
                )
            }
            6 if head.len() >= 40 => {
                let address = |at: usize| {
                    <[u8; 16]>::try_from(&head[at..at + 16])
                        .map(|bytes| Ipv6Addr::from(bytes).into())
                };
                (address(8).ok()?, address(24).ok()?, head[6], &head[40..])
            }
            _no_ip => return None,
        };
    let port = |at: usize| {
        payload
            .get(at..at + 2)
            .map_or(0, |bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    };
    let has_ports = matches!(protocol, 6 | 17);
    Some(Packet {
        at,
        outgoing: link.pkttype() == OUTGOING,
        in_tunnel: link.hatype() == NO_LINK_LAYER,
        source,
        destination,
        protocol,
        source_port: if has_ports { port(0) } else { 0 },
        destination_port: if has_ports { port(2) } else { 0 },
        tcp_flags: if protocol == 6 {
            payload.get(13).copied().unwrap_or(0)
        } else {
            0
        },
        length,
    })
}
