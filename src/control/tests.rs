use std::{
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    process::Command,
    time::Duration,
};

use netroam_platform::{Interface, Lookup, NoPath, Snapshot, clock};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
};

use super::*;
use crate::{
    record::{Stamp, State},
    supervisor::{Look, Via},
};

const LIMIT: Duration = Duration::from_secs(5);

pub(crate) fn sample(host: &str, session: &str) -> Status {
    let look = Look {
        snapshot: Snapshot::default(),
        paths: [(
            "203.0.113.5".parse().unwrap(),
            Lookup::None(NoPath::NoRoute),
        )]
        .into(),
    };
    let at: Stamp = "2026-11-22T14:03:07.5Z".parse().unwrap();
    Status {
        id: format!("{host}/{session}"),
        host: host.into(),
        session: Some(session.into()),
        pid: 4242,
        state: State::NoPath,
        text: "no route, waiting for the network".into(),
        since: at,
        path: None,
        want: Want::of(&Via::Auto, false, true),
        look: Some(LookFacts::of(&look, at)),
        run: None,
        attach: None,
        next_ms: None,
    }
}

/// A netroam that keeps this session, in the runtime directory `base`; it runs until the task is aborted.
fn netroam(base: &std::path::Path, name: &str) -> tokio::task::JoinHandle<()> {
    let directory = base.join(name);
    std::fs::create_dir(&directory).unwrap();
    let mut listener = Listener::bind(&directory).unwrap();
    let status = sample("gw1", name);
    tokio::spawn(async move {
        loop {
            listener.next().await.answer(std::slice::from_ref(&status));
        }
    })
}

async fn talk(base: &std::path::Path, question: &[u8]) -> String {
    let mut client = UnixStream::connect(base.join("run.a/control"))
        .await
        .unwrap();
    client.write_all(question).await.unwrap();
    let mut said = String::new();
    client.read_to_string(&mut said).await.unwrap();
    said
}

#[tokio::test]
async fn every_running_netroam_is_asked_and_dead_ones_are_passed_over() {
    let base = tempfile::tempdir().unwrap();
    assert!(
        ask(&base.path().join("none"), LIMIT)
            .await
            .unwrap()
            .sessions
            .is_empty()
    );
    let tasks = [netroam(base.path(), "run.b"), netroam(base.path(), "run.a")];
    // Killed: the socket is there, and nobody behind it.
    std::fs::create_dir(base.path().join("run.dead")).unwrap();
    drop(std::os::unix::net::UnixListener::bind(base.path().join("run.dead/control")).unwrap());
    std::fs::create_dir(base.path().join("run.young")).unwrap();
    std::fs::write(base.path().join("a.lock"), "").unwrap();

    let answers = ask(base.path(), LIMIT).await.unwrap();
    assert_eq!(
        answers.sessions,
        [sample("gw1", "run.a"), sample("gw1", "run.b")]
    );
    assert_eq!(answers.problems, [""; 0]);
    let mode = std::fs::metadata(base.path().join("run.a/control"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    for task in tasks {
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    }
    assert!(
        !base.path().join("run.a/control").exists(),
        "the socket goes with its netroam"
    );
}

#[tokio::test]
async fn what_is_no_question_is_answered_without_the_driver() {
    let base = tempfile::tempdir().unwrap();
    let task = netroam(base.path(), "run.a");
    for question in [
        &b"netroam 1 stauts\n"[..],
        b"netroam 1 stop a\nnetroam 1 stop b\n",
    ] {
        let said = talk(base.path(), question).await;
        assert_eq!(
            said,
            "{\"netroam\":1,\"error\":\"this netroam does not know the question\"}\n"
        );
    }
    let said = talk(base.path(), b"netroam 7 status\n").await;
    assert_eq!(
        said,
        "{\"netroam\":1,\"error\":\"this netroam speaks version 1\"}\n"
    );
    let said = talk(base.path(), &[b'x'; LONGEST]).await;
    assert!(said.contains("version 1"), "{said}");
    let said = talk(base.path(), b"netroam 1 status\n").await;
    assert!(
        said.starts_with("{\"netroam\":1,\"sessions\":[{\"id\":\"gw1/run.a\",\"host\":\"gw1\""),
        "{said}"
    );
    task.abort();
}

#[tokio::test]
async fn clients_that_say_nothing_hold_up_the_others_no_longer_than_their_patience() {
    let base = tempfile::tempdir().unwrap();
    let task = netroam(base.path(), "run.a");
    let mut silent = Vec::new();
    for _ in 0..4 {
        silent.push(
            UnixStream::connect(base.path().join("run.a/control"))
                .await
                .unwrap(),
        );
    }
    let began = clock::now();
    let answers = ask(base.path(), LIMIT).await.unwrap();
    let took = clock::now().since(began);
    assert_eq!(answers.sessions.len(), 1, "{:?}", answers.problems);
    assert!(
        took > Duration::from_millis(500),
        "all places were taken: {took:?}"
    );
    assert!(took < Duration::from_secs(4), "{took:?}");
    for mut client in silent {
        assert_eq!(client.read(&mut [0; 9]).await.unwrap(), 0, "left alone");
    }
    task.abort();
}

#[tokio::test]
async fn orders_reach_the_session_that_is_meant_and_nobody_else() {
    let base = tempfile::tempdir().unwrap();
    let directory = base.path().join("run.a");
    std::fs::create_dir(&directory).unwrap();
    let mut listener = Listener::bind(&directory).unwrap();
    let served = tokio::spawn(async move {
        let mut asked = Vec::new();
        for _ in 0..3 {
            let request = listener.next().await;
            let done = match &request.question {
                Question::Retry(id) | Question::Stop(id) if id == "gw1/mac" => vec![id.clone()],
                Question::Status | Question::Follow | Question::Retry(_) | Question::Stop(_) => {
                    Vec::new()
                }
            };
            asked.push(request.question.clone());
            request.done(&done);
        }
        asked
    });
    let socket = directory.join("control");
    assert_eq!(
        order(&socket, Order::Retry, "gw1/mac", LIMIT).await,
        Ok(true)
    );
    assert_eq!(
        order(&socket, Order::Stop, "gw1/mac", LIMIT).await,
        Ok(true)
    );
    assert_eq!(order(&socket, Order::Stop, "gw2", LIMIT).await, Ok(false));
    let (retry, stop) = (
        Question::Retry("gw1/mac".into()),
        Question::Stop("gw1/mac".into()),
    );
    assert_eq!(
        served.await.unwrap(),
        [retry, stop, Question::Stop("gw2".into())]
    );
    let nobody = base.path().join("run.b/control");
    assert_eq!(
        order(&nobody, Order::Stop, "gw1/mac", LIMIT).await,
        Ok(false)
    );
}

#[tokio::test]
async fn who_follows_hears_each_change_until_the_end() {
    let base = tempfile::tempdir().unwrap();
    let directory = base.path().join("run.a");
    std::fs::create_dir(&directory).unwrap();
    let mut listener = Listener::bind(&directory).unwrap();
    let mut changes = Following::new(base.path(), LIMIT);
    changes.look().unwrap();
    let mut followers = Followers::default();
    let request = listener.next().await;
    assert_eq!(request.question, Question::Follow);
    followers.add(request);
    let mut status = sample("gw1", "mac");
    followers.tell(&status);
    assert_eq!(
        changes.next().await,
        Change::Session(Box::new(status.clone()))
    );
    status.state = State::Attached;
    followers.tell(&status);
    status.state = State::Ended;
    followers.tell(&status);
    for state in [State::Attached, State::Ended] {
        status.state = state;
        assert_eq!(
            changes.next().await,
            Change::Session(Box::new(status.clone()))
        );
    }
    // Another one that has begun since is followed beside it, and neither twice.
    let later = base.path().join("run.b");
    std::fs::create_dir(&later).unwrap();
    let mut second = Listener::bind(&later).unwrap();
    changes.look().unwrap();
    changes.look().unwrap();
    followers.add(second.next().await);
    followers.tell(&status);
    for _ in 0..2 {
        assert_eq!(
            changes.next().await,
            Change::Session(Box::new(status.clone()))
        );
    }
    drop((listener, second));
    drop(followers);
    for over in [false, true] {
        assert_eq!(changes.next().await, Change::Ended);
        assert_eq!(changes.is_over(), over);
    }
}

#[tokio::test]
async fn a_follower_that_has_gone_is_told_nothing_more() {
    let base = tempfile::tempdir().unwrap();
    let directory = base.path().join("run.a");
    std::fs::create_dir(&directory).unwrap();
    let mut listener = Listener::bind(&directory).unwrap();
    let mut changes = Following::new(base.path(), LIMIT);
    changes.look().unwrap();
    let mut followers = Followers::default();
    followers.add(listener.next().await);
    drop(changes);
    let deadline = clock::now() + LIMIT;
    while !followers.is_empty() {
        assert!(clock::now() < deadline, "it is told all the same");
        followers.tell(&sample("gw1", "mac"));
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_netroam_that_hangs_is_named() {
    let base = tempfile::tempdir().unwrap();
    std::fs::create_dir(base.path().join("run.a")).unwrap();
    let _nobody = Listener::bind(&base.path().join("run.a")).unwrap();
    let answers = ask(base.path(), Duration::from_millis(100)).await.unwrap();
    let problem = format!("netroam {} does not answer", std::process::id());
    assert_eq!(answers.problems, [problem]);
}

#[tokio::test]
async fn another_user_gets_no_answer_even_where_every_mode_lets_them_in() {
    let base = tempfile::tempdir().unwrap();
    let task = netroam(base.path(), "run.a");
    let socket = base.path().join("run.a/control");
    for path in [base.path(), &base.path().join("run.a"), &socket] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
    }
    let ask = |uid| {
        let script = "$SIG{PIPE} = \"IGNORE\"; use IO::Socket::UNIX; $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die $!; \
                      print $s \"netroam 1 status\\n\"; $s->flush; print <$s>; print \"over\"";
        let mut perl = Command::new("perl");
        perl.args(["-e", script])
            .arg(&socket)
            .current_dir("/")
            .uid(uid)
            .gid(uid);
        async move {
            let output = tokio::task::spawn_blocking(move || perl.output())
                .await
                .unwrap();
            let output = output.expect("this test needs root and perl");
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            String::from_utf8_lossy(&output.stdout).into_owned()
        }
    };
    assert_eq!(ask(65_534).await, "over");
    assert!(ask(0).await.contains("\"sessions\""));
    task.abort();
}

#[test]
fn what_a_look_saw_is_told_with_the_reason_where_there_is_no_path() {
    let interface = Interface {
        name: "wlan0".into(),
        up: true,
        carrier: Some(true),
        loopback: false,
        tunnel: false,
        inward: false,
        addresses: ["192.0.2.7".parse().unwrap()].into(),
    };
    let look = Look {
        snapshot: Snapshot {
            interfaces: [(2, interface)].into(),
        },
        paths: [(
            "203.0.113.5".parse().unwrap(),
            Lookup::None(NoPath::NoCarrier("eth0".into())),
        )]
        .into(),
    };
    let facts = LookFacts::of(&look, Stamp::now());
    assert!(facts.online);
    assert_eq!(facts.paths[0].why.as_deref(), Some("eth0 has no carrier"));
}
