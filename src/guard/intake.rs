//! Where `netroam dial` hands duplicates of its connections to a running `netroam guard`.
//!
//! It is the Unix stream socket `guard` (mode 0600) in netroam's runtime directory, which is the user's alone. Both sides take only their own user
//! for a partner.
//!
//! | who | says |
//! |---|---|
//! | guard | `netroam 1 guard\n`: it listens and has room; 1 is the version. Where it has none, it closes |
//! | dial | one zero byte with the socket (`SCM_RIGHTS`), then one line of JSON, at most 512 bytes: [`Offer`]; it does not wait |
//!
//! The greeting comes first because a descriptor that is on its way cannot be called back: in the queue of a guard that does not read, it would
//! keep the connection open when ssh is gone.

use std::{
    fs, io,
    net::TcpStream,
    os::{fd::AsFd, unix::fs::PermissionsExt as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use netroam_platform::handover;
use nix::unistd::geteuid;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, Interest},
    net::{UnixListener, UnixStream},
    select,
    task::JoinSet,
    time::timeout,
};

/// The name of the socket.
const NAME: &str = "guard";

/// What guard says first.
const GREETING: &[u8] = b"netroam 1 guard\n";

/// How long either side waits for the other. Dialling takes a few milliseconds longer with a guard that runs, and never longer than this with one
/// that hangs.
const PATIENCE: Duration = Duration::from_millis(100);

/// The longest line.
const LONGEST: usize = 512;

/// So many connections are held: each takes two descriptors, of which some systems give a process 256.
pub(super) const MOST: usize = 100;

/// So many are heard at once; the others wait in the kernel's queue.
const MOST_AT_ONCE: usize = 8;

/// What goes with a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The process that got the connection.
    pub ssh: i32,
    /// The host as it was typed.
    pub host: String,
    /// Over what it may go: `any`, `tunnel` or a pattern of interface names.
    pub via: String,
    /// After how many seconds of unacknowledged data the kernel ends it.
    pub stall: u64,
}

/// A connection that was handed over.
#[derive(Debug)]
pub(super) struct Handed {
    pub(super) socket: TcpStream,
    pub(super) offer: Offer,
}

/// Gives the guard of this user, if one runs, a duplicate of `socket`; false if none took it. It takes at most a tenth of a second.
///
/// # Errors
/// Those of a guard that runs and does not behave.
pub async fn offer(directory: &Path, socket: &impl AsFd, offer: &Offer) -> Result<bool> {
    let path = directory.join(NAME);
    let given = timeout(PATIENCE, async {
        let mut guard = match UnixStream::connect(&path).await {
            Ok(guard) => guard,
            // None runs, or one that was killed has left its socket.
            Err(error)
                if [io::ErrorKind::NotFound, io::ErrorKind::ConnectionRefused]
                    .contains(&error.kind()) =>
            {
                return Ok(false);
            }
            Err(error) => return Err(error).context("cannot reach the guard"),
        };
        ensure!(ours(&guard)?, "{} is another user's", path.display());
        let mut greeting = [0; GREETING.len()];
        if guard.read_exact(&mut greeting).await.is_err() {
            // It has no room.
            return Ok(false);
        }
        ensure!(greeting == GREETING, "the guard speaks another version");
        handover::send(guard.as_fd(), socket.as_fd()).context("cannot send the connection")?;
        let mut line = serde_json::to_vec(offer)?;
        line.push(b'\n');
        guard.write_all(&line).await?;
        Ok(true)
    });
    given.await.context("the guard does not answer")?
}

/// Listens for them. Its socket is removed on drop.
#[derive(Debug)]
pub(super) struct Intake {
    listener: UnixListener,
    path: PathBuf,
    hearing: JoinSet<Result<Handed>>,
    held: Arc<AtomicUsize>,
}

impl Intake {
    /// Listens in `directory`, of which the caller has made sure that no other guard does; `held` says how many connections there are.
    pub(super) fn listen(directory: &Path, held: Arc<AtomicUsize>) -> io::Result<Self> {
        let path = directory.join(NAME);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Err(_) | Ok(()) => {}
        }
        let intake = Self {
            listener: UnixListener::bind(&path)?,
            path,
            hearing: JoinSet::new(),
            held,
        };
        fs::set_permissions(&intake.path, fs::Permissions::from_mode(0o600))?;
        Ok(intake)
    }

    /// The next one. Cancel-safe; whoever does not keep to the protocol is dealt with here.
    pub(super) async fn next(&mut self) -> Handed {
        loop {
            select! {
                Some(heard) = self.hearing.join_next() => match heard {
                    Ok(Ok(handed)) => return handed,
                    Ok(Err(error)) => tracing::warn!(error = format!("{error:#}"), "a connection was not taken"),
                    Err(error) => tracing::error!(%error, "a task failed"),
                },
                accepted = self.listener.accept(), if self.hearing.len() < MOST_AT_ONCE => match accepted {
                    Ok((channel, _)) => {
                        // Without room the channel is closed here, which says so.
                        if self.held.load(Ordering::Relaxed) + self.hearing.len() < MOST {
                            self.hearing.spawn(async { timeout(PATIENCE, hear(channel)).await? });
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot hear who hands a connection over");
                        tokio::time::sleep(PATIENCE).await;
                    }
                },
            }
        }
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.path));
    }
}

/// The modes of directory and socket forbid others already; root may pass them, and a system may ignore a socket's mode.
fn ours(channel: &UnixStream) -> io::Result<bool> {
    Ok(handover::peer_uid(channel.as_fd())? == geteuid().as_raw())
}

async fn hear(mut channel: UnixStream) -> Result<Handed> {
    ensure!(ours(&channel)?, "another user offers it");
    channel.write_all(GREETING).await?;
    let socket = loop {
        channel.readable().await?;
        let received = channel.try_io(Interest::READABLE, || handover::receive(channel.as_fd()));
        match received {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            received => break TcpStream::from(received.context("no connection was sent")?),
        }
    };
    socket.peer_addr().context("it is no connection")?;
    let mut line = Vec::new();
    let mut rest = channel.take(LONGEST as u64);
    while !line.ends_with(b"\n") && rest.read_buf(&mut line).await? > 0 {}
    let offer: Offer = serde_json::from_slice(&line).context("it is not understood")?;
    ensure!(offer.ssh > 1, "{} is no ssh", offer.ssh);
    Ok(Handed { socket, offer })
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, os::unix::net};

    use super::*;

    fn connection() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (near, listener.accept().unwrap().0)
    }

    fn about() -> Offer {
        Offer {
            ssh: 4242,
            host: "gw1".into(),
            via: "tunnel".into(),
            stall: 15,
        }
    }

    #[tokio::test]
    async fn a_connection_arrives_with_what_is_known_of_it() {
        let directory = tempfile::tempdir().unwrap();
        assert!(
            !offer(directory.path(), &connection().0, &about())
                .await
                .unwrap()
        );
        let held = Arc::new(AtomicUsize::new(0));
        let mut intake = Intake::listen(directory.path(), Arc::clone(&held)).unwrap();
        let (near, _far) = connection();
        let about = about();
        let (given, handed) = tokio::join!(offer(directory.path(), &near, &about), intake.next());
        assert!(given.unwrap());
        assert_eq!(handed.offer, about);
        assert_eq!(
            handed.socket.local_addr().unwrap(),
            near.local_addr().unwrap()
        );

        held.store(MOST, Ordering::Relaxed);
        let nothing = timeout(PATIENCE * 5, intake.next());
        let (given, _) = tokio::join!(offer(directory.path(), &near, &about), nothing);
        assert!(!given.unwrap(), "there is no room");
        drop(intake);
        assert!(!directory.path().join(NAME).exists());
    }

    #[tokio::test]
    async fn a_guard_that_hangs_gets_nothing_and_costs_a_tenth_of_a_second() {
        let directory = tempfile::tempdir().unwrap();
        let listener = net::UnixListener::bind(directory.path().join(NAME)).unwrap();
        let (near, mut far) = connection();
        let error = offer(directory.path(), &near, &about()).await.unwrap_err();
        assert!(error.to_string().contains("does not answer"), "{error:#}");
        // ssh's end is the only one: the server sees it closed.
        drop(near);
        assert_eq!(io::Read::read(&mut far, &mut [0]).unwrap(), 0);
        drop(listener);
    }

    #[tokio::test]
    async fn what_is_no_connection_is_not_taken() {
        let directory = tempfile::tempdir().unwrap();
        let mut intake = Intake::listen(directory.path(), Arc::default()).unwrap();
        let (pipe, _other) = net::UnixStream::pair().unwrap();
        let (near, _far) = connection();
        let (bad, about) = (Offer { ssh: 0, ..about() }, about());
        let offers = async {
            offer(directory.path(), &pipe, &about).await.unwrap();
            offer(directory.path(), &near, &bad).await.unwrap();
            offer(directory.path(), &near, &about).await.unwrap();
        };
        let ((), handed) = tokio::join!(offers, intake.next());
        assert_eq!(handed.offer, about);
    }
}
