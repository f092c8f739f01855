//! One login, as a reconnect does it: nobody is asked, no key is taken, nothing is forwarded; and one command there, which only looks.

use std::{
    ffi::OsStr,
    fs::{self, File},
    path::Path,
    process::Command,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result};
use netroam_platform::{apart::Apart, clock, process::Change, readable::Readable};
use tokio::{select, task::AbortHandle, time::timeout};

use crate::{
    connect::{Dialled, HandOver},
    context::{Claims, Survey},
    driver::RunDir,
    ssh::{
        Args, Asks, Config, Ending, Evidence, LogEvent, LogReader, Login, Run, args::Opt, classify,
        ending::Exit,
    },
};

/// How long it may take: a slow server looks up our name, and its login shell reads its files.
pub(super) const LIMIT: Duration = Duration::from_secs(15);

/// How long ssh may take to end when it was told to; it needs some milliseconds.
const GRACE: Duration = Duration::from_millis(500);

/// So much of what the host says is read; the answer has one or two KiB.
const MOST: usize = 64 * 1024;

/// What goes before the user's own: a question to nobody, a trace nowhere.
const QUIET: [&str; 9] = [
    "StrictHostKeyChecking=yes",
    "UpdateHostKeys=no",
    "AddKeysToAgent=no",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "Tunnel=no",
    "PermitLocalCommand=no",
    "SessionType=default",
];

/// The user's options that have no place in it: forwards, what makes no login of it, and what ssh shows.
const DROPPED: &[u8] = b"ADEKLMNRSTWXYfnqstvw";

/// What came of it.
pub(super) enum Outcome {
    /// Logged in.
    In {
        login: Login,
        /// What the host said of itself, if it said all of it, and when its first word came.
        survey: Option<(Survey, SystemTime)>,
        /// The server ran another command than ours.
        forced: bool,
    },
    /// Not logged in.
    Out { ending: Ending, login: Login },
    /// Neither in its time.
    Slow,
}

/// What is needed for it.
pub(super) struct Attempt<'a> {
    pub(super) ssh: &'a OsStr,
    pub(super) args: &'a Args,
    pub(super) config: &'a Config,
    /// The connection that ssh gets; without one it dials by itself.
    pub(super) dialled: Option<Dialled>,
    /// Where sockets are.
    pub(super) directory: &'a Path,
    pub(super) command: &'a str,
}

impl Attempt<'_> {
    /// Logs in, has the command run, and leaves nothing behind.
    pub(super) async fn make(self) -> Result<Outcome> {
        Claims::of_named(self.directory)?;
        let dir = RunDir::create(self.directory).context("cannot make a directory for sockets")?;
        let (log, stderr) = (dir.path().join("log"), dir.path().join("stderr"));
        let run = Run {
            args: &quiet(self.args),
            config: self.config,
            log: &log,
            unattended: true,
            handover: self.dialled.is_some(),
            attach: Some(self.command),
            master: None,
            forwards: Asks::Asked,
        };
        let mut command = Command::new(self.ssh);
        command.args(run.argv());
        command.stderr(File::create(&stderr).context("cannot make a file for what ssh says")?);
        // A jump host's ssh has no BatchMode: without a terminal and a window it asks nobody either.
        command.env("SSH_ASKPASS_REQUIRE", "never");
        command.env_remove("SSH_ASKPASS").env_remove("DISPLAY");
        let _giving = match self.dialled {
            Some(dialled) => Some(give(dialled, dir.path(), &mut command)?),
            None => None,
        };
        let (mut child, output) = Apart::heard(command).context("cannot run ssh")?;
        let mut heard = Heard::default();
        let Ok(change) = timeout(LIMIT, heard.until_ended(&mut child, &output)).await else {
            child.end(GRACE).await;
            return Ok(Outcome::Slow);
        };
        let exit = match change? {
            Change::Signalled(signal) => Exit::Signal(signal),
            Change::Exited(status) => Exit::Status(status.into()),
            Change::Stopped(_) | Change::Continued => Exit::Status(u8::MAX.into()),
        };
        let log = fs::read(&log).unwrap_or_default();
        let said = fs::read(&stderr).unwrap_or_default();
        Ok(outcome(self.config, exit, &log, &said, &heard))
    }
}

fn outcome(config: &Config, exit: Exit, log: &[u8], said: &[u8], heard: &Heard) -> Outcome {
    let mut reader = LogReader::new(config.log_level);
    let mut lines = reader.feed(log);
    lines.extend(reader.finish());
    let events: Vec<LogEvent> = lines.into_iter().filter_map(|line| line.event).collect();
    let login = Login::read(&String::from_utf8_lossy(log));
    if events.contains(&LogEvent::Authenticated) {
        let survey = Survey::read(&String::from_utf8_lossy(&heard.bytes));
        return Outcome::In {
            login,
            survey: survey.zip(heard.first),
            forced: events.contains(&LogEvent::ForcedCommand),
        };
    }
    let evidence = Evidence {
        exit,
        log: &events,
        stderr: said,
        ended_by_us: false,
        unattended: true,
        context: false,
        escapable: false,
        exit_on_forward_failure: false,
    };
    Outcome::Out {
        ending: classify(&evidence),
        login,
    }
}

/// The user's words without what has no place here, behind ours: ssh takes the first value of a keyword.
fn quiet(args: &Args) -> Args {
    let mut options: Vec<Opt> = QUIET
        .iter()
        .map(|keyword| Opt {
            letter: b'o',
            value: Some((*keyword).into()),
        })
        .collect();
    options.push(Opt {
        letter: b'T',
        value: None,
    });
    let kept = args.options.iter();
    options.extend(
        kept.filter(|option| !DROPPED.contains(&option.letter))
            .cloned(),
    );
    Args {
        options,
        destination: args.destination.clone(),
        command: Vec::new(),
    }
}

/// Ends giving when it is dropped.
struct Giving(AbortHandle);

impl Drop for Giving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Waits for this ssh to fetch the connection, and gives it.
fn give(dialled: Dialled, directory: &Path, command: &mut Command) -> Result<Giving> {
    let hand_over =
        HandOver::listen(directory).context("cannot make a socket to hand the connection over")?;
    let exe = std::env::current_exe().context("cannot find netroam's own program")?;
    command.envs(Run::environment(
        exe.as_os_str(),
        hand_over.path().as_os_str(),
    ));
    let giving = tokio::spawn(async move {
        if let Err(error) = hand_over.give(&dialled.socket).await {
            tracing::warn!(%error, "cannot hand the connection over");
        }
    });
    Ok(Giving(giving.abort_handle()))
}

/// What the host said.
#[derive(Default)]
struct Heard {
    bytes: Vec<u8>,
    first: Option<SystemTime>,
}

impl Heard {
    /// Reads until ssh is gone, and then what is left.
    async fn until_ended(
        &mut self,
        child: &mut Apart,
        output: &Readable,
    ) -> std::io::Result<Change> {
        let mut buffer = [0; 4096];
        let mut open = true;
        let change = loop {
            select! {
                biased;
                count = output.read(&mut buffer), if open => match count {
                    Ok(0) | Err(_) => open = false,
                    Ok(count) => open = self.take(&buffer[..count]),
                },
                change = child.ended() => break change?,
            }
        };
        while open && let Ok(Some(count)) = output.try_read(&mut buffer) {
            open = count > 0 && self.take(&buffer[..count]);
        }
        Ok(change)
    }

    /// Whether there is room for more.
    fn take(&mut self, bytes: &[u8]) -> bool {
        self.first.get_or_insert_with(clock::wall);
        self.bytes.extend_from_slice(bytes);
        self.bytes.len() < MOST
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::ssh::{Asked, Version};

    /// What ssh itself makes of the words.
    #[test]
    fn a_trial_leaves_nothing_with_the_host_or_the_agent_whatever_the_user_has() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config");
        let own = "AddKeysToAgent yes\nForwardAgent yes\nStrictHostKeyChecking no\nUpdateHostKeys yes\nLocalForward 8001 x:1\n\
                   RequestTTY force\nSessionType none\nPermitLocalCommand yes\nTunnel yes\n";
        fs::write(&file, own).unwrap();
        let words = [
            "-F",
            file.to_str().unwrap(),
            "-A",
            "-N",
            "-o",
            "AddKeysToAgent=yes",
            "h",
        ];
        let words = words.map(OsString::from);
        let version = Version { major: 9, minor: 2 };
        let Ok(Asked::Session(args)) = Args::parse(&words, version) else {
            panic!("these are the words of a session");
        };
        let quiet = quiet(&args);
        let mut ssh = Command::new("ssh");
        ssh.arg("-G").args(quiet.words_without(b"")).arg("h");
        let said = String::from_utf8(ssh.output().unwrap().stdout).unwrap();
        for line in [
            "addkeystoagent false",
            "forwardagent no",
            "stricthostkeychecking true",
            "updatehostkeys false",
            "clearallforwardings yes",
            "requesttty false",
            "sessiontype default",
            "permitlocalcommand no",
            "tunnel false",
        ] {
            assert!(said.lines().any(|said| said == line), "{line}: {said}");
        }
    }
}
