//! screen and tmux: the remote command that attaches, the names of sessions, and which of them are in use on this laptop.

pub mod bootstrap;
pub mod claim;
pub mod name;
