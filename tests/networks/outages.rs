//! What an outage costs: honest words about input, and what has no context.

use netroam_lab::{Lab, Mux, Net};
use netroam_platform::clock;

use super::support::{
    SOON, answered, at_home, eventually, netroam, own, pause, said, same_ssh, shell, status,
    ticking, watch,
};

const DOUBT: &str = "; what was typed in the last seconds may be lost";

#[test]
fn input_is_doubted_only_when_some_was_typed_into_the_silence() {
    let lab = Lab::new().unwrap();
    let terminal = at_home(&lab);
    for typed in [false, true] {
        let before = terminal.bytes().len();
        lab.silence(Net::Home).unwrap();
        if typed {
            terminal.type_keys("lost").unwrap();
            pause(0.1);
        }
        lab.move_to(Net::Cafe).unwrap();
        lab.unsilence(Net::Home).unwrap();
        ticking(&terminal, clock::wall());
        let since = String::from_utf8_lossy(&terminal.bytes()[before..]).into_owned();
        assert!(since.contains("netroam: work: home0 lost "), "{since}");
        assert_eq!(since.contains(DOUBT), typed, "{since}");
        lab.move_to(Net::Home).unwrap();
        ticking(&terminal, clock::wall());
    }
    // The server closes: whatever was typed had arrived.
    let before = terminal.bytes().len();
    lab.server().kill_sessions().unwrap();
    eventually("the loss", || {
        String::from_utf8_lossy(&terminal.bytes()[before..])
            .contains("connection lost (closed by the server)")
    });
    ticking(&terminal, clock::wall());
    let since = String::from_utf8_lossy(&terminal.bytes()[before..]).into_owned();
    assert!(!since.contains(DOUBT), "{since}");
    assert!(
        !since.contains("closed by remote host") && !since.contains("closed."),
        "one line, not three: {since}"
    );
}

#[test]
fn input_is_doubted_when_the_kernel_has_given_up_on_it() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    lab.start_probe(Mux::Screen, "probe").unwrap();
    for typed in [false, true] {
        let terminal = watch(
            &lab,
            &["--session", "probe", "--stall", "3", "--take-over"],
            &["work"],
        );
        ticking(&terminal, clock::wall());
        let first = own(&terminal);
        lab.silence(Net::Home).unwrap();
        if typed {
            terminal.type_keys("lost").unwrap();
        }
        eventually("ssh to end", || !same_ssh(&terminal, first));
        eventually("the line", || {
            said(&terminal).contains("netroam: work: connection lost")
        });
        assert_eq!(
            said(&terminal).contains(DOUBT),
            typed,
            "{}",
            said(&terminal)
        );
        lab.unsilence(Net::Home).unwrap();
    }
}

#[test]
fn without_a_context_a_new_shell_is_announced() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let terminal = shell(&lab, &["--context", "none"], "work");
    answered(&terminal, "word=gone", "word=gone");
    lab.move_to(Net::Cafe).unwrap();
    status(&terminal, "; nothing kept it, what follows is a new one");
    answered(&terminal, "echo ${word:-a new shell}", "\na new shell");
}

#[test]
fn a_command_that_is_lost_runs_again_only_where_it_may() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let config = lab.ssh_config();
    let command = "echo started; exec sleep 1000";
    for rerun in [false, true] {
        let mut words = vec![netroam().to_str().unwrap(), "watch"];
        words.extend(rerun.then_some("--rerun"));
        words.extend(["-F", config.to_str().unwrap(), "work", command]);
        let mut piped = lab.piped(&words, &[]).unwrap();
        piped.wait_for_stdout("started\n", SOON).unwrap();
        lab.move_to(Net::Cafe).unwrap();
        if rerun {
            piped.wait_for_stdout("started\nstarted\n", SOON).unwrap();
            assert!(
                piped.stderr().contains("; the command will be run again\n"),
                "{}",
                piped.stderr()
            );
        } else {
            assert_eq!(piped.wait_exit(SOON).unwrap().code(), Some(244));
            assert_eq!(piped.stdout(), "started\n");
            let said = piped.stderr();
            let own = said
                .lines()
                .filter(|line| line.starts_with("netroam: "))
                .count();
            assert!(own <= 2, "held for a moment, perhaps, and lost: {said}");
            assert!(
                said.trim_end()
                    .ends_with("; the command may have run, and is not run again without --rerun"),
                "{said}"
            );
        }
        lab.move_to(Net::Home).unwrap();
    }
}

#[test]
fn what_ssh_logs_goes_where_the_user_wants_it() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let log = lab.dir().join("ssh.log");
    let mut terminal = watch(
        &lab,
        &[],
        &["-E", log.to_str().unwrap(), "-v", "-t", "work", "true"],
    );
    assert!(terminal.wait_exit(SOON).unwrap().success());
    assert_eq!(
        terminal.screen().trim_end(),
        "Connection to server.example closed."
    );
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(
        text.contains("Warning: Permanently added") && text.contains("debug1: "),
        "{text}"
    );
    let mut terminal = watch(&lab, &[], &["-q", "-t", "work", "true"]);
    assert!(terminal.wait_exit(SOON).unwrap().success());
    assert_eq!(terminal.screen().trim_end(), "");
}
