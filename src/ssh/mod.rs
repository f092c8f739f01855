//! All that knows OpenSSH: its words, its configuration, its command line, its log, and how a run ended.

pub mod args;
pub mod command;
pub mod config;
pub mod dial;
pub mod ending;
pub mod log;
pub mod split;
pub mod version;
