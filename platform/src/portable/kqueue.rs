//! The end of a process, by kqueue(2): every BSD and macOS have it.

use std::{io, os::fd::OwnedFd};

use nix::{
    errno::Errno,
    sys::event::{EvFlags, EventFilter, FilterFlag, KEvent, Kqueue},
};

/// A kqueue, readable when the process has ended; `None` if there is none of this number. (A kqueue is itself a descriptor that can be polled.)
pub(super) fn handle(pid: i32) -> io::Result<Option<OwnedFd>> {
    let Ok(number) = usize::try_from(pid) else {
        return Ok(None);
    };
    let queue = Kqueue::new()?;
    let end = KEvent::new(
        number,
        EventFilter::EVFILT_PROC,
        EvFlags::EV_ADD | EvFlags::EV_ONESHOT,
        FilterFlag::NOTE_EXIT,
        0,
        0,
    );
    match queue.kevent(&[end], &mut [], None) {
        Ok(_) => Ok(Some(queue.into())),
        Err(Errno::ESRCH) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
