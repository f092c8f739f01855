//! A session that is attached and ticking.

use std::{
    fs,
    path::Path,
    process::ExitStatus,
    time::{Duration, SystemTime},
};

use netroam_lab::{Client, Lab, Mux, Net, Proc, Terminal, seconds};
use netroam_platform::clock;
use nix::{pty::openpty, sys::termios::tcgetattr};

/// Far more than anything here takes; only a failure waits for so long.
pub(crate) const SOON: Duration = Duration::from_secs(30);

pub(crate) fn netroam() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_netroam"))
}

/// netroam at home, attached to the ticking probe in `mux` on `host`.
pub(crate) fn attached(lab: &Lab, host: &str, mux: Mux) -> Terminal {
    lab.start_probe(mux, "probe").unwrap();
    let terminal = lab
        .run(&Client::netroam(lab, netroam(), host, mux, "probe"))
        .unwrap();
    ticking(&terminal, clock::wall());
    terminal
}

/// At home, attached, in screen.
pub(crate) fn at_home(lab: &Lab) -> Terminal {
    lab.arrive(Net::Home).unwrap();
    attached(lab, "work", Mux::Screen)
}

/// Waits until the remote program is heard again; returns the seconds it took since `moment`.
pub(crate) fn ticking(terminal: &Terminal, moment: SystemTime) -> f64 {
    match terminal.wait_for_tick(moment, SOON) {
        Ok(tick) => seconds(moment, tick.seen),
        Err(error) => panic!("{error:#}\nscreen:\n{}", terminal.screen()),
    }
}

/// The ssh processes of this netroam.
pub(crate) fn ssh(terminal: &Terminal) -> Vec<Proc> {
    Proc::ssh_below(terminal.pid()).unwrap()
}

/// Waits for outside state that gives no event to wait for.
pub(crate) fn eventually(what: &str, mut there: impl FnMut() -> bool) {
    let deadline = clock::now() + SOON;
    while !there() {
        assert!(clock::now() < deadline, "waited for {what} for {SOON:?}");
        pause(0.01);
    }
}

/// netroam with these options of its own and these words for ssh, under a terminal of 24 rows and 80 columns.
pub(crate) fn watch(lab: &Lab, own: &[&str], ssh: &[&str]) -> Terminal {
    let config = lab.ssh_config();
    let arguments = [netroam().to_str().unwrap(), "watch"]
        .into_iter()
        .chain(own.iter().copied())
        .chain(["-F", config.to_str().unwrap()])
        .chain(ssh.iter().copied());
    lab.terminal(&arguments.collect::<Vec<_>>()).unwrap()
}

/// The pid of the one ssh that this netroam has.
pub(crate) fn own(terminal: &Terminal) -> u32 {
    let ssh = ssh(terminal);
    assert_eq!(ssh.len(), 1, "{ssh:?}");
    ssh[0].pid
}

pub(crate) fn same_ssh(terminal: &Terminal, pid: u32) -> bool {
    ssh(terminal).iter().any(|ssh| ssh.pid == pid)
}

/// Lets an outage last: its length is what is tested, so no event could be awaited instead.
#[expect(clippy::disallowed_methods, reason = "an outage has a length")]
pub(crate) fn pause(seconds: f64) {
    std::thread::sleep(Duration::from_secs_f64(seconds));
}

/// Types a command until it is answered: while a session is being attached, what is typed is thrown away, by netroam or by screen. A number is an
/// answer on a line of its own only: netroam's own lines have numbers too.
pub(crate) fn answered(terminal: &Terminal, command: &str, answer: &str) {
    let number = answer.bytes().all(|byte| byte.is_ascii_digit());
    let there = |screen: &str| {
        if number {
            screen.lines().any(|line| line.trim_end() == answer)
        } else {
            screen.contains(answer)
        }
    };
    let deadline = clock::now() + SOON;
    loop {
        terminal.type_keys(&format!("{command}\r")).unwrap();
        let found = terminal.wait_until(Duration::from_secs(1), answer, |parser| {
            there(&parser.screen().contents()).then_some(())
        });
        match found {
            Ok(()) => return,
            Err(error) => assert!(clock::now() < deadline, "{command}: {error:#}"),
        }
    }
}

/// netroam at the prompt of a shell in the session `people` on `host`.
pub(crate) fn shell(lab: &Lab, own: &[&str], host: &str) -> Terminal {
    let options = [&["--session", "people"], own].concat();
    let terminal = watch(lab, &options, &[host]);
    prompt(&terminal);
    terminal
}

/// Everything that was written to the terminal, whatever has been drawn over it since.
pub(crate) fn said(terminal: &Terminal) -> String {
    String::from_utf8_lossy(&terminal.bytes()).into_owned()
}

/// Waits for the status line, or whatever else is on the screen, to say this.
pub(crate) fn status(terminal: &Terminal, text: &str) {
    terminal.wait_for_text(text, SOON).unwrap();
}

/// Waits for a shell's prompt.
pub(crate) fn prompt(terminal: &Terminal) {
    terminal.wait_for_text("$ ", SOON).unwrap();
}

/// Waits for the end of netroam, after which nothing of it may be left: not a mode of the terminal, not a process, not a file but locks.
pub(crate) fn ended(lab: &Lab, terminal: &mut Terminal) -> ExitStatus {
    let status = terminal.wait_exit(SOON).unwrap();
    let fresh = openpty(None, None).unwrap();
    assert_eq!(
        terminal.termios().unwrap(),
        tcgetattr(&fresh.slave).unwrap(),
        "the terminal is as it was"
    );
    assert_eq!(terminal.input_modes(), "", "{}", terminal.screen());
    assert!(!terminal.alternate_screen());
    nothing_left(lab);
    status
}

/// No netroam and no ssh on the laptop, and none of their files but the logs and locks.
pub(crate) fn nothing_left(lab: &Lab) {
    eventually("netroam and ssh to be gone", || ours(lab).is_empty());
    let left: Vec<_> = run_files(lab)
        .into_iter()
        .filter(|name| Path::new(name).extension() != Some("lock".as_ref()))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

/// What is in the directory of locks, fifos and sockets.
pub(crate) fn run_files(lab: &Lab) -> Vec<String> {
    fs::read_dir(lab.dir().join("laptop/run/netroam"))
        .map(|entries| {
            entries
                .flatten()
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                .collect()
        })
        .unwrap_or_default()
}

/// Every netroam and ssh on the laptop, stopped ones and zombies included.
pub(crate) fn ours(lab: &Lab) -> Vec<Proc> {
    let mut all = lab.laptop().processes().unwrap();
    all.retain(|process| ["netroam", "ssh"].contains(&&*process.name));
    all
}
