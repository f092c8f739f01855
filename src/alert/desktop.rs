//! One notification on the desktop, replaced in place (Desktop Notifications Specification 1.2, org.freedesktop.Notifications).

use std::{
    collections::BTreeMap,
    env, fs,
    os::unix::fs::FileTypeExt as _,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use tokio::{sync::watch, task::JoinHandle, time::timeout};
use zbus::{Connection, connection::Builder, zvariant::Value};

/// How long the desktop may take for one change: a notification service that the bus has to start first needs seconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// After so many changes in a row without an answer the desktop is told nothing more: where the bus itself hangs, each has left a thread
/// behind in which zbus connects.
const MOST_UNANSWERED: u32 = 3;

/// The service, its object and its interface.
const SERVICE: &str = "org.freedesktop.Notifications";
const OBJECT: &str = "/org/freedesktop/Notifications";

/// The value of the hint `urgency` for a normal one.
const NORMAL: u8 = 1;

/// What a notification says, as plain text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) summary: String,
    pub(super) body: String,
    /// It is to stay until it is cleared; otherwise as long as the desktop likes.
    pub(super) stays: bool,
}

/// So many notifications of one process are shown at once: where hundreds of sessions wait for the same VPN, the first few say it.
const MOST_SHOWN: usize = 5;

/// Those of this process that are shown now.
static SHOWN: AtomicUsize = AtomicUsize::new(0);

/// The desktop, and the task that talks to it once there was something to show.
#[derive(Debug)]
pub(super) struct Desktop {
    bus: String,
    /// One of ours is among [`SHOWN`].
    counted: bool,
    task: Option<(watch::Sender<Option<Note>>, JoinHandle<()>)>,
}

/// The address of the session's bus: what the environment says, or the socket that systemd makes for a user.
pub(super) fn session_bus() -> Option<String> {
    let said = env::var("DBUS_SESSION_BUS_ADDRESS").ok();
    if said.as_ref().is_some_and(|said| !said.is_empty()) {
        return said;
    }
    let socket = Path::new(&env::var_os("XDG_RUNTIME_DIR")?).join("bus");
    let there = fs::metadata(&socket).is_ok_and(|found| found.file_type().is_socket());
    there.then(|| format!("unix:path={}", socket.display()))
}

impl Desktop {
    /// The one behind the bus of this address. Connects when there is something to show, and only for as long as it is shown.
    pub(super) fn new(bus: String) -> Self {
        Self {
            bus,
            counted: false,
            task: None,
        }
    }

    /// Shows this in place of what was shown before.
    pub(super) fn show(&mut self, note: Note) {
        if !self.counted && SHOWN.fetch_add(1, Ordering::Relaxed) >= MOST_SHOWN {
            SHOWN.fetch_sub(1, Ordering::Relaxed);
            tracing::info!("enough notifications are shown already");
            return;
        }
        self.counted = true;
        let (notes, _) = self.task.get_or_insert_with(|| {
            let (sender, receiver) = watch::channel(None);
            (sender, tokio::spawn(work(self.bus.clone(), receiver)))
        });
        notes.send_replace(Some(note));
    }

    /// Closes what was shown, if it still is.
    pub(super) fn clear(&mut self) {
        self.uncount();
        if let Some((notes, _)) = &self.task {
            notes.send_replace(None);
        }
    }

    fn uncount(&mut self) {
        if std::mem::take(&mut self.counted) {
            SHOWN.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Nothing more will change. The task ends when the desktop has been told.
    pub(super) fn close(mut self) -> Option<JoinHandle<()>> {
        self.task.take().map(|(_, task)| task)
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        self.uncount();
    }
}

/// Has the desktop show what is to be shown now, until nothing changes any more. What was overtaken is not shown.
async fn work(bus: String, mut notes: watch::Receiver<Option<Note>>) {
    let mut shown = None;
    let mut unanswered = 0;
    while unanswered < MOST_UNANSWERED && notes.changed().await.is_ok() {
        let note = notes.borrow_and_update().clone();
        match timeout(PATIENCE, follow(&bus, &mut shown, note)).await {
            Ok(Ok(())) => {
                unanswered = 0;
                continue;
            }
            // A desktop without such a service, or none at all, is nothing unusual.
            Ok(Err(error)) => tracing::info!(%error, "cannot notify the desktop"),
            Err(_) => {
                unanswered += 1;
                tracing::warn!(unanswered, "the desktop does not answer");
            }
        }
        shown = None;
    }
}

async fn follow(bus: &str, shown: &mut Option<Shown>, note: Option<Note>) -> zbus::Result<()> {
    match (note, &mut *shown) {
        (Some(note), Some(shown)) => shown.show(&note).await,
        (Some(note), None) => {
            let mut first = Shown::connect(bus).await?;
            first.show(&note).await?;
            *shown = Some(first);
            Ok(())
        }
        (None, Some(_)) => match shown.take() {
            Some(shown) => shown.close().await,
            None => Ok(()),
        },
        (None, None) => Ok(()),
    }
}

/// A notification that is shown, and the connection that it belongs to: some desktops drop one whose sender has left the bus.
#[derive(Debug)]
struct Shown {
    connection: Connection,
    /// The body is read as markup.
    markup: bool,
    /// 0 before the desktop gave it a number.
    id: u32,
}

impl Shown {
    async fn connect(bus: &str) -> zbus::Result<Self> {
        let connection = Builder::address(bus)?.build().await?;
        let mut shown = Self {
            connection,
            markup: false,
            id: 0,
        };
        let answer = shown.call("GetCapabilities", &()).await?;
        let capabilities: Vec<String> = answer.body().deserialize()?;
        shown.markup = capabilities.iter().any(|can| can == "body-markup");
        Ok(shown)
    }

    async fn show(&mut self, note: &Note) -> zbus::Result<()> {
        let body = if self.markup {
            escaped(&note.body)
        } else {
            note.body.clone()
        };
        let no_actions: &[&str] = &[];
        let hints = BTreeMap::from([("urgency", Value::U8(NORMAL))]);
        // Milliseconds; 0 is for ever, -1 the desktop's own idea.
        let expires: i32 = if note.stays { 0 } else { -1 };
        let no_icon = "";
        let arguments = (
            "netroam",
            self.id,
            no_icon,
            note.summary.as_str(),
            body.as_str(),
            no_actions,
            hints,
            expires,
        );
        self.id = self
            .call("Notify", &arguments)
            .await?
            .body()
            .deserialize()?;
        Ok(())
    }

    /// A notification that the user has closed already is no failure.
    async fn close(self) -> zbus::Result<()> {
        match self.call("CloseNotification", &(self.id,)).await {
            Err(zbus::Error::MethodError(..)) | Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn call<B>(&self, method: &str, arguments: &B) -> zbus::Result<zbus::Message>
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
    {
        self.connection
            .call_method(Some(SERVICE), OBJECT, Some(SERVICE), method, arguments)
            .await
    }
}

/// Plain text, where the desktop reads markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead as _, BufReader},
        os::unix::net::UnixListener,
        path::PathBuf,
        process::{Child, Command, Stdio},
    };

    use netroam_platform::clock;
    use tokio::{runtime::Runtime, sync::mpsc, time::sleep};
    use zbus::fdo::DBusProxy;

    use super::*;
    use crate::alert::{Alerts, Hooks, Need, Occasion};

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
            let service = zbus::names::BusName::try_from(SERVICE).unwrap();
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
        Alerts {
            desktop: Some(Desktop::new(address(socket))),
            ..Alerts::new("gw1", Some("mac"), Hooks::default(), false)
        }
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
}
