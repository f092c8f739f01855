//! What each fact changes in the books.

use std::{net::IpAddr, time::Duration};

use netroam::{
    connect::Failure,
    ssh::Ending,
    supervisor::{
        Again, Answer, AttemptId, Connection, Dialler, Input, Look, Need, RunId, Status, Wanted,
        Wish,
    },
};
use netroam_platform::{Lookup, Path, clock::Time};

use super::{BUSY_LAST, BUSY_LEAST, Books, Cause, Must, Socket, View, view};

impl Books {
    /// The next fact is of a run or an attempt that is over.
    pub(crate) fn late(&mut self, _: &Input) {
        self.must = Must::Ignore;
    }

    /// The supervisor is called because it wanted to be.
    pub(crate) fn timed_out(&mut self, _: Time) {
        self.cause = Cause::Time;
    }

    /// Enters a fact that the supervisor is told.
    pub(crate) fn told(&mut self, now: Time, input: &Input) {
        self.cause = Cause::Other;
        if self.must == Must::Ignore {
            if let Input::Connected {
                attempt,
                connection,
            } = input
            {
                self.got(now, *attempt, connection);
            }
            return;
        }
        match input {
            Input::Looked(look) => {
                self.looked_since = true;
                self.looked(now, look);
            }
            Input::Woke => self.woke(now),
            Input::NamesChanged => {
                self.cause = Cause::Names;
                self.owed = self.wanted == Wanted::Anything;
                self.refusals = None;
            }
            Input::Connected {
                attempt,
                connection,
            } => {
                self.got(now, *attempt, connection);
            }
            Input::NotConnected { attempt, failure } => self.failed(now, *attempt, failure),
            Input::Assumed { run, connection } => {
                let look = self.look.as_ref();
                if let Some(live) = self.live.as_mut().filter(|live| live.id == *run) {
                    live.connection.clone_from(connection);
                    live.well = look.and_then(|look| view::path(look, live));
                }
            }
            Input::Greeted(run) | Input::KeyExchanged(run) => {
                if let Some(live) = self.live.as_mut().filter(|live| live.id == *run) {
                    live.stage_since = now;
                }
            }
            Input::Authenticated(run) => self.authenticated(now, *run),
            Input::Ended { run, ending, .. } => self.ended(now, *run, ending),
            Input::Probed { run, answer } => self.probed(*run, *answer),
            Input::Person(wish) => self.person(*wish),
            Input::Restart(live) => {
                if live.is_some() && self.live.is_some() {
                    self.cause = Cause::Restart;
                } else if self.live.is_none() {
                    self.cause = Cause::Person;
                    self.forgive();
                    let beside = self.attempts.values().any(|over| *over == Wanted::Anything);
                    self.parked
                        .take_if(|need| matches!(need, Need::Question(_)));
                    self.anywhere = beside;
                }
            }
            Input::Mute { run, .. } => {
                if self.live.as_ref().is_some_and(|live| live.id == *run) {
                    self.cause = Cause::Restart;
                }
            }
            Input::Alone => self.settings.askable = false,
            Input::Reached(_) | Input::Silenced { .. } | Input::Quit(_) => {}
        }
    }

    fn got(&mut self, now: Time, attempt: AttemptId, connection: &Connection) {
        let over = self.attempts.remove(&attempt).unwrap_or_default();
        let socket = Socket {
            connection: connection.clone(),
            since: now,
            over,
        };
        self.sockets.insert(attempt, socket);
    }

    /// The machine slept: that time counts for nobody.
    pub(crate) fn slept(&mut self, now: Time) {
        self.slept = now;
        self.refusals = None;
        for socket in self.sockets.values_mut() {
            socket.since = now;
        }
    }

    /// What a server asked for is set aside by whoever insists.
    fn forgive(&mut self) {
        self.busy_until = Time::default();
        self.busy_most = Time::default();
        self.refusals = None;
    }

    fn woke(&mut self, now: Time) {
        self.refusals = None;
        self.slept(now);
        if let Some(live) = &mut self.live {
            live.stage_since = now;
            if let Some(since) = &mut live.cut_since {
                *since = now;
            } else if !live.adrift {
                live.unheard = false;
                live.doubt = true;
                live.asked = None;
            }
        }
    }

    fn person(&mut self, wish: Wish) {
        match wish {
            Wish::Quit => self.cause = Cause::Quit,
            Wish::Details => {}
            Wish::Now => {
                self.cause = Cause::Person;
                if self.live.is_some() {
                    return;
                }
                self.forgive();
                match self.parked.take() {
                    Some(Need::Question(_)) => {
                        self.insisted = true;
                        self.anywhere = self.asked_anywhere && self.waits();
                    }
                    Some(Need::TakenOver | Need::ContextGone) => {
                        self.entered = false;
                        self.opened = false;
                    }
                    None => {
                        let offered = matches!(self.status, Some(Status::Waiting { .. }));
                        let beside = self.attempts.values().any(|over| *over == Wanted::Anything);
                        self.anywhere = offered || beside || self.waits();
                        self.looked_since = false;
                    }
                }
            }
        }
    }

    fn failed(&mut self, now: Time, attempt: AttemptId, failure: &Failure) {
        self.attempts.remove(&attempt);
        match failure {
            Failure::Busy { .. } => self.turned_away(now),
            Failure::Resolve(_) | Failure::NoSuchName(_) => self.names_fail = true,
            Failure::Refused(_) if self.live.is_none() => {
                self.cause = Cause::Refused;
                self.refusals = self.refusals.map(|refusals| refusals + 1);
            }
            Failure::Astray(_)
            | Failure::Unreachable(_)
            | Failure::TimedOut
            | Failure::Local(_)
            | Failure::Refused(_)
            | Failure::Closed(_)
            | Failure::Silent(_)
            | Failure::Foreign { .. } => self.refusals = None,
        }
    }

    fn turned_away(&mut self, now: Time) {
        self.refusals = None;
        if self.busy_until > now {
            // The answer to another attempt of the same volley.
            return;
        }
        let wait = BUSY_LEAST.saturating_mul(1 << self.busy.min(10));
        self.busy += 1;
        self.busy_until = now + BUSY_LEAST;
        self.busy_most = now + wait.min(BUSY_LAST).mul_f64(1.2) + Duration::from_secs(1);
    }

    fn authenticated(&mut self, now: Time, run: RunId) {
        self.cause = Cause::Authenticated;
        if let Some(authenticated) = self.ending.get_mut(&run) {
            *authenticated = true;
            self.ran = true;
            self.entered = true;
        }
        if let Some(live) = self
            .live
            .as_mut()
            .filter(|live| live.id == run && live.authenticated.is_none())
        {
            live.authenticated = Some(now);
            live.held |= live.cut_since.is_some() && self.settings.again != Again::Attach;
            self.ran = true;
            self.entered = true;
            self.insisted = false;
            self.anywhere = false;
            self.busy = 0;
            self.busy_most = Time::default();
        }
    }

    fn ended(&mut self, now: Time, run: RunId, ending: &Ending) {
        let told = self.ending.remove(&run).is_some();
        let live = self.live.take_if(|live| live.id == run);
        if self.silenced == Some(run) {
            self.silenced = None;
            return;
        }
        let Some(live) = live else {
            let over = matches!(
                ending,
                Ending::Finished { .. } | Ending::RemoteKilled | Ending::TakenOver
            );
            if told && over && !self.ruled {
                self.cause = Cause::Final;
            }
            return;
        };
        self.lost(now, live.authenticated);
        self.asked_anywhere = live.wanted == Wanted::Anything;
        match ending {
            Ending::TurnedAway { .. } => self.turned_away(now),
            Ending::NeedsPerson { .. }
            | Ending::Denied { .. }
            | Ending::HostKeyChanged
            | Ending::HostKeyRefused
            | Ending::Unusable { .. }
            | Ending::TakenOver
            | Ending::ContextGone
            | Ending::Escaped
            | Ending::RemoteKilled
            | Ending::Finished { .. } => {
                if !self.ruled {
                    self.cause = Cause::Final;
                }
            }
            Ending::UnknownHost { .. } => self.names_fail = true,
            Ending::Interrupted { .. }
            | Ending::Killed { .. }
            | Ending::Lost { .. }
            | Ending::Unreachable { .. }
            | Ending::EndedByUs => {}
        }
    }

    /// A run that had authenticated then, or not, is lost.
    pub(super) fn lost(&mut self, now: Time, authenticated: Option<Time>) {
        self.opened |=
            authenticated.is_some_and(|since| now.since(since) >= Duration::from_secs(3));
        self.refusals = None;
    }

    fn probed(&mut self, run: RunId, answer: Answer) {
        let (look, dialling) = (
            self.look.as_ref(),
            self.settings.dialler == Dialler::Ours && self.settings.again != Again::Never,
        );
        let attach = self.settings.again == Again::Attach;
        let unproven = self.sockets.is_empty();
        let Some(live) = self
            .live
            .as_mut()
            .filter(|live| live.id == run && live.doubt)
        else {
            return;
        };
        let path = look.and_then(|look| view::path(look, live));
        let yes = match answer {
            Answer::Alive => true,
            Answer::Silent => false,
            Answer::Unaskable => !(live.moved && attach),
        };
        let through_tunnel = live.well.as_ref().is_some_and(|well| well.tunnel);
        let replaceable = dialling && live.authenticated.is_some();
        let may_yet_carry =
            live.well.is_some() && path == live.well && (through_tunnel || replaceable && attach);
        if yes {
            live.well = path;
            live.grounded = look.is_some_and(|look| look.snapshot.grounded());
            live.calm();
        } else if answer == Answer::Silent && may_yet_carry && unproven && !live.afloat {
            live.calm();
            live.unheard = replaceable;
            live.no = true;
        } else {
            live.no = true;
            self.must = Must::End(run);
        }
    }

    fn looked(&mut self, now: Time, look: &Look) {
        self.cause = Cause::Looked;
        let before = self.look.replace(look.clone());
        let reached = before
            .as_ref()
            .map(|before| view::reach(before, &self.wanted));
        let now_reached = view::reach(look, &self.wanted);
        let new = before.as_ref().is_none_or(|before| changes(before, look));
        if new {
            self.names_fail = false;
            self.owed = now_reached == view::Reach::Not
                && self.wanted == Wanted::Anything
                && look.snapshot.online();
        }
        let keeps = self.keeps_work_here();
        let otherwise = matches!(now_reached, view::Reach::Over(Some(_)));
        let replaceable = self.settings.again != Again::Never;
        let Some(live) = &mut self.live else {
            let idle = self.parked.is_none()
                && self.ending.is_empty()
                && self.busy_most <= now
                && !self.over;
            let turned =
                reached == Some(view::Reach::Not) && matches!(now_reached, view::Reach::Over(_));
            if turned && idle && !self.once() {
                self.must = Must::Dial;
            } else if self.owed && new && idle && !self.once() && self.sockets.is_empty() {
                self.must = Must::Try;
            }
            let begins = self.attempts.is_empty()
                && self.sockets.is_empty()
                && reached.is_some_and(|reached| reached != now_reached);
            if begins && matches!(now_reached, view::Reach::Over(Some(_))) {
                self.refusals = Some(0);
            }
            return;
        };
        let id = live.id;
        match view::of(look, live) {
            View::Unknown => {}
            View::Dead => self.must = Must::End(id),
            View::Severed if !keeps || otherwise => self.must = Must::End(id),
            View::Severed | View::Cut => {
                let held = keeps && !(otherwise && replaceable);
                if std::mem::replace(&mut live.held, held) && !held {
                    live.cut_since = Some(now);
                }
                live.cut_since.get_or_insert(now);
                live.adrift = false;
                live.afloat = false;
                live.doubt = false;
                live.unheard = false;
            }
            View::Adrift => {
                if live.authenticated.is_some() {
                    live.afloat = false;
                    live.adrift = true;
                    live.cut_since = None;
                    live.doubt = false;
                    live.unheard = false;
                }
            }
            View::Here(path) => {
                live.held = false;
                let back = live.cut_since.take().is_some() | std::mem::take(&mut live.adrift);
                let known = live.well.is_some();
                let moves = live.well.as_ref().is_some_and(|well| {
                    let local = live.connection.as_ref().map(|connection| connection.local);
                    !goes_on(local, well, &path)
                });
                let as_it_was = before
                    .as_ref()
                    .is_some_and(|before| view::of(before, live) == View::Here(path.clone()));
                if live.is_calm()
                    && !back
                    && !moves
                    && known
                    && as_it_was
                    && live.authenticated.is_some()
                    && !live.unheard
                {
                    self.must = Must::LeaveAlone;
                }
                live.grounded |= look.snapshot.grounded();
                if !known && !back {
                    live.well = Some(path);
                } else if (back || moves) && !live.doubt {
                    live.doubt = true;
                    live.unheard = false;
                    live.moved = moves;
                    live.afloat = false;
                    live.asked = None;
                }
            }
        }
    }
}

/// Whether a look differs from the one before in more than an address that was merely learnt.
fn changes(before: &Look, look: &Look) -> bool {
    let moved = |(address, lookup): (&IpAddr, &Lookup)| {
        look.paths.get(address).is_some_and(|now| now != lookup)
    };
    before.snapshot.reaching() != look.snapshot.reaching() || before.paths.iter().any(moved)
}

/// Whether a connection of the one path is as well off on the other: they are the same, or only a newer address of the same IPv6 network is
/// preferred, as happens every day (RFC 8981).
fn goes_on(local: Option<IpAddr>, well: &Path, path: &Path) -> bool {
    let network = |source: IpAddr| match source {
        IpAddr::V6(source) => Some(u128::from(source) >> 64),
        IpAddr::V4(_) => None,
    };
    let but_for_the_address = |path: &Path| (path.index, path.gateway, path.tunnel);
    well == path
        || (local.and_then(network).is_some()
            && local.and_then(network) == network(path.source)
            && but_for_the_address(well) == but_for_the_address(path))
}
