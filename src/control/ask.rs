//! The side of who wants to know, or wants something done.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    task::JoinSet,
    time::timeout,
};

use super::{NAME, PREFIX, Status, VERSION, listen::ours};

/// The longest answer that is read: some thousand sessions.
pub(super) const LONGEST_ANSWER: u64 = 4 << 20;

/// What the running netroams say.
#[derive(Debug, Default)]
pub struct Answers {
    /// Their sessions, by host, name and process.
    pub sessions: Vec<Status>,
    /// Where each process is asked.
    pub sockets: BTreeMap<u32, PathBuf>,
    /// Those that did not answer or were not understood: one line for each, to be shown.
    pub problems: Vec<String>,
}

/// What may be asked of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// That it tries now, as with Enter.
    Retry,
    /// That it ends.
    Stop,
}

/// One line of an answer; only one of these is there.
#[derive(Debug, Default, Deserialize)]
pub struct Answer {
    /// How sessions are.
    #[serde(default)]
    pub sessions: Vec<Status>,
    /// The ids of the sessions for which an order was carried out.
    #[serde(default)]
    pub done: Vec<String>,
    /// Why there is no answer.
    pub error: Option<String>,
}

impl Answer {
    /// Reads the line that a netroam said; `None` if it is no answer.
    pub fn parse(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }
}

/// A netroam that takes questions.
pub(super) struct Server {
    pub(super) stream: UnixStream,
    /// For messages.
    pub(super) who: String,
}

/// Asks every netroam whose directory is in `base` (see [`crate::context::Claims::directory`]), all at once; each has so long. What a
/// netroam that was killed left there is passed over.
///
/// # Errors
/// `base` cannot be read. That it is not there means that no netroam runs.
pub async fn ask(base: &Path, limit: Duration) -> io::Result<Answers> {
    let mut asked = JoinSet::new();
    for path in sockets(base)? {
        asked.spawn(async move { (ask_one(&path, limit).await, path) });
    }
    let mut answers = Answers::default();
    while let Some(answer) = asked.join_next().await {
        match answer {
            Ok((Ok(sessions), path)) => {
                let pids = sessions.iter().map(|status| (status.pid, path.clone()));
                answers.sockets.extend(pids);
                answers.sessions.extend(sessions);
            }
            Ok((Err(problem), _)) => answers.problems.push(problem),
            Err(error) => return Err(io::Error::other(error)),
        }
    }
    let key = |status: &Status| (status.host.clone(), status.session.clone(), status.pid);
    answers.sessions.sort_by_key(key);
    answers.problems.sort();
    Ok(answers)
}

/// Has the netroam at this socket carry out an order for the session of this id; whether it has one.
///
/// # Errors
/// In words: it does not answer, or refuses.
pub async fn order(path: &Path, order: Order, id: &str, limit: Duration) -> Result<bool, String> {
    let Some(server) = Server::connect(path, limit).await? else {
        return Ok(false);
    };
    let verb = match order {
        Order::Retry => "retry",
        Order::Stop => "stop",
    };
    let answer = server.ask(&format!("{verb} {id}"), limit).await?;
    Ok(!answer.done.is_empty())
}

/// The sockets of all netroams, those of dead ones among them.
pub(super) fn sockets(base: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(base) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut sockets = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(PREFIX.as_bytes())
        {
            sockets.push(entry.path().join(NAME));
        }
    }
    Ok(sockets)
}

/// What the netroam at this socket says; nothing where there is none any more.
async fn ask_one(path: &Path, limit: Duration) -> Result<Vec<Status>, String> {
    match Server::connect(path, limit).await? {
        Some(server) => Ok(server.ask("status", limit).await?.sessions),
        None => Ok(Vec::new()),
    }
}

impl Server {
    /// The netroam at this socket; `None` where there is none any more.
    pub(super) async fn connect(path: &Path, limit: Duration) -> Result<Option<Self>, String> {
        let stream = match timeout(limit, UnixStream::connect(path)).await {
            Ok(Ok(stream)) => stream,
            // Not there yet or any more, or left by one that was killed.
            Ok(Err(error))
                if [io::ErrorKind::NotFound, io::ErrorKind::ConnectionRefused]
                    .contains(&error.kind()) =>
            {
                return Ok(None);
            }
            Ok(Err(error)) => return Err(format!("cannot ask {}: {error}", path.display())),
            Err(_) => return Err(format!("{} is not answered", path.display())),
        };
        if !ours(&stream) {
            return Err(format!("{} is another user's", path.display()));
        }
        let pid = stream.peer_cred().ok().and_then(|peer| peer.pid());
        let who = pid.map_or_else(|| "a netroam".to_owned(), |pid| format!("netroam {pid}"));
        Ok(Some(Self { stream, who }))
    }

    /// Asks, and reads the answer.
    async fn ask(mut self, question: &str, limit: Duration) -> Result<Answer, String> {
        let who = &self.who;
        let conversation = async {
            let question = format!("netroam {VERSION} {question}\n");
            self.stream.write_all(question.as_bytes()).await?;
            let mut line = Vec::new();
            let mut answer = self.stream.take(LONGEST_ANSWER);
            answer.read_to_end(&mut line).await?;
            io::Result::Ok(line)
        };
        let line = match timeout(limit, conversation).await {
            Ok(Ok(line)) => line,
            Ok(Err(error)) => return Err(format!("{who} does not answer: {error}")),
            Err(_) => return Err(format!("{who} does not answer")),
        };
        if line.is_empty() {
            // It ended just then.
            return Ok(Answer::default());
        }
        understood(who, &line)
    }
}

pub(super) fn understood(who: &str, line: &[u8]) -> Result<Answer, String> {
    match Answer::parse(line) {
        Some(Answer {
            error: Some(error), ..
        }) => Err(format!("{who} says: {error}")),
        Some(answer) => Ok(answer),
        None => Err(format!("{who} answers what is not understood")),
    }
}
