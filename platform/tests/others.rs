//! Other processes with real connections. Needs root for the one of another user.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test ends where something fails")]

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    process::{Child, Command},
    time::Duration,
};

use netroam_platform::others::{self, Other, Watch};

/// A `sleep` that has a connection to the listener, and our end of that.
struct Sleeper {
    child: Child,
    _near: TcpStream,
    peer: SocketAddr,
}

impl Sleeper {
    fn start(listener: &TcpListener, user: u32) -> Self {
        let port = listener.local_addr().unwrap().port();
        let script = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; exec sleep 60");
        let mut command = Command::new("bash");
        command.args(["-c", &script]).uid(user).gid(user);
        let child = command.spawn().unwrap();
        let (near, peer) = listener.accept().unwrap();
        Self {
            child,
            _near: near,
            peer,
        }
    }

    /// As it is seen: nothing before bash has become `sleep`.
    fn seen(&self) -> Option<Other> {
        let all = others::running("sleep").unwrap();
        all.into_iter().find(|other| {
            other
                .connections
                .iter()
                .any(|connection| connection.local == self.peer)
        })
    }

    fn wait_seen(&self) -> Other {
        for _ in 0..500 {
            if let Some(seen) = self.seen() {
                return seen;
            }
            drop(Command::new("sleep").arg("0.01").status());
        }
        panic!("it is not seen");
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn a_process_is_found_by_its_connection_and_ended_as_long_as_it_is_the_same() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut sleeper = Sleeper::start(&listener, 0);
    let other = sleeper.wait_seen();
    assert_eq!(u32::try_from(other.identity.pid()), Ok(sleeper.child.id()));
    assert_eq!(other.command, "sleep 60");
    assert_eq!(u32::try_from(other.parent), Ok(std::process::id()));
    let [connection] = &other.connections[..] else {
        panic!("{other:?}");
    };
    assert_eq!(connection.peer, listener.local_addr().unwrap());
    assert!(connection.established && !connection.accepted);
    let health = connection.health.unwrap();
    assert!(health.established && health.unacknowledged == 0);
    assert!(others::lineage(other.parent)[0].starts_with("others-"));

    assert!(
        !others::end(other.identity, "ssh").unwrap(),
        "another program"
    );
    assert!(sleeper.seen().is_some());
    assert!(others::end(other.identity, "sleep").unwrap());
    assert_eq!(sleeper.child.wait().unwrap().signal(), Some(15));
    assert!(!others::end(other.identity, "sleep").unwrap());
}

#[test]
fn what_is_another_users_is_neither_seen_nor_ended() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = Sleeper::start(&listener, 0);
    let mut foreign = Sleeper::start(&listener, 65_534);
    own.wait_seen();
    assert_eq!(foreign.seen(), None);
    assert!(foreign.child.try_wait().unwrap().is_none());
}

#[tokio::test(flavor = "current_thread")]
async fn the_end_of_a_process_is_seen_before_it_is_reaped() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut sleeper = Sleeper::start(&listener, 0);
    let watch = Watch::over(sleeper.wait_seen().identity.pid())
        .unwrap()
        .unwrap();
    assert!(!watch.has_ended().unwrap());
    sleeper.child.kill().unwrap();
    tokio::time::timeout(Duration::from_secs(5), watch.ended())
        .await
        .unwrap()
        .unwrap();
    assert!(watch.has_ended().unwrap());
    let pid = i32::try_from(sleeper.child.id()).unwrap();
    sleeper.child.wait().unwrap();
    assert!(Watch::over(pid).unwrap().is_none());
}
