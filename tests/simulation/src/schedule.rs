//! What happens and when, from a seed.

use std::collections::VecDeque;

use crate::{
    dice::Dice,
    occurrence::{Key, Late, Occurrence, Switch, Trouble, What},
    server::Login,
    world::{Link, Names, Net, Portal},
};

/// Makes what happens, for ever.
#[derive(Debug)]
pub struct Schedule {
    dice: Dice,
    planned: VecDeque<Occurrence>,
}

const CARDS: [Link; 2] = [Link::Eth, Link::Wlan];
const PLACES: [Net; 3] = [Net::Home, Net::Cafe, Net::Office];

impl Schedule {
    /// That of a seed.
    pub fn new(seed: u64) -> Self {
        Self {
            dice: Dice::of(seed, 2, 0),
            planned: VecDeque::new(),
        }
    }

    /// Most changes come in bursts, some after a while, and at times there is nothing for long.
    fn pause(&mut self) -> u64 {
        match self.dice.number(0, 99) {
            0..=29 => self.dice.number(0, 60),
            30..=59 => self.dice.number(60, 3000),
            60..=84 => self.dice.number(3000, 20_000),
            85..=97 => self.dice.number(20_000, 70_000),
            _ => self.dice.number(70_000, 900_000),
        }
    }

    fn then(&mut self, after: u64, what: What) {
        self.planned.push_back(Occurrence { after, what });
    }

    fn plan(&mut self) {
        let pause = self.pause();
        match self.dice.number(0, 99) {
            0..=9 => self.roam(pause),
            10 | 11 => self.flutter(pause),
            12..=17 => self.blip(pause),
            18..=27 => self.tunnel(pause),
            28..=33 => self.sleep(pause),
            34..=41 => {
                self.then(pause, What::Mend {});
                let calm = self.dice.number(5000, 50_000);
                self.then(calm, What::Nothing {});
            }
            42..=45 => self.noise(pause),
            46..=55 => self.on_the_card(pause),
            56..=66 => self.in_the_network(pause),
            67..=74 => self.at_the_server(pause),
            75..=78 => self.hard_luck(pause),
            79..=90 => self.by_somebody(pause),
            91..=96 => {
                let late = self.dice.one(Late::ALL);
                let session = self.session();
                self.then(pause, What::Late { session, late });
            }
            _ => self.in_the_kernel(pause),
        }
    }

    fn session(&mut self) -> usize {
        usize::try_from(self.dice.number(0, 11)).unwrap_or_default()
    }

    fn lease(&mut self) -> u8 {
        u8::try_from(self.dice.number(2, 6)).unwrap_or(2)
    }

    fn switch(&mut self) -> Switch {
        self.dice.one(Switch::ALL)
    }

    /// From one network to the next, with or without a gap.
    fn roam(&mut self, pause: u64) {
        let (from, to, net, lease) = (
            self.dice.one(&CARDS),
            self.dice.one(&CARDS),
            self.dice.one(&PLACES),
            self.lease(),
        );
        let gap = self.pause().min(40_000);
        let join = What::Join {
            link: to,
            net,
            lease,
        };
        let away = What::Leave { link: from };
        if self.dice.percent(30) && from != to {
            self.then(pause, join);
            self.then(gap, away);
        } else {
            self.then(pause, away);
            self.then(gap, join);
        }
    }

    /// In and out of a network, again and again within seconds.
    fn flutter(&mut self, pause: u64) {
        let (link, net, lease) = (self.dice.one(&CARDS), self.dice.one(&PLACES), self.lease());
        self.then(pause, What::Nothing {});
        for _ in 0..self.dice.number(2, 40) {
            let (stays, away) = (self.dice.number(40, 400), self.dice.number(0, 150));
            self.then(away, What::Join { link, net, lease });
            self.then(stays, What::Leave { link });
        }
        let away = self.dice.number(0, 3000);
        self.then(away, What::Join { link, net, lease });
    }

    fn blip(&mut self, pause: u64) {
        let link = self.dice.one(&CARDS);
        let lasts = self.dice.number(20, 6000);
        let kind = self.dice.number(0, 3);
        let of = |switch| match kind {
            0 => What::Carrier { link, switch },
            1 => What::Up { link, switch },
            _ => What::Route { link, switch },
        };
        self.then(pause, of(Switch::Off));
        self.then(lasts, of(Switch::On));
    }

    fn tunnel(&mut self, pause: u64) {
        let lease = self.lease();
        let up = What::Join {
            link: Link::Tun,
            net: Net::Vpn,
            lease,
        };
        match self.dice.number(0, 5) {
            0 | 1 => self.then(pause, up),
            2 => self.then(pause, What::Leave { link: Link::Tun }),
            3 => {
                let otp = self.dice.number(500, 30_000);
                self.then(pause, What::Leave { link: Link::Tun });
                self.then(otp, up);
            }
            4 => {
                let switch = self.switch();
                self.then(pause, What::FullTunnel { switch });
            }
            _ => {
                let lasts = self.dice.number(1000, 60_000);
                self.then(
                    pause,
                    What::Uplink {
                        net: Net::Vpn,
                        switch: Switch::Off,
                    },
                );
                self.then(
                    lasts,
                    What::Uplink {
                        net: Net::Vpn,
                        switch: Switch::On,
                    },
                );
            }
        }
    }

    fn sleep(&mut self, pause: u64) {
        let seconds = match self.dice.number(0, 3) {
            0 => self.dice.number(1, 20),
            1 | 2 => self.dice.number(20, 1200),
            _ => self.dice.number(1200, 40_000),
        };
        self.then(pause, What::Sleep { seconds });
        if self.dice.percent(40) {
            self.then(0, What::Mappings { net: Net::Home });
        }
        if self.dice.percent(30) {
            let after = self.dice.number(0, 800);
            self.roam(after);
        }
    }

    fn noise(&mut self, pause: u64) {
        let times = self.dice.number(1, 12);
        self.then(pause, What::Nothing {});
        for _ in 0..times {
            let (after, link, switch) = (
                self.dice.number(0, 30),
                self.dice.one(&CARDS),
                self.switch(),
            );
            let what = match self.dice.number(0, 3) {
                0 => What::Up {
                    link: Link::Docker,
                    switch,
                },
                1 => What::Look {},
                2 => What::NamesEvent {},
                _ => What::Privacy { link, switch },
            };
            self.then(after, what);
        }
    }

    fn on_the_card(&mut self, pause: u64) {
        let (link, switch, lease) = (
            self.dice
                .one(&[Link::Eth, Link::Eth, Link::Wlan, Link::Wlan, Link::Tun]),
            self.switch(),
            self.lease(),
        );
        let what = match self.dice.number(0, 9) {
            0 | 1 => What::Carrier { link, switch },
            2 => What::Up { link, switch },
            3 | 4 => What::Address { link, lease },
            5 => What::NoAddress { link },
            6 | 7 => What::Route { link, switch },
            _ => What::Leave { link },
        };
        self.then(pause, what);
    }

    fn in_the_network(&mut self, pause: u64) {
        let (net, switch) = (self.dice.one(&PLACES), self.switch());
        let lasts = self.dice.number(500, 90_000);
        match self.dice.number(0, 7) {
            0 | 1 => {
                self.then(
                    pause,
                    What::Uplink {
                        net,
                        switch: Switch::Off,
                    },
                );
                self.then(
                    lasts,
                    What::Uplink {
                        net,
                        switch: Switch::On,
                    },
                );
            }
            2 => self.then(pause, What::Mappings { net }),
            3 => {
                let kind = self.dice.one(Portal::ALL);
                self.then(pause, What::Portal { net, kind });
                self.then(
                    lasts,
                    What::Portal {
                        net,
                        kind: Portal::None,
                    },
                );
            }
            4 => self.then(pause, What::Hole { net, switch }),
            5 => self.then(pause, What::Stranger { net, switch }),
            6 => {
                let millis = self.dice.number(1, 400);
                self.then(pause, What::Trip { net, millis });
            }
            _ => {
                let names = self.dice.one(Names::ALL);
                self.then(pause, What::Names { net, names });
            }
        }
    }

    fn at_the_server(&mut self, pause: u64) {
        let server = usize::from(self.dice.percent(30));
        match self.dice.number(0, 9) {
            0..=5 => {
                let trouble = self.dice.one(Trouble::ALL);
                let lasts = self.dice.number(500, 60_000);
                let of = |switch| What::Trouble {
                    server,
                    trouble,
                    switch,
                };
                self.then(pause, of(Switch::On));
                self.then(lasts, of(Switch::Off));
            }
            6 => {
                let login = self.dice.one(Login::ALL);
                self.then(pause, What::Login { server, login });
            }
            7 => self.then(pause, What::Reboot { server }),
            8 => self.then(pause, What::Hangup { server }),
            _ => {
                let session = self.session();
                let what = if self.dice.percent(60) {
                    What::TakenOver { session }
                } else {
                    What::ContextGone { session }
                };
                self.then(pause, what);
            }
        }
    }

    /// A server in trouble, sessions that are lost, and networks that change meanwhile.
    fn hard_luck(&mut self, pause: u64) {
        let server = usize::from(self.dice.percent(20));
        let trouble = self.dice.one(Trouble::ALL);
        let of = |switch| What::Trouble {
            server,
            trouble,
            switch,
        };
        self.then(pause, of(Switch::On));
        self.then(0, What::Hangup { server });
        for _ in 0..self.dice.number(1, 3) {
            let after = self.dice.number(500, 25_000);
            if self.dice.percent(50) {
                self.blip(after);
            } else {
                self.roam(after);
            }
        }
        let lasts = self.dice.number(500, 30_000);
        self.then(lasts, of(Switch::Off));
    }

    fn by_somebody(&mut self, pause: u64) {
        let session = self.session();
        let key = match self.dice.number(0, 19) {
            0..=10 => Key::Enter,
            11 => Key::Details,
            12 | 13 => Key::Retry,
            14 => Key::Restart,
            15 => Key::Quit,
            16 => Key::Background,
            17 => Key::Kill,
            18 => Key::Escape,
            _ => Key::Exit,
        };
        self.then(pause, What::Press { session, key });
    }

    fn in_the_kernel(&mut self, pause: u64) {
        if self.dice.percent(50) {
            self.then(pause, What::Overrun {});
        } else {
            let lasts = self.dice.number(10, 5000);
            self.then(pause, What::Blind { switch: Switch::On });
            self.then(
                lasts,
                What::Blind {
                    switch: Switch::Off,
                },
            );
            self.then(0, What::Look {});
        }
    }
}

impl Iterator for Schedule {
    type Item = Occurrence;

    fn next(&mut self) -> Option<Occurrence> {
        if self.planned.is_empty() {
            self.plan();
        }
        self.planned.pop_front()
    }
}
