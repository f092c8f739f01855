//! Passing a connected socket to another process.
//!
//! The message is the one that ssh waits for when `ProxyUseFdpass` is set: one byte of data, zero, with the descriptor as
//! `SCM_RIGHTS`, over the stream socket that is the `ProxyCommand`'s descriptor 1 (openssh-portable, `monitor_fdpass.c`). ssh then
//! waits for the sender to end, so the sender must do nothing else after it.
//!
//! What the socket is connected to, and whether the other side may have it, is not looked at here: ask [`peer_uid`] first where
//! the channel has a name that others could connect to.

use std::{
    io::{self, IoSlice, IoSliceMut},
    os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd},
};

use nix::{
    cmsg_space,
    errno::Errno,
    fcntl::{FcntlArg, FdFlag, fcntl},
    sys::socket::{ControlMessage, ControlMessageOwned, UnixAddr, recvmsg, sendmsg},
};

use crate::imp;

/// The most descriptors that a message carries (`SCM_MAX_FD` of Linux's `net/scm.h`). Room for fewer would have the kernel cut the rest off, and
/// those that it has made already would stay open, unknown to anybody.
const MOST: usize = 253;

/// The one byte of data; without any, a stream socket would carry no descriptor (unix(7)).
const DATA: [u8; 1] = [0];

/// Sends `socket` through the Unix socket `channel`. The sender's own descriptor stays open.
///
/// # Errors
/// `BrokenPipe` if the other side is gone; `WouldBlock` if the channel is non-blocking and full.
pub fn send(channel: BorrowedFd<'_>, socket: BorrowedFd<'_>) -> io::Result<()> {
    let descriptors = [socket.as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&descriptors)];
    loop {
        match sendmsg::<UnixAddr>(
            channel.as_raw_fd(),
            &[IoSlice::new(&DATA)],
            &rights,
            imp::handover::NO_SIGNAL,
            None,
        ) {
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Receives one socket from the Unix socket `channel`; it is closed on exec. Waits for it unless the channel is non-blocking.
///
/// # Errors
/// `UnexpectedEof` if the other side closed without sending any, `InvalidData` for a message that is no handover, `WouldBlock` if
/// the channel is non-blocking and nothing is there.
pub fn receive(channel: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let mut data = [0; 1];
    let (received, mut descriptors) = loop {
        let mut parts = [IoSliceMut::new(&mut data)];
        let mut control = cmsg_space!([RawFd; MOST]);
        match recvmsg::<UnixAddr>(
            channel.as_raw_fd(),
            &mut parts,
            Some(&mut control),
            imp::handover::CLOSE_ON_EXEC,
        ) {
            Ok(message) => {
                let mut descriptors = Vec::new();
                for part in message.cmsgs()? {
                    if let ControlMessageOwned::ScmRights(raw) = part {
                        descriptors.extend(raw.into_iter().map(own));
                    }
                }
                if imp::handover::CLOSE_ON_EXEC.is_empty() {
                    // This system cannot do it on arrival; what another thread executes in between has it, too.
                    for descriptor in &descriptors {
                        fcntl(descriptor, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
                    }
                }
                break (message.bytes, descriptors);
            }
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    };
    match (received, descriptors.pop()) {
        (0, None) => Err(io::ErrorKind::UnexpectedEof.into()),
        (1, Some(socket)) if data == DATA && descriptors.is_empty() => Ok(socket),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the message hands over no socket",
        )),
    }
}

/// The user at the other end of the Unix socket `channel`, as it was when the two were connected.
///
/// # Errors
/// Those of getsockopt(2), when `channel` is no connected Unix socket.
pub fn peer_uid(channel: BorrowedFd<'_>) -> io::Result<u32> {
    imp::handover::peer_uid(channel)
}

fn own(raw: RawFd) -> OwnedFd {
    #[expect(unsafe_code, reason = "descriptors arrive as numbers")]
    // SAFETY: the kernel has just made this descriptor for us, and nothing else knows of it.
    unsafe {
        OwnedFd::from_raw_fd(raw)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        io::{Read as _, Write as _},
        net::Shutdown,
        os::{fd::AsFd as _, unix::net::UnixStream},
    };

    use nix::sys::socket::MsgFlags;

    use super::*;

    #[test]
    fn a_socket_arrives_alive_and_closed_on_exec() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (mut near, far) = UnixStream::pair().unwrap();
        send(ours.as_fd(), far.as_fd()).unwrap();
        drop(far);
        let received = receive(theirs.as_fd()).unwrap();
        let flags = FdFlag::from_bits_truncate(fcntl(&received, FcntlArg::F_GETFD).unwrap());
        assert!(flags.contains(FdFlag::FD_CLOEXEC));
        near.write_all(b"hello").unwrap();
        let mut text = [0; 5];
        File::from(received).read_exact(&mut text).unwrap();
        assert_eq!(&text, b"hello");
    }

    #[test]
    fn exactly_one_byte_goes_with_it() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        send(ours.as_fd(), ours.as_fd()).unwrap();
        drop(ours);
        let mut bytes = Vec::new();
        theirs.read_to_end(&mut bytes).unwrap();
        // Read plainly, the descriptor is closed by the kernel, and `theirs` sees the end.
        assert_eq!(bytes, [0]);
    }

    #[test]
    fn anything_else_is_refused() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        theirs.set_nonblocking(true).unwrap();
        assert_eq!(
            receive(theirs.as_fd()).unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
        (&ours).write_all(&[0]).unwrap();
        assert_eq!(
            receive(theirs.as_fd()).unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
        // Several at once; of those that arrive none stays open.
        let (mut reader, writer) = io::pipe().unwrap();
        let many = [writer.as_raw_fd(); 5];
        let part = [IoSlice::new(&DATA)];
        let rights = [ControlMessage::ScmRights(&many)];
        sendmsg::<UnixAddr>(ours.as_raw_fd(), &part, &rights, MsgFlags::empty(), None).unwrap();
        drop(writer);
        assert_eq!(
            receive(theirs.as_fd()).unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
        assert_eq!(reader.read(&mut [0]).unwrap(), 0, "all are closed");
        // Not dropped: a child that another test is just starting has the descriptor until it runs its program.
        ours.shutdown(Shutdown::Both).unwrap();
        assert_eq!(
            receive(theirs.as_fd()).unwrap_err().kind(),
            io::ErrorKind::UnexpectedEof
        );
        assert_eq!(
            send(theirs.as_fd(), theirs.as_fd()).unwrap_err().kind(),
            io::ErrorKind::BrokenPipe
        );
    }

    #[test]
    fn the_other_side_is_known_by_its_user() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        assert_eq!(
            peer_uid(ours.as_fd()).unwrap(),
            nix::unistd::getuid().as_raw()
        );
    }
}
