//! `netroam events`: the event stream as it comes, and what a look makes of it.

use std::{io, net::IpAddr, process::ExitCode, time::Duration};

use anyhow::{Context as _, Result};
use netroam_platform::{Event, Lookup, Network, Query, Snapshot, clock};
use serde::Serialize;
use tokio::time::timeout;

use crate::{
    cli::Events,
    connect::Resolver,
    control::AddressFacts,
    record::{Stamp, Zone},
    report,
};

/// A burst is over when nothing has come for this long.
const QUIET: Duration = Duration::from_millis(50);

/// A burst is looked at after this long, whether it is over or not: a link that flaps must not put off the look for ever.
const LONGEST: Duration = Duration::from_millis(500);

/// How long the resolver may take for each name.
const RESOLVING: Duration = Duration::from_secs(2);

/// An address whose path is looked up.
#[derive(Clone, Debug)]
struct Destination {
    /// As it was typed.
    name: String,
    address: IpAddr,
}

/// What one look says.
#[derive(Debug, Serialize)]
struct Look {
    /// What is there now and was not at the look before, or the other way round.
    changes: Vec<String>,
    /// Any other network might be reached at all.
    online: bool,
    paths: Vec<Seen>,
}

impl Look {
    /// Whether it says anything that the look before did not.
    fn differs(&self) -> bool {
        !self.changes.is_empty() || self.paths.iter().any(|path| path.changed)
    }
}

/// How a destination is reached.
#[derive(Clone, Debug, Serialize)]
struct Seen {
    destination: String,
    #[serde(flatten)]
    facts: AddressFacts,
    /// Another answer than at the look before; true at the first.
    changed: bool,
    /// The answer before, if it was another.
    #[serde(skip)]
    before: Option<AddressFacts>,
}

/// A line of `--json`.
#[derive(Serialize)]
struct Line<'a> {
    at: Stamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a EventFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    look: Option<&'a Look>,
}

/// An event for programs, and the words that people get.
#[derive(Debug, Serialize)]
struct EventFacts {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    interface: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
    /// Of a route: address and prefix length, or `default`.
    #[serde(skip_serializing_if = "Option::is_none")]
    destination: Option<String>,
    removed: bool,
    text: String,
}

/// Prints until it is interrupted, or nobody reads any more.
pub(super) fn run(events: &Events) -> Result<ExitCode> {
    let runtime = super::runtime()?;
    let ended = runtime.block_on(print(events));
    // Not to wait for its threads: zbus connects in one, and a bus that hangs does not let it go.
    runtime.shutdown_background();
    match ended {
        Err(error)
            if error
                .downcast_ref::<io::Error>()
                .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) =>
        {
            Ok(ExitCode::SUCCESS)
        }
        ended => ended.map(|()| ExitCode::SUCCESS),
    }
}

async fn print(events: &Events) -> Result<()> {
    let (network, mut stream) = Network::by(events.events.into())
        .context("cannot subscribe to the system's network events")?;
    let destinations = resolve(&events.destinations).await?;
    // Names for the first events; what changes is told from the first look on.
    let mut before = network.snapshot().await.unwrap_or_default();
    let mut seen: Vec<Seen> = Vec::new();
    loop {
        let mut event = Some(stream.next().await);
        let begun = clock::now();
        let mut said = false;
        while let Some(one) = event {
            // Every few seconds, for ever: what such a look finds is told, if it is anything.
            if one != Event::Due {
                say(events.json, &of(&one, &before))?;
                said = true;
            }
            let left = LONGEST.saturating_sub(clock::now().since(begun));
            event = timeout(QUIET.min(left), stream.next()).await.ok();
        }
        let queries: Vec<Query> = destinations
            .iter()
            .map(|destination| Query::to(destination.address))
            .collect();
        let look = match network.look(&queries).await {
            Ok(look) => look,
            Err(error) => {
                report::line(&format!("cannot look at the network: {error}"));
                continue;
            }
        };
        let told = compare(&before, &seen, &look.snapshot, &destinations, &look.paths);
        before = look.snapshot;
        if said || told.differs() {
            show(events.json, &told)?;
        }
        seen = told.paths;
    }
}

/// The addresses of what was typed; a name that does not resolve is said and left out.
async fn resolve(names: &[String]) -> Result<Vec<Destination>> {
    let resolver = Resolver::system();
    let mut destinations = Vec::new();
    for name in names {
        let addresses = timeout(RESOLVING, resolver.addresses(name, 22)).await;
        match addresses.unwrap_or_else(|_| Err("the resolver does not answer".into())) {
            Ok(addresses) => destinations.extend(addresses.iter().map(|address| Destination {
                name: name.clone(),
                address: address.ip(),
            })),
            Err(words) => report::line(&report::plain(&format!("{name}: {words}"))),
        }
    }
    destinations.dedup_by(|one, other| (&one.name, one.address) == (&other.name, other.address));
    anyhow::ensure!(
        names.is_empty() || !destinations.is_empty(),
        "none of the names resolves"
    );
    Ok(destinations)
}

fn of(event: &Event, names: &Snapshot) -> EventFacts {
    let name = |index: u32| Some(report::interface_name(index, names));
    let mut facts = EventFacts {
        kind: "",
        interface: None,
        address: None,
        destination: None,
        removed: false,
        text: report::event(event, names),
    };
    match event {
        Event::Interface {
            index,
            name: given,
            removed,
            ..
        } => {
            facts.kind = "interface";
            facts.interface = given.clone().or_else(|| name(*index));
            facts.removed = *removed;
        }
        Event::Address {
            index,
            address,
            removed,
        } => {
            facts.kind = "address";
            facts.interface = name(*index);
            facts.address = *address;
            facts.removed = *removed;
        }
        Event::Route {
            destination,
            interface,
            removed,
            table: _,
        } => {
            facts.kind = "route";
            facts.interface = interface.and_then(name);
            facts.destination = Some(report::route_destination(*destination));
            facts.removed = *removed;
        }
        Event::Rule { removed } => {
            facts.kind = "rule";
            facts.removed = *removed;
        }
        Event::Everything(_) => facts.kind = "everything",
        Event::Names => facts.kind = "names",
        Event::Woke(_) => facts.kind = "woke",
        Event::Due => facts.kind = "due",
    }
    facts
}

/// What a look says that the one before did not.
fn compare(
    before: &Snapshot,
    seen: &[Seen],
    now: &Snapshot,
    destinations: &[Destination],
    answers: &[Lookup],
) -> Look {
    let together = destinations.iter().zip(answers);
    let paths = together.map(|(destination, answer)| {
        let facts = AddressFacts::of(destination.address, answer);
        let earlier = seen
            .iter()
            .find(|seen| {
                seen.destination == destination.name && seen.facts.address == facts.address
            })
            .map(|seen| &seen.facts);
        Seen {
            destination: destination.name.clone(),
            changed: earlier != Some(&facts),
            before: earlier.filter(|earlier| **earlier != facts).cloned(),
            facts,
        }
    });
    Look {
        changes: report::changes(before, now),
        online: now.online(),
        paths: paths.collect(),
    }
}

fn say(json: bool, event: &EventFacts) -> Result<()> {
    if json {
        return write_json(Some(event), None);
    }
    let at = Stamp::now().local_to_the_millisecond(Zone::LOCAL);
    write(&format!("{at}  {}\n", event.text))
}

fn show(json: bool, look: &Look) -> Result<()> {
    if json {
        return write_json(None, Some(look));
    }
    let at = Stamp::now().local_to_the_millisecond(Zone::LOCAL);
    write(&text(look, &at))
}

/// A look for people: what changed, then each destination.
fn text(look: &Look, at: &str) -> String {
    let changes = if look.changes.is_empty() {
        "no interface and no address has changed".into()
    } else {
        look.changes.join("; ")
    };
    let mut lines = vec![format!("{at}  look: {changes}\n")];
    for seen in &look.paths {
        let address = seen.facts.address.to_string();
        let name = if seen.destination == address {
            address
        } else {
            format!("{} {address}", report::plain(&seen.destination))
        };
        let now = way(&seen.facts);
        let then = match &seen.before {
            Some(before) => format!(" (was: {})", way(before)),
            None if seen.changed => String::new(),
            None => " (as before)".into(),
        };
        let indent = " ".repeat(at.len());
        lines.push(format!("{indent}        {name}: {now}{then}\n"));
    }
    lines.concat()
}

fn way(facts: &AddressFacts) -> String {
    match (&facts.path, &facts.why) {
        (Some(path), _) => path.to_string(),
        (None, Some(why)) => report::plain(why),
        (None, None) => "no path".into(),
    }
}

fn write_json(event: Option<&EventFacts>, look: Option<&Look>) -> Result<()> {
    let line = Line {
        at: Stamp::now(),
        event,
        look,
    };
    write(&(report::json(&line).context("cannot write it as JSON")? + "\n"))
}

/// Nobody who reads any more is an error, which ends the whole.
fn write(text: &str) -> Result<()> {
    if report::output(text).context("cannot write to stdout")? {
        Ok(())
    } else {
        Err(io::Error::from(io::ErrorKind::BrokenPipe).into())
    }
}

#[cfg(test)]
mod tests;
