//! Being woken up by a routing socket, where the system has one; checked by the compiler only.
//!
//! The messages differ from system to system, and from release to release. Only what has stayed the same since 4.4BSD is read of them: the
//! length, the version and the type that each one begins with (`net/route.h`). So a message is a reason to look at once instead of
//! at the next tick, and no more; what it misses, the tick finds.

#[cfg(any(
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "openbsd",
    target_os = "netbsd"
))]
mod imp {
    use std::{future::pending, io};

    use socket2::{Domain, Socket, Type};

    use super::matters;
    use crate::readable::Readable;

    /// Of each message only the beginning is read; the rest of it is thrown away by the kernel.
    const BEGINNING: usize = 64;

    /// So many messages of one burst are thrown away together with the first.
    const BURST: usize = 1024;

    /// A subscription to whatever the kernel says of routes, addresses and interfaces (route(4)). Reading takes no privilege.
    #[derive(Debug)]
    pub(in super::super) struct Routes {
        /// `None` after a failure, until it is opened again.
        socket: Option<Readable>,
        complained: bool,
    }

    impl Routes {
        pub(in super::super) fn open() -> Self {
            let mut routes = Self {
                socket: None,
                complained: false,
            };
            routes.renew();
            routes
        }

        /// Opens what has failed. At each tick, which is pause enough.
        pub(in super::super) fn renew(&mut self) {
            if self.socket.is_some() {
                return;
            }
            match subscribe() {
                Ok(socket) => self.socket = Some(socket),
                Err(error) => self.fail(&error),
            }
        }

        /// Waits for a message that may be about a path. Cancel-safe.
        pub(in super::super) async fn changed(&mut self) {
            let mut message = [0; BEGINNING];
            loop {
                let Some(socket) = &self.socket else {
                    return pending().await;
                };
                match socket.read(&mut message).await {
                    Ok(0) => self.fail(&io::ErrorKind::UnexpectedEof.into()),
                    Ok(length) if matters(&message[..length]) => return self.drain(),
                    Ok(_) => {}
                    Err(error) => self.fail(&error),
                }
            }
        }

        /// The rest of a burst is the same reason to look.
        fn drain(&mut self) {
            let mut message = [0; BEGINNING];
            for _ in 0..BURST {
                let more = self
                    .socket
                    .as_ref()
                    .map(|socket| socket.try_read(&mut message));
                match more {
                    Some(Ok(Some(length))) if length > 0 => {}
                    Some(Ok(_)) | None => return,
                    Some(Err(error)) => return self.fail(&error),
                }
            }
        }

        fn fail(&mut self, error: &io::Error) {
            self.socket = None;
            if self.complained {
                tracing::debug!(%error, "the routing socket failed");
            } else {
                self.complained = true;
                tracing::info!(%error, "the routing socket failed, changes are found by looking alone until it is back");
            }
        }
    }

    fn subscribe() -> io::Result<Readable> {
        Readable::new(Socket::new(Domain::from(libc::PF_ROUTE), Type::RAW, None)?)
    }
}

#[cfg(not(any(
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "openbsd",
    target_os = "netbsd"
)))]
mod imp {
    /// There is none, or it is another one's business.
    #[derive(Debug)]
    pub(in super::super) struct Routes;

    impl Routes {
        pub(in super::super) fn open() -> Self {
            Self
        }

        #[expect(clippy::unused_self, reason = "as every system has it")]
        pub(in super::super) fn renew(&mut self) {}

        pub(in super::super) async fn changed(&mut self) {
            std::future::pending::<()>().await;
        }
    }
}

pub(super) use imp::Routes;

/// Types of `net/route.h` that move no path: an answer to somebody's question (every routing socket hears it), a connection that may be
/// losing packets, a redirect (another gateway on the same interface, which no look sees), a destination without a route, a lock on a
/// metric, and a request to resolve a neighbour.
const NO_NEWS: [u8; 6] = [4, 5, 6, 7, 8, 11];

#[cfg(any(
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "openbsd",
    target_os = "netbsd"
))]
const _: () = assert!(
    libc::RTM_GET == 4 && libc::RTM_LOSING == 5 && libc::RTM_REDIRECT == 6 && libc::RTM_MISS == 7
);

/// Whether a message may be about a path of ours; one that is too short to say so may be.
#[cfg_attr(
    not(any(
        test,
        target_os = "freebsd",
        target_os = "dragonfly",
        target_os = "openbsd",
        target_os = "netbsd"
    )),
    expect(
        dead_code,
        reason = "tested everywhere, used where there are routing sockets"
    )
)]
fn matters(message: &[u8]) -> bool {
    // u_short length, u_char version, u_char type.
    message.get(3).is_none_or(|kind| !NO_NEWS.contains(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message as route(4) has it, of this type.
    fn message(kind: u8) -> [u8; 8] {
        [152, 0, 5, kind, 3, 0, 0, 0]
    }

    #[test]
    fn what_moves_no_path_wakes_nobody() {
        // RTM_ADD, RTM_DELETE, RTM_CHANGE, RTM_NEWADDR, RTM_DELADDR, RTM_IFINFO of two ages, and one that nobody knows yet.
        for kind in [1, 2, 3, 12, 13, 14, 20, 99] {
            assert!(matters(&message(kind)), "{kind}");
        }
        for kind in NO_NEWS {
            assert!(!matters(&message(kind)), "{kind}");
        }
        assert!(matters(&[8, 0, 5]) && matters(&[]), "it may say anything");
    }
}
