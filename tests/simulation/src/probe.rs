//! What a connection is asked, and where those of ssh's own making lead.

use std::{net::IpAddr, time::Duration};

use netroam::supervisor::{Answer, Connection, Dialler, Input, RunId};
use netroam_platform::Lookup;

use crate::{
    passage::{Passage, Tcp},
    simulation::{Event, Simulation},
};

impl Simulation {
    pub(crate) fn probe(&mut self, number: usize, run: RunId, patience: Option<Duration>) {
        let now = self.agenda.now();
        let session = &mut self.sessions[number];
        session.probe = None;
        let askable = session.kind.settings.dialler == Dialler::Ours && session.dice.percent(97);
        let tcp = session
            .children
            .get(&run)
            .and_then(|child| child.tcp.clone());
        let Some(tcp) = tcp.filter(|_| askable) else {
            if let Some(child) = session.children.get_mut(&run) {
                child.held = false;
                child.silent_since = None;
            }
            self.watch(number);
            return self.tell(
                number,
                Input::Probed {
                    run,
                    answer: Answer::Unaskable,
                },
            );
        };
        session.probes += 1;
        session.probe = Some((session.probes, run));
        let (question, trip) = (session.probes, Duration::from_millis(60));
        let patience = patience.unwrap_or(trip * 2 + Duration::from_millis(300));
        let first = match self.world.passage(&tcp, now) {
            Passage::Through(trip) | Passage::Reset(trip) => trip.min(patience),
            Passage::Lost => patience,
        };
        self.agenda
            .after(first, Event::Probe(number, question, run));
    }

    pub(crate) fn probed(&mut self, number: usize, question: u64, run: RunId) {
        let now = self.agenda.now();
        let session = &mut self.sessions[number];
        if session
            .probe
            .take_if(|(asked, _)| *asked == question)
            .is_none()
        {
            return;
        }
        let mut answer = Answer::Silent;
        if let Some(child) = session.children.get_mut(&run) {
            child.held = false;
            child.silent_since = None;
            let through = |tcp: &Tcp| matches!(self.world.passage(tcp, now), Passage::Through(_));
            if !child.gone && child.tcp.as_ref().is_some_and(through) {
                answer = Answer::Alive;
            }
        }
        self.watch(number);
        self.tell(number, Input::Probed { run, answer });
    }

    /// What the connections of ssh's own making stand on, as far as that is not known.
    pub(crate) fn find_first_hops(&mut self, number: usize) {
        if self.sessions[number].kind.settings.dialler == Dialler::Ours {
            return;
        }
        let unplaced = self.sessions[number]
            .children
            .iter()
            .filter(|(_, child)| !child.placed);
        for run in unplaced.map(|(run, _)| *run).collect::<Vec<_>>() {
            self.find_first_hop(number, Some(run));
        }
    }

    pub(crate) fn find_first_hop(&mut self, number: usize, run: Option<RunId>) {
        let session = &mut self.sessions[number];
        let (_, addresses) = self.world.resolve(session.kind.server);
        if !addresses.is_empty() {
            let takes = session.dice.millis(1, 60);
            self.agenda
                .after(takes, Event::FirstHop(number, run, addresses));
        }
    }

    pub(crate) fn first_hop(&mut self, number: usize, run: Option<RunId>, addresses: &[IpAddr]) {
        let now = self.agenda.now();
        let session = &mut self.sessions[number];
        session.learn(addresses);
        let look = session.look(&self.world, now);
        let expected = addresses
            .iter()
            .find_map(|peer| match look.paths.get(peer) {
                Some(Lookup::Found(path)) => Some(Connection {
                    local: path.source,
                    peer: *peer,
                }),
                Some(Lookup::None(_) | Lookup::Unknown(_)) | None => None,
            });
        self.tell(number, Input::Looked(look));
        let Some(run) = run else { return };
        if let Some(child) = self.sessions[number].children.get_mut(&run) {
            child.placed = expected.is_some();
            self.tell(
                number,
                Input::Assumed {
                    run,
                    connection: expected,
                },
            );
        }
    }
}
