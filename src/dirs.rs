//! Where netroam keeps its files, by the XDG base directory specification.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use etcetera::{BaseStrategy as _, base_strategy::choose_base_strategy};
use thiserror::Error;

/// What netroam cannot do with a file or a directory; why it cannot is said by what this stands in front of.
#[derive(Debug, Error)]
pub enum Unusable {
    /// One of netroam's own, below `$XDG_RUNTIME_DIR` or `$XDG_STATE_HOME`.
    #[error("{0}")]
    Own(String),
    /// One that the user named.
    #[error("{0}")]
    Named(String),
}

/// What outlives a netroam and may be lost without harm: `$XDG_STATE_HOME/netroam`, by default `~/.local/state/netroam`.
///
/// # Errors
/// There is no home directory.
pub fn state() -> Result<PathBuf> {
    let base = choose_base_strategy().context("cannot find the home directory")?;
    let state = base.state_dir().unwrap_or_else(|| base.data_dir());
    Ok(state.join("netroam"))
}
