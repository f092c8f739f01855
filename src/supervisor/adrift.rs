//! Runs whose path is there and carries nothing.
//!
//! A tunnel of the kind that stays (an overlay network, a VPN that keeps its interface) is there while the network under it is gone, and for a
//! while after that is back. The kernel then has a path that carries nothing. A connection through it lives on, if it is let. So is a link, for the
//! moment after it is back.

use std::time::Duration;

use netroam_platform::clock::Time;

use super::{
    Action, Again, Dialler, Look, Phase, Reason, State, Status, Supervisor, found, run::Run,
};

/// How long a run with a context is kept while there is no network under its tunnel: a change of Wi-Fi or of cable, addresses included. Then it
/// is asked, and says with its silence that the session is lost.
pub(super) const HOLD: Duration = Duration::from_secs(20);

/// How long a session with a context may look frozen because its path does not carry: the first packets over a link that is back are often lost,
/// and sent again after a second (ARP, TCP); an overlay network finds its way again in a second or two; a VPN that has to be logged into does not.
const UNHEARD: Duration = Duration::from_secs(5);

impl Run {
    /// Whether there was a network under its tunnel and is none now.
    pub(super) fn lost_ground(&self, look: &Look) -> bool {
        let through_tunnel = self.path.as_ref().is_some_and(|path| path.tunnel);
        through_tunnel && self.grounded && !look.snapshot.grounded()
    }
}

impl Supervisor {
    /// There is no network under the tunnel: the run is kept for the case that one comes.
    pub(super) fn adrift(&mut self, now: Time) {
        let keeps = self.settings.again == Again::Attach;
        let Phase::Running(run) = &mut self.phase else {
            return;
        };
        if run.authenticated.is_none() || matches!(run.state, State::Adrift { .. }) {
            return;
        }
        run.state = State::Adrift {
            until: keeps.then(|| now + HOLD),
        };
        let id = run.id;
        let reason = run.adrift_reason();
        self.cadence.stop();
        self.discard_attempts();
        self.show(Status::Holding(reason));
        self.act(Action::Hold(id));
    }

    /// The network under the tunnel stayed away: the run is asked as it is.
    pub(super) fn ground_if_due(&mut self, now: Time) {
        if let Phase::Running(run) = &mut self.phase
            && let State::Adrift { until: Some(until) } = run.state
            && until <= now
        {
            run.grounded = false;
            run.state = State::doubtful(run.adrift_reason());
            self.ask(now);
        }
    }

    /// Whether silence may be the path's, which is as it was but does not carry anything yet: a tunnel's that waits for the other end, a link's whose
    /// first packets are lost. Then the run is asked again when a connection over it succeeds; before, nothing could take its place.
    pub(super) fn may_yet_carry(&mut self, now: Time) -> bool {
        let again = self.settings.again;
        let dialling = self.settings.dialler == Dialler::Ours && again != Again::Never;
        let unproven = self.ready.is_none();
        let (Phase::Running(run), Some(look)) = (&mut self.phase, &self.look) else {
            return false;
        };
        let through_tunnel = run.path.as_ref().is_some_and(|path| path.tunnel);
        let same_path = run.path.is_some()
            && run
                .connection
                .as_ref()
                .is_some_and(|connection| found(look, connection, &run.wanted) == run.path);
        let State::Doubtful { reason, .. } = &run.state else {
            return false;
        };
        if !same_path || !unproven || matches!(reason, Reason::Adrift(_)) {
            return false;
        }
        let replaceable = dialling && run.authenticated.is_some();
        // Where nothing keeps the work it was given longer already.
        let costs_little = replaceable && again == Again::Attach;
        if !(through_tunnel || costs_little) {
            return false;
        }
        run.state = if replaceable {
            State::Unheard {
                reason: reason.clone(),
                until: (again == Again::Attach).then(|| now + UNHEARD),
            }
        } else {
            // Nothing else would take its place: the kernel's own timers watch it.
            State::Well
        };
        true
    }

    /// The path did not carry anything in time.
    pub(super) fn give_up_unheard_if_due(&mut self, now: Time) {
        if let Phase::Running(run) = &self.phase
            && let State::Unheard {
                reason,
                until: Some(until),
            } = &run.state
            && *until <= now
        {
            let reason = Reason::Silent(Box::new(reason.clone()));
            self.lose(now, reason, true);
        }
    }

    /// The path carries again: what was asked in vain is asked once more.
    pub(super) fn ask_unheard(&mut self) {
        if let Phase::Running(run) = &mut self.phase
            && let State::Unheard { reason, .. } = &run.state
        {
            run.state = State::doubtful(reason.clone());
            self.probe();
        }
    }
}

impl Run {
    fn adrift_reason(&self) -> Reason {
        Reason::Adrift(
            self.path
                .as_ref()
                .map_or_else(String::new, |path| path.interface.clone()),
        )
    }
}
