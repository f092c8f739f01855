//! Another user at the sockets of netroam: who gets past the modes of directory and socket, as on a system that ignores them, is refused all the same.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::{
        fd::AsFd as _,
        unix::{fs::PermissionsExt as _, net::UnixStream},
    },
    path::{Path, PathBuf},
    process::Stdio,
};

use netroam::connect::HandOver;
use netroam_lab::{Lab, Mux, Net};
use netroam_platform::{clock, handover};

use super::support::{
    Home, NOBODY, SOON, as_nobody, assert_harmless, complaints, eventually, netroam,
};

/// Asks at a socket and prints what comes back, or why it cannot.
const ASK: &str = "
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(10)
try:
    s.connect(sys.argv[1])
except PermissionError:
    print('forbidden')
    sys.exit()
try:
    s.sendall(b'netroam 1 status\\n')
    print(repr(s.recv(4096)))
except (BrokenPipeError, ConnectionResetError):
    print(repr(b''))
";

/// Fetches what is handed over at a socket, and prints how many bytes and descriptors that is.
const FETCH: &str = "
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(10)
s.connect(sys.argv[1])
try:
    data, descriptors, _, _ = socket.recv_fds(s, 4096, 4)
    print(len(data), len(descriptors))
except ConnectionResetError:
    print(0, 0)
";

/// Listens at a path, says so, greets as a guard does and as a netroam answers, and prints what it was sent.
const LISTEN: &str = "
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o666)
s.listen()
s.settimeout(20)
print('listens', flush=True)
try:
    c, _ = s.accept()
    c.settimeout(5)
    try:
        c.sendall(b'netroam 1 guard\\n')
        print(repr(socket.recv_fds(c, 4096, 4)), flush=True)
    except (BrokenPipeError, ConnectionResetError):
        print('nothing', flush=True)
except TimeoutError:
    print('nobody came', flush=True)
";

fn answer(socket: &Path) -> String {
    let output = as_nobody(ASK, &[socket]).wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Lets everybody reach this.
fn open(directories: &[&Path], socket: &Path) {
    for directory in directories {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::set_permissions(socket, fs::Permissions::from_mode(0o666)).unwrap();
}

#[test]
fn a_running_netroam_and_a_guard_answer_their_own_user_alone() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    lab.start_probe(Mux::Screen, "probe").unwrap();
    let config = lab.ssh_config();
    let words = [
        "watch",
        "--session",
        "probe",
        "-F",
        config.to_str().unwrap(),
        "work",
    ];
    let terminal = lab
        .terminal(&[&[netroam().to_str().unwrap()], &words[..]].concat())
        .unwrap();
    let guard = lab
        .piped(&[netroam().to_str().unwrap(), "guard"], &[])
        .unwrap();
    guard.wait_for_stderr("guarding", SOON).unwrap();
    // A directory that others can write to is none to hand connections over in: attached, it needs to no more.
    terminal.wait_for_tick(clock::wall(), SOON).unwrap();
    let run = lab.dir().join("laptop/run/netroam");
    let mut control = PathBuf::new();
    eventually("the socket", || {
        let entries = fs::read_dir(&run).unwrap().flatten();
        control = entries
            .map(|entry| entry.path().join("control"))
            .find(|path| path.exists())
            .unwrap_or_default();
        control != PathBuf::new()
    });
    let guard_socket = run.join("guard");
    let (laptop, above) = (lab.dir().join("laptop"), lab.dir().join("laptop/run"));
    for directory in [lab.dir(), &laptop, &above] {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
    }
    for socket in [&control, &guard_socket] {
        assert_eq!(answer(socket), "forbidden", "by the modes");
        open(&[&run, socket.parent().unwrap()], socket);
        assert_eq!(answer(socket), "b''", "by its uid");
    }
    // Its own user, root, is answered still.
    let mut own = std::os::unix::net::UnixStream::connect(&control).unwrap();
    own.write_all(b"netroam 1 status\n").unwrap();
    let mut said = String::new();
    own.read_to_string(&mut said).unwrap();
    assert!(
        said.contains("\"attached\"") || said.contains("\"sessions\""),
        "{said}"
    );
    drop((terminal, guard));
}

#[test]
fn somebody_elses_control_socket_is_not_believed() {
    let home = Home::new().opened();
    let directory = home.path("run/netroam/run.abcdef");
    fs::create_dir_all(&directory).unwrap();
    std::os::unix::fs::chown(&directory, Some(NOBODY), None).unwrap();
    // Locked, as that of one that runs: else it is swept.
    let lock = fs::File::open(&directory).unwrap();
    let _lock = nix::fcntl::Flock::lock(lock, nix::fcntl::FlockArg::LockExclusive).unwrap();
    let mut listener = as_nobody(LISTEN, &[&directory.join("control")]);
    let mut listens = [0; 8];
    listener
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut listens)
        .unwrap();
    let output = home.netroam(&["ls"]).output().unwrap();
    let said = complaints(&output);
    assert!(
        said.len() == 1 && said[0].ends_with("control is another user's"),
        "{said:?}"
    );
    assert_harmless("ls", &output.stdout);
    listener.kill().unwrap();
    listener.wait().unwrap();
}

#[test]
fn somebody_elses_guard_gets_no_connection() {
    let home = Home::new().opened();
    let directory = home.path("run/netroam");
    fs::create_dir(&directory).unwrap();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o777)).unwrap();
    let mut listener = as_nobody(LISTEN, &[&directory.join("guard")]);
    let mut listens = [0; 8];
    listener
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut listens)
        .unwrap();
    // A server, and an ssh that asks netroam to dial it.
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port().to_string();
    let serving = std::thread::spawn(move || {
        let (mut client, _) = server.accept().unwrap();
        client.write_all(b"SSH-2.0-nobody\r\n").unwrap();
        // ssh's own banner, and no more.
        assert!(client.read(&mut [0; 512]).unwrap() > 0);
    });
    let dial = format!("ProxyCommand={} dial 127.0.0.1 {port}", netroam().display());
    let mut ssh = std::process::Command::new("ssh");
    ssh.args([
        "-F",
        "none",
        "-o",
        &dial,
        "-o",
        "ProxyUseFdpass=yes",
        "-o",
        "ConnectTimeout=3",
        "-o",
        "BatchMode=yes",
        "x",
        "true",
    ]);
    let envs = home.netroam(&[]);
    ssh.env_clear()
        .envs(
            envs.get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .env("SHELL", "/bin/sh");
    let output = ssh.stdin(Stdio::null()).output().unwrap();
    assert!(!output.status.success());
    let mut got = String::new();
    listener
        .stdout
        .as_mut()
        .unwrap()
        .read_to_string(&mut got)
        .unwrap();
    assert!(
        got.contains("nothing") || got.contains("(b'', [],"),
        "{got}"
    );
    let log = fs::read_to_string(home.path("state/netroam/netroam.log")).unwrap();
    assert!(log.contains("is another user's"), "{log}");
    listener.wait().unwrap();
    serving.join().unwrap();
}

#[tokio::test]
async fn a_connection_is_handed_to_its_own_user_alone() {
    let home = Home::new().opened();
    let directory = home.path("handing-over");
    let hand_over = HandOver::listen(&directory).unwrap();
    open(&[&directory], hand_over.path());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let path = hand_over.path().to_owned();
    let asking = tokio::task::spawn_blocking(move || {
        let output = as_nobody(FETCH, &[&path]).wait_with_output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), "0 0");
        let channel = UnixStream::connect(&path).unwrap();
        TcpStream::from(handover::receive(channel.as_fd()).unwrap())
    });
    let (given, fetched) = tokio::join!(hand_over.give(&socket), asking);
    given.unwrap();
    assert_eq!(
        fetched.unwrap().peer_addr().unwrap(),
        listener.local_addr().unwrap()
    );
}
