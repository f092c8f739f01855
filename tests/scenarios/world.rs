//! A laptop, a server and a driver that only write down what they are told.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use netroam::{
    ssh::Ending,
    supervisor::{
        Action, Again, Answer, AttemptId, Connection, Dialler, Input, Look, Purpose, RunId,
        Segments, Settings, Supervisor, Via, Wanted,
    },
};
use netroam_platform::{Interface, Lookup, NoPath, Path, Snapshot, clock::Time};

pub(crate) const SERVER: &str = "203.0.113.5";

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// One network the laptop may be in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Net {
    pub(crate) interface: &'static str,
    pub(crate) address: &'static str,
    pub(crate) gateway: &'static str,
    pub(crate) tunnel: bool,
}

pub(crate) const HOME: Net = Net {
    interface: "eth0",
    address: "192.168.1.2",
    gateway: "192.168.1.1",
    tunnel: false,
};
pub(crate) const CAFE: Net = Net {
    interface: "wlan0",
    address: "10.0.0.7",
    gateway: "10.0.0.1",
    tunnel: false,
};
pub(crate) const VPN: Net = Net {
    interface: "tun0",
    address: "10.8.0.6",
    gateway: "10.8.0.1",
    tunnel: true,
};
/// The same VPN, logged into again.
pub(crate) const VPN_AGAIN: Net = Net {
    interface: "tun1",
    address: "10.8.0.10",
    ..VPN
};

impl Net {
    pub(crate) fn path(self) -> Path {
        Path {
            index: 1,
            interface: self.interface.into(),
            source: ip(self.address),
            gateway: Some(ip(self.gateway)),
            tunnel: self.tunnel,
        }
    }
}

pub(crate) struct World {
    pub(crate) supervisor: Supervisor,
    pub(crate) now: Time,
}

impl World {
    pub(crate) fn new(again: Again, dialler: Dialler, attended: bool) -> Self {
        Self::via(again, dialler, attended, Via::Auto, None)
    }

    /// One where the user says over what, and the session was attached last over that path.
    pub(crate) fn via(
        again: Again,
        dialler: Dialler,
        attended: bool,
        via: Via,
        last: Option<Path>,
    ) -> Self {
        Self::of(Settings {
            dialler,
            hop_known: true,
            again,
            attended,
            askable: attended,
            may_silence: true,
            via,
            last,
            seed: 7,
        })
    }

    /// A tunnel that nobody sits in front of, but that a person may tell to try again.
    pub(crate) fn unattended() -> Self {
        Self::of(Settings {
            dialler: Dialler::Ours,
            hop_known: true,
            again: Again::Anew,
            attended: true,
            askable: false,
            may_silence: false,
            via: Via::Auto,
            last: None,
            seed: 7,
        })
    }

    fn of(settings: Settings) -> Self {
        Self {
            supervisor: Supervisor::new(settings),
            now: Time::from_origin(Duration::from_secs(5000)),
        }
    }

    /// An attended session with a context, attached over `net` for a minute, as run 1.
    pub(crate) fn attached(net: Net) -> Self {
        let mut world = Self::new(Again::Attach, Dialler::Ours, true);
        world.attach(net);
        world
    }

    pub(crate) fn attach(&mut self, net: Net) {
        let beneath = if net.tunnel {
            vec![HOME, net]
        } else {
            vec![net]
        };
        self.look(&beneath, Some(net));
        let connection = Connection {
            local: ip(net.address),
            peer: ip(SERVER),
        };
        self.tell(Input::Connected {
            attempt: AttemptId(1),
            connection,
        });
        self.tell(Input::Authenticated(RunId(1)));
        self.pass(Duration::from_secs(60));
    }

    /// Tells a fact; returns what is to be done.
    pub(crate) fn tell(&mut self, input: Input) -> Vec<Action> {
        self.supervisor.handle(self.now, input);
        self.actions()
    }

    /// A look: these networks' addresses are ours, and the server is reached over `path`.
    pub(crate) fn look(&mut self, ours: &[Net], path: Option<Net>) -> Vec<Action> {
        let answer = path.map_or(Lookup::None(NoPath::NoRoute), |net| {
            Lookup::Found(net.path())
        });
        self.tell(Input::Looked(look(ours, answer)))
    }

    pub(crate) fn connected(&mut self, attempt: u64, net: Net) -> Vec<Action> {
        let connection = Connection {
            local: ip(net.address),
            peer: ip(SERVER),
        };
        self.tell(Input::Connected {
            attempt: AttemptId(attempt),
            connection,
        })
    }

    pub(crate) fn ended(&mut self, run: u64, ending: Ending) -> Vec<Action> {
        self.tell(Input::Ended {
            run: RunId(run),
            ending,
            unacknowledged: false,
        })
    }

    pub(crate) fn probed(&mut self, run: u64, answer: Answer) -> Vec<Action> {
        self.tell(Input::Probed {
            run: RunId(run),
            answer,
        })
    }

    /// Lets time pass, calling the supervisor whenever it asked for it; returns what is to be done, with the time of each since now.
    pub(crate) fn pass(&mut self, time: Duration) -> Vec<(Duration, Action)> {
        let (began, end) = (self.now, self.now + time);
        let mut done = Vec::new();
        let mut rounds = 0;
        while let Some(due) = self.supervisor.poll_timeout().filter(|due| *due <= end) {
            rounds += 1;
            assert!(
                rounds < 100_000,
                "the supervisor spins: it wants to be called at {due} for ever"
            );
            self.now = self.now.max(due);
            self.supervisor.handle_timeout(self.now);
            let at = self.now.since(began);
            done.extend(self.actions().into_iter().map(|action| (at, action)));
        }
        self.now = end;
        done
    }

    fn actions(&mut self) -> Vec<Action> {
        std::iter::from_fn(|| self.supervisor.poll_action()).collect()
    }
}

pub(crate) fn look(ours: &[Net], answer: Lookup) -> Look {
    let interfaces = ours.iter().zip(1..).map(|(net, index)| {
        let interface = Interface {
            name: net.interface.into(),
            up: true,
            carrier: Some(true),
            loopback: false,
            tunnel: net.tunnel,
            inward: false,
            addresses: BTreeSet::from([ip(net.address)]),
        };
        (index, interface)
    });
    Look {
        snapshot: Snapshot {
            interfaces: interfaces.collect(),
        },
        paths: BTreeMap::from([(ip(SERVER), answer)]),
    }
}

/// The actions that touch processes and the network; what is merely said is left out.
pub(crate) fn deeds(actions: &[Action]) -> Vec<String> {
    actions
        .iter()
        .filter_map(|action| match action {
            Action::Dial {
                attempt,
                over,
                segments,
            } => Some(format!(
                "dial {}{}{}",
                attempt.0,
                match over {
                    Wanted::Anything => String::new(),
                    wanted @ (Wanted::Tunnel | Wanted::Interface(_)) => format!(" over {wanted}"),
                },
                if *segments == Segments::Small {
                    " small"
                } else {
                    ""
                },
            )),
            Action::Discard(attempt) => Some(format!("discard {}", attempt.0)),
            Action::Start {
                run,
                over,
                questions,
                purpose,
            } => Some(format!(
                "start {}{}{}{}",
                run.0,
                over.map_or(String::new(), |attempt| format!(" over {}", attempt.0)),
                if *questions { " asking" } else { "" },
                match purpose {
                    Purpose::Open => " opening",
                    Purpose::Resume => " resuming",
                    Purpose::Reattach => "",
                },
            )),
            Action::End { run, .. } => Some(format!("end {}", run.0)),
            Action::Silence { run, .. } => Some(format!("silence {}", run.0)),
            Action::Hold(run) => Some(format!("hold {}", run.0)),
            Action::Kill(run) => Some(format!("kill {}", run.0)),
            Action::Probe { run, patience, .. } => Some(format!(
                "probe {}{}",
                run.0,
                patience.map_or(String::new(), |time| format!(" for {time:?}"))
            )),
            Action::Finish(_) => Some("finish".into()),
            Action::FindFirstHop => Some("find the first hop".into()),
            Action::Learn { .. } | Action::Show(_) | Action::Say(_) => None,
        })
        .collect()
}
