//! The remote command on a Mac, as far as Debian's programs can stand in for one.
//!
//! The screen is Debian's 4.9 behind a script that takes what Apple's 4.00.03 takes and says what that says. Its source: the usage text and `-v` as
//! macOS prints them, the listing without dates and with CR LF (seen on macOS 15), and screen.c of 4.00.03 with Apple's patches, whose
//! `d_termname[20 + 1]` limits TERM and whose sockets are in `_CS_DARWIN_USER_TEMP_DIR`.

use std::{fs, os::unix::fs::PermissionsExt as _, os::unix::fs::chown};

use netroam::context::{
    bootstrap::{CONTEXT_GONE, Mux, TAKEN_OVER, When},
    recipe::Recipe,
};
use nix::sys::signal::{Signal, kill};

use crate::{
    client::Client,
    laptop::{Laptop, answers},
    server::{Instead, SHELLS, Server},
};

/// Says `unknown option` where 4.00.03 prints its usage, for whatever it does not have: `-Q` (4.1), `-ls MATCH` (4.2), `-Logfile` (4.6), long options.
const SCREEN: &str = r#"
say() { printf '%s\r\n' "$*"; }
if [ ${#TERM} -gt 20 ] && [ "$1" != -v ] && [ "$1" != -ls ]; then say '$TERM too long - sorry.'; exit 1; fi
case $1 in
-v) say 'Screen version 4.00.03 (FAU) 23-Oct-06'; exit 1;;
-ls) [ $# = 1 ] || { say 'unknown option'; exit 1; }
    REAL -ls | while IFS= read -r line; do
        line=$(printf %s "$line" | sed 's/\t([0-9][^)]*)\t/\t/' | tr -d '\r'); say "$line"
    done; exit 1;;
esac
seen=
for word in "$@"; do
    case $seen$word in
    -X*|*-X) seen=X;;
    X*) ;;
    --*|-Q|-Logfile) say 'unknown option'; exit 1;;
    esac
done
exec REAL "$@"
"#;
/// Darwin, in another network each time.
const UNAME: &str = r#"
case $1 in
-n) echo "dhcp-$$.example.net";;
-s) echo Darwin;;
-sn) echo "Darwin dhcp-$$.example.net";;
*) echo "uname: illegal option" >&2; exit 1;;
esac
"#;
const SCUTIL: &str = r#"[ "$*" = "--get LocalHostName" ] && echo Annas-Mac"#;
/// The start in the words of the locale, as `%c` has it.
const PS: &str = r#"
case $* in
"-o lstart= -p "*|"-o args= -p "*) ;;
*) echo "ps: illegal argument: $*" >&2; exit 1;;
esac
out=$(REAL "$@") || exit
case $2 in lstart=) echo "$out ${LC_ALL:-$LC_TIME}";; *) echo "$out";; esac
"#;

fn mac() -> Server {
    Server::with(&[
        ("screen", Instead::Script(SCREEN)),
        ("uname", Instead::Script(UNAME)),
        ("scutil", Instead::Script(SCUTIL)),
        ("ps", Instead::Script(PS)),
        ("setsid", Instead::Nothing),
        ("nohup", Instead::Nothing),
        ("readlink", Instead::Nothing),
        ("stat", Instead::Nothing),
        ("sh", Instead::Program("/usr/bin/bash")),
    ])
}

#[test]
fn the_screen_of_2006_attaches_loses_the_connection_and_comes_back() {
    let server = mac();
    for shell in ["zsh", "bash", "tcsh"] {
        let laptop = Laptop::new(&server, shell, Mux::Auto, "work");
        // A name that has ours as its beginning: the old screen takes the first that fits.
        let longer = Laptop::new(&server, shell, Mux::Screen, "work-2");
        let mut other = longer.attach(When::First);
        answers(&mut other, 9_990);
        let mut first = laptop.attach(When::First);
        answers(&mut first, 7_770);
        assert!(!first.shown().contains("9991") && !first.shown().contains("\u{1b}[?1049h"));
        kill(first.pid(), Signal::SIGSTOP).unwrap();
        let mut second = laptop.attach(When::Again);
        second.expect("7771");
        answers(&mut second, 8_880);
        kill(first.pid(), Signal::SIGCONT).unwrap();
        first.end();
        let mut taker = Laptop::new(&server, shell, Mux::Screen, "work").attach(When::First);
        taker.expect("8881");
        assert_eq!(second.end().code(), Some(TAKEN_OVER), "{shell}: {second}");
        taker.type_in("exit\r");
        assert_eq!(taker.end().code(), Some(0), "{shell}: {taker}");
        let mut gone = laptop.attach(When::Again);
        assert_eq!(gone.end().code(), Some(CONTEXT_GONE), "{shell}: {gone}");
        assert!(gone.shown().contains("no session work on Annas-Mac"));
    }
}

#[test]
fn a_terminal_with_a_long_name_gets_a_shorter_one_from_the_old_screen_only() {
    for (server, told) in [(mac(), true), (Server::start(), false)] {
        let laptop = Laptop::new(&server, "zsh", Mux::Screen, "term");
        let mut client = laptop.attach_with(When::First, &[], |command| {
            command.env("TERM", "screen.xterm-256color");
        });
        answers(&mut client, 7_770);
        assert_eq!(
            client
                .shown()
                .contains("does not take TERM=screen.xterm-256color, using xterm-256color"),
            told,
            "{client}"
        );
    }
}

#[test]
fn who_holds_the_session_is_known_in_any_locale_time_zone_and_network() {
    let server = mac();
    let [one, two] = [(); 2].map(|()| Laptop::new(&server, "zsh", Mux::Screen, "shared"));
    let from = |laptop: &Laptop<'_>, when, zone: &str| {
        let sends = ["-o", "SendEnv=LC_TIME TZ"];
        laptop.attach_with(when, &sends, |command| {
            command.env("TZ", zone).env("LC_TIME", zone);
        })
    };
    let mut first = from(&one, When::First, "CET-1");
    answers(&mut first, 7_770);
    let mut second = from(&two, When::First, "EST5");
    second.expect("7771");
    assert_eq!(first.end().code(), Some(TAKEN_OVER), "{first}");
    assert_eq!(
        from(&one, When::Again, "JST-9").end().code(),
        Some(TAKEN_OVER)
    );
    answers(&mut second, 8_880);
}

#[test]
fn a_command_of_the_users_own_is_not_fought_over_in_any_locale_time_zone_and_network_either() {
    let server = mac();
    let [one, two] = [(); 2].map(|()| Recipe::of(&["screen -D -R work".into()]).unwrap());
    let from = |recipe: &Recipe, when, zone: &str| {
        Client::start_with(
            |log| {
                let mut words = vec!["-t".into(), "-E".into(), log.display().to_string()];
                words.extend(["-o", "SendEnv=LC_TIME TZ"].map(String::from));
                words.extend(server.login("zsh"));
                words.push(recipe.command(when));
                words
            },
            |command| {
                command.env("TZ", zone).env("LC_TIME", zone);
            },
        )
    };
    let mut first = from(&one, When::First, "CET-1");
    answers(&mut first, 7_770);
    let mut second = from(&two, When::First, "EST5");
    second.expect("7771");
    assert_eq!(first.end().code(), Some(TAKEN_OVER), "{first}");
    let mut back = from(&one, When::Again, "JST-9");
    assert_eq!(back.end().code(), Some(TAKEN_OVER), "{back}");
    answers(&mut second, 8_880);
}

#[test]
fn a_tmux_that_homebrew_installed_is_found() {
    let server = Server::with(&[
        ("tmux", Instead::Nothing),
        ("screen", Instead::Script(SCREEN)),
    ]);
    // One of the places beyond the PATH that a Mac gives to a command.
    let bin = server.home("zsh").join("bin");
    fs::create_dir(&bin).unwrap();
    fs::copy("/usr/bin/tmux", bin.join("tmux")).unwrap();
    fs::set_permissions(bin.join("tmux"), fs::Permissions::from_mode(0o755)).unwrap();
    for path in [&bin, &bin.join("tmux")] {
        chown(path, Some(0), Some(0)).unwrap();
    }
    let laptop = Laptop::new(&server, "zsh", Mux::Tmux, "brew");
    let mut client = laptop.attach(When::First);
    answers(&mut client, 7_770);
    assert!(!client.shown().contains("WARNING"), "{client}");
    laptop.detach(&mut client);
}

#[test]
fn any_posix_shell_may_be_sh_and_the_programs_may_be_busyboxs() {
    let busybox = Instead::Program("/usr/bin/busybox");
    for sh in ["bash", "zsh", "mksh", "ksh93", "busybox"] {
        let path = format!("/usr/bin/{sh}");
        let mut others = vec![("sh", Instead::Program(&path))];
        if sh == "busybox" {
            for program in ["ps", "uname", "mkdir", "ln", "mv", "sleep"] {
                others.push((program, busybox));
            }
        }
        let server = Server::with(&others);
        for mux in [Mux::Screen, Mux::Tmux] {
            let laptop = Laptop::new(&server, SHELLS[0], mux, "posix");
            let mut first = laptop.attach(When::First);
            answers(&mut first, 7_770);
            kill(first.pid(), Signal::SIGSTOP).unwrap();
            let mut second = laptop.attach(When::Again);
            second.expect("7771");
            answers(&mut second, 8_880);
            second.type_in("exit\r");
            assert_eq!(second.end().code(), Some(0), "{sh} {mux:?}: {second}");
            let mut gone = laptop.attach(When::Again);
            assert_eq!(
                gone.end().code(),
                Some(CONTEXT_GONE),
                "{sh} {mux:?}: {gone}"
            );
            kill(first.pid(), Signal::SIGCONT).unwrap();
            first.end();
        }
    }
}
