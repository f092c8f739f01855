//! Probing connections, one of them with a path that goes away.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::Read as _,
    net::{TcpListener, TcpStream},
    process::Command,
    thread,
    time::Duration,
};

use netroam::connect::{Answer, Sign, probe};
use netroam_platform::clock;
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

#[tokio::test]
async fn a_live_connection_answers_a_probe_without_a_byte_in_its_stream() {
    let (near, mut far) = pair();
    // Just connected, so the question leaves when the second is over.
    let begun = clock::now();
    let answer = probe(&near, Sign::Receipt, None).await;
    let took = clock::now().since(begun);
    assert!(matches!(answer, Answer::Alive), "{answer:?}");
    assert!(took < Duration::from_millis(1300), "{took:?}");
    far.set_nonblocking(true).unwrap();
    assert_eq!(
        far.read(&mut [0; 1]).unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock
    );
    drop(far);
    let answer = probe(&near, Sign::Receipt, None).await;
    assert!(matches!(answer, Answer::Gone(_)), "{answer:?}");
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

        run("nft", &["add", "table", "inet", "dead"]);
        run(
            "nft",
            &[
                "add",
                "chain",
                "inet",
                "dead",
                "in",
                "{ type filter hook input priority 0; policy drop; }",
            ],
        );
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
