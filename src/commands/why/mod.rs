//! `netroam why HOST`: how a host is reached, what is wanted, what its sessions do and did.
//!
//! It asks and changes nothing: the kernel for the path, the running netroams over their sockets, the files for what was. The resolver is asked
//! only where a session would ask it too: while a tunnel is wanted and none leads to what is known of the host (or, if nothing is, none is up at
//! all), not even its name leaves this machine.

use std::{ffi::OsStr, net::IpAddr, process::ExitCode, time::Duration};

use anyhow::{Context as _, Result};
use etcetera::{BaseStrategy as _, base_strategy::choose_base_strategy};
use netroam_platform::{Lookup, Network, Query, Snapshot, Source};
use tokio::time::timeout;

use super::{CHECK, usage};
use crate::{
    cli::{DialChoice, EventsChoice, Why},
    config::Configuration,
    connect::Resolver,
    context::Claims,
    control::{self, AddressFacts, Want},
    dirs, journal,
    learnt::{Learnt, Store},
    record::{Connects, Stamp, Zone},
    report,
    ssh::{AddressFamily, Args, Asked, Config, Dial, Hop, Version, dial::WhySsh, host_of},
    supervisor::Wanted,
};
use found::{Found, Last};

mod found;
mod show;

pub(super) use found::{Address, Name};
pub(super) use show::details;

/// How long the resolver may take.
const RESOLVING: Duration = Duration::from_secs(2);

/// How long each running netroam may take to answer; it needs some milliseconds.
const ASKING: Duration = Duration::from_secs(1);

/// So many lines of the journal fit on a screen beside the rest.
const LINES: usize = 12;

const HELP: &str = "netroam why HOST, or netroam why --help";

/// Prints what is found; status 0 whatever it is.
pub(super) fn run(why: &Why, ssh: &OsStr, version: Version) -> Result<ExitCode> {
    let args = match Args::parse(&why.ssh, version) {
        Ok(Asked::Session(args)) => args,
        Ok(Asked::Other(_)) => return Ok(usage("this is no session", HELP)),
        Err(error) => return Ok(usage(&error.to_string(), HELP)),
    };
    let configuration = match Configuration::read(why.config.as_deref()) {
        Ok(configuration) => configuration,
        Err(error) => return Ok(usage(&format!("{error:#}"), CHECK)),
    };
    let config = match Config::read(ssh, &args) {
        Ok(config) => config,
        Err(error) => {
            let hint = "ssh -G HOST shows what ssh makes of it";
            return Ok(usage(&format!("{error:#}"), hint));
        }
    };
    let runtime = super::runtime()?;
    let found = runtime.block_on(find(&args, &configuration, &config, ssh, why.events))?;
    let text = if why.json {
        report::json(&found).context("cannot write it as JSON")? + "\n"
    } else {
        show::text(&found, Zone::LOCAL)
    };
    report::output(&text).context("cannot write to stdout")?;
    Ok(ExitCode::SUCCESS)
}

async fn find(
    args: &Args,
    configuration: &Configuration,
    config: &Config,
    ssh: &OsStr,
    events: Option<EventsChoice>,
) -> Result<Found> {
    let typed = report::plain(&args.destination.to_string_lossy());
    let host = host_of(&typed).to_owned();
    let preferences = configuration.for_host(&typed);
    let base = choose_base_strategy().context("cannot find the home directory")?;
    let state = dirs::state()?;
    let mut problems = Vec::new();
    let (learnt, problem) = Store::new(&state).read(&host);
    problems.extend(problem);

    let configured = preferences.via.is_some();
    let via = preferences.via.unwrap_or_default();
    let last_was_tunnel = learnt.last.as_ref().is_some_and(|last| last.tunnel);
    let want = Want::of(&via, configured, last_was_tunnel);
    let (connects, hop) = connects(config, args, ssh, preferences.dial)?;
    let (name, addresses) = match &hop {
        Some(hop) => {
            let source = events.or(preferences.events).unwrap_or_default().into();
            let asks = Asks::new(source, config, connects, via.wanted(last_was_tunnel))?;
            asks.about(hop, &learnt).await
        }
        None => (Name::NotNeeded, Vec::new()),
    };
    let directory = Claims::directory(base.runtime_dir().as_deref(), &state);
    let answers = control::ask(&directory, ASKING)
        .await
        .context("cannot look for running sessions")?;
    problems.extend(answers.problems);
    let lately = journal::read(&state, &host, LINES).unwrap_or_else(|error| {
        problems.push(format!("cannot read the journal: {error}"));
        Vec::new()
    });
    Ok(Found {
        at: Stamp::now(),
        hostname: config.hostname.clone(),
        port: config.port,
        connects,
        overridden: config.overridden(connects == Connects::Netroam),
        first_hop: hop.map(|hop| format!("{} port {}", hop.host, hop.port)),
        path: addresses
            .iter()
            .find(|address| address.wanted)
            .and_then(|address| address.facts.path.clone()),
        name,
        addresses,
        want,
        last: learnt.last.map(Last::from),
        sessions: {
            let same = |status: &control::Status| status.host.eq_ignore_ascii_case(&host);
            answers.sessions.into_iter().filter(same).collect()
        },
        lately,
        problems,
        host,
    })
}

/// Who connects, and to what first.
pub(super) fn connects(
    config: &Config,
    args: &Args,
    ssh: &OsStr,
    choice: Option<DialChoice>,
) -> Result<(Connects, Option<Hop>)> {
    Ok(match (config.dial(ssh, args)?, choice) {
        (Dial::Ours, None | Some(DialChoice::Auto)) => (Connects::Netroam, Some(config.hop())),
        (Dial::Ours, Some(DialChoice::Ssh)) => (Connects::SshAsAsked, Some(config.hop())),
        (Dial::Ssh { first_hop, why }, _) => {
            let connects = match why {
                WhySsh::ProxyJump => Connects::ProxyJump,
                WhySsh::ProxyCommand => Connects::ProxyCommand,
            };
            (connects, first_hop)
        }
    })
}

/// How the kernel and the resolver are asked.
pub(super) struct Asks {
    network: Network,
    source: Option<IpAddr>,
    interface: Option<String>,
    family: AddressFamily,
    wanted: Wanted,
}

impl Asks {
    pub(super) fn new(
        source: Source,
        config: &Config,
        connects: Connects,
        wanted: Wanted,
    ) -> Result<Self> {
        let (network, _) =
            Network::by(source).context("cannot ask the kernel about the network")?;
        // ssh does not pass on to a jump host what the connection is bound to.
        let own = connects != Connects::ProxyJump;
        let bound = |text: &Option<String>| text.clone().filter(|_| own);
        Ok(Self {
            network,
            source: bound(&config.bind_address).and_then(|text| text.parse().ok()),
            interface: bound(&config.bind_interface),
            family: config.address_family,
            wanted,
        })
    }

    /// The addresses of the first hop, those that the resolver knows first, and the paths to them.
    pub(super) async fn about(&self, hop: &Hop, learnt: &Learnt) -> (Name, Vec<Address>) {
        if let Ok(address) = hop.host.parse() {
            return (Name::NotNeeded, self.look(&[address], &[]).await.1);
        }
        let (snapshot, known) = self.look(&learnt.addresses, &learnt.addresses).await;
        let leads = if known.is_empty() {
            self.wanted.possible(&snapshot)
        } else {
            known.iter().any(|address| address.wanted)
        };
        if self.wanted != Wanted::Anything && !leads {
            return (Name::NotAsked, known);
        }
        match timeout(RESOLVING, Resolver::system().addresses(&hop.host, hop.port)).await {
            Ok(Ok(resolved)) => {
                let mut all: Vec<IpAddr> = Vec::new();
                let resolved = resolved.iter().map(std::net::SocketAddr::ip);
                for address in resolved.chain(learnt.addresses.iter().copied()) {
                    if self.admits(address) && !all.contains(&address) {
                        all.push(address);
                    }
                }
                (Name::Resolved, self.look(&all, &learnt.addresses).await.1)
            }
            Ok(Err(words)) => (Name::Unknown(report::plain(&words)), known),
            Err(_) => (Name::Slow, known),
        }
    }

    fn admits(&self, address: IpAddr) -> bool {
        match self.family {
            AddressFamily::Any => true,
            AddressFamily::V4 => address.is_ipv4(),
            AddressFamily::V6 => address.is_ipv6(),
        }
    }

    /// What is there, and how each of `addresses` is reached.
    async fn look(&self, addresses: &[IpAddr], learnt: &[IpAddr]) -> (Snapshot, Vec<Address>) {
        let query = |address: &IpAddr| Query {
            destination: *address,
            source: self.source,
            interface: self.interface.clone(),
        };
        let queries: Vec<Query> = addresses.iter().map(query).collect();
        let (snapshot, answers) = match self.network.look(&queries).await {
            Ok(look) => (look.snapshot, look.paths),
            Err(error) => (
                Snapshot::default(),
                vec![Lookup::Unknown(error.to_string()); queries.len()],
            ),
        };
        let together = addresses.iter().zip(answers);
        let addresses = together
            .map(|(address, answer)| Address {
                facts: AddressFacts::of(*address, &answer),
                learnt: learnt.contains(address),
                wanted: matches!(&answer, Lookup::Found(path) if self.wanted.admits(path)),
            })
            .collect();
        (snapshot, addresses)
    }
}
