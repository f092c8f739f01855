//! What the user is shown, and the terminal between runs.

use super::{Driver, checked, run::LiveRun};
use crate::{report, ssh::log::plain, terminal::Reset};

impl Driver {
    /// Writes a line that stays; in control mode, where tmux alone speaks, when that is over.
    pub(super) fn say(&mut self, line: String) {
        if self.session.control_mode() && self.runs.values().any(LiveRun::on_screen) {
            self.unsaid.push(line);
        } else {
            checked("write a line", self.status.line(&line));
        }
    }

    /// Passes on what ssh says.
    pub(super) fn said(&mut self, bytes: &[u8]) {
        if self.session.control_mode() {
            for line in bytes.split(|byte| *byte == b'\n') {
                let line = plain(line);
                if !line.is_empty() {
                    self.say(line);
                }
            }
        } else {
            checked("clear the status line", self.status.make_room());
            match &self.session.named {
                Some(name) => report::relay_of(name, bytes),
                None => report::relay(bytes),
            }
        }
    }

    /// Brings the terminal in line with the state: keys are read and the status line is shown only while no run owns it.
    pub(super) fn refresh(&mut self) {
        let free = self.runs.iter().all(|(_, run)| run.silenced);
        let attaching = self.runs.values().any(LiveRun::attaching);
        // Before they are offered: what was pressed until then is thrown away.
        if free
            && self.keys.is_none()
            && self.exit.is_none()
            && let Some(terminal) = &self.terminal
        {
            match terminal.listen() {
                Ok(keys) => self.keys = keys,
                Err(error) => tracing::warn!(%error, "cannot read keys"),
            }
        }
        if let (true, Some(shown)) = (free || attaching, &self.shown)
            && (self.status.is_live() || shown.lasts())
            && !self.quiet()
        {
            let named = self.session.named.as_deref();
            let (text, keys) = report::status_of(&self.session.host, named, shown);
            let text = format!("netroam: {text}");
            let keys = if self.terminal.is_some() { keys } else { "" };
            checked("draw the status line", self.status.say(&text, keys));
        }
    }

    /// The terminal as it was before the run: settings, and what a program that was cut off left switched on.
    pub(super) fn take_terminal(&mut self, clean: bool) {
        if let Some(terminal) = &self.terminal {
            let reset = if clean {
                Reset::TermiosOnly
            } else {
                Reset::Modes
            };
            checked("restore the terminal", terminal.restore(reset));
        }
        if !clean {
            self.status.below();
        }
        for line in std::mem::take(&mut self.unsaid) {
            checked("write a line", self.status.line(&line));
        }
    }
}
