//! One run of one client: a fresh lab, the client attached at home, and what is asked of it.

use std::net::IpAddr;
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use netroam_lab::{
    Client, KernelEvent, KernelEvents, Lab, Mux, Net, Proc, Sniffer, Terminal, Ticks, exit_time,
    seconds,
};

/// A way to come back: a client, or a person who types `ssh` again.
#[derive(Debug)]
pub(crate) struct How {
    pub(crate) name: &'static str,
    pub(crate) mux: Mux,
    /// Somebody logs in again, in another window, at the moment when the network is back: the ratio's base.
    pub(crate) by_hand: bool,
    /// What has to be installed for it, beyond what the lab needs.
    pub(crate) program: Option<&'static str>,
    make: fn(&Lab, &Path, &str, Mux) -> Client,
}

/// Over IPv4, through home's address translation: what everybody has.
pub(crate) const PUBLIC: &str = "work4";
/// Through a tunnel only.
pub(crate) const INSIDE: &str = "inside";
const SESSION: &str = "work";

/// All that are compared.
pub(crate) fn hows() -> Vec<How> {
    let how = |name, mux, program, make| How {
        name,
        mux,
        by_hand: false,
        program,
        make,
    };
    let ssh = |lab: &Lab, _: &Path, host: &str, mux| Client::ssh(lab, host, mux, SESSION);
    let netroam =
        |lab: &Lab, path: &Path, host: &str, mux| Client::netroam(lab, path, host, mux, SESSION);
    vec![
        How {
            by_hand: true,
            ..how("by hand", Mux::Screen, None, ssh)
        },
        How {
            by_hand: true,
            ..how("by hand tmux", Mux::Tmux, None, ssh)
        },
        how("netroam", Mux::Screen, None, netroam),
        how("netroam tmux", Mux::Tmux, None, netroam),
        how("bare ssh", Mux::Screen, None, ssh),
        how(
            "autossh -M",
            Mux::Screen,
            Some("autossh"),
            |lab, _, host, mux| Client::autossh_monitor(lab, host, mux, SESSION),
        ),
        how(
            "autossh -M0",
            Mux::Screen,
            Some("autossh"),
            |lab, _, host, mux| Client::autossh_keepalive(lab, host, mux, SESSION),
        ),
        how("loop", Mux::Screen, None, |lab, _, host, mux| {
            Client::ssh_loop(lab, host, mux, SESSION)
        }),
        how("mosh", Mux::Screen, Some("mosh"), |lab, _, host, mux| {
            Client::mosh(lab, host, mux, SESSION)
        }),
    ]
}

/// What a run is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting<'a> {
    pub(crate) how: &'a How,
    pub(crate) netroam: &'a Path,
    pub(crate) host: &'static str,
    pub(crate) rtt: Duration,
    /// How long there is no network, where that is random.
    pub(crate) gap: Duration,
    /// How long what lasts minutes lasts.
    pub(crate) long: Duration,
    pub(crate) quick: bool,
}

/// How long a login, or a client that comes back, may take before the run counts as failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// A client attached at home.
#[derive(Debug)]
pub(crate) struct Trial<'a> {
    // Dropped first: programs, then the observers, then the machines.
    pub(crate) terminal: Terminal,
    second: Option<Terminal>,
    pub(crate) events: KernelEvents,
    pub(crate) sniffer: Sniffer,
    pub(crate) lab: Lab,
    setting: Setting<'a>,
}

impl<'a> Trial<'a> {
    /// Attached to the probe.
    pub(crate) fn start(setting: &Setting<'a>) -> Result<Self> {
        let trial = Self::attach(setting, |lab| lab.start_probe(setting.how.mux, SESSION))?;
        trial.terminal.wait_for_tick(SystemTime::now(), PATIENCE)?;
        // Past every start-up of the client (mosh's ssh, autossh's first look).
        pause(1.0);
        Ok(trial)
    }

    /// Attached to the probe, through the tunnel.
    pub(crate) fn start_inside(setting: &Setting<'a>) -> Result<Self> {
        let trial = Self::attach(setting, |lab| {
            lab.tunnel_up(7)?;
            lab.start_probe(setting.how.mux, SESSION)
        })?;
        trial.terminal.wait_for_tick(SystemTime::now(), PATIENCE)?;
        pause(1.0);
        Ok(trial)
    }

    /// Attached to a session in which nothing happens.
    pub(crate) fn start_quiet(setting: &Setting<'a>) -> Result<Self> {
        let script = |lab: &Lab| lab.dir().join("quiet");
        let trial = Self::attach(setting, |lab| {
            std::fs::write(
                script(lab),
                "echo nothing happens here\nexec sleep 100000\n",
            )?;
            lab.start_session(
                setting.how.mux,
                SESSION,
                &format!("bash {}", script(lab).display()),
            )
        })?;
        trial
            .terminal
            .wait_for_text("nothing happens here", PATIENCE)?;
        pause(3.0);
        Ok(trial)
    }

    fn attach(setting: &Setting<'a>, prepare: impl FnOnce(&Lab) -> Result<()>) -> Result<Self> {
        let mut choices = Lab::builder();
        if !setting.rtt.is_zero() {
            choices = choices.rtt(setting.rtt);
        }
        let lab = choices.start()?;
        lab.arrive(Net::Home)?;
        prepare(&lab)?;
        let (events, sniffer) = (lab.kernel_events()?, lab.sniff()?);
        let terminal = lab.run(&(setting.how.make)(
            &lab,
            setting.netroam,
            setting.host,
            setting.how.mux,
        ))?;
        Ok(Self {
            terminal,
            second: None,
            events,
            sniffer,
            lab,
            setting: *setting,
        })
    }

    /// The network is back since `moment`, at the earliest: the person types, a client does what it does. Returns when
    /// the person typed, or the moment.
    pub(crate) fn network_is_back(&mut self, moment: SystemTime) -> Result<SystemTime> {
        if !self.setting.how.by_hand {
            return Ok(moment);
        }
        let now = SystemTime::now();
        self.second = Some(self.lab.run(&(self.setting.how.make)(
            &self.lab,
            self.setting.netroam,
            self.setting.host,
            self.setting.how.mux,
        ))?);
        Ok(now)
    }

    /// Waits until the session is usable: seconds from `back` to the first tick that was written since then.
    pub(crate) fn usable(&self, back: SystemTime) -> Result<f64> {
        let tick = self
            .second
            .as_ref()
            .unwrap_or(&self.terminal)
            .wait_for_tick(back, PATIENCE)?;
        Ok(seconds(back, tick.seen))
    }

    /// What has been seen of the probe, in whichever window.
    pub(crate) fn ticks(&self) -> Ticks {
        let ticks = self.terminal.ticks();
        self.second
            .as_ref()
            .map_or(ticks.clone(), |second| ticks.merged(&second.ticks()))
    }

    /// The client's ssh processes.
    pub(crate) fn ssh(&self) -> Result<Vec<Proc>> {
        let mut found = Proc::ssh_below(self.terminal.pid())?;
        found.extend(Proc::look(self.terminal.pid()).filter(|process| process.name == "ssh"));
        Ok(found)
    }

    /// Everything of the client but ssh.
    pub(crate) fn supervisor(&self) -> Result<Vec<Proc>> {
        let mut all = Proc::below(self.terminal.pid())?;
        all.extend(Proc::look(self.terminal.pid()));
        Ok(all
            .into_iter()
            .filter(|process| process.name != "ssh" && process.state != 'Z')
            .collect())
    }

    /// Tells when the ssh that is there now has ended; none if the client has no ssh.
    pub(crate) fn ssh_end(&self) -> Result<Option<Receiver<SystemTime>>> {
        self.ssh()?
            .first()
            .map(|ssh| exit_time(ssh.pid))
            .transpose()
    }

    /// The first announcement of the kernel since a moment.
    pub(crate) fn first_event(&self, since: SystemTime) -> Result<SystemTime> {
        pause(0.02);
        self.events
            .since(since)
            .first()
            .map(|event| event.at)
            .context("the kernel announced nothing")
    }

    /// When a default route came, at or after a moment.
    pub(crate) fn route_came(&self, since: SystemTime) -> Result<SystemTime> {
        self.came(since, |event| event.default_route)
    }

    /// When the route to what is inside came, at or after a moment.
    pub(crate) fn route_inside_came(&self, since: SystemTime) -> Result<SystemTime> {
        let (network, _) = Lab::INSIDE_NET.split_once('/').context("a network")?;
        let network: IpAddr = network.parse()?;
        self.came(since, |event| event.destination == Some(network))
    }

    fn came(&self, since: SystemTime, wanted: impl Fn(&KernelEvent) -> bool) -> Result<SystemTime> {
        let came = |event: &KernelEvent| event.kind == "NEWROUTE" && wanted(event);
        let deadline = SystemTime::now() + Duration::from_secs(1);
        loop {
            if let Some(event) = self.events.since(since).into_iter().find(came) {
                return Ok(event.at);
            }
            anyhow::ensure!(
                SystemTime::now() < deadline,
                "the kernel announced no such route"
            );
            pause(0.001);
        }
    }
}

pub(crate) fn pause(seconds: f64) {
    thread::sleep(Duration::from_secs_f64(seconds));
}
