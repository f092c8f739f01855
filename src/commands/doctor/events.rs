//! Whether the system tells of changes: subscribed to as a session does, and one harmless event.
//!
//! The event happens in a network that only a child of ours has (a network namespace), so that nobody else sees it, and no privilege is needed where
//! the system lets users have one.

use std::{path::Path, process::Command, process::ExitCode, time::Duration};

use anyhow::Result;
use netroam_platform::{
    Event, Events, Lost, Network, Source,
    apart::Apart,
    process::Change,
    trial::{seclude, stir},
};
use tokio::time::timeout;

use crate::report::doctor::here::Heard;

/// How long the child may take, and an event: the kernel tells within a millisecond.
const TRIAL: Duration = Duration::from_secs(4);
const EVENT: Duration = Duration::from_secs(2);

/// How the child says what it found.
const NOT_HEARD: u8 = 1;
const FORBIDDEN: u8 = 3;
const UNSUPPORTED: u8 = 4;

/// The verb of the child.
const VERB: &str = "event-trial";

/// Subscribes here, and has a child of this program, `exe`, hear one.
pub(super) async fn hear(source: Source, exe: &Path) -> Heard {
    let mut events = match Network::by(source) {
        Ok((_, events)) => events,
        Err(error) => return Heard::Refused(error.to_string()),
    };
    if !subscribed(&mut events).await {
        return Heard::No;
    }
    if events.polls() {
        return Heard::Looks;
    }
    let mut command = Command::new(exe);
    command.arg(VERB);
    let mut child = match Apart::start(command) {
        Ok(child) => child,
        Err(error) => return Heard::Untried(error.to_string()),
    };
    match timeout(TRIAL, child.ended()).await {
        Ok(Ok(Change::Exited(0))) => Heard::Yes,
        Ok(Ok(Change::Exited(NOT_HEARD))) => Heard::No,
        Ok(Ok(Change::Exited(UNSUPPORTED))) => Heard::Untried(
            "a network of one's own to try it in is not to be had on this system".into(),
        ),
        Ok(Ok(Change::Exited(FORBIDDEN))) => {
            Heard::Untried("a network namespace to try it in is forbidden".into())
        }
        Ok(
            Ok(Change::Exited(_) | Change::Signalled(_) | Change::Stopped(_) | Change::Continued)
            | Err(_),
        )
        | Err(_) => Heard::Untried("the trial did not come to its end".into()),
    }
}

/// The child: hears one event in a network of its own.
pub(in crate::commands) fn trial() -> Result<ExitCode> {
    // While there is one thread.
    if let Err(error) = seclude() {
        let unsupported = error.kind() == std::io::ErrorKind::Unsupported;
        return Ok(ExitCode::from(if unsupported {
            UNSUPPORTED
        } else {
            FORBIDDEN
        }));
    }
    let runtime = super::super::runtime()?;
    let code = runtime.block_on(async {
        let (_, mut events) = Network::open()?;
        if !subscribed(&mut events).await {
            return std::io::Result::Ok(NOT_HEARD);
        }
        if stir().is_err() {
            return Ok(FORBIDDEN);
        }
        let heard = async { while !is_of_the_network(&events.next().await) {} };
        Ok(match timeout(EVENT, heard).await {
            Ok(()) => 0,
            Err(_) => NOT_HEARD,
        })
    })?;
    runtime.shutdown_background();
    Ok(ExitCode::from(code))
}

async fn subscribed(events: &mut Events) -> bool {
    let first = timeout(EVENT, events.next()).await;
    matches!(first, Ok(Event::Everything(Lost::Subscribed)))
}

fn is_of_the_network(event: &Event) -> bool {
    match event {
        Event::Interface { .. } | Event::Address { .. } | Event::Route { .. } => true,
        Event::Rule { .. } | Event::Everything(_) | Event::Names | Event::Woke(_) | Event::Due => {
            false
        }
    }
}
