//! What happens in the world, as a schedule lists it.

use std::{fmt, str::FromStr};

use crate::{
    server::Login,
    words::{sentences, words},
    world::{Link, Names, Net, Portal},
};

words! {
    /// Yes or no.
    Switch {
        /// Yes.
        On "on",
        /// No.
        Off "off",
    }
}

words! {
    /// What a server may suffer from.
    Trouble {
        /// The machine is off.
        Down "down",
        /// sshd is off.
        Closed "not-listening",
        /// A firewall drops everything.
        Deaf "deaf",
        /// sshd does nothing.
        Frozen "frozen",
        /// It takes no connections for now.
        Busy "busy",
        /// It closes new connections without a word.
        Closing "closing",
        /// It ends every session as soon as it is there.
        Dropping "dropping",
        /// Its host key is another one.
        OtherKey "other-key",
    }
}

words! {
    /// What a person does.
    Key {
        /// Enter between runs.
        Enter "enter",
        /// q between runs.
        Quit "q",
        /// ? between runs.
        Details "?",
        /// `netroam retry`: goes on now with what waits.
        Retry "retry",
        /// Another run in place of a live one.
        Restart "restart",
        /// netroam goes to the background.
        Background "background",
        /// `~.` in the session.
        Escape "escape",
        /// kill(1) of ssh.
        Kill "kill",
        /// The remote command ends, or the user logs out.
        Exit "exit",
    }
}

words! {
    /// A message that is told again, or too late.
    Late {
        /// A probe of an earlier run is answered with silence.
        Silent "silent",
        /// A probe of an earlier run is answered.
        Alive "alive",
        /// An earlier run is attached, once more.
        Authenticated "authenticated",
        /// An earlier run has its key exchange, once more.
        KeyExchanged "key-exchanged",
        /// An earlier run is gone, once more.
        Ended "ended",
        /// An attempt that was given up has a connection.
        Connected "connected",
        /// An attempt that was given up has failed.
        NotConnected "not-connected",
        /// An attempt that was given up has reached somebody.
        Reached "reached",
        /// An earlier run's forwards are mute.
        Mute "mute",
        /// An earlier run stands on a connection.
        Assumed "assumed",
    }
}

sentences! {
    /// What happens.
    What {
        /// The interface comes into a network, with this address.
        Join "join" { link: Link, net: Net, lease: u8 },
        /// The interface leaves its network, or is gone where it is a tunnel.
        Leave "leave" { link: Link },
        /// The carrier comes or goes.
        Carrier "carrier" { link: Link, switch: Switch },
        /// The interface is set up or down.
        Up "up" { link: Link, switch: Switch },
        /// The interface gets this address in place of the one it had.
        Address "address" { link: Link, lease: u8 },
        /// Its address goes.
        NoAddress "no-address" { link: Link },
        /// Routes over it come or go.
        Route "route" { link: Link, switch: Switch },
        /// It gets or loses an address that nothing uses.
        Privacy "privacy" { link: Link, switch: Switch },
        /// The tunnel leads to everywhere, or to the inner server only.
        FullTunnel "full-tunnel" { switch: Switch },
        /// The network carries, or swallows everything.
        Uplink "uplink" { net: Net, switch: Switch },
        /// The network forgets whom its connections belong to.
        Mappings "forget-mappings" { net: Net },
        /// Somebody answers in everybody's place.
        Portal "portal" { net: Net, kind: Portal },
        /// The network swallows large packets.
        Hole "hole" { net: Net, switch: Switch },
        /// Another machine has the inner server's address there.
        Stranger "stranger" { net: Net, switch: Switch },
        /// There and back takes so many milliseconds.
        Trip "trip" { net: Net, millis: u64 },
        /// Names resolve like this.
        Names "names" { net: Net, names: Names },
        /// The system says that names may resolve differently.
        NamesEvent "names-changed" {},
        /// Something happens to the server.
        Trouble "server" { server: usize, trouble: Trouble, switch: Switch },
        /// What a login takes.
        Login "login" { server: usize, login: Login },
        /// The server forgets its connections.
        Reboot "reboot" { server: usize },
        /// The server closes all connections.
        Hangup "hangup" { server: usize },
        /// The session's context is gone on the server.
        ContextGone "context-gone" { session: usize },
        /// Another laptop takes the session's context.
        TakenOver "taken-over" { session: usize },
        /// A person does something.
        Press "press" { session: usize, key: Key },
        /// A message comes again or too late.
        Late "late" { session: usize, late: Late },
        /// The laptop sleeps for so many seconds.
        Sleep "sleep" { seconds: u64 },
        /// The kernel's messages are lost for half a second; then it says so.
        Overrun "overrun" {},
        /// The kernel cannot be asked.
        Blind "blind" { switch: Switch },
        /// A look is taken for no reason.
        Look "look" {},
        /// Everything is well again, at home or where the laptop is.
        Mend "mend" {},
        /// Nothing.
        Nothing "nothing" {},
    }
}

/// Something happens so many milliseconds after what happened before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// After so many milliseconds.
    pub after: u64,
    /// This.
    pub what: What,
}

impl fmt::Display for Occurrence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{} {}", self.after, self.what)
    }
}

impl FromStr for Occurrence {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let (after, what) = line
            .split_once(' ')
            .ok_or_else(|| format!("{line}: no occurrence"))?;
        let after = after.strip_prefix('+').and_then(|after| after.parse().ok());
        Ok(Self {
            after: after.ok_or_else(|| format!("{line}: no time"))?,
            what: what.parse()?,
        })
    }
}
