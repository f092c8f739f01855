//! Over what the first hop may be reached.

use std::{fmt, str::FromStr};

use glob::Pattern;
use netroam_platform::{Interface, Path, Snapshot};
use serde::Deserialize;

/// The longest name of an interface: `IFNAMSIZ` of `linux/if.h` without the final zero; a pattern may be longer.
const LONGEST_NAME: usize = 15;

/// What the user says about it (`--via`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Via {
    /// A tunnel if the last good run went through one.
    #[default]
    Auto,
    /// Whatever path the kernel has.
    Any,
    /// Through a tunnel, whatever it is called.
    Tunnel,
    /// Over an interface with such a name; a shell pattern as in glob(7).
    Interface(Pattern),
}

/// What a path must be now, so that anything may be sent towards the first hop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// Any path is good.
    #[default]
    Anything,
    /// A path through a tunnel.
    Tunnel,
    /// A path over an interface with such a name.
    Interface(Pattern),
}

impl Via {
    /// What is wanted, where the last good run went through a tunnel or not.
    pub fn wanted(&self, last_was_tunnel: bool) -> Wanted {
        match self {
            Self::Auto if last_was_tunnel => Wanted::Tunnel,
            Self::Auto | Self::Any => Wanted::Anything,
            Self::Tunnel => Wanted::Tunnel,
            Self::Interface(pattern) => Wanted::Interface(pattern.clone()),
        }
    }
}

impl FromStr for Via {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => return Ok(Self::Auto),
            "any" => return Ok(Self::Any),
            "tunnel" => return Ok(Self::Tunnel),
            _ => {}
        }
        // What the kernel takes for a name (dev_valid_name in net/core/dev.c), or a pattern of it.
        let strange = |char: char| char == '/' || char == ':' || char.is_whitespace();
        let pattern = Pattern::new(text).map_err(|error| format!("no pattern: {}", error.msg))?;
        let literal = !text.contains(['*', '?', '[']);
        if text.is_empty() || text.contains(strange) || literal && text.len() > LONGEST_NAME {
            return Err("neither auto, any, tunnel nor the name of an interface".into());
        }
        Ok(Self::Interface(pattern))
    }
}

impl TryFrom<String> for Via {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Any => f.write_str("any"),
            Self::Tunnel => f.write_str("tunnel"),
            Self::Interface(pattern) => f.write_str(pattern.as_str()),
        }
    }
}

impl Wanted {
    /// Whether a run may go over `path`.
    pub fn admits(&self, path: &Path) -> bool {
        match self {
            Self::Anything => true,
            Self::Tunnel => path.tunnel,
            Self::Interface(pattern) => pattern.matches(&path.interface),
        }
    }

    /// Whether an interface is there over which such a path could lead. Only then may a name be asked for whose addresses are not known.
    pub fn possible(&self, snapshot: &Snapshot) -> bool {
        snapshot
            .interfaces
            .values()
            .any(|interface| usable(interface) && self.fits(interface))
    }

    fn fits(&self, interface: &Interface) -> bool {
        match self {
            Self::Anything => true,
            Self::Tunnel => interface.tunnel,
            Self::Interface(pattern) => pattern.matches(&interface.name),
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anything => f.write_str("a path"),
            Self::Tunnel => f.write_str("a tunnel"),
            Self::Interface(pattern) => f.write_str(pattern.as_str()),
        }
    }
}

fn usable(interface: &Interface) -> bool {
    interface.up
        && interface.carrier != Some(false)
        && !interface.loopback
        && !interface.addresses.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_names_are_told_apart_and_nonsense_is_refused() {
        let via = |text: &str| text.parse::<Via>();
        assert_eq!(via("auto"), Ok(Via::Auto));
        assert_eq!(via("tunnel"), Ok(Via::Tunnel));
        for name in ["tun0", "wg*", "enx[0-9a-f]*", "utun?"] {
            assert_eq!(via(name).unwrap().to_string(), name);
        }
        for nonsense in ["", "a b", "wg[", "eth0/1", "an-interface-of-mine"] {
            assert!(via(nonsense).is_err(), "{nonsense}");
        }
    }

    #[test]
    fn auto_wants_a_tunnel_only_where_the_last_run_had_one() {
        assert_eq!(Via::Auto.wanted(true), Wanted::Tunnel);
        assert_eq!(Via::Auto.wanted(false), Wanted::Anything);
        assert_eq!(Via::Any.wanted(true), Wanted::Anything);
        assert_eq!(Via::Tunnel.wanted(false), Wanted::Tunnel);
    }

    #[test]
    fn a_path_is_admitted_by_what_it_is_or_by_its_name() {
        let path = |interface: &str, tunnel| Path {
            index: 3,
            interface: interface.into(),
            source: "10.8.0.2".parse().unwrap(),
            gateway: None,
            tunnel,
        };
        assert!(Wanted::Tunnel.admits(&path("whatever", true)));
        assert!(!Wanted::Tunnel.admits(&path("tun0", false)));
        let Via::Interface(pattern) = "wg*".parse().unwrap() else {
            panic!("a pattern");
        };
        assert!(Wanted::Interface(pattern.clone()).admits(&path("wg-work", true)));
        assert!(!Wanted::Interface(pattern).admits(&path("wlan0", false)));
    }
}
