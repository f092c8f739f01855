//! Forwards come back, whatever the stale server side still holds, and never cost the session.

use std::{fs, os::unix::net::UnixListener};

use netroam_lab::{Lab, Mux, Net, Node, Piped, Terminal, seconds};
use netroam_platform::clock;

use super::{
    ports::{leads_to, proxy_leads_to, serve, socket_leads_to, take},
    support::{SOON, ended, eventually, netroam, own, pause, said, same_ssh, ticking, watch},
};

/// On the server, from where `-R` leads to the laptop.
pub(crate) const REMOTE: u16 = 18080;
/// On the laptop, from where `-L` leads to the server.
const LOCAL: u16 = 18022;
/// On the laptop, for `-D`.
const DYNAMIC: u16 = 18023;
/// The laptop's own service, and the server's.
pub(crate) const MINE: u16 = 7001;
const THEIRS: u16 = 7002;

/// Both services, and the laptop at home.
pub(crate) fn lab() -> Lab {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    serve(lab.laptop(), MINE, "the laptop's");
    serve(lab.server().node(), THEIRS, "the server's");
    lab
}

/// netroam with a file of its own for ssh, that has these lines for the host `work`, under a terminal.
fn configured(lab: &Lab, lines: &str, own: &[&str], words: &[&str]) -> Terminal {
    let config = config(lab, lines);
    let words = [&["-F", &config][..], words].concat();
    let words: Vec<_> = [netroam().to_str().unwrap(), "watch"]
        .into_iter()
        .chain(own.iter().copied())
        .chain(words)
        .collect();
    lab.terminal(&words).unwrap()
}

fn config(lab: &Lab, lines: &str) -> String {
    let path = lab.dir().join("laptop/forwards_config");
    let include = lab.ssh_config();
    let text = format!(
        "Host work\n{lines}\nHost *\nInclude {}\n",
        include.display()
    );
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A tunnel without any terminal.
pub(crate) fn tunnel(lab: &Lab, words: &[&str]) -> Piped {
    let config = lab.ssh_config();
    let words: Vec<_> = [
        netroam().to_str().unwrap(),
        "watch",
        "-F",
        config.to_str().unwrap(),
        "-N",
    ]
    .into_iter()
    .chain(words.iter().copied())
    .collect();
    lab.piped(&words, &[]).unwrap()
}

pub(crate) fn remote_works(lab: &Lab) -> bool {
    leads_to(lab.server().node(), REMOTE, "the laptop's")
}

/// What forwards a line of `netroam why work` says are missing, and all else that it says.
pub(crate) fn why(lab: &Lab) -> String {
    let config = lab.ssh_config();
    let words = [
        netroam().to_str().unwrap(),
        "why",
        "-F",
        config.to_str().unwrap(),
        "work",
    ];
    let mut why = lab.piped(&words, &[]).unwrap();
    why.wait_exit(SOON).unwrap();
    why.stdout()
}

/// The processes of sshd that serve the account.
pub(crate) fn sshd(lab: &Lab) -> Vec<u32> {
    let all = lab.server().processes().unwrap();
    let of_dev = all
        .into_iter()
        .filter(|process| process.command.starts_with("sshd: dev"));
    of_dev.map(|process| process.pid).collect()
}

#[test]
fn every_kind_works_again_after_a_move_with_the_old_server_side_still_there() {
    let lab = lab();
    lab.start_probe(Mux::Screen, "probe").unwrap();
    let (here, there) = (
        lab.dir().join("laptop/run/here"),
        lab.server().home_of("dev").join("there"),
    );
    let (here_to, there_to) = (
        format!("{}:127.0.0.1:{THEIRS}", here.display()),
        format!("{}:127.0.0.1:{MINE}", there.display()),
    );
    let local = format!("{LOCAL}:127.0.0.1:{THEIRS}");
    let lines = format!("RemoteForward {REMOTE} 127.0.0.1:{MINE}\nDynamicForward {DYNAMIC}");
    let own = ["--session", "probe"];
    let words = ["-L", &local, "-L", &here_to, "-R", &there_to, "work"];
    let terminal = configured(&lab, &lines, &own, &words);
    ticking(&terminal, clock::wall());
    let all_but_remote = || {
        leads_to(lab.laptop(), LOCAL, "the server's")
            && proxy_leads_to(lab.laptop(), DYNAMIC, THEIRS, "the server's")
            && socket_leads_to(&here, "the server's")
    };
    let remote_socket = || {
        lab.server()
            .node()
            .within(|| Ok(socket_leads_to(&there, "the laptop's")))
            .unwrap()
    };
    eventually("all forwards", || {
        all_but_remote() && remote_works(&lab) && remote_socket()
    });
    pause(3.0);
    for net in [Net::Cafe, Net::Home] {
        let moved = clock::wall();
        lab.move_to(net).unwrap();
        let usable = ticking(&terminal, moved);
        eventually("the remote port", || remote_works(&lab));
        let back = seconds(moved, clock::wall());
        assert!(
            back < usable + 1.0 + 0.5,
            "usable {usable}, the remote port {back}"
        );
        eventually("the others", || all_but_remote() && remote_socket());
        pause(3.0);
    }
    // Not a word about any of it.
    assert!(!said(&terminal).contains("forward"), "{}", said(&terminal));
    assert!(!why(&lab).contains("not to be had"), "{}", why(&lab));
}

#[test]
fn a_remote_port_that_somebody_else_has_costs_nothing_and_comes_when_it_is_free() {
    let lab = lab();
    lab.start_probe(Mux::Tmux, "probe").unwrap();
    let strange = take(lab.server().node(), REMOTE).unwrap();
    let forward = format!("{REMOTE}:127.0.0.1:{MINE}");
    let own_options = ["--session", "probe", "--context", "tmux"];
    let terminal = watch(&lab, &own_options, &["-R", &forward, "work"]);
    ticking(&terminal, clock::wall());
    let first = own(&terminal);
    eventually("netroam to say so", || {
        why(&lab).contains(&format!(", but not yet -R {REMOTE}"))
    });
    assert!(
        why(&lab).contains(&format!(
            "-R {REMOTE} is not to be had on the host, asking again"
        )),
        "{}",
        why(&lab)
    );
    drop(strange);
    eventually("the remote port", || remote_works(&lab));
    assert!(same_ssh(&terminal, first));
    eventually("netroam to say so", || {
        why(&lab).contains(&format!("-R {REMOTE} works again"))
    });
    ticking(&terminal, clock::wall());
    // Once, by ssh itself; nothing while somebody looks at the session.
    let said = said(&terminal);
    assert_eq!(
        said.matches("remote port forwarding failed").count(),
        1,
        "{said}"
    );
}

#[test]
fn a_tunnel_gets_its_port_back_from_its_own_stale_server_side_and_from_nobody_elses() {
    let lab = lab();
    // Somebody else's, of the same account.
    let config = lab.ssh_config();
    let other = format!("18081:127.0.0.1:{MINE}");
    let words = [
        "ssh",
        "-F",
        config.to_str().unwrap(),
        "-N",
        "-R",
        &other,
        "work6",
    ];
    let _other = lab.piped(&words, &[]).unwrap();
    eventually("the other one", || {
        leads_to(lab.server().node(), 18081, "the laptop's")
    });
    let others = sshd(&lab);
    let forward = format!("{REMOTE}:127.0.0.1:{MINE}");
    let mut piped = tunnel(
        &lab,
        &["-o", "ExitOnForwardFailure=yes", "-R", &forward, "work4"],
    );
    eventually("the tunnel", || remote_works(&lab));
    pause(3.0);
    let stale: Vec<_> = sshd(&lab)
        .into_iter()
        .filter(|pid| !others.contains(pid))
        .collect();
    // The other one stays at home, and so do its addresses.
    lab.arrive_as(Net::Cafe, Lab::HOST, Lab::METRIC / 2)
        .unwrap();
    lab.laptop()
        .ip(&format!(
            "addr del {}/24 dev home0",
            Net::Home.v4(Lab::HOST)
        ))
        .unwrap();
    let lost = clock::wall();
    eventually("the tunnel", || remote_works(&lab));
    let back = seconds(lost, clock::wall());
    assert!(back < 3.0, "{back}");
    eventually("the stale one to be gone", || {
        let now = sshd(&lab);
        now.len() == 2 * others.len() && !now.iter().any(|pid| stale.contains(pid))
    });
    assert!(others.iter().all(|pid| sshd(&lab).contains(pid)));
    assert!(!piped.stderr().contains("forward"), "{}", piped.stderr());
    piped.signal(nix::sys::signal::Signal::SIGTERM).unwrap();
    piped.wait_exit(SOON).unwrap();
}

#[test]
fn exit_on_forward_failure_means_what_it_says() {
    let lab = lab();
    let strange = take(lab.server().node(), REMOTE).unwrap();
    let forward = format!("{REMOTE}:127.0.0.1:{MINE}");
    let words = [
        "-N",
        "-o",
        "ExitOnForwardFailure=yes",
        "-R",
        &forward,
        "work",
    ];
    // With somebody there, as ssh does.
    let mut terminal = watch(&lab, &[], &words);
    assert_eq!(ended(&lab, &mut terminal).code(), Some(255));
    assert!(said(&terminal).contains("remote port forwarding failed for listen port 18080"));
    // Without, netroam is what starts it again.
    let piped = tunnel(&lab, &words[1..]);
    piped.wait_for_stderr("trying again", SOON).unwrap_or(());
    drop(strange);
    eventually("the tunnel", || remote_works(&lab));
    // And so it is for what is lost later.
    pause(3.0);
    lab.leave(Net::Home).unwrap();
    let strange = loop {
        lab.server().kill_sessions().unwrap();
        if let Ok(strange) = take(lab.server().node(), REMOTE) {
            break strange;
        }
    };
    lab.arrive(Net::Home).unwrap();
    let lost = format!("work: connection lost (-R {REMOTE} is not to be had on the host)");
    piped.wait_for_stderr(&lost, SOON).unwrap();
    drop(strange);
    eventually("the tunnel", || remote_works(&lab));
}

#[test]
fn a_local_port_that_somebody_else_has_comes_when_it_is_free() {
    let lab = lab();
    let forward = format!("{LOCAL}:127.0.0.1:{THEIRS}");
    let strange = take(lab.laptop(), LOCAL).unwrap();
    let piped = tunnel(&lab, &["-L", &forward, "work"]);
    let line = format!("netroam: work: -L {LOCAL} is not to be had here, asking again");
    piped.wait_for_stderr(&line, SOON).unwrap();
    drop(strange);
    eventually("the local port", || {
        leads_to(lab.laptop(), LOCAL, "the server's")
    });
    let line = format!("netroam: work: -L {LOCAL} works again");
    piped.wait_for_stderr(&line, SOON).unwrap();
}

/// Whoever listens on a Unix socket leaves it behind, and ssh cannot listen where one is.
#[test]
fn a_local_socket_that_is_left_behind_after_the_login_comes_back() {
    let lab = lab();
    let here = lab.dir().join("laptop/run/here");
    let forward = format!("{}:127.0.0.1:{THEIRS}", here.display());
    let piped = tunnel(&lab, &["-L", &forward, "work4"]);
    eventually("the tunnel", || socket_leads_to(&here, "the server's"));
    pause(3.0);
    lab.leave(Net::Home).unwrap();
    lab.server().kill_sessions().unwrap();
    fs::remove_file(&here).unwrap();
    let other = UnixListener::bind(&here).unwrap();
    lab.arrive(Net::Cafe).unwrap();
    let line = format!("-L {} is not to be had here, asking again", here.display());
    piped.wait_for_stderr(&line, SOON).unwrap();
    drop(other);
    eventually("the tunnel", || socket_leads_to(&here, "the server's"));
}

/// ssh says why in a line of another form than for a port that is taken.
#[test]
fn a_local_port_of_a_name_that_does_not_resolve_comes_when_it_does() {
    let lab = lab();
    let forward = format!("late.test:{LOCAL}:127.0.0.1:{THEIRS}");
    let piped = tunnel(&lab, &["-L", &forward, "work4"]);
    let line = format!("netroam: work4: -L late.test:{LOCAL} is not to be had here, asking again");
    piped.wait_for_stderr(&line, SOON).unwrap();
    lab.set_host_names("127.0.0.1 late.test\n").unwrap();
    eventually("the local port", || {
        leads_to(lab.laptop(), LOCAL, "the server's")
    });
}

/// `-w`: what keeps ssh from asking for forwards would take it away.
#[test]
fn a_tunnel_device_is_there_after_a_move_as_well() {
    let lab = Lab::builder().sshd("PermitTunnel yes").start().unwrap();
    lab.arrive(Net::Home).unwrap();
    serve(lab.laptop(), MINE, "the laptop's");
    lab.laptop().ip("tuntap add dev tun7 mode tun").unwrap();
    let owned = "ip tuntap add dev tun7 mode tun user $(id -u dev)";
    lab.server().node().sh(owned).unwrap();
    let forward = format!("{REMOTE}:127.0.0.1:{MINE}");
    let _piped = tunnel(&lab, &["-w", "7:7", "-R", &forward, "work4"]);
    // With somebody who has it open, and not without.
    let carrier = |node: &Node| {
        node.ip("link set tun7 up").unwrap();
        node.sh("ip -o link show tun7")
            .unwrap()
            .contains("LOWER_UP")
    };
    let up = || carrier(lab.laptop()) && carrier(lab.server().node());
    eventually("the tunnel", || remote_works(&lab) && up());
    pause(3.0);
    lab.leave(Net::Home).unwrap();
    lab.server().kill_sessions().unwrap();
    lab.arrive(Net::Cafe).unwrap();
    eventually("the tunnel", || remote_works(&lab) && up());
}
