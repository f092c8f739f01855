//! Listening to one run: its log, what it says, its end.

use std::{fs::File, io::Write as _};

use netroam_platform::{process::Change, readable::Readable};
use tokio::{
    select,
    sync::{mpsc, oneshot},
};

use super::{Message, act::report_to, forwards::Heard};
use crate::{
    ssh::{
        Ending, Evidence, Forward, LogEvent, LogLine, LogReader, Side, classify, ending,
        log::{is_about_asking_again, is_about_forward, is_goodbye},
    },
    supervisor::RunId,
};

/// How much of what ssh wrote to its standard error is kept to judge its end: far more than its last two lines.
const LAST_WORDS: usize = 4096;

/// So many events of a run are kept; a log that ends has some twenty, and one for each forward.
const MOST_HEARD: usize = 1000;

/// So often is read before anything else has its turn, since a server can have ssh talk without end; more than a fifo or a pty holds at once.
const AT_ONCE: usize = 64;

/// What the log of a run says of its forwards.
pub(super) struct Forwards {
    wanted: Vec<Forward>,
    again: bool,
    /// The local one for which ssh is about to listen.
    listening: Option<String>,
    /// ssh speaks of one that is none of those wanted, so that nobody asks for it again.
    unknown: bool,
    /// ssh has asked for all of them.
    started: bool,
    tell: mpsc::UnboundedSender<Heard>,
}

impl Forwards {
    /// For a run that is the session's first, or comes `again`.
    pub(super) fn new(
        wanted: Vec<Forward>,
        again: bool,
        tell: mpsc::UnboundedSender<Heard>,
    ) -> Self {
        Self {
            wanted,
            again,
            listening: None,
            unknown: false,
            started: false,
            tell,
        }
    }

    /// Tells what concerns a forward; true if the line is nothing for the user, because netroam sees to it.
    fn hear(&mut self, line: &LogLine) -> bool {
        match &line.event {
            Some(LogEvent::Authenticated) => self.tell(Heard::Authenticated),
            Some(LogEvent::SessionStarted) => {
                self.tell(Heard::Started);
                self.started = true;
                self.listening = None;
            }
            Some(LogEvent::ForcedCommand) => self.tell(Heard::Forced),
            Some(LogEvent::Listening(name)) => {
                self.unknown = self.called(Side::Local, name).is_none();
                self.listening = Some(name.clone());
            }
            Some(LogEvent::CannotListen) => {
                if let Some(name) = self.listening.take() {
                    self.refused(Side::Local, &name);
                }
            }
            Some(LogEvent::Listens { forward, granted }) => {
                self.tell(Heard::Answered);
                self.unknown = self.called(Side::Remote, forward).is_none();
                if !granted {
                    self.refused(Side::Remote, forward);
                }
            }
            Some(_) | None => {}
        }
        // The first time ssh says it, as it always does; what comes of asking again is for the log.
        let by_asking = self.started && line.event == Some(LogEvent::CannotListen);
        is_about_asking_again(&line.text)
            || (is_about_forward(&line.text) && ((self.again && !self.unknown) || by_asking))
            || (self.started && line.text.starts_with("bind ["))
    }

    fn refused(&self, side: Side, name: &str) {
        if let Some(forward) = self.called(side, name) {
            self.tell(Heard::Refused(forward.clone()));
        }
    }

    fn called(&self, side: Side, name: &str) -> Option<&Forward> {
        self.wanted.iter().find(|one| one.is_called(side, name))
    }

    fn tell(&self, heard: Heard) {
        if self.tell.send(heard).is_err() {
            tracing::debug!("nobody sees to the forwards any more");
        }
    }
}

/// Listens to one run: its log, its last words, its end.
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that do not exclude each other"
)]
pub(super) struct Ear {
    pub(super) id: RunId,
    pub(super) log: LogReader,
    pub(super) heard: Vec<LogEvent>,
    /// The end of what it wrote to its standard error.
    pub(super) words: Vec<u8>,
    /// Its goodbye, until it is known whether that is true; `None` where the user does not want to hear it.
    pub(super) goodbye: Option<Vec<u8>>,
    /// Where the user wants to have what ssh logs.
    pub(super) log_file: Option<File>,
    pub(super) context: bool,
    /// On a terminal, where somebody can type `~.`.
    pub(super) escapable: bool,
    pub(super) exit_on_forward_failure: bool,
    /// Where netroam sees to the forwards.
    pub(super) forwards: Option<Forwards>,
    pub(super) fifo: Readable,
    pub(super) stderr: Option<Readable>,
    pub(super) unattended: bool,
    pub(super) messages: mpsc::UnboundedSender<Message>,
}

impl Ear {
    /// Listens until ssh is gone, and then says how it ended; `end` also says whether netroam had told it to.
    pub(super) async fn listen(
        mut self,
        mut end: oneshot::Receiver<(Change, bool)>,
        log_path: std::path::PathBuf,
    ) {
        let mut unlinked = false;
        let (change, told) = loop {
            select! {
                biased;
                ready = self.fifo.readable() => {
                    if !unlinked {
                        // ssh has it open: nothing is left behind whatever becomes of us.
                        unlinked = std::fs::remove_file(&log_path).is_ok();
                    }
                    if ready.is_err() || !self.read_log() {
                        break end.await.unwrap_or((Change::Exited(u8::MAX), true));
                    }
                }
                ready = readable(self.stderr.as_ref()) => {
                    if ready.is_err() || !self.read_stderr() {
                        self.stderr = None;
                    }
                }
                ended = &mut end => break ended.unwrap_or((Change::Exited(u8::MAX), true)),
            }
        };
        self.read_log();
        self.read_stderr();
        if !unlinked && let Err(error) = std::fs::remove_file(&log_path) {
            tracing::debug!(%error, "the log fifo was not there any more");
        }
        if let Some(line) = self.log.finish() {
            self.hear(line);
        }
        let evidence = Evidence {
            exit: match change {
                Change::Signalled(signal) => ending::Exit::Signal(signal),
                Change::Exited(status) => ending::Exit::Status(status.into()),
                Change::Stopped(_) | Change::Continued => ending::Exit::Status(u8::MAX.into()),
            },
            log: &self.heard,
            stderr: &self.words,
            ended_by_us: told,
            unattended: self.unattended,
            context: self.context,
            escapable: self.escapable,
            exit_on_forward_failure: self.exit_on_forward_failure,
        };
        let ending = classify(&evidence);
        if let Some(goodbye) = self.goodbye
            && matches!(
                ending,
                Ending::Finished { .. } | Ending::RemoteKilled | Ending::Escaped
            )
        {
            report_to(&self.messages, Message::Said(goodbye));
        }
        report_to(&self.messages, Message::Over(self.id, ending));
    }

    /// Reads what is there; false at the end of the fifo, which cannot be while we hold it open for writing too.
    fn read_log(&mut self) -> bool {
        let mut buffer = [0; 8192];
        for _ in 0..AT_ONCE {
            match self.fifo.try_read(&mut buffer) {
                Ok(Some(0)) | Err(_) => return false,
                Ok(Some(count)) => {
                    for line in self.log.feed(&buffer[..count]) {
                        self.hear(line);
                    }
                }
                Ok(None) => return true,
            }
        }
        true
    }

    fn hear(&mut self, line: LogLine) {
        tracing::trace!(run = self.id.0, line.text, "ssh");
        let hidden = self
            .forwards
            .as_mut()
            .is_some_and(|forwards| forwards.hear(&line));
        let repeated = self.id.0 != 1 && line.is_said_at_every_login();
        if line.shown && !hidden && !repeated {
            let bytes = format!("{}\r\n", line.text).into_bytes();
            match &mut self.log_file {
                None => report_to(&self.messages, Message::Said(bytes)),
                Some(file) => {
                    if let Err(error) = file.write_all(&bytes) {
                        tracing::warn!(%error, "cannot write ssh's log file");
                    }
                }
            }
        }
        if let Some(event) = line.event {
            if event == LogEvent::Greeted {
                report_to(&self.messages, Message::Greeted(self.id));
            }
            if event == LogEvent::KeyExchanged {
                report_to(&self.messages, Message::KeyExchanged(self.id));
            }
            if event == LogEvent::Authenticated {
                report_to(&self.messages, Message::Authenticated(self.id));
            }
            if let LogEvent::Listens { granted: true, .. } = event {
                report_to(&self.messages, Message::ForwardGranted(self.id));
            }
            if let LogEvent::Connecting(address) = event {
                report_to(
                    &self.messages,
                    Message::FirstHop(Some(self.id), vec![address]),
                );
            }
            keep(&mut self.heard, event);
        }
    }

    fn read_stderr(&mut self) -> bool {
        let mut buffer = [0; 4096];
        for _ in 0..AT_ONCE {
            let Some(stderr) = &self.stderr else {
                return false;
            };
            match stderr.try_read(&mut buffer) {
                Ok(Some(0)) | Err(_) => return false,
                Ok(Some(count)) => {
                    self.words.extend_from_slice(&buffer[..count]);
                    let surplus = self.words.len().saturating_sub(LAST_WORDS);
                    self.words.drain(..surplus);
                    self.pass_on(&buffer[..count]);
                }
                Ok(None) => return true,
            }
        }
        true
    }

    /// ssh writes each of its lines at once, so that a line is never in two pieces here.
    fn pass_on(&mut self, said: &[u8]) {
        let (goodbye, rest): (Vec<&[u8]>, Vec<&[u8]>) = said
            .split_inclusive(|byte| *byte == b'\n')
            .partition(|line| is_goodbye(line));
        if let Some(kept) = &mut self.goodbye {
            kept.extend(goodbye.concat());
            // Nobody says goodbye that often: a remote command does, and is to be heard.
            if kept.len() > LAST_WORDS {
                let not_yet = std::mem::take(kept);
                report_to(&self.messages, Message::Said(not_yet));
            }
        }
        if !rest.is_empty() {
            report_to(&self.messages, Message::Said(rest.concat()));
        }
    }
}

/// Keeps what was said. What is said first and last tells how a run ended; a server that talks for ever has said enough in between.
fn keep(heard: &mut Vec<LogEvent>, event: LogEvent) {
    if heard.len() == MOST_HEARD {
        heard.remove(MOST_HEARD / 2);
    }
    heard.push(event);
}

async fn readable(stderr: Option<&Readable>) -> std::io::Result<()> {
    match stderr {
        Some(stderr) => stderr.readable().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssh::config::LogLevel;

    #[test]
    fn of_a_server_that_talks_for_ever_the_first_and_the_last_is_kept() {
        let mut heard = Vec::new();
        keep(&mut heard, LogEvent::Authenticated);
        for _ in 0..10 * MOST_HEARD {
            keep(&mut heard, LogEvent::ForcedCommand);
        }
        keep(&mut heard, LogEvent::RemoteExit);
        assert_eq!(heard.len(), MOST_HEARD);
        let ends = (heard.first(), heard.last());
        let expected = (Some(&LogEvent::Authenticated), Some(&LogEvent::RemoteExit));
        assert_eq!(ends, expected);
    }

    #[test]
    fn of_a_forward_that_is_refused_somebody_hears() {
        let (tell, mut told) = mpsc::unbounded_channel();
        let wanted = Forward::all(&["localforward 8080 [web]:80".into()]);
        let mut forwards = Forwards::new(wanted.clone(), true, tell);
        let mut hidden = |name: &str| {
            let log = format!(
                "debug1: Local connections to {name} forwarded to remote address web:80\n\
                 channel_setup_fwd_listener_tcpip: cannot listen to port: 8080\n"
            );
            let lines = LogReader::new(LogLevel::Info).feed(log.as_bytes());
            let heard: Vec<_> = lines.iter().map(|line| forwards.hear(line)).collect();
            heard.last().copied()
        };
        assert_eq!(hidden("LOCALHOST:8080"), Some(true));
        assert!(matches!(told.try_recv(), Ok(Heard::Refused(forward)) if forward == wanted[0]));
        // Nobody asks for this one again: the user is told.
        assert_eq!(hidden("elsewhere:8080"), Some(false));
        assert!(told.try_recv().is_err());
    }
}
