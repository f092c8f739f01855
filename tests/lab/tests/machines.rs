//! The server is a real one, the terminal too, and the observers see what is there.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test ends where something fails")]

use std::path::Path;
use std::time::{Duration, SystemTime};

use netroam_lab::{Client, Lab, Mux, Net, Proc, SHELLS, Terminal, exit_time, seconds};
use nix::sys::signal::Signal;
use nix::sys::termios::LocalFlags;

const SOON: Duration = Duration::from_secs(20);

fn at_home() -> Lab {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    lab
}

fn ssh(lab: &Lab, rest: &[&str]) -> Terminal {
    let config = lab.ssh_config();
    lab.terminal(&[&["ssh", "-F", config.to_str().unwrap()], rest].concat())
        .unwrap()
}

#[test]
fn each_login_shell_works_and_lives_in_a_home_of_its_own() {
    let lab = at_home();
    for shell in SHELLS {
        let mut terminal = ssh(
            &lab,
            &["-t", &format!("work-{shell}"), "echo $HOME; touch here"],
        );
        assert!(
            terminal.wait_exit(SOON).unwrap().success(),
            "{}",
            terminal.screen()
        );
        let home = lab.server().home_of(&format!("dev-{shell}"));
        assert!(
            terminal
                .history()
                .replace('\n', "")
                .contains(home.to_str().unwrap()),
            "{}",
            terminal.screen()
        );
        assert!(home.join("here").exists());
    }
    let mut fish = ssh(&lab, &["-t", "work-fish", "echo $fish_pid is fish"]);
    fish.wait_exit(SOON).unwrap();
    assert!(
        fish.screen()
            .starts_with(|first: char| first.is_ascii_digit()),
        "{}",
        fish.screen()
    );
}

#[test]
fn sshd_restarts_with_and_without_its_sessions() {
    let lab = at_home();
    let mut terminal = ssh(&lab, &["-t", "work4", lab.probe_command().as_str()]);
    terminal.wait_for_tick(SystemTime::now(), SOON).unwrap();
    lab.server().stop_sshd().unwrap();
    terminal.wait_for_tick(SystemTime::now(), SOON).unwrap();
    let mut refused = ssh(&lab, &["work4", "true"]);
    assert_eq!(refused.wait_exit(SOON).unwrap().code(), Some(255));
    assert!(refused.screen().contains("refused"), "{}", refused.screen());
    lab.server().start_sshd().unwrap();
    terminal.wait_for_tick(SystemTime::now(), SOON).unwrap();
    assert!(lab.server().kill_sessions().unwrap() >= 1);
    assert_eq!(terminal.wait_exit(SOON).unwrap().code(), Some(255));
    assert!(
        terminal.screen().contains("closed by remote host"),
        "{}",
        terminal.screen()
    );
    let seen = lab.server().connections();
    assert_eq!(
        (seen.all, seen.authenticated, seen.unauthenticated()),
        (1, 1, 0)
    );
}

#[test]
fn a_changed_host_key_is_seen() {
    let lab = at_home();
    assert!(
        ssh(&lab, &["work", "true"])
            .wait_exit(SOON)
            .unwrap()
            .success()
    );
    lab.server().change_host_key().unwrap();
    let mut terminal = ssh(&lab, &["work", "true"]);
    assert_eq!(terminal.wait_exit(SOON).unwrap().code(), Some(255));
    assert!(
        terminal.history().contains("IDENTIFICATION HAS CHANGED"),
        "{}",
        terminal.history()
    );
    assert_eq!(lab.server().connections().unauthenticated(), 1);
}

#[test]
fn the_laptop_knows_names_of_its_own_and_nothing_of_the_machine() {
    let lab = at_home();
    let names = lab
        .laptop()
        .sh("getent ahosts server.example | awk '{print $1}' | sort -u; hostname; echo ~root")
        .unwrap();
    for expected in [
        Lab::SERVER_V4,
        Lab::SERVER_V6,
        "laptop",
        lab.home_dir().to_str().unwrap(),
    ] {
        assert!(names.contains(expected), "{names}");
    }
    lab.laptop().sh("! getent hosts nowhere.example").unwrap();
    lab.set_host_names(&format!("{} server.example\n", Lab::SERVER_V4))
        .unwrap();
    assert!(
        !lab.laptop()
            .sh("getent ahosts server.example")
            .unwrap()
            .contains(Lab::SERVER_V6)
    );
    let seen = lab
        .laptop()
        .sh(&format!("ssh -F {} -G work", lab.ssh_config().display()))
        .unwrap();
    assert!(
        seen.contains("\nhostname server.example\n") && seen.contains("\nuser dev\n"),
        "{seen}"
    );
    assert!(!seen.contains("/root/"), "{seen}");
}

#[test]
fn screen_and_tmux_hold_a_session_for_any_client() {
    let lab = at_home();
    for mux in [Mux::Screen, Mux::Tmux] {
        lab.start_probe(mux, "work").unwrap();
        let terminal = lab.run(&Client::ssh(&lab, "work", mux, "work")).unwrap();
        terminal.wait_for_tick(SystemTime::now(), SOON).unwrap();
        let took = terminal.echo("hello there", SOON).unwrap();
        assert!(took < Duration::from_secs(2), "{took:?}");
        assert!(terminal.alternate_screen());
        // A second one takes it from the first.
        let mut first = terminal;
        let second = lab.run(&Client::ssh(&lab, "work", mux, "work")).unwrap();
        second.wait_for_tick(SystemTime::now(), SOON).unwrap();
        assert_eq!(first.wait_exit(SOON).unwrap().code(), Some(0));
        assert!(
            !first.alternate_screen() && first.screen().contains("detached"),
            "{}",
            first.screen()
        );
    }
    // Nothing of it is on this machine.
    assert!(!Path::new("/tmp/tmux-64200").exists() && !Path::new("/run/screen/S-dev").exists());
}

#[test]
fn the_other_clients_run_too() {
    let lab = at_home();
    lab.start_probe(Mux::Screen, "work").unwrap();
    for client in [
        Client::ssh_loop,
        Client::autossh_monitor,
        Client::autossh_keepalive,
        Client::mosh,
    ] {
        let client = client(&lab, "work4", Mux::Screen, "work");
        let terminal = lab.run(&client).unwrap();
        terminal
            .wait_for_tick(SystemTime::now(), SOON)
            .unwrap_or_else(|e| panic!("{}: {e:#}", client.name));
    }
}

#[test]
fn the_terminal_is_a_real_one() {
    let lab = Lab::new().unwrap();
    let mut terminal = lab
        .terminal_with(&["bash", "--norc"], 10, 40, &[("PS1", "ready> ")])
        .unwrap();
    terminal.wait_for_text("ready>", SOON).unwrap();
    terminal
        .type_keys("stty size; trap 'stty size' WINCH; tty\r")
        .unwrap();
    terminal.wait_for_text("10 40", SOON).unwrap();
    terminal.resize(12, 50).unwrap();
    terminal.type_keys("stty size\r").unwrap();
    terminal.wait_for_text("12 50", SOON).unwrap();
    terminal.type_keys("seq 1 100\r").unwrap();
    terminal.wait_for_text("\n100", SOON).unwrap();
    assert!(!terminal.screen().contains("\n50\n"));
    let history = terminal.history();
    assert!(
        (1..=100).all(|n| history.contains(&format!("\n{n}"))),
        "{history}"
    );
    terminal.type_keys("exec stty raw -echo\r").unwrap();
    assert!(terminal.wait_exit(SOON).unwrap().success());
    assert!(
        !terminal
            .termios()
            .unwrap()
            .local_flags
            .contains(LocalFlags::ECHO | LocalFlags::ICANON)
    );
    assert!(terminal.raw().is_sorted_by_key(|chunk| chunk.at));
}

#[test]
fn signals_and_hang_ups_arrive() {
    let lab = Lab::new().unwrap();
    let mut terminal = lab.terminal(&["sleep", "1000"]).unwrap();
    let told = exit_time(terminal.pid()).unwrap();
    let sent = SystemTime::now();
    terminal.signal(Signal::SIGTERM).unwrap();
    let ended = told.recv_timeout(SOON).unwrap();
    assert!((0.0..0.1).contains(&seconds(sent, ended)));
    let status = terminal.wait_exit(SOON).unwrap();
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&status),
        Some(15)
    );

    let mut terminal = lab
        .terminal(&[
            "bash",
            "-c",
            "trap 'echo hung up > $HOME/log; exit 3' HUP; echo on; while :; do sleep 0.05; done",
        ])
        .unwrap();
    terminal.wait_for_text("on", SOON).unwrap();
    terminal.hang_up();
    assert_eq!(terminal.wait_exit(SOON).unwrap().code(), Some(3));
    assert_eq!(
        std::fs::read_to_string(lab.home_dir().join("log")).unwrap(),
        "hung up\n"
    );
}

#[test]
fn without_a_terminal_there_are_pipes() {
    let lab = at_home();
    let config = lab.ssh_config();
    let mut piped = lab
        .piped(
            &[
                "ssh",
                "-F",
                config.to_str().unwrap(),
                "work",
                "cat; echo bye >&2; exit 7",
            ],
            &[],
        )
        .unwrap();
    piped.write("hello\n").unwrap();
    piped.wait_for_stdout("hello", SOON).unwrap();
    piped.close_stdin();
    assert_eq!(piped.wait_exit(SOON).unwrap().code(), Some(7));
    assert!(piped.stderr().contains("bye"));
}

#[test]
fn observers_count_processes_and_what_they_cost() {
    let lab = at_home();
    lab.start_probe(Mux::Screen, "work").unwrap();
    let terminal = lab
        .run(&Client::ssh_loop(&lab, "work", Mux::Screen, "work"))
        .unwrap();
    terminal.wait_for_tick(SystemTime::now(), SOON).unwrap();
    let ssh = Proc::ssh_below(terminal.pid()).unwrap();
    assert_eq!(ssh.len(), 1, "{ssh:?}");
    let before = ssh[0].cost().unwrap();
    std::thread::sleep(Duration::from_secs(1));
    let used = ssh[0].cost().unwrap().since(before);
    // 20 ticks a second: it wakes for each, and works a little.
    assert!((15..200).contains(&used.wakeups), "{used:?}");
    assert!(
        used.cpu > Duration::from_micros(100) && used.cpu < Duration::from_millis(500),
        "{used:?}"
    );
    assert!(
        (1000..100_000).contains(&used.rss_kb) && used.descriptors >= 3,
        "{used:?}"
    );
}

#[test]
fn labs_do_not_meet() {
    let labs = [at_home(), at_home()];
    labs[0].server().node().sh("touch /tmp/mine").unwrap();
    labs[1].server().node().sh("! [ -e /tmp/mine ]").unwrap();
    for lab in &labs {
        assert!(
            ssh(lab, &["work", "true"])
                .wait_exit(SOON)
                .unwrap()
                .success()
        );
        assert_eq!(lab.server().connections().all, 1);
    }
}

#[test]
fn a_killed_run_takes_its_machines_along() {
    // A process that holds a lab and is killed: this test's own binary, run again for the one ignored test below.
    let mut holder = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--ignored",
            "--exact",
            "holds_a_lab_until_it_is_killed",
            "--nocapture",
        ])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(holder.stdout.take().unwrap()));
    let pids = lines
        .find_map(|line| Some(line.unwrap().split_once("held:")?.1.to_owned()))
        .unwrap();
    let pids: Vec<u32> = pids
        .split_whitespace()
        .map(|pid| pid.parse().unwrap())
        .collect();
    // Gone whatever fails below.
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(pids.len() >= 2, "init and sshd at least: {pids:?}");
    let deadline = std::time::Instant::now() + SOON;
    while pids
        .iter()
        .any(|&pid| Proc::look(pid).is_some_and(|now| now.state != 'Z'))
    {
        assert!(
            std::time::Instant::now() < deadline,
            "still there: {pids:?}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(Lab::new().unwrap());
    let left = Path::new("/var/tmp").read_dir().unwrap().flatten();
    let owned = format!("netroam-lab-{}-", holder.id());
    assert!(
        left.into_iter()
            .all(|entry| !entry.file_name().to_string_lossy().starts_with(&owned))
    );
}

#[test]
#[ignore = "not a test: the part that a_killed_run_takes_its_machines_along kills"]
#[expect(clippy::print_stdout, reason = "it talks to the test that runs it")]
fn holds_a_lab_until_it_is_killed() {
    let lab = at_home();
    lab.start_probe(Mux::Screen, "work").unwrap();
    let pids: Vec<_> = lab
        .server()
        .processes()
        .unwrap()
        .iter()
        .map(|process| process.pid.to_string())
        .collect();
    println!("held:{}", pids.join(" "));
    std::thread::sleep(Duration::from_secs(1000));
}
