//! Which sessions there are, and of what kind.

use std::time::Duration;

use netroam::supervisor::{Again, Dialler, Restarts, Settings, Via, Wanted};
use netroam_platform::Path;

use crate::{
    dice::Dice,
    occurrence::Switch,
    words::{sentences, words},
};

words! {
    /// Who dials.
    Dial {
        /// netroam.
        Ours "ours",
        /// ssh.
        Ssh "ssh",
    }
}

words! {
    /// What follows a loss.
    After {
        /// Attach.
        Attach "attach",
        /// Another connection.
        Anew "anew",
        /// The command again.
        Rerun "rerun",
        /// Nothing.
        Never "never",
    }
}

words! {
    /// Over what.
    Over {
        /// As the last run.
        Auto "auto",
        /// Anything.
        Any "any",
        /// A tunnel.
        Tunnel "tunnel",
        /// Wi-Fi only.
        Wifi "wlan*",
    }
}

words! {
    /// Over what the session was attached last.
    Before {
        /// Never, or nobody knows.
        Unknown "unknown",
        /// The cable.
        Cable "cable",
        /// The tunnel.
        Tunnel "tunnel",
    }
}

sentences! {
    /// One session.
    Setup {
        /// Its server; who dials; what follows a loss; whether there is a terminal, and whether ssh can ask on it; whether a lost run may be
        /// silenced; over what; over what it was attached last; whether autossh's rules hold; the seed of its jitter.
        Session "session" {
            server: usize, dial: Dial, after: After, attended: Switch, askable: Switch, silence: Switch, over: Over, before: Before,
            rules: Switch, jitter: u64
        },
        /// All of them live in one process and take turns at their servers.
        Together "together" {},
    }
}

/// One session, as its supervisor takes it.
#[derive(Clone, Debug)]
pub struct Kind {
    /// Its server.
    pub server: usize,
    /// What is fixed.
    pub settings: Settings,
    /// autossh's rules, if they hold.
    pub rules: Option<Restarts>,
}

impl Kind {
    /// What a line of the setup says; `None` if it is about no session.
    pub fn of(setup: &Setup) -> Option<Self> {
        let Setup::Session {
            server,
            dial,
            after,
            attended,
            askable,
            silence,
            over,
            before,
            rules,
            jitter,
        } = setup
        else {
            return None;
        };
        let settings = Settings {
            dialler: match dial {
                Dial::Ours => Dialler::Ours,
                Dial::Ssh => Dialler::Ssh,
            },
            hop_known: true,
            again: match after {
                After::Attach => Again::Attach,
                After::Anew => Again::Anew,
                After::Rerun => Again::Rerun,
                After::Never => Again::Never,
            },
            attended: *attended == Switch::On,
            askable: *askable == Switch::On,
            may_silence: *silence == Switch::On,
            via: over.to_string().parse().unwrap_or(Via::Auto),
            last: last(*before),
            seed: *jitter,
        };
        let ruled = *rules == Switch::On;
        let restarts = Restarts {
            gate: Duration::from_secs(30),
            most_starts: jitter.is_multiple_of(3).then_some(12),
            lifetime: None,
            poll: Duration::from_secs(60),
        };
        Some(Self {
            server: (*server).min(1),
            settings,
            rules: ruled.then_some(restarts),
        })
    }

    /// What is wanted of a path at first.
    pub fn wanted(&self) -> Wanted {
        let tunnel = self.settings.last.as_ref().is_some_and(|path| path.tunnel);
        self.settings.via.wanted(tunnel)
    }
}

fn last(before: Before) -> Option<Path> {
    let (interface, tunnel) = match before {
        Before::Unknown => return None,
        Before::Cable => ("eth0", false),
        Before::Tunnel => ("tun0", true),
    };
    Some(Path {
        index: 0,
        interface: interface.into(),
        source: [10, 8, 0, 2].into(),
        gateway: None,
        tunnel,
    })
}

/// The sessions of a seed.
pub fn setup(dice: &mut Dice) -> Vec<Setup> {
    let together = dice.percent(35);
    let many = if together { dice.number(2, 12) } else { 1 };
    let mut lines: Vec<Setup> = (0..many).map(|_| session(dice, together)).collect();
    if together {
        lines.insert(0, Setup::Together {});
    }
    lines
}

fn session(dice: &mut Dice, together: bool) -> Setup {
    let after = dice.one(&[
        After::Attach,
        After::Attach,
        After::Attach,
        After::Anew,
        After::Rerun,
        After::Never,
    ]);
    let over = [
        Over::Auto,
        Over::Auto,
        Over::Auto,
        Over::Any,
        Over::Tunnel,
        Over::Wifi,
    ];
    let switch = |on| if on { Switch::On } else { Switch::Off };
    let attended = together || dice.percent(80);
    Setup::Session {
        server: usize::from(dice.percent(30)),
        dial: dice.one(&[Dial::Ours, Dial::Ours, Dial::Ours, Dial::Ssh]),
        after: if together {
            dice.one(&[After::Attach, After::Anew])
        } else {
            after
        },
        attended: switch(attended),
        askable: switch(!together && attended && dice.percent(85)),
        silence: switch(dice.percent(75)),
        over: dice.one(&over),
        before: dice.one(&[
            Before::Unknown,
            Before::Unknown,
            Before::Cable,
            Before::Tunnel,
        ]),
        rules: switch(!together && dice.percent(10)),
        jitter: dice.number(0, 999),
    }
}
