//! A notification over D-Bus, replaced in place (Desktop Notifications Specification 1.2, org.freedesktop.Notifications).

use std::{collections::BTreeMap, ffi::OsString, fs, os::unix::fs::FileTypeExt as _, path::Path};

use zbus::{Proxy, connection::Builder, fdo::DBusProxy, names::BusName, zvariant::Value};

use super::{Note, Show};

/// The service, which is the name of its interface too, and its object.
const SERVICE: &str = "org.freedesktop.Notifications";
const OBJECT: &str = "/org/freedesktop/Notifications";

/// The value of the hint `urgency` for a normal one.
const NORMAL: u8 = 1;

/// The desktop behind a bus. Connected to when there is something to show, and only for as long as it is shown.
#[derive(Debug)]
pub(super) struct Bus {
    address: String,
    shown: Option<Shown>,
}

impl Bus {
    /// The session's bus: what the environment says, or the socket that systemd makes for a user.
    pub(super) fn found(variable: impl Fn(&str) -> Option<OsString>) -> Option<Self> {
        let said = variable("DBUS_SESSION_BUS_ADDRESS").filter(|said| !said.is_empty());
        let address = if let Some(said) = said {
            said.into_string().ok()?
        } else {
            let socket = Path::new(&variable("XDG_RUNTIME_DIR")?).join("bus");
            let there = fs::metadata(&socket).is_ok_and(|found| found.file_type().is_socket());
            there.then(|| format!("unix:path={}", socket.display()))?
        };
        Some(Self {
            address,
            shown: None,
        })
    }
}

impl Show for Bus {
    type Error = zbus::Error;

    async fn answers(&self) -> zbus::Result<Option<String>> {
        let connection = Builder::address(self.address.as_str())?.build().await?;
        let bus = DBusProxy::new(&connection).await?;
        let service = BusName::try_from(SERVICE)?;
        if bus.name_has_owner(service).await? {
            return Ok(Some(SERVICE.to_owned()));
        }
        let startable = bus.list_activatable_names().await?;
        let there = startable.iter().any(|name| name.as_str() == SERVICE);
        Ok(there.then(|| format!("{SERVICE}, which the bus starts when it is needed")))
    }

    async fn change(&mut self, note: Option<Note>) -> zbus::Result<()> {
        match (note, self.shown.take()) {
            (Some(note), shown) => {
                let mut shown = match shown {
                    Some(shown) => shown,
                    None => Shown::connect(&self.address).await?,
                };
                shown.show(&note).await?;
                self.shown = Some(shown);
                Ok(())
            }
            (None, Some(shown)) => shown.close().await,
            (None, None) => Ok(()),
        }
    }
}

/// A notification that is shown, and the connection that it belongs to: some desktops drop one whose sender has left the bus.
#[derive(Debug)]
struct Shown {
    service: Proxy<'static>,
    /// The body is read as markup.
    markup: bool,
    /// 0 before the desktop gave it a number.
    id: u32,
}

impl Shown {
    async fn connect(bus: &str) -> zbus::Result<Self> {
        let connection = Builder::address(bus)?.build().await?;
        let service = Proxy::new(&connection, SERVICE, OBJECT, SERVICE).await?;
        let capabilities: Vec<String> = service.call("GetCapabilities", &()).await?;
        Ok(Self {
            service,
            markup: capabilities.iter().any(|can| can == "body-markup"),
            id: 0,
        })
    }

    async fn show(&mut self, note: &Note) -> zbus::Result<()> {
        let body = if self.markup {
            escaped(&note.body)
        } else {
            note.body.clone()
        };
        let no_actions: &[&str] = &[];
        let hints = BTreeMap::from([("urgency", Value::U8(NORMAL))]);
        // Milliseconds; 0 is for ever, -1 the desktop's own idea.
        let expires: i32 = if note.stays { 0 } else { -1 };
        let no_icon = "";
        let arguments = (
            "netroam",
            self.id,
            no_icon,
            note.summary.as_str(),
            body.as_str(),
            no_actions,
            hints,
            expires,
        );
        self.id = self.service.call("Notify", &arguments).await?;
        Ok(())
    }

    /// A notification that the user has closed already is no failure.
    async fn close(self) -> zbus::Result<()> {
        let closed = self
            .service
            .call_method("CloseNotification", &(self.id,))
            .await;
        match closed {
            Err(zbus::Error::MethodError(..)) | Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Plain text, where the desktop reads markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
