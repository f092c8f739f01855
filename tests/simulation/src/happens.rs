//! What each occurrence does to the world.

use std::time::Duration;

use netroam::{
    ssh::Ending,
    supervisor::{Again, Input, Wish},
};

use crate::{
    child,
    occurrence::{Key, Switch, Trouble, What},
    simulation::{Event, Simulation},
    world::{Card, Link, Names, Net, Portal},
};

impl Simulation {
    /// Lets something happen.
    pub(crate) fn happens(&mut self, what: &What) {
        self.note_world(|| what.to_string());
        let on = |switch: Switch| switch == Switch::On;
        match *what {
            What::Join { link, net, lease } => self.join(link, net, lease),
            What::Leave { link } => {
                let card = self.world.card(link);
                *card = Card {
                    up: card.up,
                    ..Card::default()
                };
            }
            What::Carrier { link, switch } => self.world.card(link).carrier = on(switch),
            What::Up { link, switch } => self.world.card(link).up = on(switch),
            What::Address { link, lease } => {
                self.world.card(link).lease = Some(leased(link, lease));
            }
            What::NoAddress { link } => self.world.card(link).lease = None,
            What::Route { link, switch } => self.world.card(link).routed = on(switch),
            What::Privacy { link, switch } => {
                let card = self.world.card(link);
                card.privacy =
                    on(switch).then(|| card.privacy.map_or(1, |host| host.wrapping_add(1)));
            }
            What::FullTunnel { switch } => self.world.full_tunnel = on(switch),
            What::Uplink { net, switch } => {
                return self.behind(|world| world.net(net).uplink = on(switch));
            }
            What::Mappings { net } => return self.behind(|world| world.net(net).mappings += 1),
            What::Portal { net, kind } => return self.behind(|world| world.net(net).portal = kind),
            What::Hole { net, switch } => {
                return self.behind(|world| world.net(net).hole = on(switch));
            }
            What::Stranger { net, switch } => {
                return self.behind(|world| world.net(net).stranger = on(switch));
            }
            What::Trip { net, millis } => {
                return self.behind(|world| {
                    world.net(net).trip = Duration::from_millis(millis.clamp(1, 400));
                });
            }
            What::Names { net, names } => return self.behind(|world| world.net(net).names = names),
            What::NamesEvent {} => {
                for number in self.current.clone() {
                    self.sessions[number].names_changed = true;
                }
            }
            What::Trouble {
                server,
                trouble,
                switch,
            } => return self.trouble(server, trouble, on(switch)),
            What::Login { server, login } => {
                return self.behind(|world| world.servers[server.min(1)].login = login);
            }
            What::Reboot { server } => return self.reboot(server.min(1)),
            What::Hangup { server } => return self.hang_up(server.min(1)),
            What::ContextGone { session } => {
                if let Some(number) = self.number(session) {
                    self.context_gone(number);
                }
                return;
            }
            What::TakenOver { session } => {
                if let Some(number) = self.number(session) {
                    self.taken_over(number);
                }
                return;
            }
            What::Press { session, key } => {
                if let Some(number) = self.number(session) {
                    self.press(session % self.current.len(), number, key);
                }
                return;
            }
            What::Late { session, late } => {
                if let Some(number) = self.number(session) {
                    self.late(number, late);
                    self.settle(number);
                }
                return;
            }
            What::Sleep { seconds } => return self.sleep(seconds),
            What::Overrun {} => self.deaf_until = self.agenda.now() + Duration::from_millis(500),
            What::Blind { switch } => self.world.blind = on(switch),
            What::Look {} => {}
            What::Mend {} => self.mend(),
            What::Nothing {} => return,
        }
        self.changed();
    }

    /// The session that a line of the schedule means.
    fn number(&self, session: usize) -> Option<usize> {
        self.current
            .get(session % self.current.len().max(1))
            .copied()
    }

    /// Something changed on the laptop: the kernel says so.
    fn changed(&mut self) {
        let (now, takes) = (self.agenda.now(), self.dice.millis(200, 1900));
        self.world.settle(now, takes);
        self.agenda.at(self.world.carries_from, Event::Settled);
        self.watch_all();
        for number in self.current.clone() {
            let wait = self.dice.millis(0, 2);
            self.look_soon(number, wait);
        }
    }

    /// Something changed where the kernel cannot see it.
    fn behind(&mut self, change: impl FnOnce(&mut crate::world::World)) {
        change(&mut self.world);
        self.watch_all();
    }

    fn join(&mut self, link: Link, net: Net, lease: u8) {
        let net = match (link, net) {
            (Link::Tun, _) => Net::Vpn,
            (_, Net::Vpn) => Net::Home,
            (_, net) => net,
        };
        let docker = link == Link::Docker;
        *self.world.card(link) = Card {
            up: true,
            carrier: true,
            net: (!docker).then_some(net),
            lease: (!docker).then_some(leased(link, lease)),
            routed: !docker,
            privacy: None,
        };
    }

    fn trouble(&mut self, server: usize, trouble: Trouble, on: bool) {
        self.behind(|world| {
            let server = &mut world.servers[server.min(1)];
            match trouble {
                Trouble::Down => {
                    server.up = !on;
                    server.boot += 1;
                }
                Trouble::Closed => server.listens = !on,
                Trouble::Deaf => server.deaf = on,
                Trouble::Frozen => server.frozen = on,
                Trouble::Busy => server.busy = on,
                Trouble::Closing => server.closes = on,
                Trouble::Dropping => server.drops = on,
                Trouble::OtherKey => server.other_key = on,
            }
        });
    }

    fn reboot(&mut self, server: usize) {
        for session in self
            .sessions
            .iter_mut()
            .filter(|session| session.kind.server == server)
        {
            session.context.there = false;
        }
        self.behind(|world| world.servers[server].boot += 1);
    }

    fn hang_up(&mut self, server: usize) {
        for session in self
            .sessions
            .iter_mut()
            .filter(|session| session.kind.server == server)
        {
            for child in session.children.values_mut() {
                if let Some(tcp) = &mut child.tcp {
                    tcp.open = false;
                }
            }
        }
        self.watch_all();
    }

    fn context_gone(&mut self, number: usize) {
        let session = &mut self.sessions[number];
        session.context.there = false;
        if session.kind.settings.again == Again::Attach {
            self.tells_the_client(number, Ending::Finished { status: 0 });
        }
    }

    fn taken_over(&mut self, number: usize) {
        let session = &mut self.sessions[number];
        if session.context.there && session.kind.settings.again == Again::Attach {
            session.context.elsewhere = true;
            self.tells_the_client(number, Ending::TakenOver);
        }
    }

    /// The remote side of an attached run ends; the client hears of it, if packets pass.
    fn tells_the_client(&mut self, number: usize, ending: Ending) {
        let now = self.agenda.now();
        let world = self.world.clone();
        let Some((run, child)) = self.live(number) else {
            return;
        };
        let Some(tcp) = child
            .tcp
            .as_mut()
            .filter(|_| child.stage == child::Stage::Session)
        else {
            return;
        };
        if let crate::passage::Passage::Through(trip) = world.passage(tcp, now) {
            self.child_after(trip, number, run, child::Step::Ends(ending));
        } else {
            tcp.open = false;
        }
    }

    fn press(&mut self, line: usize, number: usize, key: Key) {
        let session = &self.sessions[number];
        if session.books.over() {
            // The user types the command again.
            let (kind, good, context) =
                (session.kind.clone(), session.good.clone(), session.context);
            self.note_world(|| format!("session {number} is opened again"));
            let again = self.open(kind);
            self.sessions[again].good = good;
            self.sessions[again].context = context;
            self.current[line] = again;
            return;
        }
        let attended = session.kind.settings.attended;
        let between = !session.children.values().any(child::Child::is_live);
        let together = session.turn.is_some();
        let input = match key {
            Key::Enter if attended && between && !together => Input::Person(Wish::Now),
            Key::Quit if attended && between && !together => Input::Person(Wish::Quit),
            Key::Details if attended && between && !together => Input::Person(Wish::Details),
            Key::Enter if together => Input::Restart(None),
            Key::Retry => Input::Restart(None),
            Key::Restart => Input::Restart(Some("told to".into())),
            Key::Background if attended && !together => Input::Alone,
            Key::Escape => return self.by_hand(number, Ending::Escaped),
            Key::Kill => return self.by_hand(number, Ending::Killed { signal: "9".into() }),
            Key::Exit => return self.by_hand(number, Ending::Finished { status: 0 }),
            Key::Enter | Key::Quit | Key::Details | Key::Background => return,
        };
        if matches!(input, Input::Person(Wish::Now) | Input::Restart(_)) {
            self.insisted(number);
        }
        self.tell(number, input);
        self.settle(number);
    }

    fn by_hand(&mut self, number: usize, ending: Ending) {
        let exits = matches!(ending, Ending::Finished { .. });
        if let Some((run, child)) = self.live(number)
            && child.is_attached()
        {
            if exits {
                self.sessions[number].context.there = false;
            }
            self.child(number, run, child::Step::Ends(ending));
            self.settle(number);
        }
    }

    fn sleep(&mut self, seconds: u64) {
        let slept = Duration::from_secs(seconds);
        let now = self.agenda.now() + slept;
        self.agenda.go_on_to(now);
        self.world.settle(now, Duration::from_millis(900));
        self.watch_all();
        for number in self.current.clone() {
            self.sessions[number].missing = None;
            self.sessions[number].books.slept(now);
            if self.dice.percent(75) {
                // The kernel says so before anything else is done.
                self.sessions[number].woke = true;
                self.sessions[number].due = true;
                self.look_if_due(number);
                self.settle(number);
            } else {
                let wait = self.dice.millis(1, 300);
                self.agenda.after(wait, Event::Woke(number));
            }
        }
    }

    fn mend(&mut self) {
        for medium in self.world.nets.values_mut() {
            medium.uplink = true;
            medium.portal = Portal::None;
            medium.hole = false;
            medium.stranger = false;
            medium.names = Names::Good;
        }
        for server in &mut self.world.servers {
            server.mend();
        }
        self.world.blind = false;
        self.deaf_until = self.agenda.now();
        for link in [Link::Eth, Link::Wlan] {
            let card = self.world.card(link);
            if card.net.is_some() {
                card.up = true;
                card.carrier = true;
                card.routed = true;
                card.lease = card.lease.or(Some(leased(link, 2)));
            }
        }
        if self.world.card(Link::Eth).net.is_none() && self.world.card(Link::Wlan).net.is_none() {
            self.join(Link::Eth, Net::Home, 2);
        }
        for number in self.current.clone() {
            self.sessions[number].context.elsewhere = false;
        }
    }
}

/// No two interfaces have the same address.
fn leased(link: Link, lease: u8) -> u8 {
    let lease = lease.clamp(2, 99);
    match link {
        Link::Eth | Link::Docker => lease,
        Link::Wlan => lease + 100,
        Link::Tun => lease + 50,
    }
}
