use super::*;
use crate::{
    context::bootstrap::{CONTEXT_GONE, TAKEN_OVER},
    ssh::{config::LogLevel, log::LogReader},
};

const IN: &str = "Authenticated to h ([192.0.2.1]:22) using \"publickey\".\r\ndebug1: Entering interactive session.\r\n";

struct Case {
    status: i32,
    log: String,
    stderr: &'static str,
    change: fn(&mut Evidence<'_>),
}

fn ending(case: &Case) -> Ending {
    let log: Vec<_> = LogReader::new(LogLevel::Info)
        .feed(case.log.as_bytes())
        .into_iter()
        .filter_map(|line| line.event)
        .collect();
    let mut evidence = Evidence {
        exit: Exit::Status(case.status),
        log: &log,
        stderr: case.stderr.as_bytes(),
        ended_by_us: false,
        unattended: false,
        context: true,
        escapable: true,
        exit_on_forward_failure: false,
    };
    (case.change)(&mut evidence);
    classify(&evidence)
}

fn case(status: i32, log: &str, stderr: &'static str) -> Case {
    Case {
        status,
        log: log.replace('\r', "").replace('\n', "\r\n"),
        stderr,
        change: |_| {},
    }
}

#[test]
fn endings_after_login() {
    const EXIT: &str = "debug1: client_input_channel_req: channel 0 rtype exit-status reply 0\n";
    const ORDERLY: &str =
        "Transferred: sent 1, received 1 bytes, in 0.1 seconds\ndebug1: Exit status -1\n";
    const CLOSED: &str = "Connection to h closed.\r\r\n";
    let lost = |why: &str| Ending::Lost { why: why.into() };
    for (status, log, stderr, expected) in [
        (7, EXIT, CLOSED, Ending::Finished { status: 7 }),
        (255, EXIT, CLOSED, Ending::Finished { status: 255 }),
        (TAKEN_OVER, EXIT, CLOSED, Ending::TakenOver),
        (CONTEXT_GONE, EXIT, CLOSED, Ending::ContextGone),
        (
            255,
            "debug1: client_input_channel_req: channel 0 rtype exit-signal reply 0\n",
            CLOSED,
            Ending::RemoteKilled,
        ),
        (255, ORDERLY, CLOSED, Ending::Escaped),
        (
            255,
            ORDERLY,
            "Connection to h closed by remote host.\r\r\nConnection to h closed.\r\r\n",
            lost("closed by the server"),
        ),
        (
            255,
            "client_loop: send disconnect: Broken pipe\n",
            "",
            lost("client_loop: send disconnect: Broken pipe"),
        ),
        (
            255,
            "Timeout, server h not responding.\n",
            "",
            lost("Timeout, server h not responding."),
        ),
        (
            255,
            "Read from remote host h: Connection reset by peer\nclient_loop: send disconnect: Broken pipe\n",
            CLOSED,
            lost("client_loop: send disconnect: Broken pipe"),
        ),
        (
            255,
            "Killed by signal 15.\n",
            "",
            Ending::Killed {
                signal: "15".into(),
            },
        ),
        (
            0,
            "debug1: Exit status 0\n",
            "",
            Ending::Finished { status: 0 },
        ),
    ] {
        assert_eq!(
            ending(&case(status, &format!("{IN}{log}"), stderr)),
            expected,
            "{status} {log}{stderr}"
        );
    }
    let mut ours = case(255, IN, "");
    ours.change = |evidence| evidence.ended_by_us = true;
    assert_eq!(ending(&ours), Ending::EndedByUs);
    let mut plain = case(TAKEN_OVER, &format!("{IN}{EXIT}"), "");
    plain.change = |evidence| evidence.context = false;
    assert_eq!(ending(&plain), Ending::Finished { status: TAKEN_OVER });
    let mut forward = case(
        255,
        "Authenticated to h ([::1]:22)\nError: remote port forwarding failed for listen port 8080\n",
        "",
    );
    forward.change = |evidence| evidence.exit_on_forward_failure = true;
    assert_eq!(
        ending(&forward),
        Ending::Unusable {
            line: "Error: remote port forwarding failed for listen port 8080".into()
        }
    );
}

#[test]
fn a_forward_that_a_reconnect_cannot_have_yet_is_worth_another_try() {
    let mut forward = case(
        255,
        &format!("{IN}Error: remote port forwarding failed for listen port 8080\n"),
        "",
    );
    forward.change = |evidence| {
        evidence.exit_on_forward_failure = true;
        evidence.unattended = true;
    };
    assert!(matches!(ending(&forward), Ending::Lost { .. }));
}

#[test]
fn endings_before_login() {
    let unreachable = |why: &str| Ending::Unreachable { why: why.into() };
    for (log, attended, unattended) in [
        (
            "u@h: Permission denied (publickey).\n",
            Ending::Denied {
                why: "u@h: Permission denied (publickey).".into(),
            },
            Ending::NeedsPerson {
                what: "u@h: Permission denied (publickey).".into(),
            },
        ),
        (
            "Host key verification failed.\n",
            Ending::HostKeyRefused,
            Ending::NeedsPerson {
                what: "the host key is not known".into(),
            },
        ),
    ] {
        let mut case = case(255, log, "");
        assert_eq!(ending(&case), attended);
        case.change = |evidence| evidence.unattended = true;
        assert_eq!(ending(&case), unattended);
    }
    for (log, expected) in [
        (
            "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nHost key for h has changed and you have requested strict checking.\nHost key verification failed.\n",
            Ending::HostKeyChanged,
        ),
        (
            "ssh: connect to host h port 22: Connection refused\n",
            unreachable("ssh: connect to host h port 22: Connection refused"),
        ),
        (
            "kex_exchange_identification: Connection closed by remote host\nConnection closed by 192.0.2.1 port 22\n",
            unreachable("kex_exchange_identification: Connection closed by remote host"),
        ),
        (
            "Connection reset by 192.0.2.1 port 22\n",
            unreachable("Connection reset by 192.0.2.1 port 22"),
        ),
        (
            "ssh: Could not resolve hostname h: Name or service not known\n",
            Ending::UnknownHost {
                why: "ssh: Could not resolve hostname h: Name or service not known".into(),
            },
        ),
        (
            "Cannot execute command-line and remote command.\n",
            Ending::Unusable {
                line: "Cannot execute command-line and remote command.".into(),
            },
        ),
        (
            "",
            Ending::Unusable {
                line: "ssh ended with status 255 and did not say why".into(),
            },
        ),
    ] {
        assert_eq!(ending(&case(255, log, "")), expected, "{log}");
    }
    let mut interrupted = case(0, "", "");
    interrupted.change = |evidence| evidence.exit = Exit::Signal(2);
    assert_eq!(ending(&interrupted), Ending::Interrupted { signal: 2 });
}
