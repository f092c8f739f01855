use std::{path::Path, time::Duration};

use netroam_platform::{SleepSource, Snapshot, desktop::Shows};

use super::{directories::Directory, here::Heard, *};
use crate::{
    connect::Failure,
    context::{Mux, Survey, survey::Remote},
    ssh::{Agent, Ending, Login, version::NoSsh},
};

const PLAIN: Style = Style {
    colour: false,
    width: None,
};

fn lines(findings: &[Finding]) -> String {
    findings
        .iter()
        .map(|finding| PLAIN.finding(finding))
        .collect()
}

fn refusal(ending: &Ending, seen: &Login, takes_new_keys: bool, never_asks: bool) -> String {
    lines(&login::refusal(&login::Refusal {
        host: "gw1",
        ssh: "-p 2222 gw1",
        ending,
        login: seen,
        takes_new_keys,
        never_asks,
    }))
}

#[test]
fn what_is_wrong_here_is_said_with_what_to_do() {
    let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    let path = Path::new("/run/user/1000/netroam");
    insta::assert_snapshot!(lines(&[
        here::ssh_version(&Err(NoSsh::NotFound), None),
        here::ssh_options(Err("Bad configuration option: proxyusefdpass")),
        here::event_source(&Heard::Untried("a network namespace to try it in is forbidden".into())),
        here::event_source(&Heard::No),
        here::network(&Ok((Snapshot::default(), None))),
        here::sleep_source(SleepSource::PowerManager),
        here::notifications(&Shows::Nobody, true),
        here::terminal(Some("dumb"), None, true),
        directories::directory("runtime-directory", path, &Directory::Open(0o777), ""),
        directories::directory("runtime-directory", path, &Directory::Readable(0o755), ""),
        directories::directory("state-directory", path, &Directory::Readable(0o755), ""),
        directories::directory("state-directory", path, &Directory::NotWritten(full), ""),
        directories::directory("runtime-directory", path, &Directory::Right, &directories::left(2)),
        here::agent(&Agent::Gone {
            socket: "/tmp/agent".into(),
            link: Some("/tmp/ssh-x/agent.1".into()),
        }),
        here::agent(&Agent::Keys(2)),
    ]), @r#"
    wrong    ssh-version: no ssh in PATH
             hint: Debian and Ubuntu: apt install openssh-client; Fedora: dnf install openssh-clients; macOS has it
    wrong    ssh-options: this ssh does not take what netroam passes: Bad configuration option: proxyusefdpass
             hint: put an unpatched OpenSSH in front of it in PATH
    ok       event-source: subscribed to the system's events; that one arrives cannot be tried here (a network namespace to try it in is forbidden)
    wrong    event-source: subscribed to the system's events, but one that was caused did not arrive
             hint: events = "portable" in the configuration has netroam look every 5 s instead
    warning  network: no network now
             hint: netroam works all the same: a session waits for one, and begins the moment that it is there
    ok       sleep-source: the power manager tells of each sleep (IOKit)
    warning  notifications: nobody shows them on this bus: a session that needs you says so in its terminal only
             hint: on-wait = "…" can call you in another way, notify = false silences this (docs/configuration.md)
    warning  terminal: TERM is dumb: nothing can be drawn
             hint: run netroam in a terminal, which sets TERM
    wrong    runtime-directory: /run/user/1000/netroam can be written by others (mode 0777)
             hint: chmod 700 /run/user/1000/netroam
    warning  runtime-directory: /run/user/1000/netroam can be read by others (mode 0755); netroam guard does not start with it
             hint: chmod 700 /run/user/1000/netroam
    warning  state-directory: /run/user/1000/netroam can be read by others (mode 0755)
             hint: chmod 700 /run/user/1000/netroam
    wrong    state-directory: /run/user/1000/netroam cannot be written to: no storage space
             hint: make room, or set XDG_RUNTIME_DIR and XDG_STATE_HOME to where there is some
    ok       runtime-directory: /run/user/1000/netroam; 2 netroams that were killed left something, which the next one removes
    warning  agent: nobody answers at /tmp/agent, a link to /tmp/ssh-x/agent.1: its agent is gone
             hint: start one (eval $(ssh-agent); ssh-add), or point SSH_AUTH_SOCK at one that runs
    ok       agent: answers, with 2 keys
    "#);
}

#[test]
fn what_stands_between_a_user_and_a_login_is_said_with_what_to_do() {
    let methods = |methods: &[&str]| Login {
        methods: methods.iter().map(|method| (*method).to_owned()).collect(),
        ..Login::default()
    };
    let denied = Ending::NeedsPerson {
        what: "me@gw1: Permission denied (publickey,password).".into(),
    };
    let unknown = Ending::NeedsPerson {
        what: "the host key is not known".into(),
    };
    let locked = Login {
        accepted: Some("/home/me/.ssh/id_ed25519".into()),
        ..methods(&["publickey"])
    };
    let portal = Failure::Foreign {
        peer: "203.0.113.10:22".parse().unwrap(),
        said: "HTTP/1.1 302 Found".into(),
    };
    let typed = methods(&["publickey", "password"]);
    insta::assert_snapshot!([
        refusal(&denied, &typed, false, false),
        refusal(&denied, &locked, false, false),
        refusal(&denied, &typed, false, true),
        refusal(&denied, &methods(&["publickey"]), false, false),
        refusal(&unknown, &methods(&[]), false, false),
        refusal(&unknown, &methods(&[]), true, false),
        refusal(&Ending::HostKeyChanged, &methods(&[]), true, false),
    ].concat(), @r#"
    ok       host-key: the known one
    warning  key: gw1 takes no key of yours, and wants a person (publickey, password): the first login asks you, and each reconnect waits until you press Enter and answer; what the host has is not asked, because that needs the login
             hint: a key avoids that: ssh-copy-id -p 2222 gw1 (ssh-keygen makes one)
    ok       host-key: the known one
    warning  key: gw1 would take /home/me/.ssh/id_ed25519, but nothing can use it without a question (it is locked, wants a touch, or its agent refuses): the first login asks you, and each reconnect waits until you press Enter and answer; what the host has is not asked, because that needs the login
             hint: an agent avoids that: ssh-add and the key's file
    ok       host-key: the known one
    wrong    key: gw1 takes no key of yours, and wants a person (publickey, password): your configuration has ssh ask nobody (BatchMode yes)
             hint: a key avoids that: ssh-copy-id -p 2222 gw1 (ssh-keygen makes one)
    ok       host-key: the known one
    wrong    key: gw1 takes no key of yours, and nothing else (publickey)
             hint: add the right one (IdentityFile, ssh-add), or have yours put into its authorized_keys
    wrong    host-key: the key of gw1 is not known
             hint: log in once, compare the fingerprint, and say yes: ssh -p 2222 gw1
    warning  host-key: not known yet; your configuration has ssh take it at the first login (StrictHostKeyChecking), but doctor takes none, so the rest is not asked
             hint: log in once: ssh -p 2222 gw1
    wrong    host-key: gw1 has another key than the known one
             hint: on a strange network this may be somebody else's machine; if the host was set up anew: ssh-keygen -R and its name, as ssh says it
    "#);
    insta::assert_snapshot!(lines(&[
        there::no_answer("gw1", &portal),
        there::would_wait("a tunnel"),
        there::no_name("gw1.corp", "Name or service not known", false),
        login::slow_login(Duration::from_secs(15)),
    ]), @r#"
    wrong    answer: the network answers in gw1's place (captive portal?): 203.0.113.10 port 22 is no ssh server, it says: HTTP/1.1 302 Found
             hint: open any page in a browser and log in to this network; a session would wait for that
    warning  answer: not asked: a session would wait for a tunnel now, so nothing was sent to the host
             hint: bring it up and ask again; --via any asks over whatever is there
    wrong    name: gw1.corp does not resolve here (Name or service not known)
             hint: is it misspelt? where only a VPN knows the name, --via tunnel has sessions wait for that
    wrong    key: the login does not come to its end within 15 s
             hint: large packets may not come through (MTU?), or the server waits for something; ssh -v says how far it comes
    "#);
}

#[test]
fn what_a_host_has_is_said_in_a_line_each() {
    let survey = Survey {
        system: "Linux 6.1.0".into(),
        clock: None,
        screen: Some("4.09.00".into()),
        tmux: Some("3.3a".into()),
        terminfo: Some(false),
        sessions: vec![Remote {
            mux: "screen",
            name: "mac".into(),
            ours: true,
        }],
        writable: false,
        charmap: Some("ANSI_X3.4-1968".into()),
    };
    let mut found = there::survey("gw1", &survey, Some(Mux::Auto), "xterm-kitty", Some(-125));
    let bare = Survey {
        tmux: Some("3.3a".into()),
        ..Survey::default()
    };
    for mux in [Some(Mux::Screen), Some(Mux::Auto), None] {
        found.push(there::survey("gw1", &bare, mux, "xterm", None).remove(1));
    }
    insta::assert_snapshot!(lines(&found), @r#"
    ok       remote-system: Linux 6.1.0
    ok       context: screen 4.09.00 keeps the work (auto); tmux 3.3a is there, too
    warning  terminfo: gw1 does not know xterm-kitty: sessions there use xterm-256color
             hint: infocmp -x xterm-kitty | ssh gw1 tic -x -
    ok       remote-sessions: mac (screen, netroam's)
    warning  clock: 2:05 behind ours: one-time passwords fail, and times in logs do not match; netroam itself compares none
             hint: have both machines ask a time server (timedatectl set-ntp true)
    warning  remote-directory: ~/.ssh on gw1 cannot be written to: two laptops take one session from each other, and the agent's path changes at each reconnect
             hint: on gw1: is the disk full, whose is ~/.ssh? chmod u+w ~/.ssh
    warning  locale: ANSI_X3.4-1968 without a login shell: programs may show letters beyond ASCII wrongly
             hint: SendEnv LANG in ~/.ssh/config, or LANG=C.UTF-8 in what the login shell reads there
    warning  context: no screen on gw1 (tmux 3.3a is there): a plain shell, which does not survive a lost connection
             hint: have screen or tmux installed on gw1
    ok       context: tmux 3.3a keeps the work (auto)
    ok       context: none is wanted: what runs there ends with its connection
    "#);
}

#[test]
fn lines_are_broken_between_words_and_coloured_where_that_is_wanted() {
    let finding = Finding::warning("key", "one two three four five six seven", "do \u{1b}this");
    let narrow = Style {
        colour: true,
        width: Some(40),
    };
    let said = narrow.finding(&finding).replace('\u{1b}', "^");
    insta::assert_snapshot!(said, @r#"
    ^[33mwarning^[0m  key: one two three four five
             six seven
             hint: do �this
    "#);
    let all = [
        finding,
        Finding::wrong("key", "x", "y"),
        Finding::wrong("key", "x", "y"),
    ];
    assert_eq!(PLAIN.closing(None, &[]), "netroam watch will work\n");
    assert_eq!(
        PLAIN.closing(Some("gw1"), &all[..1]),
        "netroam watch gw1 will work; 1 warning\n"
    );
    assert_eq!(
        PLAIN.closing(Some("gw1"), &[there::offline()]),
        "netroam watch gw1 would wait now, and the host was not asked; 1 warning\n"
    );
    assert_eq!(
        PLAIN.closing(Some("gw1"), &all[..2]),
        "netroam watch gw1 will not work: 1 thing is wrong\n"
    );
    assert_eq!(
        PLAIN.closing(Some("gw1"), &all),
        "netroam watch gw1 will not work: 2 things are wrong\n"
    );
}
