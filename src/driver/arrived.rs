//! What a signal that arrived means: a child's end, our own end, a stop.

use netroam_platform::process::{self, Change};

use super::{
    Driver, checked,
    signals::{self, Arrived},
};
use crate::supervisor::{Exit, Input};

impl Driver {
    pub(super) fn arrived(&mut self, arrived: Arrived) {
        match arrived {
            Arrived::ChildChanged => self.reap(),
            Arrived::Quit(signal) if self.took_signal(signal) => {}
            Arrived::Quit(signal) => {
                tracing::info!(signal, "told to end");
                self.tell(Input::Quit(signal));
            }
            Arrived::TakenOver if self.took_signal(nix::libc::SIGUSR1) => {}
            Arrived::TakenOver => {
                self.exit = Some(Exit::TakenOver);
            }
            Arrived::Suspend => self.suspend(),
            Arrived::Continued => self.continued(),
            Arrived::Resized => checked("redraw the status line", self.status.redraw()),
        }
    }

    pub(super) fn reap(&mut self) {
        let mut suspended = false;
        for (id, run) in &mut self.runs {
            loop {
                match process::reap(run.pid) {
                    Ok(Some(Change::Stopped(_))) if run.stopped() => {}
                    Ok(Some(Change::Stopped(signal))) => {
                        tracing::debug!(run = id.0, signal, "ssh stopped itself");
                        suspended = true;
                    }
                    Ok(Some(Change::Continued)) => {}
                    Ok(Some(change @ (Change::Exited(_) | Change::Signalled(_)))) => {
                        run.gone(change);
                        break;
                    }
                    Ok(None) => break,
                    Err(error) => {
                        tracing::debug!(run = id.0, %error, "nothing to reap");
                        break;
                    }
                }
            }
        }
        if suspended {
            self.suspend();
        }
    }

    /// Mirrors a stop: the shell that waits for us must see us stopped as it would see ssh (`~^Z`, or ^Z before ssh is attached).
    fn suspend(&mut self) {
        self.clear_status();
        if let Some(terminal) = &self.terminal {
            checked("give the terminal back", terminal.before_stop());
        }
        // Whoever continues us continues the whole group, and these must not wake up.
        for run in self.runs.values_mut().filter(|run| run.silenced) {
            run.kill();
        }
        signals::stop_ourselves();
        self.continued();
        for run in self.runs.values().filter(|run| !run.silenced) {
            run.signal(process::Signal::Continue);
        }
    }

    /// In the foreground again, perhaps: the terminal as it was before the stop.
    fn continued(&mut self) {
        if let Some(terminal) = &self.terminal {
            checked("take the terminal", terminal.after_continue());
        }
        // Listening anew: what was listened to may have been the shell's meanwhile.
        self.keys = None;
        self.refresh();
    }
}
