//! No network of one's own.

use std::io;

pub(crate) fn seclude() -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn stir() -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
