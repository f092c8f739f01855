//! A VPN: TUN interfaces on both sides, UDP between them.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use anyhow::Result;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::{Lab, Node, tun};

/// Where the tunnel's far end listens, in both families.
const FAR_END: [&str; 2] = ["203.0.113.1:1194", "[2001:db8:5::1]:1194"];

/// After this long without a packet the laptop's side tells the far end where it is, as VPNs do.
const KEEPALIVE_MS: u16 = 500;

/// A tunnel that is up; dropping it takes it down. Unlike a real VPN it needs no login and does not encrypt; like one
/// it survives a change of the network under it.
#[derive(Debug)]
pub struct Tunnel {
    stop: Option<std::io::PipeWriter>,
    threads: Vec<JoinHandle<()>>,
}

/// The longest packets that the tunnel carries, bytes with the IP header; longer ones vanish without a word. Whole at
/// first: everything is carried, up to the MTU of 1400.
#[derive(Debug)]
pub(crate) struct Hole {
    out: AtomicUsize,
    back: AtomicUsize,
}

impl Default for Hole {
    fn default() -> Self {
        Self {
            out: AtomicUsize::new(usize::MAX),
            back: AtomicUsize::new(usize::MAX),
        }
    }
}

impl Lab {
    /// Makes the tunnel, the one that is up and those to come, swallow packets that are longer than this many bytes
    /// (IP header included), on the way out from the laptop and on the way back: an MTU black hole. Nobody is told.
    /// With none, everything is carried.
    pub fn tunnel_swallows_larger_than(&self, out: Option<usize>, back: Option<usize>) {
        for (carried, limit) in [(&self.hole.out, out), (&self.hole.back, back)] {
            carried.store(limit.unwrap_or(usize::MAX), Ordering::Relaxed);
        }
    }
}

impl Tunnel {
    pub(crate) fn start(
        laptop: &Node,
        internet: &Node,
        host: u8,
        hole: &Arc<Hole>,
    ) -> Result<Self> {
        let near = End {
            tun: tun::open(laptop, "vpn0")?,
            sockets: sockets(laptop, ["0.0.0.0:0", "[::]:0"])?,
            peers: FAR_END.map(|address| address.parse().ok()).to_vec(),
            follows: false,
            hole: Arc::clone(hole),
        };
        let far = End {
            tun: tun::open(internet, "vpn")?,
            sockets: sockets(internet, FAR_END)?,
            peers: vec![None, None],
            follows: true,
            hole: Arc::clone(hole),
        };
        internet.ip_batch(
            "addr add 10.8.0.1/24 dev vpn\naddr add fd08::1/64 dev vpn nodad\nlink set vpn mtu 1400 up\n",
        )?;
        laptop.ip_batch(&format!(
            "addr add 10.8.0.{host}/24 dev vpn0\naddr add fd08::{host}/64 dev vpn0 nodad\nlink set vpn0 mtu 1400 up\n\
             route add {} dev vpn0\nroute add {}/32 dev vpn0\nroute add {}/128 dev vpn0\n",
            Lab::INSIDE_NET,
            Lab::SERVER_V4,
            Lab::SERVER_V6
        ))?;
        let (stopped, stop) = std::io::pipe()?;
        let also_stopped = stopped.try_clone()?;
        let threads = vec![
            thread::spawn(move || near.carry(&stopped)),
            thread::spawn(move || far.carry(&also_stopped)),
        ];
        Ok(Self {
            stop: Some(stop),
            threads,
        })
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        drop(self.stop.take());
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so already.
            let _joined = thread.join();
        }
    }
}

/// One side: what comes out of the TUN goes to the first peer that the kernel has a way to.
struct End {
    tun: File,
    sockets: Vec<UdpSocket>,
    peers: Vec<Option<SocketAddr>>,
    /// Answers to where the last packet came from.
    follows: bool,
    hole: Arc<Hole>,
}

impl End {
    fn carry(mut self, stopped: &std::io::PipeReader) {
        let mut packet = vec![0; 65536];
        loop {
            let mut waiting: Vec<_> = [self.tun.as_fd(), stopped.as_fd()]
                .into_iter()
                .chain(self.sockets.iter().map(AsFd::as_fd))
                .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
                .collect();
            let _ready = poll(
                &mut waiting,
                if self.follows {
                    PollTimeout::NONE
                } else {
                    KEEPALIVE_MS.into()
                },
            );
            let ready: Vec<bool> = waiting
                .iter()
                .map(|fd| fd.revents().is_some_and(|seen| !seen.is_empty()))
                .collect();
            if ready[1] {
                return;
            }
            if ready[0]
                && let Ok(length) = self.tun.read(&mut packet)
            {
                self.send(&packet[..length]);
            } else if !self.follows && !ready.contains(&true) {
                self.send(&[]);
            }
            for n in 0..self.sockets.len() {
                if ready[2 + n]
                    && let Ok((length, peer)) = self.sockets[n].recv_from(&mut packet)
                {
                    if self.follows {
                        self.peers.fill(None);
                        self.peers[n] = Some(peer);
                    }
                    // An empty one only says where the laptop is.
                    let _taken = if length > 0 {
                        self.tun.write(&packet[..length])
                    } else {
                        Ok(0)
                    };
                }
            }
        }
    }

    /// Lost when there is no way, as with any VPN whose network is gone.
    fn send(&self, packet: &[u8]) {
        let carried = if self.follows {
            &self.hole.back
        } else {
            &self.hole.out
        };
        if packet.len() > carried.load(Ordering::Relaxed) {
            return;
        }
        let mut ways = self.sockets.iter().zip(&self.peers);
        let _carried = ways
            .any(|(socket, peer)| peer.is_some_and(|peer| socket.send_to(packet, peer).is_ok()));
    }
}

fn sockets(node: &Node, addresses: [&str; 2]) -> Result<Vec<UdpSocket>> {
    node.within(|| {
        addresses
            .iter()
            .map(|address| {
                let socket = UdpSocket::bind(address)?;
                socket.set_nonblocking(true)?;
                Ok(socket)
            })
            .collect()
    })
}
