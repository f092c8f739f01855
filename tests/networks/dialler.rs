//! ssh, git and rsync that connect through `netroam dial`.

use std::{fs, path::PathBuf};

use netroam_lab::{Answer, Lab, Names, Net, Piped};
use netroam_platform::clock;
use nix::sys::signal::Signal;

use super::support::{SOON, eventually, netroam, ours, pause, status, watch};

/// The laptop's ssh configuration with the lines of `netroam config ssh` at its end.
pub(crate) fn config(lab: &Lab) -> PathBuf {
    let lines = lab
        .command(netroam())
        .args(["config", "ssh"])
        .output()
        .unwrap();
    assert!(lines.status.success(), "{lines:?}");
    let lines = String::from_utf8(lines.stdout).unwrap();
    let file = lab.dir().join("laptop/ssh_config_dial");
    let own = fs::read_to_string(lab.ssh_config()).unwrap();
    fs::write(&file, own + &lines).unwrap();
    file
}

/// netroam's own configuration.
pub(crate) fn configure(lab: &Lab, text: &str) {
    let directory = lab.home_dir().join(".config/netroam");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("config.toml"), text).unwrap();
}

/// ssh, through netroam, with these words.
pub(crate) fn ssh(lab: &Lab, words: &[&str]) -> Piped {
    let config = config(lab);
    let words = [&["ssh", "-F", config.to_str().unwrap()], words].concat();
    lab.piped(&words, &[]).unwrap()
}

/// git, which runs ssh through netroam.
pub(crate) fn git(lab: &Lab, words: &[&str]) -> Piped {
    let ssh = format!("ssh -F {}", config(lab).display());
    let words = [&["git"], words].concat();
    lab.piped(&words, &[("GIT_SSH_COMMAND", &ssh)]).unwrap()
}

/// A repository with one commit, and a file, in the home directory of `dev`.
pub(crate) fn furnish(lab: &Lab) {
    let script = "PATH=/usr/local/bin:$PATH; git init -q repository && cd repository && \
        git -c user.name=dev -c user.email=dev@lab commit -q --allow-empty -m first && cd .. && seq 100000 > numbers";
    lab.server().sh_as("dev", script).unwrap();
}

fn finished(mut program: Piped) -> (i32, String) {
    let status = program.wait_exit(SOON).unwrap();
    (status.code().unwrap(), program.stderr())
}

#[test]
fn git_and_rsync_wait_for_the_tunnel_and_send_nothing_before() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    furnish(&lab);
    configure(&lab, "[host.inside]\nvia = 'tunnel'\n");
    let sniffer = lab.sniff().unwrap();
    let since = clock::wall();
    let git = git(&lab, &["ls-remote", "ssh://inside/~/repository"]);
    let copy = lab.dir().join("laptop/numbers");
    let shell = format!("ssh -F {}", config(&lab).display());
    let rsync = [
        "rsync",
        "-e",
        &shell,
        "inside:numbers",
        copy.to_str().unwrap(),
    ];
    let rsync = lab.piped(&rsync, &[]).unwrap();
    let waits = "netroam: waiting for a tunnel to inside (at most 2:00)\n";
    for program in [&git, &rsync] {
        program.wait_for_stderr(waits, SOON).unwrap();
    }
    pause(4.0);
    lab.move_to(Net::Cafe).unwrap();
    pause(1.0);
    assert!(sniffer.to_server(since).is_empty());
    let up = clock::wall();
    lab.tunnel_up(2).unwrap();
    git.wait_for_stdout("refs/heads/", SOON).unwrap();
    let took = netroam_lab::seconds(up, clock::wall());
    assert!(took < 5.0, "{took} s after the tunnel");
    // accept-new tells of the new key.
    let (code, said) = finished(git);
    assert_eq!((code, said.matches("netroam: ").count()), (0, 1), "{said}");
    let (code, said) = finished(rsync);
    assert_eq!((code, said.matches("netroam: ").count()), (0, 1), "{said}");
    let numbers = fs::read_to_string(copy).unwrap();
    assert!(numbers.ends_with("\n100000\n"), "{} bytes", numbers.len());
    assert!(sniffer.to_server(since).iter().all(|sent| sent.in_tunnel));
}

#[test]
fn a_name_that_comes_with_the_tunnel_is_waited_for_and_a_misspelt_one_is_not() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let names = lab.names().unwrap();
    lab.set_resolver(Names::OUTSIDE).unwrap();
    configure(&lab, "[host.corp]\nvia = 'tunnel'\n");
    let (code, said) = finished(ssh(
        &lab,
        &["-o", "HostName=nowhere.corp.test", "work", "true"],
    ));
    assert_eq!(code, 255);
    assert!(
        said.contains("netroam: work: does not resolve here ("),
        "{said}"
    );
    let waiting = ssh(&lab, &["corp", "echo", "inside"]);
    waiting
        .wait_for_stderr("netroam: waiting for a tunnel to corp", SOON)
        .unwrap();
    lab.tunnel_up(2).unwrap();
    waiting
        .wait_for_stderr(
            "netroam: corp: does not resolve here, waiting (at most 2:00)",
            SOON,
        )
        .unwrap();
    lab.set_resolver(Names::INSIDE).unwrap();
    waiting.wait_for_stdout("inside", SOON).unwrap();
    assert_eq!(finished(waiting).0, 0);
    drop(names);
}

#[test]
fn a_portal_is_named_at_once_and_a_session_beside_it_dials_by_itself() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Cafe).unwrap();
    furnish(&lab);
    let portal = lab.portal(Answer::Http).unwrap();
    let begun = clock::wall();
    let (code, said) = finished(git(&lab, &["ls-remote", "ssh://work/~/repository"]));
    let took = netroam_lab::seconds(begun, clock::wall());
    assert!(code != 0 && took < 10.0, "{code} after {took} s: {said}");
    let named = "netroam: work: the network answers in work's place (captive portal?): ";
    assert!(said.contains(named), "{said}");
    assert_eq!(lab.server().connections().all, 0);
    // The lines are no proxy to a session.
    let file = config(&lab);
    let terminal = watch(
        &lab,
        &["--session", "people", "-F", file.to_str().unwrap()],
        &["work"],
    );
    status(
        &terminal,
        "work: the network answers in work's place (captive portal?)",
    );
    assert!(super::support::ssh(&terminal).is_empty());
    drop((terminal, portal));
    let git = git(&lab, &["ls-remote", "ssh://work/~/repository"]);
    git.wait_for_stdout("refs/heads/", SOON).unwrap();
    let (code, said) = finished(git);
    assert_eq!((code, said.matches("netroam: ").count()), (0, 0), "{said}");
}

#[test]
fn without_fdpass_it_says_what_to_add_and_what_is_missing_is_not_waited_for_longer_than_asked() {
    let lab = Lab::new().unwrap();
    let (code, said) = finished(ssh(&lab, &["-o", "ProxyUseFdpass=no", "work", "true"]));
    assert_eq!(code, 255);
    assert!(
        said.contains("write ProxyUseFdpass yes beside this ProxyCommand"),
        "{said}"
    );
    for (wait, words) in [
        ("0", "no route, waiting for the network\n"),
        (
            "1",
            "no route, waiting for the network: given up after 1.0 s\n",
        ),
    ] {
        let command = format!(
            "ProxyCommand={} dial --wait {wait} --host %n %h %p",
            netroam().display()
        );
        let (code, said) = finished(ssh(&lab, &["-o", &command, "work4", "true"]));
        assert_eq!(code, 255);
        assert!(said.contains(&format!("netroam: work4: {words}")), "{said}");
    }
}

#[test]
fn it_ends_with_ssh_and_the_kernel_watches_what_it_has_passed() {
    let lab = Lab::new().unwrap();
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        let mut waiting = ssh(&lab, &["work", "true"]);
        waiting
            .wait_for_stderr("waiting for the network", SOON)
            .unwrap();
        waiting.signal(signal).unwrap();
        waiting.wait_exit(SOON).unwrap();
        eventually("the dialler to be gone", || ours(&lab).is_empty());
    }
    lab.arrive(Net::Home).unwrap();
    let connected = ssh(&lab, &["work", "echo here; cat"]);
    connected.wait_for_stdout("here", SOON).unwrap();
    let sockets = lab.laptop().sh("ss -tnoH dst :22").unwrap();
    assert!(sockets.contains("timer:(keepalive"), "{sockets}");
    let netroams: Vec<_> = ours(&lab);
    assert!(
        netroams.iter().all(|process| process.name == "ssh"),
        "{netroams:?}"
    );
}

#[test]
fn a_jump_host_is_dialled_by_netroam_too() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Cafe).unwrap();
    let inside = format!("HostName={}", Lab::INSIDE_V4);
    let jump = [
        "-o",
        "ProxyJump=work4",
        "-o",
        "ProxyUseFdpass=no",
        "-o",
        &inside,
    ];
    let portal = lab.portal(Answer::Http).unwrap();
    let (code, said) = finished(ssh(&lab, &[&jump[..], &["inside", "true"]].concat()));
    let named = "netroam: work4: the network answers in work4's place (captive portal?): ";
    assert!(code == 255 && said.contains(named), "{said}");
    drop(portal);
    let (code, said) = finished(ssh(&lab, &[&jump[..], &["inside", "true"]].concat()));
    assert_eq!(code, 0, "{said}");
}
