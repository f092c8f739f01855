//! Starts one ssh process, and has it listened to.

use std::{
    io,
    net::TcpStream,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result};
use netroam_platform::{
    process::{self, Pid},
    pty,
    readable::Readable,
    tcp,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::AbortHandle,
};

use super::{LiveRun, Stage};
use crate::{
    connect::HandOver,
    driver::{
        Message, Session,
        dir::RunDir,
        ear::Ear,
        forwards::{self, Beside, Keep},
    },
    ssh::{Asks, LogReader, Master, Run, SessionType, log::says_goodbye},
    supervisor::RunId,
};

/// What a run needs.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that do not exclude each other"
)]
pub(in crate::driver) struct Plan {
    pub(in crate::driver) id: RunId,
    /// The connection that ssh gets; without one it dials by itself.
    pub(in crate::driver) socket: Option<TcpStream>,
    /// Nobody is to be asked anything.
    pub(in crate::driver) unattended: bool,
    /// The remote command that attaches the context.
    pub(in crate::driver) attach: Option<String>,
    /// An earlier run was this session.
    pub(in crate::driver) again: bool,
    /// The remote forwards are to wait for the note.
    pub(in crate::driver) late: bool,
    /// The command, beside the session, after which the host knows whose connection this is.
    pub(in crate::driver) note: Option<String>,
    /// Whether the host runs it, as far as is known.
    pub(in crate::driver) beside: Beside,
    /// A terminal is there, and what ssh says must find one.
    pub(in crate::driver) terminal: bool,
    /// What ssh says must go through us, because our standard error will not be the present one.
    pub(in crate::driver) heard: bool,
    /// ssh starts others to reach the host.
    pub(in crate::driver) chained: bool,
}

impl LiveRun {
    /// Starts ssh and listens to it.
    pub(in crate::driver) fn start(
        session: &Session,
        dir: &RunDir,
        plan: Plan,
        messages: &mpsc::UnboundedSender<Message>,
    ) -> Result<Self> {
        let (log_path, fifo) = dir
            .fifo(plan.id.0)
            .context("cannot make a fifo for its log")?;
        let wanted = &session.config.forwards;
        if plan.again {
            wanted.iter().for_each(forwards::free_here);
        }
        let master = master(session, dir, plan.id);
        // A reconnect is not to fail for what our own stale server side holds.
        let forwards = match (plan.again && master.is_some(), plan.late) {
            (false, _) => Asks::Asked,
            (true, false) => Asks::Kept,
            (true, true) => Asks::Late,
        };
        let run = Run {
            args: &session.args,
            config: &session.config,
            log: &log_path,
            unattended: plan.unattended,
            handover: plan.socket.is_some(),
            attach: plan.attach.as_deref(),
            master: master.as_ref(),
            forwards,
        };
        let mut handing_over = None;
        let mut command = Command::new(&session.ssh);
        command.args(run.argv());
        if let Some(socket) = &plan.socket {
            if let Err(error) =
                tcp::keep_honest(socket, session.stall, session.config.tcp_keep_alive)
            {
                tracing::warn!(%error, "the kernel does not watch this connection");
            }
            handing_over = Some(give(socket, session, dir, &mut command)?);
        }
        let stderr = if plan.terminal || plan.heard {
            let said = hear(&mut command).context("cannot open a pty for what ssh says")?;
            Some(said)
        } else {
            None
        };
        let pid = spawn(command, plan.heard)
            .with_context(|| format!("cannot run {}", session.ssh.display()))?;
        let (gone, end) = oneshot::channel();
        let keep = Keep {
            again: plan.again,
            late: forwards == Asks::Late,
            note: plan.note,
            beside: plan.beside,
            strict: forwards != Asks::Asked && session.config.exit_on_forward_failure,
        };
        let told = master.map(|master| keep.start(plan.id, master, wanted, messages));
        let log = LogReader::new(session.config.log_level);
        let ear = Ear {
            id: plan.id,
            log: match session.config.session_type {
                SessionType::None => log.without_command(),
                SessionType::Default | SessionType::Subsystem => log,
            },
            heard: Vec::new(),
            words: Vec::new(),
            goodbye: says_goodbye(session.config.log_level).then(Vec::new),
            log_file: session
                .log_file
                .as_ref()
                .map(std::fs::File::try_clone)
                .transpose()
                .context("cannot duplicate ssh's log file")?,
            context: plan.attach.is_some(),
            escapable: plan.terminal && session.config.escape_char.is_some(),
            exit_on_forward_failure: session.config.exit_on_forward_failure
                && forwards == Asks::Asked,
            forwards: told,
            fifo: Readable::new(fifo)?,
            stderr,
            unattended: plan.unattended,
            messages: messages.clone(),
        };
        tokio::spawn(ear.listen(end, log_path));
        Ok(Self {
            pid,
            unattended: plan.unattended,
            placed: false,
            silenced: false,
            attached: false,
            stage: Stage::Connecting,
            undelivered: false,
            kill_at: None,
            chained: plan.chained,
            chain: None,
            granted: 0,
            not_without: None,
            socket: plan.socket,
            handing_over,
            gone: Some(gone),
        })
    }
}

/// Where this run can be asked for its forwards, if it has any.
fn master(session: &Session, dir: &RunDir, id: RunId) -> Option<Master> {
    if session.config.forwards.is_empty() {
        return None;
    }
    Master::at(&session.ssh, dir.path().join(format!("master.{}", id.0)))
}

/// What the command will say on its standard error.
fn hear(command: &mut Command) -> io::Result<Readable> {
    let pty = pty::open(io::stderr())?;
    command.stderr(Stdio::from(pty.slave));
    Readable::new(pty.master)
}

/// Waits for this ssh to fetch the connection, and gives it.
fn give(
    socket: &TcpStream,
    session: &Session,
    dir: &RunDir,
    command: &mut Command,
) -> Result<AbortHandle> {
    let hand_over =
        HandOver::listen(dir.path()).context("cannot make a socket to hand the connection over")?;
    command.envs(Run::environment(
        session.exe.as_os_str(),
        hand_over.path().as_os_str(),
    ));
    let given = socket
        .try_clone()
        .context("cannot duplicate the connection")?;
    let giving = tokio::spawn(async move {
        if let Err(error) = hand_over.give(&given).await {
            tracing::warn!(%error, "cannot hand the connection over");
        }
    });
    Ok(giving.abort_handle())
}

/// Starts ssh. Where it `outlives` the terminal (`-f`), it is not to hear of the end of that, and has no input.
fn spawn(mut command: Command, outlives: bool) -> io::Result<Pid> {
    if outlives {
        command.stdin(Stdio::null());
        process::spawn_outliving_terminal(command)
    } else {
        process::spawn(command)
    }
}
