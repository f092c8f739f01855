//! Other processes, by `/proc`; their sockets, by `sock_diag(7)`; their end, by `pidfd_open(2)`.

use std::{
    fs, io,
    os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd},
    path::Path,
};

use nix::{
    errno::Errno,
    sys::{
        signal::{self, Signal},
        socket::{getsockopt, sockopt::PeerCredentials},
    },
    unistd::{Pid, Uid, getppid},
};

use super::sockets::{self, State};
use crate::others::{Connection, Identity, Other};

/// The longest name in `/proc/PID/comm` (`TASK_COMM_LEN` of `linux/sched.h`, without its final zero).
const LONGEST_NAME: usize = 15;

pub(crate) fn running(program: &str) -> io::Result<Vec<Other>> {
    let candidates: Vec<i32> = fs::read_dir("/proc")?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| named(*pid, program))
        .collect();
    if candidates.is_empty() {
        return Ok(Vec::new());
    }
    let sockets = sockets::all()?;
    let mut others = Vec::new();
    for pid in candidates {
        let Some((identity, parent)) = ours(pid, program) else {
            continue;
        };
        let held: Vec<&sockets::Socket> = inodes(pid)
            .iter()
            .filter_map(|inode| sockets.get(inode))
            .collect();
        let listens = |port: u16| {
            held.iter()
                .any(|socket| socket.state == State::Listening && socket.local.port() == port)
        };
        let connections: Vec<Connection> = held
            .iter()
            .filter(|socket| socket.state != State::Listening)
            .map(|socket| Connection {
                local: socket.local,
                peer: socket.peer,
                established: socket.state == State::Established,
                accepted: listens(socket.local.port()),
                health: socket.health,
            })
            .collect();
        if !connections.is_empty() {
            others.push(Other {
                identity,
                parent,
                command: command(pid).unwrap_or_else(|| program.to_owned()),
                connections,
            });
        }
    }
    Ok(others)
}

pub(crate) fn program_and_parent(pid: i32) -> Option<(String, i32)> {
    let (_, parent) = identity(pid)?;
    // Of another user's process only the name is shown.
    let program = program_of(pid).or_else(|| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        Some(name.trim_end().to_owned())
    })?;
    Some((program, parent))
}

pub(crate) fn end(identity: Identity, program: &str) -> io::Result<bool> {
    let same = || ours(identity.pid, program).is_some_and(|(found, _)| found == identity);
    let process = match pidfd(identity.pid) {
        Ok(Some(process)) => process,
        Ok(None) => return Ok(false),
        Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => {
            return Ok(same() && kill(identity.pid)?);
        }
        Err(error) => return Err(error),
    };
    // As long as it is held, its number is its own; so what is read now is of the process that is signalled.
    if !same() {
        return Ok(false);
    }
    #[expect(unsafe_code, reason = "pidfd_send_signal(2) has no safe call")]
    // SAFETY: plain numbers, and no siginfo.
    let sent = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            process.as_raw_fd(),
            libc::SIGTERM,
            std::ptr::null::<libc::siginfo_t>(),
            0,
        )
    };
    match Errno::result(sent) {
        Ok(_) => Ok(true),
        Err(Errno::ESRCH) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

pub(crate) fn waits_at(channel: BorrowedFd<'_>) -> i32 {
    getsockopt(&channel, PeerCredentials)
        .map_or_else(|_| getppid().as_raw(), |credentials| credentials.pid())
}

pub(crate) fn handle(pid: i32) -> io::Result<Option<OwnedFd>> {
    pidfd(pid)
}

/// A descriptor that stands for the process, and is readable when it has ended; `None` if there is none of this number.
fn pidfd(pid: i32) -> io::Result<Option<OwnedFd>> {
    #[expect(unsafe_code, reason = "pidfd_open(2) has no safe call")]
    // SAFETY: plain numbers.
    let opened = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    match Errno::result(opened) {
        Ok(raw) => {
            let raw = i32::try_from(raw).map_err(io::Error::other)?;
            #[expect(unsafe_code, reason = "the descriptor arrives as a number")]
            // SAFETY: the kernel has just made it, closed on exec, and nothing else knows of it.
            Ok(Some(unsafe { OwnedFd::from_raw_fd(raw) }))
        }
        Err(Errno::ESRCH) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn kill(pid: i32) -> io::Result<bool> {
    match signal::kill(Pid::from_raw(pid), Signal::SIGTERM) {
        Ok(()) => Ok(true),
        Err(Errno::ESRCH) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether the process is so called: a cheap question first, because all are asked.
fn named(pid: i32, program: &str) -> bool {
    let short = &program[..program.len().min(LONGEST_NAME)];
    fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim_end() == short)
}

/// Identity and parent of a process that is this user's altogether and runs this program.
fn ours(pid: i32, program: &str) -> Option<(Identity, i32)> {
    let found = identity(pid)?;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let users = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    let own = Uid::effective().as_raw();
    let mut users = users.split_whitespace().map(str::parse);
    (users.all(|user| user == Ok(own)) && program_of(pid)? == program).then_some(found)
}

/// A process and its parent; none if it is a zombie.
fn identity(pid: i32) -> Option<(Identity, i32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (started, parent) = start_and_parent(&stat)?;
    Some((Identity { pid, started }, parent))
}

/// When a process started (field 22) and its parent (field 4), by `proc_pid_stat(5)`; none of a zombie.
pub(super) fn start_and_parent(stat: &str) -> Option<(u64, i32)> {
    // The name may hold anything; what follows the last parenthesis is regular.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let [state, parent, ..] = fields[..] else {
        return None;
    };
    let started = fields.get(19)?.parse().ok()?;
    (state != "Z").then_some((started, parent.parse().ok()?))
}

/// The file name of its executable; a program that was replaced meanwhile is still that one.
fn program_of(pid: i32) -> Option<String> {
    let path = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    let name = Path::new(&path).file_name()?.to_str()?;
    Some(name.strip_suffix(" (deleted)").unwrap_or(name).to_owned())
}

/// The words of its command line, which a program may overwrite (setproctitle).
fn command(pid: i32) -> Option<String> {
    let words = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let text = String::from_utf8_lossy(&words).replace('\0', " ");
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The inodes of its sockets.
fn inodes(pid: i32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| {
            let link = fs::read_link(entry.path()).ok()?;
            let inode = link.to_str()?.strip_prefix("socket:[")?;
            inode.strip_suffix(']')?.parse().ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_number_that_was_given_away_again_is_not_signalled() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let (found, _) = identity(pid).unwrap();
        let earlier = Identity {
            started: found.started - 1,
            ..found
        };
        assert!(!end(earlier, "sleep").unwrap());
        assert_eq!(child.try_wait().unwrap(), None);
        child.kill().unwrap();
        // Ended and not reaped: nothing to end any more.
        while identity(pid).is_some() {
            std::hint::spin_loop();
        }
        assert!(!end(found, "sleep").unwrap());
        child.wait().unwrap();
    }
}
