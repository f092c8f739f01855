//! The command line of one run.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
};

use super::{
    args::Args,
    config::{Config, LogLevel, RequestTty},
    master::Master,
};

/// Environment variable of ssh that carries the path of netroam's own program. A path in the environment needs no quoting.
pub const EXE_VARIABLE: &str = "NETROAM_EXE";
/// Environment variable of ssh that carries the path of the socket over which the dialled connection is handed over.
pub const HANDOVER_VARIABLE: &str = "NETROAM_HANDOVER";
/// The dialler that ssh runs, as `$SHELL -c "exec …"` (ssh's sshconnect.c). bash, zsh, fish, dash and tcsh all read this one alike.
const DIALLER: &str = "ProxyCommand=\"$NETROAM_EXE\" hand-over";

/// Seconds between ssh's own questions when netroam holds the socket: the kernel watches that connection within seconds, so ssh only has to
/// notice a server whose kernel answers while its sshd does not (stopped, out of memory).
const ALIVE_INTERVAL_WATCHED: u32 = 60;
/// The same when ssh dials: then nothing else sees the far end of a jump host or a proxy die. With three questions this ends a dead run after
/// 45 to 60 s; 10 s of patience is known to end sessions that would have lived (a stall of 39 s is on record).
const ALIVE_INTERVAL_ALONE: u32 = 15;

/// Options that ssh takes last-wins or that override a keyword whatever comes first, and that netroam must decide: `-E` and `-q` are honoured by
/// netroam when it shows ssh's log, `-M` and `-S` would let a master swallow the run, and with `-f` it is netroam that goes to the background.
const OURS: &[u8] = b"EfqMS";

/// Who asks for the forwards of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// ssh, by the user's rules.
    Asked,
    /// ssh, and netroam for those that are refused.
    Kept,
    /// netroam alone, when their time has come.
    Late,
}

/// One run of ssh.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// What the user typed.
    pub args: &'a Args,
    /// What `ssh -G` said of it.
    pub config: &'a Config,
    /// The fifo that ssh writes its log to. (A descriptor cannot be passed: ssh closes all above 2 when it starts.)
    pub log: &'a Path,
    /// Nobody is to be asked anything: a reconnect.
    pub unattended: bool,
    /// netroam has dialled, and ssh takes the connection from it.
    pub handover: bool,
    /// The command that attaches the context, as one argument; `None` runs what the user typed.
    pub attach: Option<&'a str>,
    /// Where netroam can ask for what the run did not get when it logged in.
    pub master: Option<&'a Master>,
    /// What becomes of the forwards.
    pub forwards: Asks,
}

impl Run<'_> {
    /// The arguments of ssh, without the program.
    ///
    /// ssh takes the first value of a keyword, and the command line before any file, so that what netroam needs comes first and the
    /// user's options follow unchanged, those in [`OURS`] excepted.
    pub fn argv(&self) -> Vec<OsString> {
        let mut argv: Vec<OsString> = Vec::new();
        let mut keyword = |option: String| argv.extend(["-o".into(), OsString::from(option)]);
        // At least DEBUG1: below it, ssh's log does not tell `~.` from a remote program that was killed. A user's -vv adds to it.
        keyword(format!(
            "LogLevel={}",
            self.config.log_level.max(LogLevel::Debug1).name()
        ));
        if self.master.is_some() {
            keyword("ControlMaster=yes".into());
            keyword("ControlPersist=no".into());
        } else {
            keyword("ControlMaster=no".into());
            keyword("ControlPath=none".into());
        }
        if self.config.fork_after_authentication {
            keyword("ForkAfterAuthentication=no".into());
            keyword("StdinNull=yes".into());
        }
        if self.forwards != Asks::Asked {
            keyword("ExitOnForwardFailure=no".into());
        }
        if self.forwards == Asks::Late {
            keyword("ClearAllForwardings=yes".into());
        }
        if self.unattended {
            keyword("BatchMode=yes".into());
        }
        if self.handover {
            keyword(DIALLER.into());
            keyword("ProxyUseFdpass=yes".into());
            if self.config.canonicalize_hostname {
                // `yes` means only without a proxy (sshconnect's resolve_canonicalize in ssh.c).
                keyword("CanonicalizeHostname=always".into());
            }
        }
        // Without a context a run may have to wait for its address for hours, and the kernel watches its connection anyway.
        if self.config.server_alive_interval.is_zero() && (self.attach.is_some() || !self.handover)
        {
            keyword(format!(
                "ServerAliveInterval={}",
                if self.handover {
                    ALIVE_INTERVAL_WATCHED
                } else {
                    ALIVE_INTERVAL_ALONE
                }
            ));
        }
        if self.attach.is_some() {
            keyword("RemoteCommand=none".into());
            // Here and not by the user's own -t, which counts from what stands here and would end at another value.
            let request = match self.config.request_tty {
                RequestTty::Force => "force",
                RequestTty::Auto | RequestTty::No | RequestTty::Yes => "yes",
            };
            keyword(format!("RequestTTY={request}"));
        }
        if let Some(master) = self.master {
            argv.extend(["-S".into(), master.option()]);
        }
        argv.extend(["-E".into(), self.log.as_os_str().to_owned()]);
        let ours = if self.attach.is_some() {
            [OURS, b"t"].concat()
        } else {
            OURS.to_vec()
        };
        argv.extend(self.args.words_without(&ours));
        argv.push("--".into());
        argv.push(self.args.destination.clone());
        match self.attach {
            Some(attach) => argv.push(attach.into()),
            None => argv.extend(self.args.command.iter().cloned()),
        }
        argv
    }

    /// What ssh's environment needs on top of netroam's own; `exe` is netroam's program, `socket` the one that [`HANDOVER_VARIABLE`] names.
    pub fn environment<'a>(exe: &'a OsStr, socket: &'a OsStr) -> [(&'static str, &'a OsStr); 2] {
        [(EXE_VARIABLE, exe), (HANDOVER_VARIABLE, socket)]
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt, process::Command};

    use super::*;
    use crate::ssh::{
        args::{Args, Asked},
        version::Version,
    };

    fn parse(words: &[&str]) -> (Args, Config) {
        let words: Vec<OsString> = ["-F", "/dev/null"]
            .iter()
            .chain(words)
            .map(OsString::from)
            .collect();
        let Asked::Session(args) = Args::parse(&words, Version { major: 9, minor: 2 }).unwrap()
        else {
            panic!()
        };
        let config = Config::read("ssh".as_ref(), &args).unwrap();
        (args, config)
    }

    fn shown(words: &[&str], change: impl FnOnce(&mut Run<'_>)) -> String {
        let (args, config) = parse(words);
        let mut run = Run {
            args: &args,
            config: &config,
            log: Path::new("/run/log"),
            unattended: false,
            handover: false,
            attach: None,
            master: None,
            forwards: Asks::Asked,
        };
        change(&mut run);
        run.argv().join(OsStr::new(" ")).into_string().unwrap()
    }

    #[test]
    fn the_command_line_of_a_run() {
        insta::assert_snapshot!(shown(&["-p", "22", "u@h", "-v", "ls", "-l"], |_| {}), @"-o LogLevel=DEBUG1 -o ControlMaster=no -o ControlPath=none -o ServerAliveInterval=15 -E /run/log -F /dev/null -p 22 -v -- u@h ls -l");
        insta::assert_snapshot!(shown(&["-q", "-E", "x", "-M", "-S", "y", "-oServerAliveInterval=5", "h"], |run| {
            run.unattended = true;
            run.handover = true;
            run.attach = Some("exec sh");
        }), @r#"-o LogLevel=DEBUG1 -o ControlMaster=no -o ControlPath=none -o BatchMode=yes -o ProxyCommand="$NETROAM_EXE" hand-over -o ProxyUseFdpass=yes -o RemoteCommand=none -o RequestTTY=yes -E /run/log -F /dev/null -o ServerAliveInterval=5 -- h exec sh"#);
    }

    /// The real ssh must take what netroam put first, whatever the user has.
    #[test]
    fn what_netroam_needs_wins_in_the_real_ssh() {
        let (args, config) = parse(&[
            "-vv",
            "-q",
            "-E",
            "/nonexistent/x",
            "-M",
            "-f",
            "-S",
            "/nonexistent/y",
            "-t",
            "-oLogLevel=QUIET",
            "-oProxyUseFdpass=no",
            "-oProxyCommand=false",
            "-oRemoteCommand=top",
            "-oRequestTTY=no",
            "-oBatchMode=no",
            "h",
        ]);
        let run = Run {
            args: &args,
            config: &config,
            log: Path::new("/dev/null"),
            unattended: true,
            handover: true,
            attach: Some("exec sh"),
            master: None,
            forwards: Asks::Asked,
        };
        let output = Command::new("ssh")
            .arg("-G")
            .args(run.argv())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        for line in [
            "loglevel DEBUG2",
            "controlmaster false",
            "batchmode yes",
            "proxyusefdpass yes",
            "proxycommand \"$NETROAM_EXE\" hand-over",
            "requesttty true",
            "forkafterauthentication no",
            "stdinnull yes",
            "serveraliveinterval 60",
        ] {
            assert!(
                said.lines().any(|said| said == line),
                "{line} is not in\n{said}"
            );
        }
        assert!(
            !said.contains("controlpath ") && !said.contains("remotecommand top"),
            "{said}"
        );
    }

    /// ssh runs the dialler as `$SHELL -c "exec …"`: every login shell must find it at a path that would need quoting.
    #[test]
    fn every_shell_starts_the_dialler_whatever_its_path() {
        let dir = tempfile::tempdir().unwrap();
        let odd = dir.path().join("a b'c\"d$HOME`x`\\!*;");
        fs::create_dir(&odd).unwrap();
        let (exe, said) = (odd.join("net roam"), dir.path().join("said"));
        fs::write(
            &exe,
            "#!/bin/sh\nprintf '%s|%s|%s' \"$0\" \"$*\" \"$NETROAM_HANDOVER\" > \"$SAID\"\n",
        )
        .unwrap();
        fs::set_permissions(&exe, fs::Permissions::from_mode(0o755)).unwrap();
        let socket = odd.join("so cket");
        let (args, config) = parse(&["h"]);
        let run = Run {
            args: &args,
            config: &config,
            log: Path::new("/dev/null"),
            unattended: true,
            handover: true,
            attach: None,
            master: None,
            forwards: Asks::Asked,
        };
        for shell in ["bash", "zsh", "fish", "dash", "tcsh"] {
            fs::write(&said, "").unwrap();
            let status = Command::new("ssh")
                .args(run.argv())
                .envs(Run::environment(exe.as_os_str(), socket.as_os_str()))
                .env("SHELL", format!("/usr/bin/{shell}"))
                .env("SAID", &said)
                .env("HOME", dir.path())
                .output()
                .unwrap()
                .status;
            assert_eq!(
                status.code(),
                Some(255),
                "{shell}: nobody handed a connection over"
            );
            let heard = fs::read_to_string(&said)
                .unwrap_or_else(|error| panic!("{shell} did not start the dialler: {error}"));
            assert_eq!(
                heard,
                format!("{}|hand-over|{}", exe.display(), socket.display()),
                "{shell}"
            );
        }
    }
}
