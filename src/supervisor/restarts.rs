//! The rules of autossh(1): what follows the end of a run is decided by its status, by its age and by how many there were.
//!
//! They stand in front of the usual decisions (`endings`): what they have nothing to say about (a path that goes, a server that does not
//! answer, a session taken over elsewhere) is decided as ever.

use std::time::Duration;

use netroam_platform::clock::Time;

use super::{
    Exit, Need, Phase, Reach, Reason, RunId, Status, Supervisor, cadence::step_of_refusal,
};
use crate::{connect::Failure, ssh::Ending};

/// A run that lived for less than this, or for less than a tenth of the poll interval, failed fast (autossh 1.4g).
const FAST: Duration = Duration::from_secs(10);

/// After so many fast failures in a row the waits begin to grow (autossh 1.4g).
const FREE: u32 = 5;

/// What an ssh ends with for everything that is its own failure.
const SSH_FAILED: i32 = 255;

/// What the user of autossh sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restarts {
    /// A first run that fails sooner than this ends it all; zero: none does (`AUTOSSH_GATETIME`).
    pub gate: Duration,
    /// So many runs, and no more (`AUTOSSH_MAXSTART`).
    pub most_starts: Option<u64>,
    /// Ended after so long, whatever the session does (`AUTOSSH_MAXLIFETIME`).
    pub lifetime: Option<Duration>,
    /// The longest wait between two runs that failed, and what the waits before it grow by (`AUTOSSH_POLL`).
    pub poll: Duration,
}

/// What was used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// [`Restarts::most_starts`].
    Starts,
    /// [`Restarts::lifetime`].
    Lifetime,
}

/// The rules, and what they have to remember.
#[derive(Debug)]
pub(super) struct Rules {
    given: Restarts,
    /// When the first fact came.
    began: Option<Time>,
    /// When the present run was started.
    started: Time,
    /// So many runs in a row failed fast.
    fast: u32,
    /// So many attempts to connect were turned down, for each of which ssh would have been started.
    turned_down: u64,
}

impl Rules {
    pub(super) fn new(given: Restarts) -> Self {
        Self {
            given,
            began: None,
            started: Time::default(),
            fast: 0,
            turned_down: 0,
        }
    }

    /// When the lifetime is over.
    pub(super) fn end(&self) -> Option<Time> {
        Some(self.began? + self.given.lifetime?)
    }

    fn gate(&self, now: Time, runs: u64) -> Gate {
        let age = now.since(self.began.unwrap_or(now));
        if runs > 1 || self.given.gate.is_zero() {
            Gate::None
        } else if age <= self.given.gate {
            Gate::Shut
        } else {
            Gate::Passed
        }
    }

    /// How long to wait after the present run, which failed.
    fn wait(&mut self, now: Time, jitter: f64) -> Duration {
        let lived = now.since(self.started);
        self.fast = if lived < FAST.max(self.given.poll / 10) {
            self.fast.saturating_add(1)
        } else {
            1
        };
        let grown = growing(self.fast.saturating_sub(FREE), self.given.poll);
        grown.max(step_of_refusal(self.fast - 1, jitter))
    }
}

/// autossh's waits: a hundredth of the poll interval times a third of the square of the number of the failure, up to the poll interval.
fn growing(number: u32, poll: Duration) -> Duration {
    (poll.saturating_mul(number.saturating_mul(number)) / 300).min(poll)
}

/// Where a run stands to the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    /// It is the first, and younger than the gate time: a failure now is one of the start, which is not to be repeated.
    Shut,
    /// It is the first, and older.
    Passed,
    /// It is a later one, or there is no gate.
    None,
}

/// What the rules make of a run's end.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// It ends it all.
    Stop,
    /// It is decided as ever.
    Usual,
    /// A person has to answer.
    Person(String),
    /// Another run, after a wait, because of this.
    Again(String),
}

fn fate(ending: &Ending, gate: Gate, attended: bool) -> Fate {
    let shut = gate == Gate::Shut;
    let again = |why: &str| {
        if shut {
            Fate::Stop
        } else {
            Fate::Again(why.to_owned())
        }
    };
    match ending {
        // A signal that ends ssh restarts it, however young it is.
        Ending::Interrupted { .. }
        | Ending::Killed { .. }
        | Ending::EndedByUs
        | Ending::TakenOver
        | Ending::ContextGone => Fate::Usual,
        Ending::Finished { status: 1 | 2 } if gate != Gate::None => Fate::Stop,
        Ending::Finished { status: 1 | 2 } | Ending::RemoteKilled => {
            again("the remote command failed")
        }
        Ending::Finished { status: SSH_FAILED } => again("the remote command ended with 255"),
        Ending::Finished { .. } => Fate::Stop,
        Ending::Lost { .. }
        | Ending::Unreachable { .. }
        | Ending::TurnedAway { .. }
        | Ending::UnknownHost { .. } => {
            if shut {
                Fate::Stop
            } else {
                Fate::Usual
            }
        }
        Ending::NeedsPerson { what: why } | Ending::Denied { why } if attended && !shut => {
            Fate::Person(why.clone())
        }
        Ending::NeedsPerson { what: why } | Ending::Denied { why } => again(why),
        Ending::Escaped => again("ended by ~."),
        Ending::HostKeyChanged => again("the host key has changed"),
        Ending::HostKeyRefused => again("the host key was not accepted"),
        Ending::Unusable { line } => again(line),
    }
}

impl Supervisor {
    /// Has autossh's rules decide what follows the end of a run.
    #[must_use]
    pub fn under(mut self, restarts: Restarts) -> Self {
        self.rules = Some(Rules::new(restarts));
        self
    }

    pub(super) fn begin(&mut self, now: Time) {
        if let Some(rules) = &mut self.rules {
            rules.began.get_or_insert(now);
        }
    }

    pub(super) fn note_start(&mut self, now: Time) {
        if let Some(rules) = &mut self.rules {
            rules.started = now;
        }
    }

    /// Ends it all when a limit is reached and nothing runs any more, or at once where the limit is one of time.
    pub(super) fn stop_at_limit(&mut self, now: Time) {
        let Some(rules) = &self.rules else { return };
        let idle = match &self.phase {
            Phase::Over => return,
            Phase::Seeking | Phase::Parked(_) => self.ending.is_empty(),
            Phase::Running(_) | Phase::Leaving => false,
        };
        let starts = self.runs + rules.turned_down;
        if rules.end().is_some_and(|end| end <= now) {
            self.finish(Exit::Limit(Limit::Lifetime));
        } else if idle && rules.given.most_starts.is_some_and(|most| most <= starts) {
            self.finish(Exit::Limit(Limit::Starts));
        }
    }

    /// An attempt failed; true if the rules make that the end of it all, because ssh would have failed at its very start.
    pub(super) fn failed_at_start(&mut self, now: Time, failure: &Failure) -> bool {
        let runs = self.runs;
        let Some(rules) = &mut self.rules else {
            return false;
        };
        let failed = match failure {
            Failure::Refused(_) | Failure::Busy { .. } => {
                rules.turned_down += 1;
                true
            }
            Failure::Closed(_)
            | Failure::Foreign { .. }
            | Failure::Resolve(_)
            | Failure::NoSuchName(_)
            | Failure::Unreachable(_)
            | Failure::Local(_) => true,
            // An ssh would still be waiting, or is not meant to go there at all.
            Failure::TimedOut | Failure::Silent(_) | Failure::Astray(_) => false,
        };
        let shut = failed && runs == 0 && rules.gate(now, runs) == Gate::Shut;
        if shut {
            let why = failure.to_string();
            self.finish(Exit::Ssh(Ending::Unreachable { why }));
        }
        shut
    }

    /// What the rules leave to be decided of a run that ended by itself.
    pub(super) fn by_rules(&mut self, now: Time, ending: Ending) -> Option<Ending> {
        let Some(rules) = &mut self.rules else {
            return Some(ending);
        };
        let gate = rules.gate(now, self.runs);
        match fate(&ending, gate, self.settings.attended) {
            Fate::Stop => self.finish(Exit::Ssh(ending)),
            Fate::Person(why) => self.park(Need::Question(why)),
            Fate::Again(why) => {
                let wait = rules.wait(now, self.random.f64());
                self.run_again(now, why, wait);
            }
            Fate::Usual => {
                return Some(if let Ending::Interrupted { signal } = ending {
                    let signal = signal.to_string();
                    Ending::Killed { signal }
                } else {
                    ending
                });
            }
        }
        None
    }

    fn run_again(&mut self, now: Time, why: String, wait: Duration) {
        let Phase::Running(run) = std::mem::replace(&mut self.phase, Phase::Seeking) else {
            return;
        };
        self.note_loss(now, &run, &Reason::Connection(why.clone()));
        self.discard_attempts();
        self.without = false;
        if let Reach::Not(no_path) = self.reach() {
            self.cadence.stop();
            self.show_no_path(no_path, None);
        } else {
            self.cadence.after(now, wait);
            self.show(Status::RetryingSsh(why));
        }
    }

    /// Somebody wants another run in place of this one, because of `live`; without that, only what waits goes on now.
    pub(super) fn restart(&mut self, now: Time, live: Option<String>) {
        match &self.phase {
            Phase::Running(_) => {
                if let Some(why) = live {
                    self.lose(now, Reason::Connection(why), false);
                }
            }
            // It is as good as there.
            Phase::Seeking if self.ready.is_some() => {}
            // Nobody looks, so that nobody is asked.
            Phase::Seeking | Phase::Parked(Need::Question(_)) => {
                // Nor is a person there who lets it go past what is wanted, once more.
                if matches!(self.phase, Phase::Parked(_)) {
                    self.without = false;
                }
                self.phase = Phase::Seeking;
                self.cadence.insist(now);
                if self.waits_for_wanted() {
                    self.seek(now);
                } else {
                    self.dial_now(now);
                }
            }
            // Only a person takes it back.
            Phase::Parked(Need::TakenOver | Need::ContextGone) | Phase::Leaving | Phase::Over => {}
        }
    }

    /// Another run in place of this one, if it is still the live one.
    pub(super) fn restart_run(&mut self, now: Time, id: RunId, why: String) {
        if matches!(&self.phase, Phase::Running(run) if run.id == id) {
            self.restart(now, Some(why));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What autossh 1.4g makes of each status, by whether the run is the first, whether it failed before the gate time, and whether there is one.
    #[test]
    fn each_status_has_its_fate() {
        let finished = |status| Ending::Finished { status };
        let lost = || Ending::Lost { why: "gone".into() };
        // (ending, first and too soon, first and late enough, later or without a gate)
        let table = [
            (finished(0), "stop stop stop"),
            (finished(1), "stop stop again"),
            (finished(2), "stop stop again"),
            (finished(3), "stop stop stop"),
            (finished(254), "stop stop stop"),
            (finished(255), "stop again again"),
            (lost(), "stop usual usual"),
            (Ending::Killed { signal: "9".into() }, "usual usual usual"),
            (Ending::Interrupted { signal: 2 }, "usual usual usual"),
            (Ending::TakenOver, "usual usual usual"),
            (Ending::Escaped, "stop again again"),
            (Ending::Denied { why: "no".into() }, "stop again again"),
        ];
        for (ending, expected) in table {
            let gates = [Gate::Shut, Gate::Passed, Gate::None];
            let fates = gates.map(|gate| match fate(&ending, gate, false) {
                Fate::Stop => "stop",
                Fate::Usual => "usual",
                Fate::Again(_) => "again",
                Fate::Person(_) => "person",
            });
            assert_eq!(fates.join(" "), expected, "{ending:?}");
        }
    }

    #[test]
    fn a_person_is_asked_where_there_is_one() {
        let denied = Ending::Denied { why: "no".into() };
        assert_eq!(fate(&denied, Gate::None, true), Fate::Person("no".into()));
    }

    #[test]
    fn the_waits_grow_as_those_of_autossh_and_not_beyond_the_poll_interval() {
        let at = |number| growing(number, Duration::from_secs(600)).as_secs();
        // Measured with autossh 1.4g: 2, 8.
        assert_eq!([1, 2, 3, 4, 30].map(at), [2, 8, 18, 32, 600]);
    }
}
