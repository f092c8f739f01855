//! Forwards without anybody who looks: an open transfer through a blip, a tunnel that is lost, and `-f`.

use std::{
    io::{Read as _, Write as _},
    os::unix::process::ExitStatusExt as _,
    thread,
};

use netroam_lab::{Lab, Net, Proc, Terminal};
use netroam_platform::clock;
use nix::sys::signal::Signal;

use super::{
    ports::{connect, leads_to, serve, take},
    support::{SOON, eventually, netroam, nothing_left, ours, pause, said, watch},
};

/// On the laptop, from where `-L` leads to the server.
const LOCAL: u16 = 18022;
/// On the server, from where `-R` leads to the laptop.
const REMOTE: u16 = 18080;
/// The server's own service.
const THEIRS: u16 = 7002;

fn lab() -> Lab {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    serve(lab.server().node(), THEIRS, "the server's");
    lab
}

fn forward() -> String {
    format!("{LOCAL}:127.0.0.1:{THEIRS}")
}

fn works(lab: &Lab) -> bool {
    leads_to(lab.laptop(), LOCAL, "the server's")
}

/// The processes of this name on the laptop.
fn named(lab: &Lab, name: &str) -> Vec<Proc> {
    let mut all = ours(lab);
    all.retain(|process| process.name == name && process.state != 'Z');
    all
}

#[test]
fn an_open_transfer_outlives_a_blip_and_loses_not_one_byte() {
    type Move = fn(&Lab, Net) -> anyhow::Result<()>;
    let blips: [(Move, Move); 3] = [
        (Lab::link_down, Lab::link_up),
        (Lab::carrier_lost, Lab::carrier_back),
        (Lab::remove_addresses, Lab::restore_addresses),
    ];
    let lab = lab();
    // Over IPv4: of a link that goes down, the kernel takes the IPv6 addresses, and with them what was connected.
    let config = lab.ssh_config();
    let words = [
        netroam().to_str().unwrap(),
        "watch",
        "-F",
        config.to_str().unwrap(),
        "-N",
        "-L",
        &forward(),
        "work4",
    ];
    let piped = lab.piped(&words, &[]).unwrap();
    eventually("the tunnel", || works(&lab));
    let first = named(&lab, "ssh")[0].pid;
    let mut stream = connect(lab.laptop(), LOCAL).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let mut name = [0; "the server's".len()];
    stream.read_exact(&mut name).unwrap();
    // Enough to be under way through all of the blips: the reader takes a pause for each.
    let piece: Vec<u8> = (0..1_000_003_u32)
        .map(|n| n.to_le_bytes()[1] ^ n.to_le_bytes()[0])
        .collect();
    let (mut writer, sent) = (stream.try_clone().unwrap(), piece.clone());
    let writing = thread::spawn(move || {
        for _ in 0..9 {
            writer.write_all(&sent).unwrap();
        }
    });
    let mut back = vec![0; piece.len()];
    for (lose, regain) in blips {
        stream.read_exact(&mut back).unwrap();
        assert!(back == piece, "what came back is not what was sent");
        lose(&lab, Net::Home).unwrap();
        pause(4.0);
        regain(&lab, Net::Home).unwrap();
        for _ in 0..2 {
            stream.read_exact(&mut back).unwrap();
            assert!(back == piece, "what came back is not what was sent");
        }
    }
    writing.join().unwrap();
    assert_eq!(named(&lab, "ssh")[0].pid, first, "{}", piped.stderr());
}

#[test]
fn a_tunnel_that_is_dead_is_made_anew_and_a_server_that_refuses_is_asked_ever_less_often() {
    let lab = lab();
    let config = lab.ssh_config();
    let words = [
        netroam().to_str().unwrap(),
        "watch",
        "-F",
        config.to_str().unwrap(),
        "-N",
        "-L",
        &forward(),
        "work",
    ];
    let mut piped = lab.piped(&words, &[]).unwrap();
    eventually("the tunnel", || works(&lab));
    lab.move_to(Net::Cafe).unwrap();
    eventually("the tunnel", || works(&lab));
    let first = named(&lab, "ssh")[0].pid;
    Proc::look(first).unwrap().signal(Signal::SIGKILL).unwrap();
    eventually("the tunnel", || {
        works(&lab) && named(&lab, "ssh")[0].pid != first
    });
    lab.server().stop_sshd().unwrap();
    lab.server().kill_sessions().unwrap();
    piped.wait_for_stderr("trying again", SOON).unwrap();
    let sniffer = lab.sniff().unwrap();
    let since = clock::wall();
    pause(12.0);
    let tried = sniffer.syns(since).len();
    // At most after 1, 2, 4 and 8 s, two addresses each.
    assert!((1..=8).contains(&tried), "{tried} connections in 12 s");
    lab.server().start_sshd().unwrap();
    eventually("the tunnel", || works(&lab));
    piped.signal(Signal::SIGTERM).unwrap();
    assert_eq!(piped.wait_exit(SOON).unwrap().signal(), Some(15));
    nothing_left(&lab);
}

/// `netroam watch -f` from a terminal of its own.
fn background(lab: &Lab, words: &[&str]) -> Terminal {
    watch(lab, &[], &[&["-f"], words].concat())
}

#[test]
fn dash_f_goes_on_in_the_background_when_it_is_attached_and_outlives_its_terminal() {
    let lab = lab();
    let mut terminal = background(&lab, &["-N", "-L", &forward(), "work"]);
    assert!(
        terminal.wait_exit(SOON).unwrap().success(),
        "{}",
        terminal.screen()
    );
    eventually("the tunnel", || works(&lab));
    let [netroam] = &named(&lab, "netroam")[..] else {
        panic!("{:?}", ours(&lab));
    };
    let first = named(&lab, "ssh")[0].pid;
    for descriptor in 0..3 {
        let opened = std::fs::read_link(format!("/proc/{}/fd/{descriptor}", netroam.pid)).unwrap();
        assert_eq!(opened.to_str(), Some("/dev/null"));
    }
    terminal.hang_up();
    pause(1.0);
    assert_eq!(
        named(&lab, "ssh")[0].pid,
        first,
        "ssh outlives the terminal"
    );
    for net in [Net::Cafe, Net::Home] {
        lab.move_to(net).unwrap();
        eventually("the tunnel", || works(&lab));
    }
    assert_ne!(named(&lab, "ssh")[0].pid, first);
    netroam.signal(Signal::SIGTERM).unwrap();
    nothing_left(&lab);
}

#[test]
fn dash_f_says_how_it_failed_before_it_was_attached() {
    let lab = lab();
    // As ssh itself has it.
    let mut terminal = background(&lab, &["work"]);
    assert_eq!(terminal.wait_exit(SOON).unwrap().code(), Some(2));
    assert!(said(&terminal).contains("Cannot fork into background without a command"));
    let strange = take(lab.server().node(), REMOTE).unwrap();
    let remote = format!("{REMOTE}:127.0.0.1:7001");
    let mut terminal = background(
        &lab,
        &[
            "-N",
            "-o",
            "ExitOnForwardFailure=yes",
            "-R",
            &remote,
            "work",
        ],
    );
    assert_eq!(terminal.wait_exit(SOON).unwrap().code(), Some(255));
    assert!(
        said(&terminal).contains("remote port forwarding failed"),
        "{}",
        said(&terminal)
    );
    drop(strange);
    lab.server().take_key(false).unwrap();
    let mut terminal = background(&lab, &["-N", "work"]);
    assert_eq!(terminal.wait_exit(SOON).unwrap().code(), Some(255));
    assert!(
        said(&terminal).contains("Permission denied"),
        "{}",
        said(&terminal)
    );
    lab.server().take_key(true).unwrap();
    // Ended while it waits for the network: nothing stays behind.
    lab.leave(Net::Home).unwrap();
    let mut terminal = background(&lab, &["-N", "work"]);
    terminal
        .wait_for_text("waiting for the network", SOON)
        .unwrap();
    terminal.signal(Signal::SIGTERM).unwrap();
    assert_eq!(terminal.wait_exit(SOON).unwrap().signal(), Some(15));
    nothing_left(&lab);
}

#[test]
fn dash_f_asks_its_questions_before_it_goes() {
    let lab = Lab::builder()
        .sshd("PasswordAuthentication yes")
        .start()
        .unwrap();
    lab.arrive(Net::Home).unwrap();
    serve(lab.server().node(), THEIRS, "the server's");
    lab.server().take_key(false).unwrap();
    let mut terminal = background(&lab, &["-N", "-L", &forward(), "work"]);
    terminal.wait_for_text("password:", SOON).unwrap();
    terminal
        .type_keys(&format!("{}\r", netroam_lab::PASSWORD))
        .unwrap();
    assert!(
        terminal.wait_exit(SOON).unwrap().success(),
        "{}",
        terminal.screen()
    );
    eventually("the tunnel", || works(&lab));
    // Nobody is there to be asked again.
    lab.move_to(Net::Cafe).unwrap();
    nothing_left(&lab);
}
