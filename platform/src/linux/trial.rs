//! A network namespace, and what changes in it.

use std::{io, os::fd::AsRawFd as _};

use nix::{
    errno::Errno,
    sched::{CloneFlags, unshare},
    sys::socket::{AddressFamily, SockFlag, SockType, socket},
};

/// With privilege a network namespace alone; without it one that belongs to a user namespace (`user_namespaces(7)`).
pub(crate) fn seclude() -> io::Result<()> {
    let network = CloneFlags::CLONE_NEWNET;
    unshare(network).or_else(|_| unshare(network | CloneFlags::CLONE_NEWUSER))?;
    Ok(())
}

/// Brings `lo` up (netdevice(7)): a new network namespace has it down.
pub(crate) fn stir() -> io::Result<()> {
    let socket = socket(
        AddressFamily::Inet,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    let mut name = [0; libc::IFNAMSIZ];
    for (to, from) in name.iter_mut().zip(*b"lo") {
        *to = libc::c_char::try_from(from).unwrap_or_default();
    }
    let request = libc::ifreq {
        ifr_name: name,
        ifr_ifru: libc::__c_anonymous_ifr_ifru {
            ifru_flags: libc::c_short::try_from(libc::IFF_UP).unwrap_or_default(),
        },
    };
    #[expect(unsafe_code, reason = "ioctl(2) has no safe form")]
    // SAFETY: SIOCSIFFLAGS reads one ifreq, whose name ends in a zero; it is ours and lives through the call.
    let set = unsafe {
        libc::ioctl(
            socket.as_raw_fd(),
            libc::SIOCSIFFLAGS as _,
            &raw const request,
        )
    };
    Errno::result(set)?;
    Ok(())
}
