//! The recording: what is played, and what it says beneath.

mod film;
mod frame;
mod paint;
mod story;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

const USAGE: &str = "usage: scripts/record [OUT]";

/// The largest picture that a page should have to load, in bytes.
const LARGEST: usize = 150 * 1024;

/// Does what the command line says: `--netroam PATH --date DATE OUT`.
pub(crate) fn run() -> Result<()> {
    let (mut netroam, mut date, mut out) = (None, None, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().context(USAGE);
        match &*argument {
            "--netroam" => netroam = Some(PathBuf::from(value()?)),
            "--date" => date = Some(value()?),
            _ if !argument.starts_with('-') => out = Some(PathBuf::from(argument)),
            _other => bail!("what is {argument:?}?\n{USAGE}"),
        }
    }
    let netroam = std::path::absolute(netroam.context(USAGE)?)?;
    let out = out.context(USAGE)?;
    ensure!(netroam.exists(), "there is no {}", netroam.display());
    let svg = film::draw(&story::play(&netroam, &date.context(USAGE)?)?);
    ensure!(
        svg.len() <= LARGEST,
        "a picture of {} bytes is too large: shorten the story",
        svg.len()
    );
    fs::write(&out, svg).with_context(|| format!("cannot write {}", out.display()))
}
