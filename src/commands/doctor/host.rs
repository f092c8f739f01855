//! The way to a host, and what it has.

use std::{
    ffi::OsStr,
    net::IpAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Result, anyhow};
use tokio::{select, sync::watch as channel, time::sleep};

use super::{
    ASKING_SSH, Page, bounded,
    here::Here,
    login::{Attempt, LIMIT, Outcome},
};
use crate::{
    cli::Doctor,
    commands::{
        watch::{self, Refusal, Streams},
        why::{self, Address, Asks, Name},
    },
    config::Preferences,
    connect::{Dialled, Failure},
    context::{Mux, Survey},
    control::Want,
    driver::{self, Once},
    learnt::{Learnt, Store},
    record::Connects,
    report::{
        self,
        doctor::{here, login as words, there},
    },
    ssh::{Agent, Args, Config},
    supervisor::{Status, Wanted},
};

/// How long the host may take to answer: two addresses one after the other, and a SYN that was lost.
const DIALLING: Duration = Duration::from_secs(10);

/// What is known of the way.
struct Way {
    connects: Connects,
    wanted: Wanted,
    learnt: Learnt,
    /// A path that is wanted leads to the host, or only ssh knows.
    leads: bool,
}

/// Looks at all of it.
pub(super) async fn examine(
    page: &mut Page,
    doctor: &Doctor,
    args: &Args,
    ssh: &OsStr,
    here: &Here,
) -> Result<()> {
    let host = report::plain(&args.destination.to_string_lossy());
    let preferences = here.configuration.for_host(&args.host());
    let (ssh_of, args_of) = (ssh.to_owned(), args.clone());
    let read = bounded(ASKING_SSH, move || Config::read(&ssh_of, &args_of)).await;
    let config = match read.unwrap_or_else(|| Err(anyhow!("ssh -G does not answer"))) {
        Ok(config) => config,
        Err(error) => return page.add(there::ssh_configuration_wrong(&format!("{error:#}"))),
    };
    let agent = Agent::ask(config.identity_agent.as_deref()).await;
    let Some(way) = way(page, doctor, args, ssh, &config, &preferences, here).await? else {
        return Ok(());
    };
    let mux = match watch::keeper(
        &doctor.watch(),
        &preferences,
        args,
        &config,
        Streams::TERMINAL,
    ) {
        Ok(mux) => mux,
        Err(Refusal::Usage(error, hint)) => return page.add(there::refused(&error, &hint)),
        Err(Refusal::InUse(..)) => unreachable!("nothing is claimed"),
        Err(Refusal::Failed(error)) => return Err(error),
    };
    if !way.leads {
        return page.add(here::agent(&agent));
    }
    let dialled = match way.connects {
        Connects::Netroam => {
            let Some(dialled) = dial(page, doctor, &host, &config, &preferences, way).await? else {
                return page.add(here::agent(&agent));
            };
            Some(dialled)
        }
        Connects::SshAsAsked | Connects::ProxyJump | Connects::ProxyCommand => {
            page.add(there::ssh_connects())?;
            None
        }
    };
    page.add(here::agent(&agent))?;
    let Some(directory) = &here.runtime else {
        return page.add(words::no_login("the runtime directory cannot be used"));
    };
    let term = std::env::var("TERM").unwrap_or_default();
    let command = Survey::command(mux.unwrap_or(Mux::Auto), &term);
    let attempt = Attempt {
        ssh,
        args,
        config: &config,
        dialled,
        directory,
        command: &command,
    };
    match attempt.make().await {
        Ok(outcome) => tell(page, &host, args, &config, mux, &term, outcome),
        Err(error) => page.add(words::no_login(&format!("{error:#}"))),
    }
}

/// Says who connects, over what, and where the name leads; `None` where that cannot work.
async fn way(
    page: &mut Page,
    doctor: &Doctor,
    args: &Args,
    ssh: &OsStr,
    config: &Config,
    preferences: &Preferences,
    here: &Here,
) -> Result<Option<Way>> {
    let choice = doctor.dial.or(preferences.dial);
    let (ssh_of, args_of, config_of) = (ssh.to_owned(), args.clone(), config.clone());
    let asked = bounded(ASKING_SSH, move || {
        why::connects(&config_of, &args_of, &ssh_of, choice)
    });
    let asked = asked
        .await
        .unwrap_or_else(|| Err(anyhow!("ssh -G does not answer")));
    let (connects, hop) = match asked {
        Ok(found) => found,
        Err(error) => {
            page.add(there::ssh_configuration_wrong(&format!("{error:#}")))?;
            return Ok(None);
        }
    };
    let host = args.host();
    let is = format!("{host} is {} port {}", config.hostname, config.port);
    let overridden = config.overridden(connects == Connects::Netroam);
    let first = hop
        .as_ref()
        .map(|hop| format!("{} port {}", hop.host, hop.port));
    let who = there::connects(connects, first.as_deref());
    page.add(there::ssh_configuration(&is, &who, &overridden))?;

    let given = doctor.via.clone().or(preferences.via.clone());
    let configured = given.is_some();
    let via = given.unwrap_or_default();
    let (learnt, _) = Store::new(&here.state).read(&host);
    let last_was_tunnel = learnt.last.as_ref().is_some_and(|last| last.tunnel);
    let (want, wanted) = (
        Want::of(&via, configured, last_was_tunnel),
        via.wanted(last_was_tunnel),
    );
    let mut way = Way {
        connects,
        wanted,
        learnt,
        leads: true,
    };
    let Some(hop) = hop else {
        page.add(there::via(&want, None))?;
        return Ok(Some(way));
    };
    let source = doctor.events.or(preferences.events).unwrap_or_default();
    let asks = Asks::new(source.into(), config, connects, way.wanted.clone())?;
    let (name, addresses) = asks.about(&hop, &way.learnt).await;
    let led = addresses.iter().find(|address| address.wanted);
    let path = led.and_then(|address| address.facts.path.as_ref());
    page.add(there::via(&want, path.map(ToString::to_string).as_deref()))?;
    way.leads = led.is_some();
    named(page, (&hop.host, &name), &addresses, &way, here.online)?;
    Ok(Some(way))
}

/// Says where the name leads, and that nothing was asked where no path does.
fn named(
    page: &mut Page,
    (hop, name): (&str, &Name),
    addresses: &[Address],
    way: &Way,
    online: bool,
) -> Result<()> {
    let unresolved = match name {
        Name::NotNeeded | Name::NotAsked => None,
        Name::Resolved => {
            let all = addresses.iter().map(|address| address.facts.address);
            page.add(there::name(hop, &all.collect::<Vec<IpAddr>>()))?;
            None
        }
        Name::Unknown(words) => Some(words.as_str()),
        Name::Slow => Some("the resolver does not answer"),
    };
    let waits_for_tunnel = way.wanted != Wanted::Anything && !way.leads;
    if let Some(words) = unresolved
        && online
        && !waits_for_tunnel
    {
        page.add(there::no_name(hop, words, way.leads))?;
        return Ok(());
    }
    if waits_for_tunnel {
        page.add(there::would_wait(&way.wanted.to_string()))?;
    } else if !way.leads {
        page.add(there::offline())?;
    }
    Ok(())
}

/// The connection to an ssh server, by a session's own decisions; says what came of it.
async fn dial(
    page: &mut Page,
    doctor: &Doctor,
    host: &str,
    config: &Config,
    preferences: &Preferences,
    way: Way,
) -> Result<Option<Dialled>> {
    let target = match watch::target(config) {
        Ok(target) => target,
        Err(Refusal::Usage(error, hint)) => {
            page.add(there::refused_dial(&error, &hint))?;
            return Ok(None);
        }
        Err(Refusal::InUse(..)) => unreachable!("nothing is claimed"),
        Err(Refusal::Failed(error)) => return Err(error),
    };
    let once = Once {
        target,
        events: doctor
            .events
            .or(preferences.events)
            .unwrap_or_default()
            .into(),
        via: doctor
            .via
            .clone()
            .or(preferences.via.clone())
            .unwrap_or_default(),
        learnt: way.learnt,
    };
    let (tell, mut told) = channel::channel(None);
    let say = |status: &Status| {
        tell.send_replace(Some(status.clone()));
    };
    let answer = select! {
        biased;
        dialled = driver::dial_once(once, say) => dialled?.map(|(dialled, _)| dialled),
        failure = given_up(&mut told) => Err(failure),
        () = sleep(DIALLING) => Err(Failure::TimedOut),
    };
    match answer {
        Ok(dialled) => {
            let peer = format!("{} port {}", dialled.peer.ip(), dialled.peer.port());
            page.add(there::answers(&peer, &dialled.banner))?;
            Ok(Some(dialled))
        }
        Err(failure) => {
            page.add(there::no_answer(host, &failure))?;
            Ok(None)
        }
    }
}

/// Returns when the supervisor would wait before it tries again.
async fn given_up(told: &mut channel::Receiver<Option<Status>>) -> Failure {
    loop {
        if told.changed().await.is_err() {
            // Who tells is gone with the dialling itself, and this with it.
            std::future::pending::<()>().await;
        }
        if let Some(Status::Retrying(failure)) = &*told.borrow_and_update() {
            return failure.clone();
        }
    }
}

/// Says what came of the login, and what the host has.
fn tell(
    page: &mut Page,
    host: &str,
    args: &Args,
    config: &Config,
    mux: Option<Mux>,
    term: &str,
    outcome: Outcome,
) -> Result<()> {
    match outcome {
        Outcome::Slow => page.add(words::slow_login(LIMIT)),
        Outcome::Out { ending, login } => {
            let words = args.words_without(b"vqEfNT");
            let words = words.iter().chain([&args.destination]);
            let words = words.map(|word| word.to_string_lossy().into_owned());
            page.add_all(words::refusal(&words::Refusal {
                host,
                ssh: &words.collect::<Vec<_>>().join(" "),
                ending: &ending,
                login: &login,
                takes_new_keys: config.takes_new_host_keys,
                never_asks: config.batch_mode,
            }))
        }
        Outcome::In {
            login,
            survey,
            forced,
        } => {
            page.add_all(words::logged_in(&login))?;
            let Some((survey, at)) = survey else {
                return page.add(words::no_shell(host, forced));
            };
            let ahead = survey.clock.and_then(|clock| ahead(clock, at));
            page.add_all(there::survey(host, &survey, mux, term, ahead))
        }
    }
}

/// By how many seconds the host's clock is ahead of ours.
fn ahead(clock: i64, ours: SystemTime) -> Option<i64> {
    let ours = ours.duration_since(UNIX_EPOCH).ok()?;
    clock.checked_sub(i64::try_from(ours.as_secs()).ok()?)
}
