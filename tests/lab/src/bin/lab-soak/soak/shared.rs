//! One session that two laptops want: it goes to whom a person wants it to, and to nobody else.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context, Result};
use netroam_lab::{Client, Lab, Mux, Proc, Terminal};
use nix::sys::signal::Signal;

use super::kept::{SOON, eventually};

/// Its name on the host.
pub(super) const NAME: &str = "soak-shared";
const ELSEWHERE: &str = "attached elsewhere now";

/// Both laptops, which move together; their homes are apart.
pub(super) struct Shared {
    laptops: [Terminal; 2],
    holder: usize,
}

impl Shared {
    /// Both are started; the second takes it from the first.
    pub(super) fn start(lab: &Lab, netroam: &Path) -> Result<Self> {
        lab.start_probe(Mux::Screen, NAME)?;
        let mut client = Client::netroam(lab, netroam, "work4", Mux::Screen, NAME);
        // Behind the verb.
        client
            .arguments
            .splice(2..2, ["--via", "any"].map(Into::into));
        let first = lab.run(&client)?;
        first.wait_for_tick(SystemTime::now(), SOON)?;
        let home = lab.dir().join("other");
        fs::create_dir_all(&home)?;
        let home = home.to_str().context("a path of UTF-8")?;
        let env = [
            ("HOME", home),
            ("XDG_RUNTIME_DIR", home),
            ("XDG_STATE_HOME", home),
            ("XDG_CONFIG_HOME", home),
        ];
        let second = lab.terminal_with(&client.arguments, 24, 80, &env)?;
        let shared = Self {
            laptops: [first, second],
            holder: 1,
        };
        shared.settled()?;
        Ok(shared)
    }

    /// Who has it still has it, and the other one does nothing; then the other one's person presses Enter.
    pub(super) fn check(&mut self) -> Result<()> {
        self.settled()?;
        self.holder = 1 - self.holder;
        self.laptops[self.holder].type_keys("\r")?;
        self.settled()
    }

    fn settled(&self) -> Result<()> {
        let (holder, other) = (&self.laptops[self.holder], &self.laptops[1 - self.holder]);
        holder
            .wait_for_tick(SystemTime::now(), SOON)
            .context("who has the shared session does not see it")?;
        other.wait_for_text(ELSEWHERE, SOON)?;
        eventually("the other one to have no ssh", || {
            Ok(Proc::ssh_below(other.pid())?.is_empty())
        })
    }

    /// Ends both.
    pub(super) fn end(mut self) -> Result<()> {
        for laptop in &mut self.laptops {
            laptop.signal(Signal::SIGTERM)?;
            laptop.wait_exit(SOON)?;
        }
        Ok(())
    }
}
