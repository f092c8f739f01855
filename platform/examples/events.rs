//! Prints each event as it comes, and after each burst what a look says of the destinations given.
//!
//! `cargo run -p netroam-platform --example events -- 192.0.2.1 2001:db8::1`, then unplug a cable.

#![expect(clippy::print_stdout, reason = "it is there to print")]

use std::{
    env,
    error::Error,
    net::IpAddr,
    time::{Duration, SystemTime},
};

use netroam_platform::{Event, Events, Lookup, Network, Query, clock};
use tokio::time::{Instant, timeout_at};

/// After the first event's look, the rest of a burst is looked at together, this often.
const BURST: Duration = Duration::from_millis(50);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let queries = env::args()
        .skip(1)
        .map(|word| word.parse::<IpAddr>().map(Query::to))
        .collect::<Result<Vec<_>, _>>()?;
    let (network, mut events) = Network::open()?;
    loop {
        say(&events.next().await);
        look(&network, &queries).await?;
        while burst(&mut events).await {
            look(&network, &queries).await?;
        }
    }
}

/// Prints what comes within one burst's time; whether anything did.
async fn burst(events: &mut Events) -> bool {
    let (end, mut any) = (Instant::now() + BURST, false);
    while let Ok(event) = timeout_at(end, events.next()).await {
        say(&event);
        any = true;
    }
    any
}

fn say(event: &Event) {
    println!("{} {event:?}", stamp());
}

async fn look(network: &Network, queries: &[Query]) -> Result<(), Box<dyn Error>> {
    let before = clock::now();
    let look = network.look(queries).await?;
    let took = clock::now().since(before);
    let (interfaces, addresses) = (
        look.snapshot.interfaces.len(),
        look.snapshot
            .interfaces
            .values()
            .map(|interface| interface.addresses.len())
            .sum::<usize>(),
    );
    println!(
        "{}   looked in {took:?}: {interfaces} interfaces, {addresses} addresses",
        stamp()
    );
    for (query, path) in queries.iter().zip(&look.paths) {
        let answer = match path {
            Lookup::Found(path) => format!("by {path:?}"),
            Lookup::None(why) => why.to_string(),
            Lookup::Unknown(error) => format!("unknown: {error}"),
        };
        println!("{}   {}: {answer}", stamp(), query.destination);
    }
    Ok(())
}

/// The time of day in UTC.
fn stamp() -> String {
    let now = clock::wall()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let (seconds, micros) = (now.as_secs(), now.subsec_micros());
    format!(
        "{:02}:{:02}:{:02}.{micros:06}",
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60
    )
}
