//! Probing connections.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::Read as _,
    net::{TcpListener, TcpStream},
    time::Duration,
};

use netroam::connect::{Answer, Sign, probe};
use netroam_platform::clock;

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
