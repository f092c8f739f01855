//! The side of a running netroam.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use nix::unistd::Uid;
use serde::Serialize;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
    select,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{LONGEST, NAME, Status, VERSION};

/// How long a client may take to ask, and to take the answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// So many clients are heard at once; the others wait in the kernel's queue.
const MOST: usize = 4;

/// Where clients ask. Its socket is removed on drop.
#[derive(Debug)]
pub struct Listener {
    socket: UnixListener,
    path: PathBuf,
    places: Arc<Semaphore>,
    asking: JoinSet<Option<Request>>,
    /// The last client could not be let in (no descriptor is left): not at once again.
    refused: bool,
}

/// A client that has asked.
#[derive(Debug)]
pub struct Request {
    /// What for.
    pub question: Question,
    pub(super) client: UnixStream,
    place: OwnedSemaphorePermit,
}

/// What a client may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// How the sessions are: [`Request::answer`].
    Status,
    /// How they are, and each change: [`super::Followers::add`].
    Follow,
    /// That the session of this id tries now: [`Request::done`].
    Retry(String),
    /// That the session of this id ends: [`Request::done`].
    Stop(String),
}

/// Only one of these is there, beside the version.
#[derive(Serialize)]
struct Answer<'a> {
    netroam: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    sessions: Option<&'a [Status]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    done: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

impl Default for Answer<'_> {
    fn default() -> Self {
        Self {
            netroam: VERSION,
            sessions: None,
            done: None,
            error: None,
        }
    }
}

impl Listener {
    /// Listens in `directory`, which is this process's own, of mode 0700.
    ///
    /// # Errors
    /// Those of bind(2), a path that is too long for a Unix socket among them. A session works without.
    ///
    /// # Panics
    /// Outside a tokio runtime that has IO and time enabled.
    pub fn bind(directory: &Path) -> io::Result<Self> {
        let path = directory.join(NAME);
        let listener = Self {
            socket: UnixListener::bind(&path)?,
            path,
            places: Arc::new(Semaphore::new(MOST)),
            asking: JoinSet::new(),
            refused: false,
        };
        fs::set_permissions(&listener.path, fs::Permissions::from_mode(0o600))?;
        Ok(listener)
    }

    /// The next client that has asked. Cancel-safe, and it returns for nothing else: clients that say nothing, too much or the wrong thing, and those of other users, are dealt with here.
    pub async fn next(&mut self) -> Request {
        loop {
            select! {
                Some(asked) = self.asking.join_next() => {
                    if let Ok(Some(request)) = asked {
                        return request;
                    }
                }
                () = sleep(PATIENCE), if self.refused => self.refused = false,
                (place, accepted) = accept(&self.socket, &self.places), if !self.refused => match accepted {
                    Ok(client) if ours(&client) => {
                        self.asking.spawn(async move {
                            timeout(PATIENCE, hear(client, place)).await.unwrap_or_default()
                        });
                    }
                    Ok(_) => tracing::warn!("another user wanted to know the status"),
                    Err(error) => {
                        tracing::warn!(%error, "cannot hear who wants to know the status");
                        self.refused = true;
                    }
                }
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Its directory may be gone already; if not, the next netroam removes it.
        drop(fs::remove_file(&self.path));
    }
}

impl Request {
    /// Answers with how these sessions are, in the background: a client that does not listen holds up nobody.
    pub fn answer(self, sessions: &[Status]) {
        self.say(&Answer {
            sessions: Some(sessions),
            ..Answer::default()
        });
    }

    /// Answers in the background that it was done for the sessions of these ids.
    pub fn done(self, ids: &[String]) {
        self.say(&Answer {
            done: Some(ids),
            ..Answer::default()
        });
    }

    /// Answers in the background that it was not done.
    pub fn refuse(self, why: &str) {
        self.say(&Answer {
            error: Some(why),
            ..Answer::default()
        });
    }

    fn say(self, answer: &Answer<'_>) {
        tokio::spawn(say(self.client, self.place, line(answer)));
    }
}

/// Waits for a place, and then for a client.
async fn accept(
    socket: &UnixListener,
    places: &Arc<Semaphore>,
) -> (OwnedSemaphorePermit, io::Result<UnixStream>) {
    let Ok(place) = Arc::clone(places).acquire_owned().await else {
        unreachable!("nobody closes it");
    };
    (place, socket.accept().await.map(|(client, _)| client))
}

/// The modes of directory and socket forbid others already; root may pass them, and a system may ignore a socket's mode.
pub(super) fn ours(peer: &UnixStream) -> bool {
    peer.peer_cred()
        .is_ok_and(|credentials| credentials.uid() == Uid::effective().as_raw())
}

/// Reads the question; answers itself what is none.
async fn hear(mut client: UnixStream, place: OwnedSemaphorePermit) -> Option<Request> {
    let mut line = Vec::new();
    while !line.ends_with(b"\n") && line.len() < LONGEST {
        let mut more = [0; LONGEST];
        let room = LONGEST - line.len();
        match client.read(&mut more[..room]).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => line.extend(&more[..read]),
        }
    }
    let error = match Question::parse(&line) {
        Ok(question) => {
            return Some(Request {
                question,
                client,
                place,
            });
        }
        Err(error) => error,
    };
    let answer = Answer {
        error: Some(error),
        ..Answer::default()
    };
    say(client, place, self::line(&answer)).await;
    None
}

impl Question {
    /// Reads the line that a client sent.
    ///
    /// # Errors
    /// What is wrong with it, in words for the client.
    pub fn parse(line: &[u8]) -> Result<Self, &'static str> {
        const UNKNOWN: &str = "this netroam does not know the question";
        let whole = line.ends_with(b"\n");
        let line = std::str::from_utf8(line.trim_ascii()).map_err(|_| UNKNOWN)?;
        if line.contains(char::is_control) {
            return Err(UNKNOWN);
        }
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["netroam", "1", "status"] if whole => Ok(Self::Status),
            ["netroam", "1", "follow"] if whole => Ok(Self::Follow),
            ["netroam", "1", "retry", id] if whole => Ok(Self::Retry(id.to_owned())),
            ["netroam", "1", "stop", id] if whole => Ok(Self::Stop(id.to_owned())),
            ["netroam", "1", ..] => Err(UNKNOWN),
            _ => Err("this netroam speaks version 1"),
        }
    }
}

/// One status, as a follower is told of it.
pub(super) fn one(status: &Status) -> Vec<u8> {
    line(&Answer {
        sessions: Some(std::slice::from_ref(status)),
        ..Answer::default()
    })
}

fn line(answer: &Answer<'_>) -> Vec<u8> {
    let mut line = serde_json::to_vec(answer).unwrap_or_else(|error| {
        tracing::error!(%error, "the status cannot be written down");
        Vec::new()
    });
    line.push(b'\n');
    line
}

async fn say(mut client: UnixStream, place: OwnedSemaphorePermit, line: Vec<u8>) {
    let said = timeout(PATIENCE, client.write_all(&line)).await;
    if !matches!(said, Ok(Ok(()))) {
        tracing::debug!("who asked for the status did not wait for it");
    }
    drop(place);
}
