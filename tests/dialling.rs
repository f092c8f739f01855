//! Dialling real listeners.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    future::ready,
    io::{Read as _, Write as _},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    pin::pin,
    sync::mpsc,
    thread,
    time::Duration,
};

use netroam::connect::{self, Dialled, Failure, Family, Resolver, Target};
use netroam_platform::clock;
use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    time::{ClockId, clock_gettime},
};
use socket2::{Domain, Socket, Type};

const BANNER: &[u8] = b"SSH-2.0-test\r\n";

/// A listener on `address` that hands each connection to `serve`, on a thread.
fn server(address: &str, serve: impl Fn(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind(address).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            serve(stream.unwrap());
        }
    });
    address
}

/// Says `words` and keeps the connection until the other side closes it.
fn says(words: &'static [u8]) -> impl Fn(TcpStream) + Send + 'static {
    move |mut stream| {
        // The dialler may hang up in the middle.
        drop(stream.write_all(words));
        drop(stream.read(&mut [0; 1]));
    }
}

/// A resolver that knows these addresses, at the port that is asked for.
fn knows(addresses: &[SocketAddr]) -> Resolver {
    let addresses = addresses.to_vec();
    Resolver::with(move |_, _| Ok(addresses.clone()))
}

async fn dial_at(address: SocketAddr) -> Result<Dialled, Failure> {
    let target = Target::new(address.ip().to_string(), address.port());
    dial(
        &target,
        &[],
        &Resolver::with(|_, _| panic!("no name to resolve")),
    )
    .await
}

/// An address on which nobody answers a SYN: its queue of connections is full, so Linux drops what comes.
/// One attempt, whatever it tells meanwhile.
async fn dial(target: &Target, known: &[IpAddr], resolver: &Resolver) -> Result<Dialled, Failure> {
    connect::dial(target, known, resolver, |_| ready(Ok(())), |_| {}).await
}

struct Blackhole {
    address: SocketAddr,
    _keep: (Socket, Vec<Socket>),
}

impl Blackhole {
    fn at(address: &str) -> Self {
        let address: SocketAddr = address.parse().unwrap();
        let listener = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        listener.bind(&address.into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let fillers = (0..3)
            .map(|_| {
                let filler = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
                drop(filler.connect_timeout(&address.into(), Duration::from_millis(50)));
                filler
            })
            .collect();
        Self {
            address,
            _keep: (listener, fillers),
        }
    }
}

fn with_ip(ip: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip.parse().unwrap(), port)
}

#[tokio::test]
async fn what_is_peeked_is_still_there_to_be_read() {
    let address = server("127.0.0.1:0", says(b"welcome\r\nSSH-2.0-test\r\n"));
    let mut dialled = dial_at(address).await.unwrap();
    assert_eq!(dialled.banner, "SSH-2.0-test");
    assert_eq!(dialled.peer, address);
    assert_eq!(dialled.local, dialled.socket.local_addr().unwrap());
    let socket = socket2::SockRef::from(&dialled.socket);
    assert!(socket.tcp_nodelay().unwrap() && socket.keepalive().unwrap());
    assert!(socket.nonblocking().unwrap());
    let flags = FdFlag::from_bits_retain(fcntl(&dialled.socket, FcntlArg::F_GETFD).unwrap());
    assert!(flags.contains(FdFlag::FD_CLOEXEC));
    let mut all = [0; 64];
    let count = dialled.socket.read(&mut all).unwrap();
    assert_eq!(&all[..count], b"welcome\r\nSSH-2.0-test\r\n");
}

#[tokio::test]
async fn the_options_that_ssh_loses_are_applied() {
    let (sender, peers) = mpsc::channel();
    let address = server("127.0.0.1:0", move |mut stream| {
        sender.send(stream.peer_addr().unwrap()).unwrap();
        stream.write_all(BANNER).unwrap();
    });
    let mut target = Target::new("127.0.0.1", address.port());
    target.bind_address = Some("127.0.0.7".parse().unwrap());
    target.keepalive = false;
    target.qos = Some(0x48);
    let resolver = Resolver::system();
    let dialled = dial(&target, &[], &resolver).await.unwrap();
    assert_eq!(dialled.local.ip(), "127.0.0.7".parse::<IpAddr>().unwrap());
    assert_eq!(peers.recv().unwrap(), dialled.local);
    let socket = socket2::SockRef::from(&dialled.socket);
    assert_eq!(
        (socket.keepalive().unwrap(), socket.tos_v4().unwrap()),
        (false, 0x48)
    );

    target.bind_address = None;
    target.bind_interface = Some("lo".to_owned());
    let dialled = dial(&target, &[], &resolver).await.unwrap();
    assert_eq!(dialled.local.ip(), "127.0.0.1".parse::<IpAddr>().unwrap());
    target.bind_interface = Some("no-such-if0".to_owned());
    let failure = dial(&target, &[], &resolver).await.unwrap_err();
    assert_eq!(
        failure.to_string(),
        "no-such-if0 has no IPv4 address to bind to"
    );
    target.bind_address = Some("192.0.2.1".parse().unwrap());
    let failure = dial(&target, &[], &resolver).await.unwrap_err();
    assert_eq!(
        failure,
        Failure::Local("cannot bind to 192.0.2.1: Cannot assign requested address".to_owned())
    );
}

#[tokio::test]
async fn the_family_is_honoured() {
    let six = server("[::1]:0", says(BANNER));
    let resolver = knows(&[with_ip("127.0.0.1", six.port()), six]);
    let mut target = Target::new("gw1", six.port());
    target.family = Family::V6;
    assert_eq!(dial(&target, &[], &resolver).await.unwrap().peer, six);
    target.family = Family::V4;
    let failure = dial(&target, &[six.ip()], &resolver).await.unwrap_err();
    assert_eq!(failure, Failure::Refused(with_ip("127.0.0.1", six.port())));
}

#[tokio::test]
async fn the_second_address_gets_its_turn_after_250_ms() {
    let hole = Blackhole::at("[::1]:0");
    let good = server(&format!("127.0.0.1:{}", hole.address.port()), says(BANNER));
    let begun = clock::now();
    let target = Target::new("gw1", good.port());
    let dialled = dial(&target, &[], &knows(&[hole.address, good]))
        .await
        .unwrap();
    let took = clock::now().since(begun);
    assert_eq!(dialled.peer, good);
    assert!(
        took >= Duration::from_millis(245) && took < Duration::from_millis(400),
        "{took:?}"
    );
}

#[tokio::test]
async fn a_refusal_makes_room_for_the_next_at_once() {
    let good = server("127.0.0.2:0", says(BANNER));
    let refusing = with_ip("127.0.0.3", good.port());
    let begun = clock::now();
    let target = Target::new("gw1", good.port());
    let dialled = dial(&target, &[], &knows(&[refusing, good])).await.unwrap();
    assert_eq!(dialled.peer, good);
    assert!(clock::now().since(begun) < Duration::from_millis(150));
}

#[tokio::test]
async fn a_hung_resolver_costs_a_moment_where_an_address_is_known() {
    let good = server("127.0.0.1:0", says(BANNER));
    let (_answer, never) = mpsc::channel::<()>();
    let never = std::sync::Mutex::new(never);
    let resolver = Resolver::with(move |_, _| {
        assert!(never.lock().unwrap().recv().is_err());
        Err("late".to_owned())
    });
    let target = Target::new("gw1", good.port());
    let begun = clock::now();
    let dialled = dial(&target, &[good.ip()], &resolver).await.unwrap();
    assert_eq!(dialled.peer, good);
    assert!(clock::now().since(begun) < Duration::from_secs(2));
}

#[tokio::test]
async fn what_the_resolver_finds_joins_what_was_known() {
    let good = server("127.0.0.2:0", says(BANNER));
    let target = Target::new("gw1", good.port());
    // The known address refuses; the resolver's is tried then.
    let known = ["127.0.0.4".parse().unwrap()];
    let dialled = dial(&target, &known, &knows(&[good])).await.unwrap();
    assert_eq!(dialled.peer, good);
    let nothing = Resolver::with(|_, _| Err("Name or service not known".to_owned()));
    let failure = dial(&target, &[], &nothing).await.unwrap_err();
    assert_eq!(
        failure.to_string(),
        "does not resolve here (Name or service not known)"
    );
    let failure = dial(&target, &known, &nothing).await.unwrap_err();
    assert_eq!(failure, Failure::Refused(with_ip("127.0.0.4", good.port())));
}

#[tokio::test]
async fn while_one_is_asked_for_its_banner_no_other_is_connected() {
    let (sender, connected) = mpsc::channel();
    let wrong = server("127.0.0.2:0", move |mut stream| {
        thread::spawn(move || {
            // Longer than the delay from one address to the next.
            drop(stream.set_read_timeout(Some(Duration::from_millis(600))));
            drop(stream.read(&mut [0; 1]));
            drop(stream.write_all(b"HTTP/1.1 302 Found\r\n"));
            drop(stream.read(&mut [0; 1]));
        });
    });
    let good = server(&format!("127.0.0.3:{}", wrong.port()), move |mut stream| {
        sender.send(clock::now()).unwrap();
        stream.write_all(BANNER).unwrap();
    });
    let begun = clock::now();
    let target = Target::new("gw1", good.port());
    let dialled = dial(&target, &[], &knows(&[wrong, good])).await.unwrap();
    assert_eq!(dialled.peer, good);
    assert!(connected.recv().unwrap().since(begun) >= Duration::from_millis(600));
    assert!(connected.try_recv().is_err());
}

#[tokio::test]
async fn nobody_answers_in_the_time_that_the_user_gives() {
    let hole = Blackhole::at("127.0.0.1:0");
    let mut target = Target::new("127.0.0.1", hole.address.port());
    target.connect_timeout = Some(Duration::from_millis(300));
    let begun = clock::now();
    assert_eq!(
        dial(&target, &[], &Resolver::system()).await.unwrap_err(),
        Failure::TimedOut
    );
    let took = clock::now().since(begun);
    assert!(
        took >= Duration::from_millis(295) && took < Duration::from_millis(500),
        "{took:?}"
    );
}

#[tokio::test]
async fn what_answers_in_ssh_s_place_is_told_apart() {
    for (words, shown) in [
        (
            &b"HTTP/1.1 302 Found\r\nLocation: http://portal.example/\r\n\r\n"[..],
            "HTTP/1.1 302 Found",
        ),
        (b"\x15\x03\x01\x00\x02\x02\x46", "TLS"),
        (b"<html>log in first</html>", "<html>log in first</html>"),
    ] {
        let address = server("127.0.0.1:0", says(words));
        let begun = clock::now();
        let failure = dial_at(address).await.unwrap_err();
        assert_eq!(
            failure,
            Failure::Foreign {
                peer: address,
                said: shown.to_owned()
            }
        );
        assert!(clock::now().since(begun) < Duration::from_secs(1));
    }
    for words in [
        &b"Not allowed at this time\r\n"[..],
        b"Exceeded MaxStartups\r\n",
    ] {
        let address = server("127.0.0.1:0", move |mut stream| {
            stream.write_all(words).unwrap();
        });
        let said = String::from_utf8_lossy(words).trim_end().to_owned();
        assert_eq!(
            dial_at(address).await.unwrap_err(),
            Failure::Busy {
                peer: address,
                said
            }
        );
    }
    let address = server("127.0.0.1:0", drop);
    assert_eq!(
        dial_at(address).await.unwrap_err(),
        Failure::Closed(address)
    );
    let address = server("127.0.0.1:0", |mut stream| {
        stream.write_all(b"go away").unwrap();
    });
    assert_eq!(
        dial_at(address).await.unwrap_err(),
        Failure::Foreign {
            peer: address,
            said: "go away".to_owned()
        }
    );
}

#[tokio::test]
async fn five_seconds_of_silence_are_a_failure_of_their_own() {
    let address = server("127.0.0.1:0", says(b""));
    let begun = clock::now();
    assert_eq!(
        dial_at(address).await.unwrap_err(),
        Failure::Silent(address)
    );
    let took = clock::now().since(begun);
    assert!(
        took >= Duration::from_secs(5) && took < Duration::from_millis(5500),
        "{took:?}"
    );
}

#[tokio::test]
async fn a_banner_of_a_megabyte_is_cut_short() {
    let words: &'static [u8] = [b"x".repeat(79), b"\n".to_vec()]
        .concat()
        .repeat(13_000)
        .leak();
    let address = server("127.0.0.1:0", says(words));
    let failure = dial_at(address).await.unwrap_err();
    assert!(matches!(failure, Failure::Foreign { said, .. } if said == "x".repeat(79)));
}

/// What is peeked stays readable: neither half a banner, nor one in drops, nor half a banner and the end may keep the processor busy.
#[tokio::test]
async fn waiting_behind_what_was_said_costs_no_time() {
    let slowly = |words: &'static [u8]| {
        server("127.0.0.1:0", move |mut stream| {
            stream.set_nodelay(true).unwrap();
            stream
                .set_read_timeout(Some(Duration::from_millis(40)))
                .unwrap();
            for byte in words {
                drop(stream.write_all(&[*byte]));
                // Forty milliseconds: nothing ever comes.
                drop(stream.read(&mut [0; 1]));
            }
        })
    };
    for (words, good) in [
        (&b"wait...\r\nSSH-2.0-x\r\n"[..], true),
        (b"wait...\r\nno", false),
    ] {
        let address = slowly(words);
        let (mut polls, before) = (0, processor_time());
        let outcome = {
            let mut future = pin!(dial_at(address));
            std::future::poll_fn(|context| {
                polls += 1;
                future.as_mut().poll(context)
            })
            .await
        };
        let busy = processor_time().saturating_sub(before);
        assert_eq!(outcome.is_ok(), good, "{outcome:?}");
        assert!(
            polls <= 2 * words.len() + 10,
            "{polls} polls for {} bytes",
            words.len()
        );
        assert!(busy < Duration::from_millis(60), "{busy:?}");
    }
}

fn processor_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .unwrap()
        .into()
}

#[tokio::test]
async fn dropping_an_attempt_closes_what_it_opened() {
    let (sender, ended) = mpsc::channel();
    let address = server("127.0.0.1:0", move |mut stream| {
        sender.send(false).unwrap();
        sender
            .send(matches!(stream.read(&mut [0; 1]), Ok(0) | Err(_)))
            .unwrap();
    });
    let attempt = tokio::time::timeout(Duration::from_millis(200), dial_at(address));
    assert!(attempt.await.is_err());
    let patience = Duration::from_secs(5);
    assert!(!ended.recv_timeout(patience).unwrap());
    assert!(ended.recv_timeout(patience).unwrap());
}

/// In a network namespace of its own, which has no route at all.
#[cfg(target_os = "linux")]
#[test]
fn where_what_is_known_cannot_be_reached_it_is_the_name_that_is_missing() {
    let alone = thread::spawn(|| {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET)
            .expect("a network namespace, which takes root");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let target = Target::new("gw1".to_owned(), 22);
            let known: IpAddr = "192.0.2.1".parse().unwrap();
            let later = "Temporary failure in name resolution";
            let fails = Resolver::with(move |_, _| Err(later.to_owned()));
            let failure = dial(&target, &[known], &fails).await.unwrap_err();
            assert_eq!(failure, Failure::Resolve(later.to_owned()));
            // That the name leads there alone is another matter.
            let answers = knows(&[SocketAddr::new(known, 22)]);
            let failure = dial(&target, &[known], &answers).await.unwrap_err();
            assert!(matches!(failure, Failure::Unreachable(_)), "{failure:?}");
        });
    });
    alone.join().unwrap();
}
