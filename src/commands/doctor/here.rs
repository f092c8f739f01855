//! What this machine has.

use std::{
    env,
    ffi::{OsStr, OsString},
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result};
use etcetera::{BaseStrategy as _, base_strategy::choose_base_strategy};
use netroam_platform::{
    Lookup, Network, Query, Snapshot, Source,
    desktop::{self, Shows},
    sleep_source,
};

use super::{ASKING_SSH, Page, bounded, directories, events};
use crate::{
    cli::Doctor,
    commands::guard,
    config::Configuration,
    context::Claims,
    control, dirs,
    report::doctor::{directories as words, here},
    ssh::{Agent, Args, Asked, Asks, Config, Master, Run, Version, version::NoSsh},
    terminal::terminfo,
};

/// How long each running netroam may take to answer; it needs some milliseconds.
const ASKING: Duration = Duration::from_secs(1);

/// Addresses that are nobody's (RFC 5737, RFC 3849): the kernel's way to them is the one to everywhere. Nothing is sent.
const ELSEWHERE: [&str; 2] = ["203.0.113.1", "2001:db8::1"];

/// What the way to a host needs of it.
pub(super) struct Here {
    pub(super) configuration: Configuration,
    /// What is there, where the system says.
    pub(super) online: bool,
    /// netroam's state directory.
    pub(super) state: PathBuf,
    /// The directory for sockets, if it can be used.
    pub(super) runtime: Option<PathBuf>,
}

/// Looks at all of it; `None` if nothing about a host can be found out.
pub(super) async fn examine(
    page: &mut Page,
    doctor: &Doctor,
    args: Option<&Args>,
    ssh: &OsStr,
) -> Result<Option<Here>> {
    let version = version(page, ssh).await?;
    let read = doctor.config.as_deref();
    let (configuration, findings) = configuration(read, version);
    let preferences = match args {
        Some(args) => configuration.for_host(&args.host()),
        None => configuration.defaults.clone(),
    };
    let source: Source = doctor
        .events
        .or(preferences.events)
        .unwrap_or_default()
        .into();
    let notify = preferences.notify.unwrap_or(true);
    let exe = env::current_exe().context("cannot find netroam's own program")?;
    let identity_agent = async {
        match args {
            // ssh may know better which one: with its configuration.
            Some(_) => None,
            None => Some(Agent::ask(None).await),
        }
    };
    let (heard, look, sleep, shows, agent) = tokio::join!(
        events::hear(source, &exe),
        look(source),
        sleep_source(),
        shows(notify),
        identity_agent,
    );
    page.add(here::event_source(&heard))?;
    page.add(here::network(&look))?;
    page.add(here::sleep_source(sleep))?;
    page.add(here::notifications(&shows, notify))?;
    let term = env::var("TERM").ok();
    let known = term.as_deref().and_then(terminfo::knows);
    let both = io::stdin().is_terminal() && io::stdout().is_terminal();
    page.add(here::terminal(term.as_deref(), known, both))?;
    page.add_all(findings)?;

    let Some((state, runtime)) = directories(page)? else {
        return Ok(None);
    };
    page.add_all(agent.as_ref().map(here::agent))?;
    sessions(page, &runtime.0).await?;
    if let Ok((snapshot, _)) = &look {
        page.add(here::tunnels(snapshot))?;
    }
    let running = guard::running(&runtime.0).map_err(|error| format!("{error:#}"));
    let running = running.as_ref().map(Option::as_deref);
    page.add(here::guard(running.map_err(String::as_str)))?;
    Ok(version.map(|_| Here {
        configuration,
        online: look.is_ok_and(|(snapshot, _)| snapshot.online()),
        state,
        runtime: Some(runtime.0).filter(|_| runtime.1),
    }))
}

/// Which ssh there is, and whether it takes what a run passes.
async fn version(page: &mut Page, ssh: &OsStr) -> Result<Option<Version>> {
    let asked = ssh.to_owned();
    let found = bounded(ASKING_SSH, move || Version::of(&asked)).await;
    let found = found.unwrap_or_else(|| Err(NoSsh::Failed(io::ErrorKind::TimedOut.into())));
    page.add(here::ssh_version(&found, in_path(ssh).as_deref()))?;
    let Ok(version) = found else {
        return Ok(None);
    };
    let asked = ssh.to_owned();
    let said = bounded(ASKING_SSH, move || options(&asked, version)).await;
    let said = said.unwrap_or_else(|| Err("it does not answer".into()));
    let said = said.as_ref().copied().map_err(String::as_str);
    page.add(here::ssh_options(said))?;
    Ok(Some(version))
}

/// Where PATH has it.
fn in_path(program: &OsStr) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|directory| directory.join(program))
        .find(|file| file.is_file())
}

/// Has ssh read the whole command line of a run, without anybody's configuration; its complaint if it does not take it.
fn options(ssh: &OsStr, version: Version) -> Result<(), String> {
    let words = ["-F", "/dev/null", "netroam.invalid"].map(OsString::from);
    let Ok(Asked::Session(args)) = Args::parse(&words, version) else {
        unreachable!("these are the words of a session");
    };
    let config = Config::read(ssh, &args).map_err(|error| format!("{error:#}"))?;
    let master = Master::at(ssh, "/nonexistent/master".into());
    let run = Run {
        args: &args,
        config: &config,
        // Its complaints go to its log.
        log: Path::new("/dev/stderr"),
        unattended: true,
        handover: true,
        attach: Some("exec true"),
        master: master.as_ref(),
        forwards: Asks::Late,
    };
    let output = Command::new(ssh).arg("-G").args(run.argv()).output();
    let output = output.map_err(|error| error.to_string())?;
    let (said, complaint) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    let has = |wanted: &str| said.lines().any(|line| line.eq_ignore_ascii_case(wanted));
    if output.status.success() && has("proxyusefdpass yes") && has("batchmode yes") {
        return Ok(());
    }
    let line = complaint.lines().find(|line| !line.trim().is_empty());
    Err(line
        .unwrap_or("it ignores ProxyUseFdpass or BatchMode")
        .to_owned())
}

/// The configuration, at its default where it is wrong, and what is to be said of it.
fn configuration(
    file: Option<&Path>,
    version: Option<Version>,
) -> (Configuration, Vec<crate::report::doctor::Finding>) {
    let version = version.unwrap_or(crate::ssh::version::NEEDED);
    match Configuration::check_if_there(file, version) {
        Ok(None) => (Configuration::default(), here::configuration(None, &[], 0)),
        Ok(Some((path, Ok(configuration)))) => {
            let findings = here::configuration(Some(&path), &[], configuration.session.len());
            (configuration, findings)
        }
        Ok(Some((path, Err(problems)))) => (
            Configuration::default(),
            here::configuration(Some(&path), &problems, 0),
        ),
        Err(error) => (
            Configuration::default(),
            vec![here::unreadable(&format!("{error:#}"))],
        ),
    }
}

/// What is there, and the path that leads everywhere.
async fn look(source: Source) -> Result<(Snapshot, Option<String>), String> {
    let (network, _) = Network::by(source).map_err(|error| error.to_string())?;
    let queries = ELSEWHERE.map(|address| Query {
        destination: match address.parse() {
            Ok(address) => address,
            Err(_) => unreachable!("these are addresses"),
        },
        source: None,
        interface: None,
    });
    let look = network.look(&queries).await;
    let look = look.map_err(|error| error.to_string())?;
    let path = look.paths.iter().find_map(|lookup| match lookup {
        Lookup::Found(path) => Some(path.to_string()),
        Lookup::None(_) | Lookup::Unknown(_) => None,
    });
    Ok((look.snapshot, path))
}

async fn shows(wanted: bool) -> Shows {
    if wanted {
        desktop::shows(|name| env::var_os(name)).await
    } else {
        Shows::NoDesktop
    }
}

type Directories = (PathBuf, (PathBuf, bool));

/// netroam's state directory, and that for sockets with whether it can be used; `None` without a home.
fn directories(page: &mut Page) -> Result<Option<Directories>> {
    let found = choose_base_strategy()
        .context("cannot find the home directory")
        .and_then(|base| Ok((base, dirs::state()?)));
    let (base, state) = match found {
        Ok(found) => found,
        Err(error) => {
            page.add(words::homeless("state-directory", &format!("{error:#}")))?;
            return Ok(None);
        }
    };
    let runtime = Claims::directory(base.runtime_dir().as_deref(), &state);
    let (findings, usable) = directories::runtime(&runtime);
    page.add_all(findings)?;
    page.add_all(directories::state(&state))?;
    Ok(Some((state, (runtime, usable))))
}

async fn sessions(page: &mut Page, directory: &Path) -> Result<()> {
    let (ids, problems) = match control::ask(directory, ASKING).await {
        Ok(answers) => {
            let ids = answers.sessions.iter().map(|status| status.id.clone());
            (ids.collect(), answers.problems)
        }
        Err(error) => (Vec::new(), vec![error.to_string()]),
    };
    page.add(here::sessions(&ids, &problems))
}
