//! A pseudo terminal between ssh's messages and us.
//!
//! ssh asks `isatty(2)` and keeps questions for a person to itself when descriptor 2 is none. With the slave of such a pty as its
//! descriptor 2, it speaks, and netroam reads on the master what it says. The pty is nobody's controlling terminal: job control, keys and
//! window size stay with the user's own.

use std::{
    io,
    os::fd::{AsFd, AsRawFd as _, OwnedFd},
};

use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    pty::{OpenptyResult, Winsize, openpty},
    sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr},
};

/// A new pseudo terminal.
#[derive(Debug)]
pub struct Pty {
    /// What the child writes is read here. After the child has its slave, close ours, or the end is never seen.
    pub master: OwnedFd,
    /// The child's side: raw, so that bytes come out of the master as they went in, and nothing is echoed.
    pub slave: OwnedFd,
}

/// Opens a pseudo terminal, as large as the terminal `like`; of no size if that is no terminal. Both sides are closed on exec.
///
/// # Errors
/// Those of openpty(3): no pty left, or no `/dev/pts`.
pub fn open(like: impl AsFd) -> io::Result<Pty> {
    let OpenptyResult { master, slave } = openpty(size(like).as_ref(), None)?;
    // Not atomic; but netroam starts its children from the one thread that does this too.
    for side in [&master, &slave] {
        fcntl(side, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    }
    let mut modes = tcgetattr(&slave)?;
    cfmakeraw(&mut modes);
    tcsetattr(&slave, SetArg::TCSANOW, &modes)?;
    Ok(Pty { master, slave })
}

fn size(terminal: impl AsFd) -> Option<Winsize> {
    let mut size = Winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    #[expect(unsafe_code, reason = "the window size has no safe call")]
    // SAFETY: TIOCGWINSZ writes one winsize (ioctl_tty(2)), which is ours and lives through the call.
    let answer = unsafe {
        libc::ioctl(
            terminal.as_fd().as_raw_fd(),
            libc::TIOCGWINSZ,
            &raw mut size,
        )
    };
    (answer == 0).then_some(size)
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        io::Write as _,
        process::Command,
        task::{Context, Waker},
    };

    use nix::unistd::isatty;

    use super::*;
    use crate::readable::Readable;

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(future)
    }

    #[test]
    fn a_child_sees_a_terminal_and_its_bytes_arrive_as_they_are_until_it_ends() {
        run(async {
            let Pty { master, slave } = open(io::stderr()).unwrap();
            assert!(isatty(&slave).unwrap());
            let mut command = Command::new("sh");
            command
                .args(["-c", "test -t 2 && printf 'a\\nb\\r\\n' >&2"])
                .stderr(slave);
            let mut child = command.spawn().unwrap();
            drop(command);
            let (master, mut said, mut buffer) =
                (Readable::new(master).unwrap(), Vec::new(), [0; 3]);
            loop {
                match master.read(&mut buffer).await.unwrap() {
                    0 => break,
                    count => said.extend_from_slice(&buffer[..count]),
                }
            }
            assert_eq!(String::from_utf8(said).unwrap(), "a\nb\r\n");
            assert!(child.wait().unwrap().success());
        });
    }

    #[test]
    fn it_has_the_size_of_the_other_terminal_and_does_not_echo() {
        run(async {
            let like = openpty(
                &Winsize {
                    ws_row: 33,
                    ws_col: 101,
                    ws_xpixel: 0,
                    ws_ypixel: 0,
                },
                None,
            )
            .unwrap();
            let pty = open(&like.slave).unwrap();
            let found = size(&pty.slave).unwrap();
            assert_eq!((found.ws_row, found.ws_col), (33, 101));
            File::from(pty.master.try_clone().unwrap())
                .write_all(b"typed")
                .unwrap();
            assert_eq!(
                Readable::new(pty.master)
                    .unwrap()
                    .try_read(&mut [0; 9])
                    .unwrap(),
                None
            );
        });
    }

    #[test]
    fn reading_leaves_the_flags_of_the_description_alone_and_never_blocks() {
        run(async {
            let fifo = tempfile::tempdir().unwrap();
            let path = fifo.path().join("fifo");
            nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
            let mut end = File::options().read(true).write(true).open(&path).unwrap();
            let flags = fcntl(&end, FcntlArg::F_GETFL).unwrap();
            let readable = Readable::duplicate(&end).unwrap();
            assert_eq!(readable.try_read(&mut [0; 9]).unwrap(), None);
            // Bytes taken behind its back: the readiness that it remembers is then stale, and must not lead into a blocking read.
            end.write_all(b"xyz").unwrap();
            readable.readable().await.unwrap();
            std::io::Read::read_exact(&mut end, &mut [0; 3]).unwrap();
            assert_eq!(readable.try_read(&mut [0; 9]).unwrap(), None);
            let mut waiting = std::pin::pin!(readable.readable());
            assert!(
                waiting
                    .as_mut()
                    .poll(&mut Context::from_waker(Waker::noop()))
                    .is_pending()
            );
            end.write_all(b"again").unwrap();
            waiting.await.unwrap();
            assert_eq!(readable.read(&mut [0; 9]).await.unwrap(), 5);
            assert_eq!(fcntl(&end, FcntlArg::F_GETFL).unwrap(), flags);
        });
    }
}
