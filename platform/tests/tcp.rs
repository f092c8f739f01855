//! A real connection between two network namespaces, whose middle goes silent.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod namespace;

use std::{
    io::{self, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use namespace::{PATIENCE, inside, run, shell};
use netroam_platform::tcp::{self, Answer};
use nix::{
    sched::{CloneFlags, unshare},
    unistd::gettid,
};

/// Both ends of a connection: ours here, the server's in a namespace that lives as long as this does.
struct Line {
    near: TcpStream,
    far: TcpStream,
    server: String,
    _alive: mpsc::Sender<()>,
}

impl Line {
    fn new() -> Self {
        let (alive, ended) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            tell.send(format!("/proc/{}/task/{}/ns/net", process::id(), gettid()))
                .unwrap();
            assert!(ended.recv().is_err(), "nothing is sent");
        });
        let server = told.recv().unwrap();
        shell(&format!(
            "ip link add home type veth peer name router
             ip link set router netns {server}
             ip addr add 192.0.2.2/24 dev home
             ip link set home up
             nsenter --net={server} sh -ec '
                ip addr add 192.0.2.1/24 dev router
                ip link set router up
                nft add table inet lab
                nft \"add chain inet lab in {{ type filter hook input priority 0; }}\"'"
        ));
        // A listener belongs to the namespace in which it was made.
        let path = server.clone();
        let listener = thread::spawn(move || {
            nix::sched::setns(std::fs::File::open(path).unwrap(), CloneFlags::CLONE_NEWNET)
                .unwrap();
            TcpListener::bind("192.0.2.1:22").unwrap()
        });
        let listener = listener.join().unwrap();
        let near = TcpStream::connect("192.0.2.1:22").unwrap();
        let far = listener.accept().unwrap().0;
        far.set_nodelay(true).unwrap();
        near.set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        far.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self {
            near,
            far,
            server,
            _alive: alive,
        }
    }

    /// The server hears nothing more; nobody is told.
    fn cut(&self) {
        run(&format!(
            "nsenter --net={} nft add rule inet lab in drop",
            self.server
        ));
    }

    fn mend(&self) {
        run(&format!(
            "nsenter --net={} nft flush chain inet lab in",
            self.server
        ));
    }

    /// Until nothing was heard for a while.
    fn idle(&self, time: Duration) {
        wait("the line is idle", || {
            tcp::health(&self.near).unwrap().since_last_ack >= time
        });
    }

    /// Asks, and waits for a judgement that is not `Unsure`; how long that took.
    fn ask(&self) -> (Answer, Duration) {
        let (asked, before) = (Instant::now(), tcp::ask(&self.near).unwrap());
        let mut answer = Answer::Unsure;
        wait("the kernel asks", || {
            answer = tcp::answered(&before, &tcp::health(&self.near).unwrap());
            answer == Answer::Alive
                || (answer != Answer::Unsure && asked.elapsed() > Duration::from_millis(300))
        });
        (answer, asked.elapsed())
    }

    /// Reads until the connection ends; how long that took.
    fn end(&mut self) -> (io::Error, Duration) {
        let since = Instant::now();
        (self.near.read(&mut [0; 1]).unwrap_err(), since.elapsed())
    }
}

/// Polls outside state, with a deadline.
fn wait(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        thread::park_timeout(Duration::from_millis(1));
    }
}

const STALL: Duration = Duration::from_secs(3);

#[test]
fn asked_an_idle_line_answers_at_once_every_time() {
    inside(async || {
        let line = Line::new();
        tcp::keep_honest(&line.near, Duration::from_secs(15), true).unwrap();
        for _ in 0..3 {
            line.idle(Duration::from_millis(1200));
            let (answer, took) = line.ask();
            assert_eq!(answer, Answer::Alive);
            assert!(took < Duration::from_millis(100), "{took:?}");
            tcp::keep_honest(&line.near, Duration::from_secs(15), true).unwrap();
        }
        // Asked while the kernel still goes on asking from the time before.
        let before = tcp::ask(&line.near).unwrap();
        tcp::ask(&line.near).unwrap();
        wait("an answer within the second", || {
            tcp::answered(&before, &tcp::health(&line.near).unwrap()) == Answer::Alive
        });
    });
}

#[test]
fn asked_a_dead_line_is_silent_until_it_is_mended() {
    inside(async || {
        let line = Line::new();
        line.idle(Duration::from_millis(1200));
        line.cut();
        assert_eq!(line.ask().0, Answer::Silent);
        let health = tcp::health(&line.near).unwrap();
        assert!(health.probes >= 1 && health.established, "{health:?}");
        assert_eq!(line.ask().0, Answer::Silent, "a second question");
        line.mend();
        assert_eq!(line.ask().0, Answer::Alive);
    });
}

#[test]
fn data_in_flight_is_the_question_itself() {
    inside(async || {
        let mut line = Line::new();
        tcp::keep_honest(&line.near, Duration::from_secs(15), true).unwrap();
        line.cut();
        line.near.write_all(b"typed").unwrap();
        wait("a retransmission", || {
            tcp::health(&line.near).unwrap().retransmits > 0
        });
        let (answer, _) = line.ask();
        assert_eq!(answer, Answer::Silent);
        let health = tcp::health(&line.near).unwrap();
        assert_eq!((health.unacknowledged, health.unsent), (1, 0), "{health:?}");
    });
}

#[test]
fn an_idle_line_that_died_is_ended_within_the_bound() {
    inside(async || {
        let mut line = Line::new();
        tcp::keep_honest(&line.near, STALL, true).unwrap();
        line.idle(Duration::from_millis(500));
        line.cut();
        let (error, took) = line.end();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        // The last word was half a second before; the bound is the stall, one interval of a second, and a second.
        assert!(
            took > Duration::from_secs(2) && took < STALL + Duration::from_secs(2),
            "{took:?}"
        );
    });
}

#[test]
fn an_idle_line_that_lives_is_not_ended() {
    inside(async || {
        let mut line = Line::new();
        tcp::keep_honest(&line.near, STALL, true).unwrap();
        line.near.set_read_timeout(Some(STALL * 2)).unwrap();
        let (error, _) = line.end();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "still there");
        assert!(tcp::health(&line.near).unwrap().established);
    });
}

#[test]
fn data_unacknowledged_ends_the_line_after_the_stall_time() {
    inside(async || {
        let mut line = Line::new();
        tcp::keep_honest(&line.near, STALL, false).unwrap();
        line.cut();
        line.near.write_all(b"typed").unwrap();
        let (error, took) = line.end();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(
            took > STALL.mul_f64(0.95) && took < STALL + Duration::from_secs(10),
            "{took:?}"
        );
    });
}

#[test]
fn held_a_line_outlives_the_stall_time() {
    inside(async || {
        let mut line = Line::new();
        tcp::keep_honest(&line.near, STALL, true).unwrap();
        tcp::hold(&line.near).unwrap();
        line.cut();
        line.near.write_all(b"typed").unwrap();
        line.near
            .set_read_timeout(Some(STALL + Duration::from_secs(2)))
            .unwrap();
        assert_eq!(
            line.end().0.kind(),
            io::ErrorKind::WouldBlock,
            "still there"
        );
        line.mend();
        line.far.read_exact(&mut [0; 5]).unwrap();
    });
}

#[test]
fn after_a_silence_the_next_attempt_is_never_far() {
    inside(async || {
        let mut line = Line::new();
        tcp::keep_honest(&line.near, Duration::from_secs(15), true).unwrap();
        line.cut();
        line.near.write_all(b"typed").unwrap();
        // Doubled without a limit, the attempts come after 1.7, 3.3, 6.8 and 13.5 s (measured).
        tokio::time::sleep(Duration::from_millis(7500)).await;
        line.mend();
        let mended = Instant::now();
        line.far.read_exact(&mut [0; 5]).unwrap();
        let took = mended.elapsed();
        let bound = if kernel() >= (6, 15) {
            Duration::from_millis(2300)
        } else {
            Duration::from_secs(7)
        };
        assert!(took < bound, "{took:?}");
    });
}

/// Linux can limit the time between retransmissions since 6.15.
fn kernel() -> (u32, u32) {
    let release = nix::sys::utsname::uname()
        .unwrap()
        .release()
        .to_string_lossy()
        .into_owned();
    let mut numbers = release.split('.').map(|part| part.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}
