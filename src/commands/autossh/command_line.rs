//! autossh's own options among ssh's.
//!
//! They are read as ssh reads its own: before the host, and between it and the command; never inside the command. What is not autossh's goes to ssh
//! as it is and where it is.

use std::{
    ffi::{OsStr, OsString},
    fmt,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
};

use anyhow::{Context as _, Result, bail};

use super::environment::Environment;
use crate::ssh::{Version, args::takes_value};

/// The highest monitoring port: the one after it is used as well.
const LAST_PORT: u64 = 65534;

/// The words, by whom they are for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CommandLine {
    /// The value of `-M`; the last one counts.
    pub(super) monitor: Option<OsString>,
    /// `-f`.
    pub(super) background: bool,
    /// `-V`.
    pub(super) version: bool,
    /// Everything else.
    pub(super) ssh: Vec<OsString>,
}

impl CommandLine {
    /// Takes autossh's options out of the words; what ssh's options are depends on its `version`.
    pub(super) fn parse(words: &[OsString], version: Version) -> Result<Self> {
        let mut line = Self::default();
        let mut words = words.iter();
        let mut operands = 0;
        while let Some(word) = words.next() {
            if operands == 2 || word == "--" {
                line.ssh.push(word.clone());
                line.ssh.extend(words.by_ref().cloned());
            } else if word.as_bytes().first() != Some(&b'-') || word.len() == 1 {
                operands += 1;
                line.ssh.push(word.clone());
            } else {
                line.option(word, &mut words, version)?;
            }
        }
        Ok(line)
    }

    /// Reads one word of options.
    fn option<'a>(
        &mut self,
        word: &OsStr,
        words: &mut impl Iterator<Item = &'a OsString>,
        version: Version,
    ) -> Result<()> {
        let letters = &word.as_bytes()[1..];
        let mut kept = vec![b'-'];
        for (at, &letter) in letters.iter().enumerate() {
            let inside = &letters[at + 1..];
            match letter {
                b'f' => self.background = true,
                b'V' => self.version = true,
                b'M' => {
                    let value = if inside.is_empty() {
                        words.next().cloned().context("option -M needs a value")?
                    } else {
                        OsString::from_vec(inside.to_vec())
                    };
                    self.monitor = Some(value);
                    break;
                }
                letter if takes_value(letter, version) => {
                    kept.extend(&letters[at..]);
                    if inside.is_empty() {
                        self.ssh.push(OsString::from_vec(std::mem::take(&mut kept)));
                        // Where there is none, ssh's own reader says so.
                        self.ssh.extend(words.next().cloned());
                    }
                    break;
                }
                letter => kept.push(letter),
            }
        }
        if kept.len() > 1 {
            self.ssh.push(OsString::from_vec(kept));
        }
        Ok(())
    }
}

/// The ports of autossh's monitoring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MonitorPorts {
    /// Where the loop begins, on this machine.
    pub(super) out: u16,
    /// Where it ends, on this machine; `None` if a service on the host echoes.
    pub(super) back: Option<u16>,
    /// Where it passes on the host.
    there: u16,
}

impl MonitorPorts {
    /// `AUTOSSH_PORT`, else `-M`; none is off, as zero is.
    pub(super) fn choose(
        environment: &Environment,
        option: Option<&OsStr>,
    ) -> Result<Option<Self>> {
        let (name, text) = match (&environment.port, option) {
            (Some(port), _) => ("AUTOSSH_PORT", port.as_os_str()),
            (None, Some(port)) => ("-M", port),
            (None, None) => return Ok(None),
        };
        Self::read(&text.to_string_lossy()).with_context(|| {
            let text = text.display();
            format!("{name} is \"{text}\", which is no PORT or PORT:ECHO_PORT")
        })
    }

    fn read(text: &str) -> Result<Option<Self>> {
        let (out, echo) = match text.split_once(':') {
            None => (text, None),
            Some((out, echo)) => (out, Some(echo)),
        };
        let out = number(out)?;
        if out == 0 {
            return Ok(None);
        }
        if out > LAST_PORT {
            bail!("a monitoring port is at most {LAST_PORT}");
        }
        let out = u16::try_from(out)?;
        let there = echo.map(number).transpose()?.map(u16::try_from);
        Ok(Some(match there.transpose()? {
            Some(0) => bail!("the port of an echo service is not 0"),
            Some(there) => Self {
                out,
                back: None,
                there,
            },
            None => Self {
                out,
                back: Some(out + 1),
                there: out,
            },
        }))
    }

    /// The forwards of the loop, as options of ssh. Both ends are on 127.0.0.1 alone.
    pub(super) fn forwards(self) -> impl Iterator<Item = (u8, String)> {
        let Self { out, back, there } = self;
        let there = (b'L', format!("127.0.0.1:{out}:127.0.0.1:{there}"));
        let back = back.map(|back| (b'R', format!("127.0.0.1:{out}:127.0.0.1:{back}")));
        std::iter::once(there).chain(back)
    }
}

impl fmt::Display for MonitorPorts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.back {
            Some(_) => write!(f, "{}", self.out),
            None => write!(f, "{}:{}", self.out, self.there),
        }
    }
}

/// A number as C writes it: decimal, `0x…`, or octal after a zero (strtoul(3) with base 0).
fn number(text: &str) -> Result<u64> {
    let lower = text.to_ascii_lowercase();
    let (digits, base) = match (lower.strip_prefix("0x"), lower.strip_prefix('0')) {
        (Some(digits), _) => (digits, 16),
        (None, Some(digits)) if !digits.is_empty() => (digits, 8),
        (None, _) => (&*lower, 10),
    };
    u64::from_str_radix(digits, base).with_context(|| format!("{text:?} is no number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION: Version = Version { major: 9, minor: 2 };

    /// `monitor background|version: what ssh gets`
    fn read(line: &str) -> String {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let read = CommandLine::parse(&words, VERSION).unwrap();
        format!(
            "{} {}{}: {}",
            read.monitor
                .map_or("-".into(), |value| value.to_string_lossy().into_owned()),
            if read.background { "f" } else { "" },
            if read.version { "V" } else { "" },
            read.ssh.join(OsStr::new(" ")).to_string_lossy(),
        )
    }

    #[test]
    fn its_own_options_are_taken_out_of_ssh_s_wherever_they_stand() {
        for (line, expected) in [
            ("-M 20000 h", "20000 : h"),
            ("-M20000:7 h", "20000:7 : h"),
            (
                "-2 -fN -M 20000 -R 2200:l:22 h",
                "20000 f: -2 -N -R 2200:l:22 h",
            ),
            ("h -M 0 -N", "0 : h -N"),
            ("-V", "- V: "),
            ("-M 1 -M 2 h", "2 : h"),
            ("-fM0 h", "0 f: h"),
        ] {
            assert_eq!(read(line), expected, "{line}");
        }
    }

    /// Each of these goes wrong in autossh 1.4g.
    #[test]
    fn what_is_ssh_s_or_the_command_s_reaches_it() {
        for (line, expected) in [
            ("-NM 0 h", "0 : -N h"),
            ("-M 0 -J foo -N h", "0 : -J foo -N h"),
            ("-M 0 -Jfoo h", "0 : -Jfoo h"),
            ("-M 0 -B eth0 h", "0 : -B eth0 h"),
            ("-M0 h tail -f log", "0 : h tail -f log"),
            ("-M0 h ls -h", "0 : h ls -h"),
            ("-M0 h cmd -v -M 3 -V", "0 : h cmd -v -M 3 -V"),
            ("-M 0 -- h tail -f", "0 : -- h tail -f"),
            ("-M 0 -p 22 -oFoo=f -i ./f h", "0 : -p 22 -oFoo=f -i ./f h"),
            ("-M 0 h -p 22 ls -f", "0 : h -p 22 ls -f"),
        ] {
            assert_eq!(read(line), expected, "{line}");
        }
    }

    #[test]
    fn monitoring_ports_are_read_as_c_does() {
        let read = |text| {
            MonitorPorts::read(text)
                .map(|ports| {
                    ports.map(|ports| {
                        let forwards: Vec<_> = ports
                            .forwards()
                            .map(|(letter, value)| format!("-{} {value}", char::from(letter)))
                            .collect();
                        forwards.join(" ")
                    })
                })
                .ok()
        };
        assert_eq!(read("0"), Some(None));
        assert_eq!(
            read("20000").flatten().as_deref(),
            Some("-L 127.0.0.1:20000:127.0.0.1:20000 -R 127.0.0.1:20000:127.0.0.1:20001")
        );
        assert_eq!(read("0x4e20"), read("20000"));
        assert_eq!(
            read("20000:7").flatten().as_deref(),
            Some("-L 127.0.0.1:20000:127.0.0.1:7")
        );
        assert!(read("65534").is_some());
        for bad in ["65535", "", "x", "1:0", "1:x", "1:70000", "-1", "20000 "] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn the_environment_goes_before_the_option() {
        let environment = |port: &'static str| {
            Environment::read(|name| (name == "AUTOSSH_PORT").then(|| port.into())).unwrap()
        };
        let chosen = |port, option: &'static str| {
            MonitorPorts::choose(&environment(port), Some(option.as_ref()))
                .unwrap()
                .map(|ports| ports.to_string())
        };
        assert_eq!(chosen("21000", "20000").as_deref(), Some("21000"));
        assert_eq!(chosen("0", "20000"), None);
        assert_eq!(chosen("", "20000").as_deref(), Some("20000"));
    }
}
