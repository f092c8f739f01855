//! A session that is attached and ticking.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use netroam_lab::{Client, Lab, Mux, Net, Proc, Terminal, seconds};
use netroam_platform::clock;

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

/// Types a command until it is answered: while a session is being attached, what is typed is thrown away, by netroam or by screen.
pub(crate) fn answered(terminal: &Terminal, command: &str, answer: &str) {
    eventually(command, || {
        terminal.type_keys(&format!("{command}\r")).unwrap();
        terminal
            .wait_for_text(answer, Duration::from_secs(1))
            .is_ok()
    });
}
