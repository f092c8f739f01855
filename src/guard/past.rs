//! What is remembered of a connection that was found, and the verdict on it.

use std::time::Duration;

use netroam_platform::{
    Lookup, Path, Snapshot,
    clock::Time,
    others,
    tcp::{self, Answer, Health},
};

use crate::supervisor::{Connection, Look, Reason, Verdict, Wanted, judge};

/// How long data may be unacknowledged while there is doubt: the patience that a probe has where nothing keeps the work.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long without any doubt: `--stall`'s default.
const STALL: Duration = Duration::from_secs(15);

/// Linux's shortest time to the first retransmission (`TCP_RTO_MIN` of `net/tcp.h`); each further one waits twice as long as the one before
/// (RFC 6298 section 5.5).
const SHORTEST_WAIT: Duration = Duration::from_millis(200);

/// What earlier looks said of a connection.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// The path on which it was last known to be well.
    path: Option<Path>,
    /// There was no path at the last look.
    cut: bool,
    doubt: Option<Doubt>,
    waiting: Option<Waiting>,
}

/// Data was seen to be unacknowledged.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    since: Time,
    /// Bytes acknowledged in all; any more, and it is other data.
    acknowledged: u64,
}

/// It may or may not have survived something.
#[derive(Clone, Debug)]
struct Doubt {
    reason: Reason,
    since: Time,
    /// Its health then: an acknowledgement that came since is an answer.
    health: Health,
}

impl Past {
    /// Something happened that it may not have survived. Where the system does not tell its health, nothing could ever remove the doubt, so that none
    /// is kept.
    pub fn suspect(&mut self, now: Time, reason: Reason, health: Option<Health>) {
        self.doubt = health.map(|health| Doubt {
            reason,
            since: now,
            health,
        });
    }

    /// Since when it is in doubt, if it is, and whether something has been sent that would remove the doubt.
    pub fn doubtful_since(&self) -> Option<(Time, bool)> {
        let doubt = self.doubt.as_ref()?;
        Some((doubt.since, self.waiting.is_some()))
    }

    /// What a look says of it.
    ///
    /// An idle connection says nothing, so doubt stays until it is used: then it either is acknowledged, or its data is retransmitted in vain.
    pub fn judge(&mut self, now: Time, connection: &others::Connection, look: &Look) -> Verdict {
        let stands = Connection {
            local: connection.local.ip(),
            peer: connection.peer.ip(),
        };
        let path = match look.paths.get(&stands.peer) {
            Some(Lookup::Found(path)) => Some(path),
            Some(Lookup::None(_) | Lookup::Unknown(_)) | None => None,
        };
        let before = self.path.clone().or_else(|| {
            // It was begun before the first look: what it stands on is where its address is.
            let path = path.filter(|path| path.source != stands.local)?;
            standing(&look.snapshot, &stands, path)
        });
        match judge(&stands, before.as_ref(), &Wanted::Anything, look) {
            verdict @ (Verdict::Unknown | Verdict::Dead(_)) => return verdict,
            verdict @ (Verdict::Cut(_) | Verdict::Severed(_)) => {
                self.cut = true;
                return verdict;
            }
            Verdict::Doubtful(reason) => {
                self.cut = false;
                if self
                    .doubt
                    .as_ref()
                    .is_none_or(|doubt| doubt.reason != reason)
                {
                    self.suspect(now, reason, connection.health);
                }
            }
            Verdict::Alive if std::mem::take(&mut self.cut) => {
                self.suspect(now, Reason::PathBack, connection.health);
            }
            Verdict::Alive => {}
        }
        // One that is only being made is judged by its address alone.
        let health = connection.health.filter(|_| connection.established);
        let unanswered = health.map_or(Duration::ZERO, |health| self.unanswered(now, &health));
        if let Some(doubt) = &mut self.doubt {
            let answer = health.map(|health| (health, tcp::answered(&doubt.health, &health)));
            let heard = match answer {
                Some((_, Answer::Alive)) => true,
                Some((health, Answer::Heard)) => {
                    let moved = matches!(doubt.reason, Reason::PathMoved { .. });
                    // What was on its way when the path moved has arrived, by whatever path: the next acknowledgement tells.
                    if moved && health.unacknowledged == 0 {
                        doubt.health = health;
                    }
                    // Where the path is the same, any acknowledgement does.
                    !moved && health.acknowledged > doubt.health.acknowledged
                }
                Some((_, Answer::Silent | Answer::Unsure | Answer::Untold | Answer::Ended))
                | None => false,
            };
            if unanswered >= PATIENCE {
                return Verdict::Dead(Reason::Silent(Box::new(doubt.reason.clone())));
            }
            if !heard {
                return Verdict::Doubtful(doubt.reason.clone());
            }
            self.doubt = None;
        } else if unanswered >= STALL {
            let words = "its data was sent again and again and is not acknowledged";
            return Verdict::Dead(Reason::Connection(words.into()));
        }
        self.path = path.cloned();
        Verdict::Alive
    }

    /// For how long, at the least, what was sent has been without an answer: by what earlier looks saw, or by the retransmissions so far.
    fn unanswered(&mut self, now: Time, health: &Health) -> Duration {
        if health.unacknowledged == 0 {
            self.waiting = None;
            return Duration::ZERO;
        }
        let begins = Waiting {
            since: now,
            acknowledged: health.acknowledged,
        };
        let waiting = self
            .waiting
            .filter(|waiting| waiting.acknowledged == health.acknowledged)
            .unwrap_or(begins);
        self.waiting = Some(waiting);
        if health.backoff == 0 {
            // It is only on its way.
            return Duration::ZERO;
        }
        let doublings = u32::from(health.backoff).min(16);
        let waited = SHORTEST_WAIT * (2_u32.pow(doublings) - 1);
        waited
            .max(now.since(waiting.since))
            .min(health.since_last_ack)
    }
}

/// The path of a connection whose address is on another interface than the kernel would take now.
fn standing(snapshot: &Snapshot, stands: &Connection, path: &Path) -> Option<Path> {
    let owner = snapshot
        .interfaces
        .iter()
        .find(|(_, interface)| interface.addresses.contains(&stands.local));
    owner.map(|(index, interface)| Path {
        index: *index,
        interface: interface.name.clone(),
        source: stands.local,
        gateway: path.gateway,
        tunnel: interface.tunnel,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use netroam_platform::{Interface, NoPath};

    use super::*;

    const IDLE: Health = Health {
        established: true,
        rtt: Some(Duration::from_millis(20)),
        unacknowledged: 0,
        unsent: 0,
        undelivered: 0,
        backoff: 0,
        retransmits: 0,
        probes: 0,
        since_last_ack: Duration::from_secs(600),
        since_last_sent: Duration::from_secs(600),
        acknowledgements: 5,
        acknowledged: 1000,
        bytes_received: 1000,
        sent: 20,
        received: 20,
        question: tcp::Question::Counted,
    };

    fn connection(health: Health) -> others::Connection {
        others::Connection {
            local: "192.168.1.10:50000".parse().unwrap(),
            peer: "203.0.113.10:22".parse().unwrap(),
            established: true,
            accepted: false,
            health: Some(health),
        }
    }

    fn path(interface: &str, source: &str) -> Lookup {
        Lookup::Found(Path {
            index: if interface == "home0" { 1 } else { 2 },
            interface: interface.into(),
            source: source.parse().unwrap(),
            gateway: Some("192.168.1.1".parse().unwrap()),
            tunnel: false,
        })
    }

    fn look(ours: &[(&str, &str)], answer: Lookup) -> Look {
        let interface = |(name, address): &(&str, &str)| Interface {
            name: (*name).into(),
            up: true,
            carrier: Some(true),
            loopback: false,
            tunnel: false,
            inward: false,
            addresses: [address.parse().unwrap()].into(),
        };
        Look {
            snapshot: Snapshot {
                interfaces: (1..).zip(ours.iter().map(interface)).collect(),
            },
            paths: BTreeMap::from([("203.0.113.10".parse().unwrap(), answer)]),
        }
    }

    const HOME: (&str, &str) = ("home0", "192.168.1.10");
    const CAFE: (&str, &str) = ("cafe0", "10.20.0.10");

    fn stuck(backoff: u8) -> Health {
        Health {
            unacknowledged: 1,
            backoff,
            ..IDLE
        }
    }

    fn now() -> Time {
        Time::from_origin(Duration::from_secs(1000))
    }

    #[test]
    fn an_address_that_is_gone_is_dead_only_where_another_reaches_the_host() {
        let dead = look(&[CAFE], path("cafe0", CAFE.1));
        let verdict = Past::default().judge(now(), &connection(IDLE), &dead);
        assert!(matches!(verdict, Verdict::Dead(Reason::AddressLost { .. })));
        let nowhere = look(&[], Lookup::None(NoPath::NoRoute));
        let verdict = Past::default().judge(now(), &connection(IDLE), &nowhere);
        assert!(matches!(verdict, Verdict::Severed(_)));
    }

    #[test]
    fn a_path_that_moved_is_dead_when_data_is_unanswered_and_forgiven_when_it_is_acknowledged() {
        let home = look(&[HOME, CAFE], path("home0", HOME.1));
        let moved = look(&[HOME, CAFE], path("cafe0", CAFE.1));
        for begun_before in [true, false] {
            let mut past = Past::default();
            if begun_before {
                assert_eq!(past.judge(now(), &connection(IDLE), &home), Verdict::Alive);
            }
            let idle = past.judge(now(), &connection(IDLE), &moved);
            assert!(matches!(idle, Verdict::Doubtful(Reason::PathMoved { .. })));
            let early = past.judge(now(), &connection(stuck(3)), &moved);
            assert!(matches!(early, Verdict::Doubtful(_)));
            let mut other = past.clone();
            let late = other.judge(now(), &connection(stuck(4)), &moved);
            assert!(matches!(late, Verdict::Dead(Reason::Silent(_))));
            // The first timeout may be long, but not longer than the time that has passed.
            let mut slow = past.clone();
            let then = now() + PATIENCE;
            assert!(matches!(
                slow.judge(then, &connection(stuck(0)), &moved),
                Verdict::Doubtful(_)
            ));
            let verdict = slow.judge(then, &connection(stuck(1)), &moved);
            assert!(matches!(verdict, Verdict::Dead(_)));
            let heard = Health {
                acknowledged: 1100,
                ..IDLE
            };
            assert_eq!(
                past.judge(now(), &connection(heard), &moved),
                Verdict::Alive
            );
            assert_eq!(past.doubtful_since(), None);
            assert_eq!(
                past.judge(now(), &connection(heard), &moved),
                Verdict::Alive
            );
        }
    }

    #[test]
    fn a_path_that_is_back_is_doubtful_and_a_blip_alone_is_no_death() {
        let home = look(&[HOME], path("home0", HOME.1));
        let cut = look(&[HOME], Lookup::None(NoPath::NoCarrier("home0".into())));
        let mut past = Past::default();
        assert_eq!(past.judge(now(), &connection(IDLE), &home), Verdict::Alive);
        assert!(matches!(
            past.judge(now(), &connection(stuck(5)), &cut),
            Verdict::Cut(_)
        ));
        assert_eq!(
            past.judge(now(), &connection(IDLE), &home),
            Verdict::Doubtful(Reason::PathBack)
        );
    }

    #[test]
    fn what_was_on_its_way_removes_a_doubt_only_where_the_path_is_the_same() {
        let home = look(&[HOME, CAFE], path("home0", HOME.1));
        let moved = look(&[HOME, CAFE], path("cafe0", CAFE.1));
        let cut = look(
            &[HOME, CAFE],
            Lookup::None(NoPath::NoCarrier("home0".into())),
        );
        let writing = Health {
            unacknowledged: 1,
            undelivered: 36,
            ..IDLE
        };
        let arrived = Health {
            acknowledged: IDLE.acknowledged + 36,
            ..IDLE
        };
        let since = Health {
            acknowledged: arrived.acknowledged + 36,
            ..arrived
        };
        let mut past = Past::default();
        assert_eq!(past.judge(now(), &connection(IDLE), &home), Verdict::Alive);
        for health in [writing, arrived] {
            let verdict = past.judge(now(), &connection(health), &moved);
            assert!(matches!(verdict, Verdict::Doubtful(_)), "{verdict:?}");
        }
        assert_eq!(
            past.judge(now(), &connection(since), &moved),
            Verdict::Alive
        );

        let mut past = Past::default();
        assert_eq!(past.judge(now(), &connection(IDLE), &home), Verdict::Alive);
        let verdict = past.judge(now(), &connection(writing), &cut);
        assert!(matches!(verdict, Verdict::Cut(_)));
        let verdict = past.judge(now(), &connection(writing), &home);
        assert_eq!(verdict, Verdict::Doubtful(Reason::PathBack));
        assert_eq!(
            past.judge(now(), &connection(arrived), &home),
            Verdict::Alive
        );
    }

    #[test]
    fn without_any_doubt_only_a_long_silence_of_what_was_sent_is_death() {
        let home = look(&[HOME], path("home0", HOME.1));
        let verdict = |health| Past::default().judge(now(), &connection(health), &home);
        assert_eq!(verdict(stuck(6)), Verdict::Alive);
        assert!(matches!(verdict(stuck(7)), Verdict::Dead(_)));
        let answered = Health {
            since_last_ack: Duration::from_secs(1),
            ..stuck(7)
        };
        assert_eq!(verdict(answered), Verdict::Alive);
        // A closed window is probed with the same back-off, and nothing is unacknowledged then.
        let window = Health { backoff: 9, ..IDLE };
        assert_eq!(verdict(window), Verdict::Alive);
    }

    #[test]
    fn one_that_is_only_being_made_is_judged_by_its_address() {
        let home = look(&[HOME], path("home0", HOME.1));
        let begun = others::Connection {
            established: false,
            ..connection(stuck(9))
        };
        assert_eq!(Past::default().judge(now(), &begun, &home), Verdict::Alive);
        let away = look(&[CAFE], path("cafe0", CAFE.1));
        let verdict = Past::default().judge(now(), &begun, &away);
        assert!(matches!(verdict, Verdict::Dead(_)));
    }
}
