//! TUN devices: packets of an interface in our hands.

use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;

use anyhow::{Context, Result};

use crate::Node;

/// `struct ifreq` of `linux/if.h`: the name (IFNAMSIZ bytes) and a union of 24 bytes, of which TUNSETIFF reads flags.
#[repr(C)]
struct InterfaceRequest {
    name: [u8; 16],
    flags: u16,
    rest: [u8; 22],
}

/// `IFF_TUN | IFF_NO_PI` of `linux/if_tun.h`: bare IP packets, one per read or write.
const TUN_BARE: u16 = 0x0001 | 0x1000;

mod request {
    // TUNSETIFF of linux/if_tun.h: _IOW('T', 202, int), although it takes a struct ifreq.
    nix::ioctl_write_ptr_bad!(
        attach,
        nix::request_code_write!(b'T', 202, size_of::<nix::libc::c_int>()),
        super::InterfaceRequest
    );
}

/// Makes the TUN interface `name` on a machine. It goes when the file is closed. Reads and writes do not block.
pub(crate) fn open(node: &Node, name: &str) -> Result<File> {
    node.within(|| {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/net/tun")
            .context("cannot open /dev/net/tun")?;
        let mut request = InterfaceRequest {
            name: [0; 16],
            flags: TUN_BARE,
            rest: [0; 22],
        };
        request.name[..name.len()].copy_from_slice(name.as_bytes());
        #[expect(
            unsafe_code,
            reason = "there is no safe call that makes a TUN interface"
        )]
        // SAFETY: the file is an open TUN control file and the request a complete ifreq that outlives the call.
        let made = unsafe { request::attach(file.as_raw_fd(), &raw const request) };
        made.with_context(|| format!("cannot make {name}"))?;
        Ok(file)
    })
}
