//! One machine of the lab: its own network, mounts and process tree.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use nix::sched::{CloneFlags, setns, unshare};

use crate::Proc;

/// A machine: network, mount, host name and process namespaces, kept by a process that ends with the lab.
///
/// That process is the `init` of the machine: it ends as soon as this process closes its standard input, or dies in
/// any way, and the kernel then kills whatever still runs on the machine (`pid_namespaces(7)`). So nothing outlives a
/// lab, daemons that forked twice included.
#[derive(Debug)]
pub struct Node {
    name: &'static str,
    keeper: Child,
    net: File,
    mounts: File,
    hostname: File,
    pids: File,
}

impl Node {
    /// Starts an empty machine: loopback up, nothing else.
    pub(crate) fn start(name: &'static str) -> Result<Self> {
        // bash: as process 1 it reaps what is reparented to it, which dash does not.
        let mut keeper = Command::new("unshare")
            .args([
                "--net",
                "--mount",
                "--uts",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
            ])
            .args([
                "bash",
                "-c",
                "trap '' INT TERM HUP; echo $1 > /proc/sys/kernel/hostname; echo ready; read -r _",
            ])
            .args(["bash", name])
            // Ctrl-C is for programs of the lab, not for its machines.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot run unshare (util-linux)")?;
        let mut ready = String::new();
        let stdout = keeper
            .stdout
            .take()
            .context("unshare has no standard output")?;
        BufReader::new(stdout).read_line(&mut ready)?;
        if ready.trim() != "ready" {
            let output = keeper.wait_with_output()?;
            bail!(
                "cannot make namespaces for {name}: {} (the lab needs root)",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        let open = |kind: &str| {
            let path = format!("/proc/{}/ns/{kind}", keeper.id());
            File::open(&path).with_context(|| format!("cannot open {path}"))
        };
        let node = Self {
            name,
            net: open("net")?,
            mounts: open("mnt")?,
            hostname: open("uts")?,
            pids: open("pid_for_children")?,
            keeper,
        };
        node.ip("link set lo up")?;
        Ok(node)
    }

    /// The name it has in messages.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Runs `work` on a thread of this process that is in the machine's network: for sockets and `/proc/sys/net`.
    pub fn within<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        on_thread(|| {
            setns(&self.net, CloneFlags::CLONE_NEWNET)
                .context("cannot enter the network namespace")?;
            work()
        })
    }

    /// Starts a command on the machine: its network, its mounts, its process tree. The child's id is the one that
    /// this process sees.
    pub fn spawn(&self, command: &mut Command) -> Result<Child> {
        let program = command.get_program().to_owned();
        on_thread(|| {
            unshare(CloneFlags::CLONE_FS)?;
            setns(&self.net, CloneFlags::CLONE_NEWNET)?;
            setns(&self.hostname, CloneFlags::CLONE_NEWUTS)?;
            setns(&self.pids, CloneFlags::CLONE_NEWPID)?;
            setns(&self.mounts, CloneFlags::CLONE_NEWNS)?;
            command
                .spawn()
                .with_context(|| format!("cannot start {} on {}", program.display(), self.name))
        })
    }

    /// Runs a shell script on the machine to its end; what it printed, or an error with what it complained about.
    pub fn sh(&self, script: &str) -> Result<String> {
        let mut command = Command::new("bash");
        command
            .args(["-ec", script])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let output = self.spawn(&mut command)?.wait_with_output()?;
        text_of(&output).with_context(|| format!("on {}: {script}", self.name))
    }

    /// Runs `ip` with these arguments (words separated by blanks) in the machine's network.
    pub fn ip(&self, arguments: &str) -> Result<String> {
        self.within(|| {
            let output = Command::new("ip")
                .args(arguments.split_whitespace())
                .output()
                .context("cannot run ip")?;
            text_of(&output)
        })
        .with_context(|| format!("{}: ip {arguments}", self.name))
    }

    /// Runs several `ip` commands, one per line, by one process: they reach the kernel within a millisecond.
    pub fn ip_batch(&self, lines: &str) -> Result<()> {
        self.feed("ip", &["-batch", "-"], lines)
    }

    /// Loads nftables rules into the machine's network.
    pub fn nft(&self, rules: &str) -> Result<()> {
        self.feed("nft", &["-f", "-"], rules)
    }

    /// Sets a kernel parameter of the machine's network, named by its path below `/proc/sys/net`.
    pub fn sysctl(&self, path: &str, value: &str) -> Result<()> {
        let file = Path::new("/proc/sys/net").join(path);
        self.within(|| {
            std::fs::write(&file, value)
                .with_context(|| format!("{}: {}", self.name, file.display()))
        })
    }

    /// A path that `ip link … netns PATH` takes, to put the end of a link here.
    pub(crate) fn net_path(&self) -> String {
        format!("/proc/{}/ns/net", self.keeper.id())
    }

    /// The machine's process namespace, as `/proc/PID/ns/pid` shows it.
    fn pid_namespace(&self) -> Result<String> {
        let link = std::fs::read_link(format!("/proc/{}/ns/pid_for_children", self.keeper.id()))?;
        Ok(link.to_string_lossy().into_owned())
    }

    /// Every process on the machine, its init included.
    pub fn processes(&self) -> Result<Vec<Proc>> {
        Proc::in_namespace(&self.pid_namespace()?)
    }

    /// Ends every process on the machine at once, as a power cut does.
    pub fn power_off(&mut self) -> Result<()> {
        self.keeper.kill()?; // --kill-child takes the machine's init with it
        self.keeper.wait()?;
        Ok(())
    }

    fn feed(&self, program: &str, arguments: &[&str], input: &str) -> Result<()> {
        self.within(|| {
            let mut child = Command::new(program)
                .args(arguments)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .with_context(|| format!("cannot run {program}"))?;
            child
                .stdin
                .take()
                .context("no standard input")?
                .write_all(input.as_bytes())?;
            text_of(&child.wait_with_output()?)?;
            Ok(())
        })
        .with_context(|| format!("{}: {program}: {input}", self.name))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Nothing to be done about a failure here: the keeper is gone then, which is what was wanted.
        let _ended = self.power_off();
    }
}

/// `setns` changes the calling thread for good: so on a thread of its own.
fn on_thread<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|scope| match scope.spawn(work).join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

fn text_of(output: &Output) -> Result<String> {
    ensure!(
        output.status.success(),
        "{}: {}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim(),
        String::from_utf8_lossy(&output.stdout).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
