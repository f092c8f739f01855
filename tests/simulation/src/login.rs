//! The login of an ssh process, and how it gets into its session.

use std::time::Duration;

use netroam::{
    connect::Failure,
    ssh::Ending,
    supervisor::{Again, Purpose, RunId},
};

use crate::{
    banner::first_words,
    child::{Stage, Step, Word},
    passage::{Far, Passage, Syn},
    server::Login,
    simulation::Simulation,
};

/// How long a server waits for a login (`LoginGraceTime` of `sshd_config(5)`).
const LOGIN_GRACE: Duration = Duration::from_secs(120);

/// How long ssh's own connect(2) lasts (Linux: `tcp_syn_retries` of 6).
const CONNECT: Duration = Duration::from_secs(127);

impl Simulation {
    fn again_after(&mut self, number: usize, run: RunId) {
        let Some(child) = self.sessions[number].children.get_mut(&run) else {
            return;
        };
        child.tries += 1;
        let wait = Duration::from_millis((200_u64 << child.tries.min(5)).min(5000));
        self.child_after(wait, number, run, Step::Goes);
    }

    fn ends(&mut self, number: usize, run: RunId, ending: Ending) {
        self.child(number, run, Step::Ends(ending));
    }

    /// The login goes on, if packets pass and the server does its part.
    pub(crate) fn goes(&mut self, number: usize, run: RunId) {
        let now = self.agenda.now();
        let world = &self.world;
        let session = &mut self.sessions[number];
        let Some(child) = session.children.get_mut(&run) else {
            return;
        };
        if child.stage == Stage::Dialling {
            return self.ssh_dials(number, run);
        }
        let Some(tcp) = child.tcp.clone() else { return };
        let trip = match world.passage(&tcp, now) {
            Passage::Through(trip) => trip,
            Passage::Lost => return self.again_after(number, run),
            Passage::Reset(_) => return self.breaks(number, run, "Connection reset by peer"),
        };
        let server = match tcp.far {
            Far::Server(far) => Some(&world.servers[far]),
            Far::Stranger | Far::Portal(_) => None,
        };
        if server.is_some_and(|server| server.frozen) {
            return self.again_after(number, run);
        }
        child.tries = 0;
        match child.stage {
            Stage::Dialling => {}
            Stage::Banner => match first_words(&world.servers, &tcp, now) {
                None => self.again_after(number, run),
                Some(Ok(())) => {
                    child.stage = Stage::KeyExchange;
                    self.says(number, run, Word::Greeted);
                    self.child_after(trip * 2, number, run, Step::Goes);
                }
                Some(Err(Failure::Busy { said, .. })) => {
                    self.ends(number, run, Ending::TurnedAway { said });
                }
                Some(Err(failure)) => self.ends(
                    number,
                    run,
                    Ending::Unreachable {
                        why: failure.to_string(),
                    },
                ),
            },
            Stage::KeyExchange if world.swallows(&tcp) => self.again_after(number, run),
            Stage::KeyExchange => {
                let other_key = server.is_none_or(|server| server.other_key);
                child.stage = Stage::Authentication;
                self.says(number, run, Word::KeyExchanged);
                if other_key {
                    return self.ends(number, run, Ending::HostKeyChanged);
                }
                self.child_after(
                    trip * 2 + Duration::from_millis(30),
                    number,
                    run,
                    Step::Goes,
                );
            }
            Stage::Authentication => {
                let login = server.map_or(Login::Key, |server| server.login);
                self.authenticates(number, run, login, trip);
            }
            Stage::Asked => self.let_in(number, run, trip),
            Stage::Session => self.in_session(number, run),
        }
    }

    /// The server lets it in, or a person is needed: who answers after a while, wrongly, or not at all.
    fn authenticates(&mut self, number: usize, run: RunId, login: Login, trip: Duration) {
        let Some(child) = self.sessions[number].children.get_mut(&run) else {
            return;
        };
        let denied = || Ending::Denied {
            why: "Permission denied".into(),
        };
        match (login, child.questions) {
            (Login::Key, _) => self.let_in(number, run, trip),
            (Login::Refused, true) => self.ends(number, run, denied()),
            (Login::Password | Login::Refused, false) => {
                let what = "password".into();
                self.ends(number, run, Ending::NeedsPerson { what });
            }
            (Login::Password, true) => {
                child.stage = Stage::Asked;
                let (what, thinks) = (child.dice.number(0, 9), child.dice.millis(3000, 25_000));
                let (wait, step) = match what {
                    0..=5 => (thinks, Step::Goes),
                    6 | 7 => (thinks, Step::Ends(denied())),
                    _ => {
                        let why = "Connection closed by remote host".into();
                        let ending = Ending::Unreachable { why };
                        (LOGIN_GRACE, Step::Ends(ending))
                    }
                };
                self.child_after(wait, number, run, step);
            }
        }
    }

    fn ssh_dials(&mut self, number: usize, run: RunId) {
        let now = self.agenda.now();
        let session = &mut self.sessions[number];
        let (_, addresses) = self.world.resolve(session.kind.server);
        let Some(child) = session.children.get_mut(&run) else {
            return;
        };
        let unreachable = |why: &str| Ending::Unreachable {
            why: why.to_owned(),
        };
        let Some(peer) = addresses
            .iter()
            .find(|address| self.world.route(**address).is_ok())
        else {
            let ending = if addresses.is_empty() {
                Ending::UnknownHost {
                    why: "Could not resolve hostname".into(),
                }
            } else {
                unreachable("Network is unreachable")
            };
            return self.ends(number, run, ending);
        };
        match self.world.syn(None, *peer, false, now) {
            Syn::Unreachable => self.ends(number, run, unreachable("Network is unreachable")),
            Syn::Silence if now.since(child.began) > CONNECT => {
                self.ends(number, run, unreachable("Connection timed out"));
            }
            Syn::Silence => self.again_after(number, run),
            Syn::Refused(_) => self.ends(number, run, unreachable("Connection refused")),
            Syn::Accepted(trip, tcp) => {
                child.tcp = Some(tcp);
                child.stage = Stage::Banner;
                self.child_after(trip, number, run, Step::Goes);
                self.watch(number);
            }
        }
    }

    fn let_in(&mut self, number: usize, run: RunId, trip: Duration) {
        let session = &mut self.sessions[number];
        let Some(child) = session.children.get_mut(&run) else {
            return;
        };
        child.stage = Stage::Session;
        session.context.elsewhere &= child.purpose != Purpose::Open;
        let works = child.dice.millis(1000, 300_000);
        self.says(number, run, Word::Authenticated);
        self.child_after(trip + Duration::from_millis(50), number, run, Step::Goes);
        let command = matches!(
            self.sessions[number].kind.settings.again,
            Again::Never | Again::Rerun
        );
        if command {
            self.child_after(
                works,
                number,
                run,
                Step::Ends(Ending::Finished { status: 0 }),
            );
        }
    }

    /// It is let in, and attaches to its context.
    fn in_session(&mut self, number: usize, run: RunId) {
        let session = &mut self.sessions[number];
        let Some(child) = session.children.get_mut(&run) else {
            return;
        };
        let server = &self.world.servers[session.kind.server];
        if server.drops {
            return self.breaks(number, run, "Connection closed by remote host");
        }
        if session.kind.settings.again != Again::Attach {
            return;
        }
        let there = &mut session.context.there;
        *there |= child.purpose != Purpose::Reattach;
        if !*there {
            self.ends(number, run, Ending::ContextGone);
        } else if session.context.elsewhere {
            self.ends(number, run, Ending::TakenOver);
        }
    }
}
