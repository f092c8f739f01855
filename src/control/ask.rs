//! The side of who wants to know.

use std::{
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
const LONGEST_ANSWER: u64 = 1 << 20;

/// What the running netroams say.
#[derive(Debug, Default)]
pub struct Answers {
    /// Their sessions, by host, name and process.
    pub sessions: Vec<Status>,
    /// Those that did not answer or were not understood: one line for each, to be shown.
    pub problems: Vec<String>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    sessions: Vec<Status>,
    error: Option<String>,
}

/// Asks every netroam whose directory is in `base` (see [`crate::context::Claims::directory`]), all at once; each has so long. What a
/// netroam that was killed left there is passed over.
///
/// # Errors
/// `base` cannot be read. That it is not there means that no netroam runs.
pub async fn ask(base: &Path, limit: Duration) -> io::Result<Answers> {
    let mut asked = JoinSet::new();
    let entries = match std::fs::read_dir(base) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Answers::default()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        if !name.as_encoded_bytes().starts_with(PREFIX.as_bytes()) {
            continue;
        }
        asked.spawn(ask_one(entry.path().join(NAME), limit));
    }
    let mut answers = Answers::default();
    while let Some(answer) = asked.join_next().await {
        match answer {
            Ok(Ok(sessions)) => answers.sessions.extend(sessions),
            Ok(Err(problem)) => answers.problems.push(problem),
            Err(error) => return Err(io::Error::other(error)),
        }
    }
    let key = |status: &Status| (status.host.clone(), status.session.clone(), status.pid);
    answers.sessions.sort_by_key(key);
    answers.problems.sort();
    Ok(answers)
}

/// What the netroam at this socket says; nothing where there is none any more.
async fn ask_one(path: PathBuf, limit: Duration) -> Result<Vec<Status>, String> {
    let mut server = match timeout(limit, UnixStream::connect(&path)).await {
        Ok(Ok(server)) => server,
        // Not there yet or any more, or left by one that was killed.
        Ok(Err(error))
            if [io::ErrorKind::NotFound, io::ErrorKind::ConnectionRefused]
                .contains(&error.kind()) =>
        {
            return Ok(Vec::new());
        }
        Ok(Err(error)) => return Err(format!("cannot ask {}: {error}", path.display())),
        Err(_) => return Err(format!("{} is not answered", path.display())),
    };
    if !ours(&server) {
        return Err(format!("{} is another user's", path.display()));
    }
    let who = server
        .peer_cred()
        .ok()
        .and_then(|credentials| credentials.pid())
        .map_or_else(|| "a netroam".to_owned(), |pid| format!("netroam {pid}"));
    let conversation = async {
        let question = format!("netroam {VERSION} status\n");
        server.write_all(question.as_bytes()).await?;
        let mut line = Vec::new();
        server.take(LONGEST_ANSWER).read_to_end(&mut line).await?;
        io::Result::Ok(line)
    };
    let line = match timeout(limit, conversation).await {
        Ok(Ok(line)) => line,
        Ok(Err(error)) => return Err(format!("{who} does not answer: {error}")),
        Err(_) => return Err(format!("{who} does not answer")),
    };
    if line.is_empty() {
        // It ended just then.
        return Ok(Vec::new());
    }
    match serde_json::from_slice::<Answer>(&line) {
        Ok(Answer {
            error: Some(error), ..
        }) => Err(format!("{who} says: {error}")),
        Ok(answer) => Ok(answer.sessions),
        Err(_) => Err(format!("{who} answers what is not understood")),
    }
}
