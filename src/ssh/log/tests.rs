use proptest::prelude::*;

use super::*;

fn read(level: LogLevel, bytes: &[u8]) -> Vec<LogLine> {
    let mut reader = LogReader::new(level);
    let mut lines = reader.feed(bytes);
    lines.extend(reader.finish());
    lines
}

#[test]
fn lines_are_understood() {
    for (line, expected) in [
        (
            "Authenticated to h ([::1]:22) using \"publickey\".",
            Some(LogEvent::Authenticated),
        ),
        (
            "debug1: kex_exchange_identification: banner line 0: Not allowed at this time",
            Some(LogEvent::TurnedAway("Not allowed at this time".into())),
        ),
        (
            "debug1: kex_exchange_identification: banner line 0: Welcome",
            None,
        ),
        (
            "debug1: Remote protocol version 2.0, remote software version OpenSSH_9.2p1",
            Some(LogEvent::Greeted),
        ),
        (
            "debug1: SSH2_MSG_NEWKEYS received",
            Some(LogEvent::KeyExchanged),
        ),
        // Seen on macOS 26 (OpenSSH_10.0p2): Apple's ssh does not say which address of a name it connects to, nor is there an event then.
        ("debug1: Connecting to localhost port 2222.", None),
        ("debug1: OpenSSH_10.0p2, LibreSSL 3.3.6", None),
        (
            "ssh: Could not resolve hostname gw1: nodename nor servname provided, or not known",
            Some(LogEvent::CouldNotResolve(
                "ssh: Could not resolve hostname gw1: nodename nor servname provided, or not known"
                    .into(),
            )),
        ),
        (
            "debug1: client_input_channel_req: channel 0 rtype exit-status reply 0",
            Some(LogEvent::RemoteExit),
        ),
        (
            "debug1: client_input_channel_req: channel 0 rtype exit-signal reply 0",
            Some(LogEvent::RemoteSignal),
        ),
        // A server's words are no words of ssh's.
        (
            "Received disconnect from 192.0.2.1 port 22:2: REMOTE HOST IDENTIFICATION HAS CHANGED",
            Some(LogEvent::Lost(
                "Received disconnect from 192.0.2.1 port 22:2: REMOTE HOST IDENTIFICATION HAS CHANGED".into(),
            )),
        ),
        (
            "Received disconnect from 192.0.2.1 port 22:2: u@h: Permission denied (publickey).",
            Some(LogEvent::Lost(
                "Received disconnect from 192.0.2.1 port 22:2: u@h: Permission denied (publickey).".into(),
            )),
        ),
        ("debug1: Exit status -1", Some(LogEvent::LoopEnded)),
        (
            "debug1: Local connections to LOCALHOST:8080 forwarded to remote address web:80",
            Some(LogEvent::Listening("LOCALHOST:8080".into())),
        ),
        (
            "channel_setup_fwd_listener_tcpip: cannot listen to port: 8080",
            Some(LogEvent::CannotListen),
        ),
        (
            "channel_setup_fwd_listener_tcpip: getaddrinfo(late.test): Name or service not known",
            Some(LogEvent::CannotListen),
        ),
        (
            "unix_listener: cannot bind to path /tmp/x: Address already in use",
            Some(LogEvent::CannotListen),
        ),
        (
            "debug1: remote forward failure for: listen /tmp/x:-2, connect web:80",
            Some(LogEvent::Listens {
                forward: "/tmp/x:-2".into(),
                granted: false,
            }),
        ),
        (
            "debug1: Remote: /home/u/.ssh/authorized_keys:1: key options: command port-forwarding",
            Some(LogEvent::ForcedCommand),
        ),
        (
            "debug1: Remote: /home/u/.ssh/authorized_keys:1: key options: agent-forwarding pty",
            None,
        ),
        ("debug1: Sending command: echo Killed by signal 9.", None),
        ("Killed by signal 15.", Some(LogEvent::Killed("15".into()))),
        (
            "Host key verification failed.",
            Some(LogEvent::HostKeyRefused),
        ),
        ("whatever the future brings", None),
    ] {
        assert_eq!(event(line), expected, "{line}");
    }
}

#[test]
fn only_the_end_of_the_session_itself_counts() {
    let ended = |channel: &str| {
        format!("debug1: client_input_channel_req: channel {channel} rtype exit-status reply 0\n")
    };
    let log = [
        "debug1: channel 0: new port-listener [port listener] (inactive timeout: 0)\n",
        "debug1: channel 1: new session [client-session] (inactive timeout: 0)\n",
        "debug1: channel 2: new session [client-session] (inactive timeout: 0)\n",
        &ended("2"),
        &ended("1"),
    ]
    .concat();
    let events: Vec<_> = read(LogLevel::Info, log.as_bytes())
        .into_iter()
        .map(|line| line.event)
        .collect();
    assert_eq!(events, [None, None, None, None, Some(LogEvent::RemoteExit)]);
}

#[test]
fn a_channel_of_netroams_own_that_is_refused_is_not_the_users_business() {
    let log = "debug1: channel 1: new session [client-session] (inactive timeout: 0)\n\
               debug1: channel 2: new session [client-session] (inactive timeout: 0)\n\
               channel 2: open failed: connect failed: open failed\n\
               debug1: channel 2: new direct-tcpip [direct-tcpip] (inactive timeout: 0)\n\
               channel 2: open failed: connect failed: Connection refused\n\
               channel 1: open failed: administratively prohibited: no\n";
    let lines = read(LogLevel::Info, log.as_bytes());
    let shown: Vec<_> = lines.iter().map(|line| line.shown).collect();
    assert_eq!(shown, [false, false, false, false, true, true]);
}

#[test]
fn what_a_plain_ssh_would_have_shown() {
    for (line, from) in [
        ("debug1: x", LogLevel::Debug1),
        ("debug3: x", LogLevel::Debug3),
        ("Authenticated to h", LogLevel::Verbose),
        (
            "Warning: Permanently added 'h' (ED25519) to the list of known hosts.",
            LogLevel::Info,
        ),
        (
            "** WARNING: connection is not using a post-quantum key exchange algorithm.",
            LogLevel::Info,
        ),
        ("Host key verification failed.", LogLevel::Fatal),
    ] {
        for level in [
            LogLevel::Quiet,
            LogLevel::Fatal,
            LogLevel::Error,
            LogLevel::Info,
            LogLevel::Verbose,
            LogLevel::Debug1,
            LogLevel::Debug3,
        ] {
            assert_eq!(
                read(level, line.as_bytes())[0].shown,
                level >= from,
                "{line} at {level:?}"
            );
        }
    }
}

#[test]
fn nothing_in_a_line_moves_the_terminal() {
    let lines = read(
        LogLevel::Info,
        "a\u{1b}]0;x\u{7}b\u{9b}2J\tc\r\nd".as_bytes(),
    );
    assert_eq!(
        lines
            .iter()
            .map(|line| line.text.as_str())
            .collect::<Vec<_>>(),
        ["a?]0;x?b?2J\tc", "d"]
    );
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces_make_the_same_lines(bytes: Vec<u8>, cut in 0usize..100) {
        let mut reader = LogReader::new(LogLevel::Info);
        let cut = cut.min(bytes.len());
        let mut lines = reader.feed(&bytes[..cut]);
        lines.extend(reader.feed(&bytes[cut..]));
        lines.extend(reader.finish());
        let escapes = lines.iter().any(|line| line.text.contains('\u{1b}'));
        prop_assert!(!escapes);
        prop_assert_eq!(lines, read(LogLevel::Info, &bytes));
    }
}

#[test]
fn a_line_without_end_stays_bounded() {
    let mut reader = LogReader::new(LogLevel::Info);
    for _ in 0..1000 {
        assert!(reader.feed(&[b'x'; 1000]).is_empty());
    }
    assert_eq!(reader.finish().unwrap().text.len(), LONGEST_LINE);
}

#[test]
fn what_is_said_at_every_login_is_told_from_the_rest() {
    let lines = "** WARNING: connection is not using a post-quantum key exchange algorithm.\n\
                 ** This session may be vulnerable to \"store now, decrypt later\" attacks.\n\
                 ** The server may need to be upgraded. See https://openssh.com/pq.html\n\
                 Warning: remote port forwarding failed for listen port 80\n";
    let lines = read(LogLevel::Info, lines.as_bytes());
    let repeated = lines.iter().map(LogLine::is_said_at_every_login);
    assert_eq!(repeated.collect::<Vec<_>>(), [true, true, true, false]);
    assert!(lines[..3].iter().all(|line| line.event.is_none()));
}
