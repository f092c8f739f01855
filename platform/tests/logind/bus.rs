//! A real bus with a stand-in for logind on it, and a process that watches in a namespace of its own.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, BufRead as _, BufReader, Lines, Write as _},
    os::unix::net::UnixListener,
    pin::Pin,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use futures_core::Stream as _;
use netroam_platform::Network;
use tempfile::TempDir;
use tokio::{
    runtime::Runtime,
    time::{Instant, sleep, timeout},
};
use zbus::{Connection, MessageStream, connection, fdo, zvariant::Value};

use crate::namespace::{PATIENCE, inside, run};

/// Long enough for whatever is still under way to arrive.
const QUIET: Duration = Duration::from_millis(300);

/// How long nothing wakes the process up.
const IDLE: Duration = Duration::from_secs(2);

/// All of it, one after the other, because each is a process of its own.
pub(crate) fn main() {
    if env::args().nth(1).as_deref() == Some("watch") {
        return watch();
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    each_wake_is_told_once(&runtime);
    a_bus_without_logind_and_one_that_dies_leave_the_events_alone(&runtime);
    no_bus_is_no_matter();
    a_bus_that_never_answers_is_no_matter();
}

fn each_wake_is_told_once(runtime: &Runtime) {
    let bus = Bus::start();
    let logind = bus.logind(runtime);
    let mut watcher = bus.watched(runtime);
    for _ in 0..2 {
        logind.says(runtime, true);
        logind.says(runtime, false);
        let woke = watcher.event();
        // This machine has not slept, and the clocks know it.
        assert_eq!(woke.as_deref(), Some("Woke(0ns)"));
        assert_eq!(watcher.event(), None);
    }
    logind.says(runtime, true);
    assert_eq!(watcher.event(), None, "a sleep to come is no wake");
    let before = watcher.wakeups();
    thread::park_timeout(IDLE);
    let mut after = watcher.wakeups();
    // A thread that made the connection may have ended since.
    after.retain(|thread, _| before.contains_key(thread));
    assert!(!after.is_empty());
    for (thread, wakeups) in after {
        assert_eq!(wakeups, before[&thread], "something wakes up {thread}");
    }
}

fn a_bus_without_logind_and_one_that_dies_leave_the_events_alone(runtime: &Runtime) {
    let bus = Bus::start();
    let mut watcher = bus.watched(runtime);
    watcher.hears_of_a_change();
    drop(bus);
    watcher.hears_of_a_change();
}

fn no_bus_is_no_matter() {
    Watcher::start("unix:path=/nonexistent/bus").hears_of_a_change();
    Watcher::start("what is this").hears_of_a_change();
}

fn a_bus_that_never_answers_is_no_matter() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("bus");
    let _listener = UnixListener::bind(&path).unwrap();
    Watcher::start(&format!("unix:path={}", path.display())).hears_of_a_change();
}

/// Prints each event that comes in a network namespace of its own, where each line of its input makes an interface.
fn watch() {
    inside(async || {
        let (_network, mut events) = Network::open().unwrap();
        thread::spawn(|| {
            for line in io::stdin().lines() {
                run(&format!("ip tuntap add dev {} mode tun", line.unwrap()));
            }
        });
        loop {
            println!("{:?}", events.next().await);
        }
    });
}

/// The process that watches.
struct Watcher {
    child: Child,
    input: ChildStdin,
    events: Receiver<String>,
    changes: u32,
}

impl Watcher {
    fn start(bus: &str) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .arg("watch")
            .env("DBUS_SYSTEM_BUS_ADDRESS", bus)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let watcher = Self {
            input: child.stdin.take().unwrap(),
            child,
            events: read(lines),
            changes: 0,
        };
        let first = watcher.events.recv_timeout(PATIENCE).unwrap();
        assert_eq!(first, "Everything(Subscribed)");
        watcher
    }

    /// The next event, unless everything is quiet. Each but a wake comes from a change that the test makes.
    fn event(&mut self) -> Option<String> {
        match self.events.recv_timeout(QUIET) {
            Ok(event) => Some(event),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => panic!("it has ended: {:?}", self.child.wait()),
        }
    }

    fn hears_of_a_change(&mut self) {
        self.changes += 1;
        writeln!(self.input, "change{}", self.changes).unwrap();
        let event = self.events.recv_timeout(PATIENCE).unwrap();
        assert!(event.starts_with("Interface"), "{event}");
        while let Some(event) = self.event() {
            assert!(event.starts_with("Interface"), "{event}");
        }
    }

    /// How often each of its threads was woken up.
    fn wakeups(&self) -> BTreeMap<String, String> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        threads
            .filter_map(|thread| {
                let thread = thread.unwrap().path();
                // It may end while we look.
                let status = fs::read_to_string(thread.join("status")).ok()?;
                let wakeups = status
                    .lines()
                    .find(|line| line.starts_with("voluntary_ctxt_switches"))?;
                Some((thread.display().to_string(), wakeups.to_owned()))
            })
            .collect()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn read(lines: Lines<impl io::BufRead + Send + 'static>) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in lines {
            if sender.send(line.unwrap()).is_err() {
                return;
            }
        }
    });
    receiver
}

/// A bus of one's own.
struct Bus {
    daemon: Child,
    _directory: TempDir,
    address: String,
}

impl Bus {
    fn start() -> Self {
        let directory = TempDir::new().unwrap();
        let configuration = directory.path().join("bus.conf");
        let address = format!("unix:path={}", directory.path().join("bus").display());
        fs::write(
            &configuration,
            format!(
                "<busconfig><listen>{address}</listen><auth>EXTERNAL</auth><policy context=\"default\">\
                 <allow own=\"*\"/><allow send_destination=\"*\"/><allow send_type=\"*\"/><allow receive_type=\"*\"/>\
                 </policy></busconfig>"
            ),
        )
        .unwrap();
        let mut daemon = Command::new("dbus-daemon")
            .args(["--nofork", "--nopidfile", "--print-address=1"])
            .arg(format!("--config-file={}", configuration.display()))
            .stdout(Stdio::piped())
            .spawn()
            .expect("these tests need dbus-daemon: install dbus");
        // It says where it is once it listens there.
        let mut line = String::new();
        BufReader::new(daemon.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert!(line.starts_with(&address), "dbus-daemon says {line:?}");
        Self {
            daemon,
            _directory: directory,
            address,
        }
    }

    async fn connect(&self) -> Connection {
        let address = self.address.as_str();
        let builder = connection::Builder::address(address).unwrap();
        timeout(PATIENCE, builder.build()).await.unwrap().unwrap()
    }

    /// Starts the stand-in for logind.
    fn logind(&self, runtime: &Runtime) -> Logind {
        // The system's own interpreter has the module, another may not.
        let process = Command::new("/usr/bin/python3")
            .args(["-m", "dbusmock", "--template", "logind"])
            .env("DBUS_SYSTEM_BUS_ADDRESS", &self.address)
            .spawn()
            .expect("these tests need /usr/bin/python3: install python3-dbusmock");
        runtime.block_on(async {
            let connection = self.connect().await;
            let bus = fdo::DBusProxy::new(&connection).await.unwrap();
            let deadline = Instant::now() + PATIENCE;
            while !bus
                .name_has_owner(LOGIND.try_into().unwrap())
                .await
                .unwrap()
            {
                assert!(
                    Instant::now() < deadline,
                    "there is no stand-in for logind on the bus: install python3-dbusmock"
                );
                sleep(Duration::from_millis(10)).await;
            }
            Logind {
                process,
                connection,
            }
        })
    }

    /// Starts the process that watches; returns it when the bus knows what it wants to hear.
    fn watched(&self, runtime: &Runtime) -> Watcher {
        runtime.block_on(async {
            let connection = self.connect().await;
            let mut stream = MessageStream::from(&connection);
            let rule = "type='method_call',member='AddMatch'";
            fdo::MonitoringProxy::new(&connection)
                .await
                .unwrap()
                .become_monitor(&[rule.try_into().unwrap()], 0)
                .await
                .unwrap();
            let watcher = Watcher::start(&self.address);
            let seen = timeout(PATIENCE, async {
                loop {
                    let message =
                        std::future::poll_fn(|context| Pin::new(&mut stream).poll_next(context));
                    let message = message.await.unwrap().unwrap();
                    let rule = message.body().deserialize::<String>();
                    if rule.is_ok_and(|rule| rule.contains("PrepareForSleep")) {
                        return;
                    }
                }
            });
            seen.await.expect("it wants to hear of sleep");
            watcher
        })
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.daemon.kill().unwrap();
        self.daemon.wait().unwrap();
    }
}

const LOGIND: &str = "org.freedesktop.login1";

/// The stand-in for logind.
struct Logind {
    process: Child,
    connection: Connection,
}

impl Logind {
    fn says(&self, runtime: &Runtime, sleeping: bool) {
        let signal = (
            "org.freedesktop.login1.Manager",
            "PrepareForSleep",
            "b",
            vec![Value::from(sleeping)],
        );
        runtime.block_on(async {
            let emitted = self.connection.call_method(
                Some(LOGIND),
                "/org/freedesktop/login1",
                Some("org.freedesktop.DBus.Mock"),
                "EmitSignal",
                &signal,
            );
            timeout(PATIENCE, emitted).await.unwrap().unwrap();
        });
    }
}

impl Drop for Logind {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}
