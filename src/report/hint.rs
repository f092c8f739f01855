//! What can be done where netroam itself cannot work.

use etcetera::HomeDirError;

use crate::{dirs::Unusable, ssh::version::NoSsh};

/// What to do about an error, where that is known.
pub(super) fn hint(error: &anyhow::Error) -> Option<&'static str> {
    if error.is::<HomeDirError>() {
        return Some("HOME says where the home directory is");
    }
    if let Some(unusable) = error.downcast_ref() {
        return Some(match unusable {
            Unusable::Own(_) => {
                "XDG_RUNTIME_DIR and XDG_STATE_HOME say where netroam writes; netroam doctor looks at both"
            }
            Unusable::Named(_) => "its directory has to be there, and yours to write to",
        });
    }
    Some(match error.downcast_ref()? {
        NoSsh::NotFound => {
            "install OpenSSH's client: openssh-client, openssh-clients or openssh, as the system calls it"
        }
        NoSsh::Failed(_) => "command -v ssh says which program that is",
        NoSsh::Foreign(_) => "OpenSSH's own has to come first in PATH",
        NoSsh::TooOld(_) => "a newer one has to come first in PATH",
    })
}
