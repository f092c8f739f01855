//! One harmless event, to see whether a subscription hears it: in a network of this process's own, which ends with it.

use std::io;

use crate::imp;

/// Moves this process into a network that only it has. It must have one thread, and call this before it subscribes.
///
/// # Errors
/// Those of unshare(2), where that is forbidden (`EPERM`, `ENOSPC`: in containers, by `AppArmor`); `Unsupported` where the system has no such thing.
pub fn seclude() -> io::Result<()> {
    imp::trial::seclude()
}

/// Causes an event there: the loopback interface comes up.
///
/// # Errors
/// `PermissionDenied` where a network of one's own gives no power over it (`AppArmor` again); `Unsupported` as above.
pub fn stir() -> io::Result<()> {
    imp::trial::stir()
}
