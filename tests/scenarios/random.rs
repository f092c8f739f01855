//! Any order of facts keeps the promises.

use std::{collections::BTreeSet, time::Duration};

use netroam::{
    connect::Failure,
    ssh::Ending,
    supervisor::{
        Action, Again, Answer, AttemptId, Connection, Dialler, Input, RunId, Status, Via, Wanted,
        Wish,
    },
};
use netroam_platform::{Lookup, NoPath};
use proptest::prelude::*;

use super::world::{CAFE, HOME, SERVER, VPN, World, ip, look};

#[derive(Clone, Debug)]
enum Step {
    Look {
        home: bool,
        cafe: bool,
        vpn: bool,
        path: u8,
    },
    Connect(bool),
    Fail(u8),
    Reach,
    Authenticate,
    EndRun(u8),
    Probe(bool),
    Wake,
    Names,
    KeyExchange,
    Press,
    Pass(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (any::<bool>(), any::<bool>(), any::<bool>(), 0..5_u8).prop_map(|(home, cafe, vpn, path)| Step::Look { home, cafe, vpn, path }),
        4 => any::<bool>().prop_map(Step::Connect),
        2 => (0..4_u8).prop_map(Step::Fail),
        1 => Just(Step::Reach),
        4 => Just(Step::Authenticate),
        3 => (0..4_u8).prop_map(Step::EndRun),
        3 => any::<bool>().prop_map(Step::Probe),
        1 => Just(Step::Wake),
        1 => Just(Step::Names),
        1 => Just(Step::KeyExchange),
        1 => Just(Step::Press),
        4 => (0..20_000_u16).prop_map(Step::Pass),
    ]
}

/// What an honest driver knows, and the promises it can check.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a promise of its own"
)]
struct Books {
    /// Attempts in flight, and those that hold a connection.
    attempts: BTreeSet<AttemptId>,
    /// Those that go through a tunnel only.
    gated: BTreeSet<AttemptId>,
    /// The user wants a tunnel, always.
    tunnel_only: bool,
    /// The latest look found a path, but no tunnel.
    astray: bool,
    pressed: bool,
    sockets: BTreeSet<AttemptId>,
    live: Option<RunId>,
    silenced: BTreeSet<RunId>,
    ending: BTreeSet<RunId>,
    path: bool,
    dials: u32,
    person: bool,
    /// The latest look found a network where the name may have other addresses.
    online: bool,
    over: bool,
    /// Only a person can go on.
    parked: bool,
    /// The latest look found a path that is wanted.
    free: bool,
}

impl Books {
    fn enter(&mut self, action: &Action) {
        assert!(!self.over, "{action:?} after the end");
        match *action {
            Action::Dial {
                attempt, ref over, ..
            } => {
                let gated = *over != Wanted::Anything;
                if gated {
                    self.gated.insert(attempt);
                }
                assert!(
                    !self.tunnel_only || gated || self.pressed,
                    "dialled past the tunnel"
                );
                assert!(
                    !gated || !self.astray,
                    "dialled through a tunnel that leads elsewhere"
                );
                assert!(
                    self.path || self.dials == 0 || self.person || self.online,
                    "dialled without a path"
                );
                assert!(self.attempts.insert(attempt));
                self.dials += 1;
            }
            Action::Discard(attempt) => {
                assert!(
                    self.attempts.remove(&attempt) || self.sockets.remove(&attempt),
                    "discarded what is not there"
                );
            }
            Action::Start { run, over, .. } => {
                assert_eq!(self.live, None, "two runs own the terminal");
                assert!(
                    self.ending.is_empty(),
                    "a run starts while another one still ends"
                );
                if let Some(attempt) = over {
                    assert!(
                        self.sockets.remove(&attempt),
                        "started over a socket that is not there"
                    );
                }
                self.live = Some(run);
            }
            Action::End { run, .. } => {
                assert_eq!(self.live.take(), Some(run));
                self.ending.insert(run);
            }
            Action::Silence { run, .. } => {
                assert_eq!(self.live.take(), Some(run));
                self.silenced.insert(run);
            }
            Action::Kill(run) => assert!(self.silenced.remove(&run)),
            Action::Probe { run, .. } | Action::Hold(run) => assert_eq!(self.live, Some(run)),
            Action::Finish(_) => self.over = true,
            Action::Show(ref status) => self.parked = matches!(status, Status::Parked(_)),
            Action::FindFirstHop | Action::Learn { .. } | Action::Say(_) => {}
        }
    }
}

fn input(step: &Step, books: &Books) -> Option<Input> {
    let peer = || format!("{SERVER}:22").parse().unwrap();
    let live_or_ending = books.ending.first().copied().or(books.live);
    Some(match step {
        Step::Look {
            home,
            cafe,
            vpn,
            path,
        } => {
            let nets = [(*home, HOME), (*cafe, CAFE), (*vpn, VPN)]
                .into_iter()
                .filter_map(|(there, net)| there.then_some(net));
            let answer = match path {
                0 => Lookup::Found(HOME.path()),
                1 => Lookup::Found(CAFE.path()),
                2 => Lookup::Found(VPN.path()),
                3 => Lookup::None(NoPath::NoRoute),
                _ => Lookup::Unknown("EIO".into()),
            };
            Input::Looked(look(&nets.collect::<Vec<_>>(), answer))
        }
        Step::Connect(home) => {
            let attempt = *books.attempts.first()?;
            let net = match (books.gated.contains(&attempt), home) {
                (true, _) => VPN,
                (false, true) => HOME,
                (false, false) => CAFE,
            };
            let connection = Connection {
                local: ip(net.address),
                peer: ip(SERVER),
            };
            Input::Connected {
                attempt,
                connection,
            }
        }
        Step::Fail(kind) => {
            let failure = match kind {
                0 => Failure::TimedOut,
                1 => Failure::Refused(peer()),
                2 => Failure::Busy {
                    peer: peer(),
                    said: "Not allowed at this time".into(),
                },
                _ => Failure::Resolve("Temporary failure in name resolution".into()),
            };
            Input::NotConnected {
                attempt: *books.attempts.first()?,
                failure,
            }
        }
        Step::Reach => Input::Reached(*books.attempts.first()?),
        Step::Authenticate => Input::Authenticated(books.live?),
        Step::EndRun(kind) => {
            let ending = match kind {
                0 => Ending::Lost {
                    why: "closed".into(),
                },
                1 => Ending::Unreachable {
                    why: "closed in kex".into(),
                },
                2 => Ending::NeedsPerson {
                    what: "password".into(),
                },
                _ => Ending::EndedByUs,
            };
            Input::Ended {
                run: live_or_ending?,
                ending,
                unacknowledged: false,
            }
        }
        Step::Probe(alive) => Input::Probed {
            run: books.live?,
            answer: if *alive {
                Answer::Alive
            } else {
                Answer::Silent
            },
        },
        Step::Wake => Input::Woke,
        Step::Names => Input::NamesChanged,
        Step::KeyExchange => Input::KeyExchanged(books.live?),
        Step::Press => Input::Person(Wish::Now),
        Step::Pass(_) => return None,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_facts_keeps_the_promises(
        steps in prop::collection::vec(step(), 1..80),
        again in prop_oneof![3 => Just(Again::Attach), 1 => Just(Again::Anew), 1 => Just(Again::Never)],
        via in prop_oneof![3 => Just(Via::Auto), 1 => Just(Via::Any), 2 => Just(Via::Tunnel)],
    ) {
        let tunnel_only = via == Via::Tunnel;
        let known = via != Via::Auto;
        let mut world = World::via(again, Dialler::Ours, true, via, None);
        let mut books = Books { path: true, tunnel_only, ..Books::default() };
        for step in &steps {
            if books.over {
                break;
            }
            if let Step::Pass(millis) = step {
                for (_, action) in world.pass(Duration::from_millis(u64::from(*millis))) {
                    books.enter(&action);
                }
                continue;
            }
            let Some(input) = input(step, &books) else { continue };
            match &input {
                Input::Looked(look) => {
                    books.path = !look.paths.values().all(|answer| matches!(answer, Lookup::None(_)));
                    books.online = look.snapshot.online();
                    books.free = look.paths.values().any(|answer| matches!(answer, Lookup::Found(path) if path.tunnel || !tunnel_only));
                    books.astray = look.paths.values().all(|answer| matches!(answer, Lookup::Found(path) if !path.tunnel));
                }
                Input::Connected { attempt, .. } => {
                    books.attempts.remove(attempt);
                    books.sockets.insert(*attempt);
                }
                Input::NotConnected { attempt, .. } => {
                    books.attempts.remove(attempt);
                }
                Input::Ended { run, .. } => {
                    books.ending.remove(run);
                    if books.live == Some(*run) {
                        books.live = None;
                    }
                }
                Input::Person(_) => {
                    books.person = true;
                    books.pressed = true;
                }
                Input::Woke
                | Input::NamesChanged
                | Input::Greeted(_)
                | Input::KeyExchanged(_)
                | Input::Reached(_)
                | Input::Assumed { .. }
                | Input::Authenticated(_)
                | Input::Silenced { .. }
                | Input::Probed { .. }
                | Input::Restart(_)
                | Input::Mute { .. }
                | Input::Alone
                | Input::Quit(_) => {}
            }
            for action in world.tell(input) {
                books.enter(&action);
            }
            books.person = false;
        }
        let under_way = books.live.is_some() || !books.ending.is_empty() || !books.attempts.is_empty() || !books.sockets.is_empty();
        if known && books.free && !books.over && !books.parked && !under_way {
            prop_assert!(world.supervisor.poll_timeout().is_some(), "there is a path, and nothing is ever tried again");
        }
        if !books.over && !books.path && !books.online && books.live.is_none() && books.silenced.is_empty() && books.dials > 0 {
            // Whatever happened before: without a path there is nothing to wait for but the operating system.
            let later = world.pass(Duration::from_secs(60));
            prop_assert!(later.iter().all(|(_, action)| !matches!(action, Action::Dial { .. })), "{later:?}");
        }
    }
}
