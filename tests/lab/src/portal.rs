//! Somebody who answers in the server's place: a café's portal, or a stand-in for its sshd.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::{Lab, Net, Node};

/// Where the portal listens on the café's router.
const PORT: u16 = 2222;

/// How long an ended connection may take to be closed by the other side before it is reset.
const LINGER: Duration = Duration::from_secs(2);

/// What a connection gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A redirection to a login page, at once; then the end.
    Http,
    /// The same, but only after the other side has said something, as HTTP servers do; silence before.
    HttpWhenAsked,
    /// A TLS alert (protocol version), at once; then the end.
    TlsAlert,
    /// Nothing: the connection is accepted and kept.
    Silence,
    /// The end, at once and without a word.
    Close,
    /// These bytes, at once; then the end.
    Says(&'static [u8]),
    /// A letter each second, and never an end of the line.
    Drips,
}

impl Answer {
    /// What sshd says in place of its banner to an address that it punishes (`PerSourcePenalties`, OpenSSH 9.8).
    pub const NOT_ALLOWED: Self = Self::Says(b"Not allowed at this time\r\n");
    /// What sshd says in place of its banner when too many are logging in (`MaxStartups`).
    pub const MAX_STARTUPS: Self = Self::Says(b"Exceeded MaxStartups\r\n");

    fn bytes(self) -> &'static [u8] {
        match self {
            Self::Http | Self::HttpWhenAsked => {
                b"HTTP/1.1 302 Found\r\nLocation: http://portal.example/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            }
            // RFC 8446, sections 5.1 and 6: alert, version, length 2, fatal, 70 (protocol_version).
            Self::TlsAlert => &[0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46],
            Self::Silence | Self::Close | Self::Drips => b"",
            Self::Says(bytes) => bytes,
        }
    }
}

/// A portal or a stand-in that is there. Dropping it ends it, with the connections that it keeps.
#[derive(Debug)]
pub struct Portal {
    accepted: Arc<Mutex<Vec<SystemTime>>>,
    stop: Option<std::io::PipeWriter>,
    thread: Option<JoinHandle<()>>,
    /// The café's router, where a rule is to be taken away.
    redirected: Option<Arc<Node>>,
}

impl Lab {
    /// Puts a captive portal into the café: from now on each new connection from there to port 22, whatever the
    /// address and the family, gets this answer. Connections that are there already stay.
    pub fn portal(&self, answer: Answer) -> Result<Portal> {
        let cafe = self.router(Net::Cafe);
        let mut portal = Portal::start(cafe, PORT, answer)?;
        cafe.nft(&format!(
            "table inet portal {{ chain way {{ type nat hook prerouting priority dstnat; \
             iifname \"lan\" tcp dport 22 redirect to :{PORT}; }}; }}"
        ))?;
        portal.redirected = Some(Arc::clone(&self.cafe));
        Ok(portal)
    }

    /// Ends the server's sshd (its sessions stay) and answers on its port in its place. After the end of the stand-in,
    /// [`crate::Server::start_sshd`] has sshd back.
    pub fn stand_in(&self, answer: Answer) -> Result<Portal> {
        self.server().stop_sshd()?;
        Portal::start(self.server().node(), 22, answer)
    }
}

impl Portal {
    fn start(node: &Node, port: u16, answer: Answer) -> Result<Self> {
        // Both families; the socket belongs to the machine, whichever thread accepts.
        let listener = node.within(|| {
            let listener = TcpListener::bind(("::", port))
                .with_context(|| format!("cannot listen on port {port}"))?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        })?;
        let accepted = Arc::new(Mutex::default());
        let (stopped, stop) = std::io::pipe()?;
        let shared = Arc::clone(&accepted);
        let thread = thread::spawn(move || serve(&listener, &stopped, answer, &shared));
        Ok(Self {
            accepted,
            stop: Some(stop),
            thread: Some(thread),
            redirected: None,
        })
    }

    /// When it accepted a connection, in order.
    pub fn accepted(&self) -> Vec<SystemTime> {
        self.accepted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Portal {
    fn drop(&mut self) {
        if let Some(cafe) = self.redirected.take() {
            // The café goes with the lab in any case.
            let _gone = cafe.nft("delete table inet portal");
        }
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            let _joined = thread.join();
        }
    }
}

fn serve(
    listener: &TcpListener,
    stopped: &std::io::PipeReader,
    answer: Answer,
    accepted: &Mutex<Vec<SystemTime>>,
) {
    let mut kept: Vec<TcpStream> = Vec::new();
    loop {
        let mut waiting = [
            PollFd::new(listener.as_fd(), PollFlags::POLLIN),
            PollFd::new(stopped.as_fd(), PollFlags::POLLIN),
        ];
        let _ready = poll(&mut waiting, PollTimeout::NONE);
        if waiting[1].revents().is_some_and(|seen| !seen.is_empty()) {
            break;
        }
        let Ok((stream, _peer)) = listener.accept() else {
            continue;
        };
        accepted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(SystemTime::now());
        if matches!(
            answer,
            Answer::Silence | Answer::HttpWhenAsked | Answer::Drips
        ) && let Ok(twin) = stream.try_clone()
        {
            kept.push(twin);
        }
        // A connection that fails meanwhile is one that the other side gave up.
        thread::spawn(move || drop(speak(stream, answer)));
    }
    for stream in kept {
        let _closed_already = stream.shutdown(Shutdown::Both);
    }
}

fn speak(mut stream: TcpStream, answer: Answer) -> std::io::Result<()> {
    let mut heard = [0; 4096];
    match answer {
        Answer::Silence => while stream.read(&mut heard)? > 0 {},
        Answer::HttpWhenAsked => drop(stream.read(&mut heard)?),
        Answer::Drips => loop {
            // Until nobody takes any more.
            stream.write_all(b"a")?;
            thread::sleep(Duration::from_secs(1));
        },
        Answer::Http | Answer::TlsAlert | Answer::Close | Answer::Says(_) => {}
    }
    stream.write_all(answer.bytes())?;
    // Closing with something unread would be a reset, and take the answer along.
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(LINGER))?;
    while stream.read(&mut heard)? > 0 {}
    Ok(())
}
