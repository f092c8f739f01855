//! A bus on the laptop, with stand-ins for logind and for the desktop's notification service.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::Lab;
use crate::daemon::{Daemon, PATIENCE};

/// Debian's modules are this python's; another one in PATH may not see them.
const PYTHON: &str = "/usr/bin/python3";

/// System and session bus in one, private to the laptop. Dropping it ends it, for those who are connected too.
#[derive(Debug)]
pub struct Bus {
    // Dropped in this order: the stand-ins end before the bus.
    driver: Mutex<Driver>,
    _daemon: Daemon,
    address: String,
}

/// What somebody wanted the person at the laptop to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Who says it.
    pub app: String,
    /// The first line.
    pub summary: String,
    /// The rest.
    pub body: String,
}

impl Lab {
    /// Starts a bus with a logind and a notification service and returns when they are there. Programs on the laptop
    /// find it by [`Bus::env`]; without that they find none.
    pub fn bus(&self) -> Result<Bus> {
        let dir = self.dir().join("laptop/bus");
        fs::create_dir_all(&dir)?;
        let socket = dir.join("socket");
        let address = format!("unix:path={}", socket.display());
        fs::write(
            dir.join("config"),
            format!(
                "<busconfig><type>session</type><listen>{address}</listen><auth>EXTERNAL</auth>\
                 <policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/>\
                 <allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>"
            ),
        )?;
        // An earlier bus may have left it.
        let _absent = fs::remove_file(&socket);
        let mut command = Daemon::command("dbus-daemon");
        command
            .args(["--nofork", "--nopidfile", "--nosyslog", "--config-file"])
            .arg(dir.join("config"));
        let mut daemon = Daemon::start(self.laptop(), &mut command, &dir.join("log"))?;
        daemon
            .wait_until("socket", PATIENCE, || Ok(socket.exists()))
            .context("dbus-daemon")?;
        fs::write(dir.join("driver.py"), include_str!("bus/driver.py"))?;
        let mut command = Daemon::command(PYTHON);
        command
            .arg(dir.join("driver.py"))
            .envs(environment(&address))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(dir.join("driver.log"))?);
        let mut child = self.laptop().spawn(&mut command)?;
        let stdin = child.stdin.take().context("no standard input")?;
        let stdout = child.stdout.take().context("no standard output")?;
        let mut driver = Driver {
            child,
            stdin,
            stdout: BufReader::new(stdout),
        };
        let complaint = || fs::read_to_string(dir.join("driver.log")).unwrap_or_default();
        driver
            .answer()
            .with_context(|| format!("no stand-ins (python3-dbusmock): {}", complaint()))?;
        Ok(Bus {
            driver: Mutex::new(driver),
            _daemon: daemon,
            address,
        })
    }
}

impl Bus {
    /// What a program on the laptop needs in its environment to find the bus, as both system and session bus.
    pub fn env(&self) -> [(&'static str, &str); 2] {
        environment(&self.address)
    }

    /// Has logind say that the laptop goes to sleep now (true), or has woken up (false). Returns when it was said.
    /// Nothing sleeps.
    pub fn prepare_for_sleep(&self, start: bool) -> Result<()> {
        self.ask(&format!("sleep {start}")).map(drop)
    }

    /// The notifications so far, in order.
    pub fn notifications(&self) -> Result<Vec<Notification>> {
        let told = self.ask("notifications")?;
        let told = told.as_array().context("not a list of notifications")?;
        let text = |value: &Value, key: &str| {
            let text = value[key].as_str();
            text.map(str::to_owned).with_context(|| format!("no {key}"))
        };
        told.iter()
            .map(|value| {
                Ok(Notification {
                    app: text(value, "app")?,
                    summary: text(value, "summary")?,
                    body: text(value, "body")?,
                })
            })
            .collect()
    }

    fn ask(&self, line: &str) -> Result<Value> {
        let mut driver = self.driver.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(driver.stdin, "{line}").context("the stand-ins are gone")?;
        driver.answer()
    }
}

/// The process that talks to the stand-ins, whose parent it is.
#[derive(Debug)]
struct Driver {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Driver {
    fn answer(&mut self) -> Result<Value> {
        let mut line = String::new();
        let length = self.stdout.read_line(&mut line)?;
        ensure!(length > 0, "the driver of the bus has ended");
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // The stand-ins end with the bus.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn environment(address: &str) -> [(&'static str, &str); 2] {
    [
        ("DBUS_SYSTEM_BUS_ADDRESS", address),
        ("DBUS_SESSION_BUS_ADDRESS", address),
    ]
}
