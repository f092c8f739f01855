//! How a login that asks nobody went.

use std::time::Duration;

use super::Finding;
use crate::{
    report::duration,
    ssh::{Ending, Login},
};

/// What a login that asks means for a session, and for this page.
const ASKS: &str = "the first login asks you, and each reconnect waits until you press Enter and answer; what the host has is not asked, because that needs the login";

/// What it means where nobody may be asked.
const NEVER_ASKS: &str = "your configuration has ssh ask nobody (BatchMode yes)";

/// The login was not tried.
pub fn no_login(why: &str) -> Finding {
    Finding::warning("key", format!("not asked: {why}"), "see above")
}

/// What stands between the user and a login without a question.
#[derive(Debug)]
pub struct Refusal<'a> {
    /// As it was typed.
    pub host: &'a str,
    /// What ssh was given to log in there with, beside its own options: for hints.
    pub ssh: &'a str,
    /// How it ended.
    pub ending: &'a Ending,
    /// What the log says of it.
    pub login: &'a Login,
    /// ssh would take the key of a host that it does not know.
    pub takes_new_keys: bool,
    /// The user's own configuration forbids ssh to ask (`BatchMode yes`).
    pub never_asks: bool,
}

/// A login that did not come about, or not without a question.
pub fn refusal(refusal: &Refusal<'_>) -> Vec<Finding> {
    let Refusal { host, ssh, .. } = refusal;
    let finding = match refusal.ending {
        Ending::HostKeyChanged => Finding::wrong(
            "host-key",
            format!("{host} has another key than the known one"),
            "on a strange network this may be somebody else's machine; if the host was set up anew: ssh-keygen -R and its name, as ssh says it",
        ),
        Ending::NeedsPerson { what } if what == "the host key is not known" => {
            if refusal.takes_new_keys {
                Finding::warning(
                    "host-key",
                    "not known yet; your configuration has ssh take it at the first login (StrictHostKeyChecking), but doctor takes none, so the rest is not asked",
                    format!("log in once: ssh {ssh}"),
                )
            } else {
                Finding::wrong(
                    "host-key",
                    format!("the key of {host} is not known"),
                    format!("log in once, compare the fingerprint, and say yes: ssh {ssh}"),
                )
            }
        }
        // The server was asked for a login, so ssh had taken its key.
        Ending::NeedsPerson { .. } | Ending::Denied { .. } => {
            return vec![known_host_key(), no_key(refusal)];
        }
        Ending::TurnedAway { said } => Finding::wrong(
            "key",
            format!("{host} turns us away: {said}"),
            "wait some minutes: the server counts logins that failed",
        ),
        Ending::Unreachable { why } | Ending::UnknownHost { why } | Ending::Lost { why } => {
            Finding::wrong(
                "key",
                format!("no login: {why}"),
                format!("try: ssh -v {ssh}"),
            )
        }
        Ending::Unusable { line } => Finding::wrong(
            "key",
            format!("ssh cannot do this: {line}"),
            format!("try: ssh -v {ssh}"),
        ),
        Ending::Finished { .. }
        | Ending::RemoteKilled
        | Ending::Escaped
        | Ending::Interrupted { .. }
        | Ending::Killed { .. }
        | Ending::HostKeyRefused
        | Ending::TakenOver
        | Ending::ContextGone
        | Ending::EndedByUs => Finding::wrong(
            "key",
            "the login did not come to its end",
            format!("try: ssh -v {ssh}"),
        ),
    };
    vec![finding]
}

fn known_host_key() -> Finding {
    Finding::ok("host-key", "the known one")
}

fn no_key(refusal: &Refusal<'_>) -> Finding {
    let Refusal {
        host, ssh, login, ..
    } = refusal;
    let finding = if refusal.never_asks {
        |text, hint| Finding::wrong("key", text, hint)
    } else {
        |text, hint| Finding::warning("key", text, hint)
    };
    let then = if refusal.never_asks { NEVER_ASKS } else { ASKS };
    let methods = login.methods.join(", ");
    if let Some(key) = &login.accepted {
        return finding(
            format!(
                "{host} would take {key}, but nothing can use it without a question (it is locked, wants a touch, or its agent refuses): {then}"
            ),
            "an agent avoids that: ssh-add and the key's file".into(),
        );
    }
    if login.asks_a_person() {
        return finding(
            format!("{host} takes no key of yours, and wants a person ({methods}): {then}"),
            format!("a key avoids that: ssh-copy-id {ssh} (ssh-keygen makes one)"),
        );
    }
    Finding::wrong(
        "key",
        format!("{host} takes no key of yours, and nothing else ({methods})"),
        "add the right one (IdentityFile, ssh-add), or have yours put into its authorized_keys",
    )
}

/// The login took too long.
pub fn slow_login(limit: Duration) -> Finding {
    Finding::wrong(
        "key",
        format!(
            "the login does not come to its end within {}",
            duration(limit)
        ),
        "large packets may not come through (MTU?), or the server waits for something; ssh -v says how far it comes",
    )
}

/// A login without a question: the host key is the known one, and the user was let in.
pub fn logged_in(login: &Login) -> [Finding; 2] {
    let by = login.method.as_deref().unwrap_or("none");
    let key = match (by, &login.accepted) {
        ("publickey", Some(key)) => format!("accepted without a question: {key}"),
        (by, _) => format!("let in without a question ({by})"),
    };
    [known_host_key(), Finding::ok("key", key)]
}

/// Logged in, but what looks at the host did not run to its end.
pub fn no_shell(host: &str, forced: bool) -> Finding {
    let (text, hint) = if forced {
        (
            format!("{host} runs a command of its own for this key, so no session can be attached"),
            "use another key, or take command= out of authorized_keys; -N is kept all the same",
        )
    } else {
        (
            format!(
                "{host} does not run a command of ours: its login shell takes none, or ends before"
            ),
            "does `ssh HOST true` work? what a login shell starts by itself must not take the connection",
        )
    };
    Finding::wrong("remote-system", text, hint)
}
