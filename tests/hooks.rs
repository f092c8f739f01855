//! Commands of the user's, run by a real shell.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use netroam::alert::{Alerts, Hooks, Need, Occasion};
use netroam_platform::clock;
use tokio::{runtime::Runtime, time::sleep};

/// Far more than anything here takes; only a failure waits for so long.
const SOON: Duration = Duration::from_secs(30);

/// Leaves its own number and that of a child, which take no `SIGTERM`, and a file when all is written.
const STUBBORN: &str =
    "trap '' TERM; sleep 300 & echo $$ $! > $D/pids.new; mv $D/pids.new $D/pids; wait";

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `command`, which knows this directory as `$D`.
    fn hook(&self, command: &str) -> String {
        format!("D={}; {command}", self.0.path().display())
    }

    fn alerts(&self, wait: &str, attached: &str, taken_over: &str) -> Alerts {
        let hooks = Hooks {
            wait: Some(self.hook(wait)),
            attached: Some(self.hook(attached)),
            taken_over: Some(self.hook(taken_over)),
        };
        Alerts::new("gw1; exit 1", Some("mac"), hooks, None)
    }

    async fn pids(&self) -> Vec<i32> {
        there(&self.file("pids")).await;
        let pids = fs::read_to_string(self.file("pids")).expect("numbers");
        fs::remove_file(self.file("pids")).expect("a file of ours");
        pids.split_whitespace()
            .map(|pid| pid.parse().expect("a number"))
            .collect()
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

fn waiting(text: &str) -> Occasion {
    Occasion::Waiting {
        need: Need::Tunnel,
        text: text.into(),
    }
}

async fn eventually(what: &str, there: impl Fn() -> bool) {
    let deadline = clock::now() + SOON;
    while !there() {
        assert!(clock::now() < deadline, "waited for {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

async fn there(path: &Path) {
    eventually(&path.display().to_string(), || path.exists()).await;
}

/// Whether a process runs. One that ended and that nobody reaps yet does not.
fn runs(pid: i32) -> bool {
    let asked = Command::new("ps")
        .args(["-o", "state=", "-p", &pid.to_string()])
        .output();
    let state = asked.expect("ps").stdout;
    !(state.is_empty() || state.starts_with(b"Z"))
}

#[test]
fn a_hook_is_told_by_its_environment_alone() {
    let place = Place::new();
    let show = "env | grep ^NETROAM_ | sort > $D/$NETROAM_EVENT.new; mv $D/$NETROAM_EVENT.new $D/$NETROAM_EVENT";
    runtime().block_on(async {
        let mut alerts = place.alerts(show, show, show);
        alerts.tell(waiting("waiting for a tunnel to \"$(reboot)\"\n; `reboot`"));
        there(&place.file("wait")).await;
        alerts.tell(Occasion::Attached {
            outage: Some(Duration::from_millis(313_900)),
        });
        there(&place.file("attached")).await;
        alerts.tell(Occasion::TakenOver);
        alerts.finish().await;
    });
    let said = |event| fs::read_to_string(place.file(event)).unwrap();
    assert_eq!(
        said("wait"),
        "NETROAM_EVENT=wait\nNETROAM_HOST=gw1; exit 1\nNETROAM_NAME=\nNETROAM_NEED=tunnel\nNETROAM_OUTAGE=\nNETROAM_SESSION=mac\n\
         NETROAM_TEXT=waiting for a tunnel to \"$(reboot)\"\u{fffd}; `reboot`\n"
    );
    assert_eq!(
        said("attached"),
        "NETROAM_EVENT=attached\nNETROAM_HOST=gw1; exit 1\nNETROAM_NAME=\nNETROAM_NEED=\nNETROAM_OUTAGE=313\nNETROAM_SESSION=mac\n\
         NETROAM_TEXT=attached again after 5:13\n"
    );
    assert_eq!(
        said("taken-over"),
        "NETROAM_EVENT=taken-over\nNETROAM_HOST=gw1; exit 1\nNETROAM_NAME=\nNETROAM_NEED=\nNETROAM_OUTAGE=\nNETROAM_SESSION=mac\n\
         NETROAM_TEXT=attached elsewhere now\n"
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_hook_has_no_terminal_and_nothing_to_read() {
    let place = Place::new();
    let look = "cat; out=$(readlink /proc/$$/fd/1); echo $out > $D/out; (echo x > /dev/tty) 2> /dev/null && echo tty >> $D/out; \
        ps -o pid=,sid=,pgid= -p $$ >> $D/out; mv $D/out $D/done";
    runtime().block_on(async {
        let mut alerts = place.alerts(look, "", "");
        alerts.tell(waiting("x"));
        there(&place.file("done")).await;
        alerts.finish().await;
    });
    let said = fs::read_to_string(place.file("done")).unwrap();
    let words: Vec<_> = said.split_whitespace().collect();
    assert_eq!(words.len(), 4, "{said}");
    assert_eq!(words[0], "/dev/null");
    assert_eq!((words[1], words[1]), (words[2], words[3]));
}

#[test]
fn a_hook_that_takes_too_long_is_ended_with_all_that_it_started() {
    let place = Place::new();
    runtime().block_on(async {
        let mut alerts = place.alerts(STUBBORN, "", "");
        let before = clock::now();
        alerts.tell(waiting("x"));
        let pids = place.pids().await;
        assert!(pids.len() == 2 && pids.iter().all(|pid| runs(*pid)));
        eventually("their end", || !pids.iter().any(|pid| runs(*pid))).await;
        let took = clock::now().since(before);
        assert!(took >= Duration::from_secs(11), "{took:?}");
        assert!(took < Duration::from_secs(13), "{took:?}");
        // The next one is told as ever.
        alerts.tell(waiting("y"));
        place.pids().await;
        alerts.finish().await;
    });
}

#[test]
fn a_newer_hook_of_a_kind_ends_the_older_and_the_same_news_is_none() {
    let place = Place::new();
    let hook = format!("echo $NETROAM_TEXT >> $D/told; {STUBBORN}");
    runtime().block_on(async {
        let mut alerts = place.alerts(&hook, "touch $D/attached", "");
        alerts.tell(waiting("one"));
        let first = place.pids().await;
        alerts.tell(waiting("one"));
        alerts.tell(waiting("two"));
        alerts.tell(waiting("three"));
        // Another kind waits for nobody.
        alerts.tell(Occasion::Attached { outage: None });
        there(&place.file("attached")).await;
        assert!(first.iter().all(|pid| runs(*pid)));
        let second = place.pids().await;
        assert!(!first.iter().any(|pid| runs(*pid)));
        assert!(second.iter().all(|pid| runs(*pid)));
        alerts.finish().await;
        eventually("their end", || !second.iter().any(|pid| runs(*pid))).await;
    });
    assert_eq!(
        fs::read_to_string(place.file("told")).unwrap(),
        "one\nthree\n"
    );
}

#[test]
fn the_end_lets_a_hook_finish_but_not_for_long() {
    let place = Place::new();
    let took = |taken_over| {
        runtime().block_on(async {
            let mut alerts = place.alerts("", "", taken_over);
            let before = clock::now();
            alerts.tell(Occasion::TakenOver);
            alerts.finish().await;
            clock::now().since(before)
        })
    };
    let short = took("sleep 0.2; touch $D/finished");
    assert!(
        place.file("finished").exists() && short < Duration::from_millis(700),
        "{short:?}"
    );
    let long = took(STUBBORN);
    assert!(long < Duration::from_millis(1300), "{long:?}");
    let pids = runtime().block_on(place.pids());
    runtime().block_on(eventually("their end", || {
        !pids.iter().any(|pid| runs(*pid))
    }));
}

#[test]
fn a_failing_hook_fails_nobody_and_what_it_left_behind_on_purpose_stays() {
    let place = Place::new();
    runtime().block_on(async {
        let mut alerts = place.alerts(
            "/no/such/program; exit 3",
            "sleep 300 & echo $! > $D/pids.new; mv $D/pids.new $D/pids",
            "",
        );
        alerts.tell(waiting("x"));
        alerts.tell(Occasion::Attached { outage: None });
        let [left] = place.pids().await[..] else {
            panic!("one process");
        };
        alerts.finish().await;
        assert!(runs(left));
        nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(left),
            nix::sys::signal::Signal::SIGKILL,
        )
        .unwrap();
    });
}
