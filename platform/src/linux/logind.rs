//! systemd-logind's word that the machine goes to sleep, and that it is back.
//!
//! It comes over the system bus (`org.freedesktop.login1(5)`, `PrepareForSleep`). The clocks tell of a sleep without it; this is for
//! what they do not see. So everything here is silent about its failures, nothing waits for it, and a bus that is gone is not
//! looked for again: that would take a tick.

use std::{
    fmt,
    future::{pending, poll_fn},
    pin::Pin,
};

use futures_core::Stream;
use zbus::{MatchRule, Message, MessageStream, connection, message};

/// Its name on the bus.
const LOGIND: &str = "org.freedesktop.login1";

/// What the machine is about to do, or has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It is about to sleep.
    Sleeping,
    /// It is awake again, or never slept after all.
    Awake,
}

/// A subscription, in whatever state it is.
pub(super) enum Logind {
    Connecting(Pin<Box<dyn Future<Output = zbus::Result<MessageStream>> + Send>>),
    Listening(Box<MessageStream>),
    /// There is no bus, or none any more.
    Absent,
}

impl Logind {
    /// Begins to connect to the system bus; [`Self::next`] goes on with it.
    ///
    /// The bus is where `DBUS_SYSTEM_BUS_ADDRESS` says, or else in its usual place.
    pub(super) fn connect() -> Self {
        Self::Connecting(Box::pin(subscribe()))
    }

    #[cfg(test)]
    pub(super) fn absent() -> Self {
        Self::Absent
    }

    /// What it says next; never comes where there is no bus. Cancel-safe.
    pub(super) async fn next(&mut self) -> Phase {
        loop {
            match self {
                Self::Connecting(connecting) => match connecting.as_mut().await {
                    Ok(stream) => {
                        tracing::debug!("logind tells of sleep");
                        *self = Self::Listening(Box::new(stream));
                    }
                    Err(error) => {
                        tracing::debug!(%error, "no system bus to tell of sleep");
                        *self = Self::Absent;
                    }
                },
                Self::Listening(stream) => {
                    match poll_fn(|context| Pin::new(&mut **stream).poll_next(context)).await {
                        Some(Ok(message)) => {
                            if let Some(phase) = phase(&message) {
                                return phase;
                            }
                        }
                        Some(Err(error)) => {
                            tracing::info!(%error, "the system bus is gone, and with it logind's word of sleep");
                            *self = Self::Absent;
                        }
                        None => *self = Self::Absent,
                    }
                }
                Self::Absent => return pending().await,
            }
        }
    }
}

impl fmt::Debug for Logind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connecting(_) => "Connecting",
            Self::Listening(_) => "Listening",
            Self::Absent => "Absent",
        })
    }
}

/// Connects, and has the bus pass on that one signal.
///
/// The rule ends with the connection. A stream that zbus knows the rule of would take it back when it is dropped, by a task of the
/// runtime, which may be gone by then.
async fn subscribe() -> zbus::Result<MessageStream> {
    let connection = connection::Builder::system()?.build().await?;
    let stream = MessageStream::from(&connection);
    let bus = "org.freedesktop.DBus";
    connection
        .call_method(
            Some(bus),
            "/org/freedesktop/DBus",
            Some(bus),
            "AddMatch",
            &signal()?.to_string(),
        )
        .await?;
    Ok(stream)
}

/// Whether logind is on the system bus now.
pub(super) async fn there() -> zbus::Result<bool> {
    let connection = connection::Builder::system()?.build().await?;
    let bus = "org.freedesktop.DBus";
    let path = "/org/freedesktop/DBus";
    let owned = connection
        .call_method(Some(bus), path, Some(bus), "NameHasOwner", &LOGIND)
        .await?;
    owned.body().deserialize()
}

fn signal() -> zbus::Result<MatchRule<'static>> {
    Ok(MatchRule::builder()
        .msg_type(message::Type::Signal)
        .sender(LOGIND)?
        .path("/org/freedesktop/login1")?
        .interface("org.freedesktop.login1.Manager")?
        .member("PrepareForSleep")?
        .build())
}

/// What a message says of sleep: most that come before the subscription stands are the bus's own.
fn phase(message: &Message) -> Option<Phase> {
    let ours = signal().and_then(|signal| signal.matches(message));
    // The bus knows who logind is, and passes on only its broadcasts. What is sent to us alone may come from anybody.
    let to_all = message.header().destination().is_none();
    if !ours.unwrap_or(false) || !to_all {
        return None;
    }
    let sleeping = message
        .body()
        .deserialize::<bool>()
        .inspect_err(|error| tracing::debug!(%error, "logind says something else"))
        .ok()?;
    Some(if sleeping {
        Phase::Sleeping
    } else {
        Phase::Awake
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(member: &str, body: bool) -> Message {
        Message::signal(
            "/org/freedesktop/login1",
            "org.freedesktop.login1.Manager",
            member,
        )
        .unwrap()
        .build(&body)
        .unwrap()
    }

    #[test]
    fn only_the_word_of_sleep_counts() {
        assert_eq!(phase(&says("PrepareForSleep", true)), Some(Phase::Sleeping));
        assert_eq!(phase(&says("PrepareForSleep", false)), Some(Phase::Awake));
        assert_eq!(phase(&says("PrepareForShutdown", true)), None);
        let other = Message::signal(
            "/org/freedesktop/login1",
            "org.freedesktop.login1.Manager",
            "PrepareForSleep",
        )
        .unwrap()
        .build(&"yes")
        .unwrap();
        assert_eq!(phase(&other), None);
        let to_us_alone = Message::signal(
            "/org/freedesktop/login1",
            "org.freedesktop.login1.Manager",
            "PrepareForSleep",
        )
        .unwrap()
        .destination(":1.7")
        .unwrap()
        .build(&false)
        .unwrap();
        assert_eq!(phase(&to_us_alone), None, "logind tells everybody");
    }
}
