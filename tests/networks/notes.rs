//! The note of whose a connection is, left before the server listens for it, and hosts where none can be left.

use std::fs;

use netroam_lab::{Lab, Mux, Net, Proc, seconds};
use netroam_platform::clock;

use super::{
    forwards::{MINE, REMOTE, lab, remote_works, sshd, tunnel, why},
    ports::serve,
    support::{SOON, eventually, pause, ticking, watch},
};

/// A second path is lost when its run has logged in, and before the host knows whose connection that is. `tunnel` has the forward by now.
fn lost_before_it_is_known(lab: &Lab) {
    let home = lab.server().home_of("dev");
    pause(3.0);
    lab.leave(Net::Home).unwrap();
    lab.server().kill_sessions().unwrap();
    // sshd runs this before any command, and before the context's.
    fs::create_dir_all(home.join(".ssh")).unwrap();
    fs::write(home.join(".ssh/rc"), "[ -e hold ] && exec sleep 1000\n").unwrap();
    fs::write(home.join("hold"), "").unwrap();
    lab.arrive(Net::Cafe).unwrap();
    eventually("the second run", || !sshd(lab).is_empty());
    // A forward that ssh asks for when it logs in would be there by now, and in nobody's name.
    pause(1.0);
    lab.leave(Net::Cafe).unwrap();
    fs::remove_file(home.join("hold")).unwrap();
    lab.arrive(Net::Home).unwrap();
    eventually("the remote port", || remote_works(lab));
}

#[test]
fn a_run_that_is_lost_right_after_its_login_holds_no_port_of_a_tunnel() {
    let lab = lab();
    let forward = format!("{REMOTE}:127.0.0.1:{MINE}");
    let piped = tunnel(&lab, &["-R", &forward, "work4"]);
    eventually("the tunnel", || remote_works(&lab));
    lost_before_it_is_known(&lab);
    assert!(!piped.stderr().contains("-R"), "{}", piped.stderr());
}

#[test]
fn a_run_that_is_lost_right_after_its_login_holds_no_port_of_a_session() {
    let lab = lab();
    lab.start_probe(Mux::Screen, "probe").unwrap();
    let forward = format!("{REMOTE}:127.0.0.1:{MINE}");
    let terminal = watch(&lab, &["--session", "probe"], &["-R", &forward, "work4"]);
    ticking(&terminal, clock::wall());
    eventually("the tunnel", || remote_works(&lab));
    lost_before_it_is_known(&lab);
    assert!(!why(&lab).contains("not to be had"), "{}", why(&lab));
}

#[test]
fn a_key_with_a_command_of_its_own_is_not_made_to_run_it() {
    let lab = lab();
    let key = lab.dir().join("server/user_key.pub");
    let line = fs::read_to_string(&key).unwrap();
    fs::write(&key, format!("command=\"touch ran\" {line}")).unwrap();
    let forward = format!("{REMOTE}:127.0.0.1:{MINE}");
    let mut piped = tunnel(&lab, &["-R", &forward, "work"]);
    eventually("the tunnel", || remote_works(&lab));
    pause(1.0);
    assert!(!lab.server().home_of("dev").join("ran").exists());
    piped.signal(nix::sys::signal::Signal::SIGTERM).unwrap();
    piped.wait_exit(SOON).unwrap();
}

/// `ForceCommand` of `sshd_config(5)` is not told to the client, as a key's own command is.
#[test]
fn a_host_that_runs_something_else_for_ever_delays_nothing_and_keeps_no_process() {
    let lab = Lab::builder()
        .sshd("ForceCommand exec sleep 1000")
        .start()
        .unwrap();
    lab.arrive(Net::Home).unwrap();
    serve(lab.laptop(), MINE, "the laptop's");
    let there = lab.server().home_of("dev").join("there");
    let socket = format!("{}:127.0.0.1:{MINE}", there.display());
    let forward = format!("{REMOTE}:127.0.0.1:{MINE}");
    let mut piped = tunnel(&lab, &["-R", &forward, "-R", &socket, "work4"]);
    eventually("the tunnel", || remote_works(&lab));
    pause(3.0);
    for net in [Net::Cafe, Net::Home] {
        lab.server().kill_sessions().unwrap();
        fs::remove_file(&there).unwrap();
        let lost = clock::wall();
        lab.move_to(net).unwrap();
        eventually("the tunnel", || remote_works(&lab));
        let back = seconds(lost, clock::wall());
        assert!(back < 3.0, "{back}");
        // ssh and netroam, and what asks is ended after 4 s.
        pause(7.0);
        let below = Proc::below(piped.pid()).unwrap();
        assert_eq!(below.len(), 1, "{below:?}");
    }
    piped.signal(nix::sys::signal::Signal::SIGTERM).unwrap();
    piped.wait_exit(SOON).unwrap();
}

#[test]
fn where_only_one_channel_is_granted_nobody_reads_of_it() {
    let lab = Lab::builder().sshd("MaxSessions 1").start().unwrap();
    lab.arrive(Net::Home).unwrap();
    serve(lab.laptop(), MINE, "the laptop's");
    lab.start_probe(Mux::Screen, "probe").unwrap();
    let forward = format!("{REMOTE}:127.0.0.1:{MINE}");
    let terminal = watch(&lab, &["--session", "probe"], &["-R", &forward, "work4"]);
    ticking(&terminal, clock::wall());
    eventually("the tunnel", || remote_works(&lab));
    pause(3.0);
    lab.move_to(Net::Cafe).unwrap();
    ticking(&terminal, clock::wall());
    eventually("the tunnel", || remote_works(&lab));
    let all = String::from_utf8_lossy(&terminal.bytes()).into_owned();
    assert!(!all.contains("open failed"), "{all}");
}
