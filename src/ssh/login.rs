//! What ssh's log says of how a login went: what was offered, what was taken, and what the server asks for instead.

/// A login, as far as the log of `LogLevel=DEBUG1` has it (sshconnect2.c).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    /// What the user was let in by: `publickey`, `gssapi-with-mic`, `none`.
    pub method: Option<String>,
    /// The last key that the server would take, as ssh names it: its file, or what the agent calls it.
    pub accepted: Option<String>,
    /// What the server asks for, in its order.
    pub methods: Vec<String>,
}

impl Login {
    /// Reads the log.
    pub fn read(log: &str) -> Self {
        let mut login = Self::default();
        for line in log.lines() {
            if let Some(words) = line.strip_prefix("Authenticated to ") {
                let method = words.split('"').nth(1);
                login.method = method.map(str::to_owned);
            } else if let Some(key) = line.strip_prefix("debug1: Server accepts key: ") {
                // FILE TYPE FINGERPRINT [WHERE]; a file may have spaces in its name.
                let words: Vec<&str> = key.split(' ').collect();
                let print = words.iter().rposition(|word| word.starts_with("SHA256:"));
                let name = print.and_then(|at| words.get(..at.saturating_sub(1)));
                login.accepted = name.map(|words| words.join(" "));
            } else if let Some(methods) =
                line.strip_prefix("debug1: Authentications that can continue: ")
            {
                login.methods = methods.split(',').map(str::to_owned).collect();
            }
        }
        login
    }

    /// Whether the server would take something that a person types.
    pub fn asks_a_person(&self) -> bool {
        let typed = ["password", "keyboard-interactive"];
        self.methods
            .iter()
            .any(|method| typed.contains(&method.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As OpenSSH 9.2 logs it.
    #[test]
    fn the_log_says_what_was_taken_and_what_is_asked_for() {
        let login = Login::read(
            "debug1: Authentications that can continue: publickey,password\n\
             debug1: Offering public key: /home/a b/id ED25519 SHA256:x explicit\n\
             debug1: Server accepts key: /home/a b/id ED25519 SHA256:x explicit\n\
             Authenticated to h ([203.0.113.10]:22) using \"publickey\".\n",
        );
        assert_eq!(login.method.as_deref(), Some("publickey"));
        assert_eq!(login.accepted.as_deref(), Some("/home/a b/id"));
        assert!(login.asks_a_person());
        assert_eq!(Login::read("debug1: nothing\n"), Login::default());
    }
}
