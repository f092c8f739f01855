//! A notification by osascript(1).

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tokio::time::timeout;

use super::{Note, Show};
use crate::{apart::Apart, process::Change};

/// Part of macOS, in a directory that nobody can write to (System Integrity Protection).
const PROGRAM: &str = "/usr/bin/osascript";

/// The whole script, a statement each. What there is to say comes as the words behind them, which osascript hands to `run` as text and
/// never reads as a script (osascript(1); `display notification` of the `AppleScript` Language Guide).
const SCRIPT: [&str; 3] = [
    "on run argv",
    "display notification (item 3 of argv) with title (item 1 of argv) subtitle (item 2 of argv)",
    "end run",
];

/// How long it may take, below what [`super::PATIENCE`] gives for a change, so that it is ended here and reaped.
const LIMIT: Duration = Duration::from_secs(4);

/// How long it may take to end when it was told to.
const GRACE: Duration = Duration::from_millis(500);

/// What runs the script.
#[derive(Debug)]
pub(super) struct Script {
    program: PathBuf,
}

impl Script {
    /// Without a desktop (a login over ssh) the script fails, and that is logged.
    #[cfg_attr(
        not(all(target_os = "macos", feature = "notify")),
        expect(dead_code, reason = "here only the tests have scripts, their own")
    )]
    #[expect(clippy::unnecessary_wraps, reason = "as every system has it")]
    pub(super) fn found(_: impl Fn(&str) -> Option<OsString>) -> Option<Self> {
        Some(Self {
            program: PROGRAM.into(),
        })
    }
}

impl Show for Script {
    type Error = io::Error;

    async fn answers(&self) -> io::Result<Option<String>> {
        let there = self.program.try_exists()?;
        Ok(there.then(|| self.program.display().to_string()))
    }

    async fn change(&mut self, note: Option<Note>) -> io::Result<()> {
        let Some(note) = note else {
            // Nothing takes one away.
            return Ok(());
        };
        let mut running = Apart::start(command(&self.program, &note))?;
        let Ok(ended) = timeout(LIMIT, running.ended()).await else {
            running.end(GRACE).await;
            return Err(io::ErrorKind::TimedOut.into());
        };
        match ended? {
            Change::Exited(0) => Ok(()),
            Change::Exited(status) => Err(io::Error::other(format!("exited with {status}"))),
            other @ (Change::Signalled(_) | Change::Stopped(_) | Change::Continued) => {
                Err(io::Error::other(format!("{other:?}")))
            }
        }
    }
}

/// The title comes first and is ours: whatever the other two begin with, behind it osascript looks for no options (getopt(3)).
fn command(program: &Path, note: &Note) -> Command {
    let mut command = Command::new(program);
    for statement in SCRIPT {
        command.arg("-e").arg(statement);
    }
    command.args(["netroam", &note.summary, &note.body]);
    command
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use tokio::{sync::watch, task::JoinSet};

    use super::*;
    use crate::{clock, desktop::work};

    fn note(body: &str) -> Note {
        Note {
            summary: "-e \"gw1\" (mac)".into(),
            body: body.into(),
            stays: true,
        }
    }

    /// A stand-in for osascript that does this.
    fn stand_in(directory: &Path, script: &str) -> PathBuf {
        let program = directory.join("osascript");
        fs::write(
            &program,
            format!("#!/bin/sh\ncd '{}'\n{script}\n", directory.display()),
        )
        .unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        program
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    }

    #[test]
    fn what_is_said_is_no_part_of_the_script() {
        let body = "-i\" & do shell script \"reboot\" & \"\\";
        let command = command(Path::new(PROGRAM), &note(body));
        let words: Vec<_> = command
            .get_args()
            .map(|word| word.to_str().unwrap())
            .collect();
        let [_, first, _, second, _, third, said @ ..] = &*words else {
            panic!("{words:?}");
        };
        assert_eq!([*first, *second, *third], SCRIPT);
        assert_eq!(said, ["netroam", "-e \"gw1\" (mac)", body]);
    }

    #[test]
    fn each_word_arrives_as_it_is_and_the_program_is_reaped() {
        let directory = tempfile::tempdir().unwrap();
        let say = "[ -t 0 ] || [ -s /dev/stdin ] && exit 3; for word; do printf '%s|' \"$word\"; done > words; echo $$ > pid";
        let program = stand_in(directory.path(), say);
        let mut script = Script { program };
        let body = "waiting for $(tunnel)\t`x` ' \" é";
        runtime().block_on(script.change(Some(note(body)))).unwrap();
        let said = fs::read_to_string(directory.path().join("words")).unwrap();
        let end = format!("|netroam|-e \"gw1\" (mac)|{body}|");
        assert!(
            said.starts_with("-e|on run argv|-e|") && said.ends_with(&end),
            "{said}"
        );
        let pid = fs::read_to_string(directory.path().join("pid")).unwrap();
        let waited = nix::sys::wait::waitpid(
            nix::unistd::Pid::from_raw(pid.trim().parse().unwrap()),
            None,
        );
        assert_eq!(waited, Err(nix::errno::Errno::ECHILD));
        runtime().block_on(script.change(None)).unwrap();
        assert_eq!(
            fs::read_to_string(directory.path().join("words")).unwrap(),
            said
        );
    }

    #[test]
    fn one_that_fails_or_is_missing_says_so() {
        let directory = tempfile::tempdir().unwrap();
        let mut script = Script {
            program: stand_in(directory.path(), "exit 1"),
        };
        let change = |script: &mut Script| runtime().block_on(script.change(Some(note("x"))));
        assert_eq!(
            change(&mut script).unwrap_err().to_string(),
            "exited with 1"
        );
        script.program = directory.path().join("missing");
        assert_eq!(
            change(&mut script).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
    }

    #[test]
    fn one_that_hangs_is_ended_with_all_that_it_started_and_the_next_is_shown() {
        let directory = tempfile::tempdir().unwrap();
        let script =
            "[ -e hung ] && { touch shown; exit; }; trap '' TERM; sleep 300 & echo $! > hung; wait";
        let program = stand_in(directory.path(), script);
        let before = clock::now();
        runtime().block_on(async {
            let notes = watch::Sender::new(None);
            let mut task = JoinSet::new();
            task.spawn(work(Script { program }, notes.subscribe()));
            notes.send_replace(Some(note("one")));
            let hung = directory.path().join("hung");
            while !fs::read_to_string(&hung).is_ok_and(|pid| pid.ends_with('\n')) {
                assert!(clock::now().since(before) < LIMIT);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            notes.send_replace(Some(note("two")));
            drop(notes);
            task.join_next().await.unwrap().unwrap();
            let took = clock::now().since(before);
            assert!(took >= LIMIT && took < LIMIT + 4 * GRACE, "{took:?}");
            assert!(directory.path().join("shown").exists());
            // Its group is gone; whoever adopted the sleep may be slow to reap it.
            let pid = fs::read_to_string(&hung).unwrap();
            let state = || {
                let asked = Command::new("ps")
                    .args(["-o", "state=", "-p", pid.trim()])
                    .output()
                    .unwrap();
                String::from_utf8(asked.stdout).unwrap()
            };
            while !(state().is_empty() || state().starts_with('Z')) {
                assert!(clock::now().since(before) < 4 * LIMIT, "{}", state());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
    }
}
