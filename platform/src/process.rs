//! Child processes whose life is tied to ours, and what became of them.
//!
//! A child started by [`spawn`] stays in our process group, as a foreground child of a shell job must: it reads the terminal and
//! gets the terminal's signals. Should netroam be killed, even by `SIGKILL`, the system ends the child (see [`spawn`]).
//!
//! A child started by [`spawn_apart`] is no part of the shell's job: it has no terminal and outlives us.
//!
//! This module waits for nothing and decides nothing: when to end a child, and how long to wait for it, is the driver's business.
//! Nor does it watch `SIGCHLD`; [`reap`] answers whenever it is asked.

use std::{
    fmt,
    fs::File,
    io,
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    process::{Command, ExitStatus},
};

use nix::{
    errno::Errno,
    sys::signal::{self, SigHandler, SigSet},
    unistd,
};

use crate::imp;

/// A process that [`spawn`] or [`spawn_apart`] started.
///
/// A type of its own, made nowhere else, because signalling the numbers 0 and -1 means something altogether different. It stays
/// valid until [`reap`] has said that the process ended; after that the number may be given to another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pid(i32);

impl Pid {
    /// The number, for people and logs.
    pub const fn number(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What became of a child since [`reap`] was last asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It ended with this exit status, and is reaped.
    Exited(u8),
    /// It ended by the signal of this number, and is reaped.
    Signalled(i32),
    /// The signal of this number stopped it (`~^Z` of ssh: `SIGTSTP`).
    Stopped(i32),
    /// It goes on after a stop.
    Continued,
}

/// The signals that netroam sends to its children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// `SIGTERM`: ssh gives the terminal back and ends.
    Terminate,
    /// `SIGKILL`: ends at once, and leaves the terminal as it was.
    Kill,
    /// `SIGSTOP`: says nothing any more, and lives on.
    Stop,
    /// `SIGCONT`: goes on.
    Continue,
    /// `SIGHUP`: the terminal is gone.
    HangUp,
    /// `SIGINT`: what Ctrl-C sends.
    Interrupt,
    /// `SIGUSR1`.
    User1,
}

/// Starts `command`, tied to our own life.
///
/// In the child, before it executes the program:
/// - the system is told to send it `SIGTERM` when we end, by whatever cause (Linux: `PR_SET_PDEATHSIG`, prctl(2); FreeBSD and `DragonFly`:
///   `PROC_PDEATHSIG_CTL`, procctl(2)); had we ended before that was in force, the child ends by itself. Where there is no such thing,
///   a watcher of ours sees to it from the moment that this returns;
/// - signals that we may ignore or handle get their default action, and none is blocked. `SIGHUP` alone is left as it is, so that
///   `nohup netroam` means what it says: ssh too looks whether it is ignored;
/// - the process group stays ours: in another one, the child would be stopped as soon as it reads the terminal.
///
/// Call it from the main thread only: Linux sends that signal when the *thread* that started the child ends, not the process.
/// (A current-thread runtime on the main thread is just that.)
///
/// Descriptors that the child is to have are given as [`std::process::Stdio`]; the ends of `Stdio::piped()` would be lost.
///
/// # Errors
/// Those of fork and exec: `NotFound` if there is no such program.
pub fn spawn(command: Command) -> io::Result<Pid> {
    let parent = unistd::getpid();
    let child = start(command, move || imp::process::die_with(parent))?;
    imp::process::tie(child);
    Ok(child)
}

/// Starts `command` apart from us: in a session of its own (setsid(2)), so without a terminal that it could read or that could stop it, and
/// the first of a process group of its own, which [`signal_group`] reaches.
///
/// Signals are as [`spawn`] has them. The system does not end it when we end.
///
/// # Errors
/// As for [`spawn`].
pub fn spawn_apart(command: Command) -> io::Result<Pid> {
    start(command, || {
        unistd::setsid()?;
        Ok(())
    })
}

/// Starts `command` as [`spawn`] does, but deaf to `SIGHUP`: it outlives the terminal, which ends with the first process of its session.
///
/// # Errors
/// As for [`spawn`].
pub fn spawn_outliving_terminal(command: Command) -> io::Result<Pid> {
    let parent = unistd::getpid();
    start(command, move || {
        imp::process::die_with(parent)?;
        #[expect(unsafe_code, reason = "a handler could be anything; this is none")]
        // SAFETY: ignoring runs no code of ours.
        unsafe {
            signal::signal(signal::Signal::SIGHUP, SigHandler::SigIgn)?;
        }
        Ok(())
    })
}

/// Starts `command` beside us: in our session and process group, as [`spawn`] does, but the system does not end it when we end.
///
/// # Errors
/// As for [`spawn`].
pub fn spawn_beside(command: Command) -> io::Result<Pid> {
    start(command, || Ok(()))
}

/// Waits for the end of a child, and reaps it.
///
/// # Errors
/// `ECHILD` if its end was reported before.
pub fn wait(pid: Pid) -> io::Result<Change> {
    loop {
        match reap_with(pid, 0) {
            Ok(Some(change)) => return Ok(change),
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Leaves the terminal for good: a session of our own (setsid(2)), whose children find no terminal either, and the standard streams at
/// `/dev/null`.
///
/// # Errors
/// `EPERM` if we lead a process group; those of open(2) and dup2(2).
pub fn leave_terminal() -> io::Result<()> {
    unistd::setsid()?;
    let null = File::options().read(true).write(true).open("/dev/null")?;
    unistd::dup2_stdin(&null)?;
    unistd::dup2_stdout(&null)?;
    unistd::dup2_stderr(&null)?;
    Ok(())
}

/// Starts `command`; the child calls `first`, which may only make async-signal-safe calls (signal-safety(7)), before its signals are set.
fn start(
    mut command: Command,
    first: impl Fn() -> io::Result<()> + Send + Sync + 'static,
) -> io::Result<Pid> {
    let prepare = move || {
        first()?;
        for signal in DEFAULTED {
            #[expect(unsafe_code, reason = "a handler could be anything; this is none")]
            // SAFETY: the default action runs no code of ours.
            unsafe {
                signal::signal(signal, SigHandler::SigDfl)?;
            }
        }
        // After the default actions: what arrived meanwhile then ends the child, as it should.
        SigSet::empty().thread_set_mask()?;
        Ok(())
    };
    #[expect(
        unsafe_code,
        reason = "only the child itself can ask for its parent-death signal and leave our session"
    )]
    // SAFETY: between fork and exec the closure makes only prctl, procctl or setsid, getppid, sigaction and sigprocmask calls, which are
    // async-signal-safe, and its errors carry a number, not an allocation.
    unsafe {
        command.pre_exec(prepare);
    }
    let child = command.spawn()?;
    // Dropping std's handle neither waits nor kills; from here on the process is known by its number.
    i32::try_from(child.id()).map(Pid).map_err(io::Error::other)
}

/// Says what became of the child since it was last asked; `None` if nothing did. Never waits.
///
/// A child that was stopped and killed at once may report only its end.
///
/// # Errors
/// `ECHILD` if its end was reported before.
pub fn reap(pid: Pid) -> io::Result<Option<Change>> {
    reap_with(pid, libc::WNOHANG | libc::WUNTRACED | libc::WCONTINUED)
}

fn reap_with(pid: Pid, options: i32) -> io::Result<Option<Change>> {
    let mut status = 0;
    #[expect(
        unsafe_code,
        reason = "waitpid(2) has no safe form that knows every signal"
    )]
    // Not nix's waitpid: it fails on the real-time signals that a process may die of.
    // SAFETY: `status` is ours and lives through the call.
    let found = unsafe { libc::waitpid(pid.0, &raw mut status, options) };
    if Errno::result(found)? == 0 {
        return Ok(None);
    }
    let change = change(ExitStatus::from_raw(status));
    if let Some(Change::Exited(_) | Change::Signalled(_)) = change {
        imp::process::untie(pid);
    }
    Ok(change)
}

/// Sends a signal; `false` if there is no such process any more. A process that ended but is not yet reaped takes any signal.
///
/// # Errors
/// `EPERM` where the child has become another user's.
pub fn signal(pid: Pid, signal: Signal) -> io::Result<bool> {
    match signal::kill(unistd::Pid::from_raw(pid.0), signal::Signal::from(signal)) {
        Ok(()) => Ok(true),
        Err(Errno::ESRCH) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Sends a signal to a process that [`spawn_apart`] started, and to all that is left of its process group; `false` if nothing is.
///
/// The group outlives the process that it is named after: the number is not given away while a process of the group lives. Right after
/// [`reap`] has reported the end it may still be used, because numbers are given in turn; later it may be another's.
///
/// # Errors
/// `EPERM` where all of them have become another user's (macOS: `false`, since it says the same of a group whose last process is not reaped).
pub fn signal_group(pid: Pid, signal: Signal) -> io::Result<bool> {
    match signal::killpg(unistd::Pid::from_raw(pid.0), signal::Signal::from(signal)) {
        Ok(()) => Ok(true),
        Err(Errno::ESRCH) => Ok(false),
        // It does not count the dead that nobody has reaped (`killpg1` in xnu's `bsd/kern/kern_sig.c`).
        Err(Errno::EPERM) if cfg!(target_os = "macos") => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Ends this process by the signal of this number, so that whoever waits for us sees what we were ended by. Where that signal does not end
/// a process, exits with 128 and its number, as shells have it.
pub fn die_of(number: i32) -> ! {
    if let Ok(signal) = signal::Signal::try_from(number) {
        #[expect(unsafe_code, reason = "a handler could be anything; this is none")]
        // SAFETY: the default action runs no code of ours.
        let reset = unsafe { signal::signal(signal, SigHandler::SigDfl) };
        if let Err(error) = reset.and_then(|_| signal::raise(signal)) {
            tracing::debug!(number, %error, "cannot end by the signal");
        }
    }
    #[expect(clippy::exit, reason = "the last thing that this process does")]
    std::process::exit(128 + number)
}

/// What a program of ours may ignore or handle: job control, the keys of the terminal, and what ends it. Handlers do not survive
/// an exec, but ignoring does (signal(7)).
const DEFAULTED: [signal::Signal; 11] = [
    signal::Signal::SIGINT,
    signal::Signal::SIGQUIT,
    signal::Signal::SIGTERM,
    signal::Signal::SIGPIPE,
    signal::Signal::SIGCHLD,
    signal::Signal::SIGTSTP,
    signal::Signal::SIGTTIN,
    signal::Signal::SIGTTOU,
    signal::Signal::SIGWINCH,
    signal::Signal::SIGUSR1,
    signal::Signal::SIGUSR2,
];

fn change(status: ExitStatus) -> Option<Change> {
    if let Some(code) = status.code() {
        // The system passes on the low eight bits (exit(3)).
        return Some(Change::Exited(u8::try_from(code & 0xff).unwrap_or(u8::MAX)));
    }
    if let Some(signal) = status.signal() {
        return Some(Change::Signalled(signal));
    }
    if let Some(signal) = status.stopped_signal() {
        return Some(Change::Stopped(signal));
    }
    status.continued().then_some(Change::Continued)
}

impl From<Signal> for signal::Signal {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Terminate => Self::SIGTERM,
            Signal::Kill => Self::SIGKILL,
            Signal::Stop => Self::SIGSTOP,
            Signal::Continue => Self::SIGCONT,
            Signal::HangUp => Self::SIGHUP,
            Signal::Interrupt => Self::SIGINT,
            Signal::User1 => Self::SIGUSR1,
        }
    }
}
