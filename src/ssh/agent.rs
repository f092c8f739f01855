//! The agent that ssh would ask for keys: whether it answers, and with how many.

use std::{
    env, fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    time::Duration,
};

use etcetera::home_dir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    time::timeout,
};

/// How long it may take: it has its keys in memory, but one that is forwarded asks over a network.
const PATIENCE: Duration = Duration::from_secs(2);

/// `SSH_AGENTC_REQUEST_IDENTITIES`, a message of one byte, and `SSH_AGENT_IDENTITIES_ANSWER` (draft-ietf-sshm-ssh-agent, 3.5 and 5.1).
const QUESTION: [u8; 5] = [0, 0, 0, 1, 11];
const ANSWER: u8 = 12;

/// What there is of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Agent {
    /// Neither the environment nor the configuration names one.
    Unnamed,
    /// The configuration wants none.
    Unwanted,
    /// The configuration names one in a way that only ssh reads.
    Unread(String),
    /// It has so many keys.
    Keys(u32),
    /// Nobody is there: the socket was left by one that is gone, or is gone itself.
    Gone {
        /// Where it was to be.
        socket: PathBuf,
        /// Where that leads, if it is a link.
        link: Option<PathBuf>,
    },
    /// It does not answer as an agent does.
    Strange {
        /// Where it is.
        socket: PathBuf,
        /// What happened.
        why: String,
    },
}

impl Agent {
    /// Asks the one that ssh would ask, given `IdentityAgent` (`ssh_config(5)`).
    pub async fn ask(configured: Option<&str>) -> Self {
        let socket = match configured {
            Some("none") => return Self::Unwanted,
            None | Some("SSH_AUTH_SOCK") => variable("SSH_AUTH_SOCK"),
            Some(name) if variable_of(name).is_some() => variable_of(name).and_then(variable),
            Some(path) if path.contains(['%', '$']) => return Self::Unread(path.to_owned()),
            Some(path) => Some(match (path.strip_prefix("~/"), home_dir()) {
                (Some(rest), Ok(home)) => home.join(rest),
                (Some(_), Err(_)) | (None, _) => path.into(),
            }),
        };
        match socket {
            None => Self::Unnamed,
            Some(socket) => Self::at(&socket).await,
        }
    }

    /// Asks the one at this socket.
    pub async fn at(socket: &Path) -> Self {
        let strange = |why: &str| Self::Strange {
            socket: socket.to_owned(),
            why: why.to_owned(),
        };
        match timeout(PATIENCE, keys(socket)).await {
            Ok(Ok(Some(keys))) => Self::Keys(keys),
            Ok(Ok(None)) => strange("it refuses"),
            Ok(Err(error))
                if matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::ConnectionRefused
                ) =>
            {
                Self::Gone {
                    socket: socket.to_owned(),
                    link: fs::read_link(socket).ok(),
                }
            }
            Ok(Err(error)) => strange(&error.to_string()),
            Err(_) => strange("no answer within two seconds"),
        }
    }
}

/// The variable that this is the whole value of: `$NAME`, or `${NAME}`. What has more in it is a path.
fn variable_of(agent: &str) -> Option<&str> {
    let word = agent.strip_prefix('$')?;
    let braced = word
        .strip_prefix('{')
        .and_then(|word| word.strip_suffix('}'));
    let name = braced.unwrap_or(word);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (!name.is_empty() && name.bytes().all(plain)).then_some(name)
}

fn variable(name: &str) -> Option<PathBuf> {
    let value = env::var_os(name).filter(|value| !value.is_empty())?;
    Some(value.into())
}

/// How many keys it has; `None` if it answers otherwise.
async fn keys(socket: &Path) -> io::Result<Option<u32>> {
    let mut stream = UnixStream::connect(socket).await?;
    stream.write_all(&QUESTION).await?;
    let _length = stream.read_u32().await?;
    if stream.read_u8().await? != ANSWER {
        return Ok(None);
    }
    stream.read_u32().await.map(Some)
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::symlink, process::Command};

    use super::*;

    #[tokio::test]
    async fn a_real_agent_is_counted_and_one_that_is_gone_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let (socket, key) = (dir.path().join("agent"), dir.path().join("key"));
        let started = Command::new("ssh-agent").arg("-a").arg(&socket).output();
        let said = String::from_utf8(started.unwrap().stdout).unwrap();
        let pid = said.split("SSH_AGENT_PID=").nth(1).unwrap();
        let pid = pid.split(';').next().unwrap().to_owned();
        assert_eq!(Agent::at(&socket).await, Agent::Keys(0));
        let words = ["-q", "-t", "ed25519", "-N", "", "-f"];
        let made = Command::new("ssh-keygen").args(words).arg(&key).status();
        assert!(made.unwrap().success());
        let mut add = Command::new("ssh-add");
        let added = add.arg(&key).env("SSH_AUTH_SOCK", &socket).output();
        assert!(added.unwrap().status.success());
        assert_eq!(Agent::at(&socket).await, Agent::Keys(1));
        assert!(Command::new("kill").arg(pid).status().unwrap().success());

        let (link, nowhere) = (dir.path().join("link"), dir.path().join("nowhere"));
        symlink(&nowhere, &link).unwrap();
        let gone = Agent::Gone {
            socket: link.clone(),
            link: Some(nowhere),
        };
        assert_eq!(Agent::at(&link).await, gone);
        assert_eq!(Agent::ask(Some("none")).await, Agent::Unwanted);
        for path in ["~/%h.sock", "${HOME}/agent.sock", "$HOME/agent.sock"] {
            let unread = Agent::Unread(path.into());
            assert_eq!(Agent::ask(Some(path)).await, unread, "{path}");
        }
        for variable in ["$NETROAM_NO_AGENT", "${NETROAM_NO_AGENT}"] {
            assert_eq!(
                Agent::ask(Some(variable)).await,
                Agent::Unnamed,
                "{variable}"
            );
        }
    }
}
