//! Services on the machines of the lab, and clients of them: each in the network of its machine, by threads of the test.

use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::net::UnixStream,
    path::Path,
    thread,
    time::Duration,
};

use netroam_lab::Node;

/// How long a service that is there takes to answer, by far; a port that the stale side of an old connection holds never does.
const ANSWERS: Duration = Duration::from_millis(150);

/// Says the name of the service, and then repeats what it hears, to everybody who connects.
pub(crate) fn serve(node: &Node, port: u16, name: &'static str) {
    let listener = bind(node, "127.0.0.1", port).unwrap();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let Ok(mut connection) = connection else {
                return;
            };
            thread::spawn(move || {
                let mut other = connection.try_clone()?;
                connection.write_all(name.as_bytes())?;
                io::copy(&mut connection, &mut other).map(drop)
            });
        }
    });
}

/// Takes a port on the loopback addresses, both families, and does nothing with it.
pub(crate) fn take(node: &Node, port: u16) -> anyhow::Result<[TcpListener; 2]> {
    Ok([bind(node, "127.0.0.1", port)?, bind(node, "::1", port)?])
}

fn bind(node: &Node, address: &str, port: u16) -> anyhow::Result<TcpListener> {
    node.within(|| Ok(TcpListener::bind((address, port))?))
}

pub(crate) fn connect(node: &Node, port: u16) -> io::Result<TcpStream> {
    let stream = node
        .within(|| Ok(TcpStream::connect(("127.0.0.1", port))))
        .unwrap()?;
    stream.set_read_timeout(Some(ANSWERS))?;
    Ok(stream)
}

/// Whether this port on the machine leads to the service of this name.
pub(crate) fn leads_to(node: &Node, port: u16, name: &str) -> bool {
    connect(node, port).is_ok_and(|stream| says(stream, name))
}

/// Whether this Unix socket does.
pub(crate) fn socket_leads_to(path: &Path, name: &str) -> bool {
    UnixStream::connect(path)
        .is_ok_and(|stream| stream.set_read_timeout(Some(ANSWERS)).is_ok() && says(stream, name))
}

/// Whether this port, which speaks SOCKS 5 (RFC 1928), leads to the service of this name behind `address`:`to`.
pub(crate) fn proxy_leads_to(node: &Node, port: u16, to: u16, name: &str) -> bool {
    let ask = || -> io::Result<TcpStream> {
        let mut stream = connect(node, port)?;
        stream.write_all(&[5, 1, 0])?;
        let mut answer = [0; 2];
        stream.read_exact(&mut answer)?;
        let [high, low] = to.to_be_bytes();
        stream.write_all(&[5, 1, 0, 1, 127, 0, 0, 1, high, low])?;
        let mut answer = [0; 10];
        stream.read_exact(&mut answer)?;
        Ok(stream)
    };
    ask().is_ok_and(|stream| says(stream, name))
}

fn says(mut stream: impl Read + Write, name: &str) -> bool {
    let mut heard = vec![0; name.len()];
    let mut echo = || -> io::Result<()> {
        stream.read_exact(&mut heard)?;
        stream.write_all(b"echo")?;
        let mut back = [0; 4];
        stream.read_exact(&mut back)?;
        (back == *b"echo")
            .then_some(())
            .ok_or_else(|| io::ErrorKind::InvalidData.into())
    };
    echo().is_ok() && heard == name.as_bytes()
}
