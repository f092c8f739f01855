//! autossh and its stand-in, run on the laptop.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    time::Duration,
};

use netroam_lab::{Lab, Net, Piped, Proc};
use netroam_platform::clock;

/// Far more than anything here takes; only a failure waits for so long.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// Who is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// autossh 1.4g.
    Real,
    /// netroam, called as `autossh`.
    Ours,
}

impl Who {
    pub(crate) const BOTH: [Self; 2] = [Self::Real, Self::Ours];

    /// The program.
    pub(crate) fn program(self, lab: &Lab) -> PathBuf {
        match self {
            // Not Debian's wrapper in PATH, which chooses a port of its own.
            Self::Real => {
                let path = PathBuf::from("/usr/lib/autossh/autossh");
                assert!(path.exists(), "this test needs autossh");
                path
            }
            Self::Ours => {
                let path = lab.dir().join("autossh");
                if !path.exists() {
                    symlink(env!("CARGO_BIN_EXE_netroam"), &path).unwrap();
                }
                path
            }
        }
    }

    /// How it logs that it starts ssh.
    pub(crate) fn start(self) -> &'static str {
        match self {
            Self::Real => "starting ssh (",
            Self::Ours => "ssh started (",
        }
    }
}

/// One that runs without a terminal, with a log of its own.
pub(crate) struct Running {
    pub(crate) who: Who,
    pub(crate) piped: Piped,
    log: PathBuf,
}

impl Running {
    /// Starts it with these variables (without the `AUTOSSH_` in front) and these words, of which `-F CONFIG` need not be one.
    pub(crate) fn start(lab: &Lab, who: Who, variables: &[(&str, &str)], words: &[&str]) -> Self {
        let program = who.program(lab);
        let log = lab.dir().join(format!("{who:?}.log"));
        fs::write(&log, "").unwrap();
        let config = lab.ssh_config();
        let words: Vec<&str> = [program.to_str().unwrap(), "-F", config.to_str().unwrap()]
            .into_iter()
            .chain(words.iter().copied())
            .collect();
        let names: Vec<_> = variables
            .iter()
            .map(|(name, value)| (format!("AUTOSSH_{name}"), *value))
            .chain([("AUTOSSH_LOGFILE".to_owned(), log.to_str().unwrap())])
            .collect();
        let env: Vec<_> = names
            .iter()
            .map(|(name, value)| (name.as_str(), *value))
            .collect();
        Self {
            who,
            piped: lab.piped(&words, &env).unwrap(),
            log,
        }
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// How often it has started ssh.
    pub(crate) fn starts(&self) -> usize {
        self.log().matches(self.who.start()).count()
    }

    /// Waits for its end; the status.
    pub(crate) fn end(&mut self) -> Option<i32> {
        self.piped.wait_exit(SOON).unwrap().code()
    }

    /// Waits until its ssh has opened this port of the laptop's, and gives the process.
    pub(crate) fn ssh(&self, lab: &Lab, port: u16) -> Proc {
        let mut ssh = Vec::new();
        eventually(&format!("ssh to listen: {}", self.log()), || {
            ssh = Proc::ssh_below(self.piped.pid()).unwrap();
            ssh.len() == 1 && banner(lab, port).is_some()
        });
        ssh.remove(0)
    }
}

/// A forward from this port of the laptop's to the server's own sshd.
pub(crate) fn forward(port: u16) -> String {
    format!("127.0.0.1:{port}:127.0.0.1:22")
}

/// What answers on this port of the laptop's, if something does.
pub(crate) fn banner(lab: &Lab, port: u16) -> Option<String> {
    use std::{
        io::{BufRead as _, BufReader},
        net::TcpStream,
    };
    let read = || {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line)?;
        Ok(line)
    };
    let line = lab.laptop().within(read).ok()?;
    line.starts_with("SSH-2.0").then_some(line)
}

/// Waits for outside state that gives no event to wait for.
#[expect(clippy::disallowed_methods, reason = "there is no event")]
pub(crate) fn eventually(what: &str, mut there: impl FnMut() -> bool) {
    let deadline = clock::now() + SOON;
    while !there() {
        assert!(clock::now() < deadline, "waited for {what} for {SOON:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The laptop at home.
pub(crate) fn at_home() -> Lab {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    lab
}

/// The process on the laptop that a pid file is about. What is in it is the number that it has there.
pub(crate) fn process_in(lab: &Lab, path: &Path) -> Option<Proc> {
    let text = fs::read_to_string(path).ok()?;
    let number = text.strip_suffix('\n')?;
    let mut all = lab.laptop().processes().unwrap();
    all.retain(|process| {
        let status = fs::read_to_string(format!("/proc/{}/status", process.pid));
        let status = status.unwrap_or_default();
        let mut lines = status.lines();
        let numbers = lines.find_map(|line| line.strip_prefix("NSpid:"));
        numbers.and_then(|numbers| numbers.split_whitespace().last()) == Some(number)
    });
    all.pop()
}
