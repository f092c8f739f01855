//! The end of our children with us, where the system does not see to it.
//!
//! A watcher, `/bin/sh` in a session of its own, reads a pipe whose only write end we hold, closed on exec. It is told of each child that is
//! tied to us, and of each that has ended. When the pipe is at its end, so are we, however that came about, and the watcher ends what is
//! left. It is started with the first child and ends with us.
//!
//! - The terminal's signals do not reach it, and it is not among the programs of the terminal.
//! - A stopped child is continued, so that it gets the signal.
//! - A child that ended is named before its number can belong to anything of ours. Were we killed between its being reaped and the
//!   watcher's hearing of it, the number would have to be given away anew within that moment.
//! - It is a child of ours that ends only after us, or if somebody ends it. Then it is reaped when it is spoken to next, and another one is
//!   started that knows of every child.
//! - It is reparented when we end, and waited for by whoever waits for all orphans.
//!
//! The write end is ours alone except between fork and exec of another child of ours; should we be killed right then, the watcher hears of it when that
//! exec has happened.

use std::{
    collections::BTreeSet,
    io::{self, Write as _},
    mem,
    process::{Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
};

use nix::{
    fcntl::{FcntlArg, OFlag, fcntl},
    sys::wait::{WaitPidFlag, WaitStatus, waitpid},
    unistd,
};

use crate::process::{self, Pid, Signal};

/// `+ PID` and `- PID`, a line each, in an order that is kept. A last line that has no end was never said in full: what it says is ignored.
///
/// `SIGCONT` goes last, so that a stopped child finds the other signal waiting.
const SCRIPT: &str = r#"
tied=' '
while read -r sign pid; do
    case $sign in
        +) tied="$tied$pid " ;;
        -) tied="${tied%% $pid *} ${tied#* $pid }" ;;
    esac
done
for pid in $tied; do
    kill -TERM "$pid"
    kill -CONT "$pid"
done
"#;

static LIFELINE: Mutex<Lifeline> = Mutex::new(Lifeline {
    tied: BTreeSet::new(),
    watcher: None,
    buried: Vec::new(),
});

/// Ties the life of a child to ours: it gets `SIGTERM` when we end, by whatever cause.
///
/// Where there can be no watcher (no process, no descriptor), it is not tied; that is logged.
pub(crate) fn tie(child: Pid) {
    let mut lifeline = lifeline();
    lifeline.tied.insert(child);
    lifeline.say('+', child);
}

/// Takes that back, because the child was just reaped. Harmless for a child that was never tied.
pub(crate) fn untie(child: Pid) {
    let mut lifeline = lifeline();
    if lifeline.tied.remove(&child) {
        lifeline.say('-', child);
    }
}

fn lifeline() -> MutexGuard<'static, Lifeline> {
    LIFELINE.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Lifeline {
    tied: BTreeSet<Pid>,
    watcher: Option<Watcher>,
    /// Former watchers that are not reaped yet.
    buried: Vec<Pid>,
}

struct Watcher {
    pid: Pid,
    words: io::PipeWriter,
}

impl Lifeline {
    /// Tells the watcher. One that does not listen is replaced, if anything is still tied.
    fn say(&mut self, sign: char, child: Pid) {
        self.buried.retain(|watcher| !gone(*watcher));
        if let Some(watcher) = &mut self.watcher {
            match watcher.say(sign, child) {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(%error, watcher = %watcher.pid, "what ends ssh after us does not listen");
                }
            }
        }
        self.bury();
        if !self.tied.is_empty()
            && let Err(error) = self.start()
        {
            tracing::warn!(%error, "nothing will end ssh should netroam be killed");
            self.bury();
        }
    }

    /// Starts a watcher that knows of every child.
    fn start(&mut self) -> io::Result<()> {
        let (heard, words) = io::pipe()?;
        // Somebody may stop the watcher, and that must not stop us.
        let flags = OFlag::from_bits_retain(fcntl(&words, FcntlArg::F_GETFL)?);
        fcntl(&words, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", SCRIPT, "netroam-lifeline"])
            .env_clear()
            .current_dir("/")
            .stdin(heard)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let pid = process::spawn_apart(command)?;
        let watcher = self.watcher.insert(Watcher { pid, words });
        for child in &self.tied {
            watcher.say('+', *child)?;
        }
        Ok(())
    }

    /// Kills the watcher before its pipe ends, which would mean that we do.
    fn bury(&mut self) {
        if let Some(watcher) = mem::take(&mut self.watcher) {
            if let Err(error) = process::signal(watcher.pid, Signal::Kill) {
                tracing::debug!(%error, watcher = %watcher.pid, "cannot kill");
            }
            self.buried.push(watcher.pid);
        }
    }
}

impl Watcher {
    /// Says a line in one piece.
    fn say(&mut self, sign: char, child: Pid) -> io::Result<()> {
        self.words.write_all(format!("{sign} {child}\n").as_bytes())
    }
}

/// Reaps a former watcher; false if it is not dead yet. Not [`crate::process::reap`], which unties what it reaps.
fn gone(watcher: Pid) -> bool {
    let number = unistd::Pid::from_raw(watcher.number());
    !matches!(
        waitpid(number, Some(WaitPidFlag::WNOHANG)),
        Ok(WaitStatus::StillAlive)
    )
}
