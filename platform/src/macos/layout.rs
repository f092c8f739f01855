//! The numbers and sizes of `route.rs`, which every system compiles, against those that the libc crate has for this one.

use std::mem::offset_of;

use super::route;

macro_rules! same {
    ($($name:ident)*) => {
        $(const _: () = assert!(libc::$name as i64 == route::$name as i64);)*
    };
}

same! {
    RTM_VERSION RTM_ADD RTM_DELETE RTM_CHANGE RTM_GET RTM_NEWADDR RTM_DELADDR RTM_IFINFO
    RTF_GATEWAY RTF_LLINFO RTF_WASCLONED
    RTA_DST RTA_GATEWAY RTA_NETMASK RTA_IFP RTA_IFA RTAX_MAX
    IFF_UP AF_INET AF_INET6 AF_LINK
}

const _: () = {
    assert!(size_of::<libc::rt_msghdr>() == route::RT_MSGHDR);
    assert!(offset_of!(libc::rt_msghdr, rtm_msglen) == 0);
    assert!(offset_of!(libc::rt_msghdr, rtm_version) == 2);
    assert!(offset_of!(libc::rt_msghdr, rtm_type) == 3);
    assert!(offset_of!(libc::rt_msghdr, rtm_index) == 4);
    assert!(offset_of!(libc::rt_msghdr, rtm_flags) == 8);
    assert!(offset_of!(libc::rt_msghdr, rtm_addrs) == 12);
    assert!(offset_of!(libc::rt_msghdr, rtm_pid) == 16);
    assert!(offset_of!(libc::rt_msghdr, rtm_seq) == 20);
    assert!(offset_of!(libc::rt_msghdr, rtm_errno) == 24);
    assert!(size_of::<libc::if_msghdr>() == route::IF_MSGHDR);
    assert!(offset_of!(libc::if_msghdr, ifm_flags) == 8);
    assert!(offset_of!(libc::if_msghdr, ifm_index) == 12);
    assert!(size_of::<libc::ifa_msghdr>() == route::IFA_MSGHDR);
    assert!(offset_of!(libc::ifa_msghdr, ifam_addrs) == 4);
    assert!(offset_of!(libc::ifa_msghdr, ifam_index) == 12);
    assert!(size_of::<libc::sockaddr_in>() == route::SOCKADDR_IN);
    assert!(offset_of!(libc::sockaddr_in, sin_addr) == 4);
    assert!(size_of::<libc::sockaddr_in6>() == route::SOCKADDR_IN6);
    assert!(offset_of!(libc::sockaddr_in6, sin6_addr) == 8);
    assert!(size_of::<libc::sockaddr_dl>() == route::SOCKADDR_DL);
    assert!(offset_of!(libc::sockaddr_dl, sdl_index) == 2);
};
