//! A session that the configuration names, for `netroam up`.

use std::ffi::{OsStr, OsString};

use serde::Deserialize;

use super::Preferences;
use crate::ssh::{Args, Asked, Version};

/// `[session.NAME]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Named {
    /// The host, as for `netroam watch`.
    pub host: String,
    /// Options of ssh, each word for itself.
    #[serde(default)]
    pub ssh: Vec<String>,
    /// A command for the remote shell.
    #[serde(default)]
    pub command: Option<String>,
    /// `--rerun`
    #[serde(default)]
    pub rerun: bool,
    /// The options of netroam itself.
    #[serde(skip)]
    pub preferences: Preferences,
    /// What holds for its host where they say nothing; for whoever runs it to fill in.
    #[serde(skip)]
    pub defaults: Preferences,
}

impl Named {
    /// What it asks of the ssh of this `version`.
    ///
    /// # Errors
    /// In words, what ssh or netroam does not take.
    pub fn args(&self, version: Version) -> Result<Args, String> {
        let words: Vec<OsString> = self
            .ssh
            .iter()
            .map(String::as_str)
            .chain(["--", &self.host])
            .chain(self.command.as_deref())
            .map(OsString::from)
            .collect();
        let parsed = Args::parse(&words, version);
        // The last option took the end of the options for its value.
        if let Ok(Asked::Session(args)) = &parsed
            && let Some(last) = args.options.last()
            && last.value.as_deref() == Some(OsStr::new("--"))
        {
            return Err(format!("-{} needs a value", char::from(last.letter)));
        }
        match parsed {
            Ok(Asked::Session(args)) if args.has(b'f') => {
                Err("-f is for one session; netroam up has no terminal that it could leave".into())
            }
            Ok(Asked::Session(args))
                if args.destination == *self.host
                    && args.command.iter().eq(self.command.iter().map(OsStr::new)) =>
            {
                Ok(args)
            }
            Ok(Asked::Session(args)) => Err(format!(
                "{:?} is no option of ssh, and the host has a key of its own",
                args.destination.to_string_lossy()
            )),
            Ok(Asked::Other(_)) => Err("-G, -O, -Q and -V leave netroam nothing to keep".into()),
            Err(error) => Err(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(ssh: &[&str], command: Option<&str>) -> Named {
        Named {
            host: "gw1".into(),
            ssh: ssh.iter().map(ToString::to_string).collect(),
            command: command.map(Into::into),
            ..Named::default()
        }
    }

    #[test]
    fn options_host_and_command_are_what_ssh_would_read() {
        let version = Version { major: 9, minor: 2 };
        let args = named(&["-N", "-L", "8080:web:80"], None)
            .args(version)
            .unwrap();
        assert_eq!(args.host(), "gw1");
        assert!(args.has(b'N') && args.command.is_empty());
        let args = named(&[], Some("tail -f log")).args(version).unwrap();
        assert_eq!(args.command, ["tail -f log"]);
        for (ssh, says) in [
            (&["-N", "gw1"][..], "\"gw1\" is no option of ssh"),
            (&["-N", "web"], "\"web\" is no option of ssh"),
            (&["-f", "-N"], "-f is for one session"),
            (&["-G"], "nothing to keep"),
            (&["-N", "-L"], "-L needs a value"),
            (&["-Z"], "ssh has no option -Z"),
        ] {
            let error = named(ssh, None).args(version).unwrap_err();
            assert!(error.contains(says), "{ssh:?}: {error}");
        }
    }
}
