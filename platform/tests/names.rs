//! The resolver's own files, in a mount namespace: `/etc` and `/run` as a laptop has them, with and without systemd-resolved.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod namespace;

use namespace::{PATIENCE, inside, run, shell};
use netroam_platform::{Event, Events, Lost, Network};
use nix::sched::{CloneFlags, unshare};
use tokio::time::{Duration, timeout};

/// Makes a mount namespace, with what `script` mounts, and subscribes in it.
async fn furnished(script: &str) -> Events {
    unshare(CloneFlags::CLONE_NEWNS).expect("these tests mount: run them as root");
    run("mount --make-rprivate /");
    shell(script);
    let (_network, mut events) = Network::open().unwrap();
    assert_eq!(events.next().await, Event::Everything(Lost::Subscribed));
    is_silent(&mut events).await;
    events
}

/// What a laptop with systemd-resolved has: everybody asks the stub, and the servers behind it are in another file.
const RESOLVED: &str = "mount -t tmpfs tmpfs /etc; mount -t tmpfs tmpfs /run
    mkdir -p /run/systemd/resolve
    echo 'nameserver 127.0.0.53' > /run/systemd/resolve/stub-resolv.conf
    echo 'nameserver 192.0.2.1' > /run/systemd/resolve/resolv.conf
    ln -s ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
    echo 'hosts: files dns' > /etc/nsswitch.conf";

async fn tells(events: &mut Events) {
    let event = timeout(PATIENCE, events.next()).await.unwrap();
    assert_eq!(event, Event::Names);
    while let Ok(event) = timeout(Duration::from_millis(50), events.next()).await {
        assert_eq!(event, Event::Names);
    }
}

async fn is_silent(events: &mut Events) {
    let event = timeout(Duration::from_millis(50), events.next()).await;
    assert!(event.is_err(), "{event:?}");
}

#[test]
fn files_that_are_mounted_over_are_written_in_place() {
    inside(async || {
        let mut events = furnished(
            "mount -t tmpfs tmpfs /run; mkdir /run/lab; cd /run/lab; touch resolv.conf hosts
             mount --bind resolv.conf /etc/resolv.conf; mount --bind hosts /etc/hosts",
        )
        .await;
        for name in ["/etc/resolv.conf", "/etc/hosts", "/run/lab/resolv.conf"] {
            std::fs::write(name, "# nobody\n").unwrap();
            tells(&mut events).await;
        }
    });
}

#[test]
fn a_new_server_behind_the_stub_is_news() {
    inside(async || {
        let mut events = furnished(RESOLVED).await;
        for server in ["10.8.0.1", "192.0.2.1"] {
            shell(&format!(
                "cd /run/systemd/resolve; echo 'nameserver {server}' > .#resolv.conf; mv .#resolv.conf resolv.conf"
            ));
            tells(&mut events).await;
        }
        shell("touch /run/systemd/resolve/netif /etc/passwd /run/lock");
        is_silent(&mut events).await;
        shell("echo '192.0.2.7 server' > /etc/hosts");
        tells(&mut events).await;
        shell("echo 'hosts: resolve' >> /etc/nsswitch.conf");
        tells(&mut events).await;
    });
}

#[test]
fn a_program_that_takes_resolv_conf_over_is_followed() {
    inside(async || {
        let mut events = furnished(RESOLVED).await;
        shell("echo 'nameserver 10.8.0.1' > /etc/new; mv /etc/new /etc/resolv.conf");
        tells(&mut events).await;
        shell("echo 'nameserver 10.8.0.2' > /etc/resolv.conf");
        tells(&mut events).await;
        // Another program's own file, in a directory that is made for it.
        shell(
            "mkdir /run/resolvconf; echo 'nameserver 10.9.0.1' > /run/resolvconf/resolv.conf
             ln -s /run/resolvconf/resolv.conf /etc/new; mv /etc/new /etc/resolv.conf",
        );
        tells(&mut events).await;
        shell("echo 'nameserver 10.9.0.2' > /run/resolvconf/resolv.conf");
        tells(&mut events).await;
        // systemd-resolved is stopped for good, and started again.
        shell("rm -r /run/systemd");
        tells(&mut events).await;
        shell("mkdir -p /run/systemd/resolve; echo > /run/systemd/resolve/resolv.conf");
        tells(&mut events).await;
        shell("echo 'nameserver 192.0.2.2' > /run/systemd/resolve/resolv.conf");
        tells(&mut events).await;
    });
}

#[test]
fn where_there_is_no_inotify_the_other_events_go_on() {
    const AGAIN: &str = "NETROAM_TEST_WITHOUT_INOTIFY";
    if std::env::var_os(AGAIN).is_none() {
        // How many instances there may be is said for each user namespace (namespaces(7)), and that is a process's.
        let script = "echo 0 > /proc/sys/user/max_inotify_instances; exec \"$0\" --exact \"$1\"";
        let output = std::process::Command::new("unshare")
            .args(["--user", "--map-root-user", "sh", "-ec", script])
            .arg(std::env::current_exe().unwrap())
            .arg("where_there_is_no_inotify_the_other_events_go_on")
            .env(AGAIN, "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        return;
    }
    inside(async || {
        let mut events = furnished(RESOLVED).await;
        shell("echo 'nameserver 10.8.0.1' > /run/systemd/resolve/resolv.conf");
        is_silent(&mut events).await;
        run("ip link add home type veth peer name router");
        let event = timeout(PATIENCE, events.next()).await.unwrap();
        assert!(matches!(event, Event::Interface { .. }), "{event:?}");
    });
}
