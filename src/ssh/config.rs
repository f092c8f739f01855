//! What `ssh -G` says of a host.

use std::{collections::BTreeMap, ffi::OsStr, process::Command, time::Duration};

use anyhow::{Context as _, Result, bail};

use super::{args::Args, forward::Forward};

mod level;

pub use level::LogLevel;
use level::log_level;

/// The options that must not reach `ssh -G`: `-E` would swallow its errors into a file, `-q` would silence them, `-v` would bury them.
const NOT_FOR_G: &[u8] = b"Eqv";

/// What dialling, naming and deciding need to know of a host; everything else stays between the user and ssh.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one yes-or-no keyword of ssh_config(5)"
)]
pub struct Config {
    /// The name or address to connect to.
    pub hostname: String,
    /// The port to connect to.
    pub port: u16,
    /// The remote user.
    pub user: String,
    /// Which addresses of the host may be used.
    pub address_family: AddressFamily,
    /// `BindAddress`: the source address to use.
    pub bind_address: Option<String>,
    /// `BindInterface`: the interface whose address is to be the source.
    pub bind_interface: Option<String>,
    /// `ConnectTimeout`; `None` is the kernel's own.
    pub connect_timeout: Option<Duration>,
    /// `ConnectionAttempts`: rounds over all addresses before ssh would give up.
    pub connection_attempts: u32,
    /// `TCPKeepAlive`.
    pub tcp_keep_alive: bool,
    /// `IPQoS` as the type-of-service byte of an interactive session; `None` leaves the system's.
    pub type_of_service: Option<u8>,
    /// `ProxyJump`, as written.
    pub proxy_jump: Option<String>,
    /// `ProxyCommand`, as written; none where it is `netroam dial`: that is netroam itself.
    pub proxy_command: Option<String>,
    /// `ControlMaster` is anything but `no`.
    pub control_master: bool,
    /// `CanonicalizeHostname yes`: only where ssh sees no proxy.
    pub canonicalize_hostname: bool,
    /// `RemoteCommand`.
    pub remote_command: Option<String>,
    /// `RequestTTY`, with `-t` and `-T` taken into account.
    pub request_tty: RequestTty,
    /// `SessionType`, with `-N`, `-s` and `-W` taken into account.
    pub session_type: SessionType,
    /// `EscapeChar`; `None` switches escapes off.
    pub escape_char: Option<u8>,
    /// `ForwardAgent` is on (or names a socket).
    pub forward_agent: bool,
    /// `ServerAliveInterval`; zero is off.
    pub server_alive_interval: Duration,
    /// `ServerAliveCountMax`.
    pub server_alive_count_max: u32,
    /// `ExitOnForwardFailure`.
    pub exit_on_forward_failure: bool,
    /// What a plain ssh of this user would show: `LogLevel`, `-q` and `-v`.
    pub log_level: LogLevel,
    /// `IdentityAgent`, as written, `none` among them; unset is `SSH_AUTH_SOCK`.
    pub identity_agent: Option<String>,
    /// `StrictHostKeyChecking` is such that ssh takes the key of a host that it does not know without a question.
    pub takes_new_host_keys: bool,
    /// `HostKeyAlias`.
    pub host_key_alias: Option<String>,
    /// `StdinNull` (`-n`).
    pub stdin_null: bool,
    /// `ForkAfterAuthentication`: ssh would go to the background.
    pub fork_after_authentication: bool,
    /// `BatchMode`: the user never wants to be asked.
    pub batch_mode: bool,
    /// Local, remote and dynamic forwards; none with `ClearAllForwardings`.
    pub forwards: Vec<Forward>,
    /// It makes no difference whether ssh asks for the forwards when it logs in, or somebody else asks afterwards for all of them:
    /// `ClearAllForwardings`, which keeps ssh from it, would take a `Tunnel` away as well; a `LocalCommand` may need them; the port that a
    /// server chooses is said by the one who asks; and each must be known without a doubt.
    pub forwards_can_wait: bool,
}

/// `AddressFamily`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressFamily {
    /// Both.
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

/// `RequestTTY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestTty {
    /// For a login shell only.
    Auto,
    /// Never.
    No,
    /// When standard input is a terminal.
    Yes,
    /// Always.
    Force,
}

/// `SessionType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionType {
    /// A shell or a command.
    Default,
    /// Forwards only.
    None,
    /// A subsystem.
    Subsystem,
}

/// Whether a `ProxyCommand` is the one that `netroam config ssh` prints, with whatever options.
fn is_our_dial(command: &str) -> bool {
    let Some((program, _)) = command.split_once(" dial ") else {
        return false;
    };
    let program = program.trim().trim_matches(['\'', '"']);
    program == "netroam" || program.ends_with("/netroam")
}

impl Config {
    /// Asks ssh. It runs the user's `Match exec`, so ask once for each start of netroam.
    ///
    /// # Errors
    /// What ssh says of a bad option or an unreadable file, on one line.
    pub fn read(ssh: &OsStr, args: &Args) -> Result<Self> {
        let mut command = Command::new(ssh);
        command
            .arg("-G")
            .args(args.words_without(NOT_FOR_G))
            .arg("--")
            .arg(&args.destination)
            .args(&args.command);
        let mut config = Self::ask(command)?;
        config.log_level = log_level(config.log_level, args);
        Ok(config)
    }

    pub(super) fn ask(mut command: Command) -> Result<Self> {
        let output = command.output().context("cannot run ssh -G")?;
        if !output.status.success() {
            bail!("{}", complaint(&String::from_utf8_lossy(&output.stderr)));
        }
        Self::parse(&String::from_utf8_lossy(&output.stdout))
    }

    /// Reads the output of `ssh -G`: a keyword, a space, the value; what is unset is absent, and what is not known (Apple's `UseKeychain`, or newer
    /// than this) says nothing. ssh writes keywords in lower case; `sshd -G` does so no more since 10.4 (its release notes), so any case will do.
    ///
    /// # Errors
    /// It names no host, no port or no user.
    pub fn parse(said: &str) -> Result<Self> {
        let mut values: BTreeMap<String, &str> = BTreeMap::new();
        let mut forwards = Vec::new();
        for line in said.lines() {
            let (keyword, value) = line.split_once(' ').unwrap_or((line, ""));
            let keyword = keyword.to_ascii_lowercase();
            if matches!(
                &*keyword,
                "localforward" | "remoteforward" | "dynamicforward"
            ) {
                forwards.push(line.to_owned());
            }
            values.entry(keyword).or_insert(value);
        }
        let text = |keyword: &str| {
            values
                .get(keyword)
                .filter(|value| **value != "none")
                .map(|value| (*value).to_owned())
        };
        let yes = |keyword: &str| matches!(values.get(keyword), Some(&("yes" | "true")));
        let number = |keyword: &str| {
            values
                .get(keyword)
                .and_then(|value| value.parse::<u32>().ok())
        };
        if yes("clearallforwardings") {
            forwards.clear();
        }
        Ok(Self {
            hostname: values
                .get("hostname")
                .context("ssh -G names no host")?
                .to_string(),
            port: values
                .get("port")
                .and_then(|port| port.parse().ok())
                .context("ssh -G names no port")?,
            user: values
                .get("user")
                .context("ssh -G names no user")?
                .to_string(),
            address_family: match values.get("addressfamily") {
                Some(&"inet") => AddressFamily::V4,
                Some(&"inet6") => AddressFamily::V6,
                Some(_) | None => AddressFamily::Any,
            },
            bind_address: text("bindaddress"),
            bind_interface: text("bindinterface"),
            connect_timeout: number("connecttimeout")
                .map(|seconds| Duration::from_secs(seconds.into())),
            connection_attempts: number("connectionattempts").unwrap_or(1),
            tcp_keep_alive: yes("tcpkeepalive"),
            type_of_service: values
                .get("ipqos")
                .and_then(|value| type_of_service(value.split(' ').next()?)),
            proxy_jump: text("proxyjump"),
            proxy_command: text("proxycommand").filter(|command| !is_our_dial(command)),
            control_master: !matches!(values.get("controlmaster"), None | Some(&("no" | "false"))),
            canonicalize_hostname: yes("canonicalizehostname"),
            remote_command: text("remotecommand"),
            request_tty: match values.get("requesttty") {
                Some(&("yes" | "true")) => RequestTty::Yes,
                Some(&("no" | "false")) => RequestTty::No,
                Some(&"force") => RequestTty::Force,
                Some(_) | None => RequestTty::Auto,
            },
            session_type: match values.get("sessiontype") {
                Some(&"none") => SessionType::None,
                Some(&"subsystem") => SessionType::Subsystem,
                Some(_) | None => SessionType::Default,
            },
            escape_char: match values.get("escapechar").map(|value| value.as_bytes()) {
                Some(b"none") => None,
                // ssh -G shows ^] as \^].
                Some([b'\\', b'^', control] | [b'^', control]) => Some(control & 0x1f),
                Some([character]) => Some(*character),
                Some(_) | None => Some(b'~'),
            },
            forward_agent: values
                .get("forwardagent")
                .is_some_and(|value| !matches!(*value, "no" | "false")),
            server_alive_interval: Duration::from_secs(
                number("serveraliveinterval").unwrap_or(0).into(),
            ),
            server_alive_count_max: number("serveralivecountmax").unwrap_or(3),
            exit_on_forward_failure: yes("exitonforwardfailure"),
            log_level: values
                .get("loglevel")
                .map_or(LogLevel::Info, |name| LogLevel::of(name)),
            identity_agent: values.get("identityagent").map(|value| (*value).to_owned()),
            takes_new_host_keys: matches!(
                values.get("stricthostkeychecking"),
                Some(&("accept-new" | "no" | "false" | "off"))
            ),
            host_key_alias: text("hostkeyalias"),
            stdin_null: yes("stdinnull"),
            fork_after_authentication: yes("forkafterauthentication"),
            batch_mode: yes("batchmode"),
            forwards_can_wait: forwards_can_wait(&values, &forwards),
            forwards: Forward::all(&forwards),
        })
    }

    /// What netroam has to decide otherwise than the user did, and why; `ours`: netroam dials.
    pub fn overridden(&self, ours: bool) -> Vec<String> {
        let master = "ControlMaster (a stale master would swallow the session)";
        let canonical =
            "CanonicalizeHostname (always, because to ssh netroam's dialling is a proxy)";
        [
            (self.control_master, master),
            (ours && self.canonicalize_hostname, canonical),
        ]
        .into_iter()
        .filter(|(is, _)| *is)
        .map(|(_, what)| what.to_owned())
        .collect()
    }

    /// Whether this is an interactive login session, which screen or tmux can keep; anything else runs as the user typed it. `terminal`:
    /// standard input is one, without which ssh asks for a terminal on the host only if it is forced to (`-tt`).
    pub fn is_login(&self, args: &Args, terminal: bool) -> bool {
        (terminal || self.request_tty == RequestTty::Force)
            && args.command.is_empty()
            && self.remote_command.is_none()
            && self.session_type == SessionType::Default
            && self.request_tty != RequestTty::No
            && !self.stdin_null
    }
}

/// See [`Config::forwards_can_wait`].
fn forwards_can_wait(values: &BTreeMap<String, &str>, forwards: &[String]) -> bool {
    let is = |keyword: &str, wanted: &[&str]| {
        values
            .get(keyword)
            .is_some_and(|value| wanted.contains(value))
    };
    let local_command =
        values.contains_key("localcommand") && is("permitlocalcommand", &["yes", "true"]);
    let tunnel = values.contains_key("tunnel") && !is("tunnel", &["no", "false"]);
    let any_port = || Forward::all(forwards).iter().any(Forward::takes_any_port);
    Forward::all_are_plain(forwards) && !any_port() && !local_command && !tunnel
}

/// The one line that says what ssh did not like.
fn complaint(stderr: &str) -> String {
    let lines = || {
        stderr
            .lines()
            .map(str::trim_end)
            .filter(|line| !line.is_empty())
    };
    lines()
        .take_while(|line| !line.starts_with("usage: "))
        // "FILE: terminating, N bad configuration options" follows the line that says which.
        .filter(|line| !line.contains(": terminating, "))
        .last()
        .or_else(|| {
            lines()
                .next()
                .map(|_| "ssh does not understand this command line")
        })
        .unwrap_or("ssh -G failed and did not say why")
        .to_owned()
}

/// The type-of-service byte of a name that `ssh -G` prints for `IPQoS` (RFC 2474, RFC 3246, RFC 8622; names from ssh's misc.c).
fn type_of_service(name: &str) -> Option<u8> {
    let class = |name: &str, prefix: &str| name.strip_prefix(prefix)?.parse::<u8>().ok();
    if let Some(selector) = class(name, "cs").filter(|selector| *selector < 8) {
        return Some(selector << 5);
    }
    if let Some(assured) = class(name, "af") {
        let (class, drop) = (assured / 10, assured % 10);
        return ((1..=4).contains(&class) && (1..=3).contains(&drop))
            .then_some(class << 5 | drop << 3);
    }
    match name {
        "ef" => Some(0xb8),
        "lowdelay" => Some(0x10),
        "throughput" => Some(0x08),
        "le" | "reliability" => Some(0x04),
        "none" => None,
        _ => name
            .strip_prefix("0x")
            .map_or_else(|| name.parse().ok(), |hex| u8::from_str_radix(hex, 16).ok()),
    }
}

#[cfg(test)]
mod tests;
