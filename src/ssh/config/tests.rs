use std::{ffi::OsString, fs};

use super::*;
use crate::ssh::{
    args::{Args, Asked},
    version::Version,
};

fn args(words: &[&str]) -> Args {
    let words: Vec<OsString> = words.iter().map(OsString::from).collect();
    match Args::parse(&words, Version::of("ssh".as_ref()).unwrap()).unwrap() {
        Asked::Session(args) => args,
        Asked::Other(mode) => panic!("{mode:?}"),
    }
}

fn read(words: &[&str]) -> Result<Config> {
    let words = [&["-F", "/dev/null"], words].concat();
    Config::read("ssh".as_ref(), &args(&words))
}

#[test]
fn netroams_own_dialler_is_no_proxy() {
    let proxied = |command: &str| {
        let option = format!("-oProxyCommand={command}");
        read(&[&option, "h"]).unwrap().proxy_command
    };
    for command in [
        "netroam dial --host %n %h %p",
        "/opt/net/netroam dial %h %p --via tunnel",
        "'/a b/netroam' dial --host %n %h %p",
    ] {
        assert_eq!(proxied(command), None, "{command}");
    }
    for command in ["nc %h %p", "my-netroam dial %h %p", "netroam hand-over"] {
        assert_eq!(proxied(command).as_deref(), Some(command));
    }
}

#[test]
fn the_real_ssh_is_understood() {
    let config = read(&[
        "-p",
        "2222",
        "-6",
        "-b",
        "::1",
        "-oConnectTimeout=1m",
        "-oIPQoS=af21",
        "-oEscapeChar=^]",
        "u@h",
    ])
    .unwrap();
    assert_eq!(
        (config.hostname.as_str(), config.port, config.user.as_str()),
        ("h", 2222, "u")
    );
    assert_eq!(config.address_family, AddressFamily::V6);
    assert_eq!(config.bind_address.as_deref(), Some("::1"));
    assert_eq!(config.connect_timeout, Some(Duration::from_secs(60)));
    assert_eq!(config.type_of_service, Some(0x48));
    assert_eq!(config.escape_char, Some(0x1d));
    assert!(
        config.tcp_keep_alive && !config.control_master && config.is_login(&args(&["h"]), true)
    );
    assert!(!config.is_login(&args(&["h"]), false));
    assert!(read(&["-tt", "h"]).unwrap().is_login(&args(&["h"]), false));
    assert_eq!(read(&["-N", "h"]).unwrap().session_type, SessionType::None);
    assert_eq!(
        read(&["-W", "a:1", "h"]).unwrap().session_type,
        SessionType::None
    );
    assert_eq!(read(&["-tt", "h"]).unwrap().request_tty, RequestTty::Force);
    assert!(
        !read(&["h", "ls"])
            .unwrap()
            .is_login(&args(&["h", "ls"]), true)
    );
    assert_eq!(read(&["-L1:a:2", "-D3", "h"]).unwrap().forwards.len(), 2);
}

#[test]
fn the_log_level_is_what_a_plain_ssh_would_have() {
    for (words, level) in [
        (&["h"][..], LogLevel::Info),
        (&["-q", "h"], LogLevel::Quiet),
        (&["-v", "h"], LogLevel::Debug1),
        (&["-vvvv", "h"], LogLevel::Debug3),
        (&["-vq", "h"], LogLevel::Quiet),
        (&["-oLogLevel=ERROR", "h"], LogLevel::Error),
        (&["-oLogLevel=QUIET", "h"], LogLevel::Quiet),
    ] {
        assert_eq!(read(words).unwrap().log_level, level, "{words:?}");
    }
}

#[test]
fn what_ssh_refuses_is_one_line() {
    for (words, line) in [
        (
            &["-oFoo=1", "h"][..],
            "command-line: line 0: Bad configuration option: foo",
        ),
        (&["-p", "22x", "h"], "Bad port '22x'"),
        (
            &["-q", "-F", "/nonexistent", "h"],
            "Can't open user config file /nonexistent: No such file or directory",
        ),
        (
            &["-oRemoteCommand=top", "h", "ls"],
            "Cannot execute command-line and remote command.",
        ),
        (
            &["ssh://h:99999"],
            "ssh does not understand this command line",
        ),
    ] {
        assert_eq!(read(words).unwrap_err().to_string(), line, "{words:?}");
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "Host *\n  Foo 1\n").unwrap();
    let error = read(&["-F", file.path().to_str().unwrap(), "h"]).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("line 2: Bad configuration option: foo"),
        "{error}"
    );
}

#[test]
fn type_of_service_names_are_those_of_the_registries() {
    for (name, byte) in [
        ("ef", Some(0xb8)),
        ("cs1", Some(0x20)),
        ("af43", Some(0x98)),
        ("0x20", Some(0x20)),
        ("none", None),
    ] {
        assert_eq!(type_of_service(name), byte, "{name}");
    }
}

/// The words that macOS has in its configuration and others do not know, as they stand in many a `~/.ssh/config` that is shared by machines.
#[test]
fn a_configuration_from_a_mac_is_read_where_it_says_that_others_may_ignore_it() {
    let directory = tempfile::tempdir().unwrap();
    let (file, included) = (directory.path().join("config"), directory.path().join("d"));
    fs::create_dir(&included).unwrap();
    fs::write(included.join("100-macos.conf"), "SendEnv LANG LC_*\n").unwrap();
    let mac = "Host *\n  UseKeychain yes\n  AddKeysToAgent yes\n  ServerAliveInterval 7\n";
    let include = format!("Include {}/*\n", included.display());
    let path = file.to_str().unwrap();
    fs::write(&file, format!("IgnoreUnknown UseKeychain\n{include}{mac}")).unwrap();
    let config = read(&["-F", path, "h"]).unwrap();
    assert_eq!(config.server_alive_interval, Duration::from_secs(7));
    fs::write(&file, format!("{include}{mac}")).unwrap();
    if cfg!(not(target_os = "macos")) {
        let error = read(&["-F", path, "h"]).unwrap_err().to_string();
        assert!(
            error.ends_with("line 3: Bad configuration option: usekeychain"),
            "{error}"
        );
    }
}

/// What `ssh -G` of another ssh says: keywords of Apple's and of the future, in any case.
#[test]
fn words_that_are_not_known_are_passed_over() {
    let config = Config::parse(
        "host gw1\nuser me\nHostname gw1.example.org\nport 22\nusekeychain yes\naddkeystoagent true\nwarnweakcrypto yes\n\
         refuseconnection no\nipqos ef none\nsecuritykeyprovider $SSH_SK_PROVIDER\nsomething\n\nidentityagent SSH_AUTH_SOCK\n\
         LocalForward 8080 [web]:80\nServerAliveInterval 5\n",
    )
    .unwrap();
    assert_eq!(config.hostname, "gw1.example.org");
    assert_eq!(config.type_of_service, Some(0xb8));
    assert_eq!(config.server_alive_interval, Duration::from_secs(5));
    assert_eq!(config.forwards.len(), 1, "{:?}", config.forwards);
}

#[test]
fn forwards_can_wait_where_nothing_depends_on_the_moment_of_asking() {
    let can = |words: &[&str]| {
        let mut command = Command::new("ssh");
        command.args(["-F", "none", "-G"]).args(words).arg("h");
        Config::ask(command).unwrap().forwards_can_wait
    };
    assert!(can(&[
        "-R",
        "9000:h:1",
        "-L",
        "/tmp/a:/tmp/b",
        "-D",
        "1080"
    ]));
    assert!(can(&["-R", "9000:h:1", "-o", "LocalCommand=true"]));
    for words in [
        &["-R", "9000:h:1", "-w", "0:0"][..],
        &["-R", "9000:h:1", "-R", "0:h:1"],
        &["-R", "/tmp/a b:h:1"],
        &[
            "-R",
            "9000:h:1",
            "-o",
            "PermitLocalCommand=yes",
            "-o",
            "LocalCommand=true",
        ],
    ] {
        assert!(!can(words), "{words:?}");
    }
}
