//! Where nobody can be asked for other processes' sockets.

use std::{
    io,
    os::fd::{BorrowedFd, OwnedFd},
};

use nix::unistd::getppid;

use super::{Identity, Other, kqueue};

#[expect(clippy::unnecessary_wraps, reason = "as every system has it")]
pub(super) fn running(_program: &str) -> io::Result<Vec<Other>> {
    Ok(Vec::new())
}

pub(super) fn program_and_parent(_pid: i32) -> Option<(String, i32)> {
    None
}

pub(super) fn end(_identity: Identity, _program: &str) -> io::Result<bool> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(super) fn waits_at(_channel: BorrowedFd<'_>) -> i32 {
    getppid().as_raw()
}

pub(super) fn handle(pid: i32) -> io::Result<Option<OwnedFd>> {
    kqueue::handle(pid)
}
