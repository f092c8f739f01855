//! Connections whose path goes silent, in network namespaces of their own: what a probe and the kernel's own figures make of it.

#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, tells its times, and has somebody write now and then"
)]

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::Command,
    thread,
    time::Duration,
};

use netroam::{
    connect::{Answer, Sign, probe},
    control::RunFacts,
};
use netroam_platform::{clock, tcp};
use nix::sched::{CloneFlags, unshare};

/// Runs `scenario` in a network namespace of its own that has nothing but loopback.
fn in_a_namespace<F: Future>(scenario: impl FnOnce() -> F + Send + 'static) {
    let thread = thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace, which takes root");
        run("ip", &["link", "set", "lo", "up"]);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(scenario());
    });
    thread.join().unwrap();
}

fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status();
    assert!(
        status
            .unwrap_or_else(|error| panic!("{program}: {error}"))
            .success()
    );
}

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (near, listener.accept().unwrap().0)
}

/// Nothing that was sent arrives any more.
fn swallow() {
    run("nft", &["add", "table", "inet", "dead"]);
    let drop = "{ type filter hook input priority 0; policy drop; }";
    run("nft", &["add", "chain", "inet", "dead", "in", drop]);
}

#[test]
fn an_idle_connection_answers_at_once_and_a_dead_path_is_silent_in_time() {
    in_a_namespace(|| async {
        let (near, _far) = pair();
        tokio::time::sleep(Duration::from_millis(1200)).await;
        let begun = clock::now();
        assert!(matches!(
            probe(&near, Sign::Receipt, None).await,
            Answer::Alive
        ));
        let took = clock::now().since(begun);
        assert!(took < Duration::from_millis(60), "{took:?}");

        swallow();
        tokio::time::sleep(Duration::from_millis(1100)).await;
        for (patience, most) in [(None, 600), (Some(Duration::from_secs(1)), 1300)] {
            let begun = clock::now();
            let answer = probe(&near, Sign::Receipt, patience).await;
            let took = clock::now().since(begun);
            assert!(matches!(answer, Answer::Silent), "{answer:?}");
            assert!(
                took >= patience.unwrap_or(Duration::from_millis(300)),
                "{took:?}"
            );
            assert!(took < Duration::from_millis(most), "{took:?}");
        }

        run("nft", &["delete", "table", "inet", "dead"]);
        assert!(matches!(
            probe(&near, Sign::Receipt, Some(Duration::from_secs(2))).await,
            Answer::Alive
        ));
    });
}

/// Writes every so often, to whoever hears it.
fn talk(mut far: TcpStream, every: Duration) {
    far.set_nodelay(true).unwrap();
    thread::spawn(move || {
        while far.write_all(&[1; 64]).is_ok() {
            thread::sleep(every);
        }
    });
}

/// Reads all that comes.
fn listen(mut near: TcpStream) {
    thread::spawn(move || while near.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {});
}

#[test]
fn whoever_talks_and_hears_us_is_alive_and_whoever_is_deaf_is_not() {
    const RATES: [u64; 6] = [5, 20, 50, 200, 300, 800];
    in_a_namespace(|| async {
        let probed = async |near: TcpStream, patience| {
            let begun = clock::now();
            (
                probe(&near, Sign::Receipt, patience).await,
                clock::now().since(begun),
            )
        };
        for patience in [None, Some(Duration::from_secs(3))] {
            let pairs = RATES.map(|rate| {
                let (near, far) = pair();
                listen(near.try_clone().unwrap());
                talk(far, Duration::from_millis(rate));
                near
            });
            tokio::time::sleep(Duration::from_millis(1200)).await;
            for (near, rate) in pairs.iter().zip(RATES) {
                // On a busy machine whoever talks may fall silent for a while.
                let mut tries = 0;
                loop {
                    tries += 1;
                    let (answer, took) = probed(near.try_clone().unwrap(), patience).await;
                    assert!(took < Duration::from_secs(8), "{rate}: {took:?}");
                    if matches!(answer, Answer::Alive) {
                        break;
                    }
                    assert!(tries < 4, "{rate}: {answer:?} after {took:?}");
                }
            }
            // What we send arrives no more, while we ask; what the other side sends does.
            let ports = pairs
                .each_ref()
                .map(|near| near.peer_addr().unwrap().port().to_string());
            let all = pairs.map(|near| tokio::spawn(probed(near, patience)));
            tokio::task::yield_now().await;
            run("nft", &["add", "table", "inet", "deaf"]);
            let chain = "{ type filter hook input priority 0; }";
            run("nft", &["add", "chain", "inet", "deaf", "in", chain]);
            let ports = format!("{{ {} }}", ports.join(", "));
            run(
                "nft",
                &[
                    "add", "rule", "inet", "deaf", "in", "tcp", "dport", &ports, "drop",
                ],
            );
            for (probing, rate) in all.into_iter().zip(RATES) {
                let (answer, took) = probing.await.unwrap();
                assert!(
                    matches!(answer, Answer::Silent),
                    "{rate}: {answer:?} after {took:?}"
                );
                let most = Duration::from_secs(5) + patience.unwrap_or_default();
                assert!(took < most, "{rate}: {took:?}");
                println!("{rate} ms: {took:?}");
            }
            run("nft", &["delete", "table", "inet", "deaf"]);
        }
    });
}

#[test]
fn data_that_nobody_acknowledges_hangs_after_two_seconds() {
    in_a_namespace(|| async {
        let (near, mut far) = pair();
        tcp::keep_honest(&near, Duration::from_secs(30), true).unwrap();
        let health = || RunFacts::of(1, 1, None, Some(&tcp::health(&near).unwrap()));
        (&near).write_all(&[7; 16]).unwrap();
        far.read_exact(&mut [0; 16]).unwrap();
        assert!(!health().hanging);
        swallow();
        let began = clock::now();
        (&near).write_all(&[7; 16]).unwrap();
        let mut told = health();
        while !told.hanging {
            let waited = clock::now().since(began);
            assert!(waited < Duration::from_secs(4), "{told:?}");
            // The kernel's timers give no event.
            tokio::time::sleep(Duration::from_millis(20)).await;
            told = health();
            let claimed = told.health.as_ref().unwrap().unanswered_ms;
            let passed = clock::now().since(began).as_millis() + 10;
            assert!(u128::from(claimed) <= passed, "{claimed} of {passed} ms");
        }
        let waited = clock::now().since(began);
        assert!(waited > Duration::from_secs(2), "{waited:?}: {told:?}");
        let health = told.health.unwrap();
        assert!(
            health.unacknowledged > 0 && health.backoff >= 1,
            "{health:?}"
        );
    });
}
