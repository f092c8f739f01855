//! What a server says first, read without taking it.
//!
//! ssh must find the whole of it in the socket, so everything is peeked (`MSG_PEEK`). Nothing is sent either: a server that waits
//! for us to speak first is no ssh server.

use std::{io, net::SocketAddr, os::fd::AsRawFd as _, pin::pin, time::Duration};

use nix::{
    errno::Errno,
    sys::socket::{MsgFlags, recv},
};
use tokio::{io::Interest, net::TcpStream, select, time::sleep};

use super::failure::Failure;
use crate::report::plain;

/// A connection on which nothing new is said for this long is given up. A server speaks as soon as it has accepted the connection
/// (RFC 4253 section 4.2), so this is a crowded line's round trip and a slow server's fork.
pub const SILENCE: Duration = Duration::from_secs(5);

/// Lines that may come before the banner, as many as OpenSSH puts up with (`SSH_MAX_PRE_BANNER_LINES`).
const LINES: usize = 1024;

/// The longest line that OpenSSH puts up with (`SSH_MAX_BANNER_LEN`).
const LINE: usize = 8192;

/// All that is looked at. What is peeked stays in the socket's receive buffer, whose window closes at about 64 KiB unless
/// somebody reads (Linux, `tcp_rmem`); whoever says that much before the banner can be reached with `--dial=ssh` only.
const ALL: usize = 32 * 1024;

/// What ssh servers say instead of a banner when they refuse (openssh-portable, `sshd.c`).
const REFUSALS: [&[u8]; 2] = [b"Not allowed at this time", b"Exceeded MaxStartups"];

/// Whether an ssh server refuses with this line.
pub(crate) fn is_refusal(line: &[u8]) -> bool {
    REFUSALS.iter().any(|refusal| line.starts_with(refusal))
}

/// Waits for the banner of an ssh server, at most `limit`; returns its first line as far as it was there.
///
/// `SSH-` is enough: the rest is ssh's business, and so is a version that it does not speak.
pub(super) async fn banner(
    stream: &TcpStream,
    peer: SocketAddr,
    limit: Duration,
) -> Result<String, Failure> {
    let mut heard = Heard::default();
    let mut end = pin!(sleep(limit));
    loop {
        let more = select! {
            biased;
            more = heard.more(stream) => more,
            () = sleep(SILENCE) => break,
            () = &mut end => break,
        };
        let ended = !matches!(more, Ok(true));
        match judge(heard.bytes()) {
            Said::Banner(line) => return Ok(line),
            Said::Refusal => {
                return Err(Failure::Busy {
                    peer,
                    said: printable(heard.bytes()),
                });
            }
            Said::Foreign => break,
            Said::Unclear if ended && heard.bytes().is_empty() => {
                return Err(Failure::Closed(peer));
            }
            Said::Unclear if ended => break,
            Said::Unclear => {}
        }
    }
    Err(match heard.bytes() {
        [] => Failure::Silent(peer),
        bytes => Failure::Foreign {
            peer,
            said: printable(bytes),
        },
    })
}

/// What was peeked so far.
#[derive(Default)]
struct Heard {
    buffer: Vec<u8>,
    length: usize,
}

impl Heard {
    fn bytes(&self) -> &[u8] {
        &self.buffer[..self.length]
    }

    /// Waits until there is more than before: `true`; or the end: `false`. Cancel-safe.
    ///
    /// What is peeked is still there, so the socket stays readable, and whoever asks whether it is would spin. Hence the
    /// readiness is declared used up although it is not: the runtime watches edges, and each segment that arrives is a new
    /// one (epoll(7): "multiple events can be generated upon receipt of multiple chunks of data").
    async fn more(&mut self, stream: &TcpStream) -> io::Result<bool> {
        if self.length == self.buffer.len() {
            self.buffer.resize((self.length * 2).clamp(256, ALL), 0);
        }
        loop {
            let ready = stream.ready(Interest::READABLE).await?;
            let peeked = stream.try_io(Interest::READABLE, || {
                match recv(stream.as_raw_fd(), &mut self.buffer, MsgFlags::MSG_PEEK) {
                    // The end is an event that stays, and comes after all data: only then is "no more" final.
                    Ok(length)
                        if length == self.length && length > 0 && !ready.is_read_closed() =>
                    {
                        Err(Errno::EWOULDBLOCK.into())
                    }
                    Ok(length) => Ok(length),
                    Err(error) => Err(error.into()),
                }
            });
            match peeked {
                Ok(length) => {
                    let more = length > self.length;
                    self.length = length;
                    return Ok(more);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// What the first bytes of a server are.
#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    /// An ssh server's banner, or the beginning of it.
    Banner(String),
    /// An ssh server's word that it takes no connection now.
    Refusal,
    /// No ssh server says this.
    Foreign,
    /// More has to come.
    Unclear,
}

/// Judges what a server said so far.
pub fn judge(bytes: &[u8]) -> Said {
    for line in bytes.split(|byte| *byte == b'\n') {
        if line.starts_with(b"SSH-") {
            return Said::Banner(printable(line));
        }
        if is_refusal(line) {
            return Said::Refusal;
        }
        // A zero byte is in no text; what begins like a web page or a status line of HTTP will not become a banner.
        let web = line.starts_with(b"HTTP/") || line.starts_with(b"<");
        if web || line.contains(&0) || line.len() > LINE {
            return Said::Foreign;
        }
    }
    let lines = bytes.split(|byte| *byte == b'\n').count() - 1;
    if tls(bytes) || lines >= LINES || bytes.len() >= ALL {
        return Said::Foreign;
    }
    Said::Unclear
}

/// A TLS record that is an alert or a handshake, of any version (RFC 8446 section 5.1).
fn tls(bytes: &[u8]) -> bool {
    matches!(bytes, [0x15 | 0x16, 0x03, ..])
}

/// The first line that says something, for people: cut, and without what could do harm to a terminal.
fn printable(bytes: &[u8]) -> String {
    const LONGEST: usize = 80;
    if tls(bytes) {
        return "TLS".to_owned();
    }
    let line = bytes
        .split(|byte| matches!(byte, b'\r' | b'\n'))
        .find(|line| !line.is_empty())
        .unwrap_or_default();
    let line = String::from_utf8_lossy(&line[..line.len().min(4 * LONGEST)]);
    plain(&line).chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn banner_of(bytes: &[u8]) -> Option<String> {
        match judge(bytes) {
            Said::Banner(line) => Some(line),
            Said::Refusal | Said::Foreign | Said::Unclear => None,
        }
    }

    #[test]
    fn a_banner_may_follow_other_lines() {
        let expected = Some("SSH-2.0-OpenSSH_9.2p1 Debian-2".to_owned());
        assert_eq!(banner_of(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"), expected);
        assert_eq!(
            banner_of(b"welcome to gw1\r\n\r\nSSH-2.0-OpenSSH_9.2p1 Debian-2\r\nrest"),
            expected
        );
        assert_eq!(banner_of(b"SSH-"), Some("SSH-".to_owned()));
        assert_eq!(judge(b"SSH"), Said::Unclear);
        assert_eq!(judge(b"see SSH-2.0"), Said::Unclear);
    }

    #[test]
    fn what_is_no_ssh_server_is_known_by_its_first_bytes() {
        for bytes in [
            &b"HTTP/1.1 302 Found\r\nLocation: http://portal.example/\r\n"[..],
            b"<!DOCTYPE html>",
            b"\x15\x03\x01\x00\x02\x02\x46",
            b"220 ok\r\n\0",
            &[b'x'; LINE + 1],
            &[b'\n'; LINES],
        ] {
            assert_eq!(judge(bytes), Said::Foreign, "{}", printable(bytes));
        }
        assert_eq!(judge(&[b'x'; LINE]), Said::Unclear);
        assert_eq!(judge(&[b'\n'; LINES - 1]), Said::Unclear);
        assert_eq!(judge(b"220 mail.example ESMTP\r\n"), Said::Unclear);
    }

    #[test]
    fn refusals_are_known() {
        assert_eq!(judge(b"Not allowed at this time\r\n"), Said::Refusal);
        assert_eq!(judge(b"Exceeded MaxStartups\r\n"), Said::Refusal);
    }

    #[test]
    fn what_was_said_can_be_printed() {
        assert_eq!(
            printable(b"\r\n\x1b[2Jhello\x07\r\nmore"),
            "\u{fffd}[2Jhello\u{fffd}"
        );
        assert_eq!(printable(b"\x15\x03\x01\x00"), "TLS");
        assert_eq!(printable(&[b'x'; 9000]).len(), 80);
        assert_eq!(printable(b""), "");
    }
}
