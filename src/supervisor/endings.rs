//! What the end of a run means for the session.

use netroam_platform::{NoPath, Path, clock::Time};

use super::{
    Action, Again, Dialler, Exit, GivenUp, Need, Notice, Phase, Reach, Reason, Run, RunId, SETTLED,
    Status, Supervisor,
};
use crate::{connect::Failure, ssh::Ending};

impl Supervisor {
    /// A run's ssh is gone.
    pub(super) fn ended(&mut self, now: Time, id: RunId, ending: Ending, unacknowledged: bool) {
        if self.silenced.is_some_and(|(silenced, _)| silenced == id) {
            self.silenced = None;
        } else if let Some(given_up) = self.ending.remove(&id) {
            match ending {
                // It was over before it was told.
                Ending::Finished { .. } | Ending::RemoteKilled | Ending::TakenOver => {
                    self.ended_by_itself(now, ending, unacknowledged);
                }
                Ending::Escaped
                | Ending::Interrupted { .. }
                | Ending::Killed { .. }
                | Ending::Lost { .. }
                | Ending::Unreachable { .. }
                | Ending::NeedsPerson { .. }
                | Ending::Denied { .. }
                | Ending::HostKeyChanged
                | Ending::HostKeyRefused
                | Ending::UnknownHost { .. }
                | Ending::TurnedAway { .. }
                | Ending::ContextGone
                | Ending::Unusable { .. }
                | Ending::EndedByUs => self.ended_as_told(now, given_up, unacknowledged),
            }
        } else if let Phase::Running(run) = &self.phase
            && run.id == id
        {
            self.ended_by_itself(now, ending, unacknowledged);
        }
    }

    fn ended_as_told(&mut self, now: Time, given_up: GivenUp, input_in_doubt: bool) {
        let GivenUp {
            reason,
            authenticated,
        } = given_up;
        if matches!(self.phase, Phase::Leaving) {
            return self.finish(Exit::CommandLost(reason));
        }
        if authenticated {
            self.act(Action::Say(Notice::Lost {
                reason,
                input_in_doubt,
                again: self.settings.again,
            }));
        }
        self.start_if_ready(now);
        if self.settings.dialler == Dialler::Ssh {
            self.dial_if_due(now);
        }
    }

    fn ended_by_itself(&mut self, now: Time, ending: Ending, unacknowledged: bool) {
        let Some(ending) = self.by_rules(now, ending) else {
            return;
        };
        match ending {
            Ending::Denied { why }
                if self.lost.is_some() && self.settings.attended || self.settings.unattended() =>
            {
                self.park(Need::Question(why));
            }
            Ending::HostKeyChanged if self.settings.unattended() => {
                self.park(Need::Question("the host key has changed".into()));
            }
            Ending::HostKeyRefused if self.settings.unattended() => {
                self.park(Need::Question("the host key was not accepted".into()));
            }
            Ending::Unusable { line } if self.settings.unattended() => {
                self.park(Need::Question(line));
            }
            Ending::HostKeyChanged => {
                let strange = self.strange_path().map(Exit::StrangeKey);
                self.finish(strange.unwrap_or(Exit::Ssh(ending)));
            }
            Ending::Finished { .. }
            | Ending::RemoteKilled
            | Ending::Escaped
            | Ending::Interrupted { .. }
            | Ending::Denied { .. }
            | Ending::HostKeyRefused
            | Ending::Unusable { .. } => self.finish(Exit::Ssh(ending)),
            Ending::Lost { why } => self.lost_by_ssh(now, why, unacknowledged),
            Ending::Killed { signal } => {
                self.lost_by_ssh(
                    now,
                    format!("ssh was ended by signal {signal}"),
                    unacknowledged,
                );
            }
            Ending::EndedByUs => self.lost_by_ssh(now, "ended by a signal".into(), unacknowledged),
            Ending::Unreachable { why } => {
                self.not_reached(now, Failure::Unreachable, why, unacknowledged);
            }
            Ending::TurnedAway { said } => {
                let why = format!("the server turns us away ({said})");
                self.cadence.busy(now, self.random.f64());
                self.busy = Some(Failure::Unreachable(why.clone()));
                self.not_reached(now, Failure::Unreachable, why, unacknowledged);
            }
            Ending::UnknownHost { why } => {
                self.not_reached(now, Failure::Resolve, why, unacknowledged);
            }
            Ending::NeedsPerson { what } if self.settings.attended => {
                self.park(Need::Question(what));
            }
            Ending::NeedsPerson { what } => self.finish(Exit::PersonNeeded(what)),
            Ending::TakenOver if self.settings.attended => self.park(Need::TakenOver),
            Ending::TakenOver => self.finish(Exit::TakenOver),
            Ending::ContextGone if self.settings.attended => self.park(Need::ContextGone),
            Ending::ContextGone => self.finish(Exit::ContextGone),
        }
    }

    /// The path of the live run, where the session was attached last in another network: over another interface or gateway.
    fn strange_path(&self) -> Option<Path> {
        let Phase::Running(run) = &self.phase else {
            return None;
        };
        let (path, last) = (run.path.as_ref()?, self.last.as_ref()?);
        let same = path.interface == last.interface && path.gateway == last.gateway;
        (!same).then(|| path.clone())
    }

    /// The connection broke without a word from the kernel before: the server went away, or its silence lasted too long.
    fn lost_by_ssh(&mut self, now: Time, why: String, input_in_doubt: bool) {
        let Phase::Running(run) = std::mem::replace(&mut self.phase, Phase::Seeking) else {
            return;
        };
        let reason = Reason::Connection(why);
        self.note_loss(now, &run, &reason);
        let Some(authenticated) = run.authenticated else {
            return self.wait_and_seek(now);
        };
        if self.settings.again == Again::Never {
            return self.finish(Exit::CommandLost(reason));
        }
        self.act(Action::Say(Notice::Lost {
            reason,
            input_in_doubt,
            again: self.settings.again,
        }));
        if now.since(authenticated) < SETTLED {
            self.wait_and_seek(now);
        } else {
            self.start_if_ready(now);
            if matches!(self.phase, Phase::Seeking) {
                self.seek(now);
            }
        }
    }

    /// ssh says that it never reached the server; where it had authenticated before, that is a loss all the same.
    fn not_reached(
        &mut self,
        now: Time,
        failure: fn(String) -> Failure,
        why: String,
        input_in_doubt: bool,
    ) {
        if matches!(
            self.phase,
            Phase::Running(Run {
                authenticated: Some(_),
                ..
            })
        ) {
            return self.lost_by_ssh(now, why, input_in_doubt);
        }
        self.phase = Phase::Seeking;
        let failure = failure(why.clone());
        if let Some(no_path) = self.back_off(now) {
            if self.resolver_may_follow(&failure) {
                self.cadence.refused(now, self.random.f64());
            }
            self.show_no_path(no_path, Some(failure));
        } else if matches!(failure, Failure::Unreachable(_)) {
            self.show(Status::RetryingSsh(why));
        } else {
            self.show(Status::Retrying(failure));
        }
    }

    fn wait_and_seek(&mut self, now: Time) {
        if let Some(why) = self.back_off(now) {
            self.show_no_path(why, None);
        }
    }

    /// Plans the next attempt for a while from now; where there is no path that is wanted, none, and says why there is not.
    pub(super) fn back_off(&mut self, now: Time) -> Option<NoPath> {
        self.discard_attempts();
        self.without = false;
        if let Reach::Not(why) = self.reach() {
            self.cadence.stop();
            Some(why)
        } else {
            self.cadence.refused(now, self.random.f64());
            None
        }
    }
}
