//! Tells a person who is not looking at the terminal: by commands of the user's own (hooks), and by a notification of the desktop.
//!
//! The driver makes one [`Alerts`] for its session, calls [`Alerts::tell`] whenever the session begins to wait for a person, is attached, or was
//! taken over elsewhere, and [`Alerts::finish`] once after its loop. Nothing here is waited for meanwhile, and no failure here is one of the
//! session: it goes to the log. A hook's process is started, watched and reaped here; the driver's own reaping, by process number, does
//! not meet it.

mod hook;
mod place;

use std::time::Duration;

use netroam_platform::desktop::{Desktop, Note};
use tokio::time::timeout;

use crate::report;
use hook::{Hook, Variable};
use place::Place;

/// How long netroam's own end may be held up by hooks and notifications.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Something that a person may want to know while looking elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// The session waits for a person. Told again with the same words, it is no news.
    Waiting {
        /// What for.
        need: Need,
        /// One line that says it, in the words of [`mod@crate::report`], without the host in front.
        text: String,
    },
    /// The session is attached.
    Attached {
        /// How long it was away; `None` the first time.
        outage: Option<Duration>,
    },
    /// The session was taken over elsewhere.
    TakenOver,
}

/// What a person is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A tunnel is to be brought up.
    Tunnel,
    /// The host's name does not resolve here.
    Name,
    /// The network answers in the host's place: a captive portal wants a login.
    Portal,
    /// ssh has a question (a password, a one-time password, a host key, a key to be touched).
    Question,
    /// The context is gone on the remote host.
    Context,
}

impl Need {
    /// The word for it in `NETROAM_NEED`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Tunnel => "tunnel",
            Self::Name => "name",
            Self::Portal => "portal",
            Self::Question => "question",
            Self::Context => "context",
        }
    }
}

/// The user's command lines, for `/bin/sh -c`, each for one kind of [`Occasion`].
///
/// They are run as they were written; what there is to say goes through the environment alone:
///
/// | variable | value |
/// |---|---|
/// | `NETROAM_EVENT` | `wait`, `attached` or `taken-over` |
/// | `NETROAM_HOST` | what the user typed |
/// | `NETROAM_SESSION` | the session's name on the host; empty without a context |
/// | `NETROAM_NAME` | the session's name in the configuration; empty without one |
/// | `NETROAM_TEXT` | one line that says it |
/// | `NETROAM_NEED` | on `wait`: [`Need::word`]; else empty |
/// | `NETROAM_OUTAGE` | on `attached` after an outage: its whole seconds; else empty |
///
/// Its input and output are `/dev/null`, it has no terminal, and after 10 s it is ended with all that it started (`SIGTERM` to its process group, 1 s
/// later `SIGKILL`). What it leaves in the background when it exits by itself is left alone. A hook that is still running when the next
/// occasion of its kind comes is ended in the same way first, because the newer says what is true now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hooks {
    /// `on-wait`
    pub wait: Option<String>,
    /// `on-attached`
    pub attached: Option<String>,
    /// `on-taken-over`
    pub taken_over: Option<String>,
}

/// Tells the occasions of one session.
#[derive(Debug)]
pub struct Alerts {
    host: String,
    session: String,
    named: String,
    wait: Option<Hook>,
    attached: Option<Hook>,
    taken_over: Option<Hook>,
    desktop: Option<Desktop>,
    /// While something of ours is shown.
    place: Option<Place>,
    last: Option<Occasion>,
}

impl Alerts {
    /// For the session of this name on `host` (what the user typed); a session without a context has no name. Starts nothing yet.
    ///
    /// The desktop is told as well, if there is one.
    pub fn new(host: &str, session: Option<&str>, hooks: Hooks, desktop: Option<Desktop>) -> Self {
        Self {
            host: report::plain(host),
            session: session.map_or_else(String::new, report::plain),
            named: String::new(),
            wait: hooks.wait.map(Hook::new),
            attached: hooks.attached.map(Hook::new),
            taken_over: hooks.taken_over.map(Hook::new),
            desktop,
            place: None,
            last: None,
        }
    }

    /// The session has this name in the configuration.
    #[must_use]
    pub fn named(mut self, named: Option<&str>) -> Self {
        named.unwrap_or_default().clone_into(&mut self.named);
        self
    }

    /// Tells it, and returns at once.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn tell(&mut self, occasion: Occasion) {
        if matches!(occasion, Occasion::Waiting { .. }) && self.last.as_ref() == Some(&occasion) {
            return;
        }
        let text = report::occasion(&occasion);
        let (event, need, outage) = match &occasion {
            Occasion::Waiting { need, .. } => ("wait", need.word(), None),
            Occasion::Attached { outage } => ("attached", "", *outage),
            Occasion::TakenOver => ("taken-over", "", None),
        };
        let hook = match &occasion {
            Occasion::Waiting { .. } => &mut self.wait,
            Occasion::Attached { .. } => &mut self.attached,
            Occasion::TakenOver => &mut self.taken_over,
        };
        if let Some(hook) = hook {
            let outage = outage.map_or_else(String::new, |outage| outage.as_secs().to_string());
            let variables: [Variable; 7] = [
                ("NETROAM_EVENT", event.into()),
                ("NETROAM_HOST", self.host.clone()),
                ("NETROAM_SESSION", self.session.clone()),
                ("NETROAM_NAME", self.named.clone()),
                ("NETROAM_TEXT", text.clone()),
                ("NETROAM_NEED", need.into()),
                ("NETROAM_OUTAGE", outage),
            ];
            hook.tell(variables.into());
        }
        if let Some(desktop) = &mut self.desktop {
            let note = |stays| Note {
                summary: summary(&self.host, &self.session, &self.named),
                body: text,
                stays,
            };
            match &occasion {
                Occasion::Waiting { .. } | Occasion::TakenOver => {
                    self.place = self.place.take().or_else(Place::take);
                    if self.place.is_some() {
                        desktop.show(note(matches!(occasion, Occasion::Waiting { .. })));
                    } else {
                        tracing::info!("enough notifications are shown already");
                    }
                }
                Occasion::Attached { .. } => {
                    self.place = None;
                    desktop.clear();
                }
            }
        }
        self.last = Some(occasion);
    }

    /// Lets what was just told finish, and ends the rest: after 1 s at the latest, no hook is running any more. A notification that said what
    /// the session waits for is closed.
    pub async fn finish(mut self) {
        if let (Some(desktop), Some(Occasion::Waiting { .. })) = (&mut self.desktop, &self.last) {
            desktop.clear();
        }
        let hooks = [self.wait, self.attached, self.taken_over];
        // They end side by side: each was told before the first is waited for.
        let mut tasks: Vec<_> = hooks
            .into_iter()
            .flatten()
            .filter_map(Hook::close)
            .collect();
        tasks.extend(self.desktop.map(|desktop| tokio::spawn(desktop.close())));
        let all = async {
            for task in &mut tasks {
                if let Err(error) = task.await {
                    tracing::warn!(%error, "an alert failed");
                }
            }
        };
        if timeout(LAST_WORDS, all).await.is_err() {
            tracing::warn!("gave up on a hook or a notification");
            for task in tasks {
                if !task.is_finished() {
                    task.abort();
                    // What it was running is killed before this returns; that it was aborted is no news.
                    drop(task.await);
                }
            }
        }
    }
}

/// `gw1 (mac-2)`: two terminals may have a session each on one host.
fn summary(host: &str, session: &str, named: &str) -> String {
    if !named.is_empty() {
        format!("{named} ({host})")
    } else if session.is_empty() {
        host.to_owned()
    } else {
        format!("{host} ({session})")
    }
}
