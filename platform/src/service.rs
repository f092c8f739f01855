//! Who starts a user's services.

/// What starts a program of a user's when the user logs in, and again when it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Services {
    /// systemd's manager of each user (systemd.unit(5)).
    Systemd,
    /// launchd's agents (launchd.plist(5)).
    Launchd,
    /// None that every such system has.
    None,
}

/// What this system has.
pub const SERVICES: Services = if cfg!(target_os = "linux") {
    Services::Systemd
} else if cfg!(target_os = "macos") {
    Services::Launchd
} else {
    Services::None
};
