//! Telling a service manager how far we are, as `sd_notify(3)` describes it.

use std::{env, ffi::OsString, io, os::unix::ffi::OsStrExt as _};

use socket2::{Domain, SockAddr, Socket, Type};

/// The environment variable that names the socket.
const VARIABLE: &str = "NOTIFY_SOCKET";

/// The socket of the service manager that has started us.
#[derive(Debug)]
pub(super) struct Notify(OsString);

impl Notify {
    /// The one that the environment names: a path, or `@` and a name in Linux's abstract namespace (unix(7)). None without a service manager.
    pub(super) fn from_environment() -> Option<Self> {
        let name = env::var_os(VARIABLE)?;
        let known = matches!(name.as_bytes().first(), Some(b'/' | b'@'));
        known.then_some(Self(name))
    }

    /// Sends one state, such as `READY=1`.
    ///
    /// # Errors
    /// Those of socket(2) and sendto(2).
    pub(super) fn send(&self, state: &str) -> io::Result<()> {
        let mut name = self.0.as_bytes().to_vec();
        if let Some(first @ b'@') = name.first_mut() {
            *first = 0;
        }
        let address = SockAddr::unix(std::ffi::OsStr::from_bytes(&name))?;
        let socket = Socket::new(Domain::UNIX, Type::DGRAM, None)?;
        socket.send_to(state.as_bytes(), &address).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;

    #[test]
    fn a_state_reaches_a_path_and_a_name_without_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let mut received = [0; 64];
        Notify(path.into_os_string()).send("READY=1").unwrap();
        let length = manager.recv(&mut received).unwrap();
        assert_eq!(&received[..length], b"READY=1");

        let name = format!("netroam-test-{}", std::process::id());
        let manager = Socket::new(Domain::UNIX, Type::DGRAM, None).unwrap();
        manager
            .bind(&SockAddr::unix(format!("\0{name}")).unwrap())
            .unwrap();
        Notify(format!("@{name}").into())
            .send("STOPPING=1")
            .unwrap();
        let manager = UnixDatagram::from(std::os::fd::OwnedFd::from(manager));
        let length = manager.recv(&mut received).unwrap();
        assert_eq!(&received[..length], b"STOPPING=1");
    }
}
