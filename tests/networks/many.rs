//! `netroam up`: sessions of the configuration in one process, without a terminal.

use std::{
    collections::BTreeMap, fs, os::unix::net::UnixDatagram, process::Output, time::Duration,
};

use netroam_lab::{Lab, Net, PASSWORD, Piped};
use netroam_platform::clock;
use nix::sys::signal::Signal;

use super::support::{SOON, eventually, netroam, nothing_left, ours, pause, run_files};

/// Writes the laptop's configuration.
pub(super) fn configure(lab: &Lab, text: &str) {
    let config = lab.home_dir().join(".config/netroam/config.toml");
    fs::create_dir_all(config.parent().unwrap()).unwrap();
    fs::write(config, text).unwrap();
}

/// A tunnel to the server's own sshd.
pub(super) fn tunnel(name: &str, port: u16) -> String {
    format!(
        "[session.{name}]\nhost = 'work'\nssh = ['-N', '-L', '127.0.0.1:{port}:127.0.0.1:22']\nnotify = false\n"
    )
}

pub(super) fn up(lab: &Lab, words: &[&str]) -> Piped {
    let words = [&[netroam().to_str().unwrap(), "up"], words].concat();
    lab.piped(&words, &[]).unwrap()
}

/// Another netroam of the same user, to its end.
pub(super) fn ask(lab: &Lab, words: &[&str]) -> Output {
    let mut piped = lab
        .piped(&[&[netroam().to_str().unwrap()], words].concat(), &[])
        .unwrap();
    let status = piped.wait_exit(SOON).unwrap();
    Output {
        status,
        stdout: piped.stdout().into_bytes(),
        stderr: piped.stderr().into_bytes(),
    }
}

pub(super) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The state of each session, by name.
fn states(lab: &Lab) -> BTreeMap<String, String> {
    let output = ask(lab, &["ls", "--json"]);
    let all: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let word = |session: &serde_json::Value, field: &str| {
        session[field].as_str().unwrap_or_default().to_owned()
    };
    all["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|session| (word(session, "id"), word(session, "state")))
        .collect()
}

/// Waits until each of these sessions is in this state, and there is no other.
fn wait_for(lab: &Lab, expected: &[(&str, &str)]) {
    let expected: BTreeMap<String, String> = expected
        .iter()
        .map(|(name, state)| ((*name).to_owned(), (*state).to_owned()))
        .collect();
    let mut last = BTreeMap::new();
    let deadline = clock::now() + SOON;
    while last != expected {
        assert!(clock::now() < deadline, "{last:?} instead of {expected:?}");
        last = states(lab);
    }
}

/// What comes through a tunnel on the laptop: the banner of the server's sshd.
pub(super) fn comes_through(lab: &Lab, port: u16) -> bool {
    let script = format!("exec 3<>/dev/tcp/127.0.0.1/{port} && head -c 7 <&3");
    let mut piped = lab.piped(&["bash", "-c", &script], &[]).unwrap();
    piped.wait_exit(SOON).unwrap();
    piped.stdout() == "SSH-2.0"
}

fn ssh_of(lab: &Lab, name: &str) -> Vec<u32> {
    let forward = format!("127.0.0.1:{name}:127.0.0.1:22");
    ours(lab)
        .into_iter()
        .filter(|process| process.name == "ssh" && process.command.contains(&forward))
        .map(|process| process.pid)
        .collect()
}

#[test]
fn tunnels_are_kept_listed_stopped_and_tried_again_and_sigterm_ends_them_with_status_0() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    configure(&lab, &(tunnel("web", 8001) + &tunnel("db", 8002)));
    let mut netroam = up(&lab, &[]);
    wait_for(&lab, &[("db", "attached"), ("web", "attached")]);
    assert!(comes_through(&lab, 8001) && comes_through(&lab, 8002));
    let list = said(&ask(&lab, &["ls"]));
    let lines: Vec<_> = list.lines().collect();
    assert!(
        lines.len() == 3 && lines[0].starts_with("NAME  HOST  STATE"),
        "{list}"
    );
    assert!(lines[1].starts_with("db    work  attached"), "{list}");

    // Through a move.
    lab.move_to(Net::Cafe).unwrap();
    eventually("both through the café", || {
        let output = ask(&lab, &["status", "--json"]);
        said(&output).matches("attached via cafe0").count() == 2
    });
    assert!(comes_through(&lab, 8001) && comes_through(&lab, 8002));

    let follower = lab
        .piped(
            &[
                super::support::netroam().to_str().unwrap(),
                "status",
                "--follow",
                "web",
            ],
            &[],
        )
        .unwrap();
    follower
        .wait_for_stdout("web: attached via cafe0", SOON)
        .unwrap();
    let output = ask(&lab, &["stop", "web"]);
    assert_eq!(said(&output), "web: ends\n");
    follower.wait_for_stdout("web: stopped", SOON).unwrap();
    wait_for(&lab, &[("db", "attached"), ("web", "ended")]);
    assert!(ssh_of(&lab, "8001").is_empty());
    let output = ask(&lab, &["retry", "web"]);
    assert_eq!(said(&output), "web: tries now\n");
    wait_for(&lab, &[("db", "attached"), ("web", "attached")]);
    assert!(!follower.stdout().contains("db: "), "{}", follower.stdout());
    // What belongs to no session, or to more than one, is not done.
    let output = ask(&lab, &["stop", "nobody"]);
    assert_eq!(output.status.code(), Some(1));
    let output = ask(&lab, &["stop", "work"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("which one?"));

    let status = said(&ask(&lab, &["status", "db"]));
    assert!(status.starts_with("db (work, netroam "), "{status}");
    assert!(status.contains("connection (ssh "), "{status}");
    netroam.signal(Signal::SIGTERM).unwrap();
    let ended = netroam.wait_exit(SOON).unwrap();
    assert_eq!(ended.code(), Some(0), "{}", netroam.stderr());
    drop(follower);
    nothing_left(&lab);
    assert_eq!(said(&ask(&lab, &["ls"])), "");
}

#[test]
fn sighup_reads_the_configuration_and_leaves_alone_what_has_not_changed() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    configure(
        &lab,
        &(tunnel("same", 8001) + &tunnel("other", 8002) + &tunnel("gone", 8003)),
    );
    let netroam = up(&lab, &[]);
    let attached = |names: &[&str]| {
        let expected: Vec<_> = names.iter().map(|name| (*name, "attached")).collect();
        wait_for(&lab, &expected);
    };
    attached(&["gone", "other", "same"]);
    let same = ssh_of(&lab, "8001");
    // What is wrong changes nothing.
    configure(&lab, "[session.same]\nhots = 'work'\n");
    netroam.signal(Signal::SIGHUP).unwrap();
    netroam
        .wait_for_stderr("everything stays as it is", SOON)
        .unwrap();
    netroam
        .wait_for_stderr("unknown key `hots`, did you mean `host`?", SOON)
        .unwrap();
    attached(&["gone", "other", "same"]);

    configure(
        &lab,
        &(tunnel("same", 8001) + &tunnel("other", 8012) + &tunnel("young", 8004)),
    );
    netroam.signal(Signal::SIGHUP).unwrap();
    eventually("the new tunnels", || {
        comes_through(&lab, 8012) && comes_through(&lab, 8004)
    });
    attached(&["other", "same", "young"]);
    assert_eq!(ssh_of(&lab, "8001"), same);
    for port in ["8002", "8003"] {
        assert!(ssh_of(&lab, port).is_empty(), "{port}");
    }
}

#[test]
fn a_session_is_kept_once_and_one_that_cannot_be_is_said_to_be() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let text = tunnel("web", 8001)
        + "[session.wrong]\nhost = 'work'\nssh = ['-N', '-L', 'nonsense']\n"
        + "[session.shell]\nhost = 'work'\n"
        + &tunnel("db", 8002);
    configure(&lab, &text);
    let _first = up(&lab, &["web"]);
    wait_for(&lab, &[("web", "attached")]);
    let mut second = up(&lab, &["web"]);
    assert_eq!(second.wait_exit(SOON).unwrap().code(), Some(241));
    let stderr = second.stderr();
    assert!(
        stderr.contains("netroam: web: this session is in use by process ")
            && stderr.contains(" on netroam up"),
        "{stderr}"
    );
    // Two of three cannot be kept; the third is.
    let third = up(&lab, &[]);
    third.wait_for_stderr("netroam: wrong: ", SOON).unwrap();
    third
        .wait_for_stderr("netroam: web: this session is in use", SOON)
        .unwrap();
    eventually("the third session", || comes_through(&lab, 8002));
    third
        .wait_for_stderr("netroam: shell: nobody sits in front of a shell", SOON)
        .unwrap();
    let mut none = up(&lab, &["nobody"]);
    assert_eq!(none.wait_exit(SOON).unwrap().code(), Some(2));
    assert!(
        none.stderr().contains("no [session.nobody]"),
        "{}",
        none.stderr()
    );
}

#[test]
fn what_a_person_is_needed_for_is_said_and_waited_for() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    lab.server().take_key(false).unwrap();
    let told = lab.home_dir().join("told");
    let hook = format!(
        "on-wait = 'echo \"$NETROAM_NAME $NETROAM_NEED $NETROAM_TEXT\" >> {}'\n",
        told.display()
    );
    configure(&lab, &(tunnel("web", 8001) + &hook));
    let netroam = up(&lab, &[]);
    wait_for(&lab, &[("web", "needs-person")]);
    netroam
        .wait_for_stderr("netroam: web: ssh needs a person (", SOON)
        .unwrap();
    netroam
        .wait_for_stderr("`netroam retry web` tries again", SOON)
        .unwrap();
    eventually("the hook", || {
        fs::read_to_string(&told)
            .is_ok_and(|told| told.starts_with("web question ssh needs a person"))
    });
    // Not even another network is a reason to try again by itself.
    let before = lab.server().connections().all;
    lab.move_to(Net::Cafe).unwrap();
    pause(1.0);
    assert_eq!(lab.server().connections().all, before);
    lab.server().take_key(true).unwrap();
    assert!(ask(&lab, &["retry", "web"]).status.success());
    wait_for(&lab, &[("web", "attached")]);
    assert!(comes_through(&lab, 8001));
}

#[test]
fn sigusr1_has_all_try_now_but_not_past_a_tunnel_that_is_waited_for() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    lab.server().stop_sshd().unwrap();
    let waits = "[session.waits]\nhost = 'work'\nssh = ['-N']\nvia = 'tunnel'\nnotify = false\n";
    configure(&lab, &(tunnel("web", 8001) + waits));
    let netroam = up(&lab, &[]);
    wait_for(&lab, &[("waits", "no-tunnel"), ("web", "retrying")]);
    // By now the next attempt would come seconds later.
    pause(7.5);
    lab.server().start_sshd().unwrap();
    netroam.signal(Signal::SIGUSR1).unwrap();
    let began = clock::now();
    eventually("the tunnel", || comes_through(&lab, 8001));
    assert!(clock::now().since(began) < Duration::from_secs(4));
    assert_eq!(states(&lab)["waits"], "no-tunnel");
}

#[test]
fn whoever_starts_it_is_told_how_far_it_is() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    configure(&lab, &tunnel("web", 8001));
    let path = lab.dir().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(SOON)).unwrap();
    let heard = || {
        let mut words = [0; 64];
        let length = manager.recv(&mut words).unwrap();
        String::from_utf8_lossy(&words[..length]).into_owned()
    };
    let words = [netroam().to_str().unwrap(), "up"];
    let env = [("NOTIFY_SOCKET", path.to_str().unwrap())];
    let mut netroam = lab.piped(&words, &env).unwrap();
    assert_eq!(heard(), "READY=1");
    netroam.signal(Signal::SIGHUP).unwrap();
    assert_eq!([heard(), heard()], ["RELOADING=1", "READY=1"]);
    netroam.signal(Signal::SIGTERM).unwrap();
    assert_eq!(heard(), "STOPPING=1");
    assert!(netroam.wait_exit(SOON).unwrap().success());
}

#[test]
fn a_session_that_comes_to_its_own_end_is_gone_and_the_last_one_ends_netroam() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let command = |name: &str, words: &str| {
        format!("[session.{name}]\nhost = 'work'\ncommand = '{words}'\nnotify = false\n")
    };
    configure(
        &lab,
        &(command("fine", "true") + &command("waits", "echo $$ > pid; read word; exit 3")),
    );
    let mut netroam = up(&lab, &[]);
    netroam
        .wait_for_stderr("netroam: fine: ssh ended with status 0", SOON)
        .unwrap();
    // Its input does not end.
    wait_for(&lab, &[("waits", "attached")]);
    let pid = lab.server().home_of("dev").join("pid");
    eventually("the command to have begun", || {
        std::fs::read_to_string(&pid).is_ok_and(|pid| pid.ends_with('\n'))
    });
    lab.server().sh_as("dev", "kill $(cat pid)").unwrap();
    wait_for(&lab, &[("waits", "ended")]);
    netroam.signal(Signal::SIGTERM).unwrap();
    assert_eq!(netroam.wait_exit(SOON).unwrap().code(), Some(0));

    configure(
        &lab,
        &(command("fine", "true") + &command("fails", "exit 3")),
    );
    let mut netroam = up(&lab, &[]);
    assert_eq!(
        netroam.wait_exit(SOON).unwrap().code(),
        Some(3),
        "{}",
        netroam.stderr()
    );
}

#[test]
fn a_session_that_needs_a_person_is_lent_to_a_terminal_and_taken_back() {
    let lab = Lab::builder()
        .sshd("PasswordAuthentication yes")
        .start()
        .unwrap();
    lab.arrive(Net::Home).unwrap();
    let text = tunnel("web", 8001).replace("'-N'", "'-N', '-o', 'PubkeyAuthentication=no'");
    configure(&lab, &text);
    let _netroam = up(&lab, &[]);
    wait_for(&lab, &[("web", "needs-person")]);
    let words = [netroam().to_str().unwrap(), "up", "--ask", "web"];
    let mut terminal = lab.terminal(&words).unwrap();
    terminal
        .wait_for_text("dev@server.example's password: ", SOON)
        .unwrap();
    terminal.type_keys(&format!("{PASSWORD}\r")).unwrap();
    eventually("the tunnel", || comes_through(&lab, 8001));
    wait_for(&lab, &[("web", "ended"), ("work", "attached")]);
    terminal.type_keys("\x03").unwrap();
    terminal.wait_exit(SOON).unwrap();
    wait_for(&lab, &[("web", "needs-person")]);
}

#[test]
fn what_a_killed_netroam_leaves_is_passed_over_and_removed_by_whoever_lists() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    configure(&lab, &(tunnel("web", 8001) + &tunnel("db", 8002)));
    let mut netroam = up(&lab, &[]);
    wait_for(&lab, &[("db", "attached"), ("web", "attached")]);
    netroam.signal(Signal::SIGKILL).unwrap();
    netroam.wait_exit(SOON).unwrap();
    eventually("every ssh to be gone", || ours(&lab).is_empty());
    assert!(run_files(&lab).iter().any(|name| name.starts_with("run.")));
    let output = ask(&lab, &["ls"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let none = "netroam: no session runs\nnetroam: hint: netroam watch HOST begins one\n";
    assert_eq!((said(&output).as_str(), &*stderr), ("", none));
    nothing_left(&lab);
}
