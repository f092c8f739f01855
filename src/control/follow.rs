//! Who wants to know of every change.

use std::sync::Arc;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    select,
    sync::mpsc,
    time::timeout,
};

use super::{
    Request, Status,
    listen::{PATIENCE, one},
};

/// So many are told at once.
const MOST: usize = 16;

/// So many changes may wait for one that reads slowly; then it is given up. A roam of some hundred sessions makes some thousand.
const WAITING: usize = 4096;

/// Clients that are told each change of each session, one line for one status.
#[derive(Debug, Default)]
pub struct Followers(Vec<mpsc::Sender<Arc<[u8]>>>);

impl Followers {
    /// Nobody wants to know.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells this one as well, from now on. Whoever adds it tells the status of each session once.
    ///
    /// # Panics
    /// Outside a tokio runtime that has IO and time enabled.
    pub fn add(&mut self, request: Request) {
        self.0.retain(|follower| !follower.is_closed());
        if self.0.len() >= MOST {
            return request.refuse("too many follow already");
        }
        let (lines, waiting) = mpsc::channel(WAITING);
        tokio::spawn(tell(request.client, waiting));
        self.0.push(lines);
    }

    /// Tells all of them how this session is now.
    pub fn tell(&mut self, status: &Status) {
        if self.0.is_empty() {
            return;
        }
        let line: Arc<[u8]> = one(status).into();
        self.0
            .retain(|follower| follower.try_send(Arc::clone(&line)).is_ok());
    }
}

/// Tells one, until it goes, does not listen, or all is over.
async fn tell(mut client: UnixStream, mut lines: mpsc::Receiver<Arc<[u8]>>) {
    let mut ignored = [0; 64];
    loop {
        select! {
            line = lines.recv() => {
                let Some(line) = line else { return };
                if !matches!(timeout(PATIENCE, client.write_all(&line)).await, Ok(Ok(()))) {
                    tracing::debug!("who followed does not listen any more");
                    return;
                }
            }
            read = client.read(&mut ignored) => if matches!(read, Ok(0) | Err(_)) {
                return;
            },
        }
    }
}
