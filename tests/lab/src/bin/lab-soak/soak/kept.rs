//! What is kept through it: two sessions, one that two laptops want, and three tunnels.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, ensure};
use netroam_lab::{Client, Lab, Mux, Piped, Proc, Terminal};
use nix::sys::signal::Signal;

use super::shared::{self, Shared};

/// How long everything may take to be usable after the last move.
pub(super) const SOON: Duration = Duration::from_secs(60);
/// The ports of the forwards, here and there.
const PORTS: [u16; 2] = [8001, 8002];
const REMOTE_PORT: u16 = 9001;

/// A session whose remote program writes down each line that it reads.
struct Attached {
    terminal: Terminal,
    /// What it wrote down.
    heard: PathBuf,
    /// What was typed, line for line.
    typed: Vec<String>,
    /// The last number that the program was seen to count.
    counted: u64,
}

/// Everything.
pub(super) struct Kept {
    sessions: Vec<Attached>,
    shared: Shared,
    up: Piped,
    netroam: PathBuf,
}

impl Kept {
    /// Starts it all, and waits until it is there.
    pub(super) fn start(lab: &Lab, netroam: &Path) -> Result<Self> {
        let config = lab.home_dir().join(".config/netroam/config.toml");
        fs::create_dir_all(config.parent().context("a directory")?)?;
        let tunnel = |name: &str, words: &str| {
            format!("[session.{name}]\nhost = 'work4'\nssh = ['-N', {words}]\n")
        };
        let text = [
            "[defaults]\nvia = 'any'\nnotify = false\n".to_owned(),
            tunnel(
                "one",
                &format!("'-L', '127.0.0.1:{}:127.0.0.1:22'", PORTS[0]),
            ),
            tunnel(
                "two",
                &format!("'-L', '127.0.0.1:{}:127.0.0.1:22'", PORTS[1]),
            ),
            tunnel(
                "back",
                &format!("'-R', '127.0.0.1:{REMOTE_PORT}:{}:22'", Lab::SERVER_V4),
            ),
        ];
        fs::write(config, text.concat())?;
        let mut sessions = Vec::new();
        for (mux, name) in [(Mux::Screen, "soak-s"), (Mux::Tmux, "soak-t")] {
            sessions.push(Attached::start(lab, netroam, mux, name)?);
        }
        let up = lab.piped(&[netroam.as_os_str(), "up".as_ref()], &[])?;
        let mut kept = Self {
            sessions,
            shared: Shared::start(lab, netroam)?,
            up,
            netroam: netroam.to_owned(),
        };
        kept.check(lab, 0)?;
        Ok(kept)
    }

    /// Waits until all of it is usable: how long that took.
    pub(super) fn check(&mut self, lab: &Lab, number: u32) -> Result<Duration> {
        let begun = Instant::now();
        self.settled(lab)?;
        for session in &mut self.sessions {
            session.talk(number)?;
        }
        let taken = begun.elapsed();
        self.shared.check()?;
        for port in PORTS {
            let script = format!("exec 3<>/dev/tcp/127.0.0.1/{port} && head -c 7 <&3");
            let mut piped = lab.piped(&["bash", "-c", &script], &[])?;
            piped.wait_exit(SOON)?;
            ensure!(
                piped.stdout() == "SSH-2.0",
                "nothing comes through -L {port}"
            );
        }
        // The sshd of the connection before may still take it, and say nothing.
        let script = format!("exec 3<>/dev/tcp/127.0.0.1/{REMOTE_PORT} && timeout 2 head -c 7 <&3");
        eventually("-R to work", || {
            // The port may be in the hands of the connection before for another moment.
            let said = lab
                .server()
                .node()
                .sh(&format!("bash -c '{script}' || true"));
            Ok(said?.trim() == "SSH-2.0")
        })?;
        Ok(taken)
    }

    /// Waits until netroam says of each session that it is attached, and none of them is about to be replaced.
    fn settled(&self, lab: &Lab) -> Result<()> {
        let mut last = String::new();
        let all = eventually("all sessions to be attached", || {
            let mut ls = lab.piped(
                &[self.netroam.as_os_str(), "ls".as_ref(), "--json".as_ref()],
                &[],
            )?;
            ls.wait_exit(SOON)?;
            last = ls.stdout();
            let said: serde_json::Value = serde_json::from_str(&last)?;
            let states: BTreeMap<String, String> = said["sessions"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|session| {
                    let word = |field: &str| Some(session[field].as_str()?.to_owned());
                    Some((word("id")?, word("state")?))
                })
                // That one may be elsewhere.
                .filter(|(id, _)| !id.ends_with(shared::NAME))
                .collect();
            Ok(states.len() == 5 && states.values().all(|state| state == "attached"))
        });
        all.with_context(|| last)
    }

    /// The netroams, by name.
    pub(super) fn pids(&self) -> Vec<(&'static str, u32)> {
        vec![
            ("watch, screen", self.sessions[0].terminal.pid()),
            ("watch, tmux", self.sessions[1].terminal.pid()),
            ("up, 3 tunnels", self.up.pid()),
        ]
    }

    /// Ends it all: nothing was missed or repeated, nothing is left. Says how many lines were typed.
    pub(super) fn end(mut self, lab: &Lab) -> Result<usize> {
        let mut lines = 0;
        for session in &mut self.sessions {
            session.terminal.signal(Signal::SIGTERM)?;
            session.terminal.wait_exit(SOON)?;
            ensure!(
                session.terminal.input_modes().is_empty() && !session.terminal.alternate_screen(),
                "the terminal is not as it was:\n{}",
                session.terminal.screen()
            );
            let heard = fs::read_to_string(&session.heard)?;
            let heard: Vec<_> = heard.lines().collect();
            ensure!(
                heard == session.typed,
                "typed {:?}, heard {heard:?}",
                session.typed
            );
            lines += heard.len();
        }
        self.shared.end()?;
        self.up.signal(Signal::SIGTERM)?;
        let status = self.up.wait_exit(SOON)?;
        ensure!(status.code() == Some(0), "up ended with {status}");
        eventually("netroam and ssh to be gone", || {
            let ours = |process: &Proc| ["netroam", "ssh"].contains(&&*process.name);
            Ok(!lab.laptop().processes()?.iter().any(ours))
        })?;
        let left: Vec<_> = fs::read_dir(lab.dir().join("laptop/run/netroam"))?
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_none_or(|ending| ending != "lock"))
            .collect();
        ensure!(left.is_empty(), "left behind: {left:?}");
        Ok(lines)
    }
}

impl Attached {
    fn start(lab: &Lab, netroam: &Path, mux: Mux, name: &str) -> Result<Self> {
        let script = lab.dir().join(name);
        let heard = lab.server().home_of("dev").join(format!("{name}.heard"));
        let probe = fs::read_to_string(lab.dir().join("probe"))?;
        let say = "say \"echo $line\"";
        ensure!(probe.contains(say), "the probe has changed");
        let noted = format!("echo \"$line\" >> {}; {say}", heard.display());
        fs::write(&script, probe.replace(say, &noted))?;
        lab.start_session(mux, name, &format!("bash {}", script.display()))?;
        let terminal = lab.run(&Client::netroam(lab, netroam, "work4", mux, name))?;
        Ok(Self {
            terminal,
            heard,
            typed: Vec::new(),
            counted: 0,
        })
    }

    /// The program still counts, from where it was, and answers to a line.
    fn talk(&mut self, number: u32) -> Result<()> {
        let tick = self.terminal.wait_for_tick(SystemTime::now(), SOON)?;
        ensure!(
            tick.number > self.counted,
            "the program counts {} after {}: another one",
            tick.number,
            self.counted
        );
        self.counted = tick.number;
        let line = format!("line{number}");
        self.terminal
            .echo(&line, SOON)
            .with_context(|| match fs::read_to_string(&self.heard) {
                Ok(heard) => format!("the program has heard {:?}", heard.lines().last()),
                Err(error) => format!("{}: {error}", self.heard.display()),
            })?;
        self.typed.push(line);
        Ok(())
    }
}

pub(super) fn eventually(what: &str, mut there: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + SOON;
    while !there()? {
        ensure!(Instant::now() < deadline, "waited for {what} for {SOON:?}");
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
