//! What can be named: hosts, sessions that run, sessions of the configuration. Files and sockets of this machine are read; no network and
//! no other program is asked, and what cannot be read has no names.

use std::{env, path::Path, time::Duration};

use super::candidates::{Candidate, Names};
use crate::{
    commands::{runtime, sessions},
    config::Configuration,
    control,
    report::state_word,
    ssh::hosts::{Origin, known},
};

/// How long each running netroam may take to answer; it needs some milliseconds, and somebody waits.
const ASKING: Duration = Duration::from_millis(40);

/// This machine's.
#[derive(Debug)]
pub(super) struct Known;

impl Names for Known {
    fn hosts(&self, config: Option<&Path>) -> Vec<Candidate> {
        // The shell has not done that yet.
        let own =
            config.and_then(|config| Some(env::home_dir()?.join(config.strip_prefix("~").ok()?)));
        let hosts = known(own.as_deref().or(config)).into_iter().map(|host| {
            let about = match host.from {
                Origin::Config => "ssh_config",
                Origin::KnownHosts => "known_hosts",
            };
            Candidate::new(host.name, about)
        });
        hosts.collect()
    }

    fn running(&self) -> Vec<Candidate> {
        let answers = sessions::directory().ok().and_then(|directory| {
            let asked = runtime().ok()?.block_on(control::ask(&directory, ASKING));
            asked.ok()
        });
        let sessions = answers.into_iter().flat_map(|answers| answers.sessions);
        sessions
            .map(|status| Candidate::new(status.id, &state_word(status.state)))
            .collect()
    }

    fn configured(&self) -> Vec<Candidate> {
        let configuration = Configuration::read(None).unwrap_or_default();
        let sessions = configuration.session.into_iter();
        sessions
            .map(|(name, session)| Candidate::new(name, &session.host))
            .collect()
    }
}
