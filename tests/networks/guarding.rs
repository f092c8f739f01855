//! `netroam guard` and `netroam sweep`: the connections of other people's ssh, found and handed over.

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    process::{Child, Stdio},
};

use netroam_lab::{Lab, Net, Piped, seconds};
use netroam_platform::clock;
use nix::sys::signal::Signal;

use super::{
    dialler::{self, furnish},
    support::{SOON, eventually, netroam, pause, prompt, ticking, watch},
};

fn guard(lab: &Lab) -> Piped {
    let program = netroam().to_str().unwrap();
    let guard = lab.piped(&[program, "guard"], &[]).unwrap();
    guard
        .wait_for_stderr("netroam: guarding the connections of ssh\n", SOON)
        .unwrap();
    guard
}

/// A look, or the real thing.
fn sweep(lab: &Lab, words: &[&str]) -> String {
    let program = netroam().to_str().unwrap();
    let mut sweep = lab
        .piped(&[&[program, "sweep"], words].concat(), &[])
        .unwrap();
    let status = sweep.wait_exit(SOON).unwrap();
    assert!(status.success(), "{}", sweep.stderr());
    sweep.stdout()
}

/// git over a master of the user's, which the first one starts and which stays.
struct Mastered<'a> {
    lab: &'a Lab,
    ssh: String,
    control: std::path::PathBuf,
}

impl<'a> Mastered<'a> {
    fn new(lab: &'a Lab, config: &std::path::Path) -> Self {
        furnish(lab);
        let control = lab.dir().join("laptop/run/master");
        let ssh = format!(
            "ssh -F {} -o ControlMaster=auto -o ControlPersist=yes -o ControlPath={}",
            config.display(),
            control.display()
        );
        let mastered = Self { lab, ssh, control };
        mastered.works();
        mastered
    }

    fn git(&self) -> Piped {
        let words = ["git", "ls-remote", "ssh://work4/~/repository"];
        self.lab
            .piped(&words, &[("GIT_SSH_COMMAND", &self.ssh)])
            .unwrap()
    }

    fn works(&self) {
        let git = self.git();
        git.wait_for_stdout("refs/heads/", SOON)
            .unwrap_or_else(|error| panic!("{error:#}"));
    }

    /// The number, on the laptop, of the one process that has the connection.
    fn master(&self) -> u32 {
        let mut all = self.lab.laptop().processes().unwrap();
        all.retain(|process| process.name == "ssh" && process.command.contains("[mux]"));
        assert_eq!(all.len(), 1, "{all:?}");
        let status = fs::read_to_string(format!("/proc/{}/status", all[0].pid)).unwrap();
        let numbers = status.lines().find(|line| line.starts_with("NSpid:"));
        let inner = numbers.and_then(|line| line.split_whitespace().last());
        inner.unwrap().parse().unwrap()
    }
}

#[test]
fn a_master_whose_path_is_gone_hangs_git_until_guard_has_ended_it() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let mastered = Mastered::new(&lab, &lab.ssh_config());
    let master = mastered.master();
    assert!(mastered.control.exists());

    // Without a guard.
    lab.move_to(Net::Cafe).unwrap();
    let mut hangs = mastered.git();
    assert!(hangs.wait_exit(std::time::Duration::from_secs(4)).is_err());
    drop(hangs);
    let listed = sweep(&lab, &["--dry-run"]);
    let why = "dead, lost 192.168.1.10, the host is reached via cafe0 (10.20.0.10) now\n";
    assert!(
        listed.contains(&format!("ssh {master} to 203.0.113.10 port 22 (")) && listed.contains(why),
        "{listed}"
    );
    assert_eq!(mastered.master(), master, "it was only listed");

    // One that begins now judges what was there before it.
    let mut guard = guard(&lab);
    let said = format!("netroam: ssh {master} to 203.0.113.10 port 22 (");
    guard.wait_for_stderr(&said, SOON).unwrap();
    eventually("its control socket to be gone", || {
        !mastered.control.exists()
    });
    mastered.works();

    // And what goes under its eyes, in the moment of the move.
    let second = mastered.master();
    let moved = clock::wall();
    lab.move_to(Net::Home).unwrap();
    let said = format!("netroam: ssh {second} to 203.0.113.10 port 22 (");
    guard.wait_for_stderr(&said, SOON).unwrap();
    let took = seconds(moved, clock::wall());
    assert!(took < 3.0, "{took} s");
    eventually("its control socket to be gone", || {
        !mastered.control.exists()
    });
    mastered.works();
    let stderr = guard.stderr();
    assert_eq!(stderr.matches(": ended, lost ").count(), 2, "{stderr}");
    guard.signal(Signal::SIGTERM).unwrap();
    assert_eq!(guard.wait_exit(SOON).unwrap().code(), Some(0));
}

#[test]
fn sweep_ends_what_is_dead_and_nothing_else() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let mastered = Mastered::new(&lab, &lab.ssh_config());
    // A session of netroam's own, and another user's ssh: neither is anybody else's business.
    let terminal = super::support::attached(&lab, "work4", netroam_lab::Mux::Screen);
    let mut foreign = as_nobody(&lab);
    let living = sweep(&lab, &["-n"]);
    assert_eq!(living.lines().count(), 1, "{living}");
    assert!(living.ends_with(": alive\n"), "{living}");
    assert_eq!(sweep(&lab, &[]), "");
    let master = mastered.master();
    lab.leave(Net::Home).unwrap();
    let nowhere = sweep(&lab, &["-n"]);
    assert!(
        nowhere.contains(": no path, lost 192.168.1.10\n"),
        "{nowhere}"
    );
    assert_eq!(sweep(&lab, &[]), "", "it may come back");
    assert_eq!(mastered.master(), master);
    lab.arrive(Net::Cafe).unwrap();
    let ended = sweep(&lab, &[]);
    assert!(
        ended.starts_with(&format!("ssh {master} to ")) && ended.lines().count() == 1,
        "{ended}"
    );
    mastered.works();
    ticking(&terminal, clock::wall());
    assert!(foreign.try_wait().unwrap().is_none(), "it is not ours");
    // It is that user's own, who is no administrator.
    let own = sweep_as_nobody(&lab);
    assert!(
        own.contains(": dead, lost 192.168.1.10") && own.lines().count() == 1,
        "{own}"
    );
    foreign.kill().unwrap();
    foreign.wait().unwrap();
}

/// An ssh of another user, whose question about the host key nobody answers.
fn as_nobody(lab: &Lab) -> Child {
    let ask = lab.dir().join("server/tmp/ask");
    fs::write(&ask, "#!/bin/sh\nexec sleep 100\n").unwrap();
    fs::set_permissions(&ask, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(lab.dir(), fs::Permissions::from_mode(0o755)).unwrap();
    let before = sessions(lab);
    let mut command = lab.command("ssh");
    command
        .args(["-F", "/dev/null", "-o", "UserKnownHostsFile=/dev/null"])
        .args(["dev@203.0.113.10", "true"])
        .env("SSH_ASKPASS", ask)
        .env("SSH_ASKPASS_REQUIRE", "force")
        .uid(100) // sshd's own: the laptop knows no other
        .gid(65_534)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let child = lab.spawn(&mut command).unwrap();
    eventually("the question", || sessions(lab) > before);
    child
}

fn sweep_as_nobody(lab: &Lab) -> String {
    let mut command = lab.command(netroam());
    command
        .args(["sweep", "--dry-run"])
        .env("XDG_STATE_HOME", lab.dir().join("server/tmp/state"))
        .uid(100)
        .gid(65_534)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let output = lab.spawn(&mut command).unwrap().wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_connection_in_doubt_is_left_alone_until_its_use_shows_that_it_is_dead() {
    let lab = Lab::builder().home_without_nat().start().unwrap();
    lab.arrive(Net::Home).unwrap();
    let guard = guard(&lab);
    let mastered = Mastered::new(&lab, &lab.ssh_config());
    let master = mastered.master();
    lab.remove_addresses(Net::Home).unwrap();
    pause(1.0);
    lab.restore_addresses(Net::Home).unwrap();
    mastered.works();
    pause(1.5);
    assert_eq!(mastered.master(), master, "a blip is no death");
    // Another way for the same address, which does not lead back.
    lab.arrive_as(Net::Cafe, 77, 10).unwrap();
    pause(5.0);
    let listed = sweep(&lab, &["-n"]);
    assert!(
        listed.contains(": doubtful, the path moved from home0"),
        "{listed}"
    );
    assert_eq!(mastered.master(), master, "nobody has asked it anything");
    let asked = clock::wall();
    let mut git = mastered.git();
    git.wait_exit(SOON).unwrap();
    let took = seconds(asked, clock::wall());
    assert!(took < 8.0, "git hung for {took} s");
    let said = guard.stderr();
    assert!(
        said.contains("ended, the path moved from home0 (192.168.1.10) to cafe0 (10.20.0.77), and the old connection does not answer\n"),
        "{said}"
    );
    mastered.works();
}

#[test]
fn a_connection_that_was_handed_over_is_let_go_with_its_ssh() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let mut guard = guard(&lab);
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        let mut connected = dialler::ssh(&lab, &["work4", "echo here; sleep 100"]);
        connected.wait_for_stdout("here", SOON).unwrap();
        eventually("guard to hold it", || holds(&guard) == 1);
        let gone = clock::wall();
        connected.signal(signal).unwrap();
        connected.wait_exit(SOON).unwrap();
        eventually("the server to see the end", || sessions(&lab) == 0);
        let took = seconds(gone, clock::wall());
        assert!(took < 1.0, "{signal}: {took} s");
        eventually("guard to let go", || holds(&guard) == 0);
    }
    // One that ends by itself.
    let mut done = dialler::ssh(&lab, &["work4", "true"]);
    assert!(done.wait_exit(SOON).unwrap().success());
    eventually("guard to let go", || holds(&guard) == 0);
    assert_eq!(sessions(&lab), 0);
    guard.signal(Signal::SIGINT).unwrap();
    assert_eq!(guard.wait_exit(SOON).unwrap().code(), Some(0));
    let said = guard.stderr();
    assert_eq!(said.lines().count(), 1, "nothing was ended: {said}");
}

#[test]
fn a_connection_that_was_handed_over_is_asked_and_ended_exactly() {
    let lab = Lab::builder().home_without_nat().start().unwrap();
    lab.arrive(Net::Home).unwrap();
    let guard = guard(&lab);
    let config = dialler::config(&lab);
    let mastered = Mastered::new(&lab, &config);
    let master = mastered.master();
    // The ssh that fetched it is gone; the master that it left behind has it.
    eventually("guard to hold it", || holds(&guard) == 1);
    // A blip: the same address comes back.
    lab.remove_addresses(Net::Home).unwrap();
    pause(1.0);
    lab.restore_addresses(Net::Home).unwrap();
    mastered.works();
    assert_eq!(mastered.master(), master);
    // Another way for the same address, which does not lead back: the café translates.
    lab.arrive_as(Net::Cafe, 77, 10).unwrap();
    let why =
        format!("netroam: work4: ended the connection of ssh {master} to 203.0.113.10 port 22, ");
    guard.wait_for_stderr(&why, SOON).unwrap();
    let said = guard.stderr();
    let line = said.lines().last().unwrap();
    assert!(
        line.contains("the path moved from home0") && line.ends_with("does not answer"),
        "{line}"
    );
    eventually("the master to be gone", || !mastered.control.exists());
    mastered.works();
    // The next one, in the moment that its address goes.
    let second = mastered.master();
    eventually("guard to hold it", || holds(&guard) == 1);
    let moved = clock::wall();
    lab.move_to(Net::Home).unwrap();
    let why = format!(
        "ended the connection of ssh {second} to 203.0.113.10 port 22, cafe0 lost 10.20.0.77"
    );
    guard.wait_for_stderr(&why, SOON).unwrap();
    let took = seconds(moved, clock::wall());
    assert!(took < 3.0, "{took} s");
    eventually("the master to be gone", || !mastered.control.exists());
    mastered.works();
}

/// A stopped process ends when it goes on, and not before (signal(7)).
#[test]
fn an_ssh_that_is_stopped_is_told_once_to_end() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let guard = guard(&lab);
    let config = lab.ssh_config();
    let words = ["ssh", "-F", config.to_str().unwrap(), "work4", "sleep 100"];
    let mut stopped = lab.piped(&words, &[]).unwrap();
    eventually("the session", || sessions(&lab) == 1);
    stopped.signal(Signal::SIGSTOP).unwrap();
    lab.move_to(Net::Cafe).unwrap();
    guard.wait_for_stderr(": ended, ", SOON).unwrap();
    for what in ["add", "del"] {
        pause(1.0);
        lab.laptop()
            .ip(&format!("addr {what} 10.20.0.99/24 dev cafe0"))
            .unwrap();
    }
    pause(1.0);
    let said = guard.stderr();
    assert_eq!(said.matches(": ended, ").count(), 1, "{said}");
    stopped.signal(Signal::SIGCONT).unwrap();
    stopped.wait_exit(SOON).unwrap();
}

#[test]
fn there_is_one_guard_and_one_that_was_killed_is_no_hindrance() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let mut first = guard(&lab);
    let program = netroam().to_str().unwrap();
    let mut second = lab.piped(&[program, "guard"], &[]).unwrap();
    assert_eq!(second.wait_exit(SOON).unwrap().code(), Some(241));
    assert!(second.stderr().contains("a guard runs already (pid "));
    first.signal(Signal::SIGKILL).unwrap();
    first.wait_exit(SOON).unwrap();
    let mut alone = dialler::ssh(&lab, &["work4", "true"]);
    assert!(alone.wait_exit(SOON).unwrap().success());
    let guard = guard(&lab);
    // What a session's own ssh has dialled is the session's.
    let file = dialler::config(&lab);
    let words = [
        "--dial",
        "ssh",
        "--session",
        "people",
        "-F",
        file.to_str().unwrap(),
    ];
    let terminal = watch(&lab, &words, &["work4"]);
    prompt(&terminal);
    assert_eq!(holds(&guard), 0);
}

#[test]
fn through_a_tunnel_a_connection_is_held_until_the_tunnel_is_back() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    dialler::configure(&lab, "[host.work4]\nvia = 'tunnel'\n");
    lab.tunnel_up(7).unwrap();
    let guard = guard(&lab);
    let mut cat = dialler::ssh(&lab, &["work4", "cat"]);
    cat.write("before\n").unwrap();
    cat.wait_for_stdout("before", SOON).unwrap();
    eventually("guard to hold it", || holds(&guard) == 1);
    lab.tunnel_down();
    // Longer than the kernel would wait for an acknowledgement of this.
    pause(0.5);
    cat.write("meanwhile\n").unwrap();
    pause(17.0);
    lab.tunnel_up(7).unwrap();
    cat.wait_for_stdout("meanwhile", SOON).unwrap();
    assert_eq!(guard.stderr().lines().count(), 1, "{}", guard.stderr());
    // Another address is the end of it.
    lab.tunnel_up(8).unwrap();
    let why = "netroam: work4: ended the connection of ssh ";
    guard.wait_for_stderr(why, SOON).unwrap();
    assert!(
        guard
            .stderr()
            .contains("lost 10.8.0.7, the host is reached via vpn0 (10.8.0.8) now")
    );
    assert_eq!(cat.wait_exit(SOON).unwrap().code(), Some(255));
}

/// How many sockets to the server a guard has.
fn holds(guard: &Piped) -> usize {
    let descriptors = fs::read_dir(format!("/proc/{}/fd", guard.pid())).unwrap();
    let inodes: Vec<String> = descriptors
        .flatten()
        .filter_map(|entry| {
            let link = fs::read_link(entry.path())
                .ok()?
                .to_string_lossy()
                .into_owned();
            Some(link.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
        })
        .collect();
    let connections = fs::read_to_string(format!("/proc/{}/net/tcp", guard.pid())).unwrap();
    let inode = |line: &str| line.split_whitespace().nth(9).map(str::to_owned);
    connections
        .lines()
        .skip(1)
        .filter_map(inode)
        .filter(|inode| inodes.contains(inode))
        .count()
}

/// How many connections the server has, its listening sshd left out.
fn sessions(lab: &Lab) -> usize {
    let connected = lab
        .server()
        .node()
        .sh("ss -tnH state established sport :22");
    connected.unwrap().lines().count()
}
