//! Children of a real parent: started on its main thread, stopped, continued, killed, orphaned.
//!
//! It has no test harness, because a harness runs tests on threads of their own, and a child's life hangs on the thread that started
//! it. Called with `parent`, it is the parent that gets killed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    env,
    io::{self, BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use netroam_platform::process::{self, Change, Pid, Signal};
use nix::unistd::{getpgid, getsid};

fn main() {
    if env::args().nth(1).as_deref() == Some("parent") {
        return parent();
    }
    ends_with_its_parent_even_if_that_is_killed();
    #[cfg(target_os = "linux")]
    keeps_our_process_group_and_gets_default_signals();
    reports_stop_continue_and_death_in_order();
    reports_exit_statuses_and_each_end_once();
    a_missing_program_is_not_found();
    apart_it_has_no_terminal_and_its_group_is_reached_even_when_it_is_gone();
}

fn parent() {
    let child = process::spawn(sleep()).unwrap();
    let mut out = io::stdout();
    writeln!(out, "{child}").unwrap();
    out.flush().unwrap();
    thread::park();
}

fn ends_with_its_parent_even_if_that_is_killed() {
    let mut parent = Command::new(env::current_exe().unwrap())
        .arg("parent")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = String::new();
    BufReader::new(parent.stdout.take().unwrap())
        .read_line(&mut child)
        .unwrap();
    assert!(runs(child.trim()));
    parent.kill().unwrap();
    parent.wait().unwrap();
    until("the child has ended", || !runs(child.trim()));
}

/// Only Linux tells which signals a process has blocked and ignores (proc(5)).
#[cfg(target_os = "linux")]
fn keeps_our_process_group_and_gets_default_signals() {
    use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, pthread_sigmask, signal};

    let mut blocked = SigSet::empty();
    blocked.add(nix::sys::signal::SIGTERM);
    pthread_sigmask(SigmaskHow::SIG_BLOCK, Some(&blocked), None).unwrap();
    #[expect(unsafe_code, reason = "ignoring a signal runs no handler")]
    // SAFETY: no handler of ours.
    unsafe {
        signal(nix::sys::signal::SIGTTOU, SigHandler::SigIgn).unwrap();
        signal(nix::sys::signal::SIGHUP, SigHandler::SigIgn).unwrap();
    }
    let (mut ours, theirs) = io::pipe().unwrap();
    // No shell: one blocks signals for a moment while it starts a program.
    let mut command = Command::new("cat");
    command.args(["/proc/self/stat", "/proc/self/status"]);
    command.stdout(theirs);
    let child = process::spawn(command).unwrap();
    let mut said = String::new();
    io::Read::read_to_string(&mut ours, &mut said).unwrap();
    pthread_sigmask(SigmaskHow::SIG_UNBLOCK, Some(&blocked), None).unwrap();
    let said: Vec<&str> = said.split_whitespace().collect();
    let after = |word: &str| said[said.iter().position(|said| *said == word).unwrap() + 1];
    // proc(5): pid, name, state, parent, process group.
    assert_eq!(said[4], nix::unistd::getpgrp().to_string());
    assert_eq!(after("SigBlk:"), "0000000000000000");
    let ignored = after("SigIgn:");
    // Bit 0 is SIGHUP: whoever said nohup meant it. What lies above 31 is the C library's own.
    assert_eq!(
        u64::from_str_radix(ignored, 16).unwrap() & 0x7fff_ffff,
        1,
        "{ignored}"
    );
    assert_eq!(next(child), Change::Exited(0));
}

fn apart_it_has_no_terminal_and_its_group_is_reached_even_when_it_is_gone() {
    let mut command =
        shell("sleep 300 & echo $!; (: > /dev/tty) 2> /dev/null && echo terminal; exit 0");
    let (mut ours, theirs) = io::pipe().unwrap();
    command.stdout(theirs);
    let child = process::spawn_apart(command).unwrap();
    let mut said = BufReader::new(&mut ours).lines();
    let left = said.next().unwrap().unwrap();
    let number = |text: &str| nix::unistd::Pid::from_raw(text.parse().unwrap());
    let (first, second) = (number(&child.to_string()), number(&left));
    assert_eq!(next(child), Change::Exited(0));
    assert_eq!(
        (getpgid(Some(second)), getsid(Some(second))),
        (Ok(first), Ok(first))
    );
    assert!(runs(&left));
    assert!(process::signal_group(child, Signal::Kill).unwrap());
    until("the group has ended", || !runs(&left));
    assert!(said.next().is_none(), "it has a terminal");
}

fn reports_stop_continue_and_death_in_order() {
    let child = process::spawn(sleep()).unwrap();
    assert_eq!(process::reap(child).unwrap(), None);
    assert!(process::signal(child, Signal::Stop).unwrap());
    assert_eq!(next(child), Change::Stopped(libc::SIGSTOP));
    assert_eq!(process::reap(child).unwrap(), None);
    assert!(process::signal(child, Signal::Continue).unwrap());
    assert_eq!(next(child), Change::Continued);
    assert!(process::signal(child, Signal::Terminate).unwrap());
    assert_eq!(next(child), Change::Signalled(libc::SIGTERM));
    assert!(!process::signal(child, Signal::Terminate).unwrap());
}

fn reports_exit_statuses_and_each_end_once() {
    let children: Vec<Pid> = [0, 255, 75]
        .into_iter()
        .map(|n| process::spawn(shell(&format!("exit {n}"))).unwrap())
        .collect();
    // In another order than they ended in: each asks for its own.
    assert_eq!(next(children[2]), Change::Exited(75));
    assert_eq!(next(children[0]), Change::Exited(0));
    assert_eq!(next(children[1]), Change::Exited(255));
    assert_eq!(
        process::reap(children[1]).unwrap_err().raw_os_error(),
        Some(libc::ECHILD)
    );
}

fn a_missing_program_is_not_found() {
    let error = process::spawn(Command::new("/no/such/program")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

fn sleep() -> Command {
    let mut command = Command::new("sleep");
    command.arg("1000");
    command
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

fn next(child: Pid) -> Change {
    let mut found = None;
    until("the child changes", || {
        found = process::reap(child).unwrap();
        found.is_some()
    });
    found.unwrap()
}

/// Whether a process runs. One that ended and that its new parent is slow to reap does not.
fn runs(pid: &str) -> bool {
    let asked = Command::new("ps")
        .args(["-o", "state=", "-p", pid])
        .output();
    let state = asked.unwrap().stdout;
    !(state.is_empty() || state.starts_with(b"Z"))
}

/// Polls outside state, with a deadline.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while !holds() {
        assert!(Instant::now() < deadline, "not in five seconds: {what}");
        thread::park_timeout(Duration::from_millis(2));
    }
}
