//! The lab itself: its machines, cables and addresses.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::delay::DelayLine;
use crate::dir::Dir;
use crate::moves::Stay;
use crate::tunnel::Hole;
use crate::{Net, Node, Piped, Server, Sniffer, Terminal, Tunnel};

/// What a lab is started with.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    rtt: Option<Duration>,
    home_without_nat: bool,
    cafe_ipv6_only: bool,
    sshd_lines: String,
}

impl Builder {
    /// Puts a delay line before the server: this round-trip time, which [`Lab::set_rtt`] can change. Without it the
    /// way to the server is kernel only, about 0.1 ms.
    #[must_use]
    pub fn rtt(mut self, rtt: Duration) -> Self {
        self.rtt = Some(rtt);
        self
    }

    /// Lets home's IPv4 addresses reach the server as they are. Without this, home translates them, as the café does.
    #[must_use]
    pub fn home_without_nat(mut self) -> Self {
        self.home_without_nat = true;
        self
    }

    /// A café without any IPv4.
    #[must_use]
    pub fn cafe_ipv6_only(mut self) -> Self {
        self.cafe_ipv6_only = true;
        self
    }

    /// Further lines for `sshd_config`; they come first, so they win.
    #[must_use]
    pub fn sshd(mut self, lines: &str) -> Self {
        self.sshd_lines.push_str(lines);
        self.sshd_lines.push('\n');
        self
    }

    /// Starts the lab: everything is up, the laptop is nowhere.
    pub fn start(self) -> Result<Lab> {
        Lab::start(&self)
    }
}

/// A laptop, home, a café, the internet between them and a server, all our own.
#[derive(Debug)]
pub struct Lab {
    // Dropped in this order: what runs on machines first, the files last.
    pub(crate) tunnel: Mutex<Option<Tunnel>>,
    pub(crate) hole: Arc<Hole>,
    server: Server,
    delay: Option<DelayLine>,
    pub(crate) laptop: Arc<Node>,
    home: Arc<Node>,
    pub(crate) cafe: Arc<Node>,
    pub(crate) internet: Arc<Node>,
    pub(crate) cafe_ipv6_only: bool,
    pub(crate) stays: Mutex<BTreeMap<Net, Stay>>,
    dir: Dir,
}

impl Lab {
    /// The server's public IPv4 address.
    pub const SERVER_V4: &'static str = "203.0.113.10";
    /// The server's public IPv6 address.
    pub const SERVER_V6: &'static str = "2001:db8:5::10";
    /// The server's address inside, reached through the tunnel only.
    pub const INSIDE_V4: &'static str = "10.99.0.10";
    /// The network inside: a tunnel leads there, home and the café do not.
    pub const INSIDE_NET: &'static str = "10.99.0.0/24";

    /// A lab as it mostly is: home and café with both address families, no delay.
    pub fn new() -> Result<Self> {
        Builder::default().start()
    }

    /// A lab with choices.
    pub fn builder() -> Builder {
        Builder::default()
    }

    fn start(choices: &Builder) -> Result<Self> {
        ensure!(
            nix::unistd::geteuid().is_root(),
            "the lab makes network namespaces and real accounts: it needs root"
        );
        let dir = Dir::make()?;
        let [laptop, home, cafe, internet] = [
            Arc::new(Node::start("laptop")?),
            Arc::new(Node::start("home")?),
            Arc::new(Node::start("cafe")?),
            Arc::new(Node::start("internet")?),
        ];
        let server_node = Node::start("server")?;
        for router in [&home, &cafe, &internet] {
            router.sysctl("ipv4/ip_forward", "1")?;
            router.sysctl("ipv6/conf/all/forwarding", "1")?;
        }
        for node in [&*laptop, &*home, &*cafe, &*internet, &server_node] {
            // Duplicate address detection would keep each IPv6 address unusable for a second.
            node.sysctl("ipv6/conf/all/accept_dad", "0")?;
            node.sysctl("ipv6/conf/default/accept_dad", "0")?;
            node.sysctl("ipv6/conf/default/accept_ra", "0")?;
        }
        for (net, router) in [(Net::Home, &home), (Net::Cafe, &cafe)] {
            wire_uplink(net, router, &internet)?;
            // RFC 2827: what does not come from here is not handed on, and not answered.
            router.nft(&format!(
                "table inet ingress {{ chain way {{ type filter hook forward priority -20; \
                 iifname \"lan\" ip saddr != {}.0/24 drop; iifname \"lan\" ip6 saddr != {}::/64 drop; }}; }}",
                net.v4_prefix(),
                net.v6_prefix()
            ))?;
            if net == Net::Cafe || !choices.home_without_nat {
                router.nft(
                    "table ip nat { chain out { type nat hook postrouting priority srcnat; oifname \"wan\" masquerade; }; }",
                )?;
            }
        }
        // Inside is inside: whoever comes from home or the café does not get there.
        // And the tunnel's end takes what comes from the tunnel's own addresses, as WireGuard's AllowedIPs do.
        internet.nft(&format!(
            "table inet inside {{ chain way {{ type filter hook forward priority 0; \
             iifname {{ \"home\", \"cafe\" }} ip daddr {} drop; iifname \"vpn\" ip saddr != 10.8.0.0/24 drop; \
             iifname \"vpn\" ip6 saddr != fd08::/64 drop; }}; }}",
            Self::INSIDE_NET
        ))?;
        let delay = wire_server(&internet, &server_node, choices.rtt)?;
        fs::write(dir.path().join("probe"), crate::ticks::PROBE)?;
        let server = Server::start(server_node, dir.path(), &choices.sshd_lines)?;
        furnish_laptop(&laptop, dir.path(), &server)?;
        let lab = Self {
            tunnel: Mutex::new(None),
            hole: Arc::default(),
            server,
            delay,
            laptop,
            home,
            cafe,
            internet,
            cafe_ipv6_only: choices.cafe_ipv6_only,
            stays: Mutex::default(),
            dir,
        };
        for net in Net::ALL {
            lab.cable(net)?;
        }
        Ok(lab)
    }

    /// The laptop.
    pub fn laptop(&self) -> &Node {
        &self.laptop
    }

    /// The server: its sshd, its accounts, its log.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The router of home or of the café.
    pub fn router(&self, net: Net) -> &Node {
        match net {
            Net::Home => &self.home,
            Net::Cafe => &self.cafe,
        }
    }

    /// The lab's own directory, gone with the lab.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The laptop user's home directory.
    pub fn home_dir(&self) -> PathBuf {
        self.dir.path().join("laptop/home")
    }

    /// The laptop's ssh configuration, complete as `ssh -G` sees it; for `-F`. Hosts: `work` (both families), `work4`,
    /// `work6`, `inside` (through a tunnel only), `corp` (the same by a name of [`crate::Names`]), and `work-SHELL` for each of [`crate::SHELLS`].
    pub fn ssh_config(&self) -> PathBuf {
        self.dir.path().join("laptop/ssh_config")
    }

    /// Replaces what the laptop knows by name (`hosts(5)`).
    pub fn set_host_names(&self, hosts: &str) -> Result<()> {
        // Written in place: the file is mounted over the laptop's /etc/hosts.
        fs::write(self.dir.path().join("laptop/hosts"), hosts)
            .context("cannot write the laptop's hosts")
    }

    /// Changes the round-trip time of a lab that was built with one.
    pub fn set_rtt(&self, rtt: Duration) -> Result<()> {
        self.delay
            .as_ref()
            .context("this lab has no delay line: build it with rtt()")?
            .set_rtt(rtt);
        Ok(())
    }

    /// A command for the laptop: nothing of this process's environment but PATH, and the laptop user's own.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        let home = self.home_dir();
        command
            .env_clear()
            .env(
                "PATH",
                std::env::var_os("PATH").unwrap_or_else(|| "/usr/sbin:/usr/bin:/sbin:/bin".into()),
            )
            .env("HOME", &home)
            .env("XDG_CONFIG_HOME", home.join(".config"))
            .env("XDG_STATE_HOME", home.join(".local/state"))
            .env("XDG_RUNTIME_DIR", self.dir.path().join("laptop/run"))
            // /tmp itself stays the machine's: what is to be tested may have been built there.
            .env("TMPDIR", self.dir.path().join("laptop/tmp"))
            .env("USER", "root")
            .env("LOGNAME", "root")
            .env("SHELL", "/bin/bash")
            .env("TERM", "xterm-256color")
            .env("LANG", "C.UTF-8");
        command
    }

    /// Runs a program on the laptop under a terminal of 24 rows and 80 columns.
    pub fn terminal<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Terminal> {
        self.terminal_with(arguments, 24, 80, &[])
    }

    /// The same with a size and further environment.
    pub fn terminal_with<S: AsRef<OsStr>>(
        &self,
        arguments: &[S],
        rows: u16,
        columns: u16,
        env: &[(&str, &str)],
    ) -> Result<Terminal> {
        // setsid executes in place, so the child's id is the program's.
        let mut command = self.command("setsid");
        command
            .arg("--ctty")
            .args(arguments)
            .envs(env.iter().copied());
        Terminal::start(&self.laptop, command, rows, columns)
    }

    /// Runs a program on the laptop without any terminal: its standard streams are pipes.
    pub fn piped<S: AsRef<OsStr>>(&self, arguments: &[S], env: &[(&str, &str)]) -> Result<Piped> {
        let mut command = self.command("setsid");
        command.args(arguments).envs(env.iter().copied());
        Piped::start(&self.laptop, command)
    }

    /// Starts a command made by [`Lab::command`] on the laptop.
    pub fn spawn(&self, command: &mut Command) -> Result<Child> {
        self.laptop.spawn(command)
    }

    /// Records every packet that enters or leaves the laptop, from now on.
    pub fn sniff(&self) -> Result<Sniffer> {
        Sniffer::start(&self.laptop)
    }
}

/// An interface number that the far end of a cable does not get. Where both ends have the same number, in two
/// namespaces, the kernel takes the cable for an ordinary link and may tell of its carrier a second late
/// (`linkwatch_urgent_event` in `net/core/link_watch.c`).
pub(crate) const INDEX: u32 = 1000;

/// Router and internet: a cable, addresses, routes both ways.
fn wire_uplink(net: Net, router: &Node, internet: &Node) -> Result<()> {
    let (name, n, v4, v6) = (net.name(), net.number(), net.v4_prefix(), net.v6_prefix());
    router.ip_batch(&format!(
        "link add wan index {INDEX} type veth peer name {name} netns {}\n\
         addr add 198.51.100.{}/30 dev wan\naddr add 2001:db8:ff:{n}::2/64 dev wan nodad\nlink set wan up\n",
        internet.net_path(),
        n * 4 + 2
    ))?;
    internet.ip_batch(&format!(
        "addr add 198.51.100.{}/30 dev {name}\naddr add 2001:db8:ff:{n}::1/64 dev {name} nodad\nlink set {name} up\n\
         route add {v4}.0/24 via 198.51.100.{}\nroute add {v6}::/64 via 2001:db8:ff:{n}::2\n",
        n * 4 + 1,
        n * 4 + 2
    ))?;
    router.ip_batch(&format!(
        "route add default via 198.51.100.{}\nroute add default via 2001:db8:ff:{n}::1\n",
        n * 4 + 1
    ))
}

/// Internet and server: a cable, or a line that takes time.
fn wire_server(internet: &Node, server: &Node, rtt: Option<Duration>) -> Result<Option<DelayLine>> {
    let delay = rtt
        .map(|rtt| DelayLine::start(internet, server, "wire", rtt))
        .transpose()?;
    if delay.is_none() {
        internet.ip(&format!(
            "link add wire index {INDEX} type veth peer name wire netns {}",
            server.net_path()
        ))?;
    }
    internet.ip_batch(&format!(
        "addr add 203.0.113.1/24 dev wire\naddr add 2001:db8:5::1/64 dev wire nodad\nlink set wire up\n\
         route add {} dev wire\n",
        Lab::INSIDE_NET
    ))?;
    server.ip_batch(&format!(
        "addr add {}/24 dev wire\naddr add {}/64 dev wire nodad\naddr add {}/32 dev wire\nlink set wire up\n\
         route add default via 203.0.113.1\nroute add default via 2001:db8:5::1\n",
        Lab::SERVER_V4,
        Lab::SERVER_V6,
        Lab::INSIDE_V4
    ))?;
    Ok(delay)
}

/// The laptop's files: home, names, ssh configuration. Mounted in its own mount namespace, so the machine's stay as
/// they are, and ssh (which takes the home directory from passwd) never sees the real root's.
fn furnish_laptop(laptop: &Node, dir: &Path, server: &Server) -> Result<()> {
    let own = dir.join("laptop");
    for sub in ["home/.ssh", "run", "tmp"] {
        fs::create_dir_all(own.join(sub))?;
    }
    let (v4, v6, inside) = (Lab::SERVER_V4, Lab::SERVER_V6, Lab::INSIDE_V4);
    fs::write(
        own.join("hosts"),
        format!(
            "127.0.0.1 localhost\n::1 localhost\n127.0.1.1 laptop\n{v6} server.example server6.example\n\
             {v4} server.example server4.example\n{inside} inside.example\n"
        ),
    )?;
    // Nobody answers there, and with no path the kernel says so at once.
    fs::write(
        own.join("resolv.conf"),
        "nameserver 192.0.2.53\noptions timeout:1 attempts:1\n",
    )?;
    fs::write(
        own.join("passwd"),
        format!(
            "root:x:0:0:root:{}:/bin/bash\nsshd:x:100:65534::/run/sshd:/usr/sbin/nologin\n",
            own.join("home").display()
        ),
    )?;
    fs::write(own.join("ssh_config"), server.client_config(dir))?;
    fs::copy(own.join("ssh_config"), own.join("home/.ssh/config"))?;
    let own = own.display();
    laptop.sh(&format!(
        "cd {own}; mount --bind passwd /etc/passwd; mount --bind hosts /etc/hosts
         echo 'hosts: files dns' > nsswitch.conf
         if [ -e /etc/nsswitch.conf ]; then mount --bind nsswitch.conf /etc/nsswitch.conf; fi
         if [ -e /etc/resolv.conf ]; then mount --bind resolv.conf /etc/resolv.conf; fi
         mount -t tmpfs -o mode=755 tmpfs /run"
    ))?;
    Ok(())
}
