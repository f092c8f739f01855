//! One attempt to reach the first hop, up to the banner of an ssh server.

use std::{
    io,
    net::{IpAddr, SocketAddr, SocketAddrV6, TcpStream},
    pin::pin,
    time::Duration,
};

use nix::{errno::Errno, ifaddrs::getifaddrs, sys::socket::SockaddrStorage};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{net::TcpSocket, select, time::sleep};

use super::{
    banner::banner,
    failure::{Failure, Failures, words},
    race::{Candidates, Connecting, DELAY},
    resolve::Resolver,
    target::Target,
};

/// How long an attempt lives where the user sets no `ConnectTimeout`: the kernel's SYN of 0, 1, 3 and 7 s, and the time for an answer
/// to the last. A later answer would be slower than the fresh attempt that the supervisor makes meanwhile.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// A connection to an ssh server whose banner waits, unread, to be read by ssh. Dropping it closes the connection.
#[derive(Debug)]
pub struct Dialled {
    /// The connection, non-blocking and closed on exec.
    pub socket: TcpStream,
    /// The first hop's end: the address to dial first next time.
    pub peer: SocketAddr,
    /// Our end: the run is stale when this address is gone.
    pub local: SocketAddr,
    /// The server's first line as far as it was there, made printable.
    pub banner: String,
}

/// How far an attempt has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The name has these addresses, whatever comes of them.
    Resolved(Vec<IpAddr>),
    /// A connection is open and waits for the banner: from now on a server counts this attempt.
    Reached,
}

/// Dials `target` once: one fresh SYN for each of its addresses until one is connected and says `SSH-`.
///
/// The addresses are raced (RFC 8305): 250 ms after one, or as soon as one fails, the next is tried as well. `known`, the addresses that
/// answered last, are tried without the resolver when that says nothing for 250 ms, or fails; not at once, because the same address is
/// another machine in another network. Where the resolver names them too, they come first. As soon as one is connected the others are
/// given up, because a server counts every connection that never logs in; if that one turns out to be no ssh server they are
/// tried again.
///
/// The attempt lives until `target.connect_timeout` or [`PATIENCE`], counted from the first SYN; as long again is left to the server
/// for its banner, of which [`super::banner::SILENCE`] may pass without a word. Dropping the future closes all that it has
/// opened. Attempts may overlap; when one succeeds, drop the others.
///
/// `admit` is asked before the SYN to each address; what it refuses gets none. `observe` is told how far it has come.
///
/// # Errors
/// Why there is no connection: see [`Failure`].
pub async fn dial<Admission: Future<Output = Result<(), Failure>>>(
    target: &Target,
    known: &[IpAddr],
    resolver: &Resolver,
    admit: impl Fn(IpAddr) -> Admission,
    observe: impl Fn(Progress),
) -> Result<Dialled, Failure> {
    let limit = target.connect_timeout.unwrap_or(PATIENCE);
    let mut candidates = Candidates::default();
    let wanted = |address: &SocketAddr| target.admits(address);
    let known: Vec<_> = known
        .iter()
        // Without its interface, a link-local address leads nowhere.
        .filter(|address| !matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local()))
        .map(|address| SocketAddr::new(*address, target.port))
        .filter(wanted)
        .collect();
    let mut patience = pin!(sleep(DELAY));
    let mut waiting = !known.is_empty();
    let mut connecting = Connecting::default();
    let mut question = pin!(resolver.addresses(&target.host, target.port));
    let mut answered = false;
    let mut failures = Failures::default();
    let mut tried = false;
    let mut next_is_due = true;
    let mut delay = pin!(sleep(DELAY));
    let mut end = pin!(sleep(PATIENCE));

    loop {
        if next_is_due && let Some(address) = candidates.next() {
            if !tried {
                tried = true;
                end.set(sleep(limit));
            }
            let prepared = match admit(address.ip()).await {
                Ok(()) => prepare(target, address),
                Err(reason) => Err(reason),
            };
            match prepared {
                Ok(socket) => connecting.add(address, socket.connect(address)),
                Err(reason) => {
                    failures.add(reason);
                    continue;
                }
            }
            next_is_due = false;
            delay.set(sleep(DELAY));
        }
        if answered && connecting.is_empty() && candidates.is_empty() {
            return Err(failures.into_one());
        }
        select! {
            biased;
            (peer, outcome) = connecting.first(), if !connecting.is_empty() => {
                next_is_due = true;
                match outcome {
                    Ok(stream) => {
                        observe(Progress::Reached);
                        candidates.put_back(connecting.give_up());
                        match banner(&stream, peer, limit).await {
                            Ok(banner) => return dialled(stream, peer, banner),
                            Err(reason) => failures.add(reason),
                        }
                    }
                    Err(error) => failures.add_connect(peer, &error),
                }
            }
            answer = &mut question, if !answered => {
                answered = true;
                waiting = false;
                let reason = match answer {
                    Ok(addresses) => {
                        let wanted: Vec<_> = addresses.into_iter().filter(wanted).collect();
                        observe(Progress::Resolved(wanted.iter().map(SocketAddr::ip).collect()));
                        let (good, new): (Vec<_>, Vec<_>) =
                            wanted.into_iter().partition(|address| known.contains(address));
                        let wanted = [good, new].concat();
                        if wanted.is_empty() {
                            Some("no address of the family that the options ask for".to_owned())
                        } else {
                            candidates.add(wanted);
                            None
                        }
                    }
                    Err(words) => Some(words),
                };
                if let Some(words) = reason {
                    candidates.add(known.iter().copied());
                    failures.add_resolver(Failure::of_resolver(words));
                }
            }
            () = &mut patience, if waiting => {
                waiting = false;
                candidates.add(known.iter().copied());
            }
            () = &mut delay, if !next_is_due && !candidates.is_empty() => next_is_due = true,
            () = &mut end => {
                if !connecting.is_empty() {
                    failures.add(Failure::TimedOut);
                } else if !answered {
                    let silent = "no answer from the resolver".to_owned();
                    failures.add_resolver(Failure::Resolve(silent));
                }
                return Err(failures.into_one());
            }
        }
    }
}

fn dialled(
    stream: tokio::net::TcpStream,
    peer: SocketAddr,
    banner: String,
) -> Result<Dialled, Failure> {
    let taken = |error: io::Error| Failure::Local(format!("the new connection: {}", words(&error)));
    let socket = stream.into_std().map_err(taken)?;
    let local = socket.local_addr().map_err(taken)?;
    Ok(Dialled {
        socket,
        peer,
        local,
        banner,
    })
}

/// A socket as the user's options want it, ready to connect to `address`.
fn prepare(target: &Target, address: SocketAddr) -> Result<TcpSocket, Failure> {
    let local = |what: &str, error: &io::Error| Failure::Local(format!("{what}: {}", words(error)));
    let domain = Domain::for_address(address);
    // Closed on exec, by socket2's promise.
    let socket =
        Socket::new(domain, Type::STREAM, Some(Protocol::TCP)).map_err(|error| {
            match error.raw_os_error().map(Errno::from_raw) {
                Some(Errno::EAFNOSUPPORT) => Failure::of_connect(address, &error),
                Some(_) | None => local("cannot open a socket", &error),
            }
        })?;
    set_options(target, &socket, address)
        .map_err(|error| local("cannot prepare a socket", &error))?;
    if let Some(source) = source(target, address)? {
        socket
            .bind(&source.into())
            .map_err(|error| local(&format!("cannot bind to {}", source.ip()), &error))?;
    }
    Ok(TcpSocket::from_std_stream(socket.into()))
}

fn set_options(target: &Target, socket: &Socket, address: SocketAddr) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    // From the first byte on: ssh sets it only after the login, which costs two delayed acknowledgements (measured, 40 ms each).
    socket.set_tcp_nodelay(true)?;
    socket.set_keepalive(target.keepalive)?;
    if let Some(bytes) = target.max_segment {
        socket.set_tcp_mss(bytes)?;
    }
    match target.qos {
        Some(qos) if address.is_ipv4() => socket.set_tos_v4(qos.into()),
        Some(qos) => socket.set_tclass_v6(qos.into()),
        None => Ok(()),
    }
}

/// The source address that the user fixed.
fn source(target: &Target, address: SocketAddr) -> Result<Option<SocketAddr>, Failure> {
    if let Some(source) = target.bind_address {
        return Ok(Some(SocketAddr::new(source, 0)));
    }
    let Some(interface) = &target.bind_interface else {
        return Ok(None);
    };
    let addresses = getifaddrs()
        .map_err(|errno| Failure::Local(format!("cannot list the interfaces: {}", errno.desc())))?;
    let mut of_family: Vec<SocketAddr> = addresses
        .filter(|entry| entry.interface_name == *interface)
        .filter_map(|entry| socket_address(&entry.address?))
        .filter(|own| own.is_ipv4() == address.is_ipv4())
        .collect();
    // As ssh does: a link-local address only where there is no other.
    of_family.sort_by_key(|own| matches!(own.ip(), IpAddr::V6(v6) if v6.is_unicast_link_local()));
    match of_family.first() {
        Some(own) => Ok(Some(*own)),
        // The other family may have one.
        None => Err(Failure::Unreachable(format!(
            "{interface} has no IPv{} address to bind to",
            if address.is_ipv4() { 4 } else { 6 }
        ))),
    }
}

fn socket_address(address: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = address.as_sockaddr_in() {
        return Some(SocketAddr::new(v4.ip().into(), 0));
    }
    let v6 = address.as_sockaddr_in6()?;
    Some(SocketAddrV6::new(v6.ip(), 0, 0, v6.scope_id()).into())
}
