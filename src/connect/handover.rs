//! Handing a connected socket to ssh, which asks for it by running `netroam hand-over` as its `ProxyCommand`.
//!
//! ssh closes every descriptor above 2 before it runs that command, so the socket cannot be inherited: the command fetches it
//! over a Unix socket of the session, passes it on, and ends.

use std::{
    env, fs, io,
    os::{
        fd::AsFd,
        unix::{
            fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _},
            net::UnixStream,
        },
    },
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::Context as _;
use netroam_platform::handover;
use nix::unistd::{getuid, mkdtemp};
use tokio::net::UnixListener;

/// The environment variable that tells `netroam hand-over` where to fetch the socket.
pub const VARIABLE: &str = "NETROAM_HANDOVER";

/// The longest path of a Unix socket that every system takes, without its final zero (`sun_path`: 104 bytes on macOS, 108 on
/// Linux).
pub(crate) const LONGEST: usize = 103;

/// Where a session gives its socket away. Only programs of the same user can fetch it.
#[derive(Debug)]
pub struct HandOver {
    listener: UnixListener,
    path: PathBuf,
    /// A directory of our own making, where the one that was wanted has too long a name.
    own: Option<PathBuf>,
}

impl HandOver {
    /// Listens on a socket of a new name in `directory`, which is made if it is not there, and must be ours alone (mode 0700).
    ///
    /// Where the path would be too long for a Unix socket, it is in a new directory under `/tmp` instead.
    ///
    /// # Errors
    /// `PermissionDenied` if the directory is another user's; those of mkdir(2), bind(2), chmod(2).
    ///
    /// # Panics
    /// Outside a tokio runtime that has IO enabled.
    pub fn listen(directory: &Path) -> io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("hand-over.{}.{count}", std::process::id());
        let mut path = directory.join(&name);
        let mut own = None;
        if path.as_os_str().len() > LONGEST {
            let made = mkdtemp("/tmp/netroam.XXXXXX")?;
            path = made.join(&name);
            own = Some(made);
        } else {
            private(directory)?;
            remove(&path)?;
        }
        let listener = UnixListener::bind(&path)?;
        let hand_over = Self {
            listener,
            path,
            own,
        };
        fs::set_permissions(&hand_over.path, fs::Permissions::from_mode(0o600))?;
        Ok(hand_over)
    }

    /// The value of [`VARIABLE`] for ssh.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for `netroam hand-over` and gives it `socket`; ours stays open. Cancel-safe: an ssh that was not served goes on waiting.
    ///
    /// # Errors
    /// Those of accept(2) and sendmsg(2).
    pub async fn give(&self, socket: &impl AsFd) -> io::Result<()> {
        loop {
            let (channel, _) = self.listener.accept().await?;
            // The modes of directory and socket forbid it already; root may pass them, and a system may ignore a socket's mode.
            if handover::peer_uid(channel.as_fd())? != getuid().as_raw() {
                continue;
            }
            return handover::send(channel.as_fd(), socket.as_fd());
        }
    }
}

impl Drop for HandOver {
    fn drop(&mut self) {
        // Nobody is left to tell; what stays behind is an empty name that the next process of our number removes.
        drop(fs::remove_file(&self.path));
        if let Some(own) = &self.own {
            drop(fs::remove_dir(own));
        }
    }
}

/// The verb `netroam hand-over`: fetches the socket that [`HandOver::give`] gives away and passes it to ssh, our parent, over
/// descriptor 1. The caller must end the process then: ssh waits for that.
///
/// # Errors
/// When it was not ssh with `ProxyUseFdpass` that ran us, or the session is gone.
pub fn fetch() -> anyhow::Result<()> {
    let path = env::var_os(VARIABLE)
        .with_context(|| format!("hand-over is for ssh to run, with {VARIABLE} set"))?;
    let path = Path::new(&path);
    let channel = UnixStream::connect(path)
        .with_context(|| format!("cannot reach the session at {}", path.display()))?;
    let socket = handover::receive(channel.as_fd()).context("the session gave no socket")?;
    handover::send(io::stdout().as_fd(), socket.as_fd())
        .context("cannot pass the socket to ssh (is ProxyUseFdpass set?)")
}

/// Makes the directory, or makes sure that it is ours alone.
pub(crate) fn private(directory: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    let found = fs::symlink_metadata(directory)?;
    if !found.is_dir() || found.uid() != getuid().as_raw() || found.mode() & 0o077 != 0 {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("{} is not a directory of ours alone", directory.display()),
        ));
    }
    Ok(())
}

/// Removes what an earlier process of the same number left behind.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Err(_) | Ok(()) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    async fn exchange(hand_over: &HandOver) -> OwnedFd {
        let (given, _other) = UnixStream::pair().unwrap();
        let channel = UnixStream::connect(hand_over.path()).unwrap();
        hand_over.give(&given).await.unwrap();
        handover::receive(channel.as_fd()).unwrap()
    }

    #[tokio::test]
    async fn only_we_can_reach_it_and_nothing_stays_behind() {
        let directory = tempfile::tempdir().unwrap();
        let inside = directory.path().join("netroam");
        let hand_over = HandOver::listen(&inside).unwrap();
        let second = HandOver::listen(&inside).unwrap();
        assert_eq!((mode(&inside), mode(hand_over.path())), (0o700, 0o600));
        drop(exchange(&hand_over).await);
        drop(exchange(&second).await);
        drop((hand_over, second));
        assert_eq!(fs::read_dir(&inside).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_directory_open_to_others_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let error = HandOver::listen(directory.path()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    }

    #[tokio::test]
    async fn a_path_too_long_for_a_socket_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let hand_over = HandOver::listen(&directory.path().join("x".repeat(120))).unwrap();
        let parent = hand_over.path().parent().unwrap().to_owned();
        assert_eq!((mode(&parent), mode(hand_over.path())), (0o700, 0o600));
        drop(exchange(&hand_over).await);
        drop(hand_over);
        assert!(!parent.exists());
    }
}
