//! The watcher that ends our children where the kernel does not: with real parents that are killed, and a number given away anew.
//!
//! The library of this system does without it, so the source is taken in here. No test harness: called with a word, it is the
//! parent that gets killed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Lines, Write as _, stdin, stdout},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use netroam_platform::process;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

#[path = "../src/lifeline.rs"]
mod lifeline;

fn main() {
    match env::args().nth(1).as_deref() {
        Some("parent") => return parent(),
        Some("reuse") => return a_number_that_was_given_away_anew_is_let_be(),
        Some(_) | None => {}
    }
    a_child_ends_with_its_parent_even_if_that_is_killed();
    a_stopped_child_ends_too();
    of_two_hundred_only_those_that_are_tied_end();
    a_watcher_that_was_killed_is_replaced_and_leaves_no_zombie();
    in_a_world_of_its_own("reuse");
}

fn a_child_ends_with_its_parent_even_if_that_is_killed() {
    let mut parent = Parent::start();
    let child = parent.asks("start");
    let watcher = parent.watcher();
    // proc(5): state, parent, process group, session, terminal.
    let stat = stat(watcher).unwrap();
    let session = stat[3].parse::<i32>().unwrap();
    assert_eq!(
        (session, &*stat[4]),
        (watcher, "0"),
        "a session of its own, and no terminal"
    );
    parent.kill();
    until("the child has ended", || !alive(child));
    until("the watcher has ended", || !alive(watcher));
}

fn a_stopped_child_ends_too() {
    let mut parent = Parent::start();
    let child = parent.asks("start");
    kill(Pid::from_raw(child), Signal::SIGSTOP).unwrap();
    until("the child has stopped", || {
        stat(child).is_some_and(|stat| stat[0] == "T")
    });
    parent.kill();
    until("the child has ended", || !alive(child));
}

fn of_two_hundred_only_those_that_are_tied_end() {
    let mut parent = Parent::start();
    let children: Vec<i32> = (0..200).map(|_| parent.asks("start")).collect();
    let watcher = parent.watcher();
    let (tied, untied): (Vec<i32>, Vec<i32>) = children.iter().partition(|pid| **pid % 3 == 0);
    for child in &untied {
        parent.asks(&format!("untie {child}"));
    }
    parent.kill();
    until("the tied ones have ended", || {
        tied.iter().all(|child| !alive(*child))
    });
    until("the watcher has ended", || !alive(watcher));
    for child in untied {
        assert!(alive(child), "{child} was not tied any more");
        kill(Pid::from_raw(child), Signal::SIGKILL).unwrap();
    }
}

fn a_watcher_that_was_killed_is_replaced_and_leaves_no_zombie() {
    let mut parent = Parent::start();
    let first = parent.asks("start");
    let watcher = parent.watcher();
    kill(Pid::from_raw(watcher), Signal::SIGKILL).unwrap();
    until("the watcher is dead", || !alive(watcher));
    let second = parent.asks("start");
    assert_ne!(parent.watcher(), watcher);
    // Reaped at the next word at the latest.
    let third = parent.asks("start");
    assert_eq!(stat(watcher), None, "a zombie");
    assert!([first, second, third].into_iter().all(alive));
    parent.kill();
    for child in [first, second, third] {
        until("every child has ended", || !alive(child));
    }
}

/// In a process namespace, where it can be said which number comes next.
fn a_number_that_was_given_away_anew_is_let_be() {
    let mut parent = Parent::start();
    let child = parent.asks("start");
    let watcher = parent.watcher();
    parent.asks(&format!("end {child}"));
    assert_eq!(stat(child), None, "reaped");
    fs::write("/proc/sys/kernel/ns_last_pid", (child - 1).to_string()).unwrap();
    let mut stranger = Command::new("sleep").arg("1000").spawn().unwrap();
    assert_eq!(i32::try_from(stranger.id()).unwrap(), child);
    parent.kill();
    until("the watcher has ended", || !alive(watcher));
    assert!(
        stranger.try_wait().unwrap().is_none(),
        "it was none of ours"
    );
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

/// What this program says when it is called with `parent`: to each line of its input one number.
fn parent() {
    let (mut running, mut out) = (Vec::new(), stdout());
    for line in stdin().lines() {
        let line = line.unwrap();
        let mut words = line.split(' ');
        let number = match (words.next().unwrap(), words.next()) {
            ("start", None) => {
                let mut sleep = Command::new("sleep");
                sleep.arg("1000");
                // Not `spawn`: here the kernel would end it.
                let child = process::spawn_apart(sleep).unwrap();
                lifeline::tie(child);
                running.push(child);
                child.number()
            }
            (verb, Some(number)) => {
                let number: i32 = number.parse().unwrap();
                let child = *running.iter().find(|pid| pid.number() == number).unwrap();
                if verb == "end" {
                    process::signal(child, process::Signal::Kill).unwrap();
                    until("the child is reaped", || {
                        process::reap(child).unwrap().is_some()
                    });
                }
                lifeline::untie(child);
                number
            }
            (verb, None) => panic!("{verb}?"),
        };
        writeln!(out, "{number}").unwrap();
    }
}

struct Parent {
    process: Child,
    words: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Parent {
    fn start() -> Self {
        let mut process = Command::new(env::current_exe().unwrap())
            .arg("parent")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (words, answers) = (process.stdin.take(), process.stdout.take());
        Self {
            process,
            words: words.unwrap(),
            answers: BufReader::new(answers.unwrap()).lines(),
        }
    }

    fn asks(&mut self, words: &str) -> i32 {
        writeln!(self.words, "{words}").unwrap();
        self.answers.next().unwrap().unwrap().parse().unwrap()
    }

    /// The one shell that it has and that is alive.
    fn watcher(&self) -> i32 {
        let parent = self.process.id().to_string();
        let shells: Vec<i32> = fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok())
            .filter(|pid| {
                stat(*pid).is_some_and(|stat| stat[1] == parent && stat[0] != "Z")
                    && fs::read_to_string(format!("/proc/{pid}/cmdline"))
                        .is_ok_and(|words| words.ends_with("netroam-lifeline\0"))
            })
            .collect();
        assert_eq!(shells.len(), 1, "{shells:?}");
        shells[0]
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Runs this program as the first of a process namespace, with its own /proc.
fn in_a_world_of_its_own(word: &str) {
    let status = Command::new("unshare")
        .args(["--pid", "--fork", "--mount-proc", "--kill-child"])
        .arg(env::current_exe().unwrap())
        .arg(word)
        .status()
        .expect("unshare (util-linux)");
    assert!(
        status.success(),
        "{word}: {status} (process namespaces need root)"
    );
}

/// What proc(5) says of a process, from its state on; `None` where there is none.
fn stat(pid: i32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(") ")?;
    Some(after_name.split(' ').map(str::to_owned).collect())
}

/// An orphan's new parent may be slow to reap it.
fn alive(pid: i32) -> bool {
    stat(pid).is_some_and(|stat| stat[0] != "Z")
}

/// Polls outside state, with a deadline.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < deadline, "not in ten seconds: {what}");
        thread::park_timeout(Duration::from_millis(2));
    }
}
