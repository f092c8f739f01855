//! What becomes of the processes when one of them is signalled, killed, stopped, or loses its terminal.

use std::{fs, os::unix::process::ExitStatusExt as _, process::Stdio};

use netroam_lab::{Lab, Net, Proc};
use netroam_platform::clock;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::support::{
    SOON, answered, at_home, ended, eventually, netroam, nothing_left, ours, own, prompt,
    run_files, said, shell, ssh, ticking, watch,
};

const ENDING: [Signal; 4] = [
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
];

#[test]
fn attached_netroam_dies_of_the_signal_that_it_got() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    for signal in ENDING {
        let mut terminal = shell(&lab, &[], "work");
        terminal.signal(signal).unwrap();
        let status = ended(&lab, &mut terminal);
        assert_eq!(status.signal(), Some(signal as i32), "{signal}: {status}");
    }
}

#[test]
fn between_runs_netroam_dies_of_the_signal_that_it_got() {
    let lab = Lab::new().unwrap();
    for signal in ENDING {
        let mut terminal = watch(&lab, &["--session", "people"], &["work"]);
        terminal
            .wait_for_text("waiting for the network", SOON)
            .unwrap();
        terminal.signal(signal).unwrap();
        let status = ended(&lab, &mut terminal);
        assert_eq!(status.signal(), Some(signal as i32), "{signal}: {status}");
        assert_eq!(terminal.screen().trim_end(), "", "the status line is gone");
    }
}

#[test]
fn netroam_killed_outright_takes_its_ssh_along_and_leaves_the_session() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let mut terminal = shell(&lab, &[], "work");
    answered(&terminal, "word=it-lives", "word=it-lives");
    terminal.signal(Signal::SIGKILL).unwrap();
    assert_eq!(terminal.wait_exit(SOON).unwrap().signal(), Some(9));
    eventually("ssh to be gone", || ours(&lab).is_empty());
    // What it could not remove, the next one does.
    let mut next = shell(&lab, &[], "work");
    answered(&next, "echo $word | tr a-z A-Z", "IT-LIVES");
    let directories = run_files(&lab);
    let directories = directories.iter().filter(|name| name.starts_with("run."));
    assert_eq!(directories.count(), 1);
    next.type_keys("exit\r").unwrap();
    assert!(ended(&lab, &mut next).success());
}

#[test]
fn ssh_killed_outright_is_a_loss_like_any_other() {
    let lab = Lab::new().unwrap();
    let terminal = at_home(&lab);
    let first = own(&terminal);
    Proc::look(first).unwrap().signal(Signal::SIGKILL).unwrap();
    eventually("another ssh", || {
        ssh(&terminal).iter().any(|ssh| ssh.pid != first)
    });
    ticking(&terminal, clock::wall());
    let said = said(&terminal);
    let why = "netroam: work: connection lost (ssh was ended by signal 9)";
    assert_eq!(said.matches(why).count(), 1, "{said}");
}

#[test]
fn a_terminal_that_is_hung_up_ends_it_all() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let mut terminal = shell(&lab, &[], "work");
    terminal.hang_up();
    assert_eq!(terminal.wait_exit(SOON).unwrap().signal(), Some(1));
    nothing_left(&lab);
    lab.leave(Net::Home).unwrap();
    let mut terminal = watch(&lab, &["--session", "people"], &["work"]);
    terminal
        .wait_for_text("waiting for the network", SOON)
        .unwrap();
    terminal.hang_up();
    assert_eq!(terminal.wait_exit(SOON).unwrap().signal(), Some(1));
    nothing_left(&lab);
}

#[test]
fn a_stopped_ssh_goes_on_where_nobody_else_could_continue_it_and_ends_when_netroam_does() {
    let lab = Lab::new().unwrap();
    let mut terminal = at_home(&lab);
    let ssh = Proc::look(own(&terminal)).unwrap();
    ssh.signal(Signal::SIGSTOP).unwrap();
    ticking(&terminal, clock::wall());
    assert_eq!(own(&terminal), ssh.pid);
    // netroam is held until both signals are there: it would continue ssh at once, or end it.
    terminal.signal(Signal::SIGSTOP).unwrap();
    ssh.signal(Signal::SIGSTOP).unwrap();
    terminal.signal(Signal::SIGTERM).unwrap();
    terminal.signal(Signal::SIGCONT).unwrap();
    assert_eq!(ended(&lab, &mut terminal).signal(), Some(15));
}

#[test]
fn tilde_ctrl_z_and_ctrl_z_give_the_shell_its_terminal_and_fg_takes_it_back() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let config = lab.ssh_config();
    let bash = ["bash", "--norc", "--noprofile", "-i"];
    let mut terminal = lab
        .terminal_with(
            &bash,
            24,
            80,
            &[("PS1", "here> "), ("N", netroam().to_str().unwrap())],
        )
        .unwrap();
    let soon = SOON;
    terminal.wait_for_text("here> ", soon).unwrap();
    terminal
        .type_keys(&format!(
            "clear; $N watch --session people -F {} work\r",
            config.display()
        ))
        .unwrap();
    prompt(&terminal);
    answered(&terminal, "expr 40 + 2", "42");
    let netroam = ours(&lab)
        .into_iter()
        .find(|process| process.name == "netroam")
        .unwrap();
    let ssh = || {
        ours(&lab)
            .into_iter()
            .filter(|process| process.name == "ssh")
            .collect::<Vec<_>>()
    };
    let first = ssh()[0].pid;
    terminal.type_keys("\r~\x1a").unwrap();
    terminal.wait_for_text("Stopped", soon).unwrap();
    // A cooked terminal echoes, and a shell that is in the foreground answers.
    terminal.type_keys("echo $((6 * 7000))\r").unwrap();
    terminal.wait_for_text("42000", soon).unwrap();
    assert_eq!(Proc::look(netroam.pid).unwrap().state, 'T');
    terminal.type_keys("fg\r").unwrap();
    answered(&terminal, "expr 50 + 5", "55");
    assert_eq!(ssh()[0].pid, first);
    // The same while there is only the status line.
    lab.leave(Net::Home).unwrap();
    terminal
        .wait_for_text("waiting for the network", soon)
        .unwrap();
    terminal.type_keys("\x1a").unwrap();
    eventually("the second stop", || {
        said(&terminal).matches("[1]+  Stopped").count() == 2
    });
    terminal.type_keys("clear; echo $((7 * 7000))\r").unwrap();
    terminal.wait_for_text("49000", soon).unwrap();
    terminal.type_keys("fg\r").unwrap();
    terminal
        .wait_for_text("waiting for the network", soon)
        .unwrap();
    lab.arrive(Net::Home).unwrap();
    answered(&terminal, "expr 60 + 6", "66");
    terminal.type_keys("exit\r").unwrap();
    terminal.wait_for_text("here> ", soon).unwrap();
    terminal
        .type_keys("\rclear; stty -a | grep -o '[^ ]*icanon'\r")
        .unwrap();
    terminal.wait_for_text("icanon", soon).unwrap();
    assert!(
        !terminal.screen().contains("-icanon"),
        "{}",
        terminal.screen()
    );
    nothing_left(&lab);
    terminal.type_keys("exit\r").unwrap();
    assert!(terminal.wait_exit(soon).unwrap().success());
}

/// As a launchd agent or a systemd unit has it.
#[test]
fn without_a_terminal_and_without_input_it_keeps_forwards_until_it_is_told_to_end() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    // The host key is known from here on.
    ended(&lab, &mut watch(&lab, &[], &["work", "true"]));
    let there = lab.home_dir().join("there");
    let config = lab.ssh_config();
    let mut command = lab.command(netroam().to_str().unwrap());
    command.arg("watch").arg("-F").arg(&config);
    command.args([
        "-N",
        "-L",
        "8080:127.0.0.1:22",
        "-o",
        "PermitLocalCommand=yes",
    ]);
    command
        .arg("-o")
        .arg(format!("LocalCommand=echo >> {}", there.display()));
    command
        .arg("work")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let child = lab.spawn(command.stderr(Stdio::piped())).unwrap();
    let times = |count| {
        eventually("ssh to have logged in", || {
            fs::read_to_string(&there).is_ok_and(|lines| lines.lines().count() == count)
        });
    };
    times(1);
    lab.move_to(Net::Cafe).unwrap();
    times(2);
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.signal(), Some(Signal::SIGTERM as i32));
    nothing_left(&lab);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.lines().all(|line| line.starts_with("netroam: work: ")),
        "{said}"
    );
}
