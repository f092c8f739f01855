//! Notifications on a real bus, with a stand-in for the desktop's service.

#![cfg(all(target_os = "linux", feature = "notify"))]
#![expect(clippy::unwrap_used, reason = "a test ends where something fails")]

use std::{
    ffi::OsString,
    fs,
    io::{BufRead as _, BufReader},
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use netroam::alert::{Alerts, Hooks, Need, Occasion};
use netroam_platform::{clock, desktop::Desktop};
use tokio::{
    runtime::Runtime,
    sync::mpsc,
    time::{sleep, timeout},
};
use zbus::{connection::Builder, fdo::DBusProxy};

/// Far more than anything here takes; only a failure waits for so long.
const SOON: Duration = Duration::from_secs(20);

/// A program of the test, ended with it.
struct Program(Child);

impl Program {
    fn start(command: &mut Command) -> Self {
        #[expect(clippy::disallowed_methods, reason = "a part of the desktop")]
        let child = command.stdout(Stdio::piped()).spawn();
        Self(child.expect("this test needs dbus-daemon and /usr/bin/python3 with dbusmock"))
    }

    /// What it says, line by line.
    fn lines(&mut self) -> mpsc::UnboundedReceiver<String> {
        let (sender, lines) = mpsc::unbounded_channel();
        let said = BufReader::new(self.0.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        lines
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// A bus of its own, on which a stand-in for a desktop with these capabilities says what it is asked.
struct Bus {
    dir: tempfile::TempDir,
    asked: mpsc::UnboundedReceiver<String>,
    programs: [Program; 2],
}

impl Bus {
    async fn with_desktop(capabilities: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("bus.conf");
        let socket = dir.path().join("bus");
        let text = format!(
            "<busconfig><type>session</type><listen>unix:path={}</listen><policy context='default'>\
             <allow send_destination='*'/><allow receive_sender='*'/><allow own='*'/></policy></busconfig>",
            socket.display()
        );
        fs::write(&config, text).unwrap();
        let mut daemon = Command::new("dbus-daemon");
        daemon.arg("--config-file").arg(config);
        daemon
            .args(["--nofork", "--print-address=1"])
            .stderr(Stdio::null());
        let mut daemon = Program::start(&mut daemon);
        daemon.lines().recv().await.expect("the bus is there");
        let address = address(&socket);
        let mut mock = Command::new("/usr/bin/python3");
        mock.args(["-u", "-m", "dbusmock", "--session"]);
        mock.args(["--template", "notification_daemon", "-p"]);
        mock.arg(format!("{{\"capabilities\": \"{capabilities}\"}}"));
        mock.env("DBUS_SESSION_BUS_ADDRESS", &address);
        let mut mock = Program::start(&mut mock);
        let asked = mock.lines();
        let connection = Builder::address(address.as_str()).unwrap();
        let connection = timeout(SOON, connection.build()).await;
        let connection = connection.expect("the bus answers").unwrap();
        let bus = DBusProxy::new(&connection).await.unwrap();
        let deadline = clock::now() + SOON;
        let service = zbus::names::BusName::try_from("org.freedesktop.Notifications").unwrap();
        while !bus.name_has_owner(service.clone()).await.unwrap() {
            assert!(clock::now() < deadline, "the desktop is there");
            sleep(Duration::from_millis(10)).await;
        }
        Self {
            dir,
            asked,
            programs: [mock, daemon],
        }
    }

    /// The next thing that the desktop is asked for, without the time.
    async fn asked(&mut self) -> String {
        loop {
            let line = timeout(SOON, self.asked.recv()).await;
            let line = line.expect("the desktop is asked").unwrap();
            let (_, asked) = line.split_once(' ').unwrap();
            if !asked.starts_with("emit ") {
                return asked.to_owned();
            }
        }
    }

    fn alerts(&self) -> Alerts {
        alerts(&self.dir.path().join("bus"))
    }
}

fn address(socket: &Path) -> String {
    format!("unix:path={}", socket.display())
}

fn alerts(socket: &Path) -> Alerts {
    let bus = address(socket);
    let desktop =
        Desktop::found(|name| (name == "DBUS_SESSION_BUS_ADDRESS").then(|| bus.clone().into()));
    assert!(desktop.is_some());
    Alerts::new("gw1", Some("mac"), Hooks::default(), desktop)
}

fn waiting(text: &str) -> Occasion {
    Occasion::Waiting {
        need: Need::Tunnel,
        text: text.into(),
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn a_notification_is_shown_replaced_and_closed() {
    runtime().block_on(async {
        let mut bus = Bus::with_desktop("body body-markup").await;
        let mut alerts = bus.alerts();
        alerts.tell(waiting("waiting for a tunnel, last seen <tun0> & co"));
        assert_eq!(bus.asked().await, "GetCapabilities");
        assert_eq!(
            bus.asked().await,
            r#"Notify "netroam" 0 "" "gw1 (mac)" "waiting for a tunnel, last seen &lt;tun0&gt; &amp; co" [] {"urgency": 1} 0"#
        );
        alerts.tell(waiting("waiting for a tunnel, last seen <tun0> & co"));
        alerts.tell(waiting("ssh needs a person"));
        assert_eq!(
            bus.asked().await,
            r#"Notify "netroam" 1 "" "gw1 (mac)" "ssh needs a person" [] {"urgency": 1} 0"#
        );
        alerts.tell(Occasion::Attached { outage: None });
        assert_eq!(bus.asked().await, "CloseNotification 1");
        // The next outage has one of its own.
        alerts.tell(Occasion::Attached { outage: None });
        alerts.tell(waiting("waiting for a tunnel"));
        assert_eq!(bus.asked().await, "GetCapabilities");
        let again = bus.asked().await;
        assert!(again.starts_with(r#"Notify "netroam" 0 "#), "{again}");
        alerts.finish().await;
        assert_eq!(bus.asked().await, "CloseNotification 2");
    });
}

#[test]
fn the_last_word_stays_and_is_not_escaped_where_there_is_no_markup() {
    runtime().block_on(async {
        let mut bus = Bus::with_desktop("body").await;
        let mut alerts = bus.alerts();
        alerts.tell(waiting("a < b"));
        assert_eq!(bus.asked().await, "GetCapabilities");
        let first = bus.asked().await;
        assert!(first.contains(r#""a < b""#), "{first}");
        alerts.tell(Occasion::TakenOver);
        alerts.finish().await;
        assert_eq!(
            bus.asked().await,
            r#"Notify "netroam" 1 "" "gw1 (mac)" "attached elsewhere now" [] {"urgency": 1} -1"#
        );
        // Nothing more was asked for when netroam left.
        drop(bus.programs);
        assert_eq!(bus.asked.recv().await, None);
    });
}

#[test]
fn no_bus_is_quiet_and_one_that_hangs_holds_nobody_up() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("bus");
    let tell = |socket: PathBuf| {
        let before = clock::now();
        runtime().block_on(async {
            let mut alerts = alerts(&socket);
            alerts.tell(waiting("x"));
            alerts.tell(Occasion::TakenOver);
            let told = clock::now().since(before);
            assert!(told < Duration::from_millis(200), "{told:?}");
            alerts.finish().await;
        });
        clock::now().since(before)
    };
    let took = tell(socket.clone());
    assert!(took < Duration::from_millis(500), "{took:?}");
    let _listens = UnixListener::bind(&socket).unwrap();
    let took = tell(socket);
    assert!(took < Duration::from_millis(1500), "{took:?}");
}

#[test]
fn a_bus_is_found_by_its_name_or_where_systemd_makes_one() {
    let dir = tempfile::tempdir().unwrap();
    let found = |name: &str, value: OsString| {
        Desktop::found(|asked| (asked == name).then(|| value.clone())).is_some()
    };
    assert!(found("DBUS_SESSION_BUS_ADDRESS", "unix:path=/x".into()));
    assert!(!found("DBUS_SESSION_BUS_ADDRESS", "".into()));
    assert!(!found("XDG_RUNTIME_DIR", dir.path().into()));
    let _listens = UnixListener::bind(dir.path().join("bus")).unwrap();
    assert!(found("XDG_RUNTIME_DIR", dir.path().into()));
}
