//! Asking a run over its control socket: by a short ssh, which is ended when it takes too long.

use std::{io, process::Command, time::Duration};

use netroam_platform::{apart::Apart, process::Change};
use tokio::{select, time::timeout};

use crate::ssh::log::plain;

/// How long an ssh that is told to end may take.
const GRACE: Duration = Duration::from_millis(250);

/// What it says is heard up to here: its own words are a line.
const MOST: usize = 4096;

/// Why it has not done what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Vain {
    /// It ended with this status, and said this.
    Ended(u8, String),
    /// It took too long.
    Slow,
}

impl Vain {
    /// For the log.
    pub(super) fn why(&self) -> String {
        match self {
            Self::Ended(status, said) if said.is_empty() => format!("ssh ended with {status}"),
            Self::Ended(_, said) => said.clone(),
            Self::Slow => "no answer".into(),
        }
    }
}

/// Asks, for at most so long. Whoever does not wait for the answer any more has nothing left behind.
pub(super) async fn ask(command: Command, limit: Duration) -> Result<(), Vain> {
    match attempt(command, limit).await {
        Ok(answer) => answer,
        Err(error) => Err(Vain::Ended(u8::MAX, error.to_string())),
    }
}

async fn attempt(command: Command, limit: Duration) -> io::Result<Result<(), Vain>> {
    let (mut child, output) = Apart::overheard(command)?;
    let mut said = Vec::new();
    let ended = async {
        let mut buffer = [0; 1024];
        let mut open = true;
        loop {
            select! {
                biased;
                count = output.read(&mut buffer), if open => match count {
                    Ok(0) | Err(_) => open = false,
                    Ok(count) if said.len() < MOST => said.extend_from_slice(&buffer[..count]),
                    Ok(_) => {}
                },
                change = child.ended() => return change,
            }
        }
    };
    let Ok(change) = timeout(limit, ended).await else {
        child.end(GRACE).await;
        return Ok(Err(Vain::Slow));
    };
    // What it said last may be there still.
    let mut buffer = [0; 1024];
    while said.len() < MOST
        && let Ok(Some(count)) = output.try_read(&mut buffer)
        && count > 0
    {
        said.extend_from_slice(&buffer[..count]);
    }
    let status = match change? {
        Change::Exited(0) => return Ok(Ok(())),
        Change::Exited(status) => status,
        Change::Signalled(_) | Change::Stopped(_) | Change::Continued => u8::MAX,
    };
    let lines = said.split(|byte| *byte == b'\n').map(plain);
    let line = lines.into_iter().find(|line| !line.trim().is_empty());
    Ok(Err(Vain::Ended(status, line.unwrap_or_default())))
}
