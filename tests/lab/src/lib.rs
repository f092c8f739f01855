//! Laptop, home, café, tunnel and server in network namespaces, with a real sshd, real terminals and real clocks.
//!
//! ```text
//!                 ┌── home0 ── home ──┐
//!   laptop ───────┤                   ├── internet ──(delay line)── server: sshd, screen, tmux
//!                 ├── cafe0 ── cafe ──┘       │
//!                 └── vpn0 ═══ UDP over whichever is up ═══ tunnel's end
//! ```
//!
//! A [`Lab`] is started, asked for what it holds, and ended by dropping it; several run beside each other, in one
//! process or in many, since nothing in it has a name that another could take. It needs root, Linux, iproute2,
//! nftables, util-linux, bash and OpenSSH, and says so when one is missing: it never skips.
//!
//! What a test asks for comes on top, each a value that ends what it stands for when it is dropped: a VPN with a
//! login ([`OpenVpn`], [`OpenConnect`]), one without ([`WireGuard`]), name servers ([`Names`]), somebody who answers in the server's place
//! ([`Portal`]), interfaces that come and go ([`Noise`]), a bus ([`Bus`]). They need OpenVPN and openssl, ocserv and openconnect, wireguard-go and
//! wireguard-tools, dnsmasq, dbus-daemon and python3-dbusmock.
//!
//! A move returns when the kernel has taken it. All times are [`std::time::SystemTime`]: the kernel's packet stamps,
//! the remote probe and the local terminal then read the same clock.
#![cfg(target_os = "linux")]

mod bus;
mod client;
mod daemon;
mod delay;
mod dir;
mod kernel_events;
mod lab;
mod moves;
mod names;
mod node;
mod noise;
mod openconnect;
mod openvpn;
mod piped;
mod portal;
mod procs;
mod recorder;
mod server;
mod sniffer;
mod terminal;
mod ticks;
mod tun;
mod tunnel;
mod wireguard;

pub use bus::{Bus, Notification};
pub use client::{Client, Mux};
pub use kernel_events::{KernelEvent, KernelEvents};
pub use lab::{Builder, Lab};
pub use moves::Net;
pub use names::{Names, Question};
pub use node::Node;
pub use noise::Noise;
pub use openconnect::{AnyConnectLogin, OpenConnect};
pub use openvpn::{OpenVpn, TunnelAddress, VpnLogin};
pub use piped::Piped;
pub use portal::{Answer, Portal};
pub use procs::{Proc, ProcCost, exit_time};
pub use server::{Connections, PASSWORD, SHELLS, Server};
pub use sniffer::{Packet, Sniffer};
pub use terminal::{Chunk, Terminal};
pub use ticks::{Tick, Ticks, seconds};
pub use tunnel::Tunnel;
pub use wireguard::WireGuard;
