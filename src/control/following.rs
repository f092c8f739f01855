//! The side of who wants to know of every change.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    sync::mpsc,
};

use super::{
    Status, VERSION,
    ask::{LONGEST_ANSWER, Server, sockets, understood},
};

/// Something new of a running netroam.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// One of its sessions is like this now.
    Session(Box<Status>),
    /// It ended.
    Ended,
    /// It is not heard any more, in words.
    Problem(String),
}

/// Who follows every running netroam. Dropping it ends that.
#[derive(Debug)]
pub struct Following {
    base: PathBuf,
    limit: Duration,
    /// Those that were found and are there still, also those that are not heard any more: they are not asked again.
    found: BTreeSet<PathBuf>,
    /// Those that are heard now.
    heard: BTreeSet<PathBuf>,
    told: mpsc::Sender<(PathBuf, Change)>,
    changes: mpsc::Receiver<(PathBuf, Change)>,
}

impl Following {
    /// Follows those whose directory is in `base` (see [`crate::context::Claims::directory`]); each may take `limit` to let us in.
    pub fn new(base: &Path, limit: Duration) -> Self {
        let (told, changes) = mpsc::channel(16);
        Self {
            base: base.to_owned(),
            limit,
            found: BTreeSet::new(),
            heard: BTreeSet::new(),
            told,
            changes,
        }
    }

    /// Begins to follow those that run now and were not followed yet: each says first how all its sessions are.
    ///
    /// # Errors
    /// `base` cannot be read. That it is not there means that no netroam runs.
    ///
    /// # Panics
    /// Outside a tokio runtime that has IO and time enabled.
    pub fn look(&mut self) -> io::Result<()> {
        let there: BTreeSet<_> = sockets(&self.base)?.into_iter().collect();
        self.found.retain(|path| there.contains(path));
        for path in there {
            // Not there yet: that netroam has only just begun.
            if !path.exists() || !self.found.insert(path.clone()) {
                continue;
            }
            self.heard.insert(path.clone());
            let (told, limit) = (self.told.clone(), self.limit);
            tokio::spawn(async move {
                let last = match Server::connect(&path, limit).await {
                    Ok(Some(server)) => match server.follow(&path, &told).await {
                        Ok(()) => Change::Ended,
                        Err(problem) => Change::Problem(problem),
                    },
                    Ok(None) => Change::Ended,
                    Err(problem) => Change::Problem(problem),
                };
                // Nobody listens any more: nothing is left to be told.
                drop(told.send((path, last)).await);
            });
        }
        Ok(())
    }

    /// Whether none is followed any more.
    pub fn is_over(&self) -> bool {
        self.heard.is_empty()
    }

    /// Waits for the next change, for ever where none comes. Cancel-safe.
    pub async fn next(&mut self) -> Change {
        // It cannot end: we hold a sender.
        let Some((path, change)) = self.changes.recv().await else {
            return std::future::pending().await;
        };
        match &change {
            Change::Session(_) => {}
            // Another one has another directory: whoever is still at this one would say the same each time.
            Change::Ended | Change::Problem(_) => {
                self.heard.remove(&path);
            }
        }
        change
    }
}

impl Server {
    /// Passes on what it says until it ends, or until nobody listens.
    async fn follow(
        mut self,
        path: &Path,
        told: &mpsc::Sender<(PathBuf, Change)>,
    ) -> Result<(), String> {
        let question = format!("netroam {VERSION} follow\n");
        let failed = |error: io::Error| format!("{} does not answer: {error}", self.who);
        self.stream
            .write_all(question.as_bytes())
            .await
            .map_err(failed)?;
        let mut said = BufReader::new(self.stream);
        loop {
            let mut line = Vec::new();
            let mut one = (&mut said).take(LONGEST_ANSWER);
            tokio::select! {
                read = one.read_until(b'\n', &mut line) => read.map_err(|error| format!("{} is not heard any more: {error}", self.who))?,
                () = told.closed() => return Ok(()),
            };
            if line.is_empty() {
                return Ok(());
            }
            for status in understood(&self.who, &line)?.sessions {
                let change = (path.to_owned(), Change::Session(Box::new(status)));
                if told.send(change).await.is_err() {
                    return Ok(());
                }
            }
        }
    }
}
