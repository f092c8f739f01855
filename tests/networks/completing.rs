//! TAB in real shells, which a person has loaded netroam's completion into.

use std::{env, fs, time::Duration};

use netroam_lab::{Lab, Net, Terminal};
use netroam_platform::clock;

use super::{
    many::{ask, configure, said, tunnel, up},
    support::{SOON, eventually, netroam},
};

/// A shell on the laptop that has run this and waits for the next line.
fn shell(lab: &Lab, words: &[&str], loads: &str) -> Terminal {
    let ssh = lab.home_dir().join(".ssh");
    fs::write(ssh.join("known_hosts"), KNOWN).unwrap();
    let own = netroam().parent().unwrap().display();
    let path = format!("{own}:{}", env::var("PATH").unwrap());
    let terminal = lab
        .terminal_with(words, 24, 100, &[("PATH", &path)])
        .unwrap();
    terminal
        .type_keys(&format!("{loads}; echo rea''dy\r"))
        .unwrap();
    terminal.wait_for_text("ready", SOON).unwrap();
    terminal
}

const KNOWN: &str = "old-host.example.org,198.51.100.77 ssh-ed25519 \
                     AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n";

/// Types the line and TAB on an empty line, and waits for what becomes of it.
fn completes(terminal: &Terminal, typed: &str, line: &str) {
    // ^U empties the line, ^L the screen.
    terminal.type_keys(&format!("\x15\x0c{typed}\t")).unwrap();
    if let Err(error) = terminal.wait_for_text(line, SOON) {
        panic!("{typed}: {error:#}");
    }
}

/// What every shell completes, and how.
fn all(terminal: &Terminal) {
    for (typed, line) in [
        ("netroam stat", "netroam status"),
        ("netroam config ch", "netroam config check"),
        ("netroam watch --sess", "netroam watch --session"),
        ("netroam watch --via=tun", "netroam watch --via=tunnel"),
        ("netroam watch --dial ss", "netroam watch --dial ssh"),
        // From ssh_config, and from known_hosts; after an option of ssh with a value.
        ("netroam watch insi", "netroam watch inside"),
        ("netroam insi", "netroam inside"),
        (
            "netroam watch -p 2222 -A old-",
            "netroam watch -p 2222 -A old-host.example.org",
        ),
        ("netroam why me@old-", "netroam why me@old-host.example.org"),
        (
            "netroam watch -i ~/.ssh/known",
            "netroam watch -i ~/.ssh/known_hosts",
        ),
        (
            "netroam watch --log-file ~/.ssh/known",
            "netroam watch --log-file ~/.ssh/known_hosts",
        ),
        ("netroam stop we", "netroam stop web"),
        ("netroam up d", "netroam up db"),
    ] {
        completes(terminal, typed, line);
    }
}

/// A lab in which the session `web` runs, and `db` is configured beside it.
fn lab() -> (Lab, netroam_lab::Piped) {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    configure(&lab, &(tunnel("web", 8001) + &tunnel("db", 8002)));
    let sessions = up(&lab, &["web"]);
    eventually("web runs", || said(&ask(&lab, &["ls"])).contains("web"));
    (lab, sessions)
}

#[test]
fn bash_completes() {
    let (lab, _sessions) = lab();
    let terminal = shell(
        &lab,
        &["bash", "--norc", "--noprofile", "-i"],
        "source <(netroam completion bash)",
    );
    all(&terminal);
}

#[test]
fn zsh_completes_and_says_where_a_host_is_from() {
    let (lab, _sessions) = lab();
    let terminal = shell(
        &lab,
        &["zsh", "-f", "-i"],
        "autoload -Uz compinit; compinit -u -D; source <(netroam completion zsh)",
    );
    all(&terminal);
    completes(&terminal, "netroam watch ", "-- known_hosts");
}

#[test]
fn zsh_finds_it_in_fpath_as_packages_have_it() {
    let (lab, _sessions) = lab();
    let terminal = shell(
        &lab,
        &["zsh", "-f", "-i"],
        "mkdir ~/functions; netroam completion zsh > ~/functions/_netroam; fpath=(~/functions $fpath); autoload -Uz compinit; compinit -u -D",
    );
    completes(&terminal, "netroam watch insi", "netroam watch inside");
    completes(
        &terminal,
        "netroam watch -p 22 old-",
        "netroam watch -p 22 old-host.example.org",
    );
}

#[test]
fn fish_completes_and_says_where_a_host_is_from() {
    let (lab, _sessions) = lab();
    let terminal = shell(
        &lab,
        &["fish", "--no-config", "-i"],
        "netroam completion fish | source",
    );
    all(&terminal);
    completes(&terminal, "netroam watch ", "(known_hosts)");
}

#[test]
fn a_candidate_does_not_keep_anybody_waiting() {
    let lab = Lab::new().unwrap();
    let began = clock::now();
    let output = ask(&lab, &["complete", "bash", "netroam", "watch", "insi"]);
    assert_eq!(said(&output), "words\ninside\tssh_config\n");
    // It takes some milliseconds; the machine may be busy with other tests.
    let took = clock::now().since(began);
    assert!(took < Duration::from_secs(2), "{took:?}");
}
