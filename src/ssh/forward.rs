//! A forward: as `ssh -G` writes it, as ssh's log names it, and as `ssh -O forward` takes it.

use std::{
    fmt,
    path::{Path, PathBuf},
};

/// The port that ssh logs for a Unix socket (`PORT_STREAMLOCAL` of ssh's channels.h).
const STREAM_LOCAL: &str = ":-2";

/// Who listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// ssh itself: `-L` and `-D`.
    Local,
    /// The server: `-R`.
    Remote,
}

/// One forward of the user's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Forward {
    /// Who listens.
    pub side: Side,
    listen: End,
    /// Where what is accepted goes; `None` is a SOCKS proxy.
    connect: Option<End>,
}

/// One end of a forward.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Socket(PathBuf),
    /// Without a host, on the loopback addresses (or on all of them, with `GatewayPorts`).
    Port(Option<String>, u16),
}

impl Forward {
    /// Reads the forwards from the lines of `ssh -G`.
    ///
    /// OpenSSH lists a local forward to a Unix socket as a dynamic one as well (seen with 9.2): such a line is left out.
    pub fn all(lines: &[String]) -> Vec<Self> {
        let read: Vec<_> = lines.iter().filter_map(|line| Self::read(line)).collect();
        let repeated = |forward: &Self| {
            forward.side == Side::Local
                && forward.connect.is_none()
                && read.iter().any(|other| {
                    other.side == Side::Local
                        && other.listen == forward.listen
                        && matches!(other.connect, Some(End::Socket(_)))
                })
        };
        let mut all: Vec<Self> = Vec::new();
        for forward in read.iter().filter(|forward| !repeated(forward)) {
            // Of several that listen in one place ssh gets the first.
            if forward.takes_any_port() || !all.iter().any(|other| other.is_where(forward)) {
                all.push(forward.clone());
            }
        }
        all
    }

    /// Whether these lines of `ssh -G` say nothing of forwards but what [`Self::all`] reads, without a doubt: a path with a blank in it leaves one.
    pub fn all_are_plain(lines: &[String]) -> bool {
        let plain = |line: &String| {
            Self::read(line).is_some_and(|forward| {
                let dynamic = forward.side == Side::Local && forward.connect.is_none();
                line.split(' ').count() == if dynamic { 2 } else { 3 }
            })
        };
        lines.iter().all(plain)
    }

    /// The server takes a port of its own choice, and says which one.
    pub fn takes_any_port(&self) -> bool {
        matches!(self.listen, End::Port(_, 0))
    }

    fn is_where(&self, other: &Self) -> bool {
        (self.side, &self.listen) == (other.side, &other.listen)
    }

    fn read(line: &str) -> Option<Self> {
        let (keyword, rest) = line.split_once(' ')?;
        let (side, dynamic) = match keyword.to_ascii_lowercase().as_str() {
            "localforward" => (Side::Local, false),
            "dynamicforward" => (Side::Local, true),
            "remoteforward" => (Side::Remote, false),
            _ => return None,
        };
        if dynamic {
            return Some(Self {
                side,
                listen: End::read(rest)?,
                connect: None,
            });
        }
        // A path may have a blank in it. Where both ends are paths it cannot be told where the first one ends: the second one has none as a rule.
        let first = rest.split_once(' ').map_or(rest, |(first, _)| first);
        let (listen, connect) = if first.contains('/') {
            rest.rsplit_once(' ')?
        } else {
            rest.split_once(' ')?
        };
        Some(Self {
            side,
            listen: End::read(listen)?,
            connect: match connect {
                "[socks]:0" => None,
                connect => Some(End::read(connect)?),
            },
        })
    }

    /// The words that ask a master for it, or take it back: `-L`, `-D` or `-R`, and its value.
    pub fn words(&self) -> [String; 2] {
        let letter = match (self.side, &self.connect) {
            (Side::Local, Some(_)) => "-L",
            (Side::Local, None) => "-D",
            (Side::Remote, _) => "-R",
        };
        let value = match &self.connect {
            Some(connect) => format!("{}:{}", self.listen.words(), connect.words()),
            None => self.listen.words(),
        };
        [letter.to_owned(), value]
    }

    /// Whether ssh's log means this one when it names the listening end so: `LOCALHOST:8080`, `*:8080`, `host:8080`, `8080`, `/path:-2`.
    pub fn is_called(&self, side: Side, name: &str) -> bool {
        if self.side != side {
            return false;
        }
        match &self.listen {
            End::Socket(path) => name.strip_suffix(STREAM_LOCAL) == path.to_str(),
            End::Port(host, port) => {
                let (named, number) = name.rsplit_once(':').unwrap_or(("", name));
                number.parse() == Ok(*port)
                    && match host {
                        Some(host) => host == named,
                        None => matches!(named, "" | "*" | "LOCALHOST"),
                    }
            }
        }
    }

    /// The Unix socket that listens, where it is one.
    pub fn socket(&self) -> Option<&Path> {
        match &self.listen {
            End::Socket(path) => Some(path),
            End::Port(..) => None,
        }
    }
}

/// As a person would write it: `-R 8080`.
impl fmt::Display for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [letter, _] = self.words();
        match &self.listen {
            End::Socket(path) => write!(f, "{letter} {}", path.display()),
            End::Port(Some(host), port) if host.contains(':') => {
                write!(f, "{letter} [{host}]:{port}")
            }
            End::Port(Some(host), port) => write!(f, "{letter} {host}:{port}"),
            End::Port(None, port) => write!(f, "{letter} {port}"),
        }
    }
}

impl End {
    fn read(text: &str) -> Option<Self> {
        // As parse_fwd_field of readconf.c decides.
        if text.contains('/') {
            return Some(Self::Socket(text.into()));
        }
        match text
            .strip_prefix('[')
            .and_then(|text| text.split_once("]:"))
        {
            Some((host, port)) => Some(Self::Port(Some(host.to_owned()), port.parse().ok()?)),
            None => Some(Self::Port(None, text.parse().ok()?)),
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Socket(path) => escaped(&path.to_string_lossy()),
            Self::Port(Some(host), port) if host.is_empty() => format!(":{port}"),
            Self::Port(Some(host), port) => format!("[{host}]:{port}"),
            Self::Port(None, port) => port.to_string(),
        }
    }
}

/// A path as the value of `-L` or `-R` has it (`parse_fwd_field` of readconf.c; `ssh_config(5)`, TOKENS).
fn escaped(path: &str) -> String {
    path.replace('\\', r"\\")
        .replace(':', r"\:")
        .replace('%', "%%")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// What the real ssh makes of these words.
    fn asked(words: &[&str]) -> Vec<String> {
        let output = Command::new("ssh")
            .args(["-F", "none", "-G"])
            .args(words)
            .arg("h")
            .output()
            .unwrap();
        assert!(output.status.success(), "{words:?}");
        let said = String::from_utf8(output.stdout).unwrap();
        said.lines().map(str::to_owned).collect()
    }

    #[test]
    fn what_ssh_lists_is_read_and_asks_for_the_same_again() {
        for (words, shown, name) in [
            (["-L", "8080:web:80"], "-L 8080", "LOCALHOST:8080"),
            (["-L", "*:81:web:80"], "-L *:81", "*:81"),
            (["-L", ":82:web:80"], "-L :82", ":82"),
            (["-L", "[::1]:83:[::2]:80"], "-L [::1]:83", "::1:83"),
            (["-L", "8080:/tmp/y"], "-L 8080", "LOCALHOST:8080"),
            (["-L", "/tmp/x:/tmp/y"], "-L /tmp/x", "/tmp/x:-2"),
            (["-L", "8080:/tmp/x y"], "-L 8080", "LOCALHOST:8080"),
            (["-R", "8080:/tmp/x y"], "-R 8080", "8080"),
            (["-R", "8080:./x"], "-R 8080", "8080"),
            (["-L", "./x:web:80"], "-L ./x", "./x:-2"),
            (["-L", "/tmp/a b:/tmp/y"], "-L /tmp/a b", "/tmp/a b:-2"),
            (["-L", "/tmp/100%%:/tmp/y"], "-L /tmp/100%", "/tmp/100%:-2"),
            (["-R", r"/tmp/a\:b:/tmp/c\\d"], "-R /tmp/a:b", "/tmp/a:b:-2"),
            (["-D", "1080"], "-D 1080", "*:1080"),
            (
                ["-D", "localhost:1081"],
                "-D localhost:1081",
                "localhost:1081",
            ),
            (["-R", "8080:web:80"], "-R 8080", "8080"),
            (["-R", "0:web:80"], "-R 0", "0"),
            (["-R", "18099"], "-R 18099", "18099"),
            (["-R", "*:77:[::1]:80"], "-R *:77", "*:77"),
            (["-R", "/tmp/a:localhost:80"], "-R /tmp/a", "/tmp/a:-2"),
        ] {
            let lines = asked(&words);
            let read = Forward::all(&lines);
            assert_eq!(read.len(), 1, "{words:?}: {read:?}");
            assert_eq!(read[0].to_string(), shown, "{words:?}");
            assert!(read[0].is_called(read[0].side, name), "{words:?}");
            assert!(!read[0].is_called(read[0].side, "9999"), "{words:?}");
            let again = read[0].words();
            let again = asked(&[&again[0], &again[1]]);
            assert_eq!(Forward::all(&again), read, "{words:?}");
        }
    }

    #[test]
    fn of_several_in_one_place_the_first_counts_and_a_doubt_is_told() {
        let lines = |words: &[&str]| {
            let forwards = |line: &String| line.contains("forward ");
            asked(words)
                .into_iter()
                .filter(forwards)
                .collect::<Vec<_>>()
        };
        let twice = lines(&[
            "-L",
            "8080:web:80",
            "-L",
            "8080:other:81",
            "-R",
            "8080:web:80",
        ]);
        let shown: Vec<_> = Forward::all(&twice).iter().map(Forward::words).collect();
        assert_eq!(shown, [["-L", "8080:[web]:80"], ["-R", "8080:[web]:80"]]);
        let any = lines(&["-R", "0:web:80", "-R", "0:web:81"]);
        assert_eq!(Forward::all(&any).len(), 2);
        assert!(Forward::all(&any).iter().all(Forward::takes_any_port));
        for (words, plain) in [
            (["-L", "8080:web:80"], true),
            (["-D", "1080"], true),
            (["-R", "18099"], true),
            (["-R", "/tmp/a:/tmp/b"], true),
            (["-R", "/tmp/a b:/tmp/c"], false),
            (["-L", "8080:/tmp/c d"], false),
        ] {
            assert_eq!(Forward::all_are_plain(&lines(&words)), plain, "{words:?}");
        }
        assert!(!Forward::all_are_plain(&["remoteforward what".into()]));
    }
}
