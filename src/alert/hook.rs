//! One command of the user's, run on every occasion of its kind, one at a time.

use std::{io, process::Command, time::Duration};

use netroam_platform::{apart::Apart, process::Change};
use tokio::{
    select,
    sync::mpsc,
    task::JoinHandle,
    time::{sleep, timeout},
};

/// How long a hook may take.
const LIMIT: Duration = Duration::from_secs(10);

/// How long it may take to end when it was told to.
const GRACE: Duration = Duration::from_secs(1);

/// The same two when netroam ends; together they stay below what [`super::Alerts::finish`] waits for.
const LAST_LIMIT: Duration = Duration::from_millis(700);
const LAST_GRACE: Duration = Duration::from_millis(200);

/// A name and a value for the environment of a hook.
pub(super) type Variable = (&'static str, String);

/// A hook, and the task that runs it once there was something to tell.
#[derive(Debug)]
pub(super) struct Hook {
    command: String,
    task: Option<(mpsc::UnboundedSender<Vec<Variable>>, JoinHandle<()>)>,
}

impl Hook {
    pub(super) fn new(command: String) -> Self {
        Self {
            command,
            task: None,
        }
    }

    /// Runs it with these variables as soon as an older run of it is ended.
    pub(super) fn tell(&mut self, variables: Vec<Variable>) {
        let (occasions, _) = self.task.get_or_insert_with(|| {
            let (sender, inbox) = mpsc::unbounded_channel();
            (sender, tokio::spawn(work(self.command.clone(), inbox)))
        });
        if occasions.send(variables).is_err() {
            tracing::warn!(command = self.command, "nobody runs this hook any more");
        }
    }

    /// Nothing more will be told. The task ends when the hook has.
    pub(super) fn close(self) -> Option<JoinHandle<()>> {
        self.task.map(|(_, task)| task)
    }
}

async fn work(command: String, mut inbox: mpsc::UnboundedReceiver<Vec<Variable>>) {
    let mut next = inbox.recv().await;
    while let Some(variables) = next {
        next = match start(&command, variables) {
            Ok(running) => attend(&command, running, &mut inbox).await,
            Err(error) => {
                tracing::warn!(command, %error, "cannot start a hook");
                inbox.recv().await
            }
        };
    }
}

/// Waits until this run is over, by itself or not, and for the next occasion.
async fn attend(
    command: &str,
    mut running: Apart,
    inbox: &mut mpsc::UnboundedReceiver<Vec<Variable>>,
) -> Option<Vec<Variable>> {
    let mut newest = None;
    let (why, grace) = select! {
        biased;
        change = running.ended() => {
            judge(command, &change);
            return inbox.recv().await;
        }
        newer = inbox.recv() => {
            newest = newer;
            if newest.is_some() {
                ("a newer one is due", GRACE)
            } else if let Ok(change) = timeout(LAST_LIMIT, running.ended()).await {
                judge(command, &change);
                return None;
            } else {
                ("netroam ends", LAST_GRACE)
            }
        }
        () = sleep(LIMIT) => ("it took too long", GRACE),
    };
    tracing::warn!(command, why, "ending a hook");
    running.end(grace).await;
    while let Ok(newer) = inbox.try_recv() {
        newest = Some(newer);
    }
    match newest {
        Some(newest) => Some(newest),
        None => inbox.recv().await,
    }
}

fn start(line: &str, variables: Vec<Variable>) -> io::Result<Apart> {
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(line).envs(variables);
    let running = Apart::start(command)?;
    tracing::info!(
        pid = running.pid().number(),
        command = line,
        "started a hook"
    );
    Ok(running)
}

fn judge(command: &str, change: &io::Result<Change>) {
    match change {
        Ok(Change::Exited(0) | Change::Stopped(_) | Change::Continued) => {}
        Ok(Change::Exited(status)) => tracing::warn!(command, status, "a hook failed"),
        Ok(Change::Signalled(signal)) => tracing::warn!(command, signal, "a hook was killed"),
        Err(error) => tracing::warn!(command, %error, "cannot tell how a hook ended"),
    }
}
