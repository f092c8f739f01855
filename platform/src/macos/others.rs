//! Other processes and their sockets, by `libproc.h`; a user's own need no privilege.

use std::{
    ffi::OsStr,
    io, mem,
    os::{
        fd::{BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
    path::Path,
};

use nix::{
    errno::Errno,
    sys::signal::{self, Signal},
    unistd::{Pid, Uid, getppid},
};

use super::{
    Connection, Identity, Other, kqueue,
    sockets::{self, State},
};

/// `PROC_PIDFDSOCKETINFO` of xnu's `bsd/sys/proc_info.h`; the libc crate has no name for it.
const SOCKET_INFO: libc::c_int = 3;

/// `SZOMB` of `sys/proc.h`.
const ZOMBIE: u32 = 5;

// The buffers are handed to the system by their length: it must be the one that it knows (`bsd/sys/proc_info.h`).
const _: () = assert!(size_of::<libc::proc_bsdinfo>() == 136);
const _: () = assert!(size_of::<libc::proc_fdinfo>() == 8);

pub(super) fn running(program: &str) -> io::Result<Vec<Other>> {
    let mut others = Vec::new();
    for pid in pids()? {
        let Some((identity, parent)) = ours(pid, program) else {
            continue;
        };
        let sockets = sockets_of(pid);
        let listens = |port: u16| {
            sockets
                .iter()
                .any(|socket| socket.state == State::Listening && socket.local.port() == port)
        };
        let connections: Vec<Connection> = sockets
            .iter()
            .filter(|socket| socket.state != State::Listening)
            .map(|socket| Connection {
                local: socket.local,
                peer: socket.peer,
                established: socket.state == State::Established,
                accepted: listens(socket.local.port()),
                health: None,
            })
            .collect();
        if !connections.is_empty() {
            others.push(Other {
                identity,
                parent,
                command: program.to_owned(),
                connections,
            });
        }
    }
    Ok(others)
}

pub(super) fn program_and_parent(pid: i32) -> Option<(String, i32)> {
    let info = info(pid)?;
    Some((program_of(pid)?, i32::try_from(info.pbi_ppid).ok()?))
}

pub(super) fn end(identity: Identity, program: &str) -> io::Result<bool> {
    if ours(identity.pid, program).is_none_or(|(found, _)| found != identity) {
        return Ok(false);
    }
    match signal::kill(Pid::from_raw(identity.pid), Signal::SIGTERM) {
        Ok(()) => Ok(true),
        Err(Errno::ESRCH) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn waits_at(_channel: BorrowedFd<'_>) -> i32 {
    getppid().as_raw()
}

pub(super) fn handle(pid: i32) -> io::Result<Option<OwnedFd>> {
    kqueue::handle(pid)
}

/// All process numbers. More may begin meanwhile: those are for the next look.
fn pids() -> io::Result<Vec<i32>> {
    #[expect(unsafe_code, reason = "libproc has no safe call")]
    // SAFETY: without a buffer it only says how many there are.
    let count = unsafe { libc::proc_listallpids(std::ptr::null_mut(), 0) };
    let room = usize::try_from(Errno::result(count)?).map_err(io::Error::other)? + 64;
    let mut pids = vec![0_i32; room];
    let length = libc::c_int::try_from(room * size_of::<i32>()).map_err(io::Error::other)?;
    #[expect(unsafe_code, reason = "libproc has no safe call")]
    // SAFETY: the system writes at most `length` bytes into the buffer, which is that large.
    let count = unsafe { libc::proc_listallpids(pids.as_mut_ptr().cast(), length) };
    pids.truncate(usize::try_from(Errno::result(count)?).map_err(io::Error::other)?);
    pids.retain(|pid| *pid > 0);
    Ok(pids)
}

/// Identity and parent of a process that is this user's altogether and runs this program.
fn ours(pid: i32, program: &str) -> Option<(Identity, i32)> {
    let info = info(pid)?;
    let own = Uid::effective().as_raw();
    let users = [info.pbi_uid, info.pbi_ruid, info.pbi_svuid];
    if info.pbi_status == ZOMBIE
        || users.iter().any(|user| *user != own)
        || program_of(pid)? != program
    {
        return None;
    }
    let identity = Identity {
        pid,
        started: info.pbi_start_tvsec * 1_000_000 + info.pbi_start_tvusec,
    };
    Some((identity, i32::try_from(info.pbi_ppid).ok()?))
}

fn info(pid: i32) -> Option<libc::proc_bsdinfo> {
    #[expect(unsafe_code, reason = "the system fills it in")]
    // SAFETY: all bytes zero is a valid `proc_bsdinfo`; it has nothing but numbers.
    let mut info: libc::proc_bsdinfo = unsafe { mem::zeroed() };
    let length = libc::c_int::try_from(size_of_val(&info)).ok()?;
    #[expect(unsafe_code, reason = "libproc has no safe call")]
    // SAFETY: the system writes at most `length` bytes into `info`, which is that large.
    let written = unsafe {
        libc::proc_pidinfo(
            pid,
            libc::PROC_PIDTBSDINFO,
            0,
            (&raw mut info).cast(),
            length,
        )
    };
    (written == length).then_some(info)
}

/// The file name of its executable.
fn program_of(pid: i32) -> Option<String> {
    let mut path = [0_u8; libc::PROC_PIDPATHINFO_MAXSIZE as usize];
    let length = u32::try_from(path.len()).ok()?;
    #[expect(unsafe_code, reason = "libproc has no safe call")]
    // SAFETY: the system writes at most `length` bytes into `path`, which is that large.
    let written = unsafe { libc::proc_pidpath(pid, path.as_mut_ptr().cast(), length) };
    let path = path.get(..usize::try_from(written).ok()?)?;
    let name = Path::new(OsStr::from_bytes(path)).file_name()?.to_str()?;
    Some(name.to_owned())
}

/// Its TCP sockets.
fn sockets_of(pid: i32) -> Vec<sockets::Socket> {
    descriptors(pid)
        .into_iter()
        .filter(|found| i32::try_from(found.proc_fdtype) == Ok(libc::PROX_FDTYPE_SOCKET))
        .filter_map(|found| socket(pid, found.proc_fd))
        .collect()
}

fn descriptors(pid: i32) -> Vec<libc::proc_fdinfo> {
    let list = |buffer: *mut libc::c_void, length: libc::c_int| {
        #[expect(unsafe_code, reason = "libproc has no safe call")]
        // SAFETY: the system writes at most `length` bytes into the buffer, which is that large; without one it only says how many.
        let written = unsafe { libc::proc_pidinfo(pid, libc::PROC_PIDLISTFDS, 0, buffer, length) };
        usize::try_from(written).unwrap_or(0)
    };
    let size = size_of::<libc::proc_fdinfo>();
    let room = list(std::ptr::null_mut(), 0) / size + 16;
    let empty = libc::proc_fdinfo {
        proc_fd: -1,
        proc_fdtype: 0,
    };
    let mut found = vec![empty; room];
    let Ok(length) = libc::c_int::try_from(room * size) else {
        return Vec::new();
    };
    let written = list(found.as_mut_ptr().cast(), length);
    found.truncate(written / size);
    found
}

fn socket(pid: i32, descriptor: i32) -> Option<sockets::Socket> {
    let mut info = [0_u8; sockets::LENGTH];
    let length = libc::c_int::try_from(info.len()).ok()?;
    #[expect(unsafe_code, reason = "libproc has no safe call")]
    // SAFETY: the system writes at most `length` bytes into `info`, which is that large; bytes need no alignment, the copy is the system's.
    let written = unsafe {
        libc::proc_pidfdinfo(
            pid,
            descriptor,
            SOCKET_INFO,
            info.as_mut_ptr().cast(),
            length,
        )
    };
    (written == length).then(|| sockets::read(&info)).flatten()
}
