//! The laptop's bus carries what logind and programs say.

#![cfg(target_os = "linux")]

use std::time::{Duration, Instant, SystemTime};

use netroam_lab::{Lab, Notification, Proc};

const SOON: Duration = Duration::from_secs(20);

/// The arguments are those of the Desktop Notifications Specification, version 1.2.
const NOTIFY: &str = r#"
import dbus
service = dbus.SessionBus().get_object("org.freedesktop.Notifications", "/org/freedesktop/Notifications")
service.Notify("netroam", dbus.UInt32(0), "", "a person is needed", "work: the code", dbus.Array([], "s"),
               dbus.Dictionary({}, "sv"), -1, dbus_interface="org.freedesktop.Notifications")
"#;

#[test]
fn logind_tells_of_sleep_and_wake() {
    let lab = Lab::new().unwrap();
    let bus = lab.bus().unwrap();
    let monitor = lab
        .piped(
            &[
                "dbus-monitor",
                "--system",
                "--monitor",
                "interface='org.freedesktop.login1.Manager'",
            ],
            &bus.env(),
        )
        .unwrap();
    // What it says when it listens.
    monitor.wait_for_stdout("NameLost", SOON).unwrap();
    for start in [true, false] {
        let before = monitor.stdout().len();
        let said = SystemTime::now();
        bus.prepare_for_sleep(start).unwrap();
        monitor
            .wait_for_stdout(&format!("boolean {start}"), SOON)
            .unwrap();
        assert!(said.elapsed().unwrap() < Duration::from_secs(2));
        assert!(monitor.stdout()[before..].contains("member=PrepareForSleep"));
    }
    let property = lab
        .piped(
            &[
                "dbus-send",
                "--system",
                "--print-reply",
                "--dest=org.freedesktop.login1",
                "/org/freedesktop/login1",
                "org.freedesktop.login1.Manager.CanSuspend",
            ],
            &bus.env(),
        )
        .unwrap();
    property.wait_for_stdout("yes", SOON).unwrap();
}

#[test]
fn notifications_are_kept() {
    let lab = Lab::new().unwrap();
    let bus = lab.bus().unwrap();
    assert_eq!(bus.notifications().unwrap(), []);
    let notify = |env: &[(&str, &str)]| {
        let mut sent = lab.piped(&["/usr/bin/python3", "-c", NOTIFY], env).unwrap();
        let sent_well = sent.wait_exit(SOON).unwrap().success();
        assert!(sent_well || sent.stderr().contains("org.freedesktop.DBus.Error."));
        sent_well
    };
    assert!(notify(&bus.env()));
    let expected = Notification {
        app: "netroam".to_owned(),
        summary: "a person is needed".to_owned(),
        body: "work: the code".to_owned(),
    };
    assert_eq!(bus.notifications().unwrap(), [expected]);
    assert!(!notify(&[]), "without its address nobody finds it");

    // It goes, and its stand-ins with it.
    let env = bus.env().map(|(name, value)| (name, value.to_owned()));
    drop(bus);
    assert!(!notify(
        &env.each_ref().map(|(name, value)| (*name, value.as_str()))
    ));
    let deadline = Instant::now() + SOON;
    let left = |proc: &Proc| proc.name == "python3" || proc.name == "dbus-daemon";
    while lab.laptop().processes().unwrap().iter().any(left) {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(5));
    }
    // Another one comes up where it was.
    lab.bus().unwrap();
}
