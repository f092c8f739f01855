//! What the medium of an interface says.

use std::{
    io,
    os::fd::{AsFd, AsRawFd as _},
};

use socket2::{Domain, Socket, Type};

/// `struct ifmediareq` of `net/if.h`, which is packed to four bytes there.
#[repr(C, packed(4))]
struct Medium {
    name: [u8; 16],
    current: libc::c_int,
    mask: libc::c_int,
    status: libc::c_int,
    active: libc::c_int,
    count: libc::c_int,
    list: *mut libc::c_int,
}

/// `IFM_AVALID` and `IFM_ACTIVE` of `net/if_media.h`.
const VALID: libc::c_int = 0x1;
const ACTIVE: libc::c_int = 0x2;

nix::ioctl_readwrite!(
    /// `SIOCGIFXMEDIA` of `sys/sockio.h`: what configd asks for the `Active` of its `Link` keys.
    medium,
    b'i',
    72,
    Medium
);

const _: () = {
    assert!(size_of::<Medium>() == 44);
    assert!(nix::request_code_readwrite!(b'i', 72, size_of::<Medium>()) == 0xc02c_6948);
};

/// Asks for carriers.
#[derive(Debug)]
pub(super) struct Media(Socket);

impl Media {
    pub(super) fn open() -> io::Result<Self> {
        Socket::new(Domain::IPV4, Type::DGRAM, None).map(Self)
    }

    /// Whether the medium is there: a cable plugged in, a wireless network joined. `None` where there is none (a tunnel, loopback) or
    /// where the driver does not say.
    pub(super) fn carrier(&self, name: &str) -> Option<bool> {
        let mut request = Medium {
            name: [0; 16],
            current: 0,
            mask: 0,
            status: 0,
            active: 0,
            count: 0,
            list: std::ptr::null_mut(),
        };
        // The last byte stays zero.
        let room = request.name.get_mut(..name.len().min(16 - 1))?;
        if room.len() < name.len() {
            return None;
        }
        room.copy_from_slice(name.as_bytes());
        #[expect(unsafe_code, reason = "the question has no safe call")]
        // SAFETY: the request is as large as the number of the call says; with a count of zero the kernel follows no pointer.
        let answer = unsafe { medium(self.0.as_fd().as_raw_fd(), &raw mut request) };
        answer.ok()?;
        let status = request.status;
        (status & VALID != 0).then_some(status & ACTIVE != 0)
    }
}
