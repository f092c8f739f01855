//! A laptop that attaches its session on the server, as the driver would.

use std::{fs, process::Command, time::Duration};

use netroam::context::{
    bootstrap::{Attach, Mux, Scrollback, Token, When},
    name::Name,
};
use netroam_platform::clock;

use crate::{client::Client, server::Server};

/// One laptop's session on a server.
pub(crate) struct Laptop<'a> {
    server: &'a Server,
    shell: &'a str,
    mux: Mux,
    pub(crate) name: Name,
    pub(crate) token: Token,
}

impl<'a> Laptop<'a> {
    pub(crate) fn new(server: &'a Server, shell: &'a str, mux: Mux, name: &str) -> Self {
        Self {
            server,
            shell,
            mux,
            name: name.parse().unwrap(),
            token: Token::random(),
        }
    }

    pub(crate) fn command(&self, when: When) -> String {
        Attach {
            name: &self.name,
            mux: self.mux,
            scrollback: Scrollback::Native,
            token: &self.token,
            when,
        }
        .command()
    }

    pub(crate) fn attach(&self, when: When) -> Client {
        self.attach_with(when, &[], |_| {})
    }

    pub(crate) fn attach_with(
        &self,
        when: When,
        options: &[&str],
        change: impl FnOnce(&mut Command),
    ) -> Client {
        Client::start_with(
            |log| {
                let mut words: Vec<String> = [
                    "-t",
                    "-o",
                    "BatchMode=yes",
                    "-o",
                    "LogLevel=DEBUG1",
                    "-E",
                    log.to_str().unwrap(),
                ]
                .map(String::from)
                .into();
                words.extend(options.iter().map(ToString::to_string));
                words.extend(self.server.login(self.shell));
                words.push(self.command(when));
                words
            },
            change,
        )
    }

    pub(crate) fn detach(&self, client: &mut Client) {
        // tmux takes keys that come within a millisecond for a paste, and neither answers to its prefix: wait for silence before each.
        for key in [
            if self.mux == Mux::Tmux {
                "\u{2}"
            } else {
                "\u{1}"
            },
            "d",
        ] {
            while client.pump() {}
            client.type_in(key);
        }
        assert_eq!(client.end().code(), Some(0), "{client}");
    }

    /// The sshd of the last connection, as the owner file has it.
    pub(crate) fn owner(&self) -> (String, String) {
        let file = fs::read_dir(self.server.home(self.shell).join(".ssh"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| {
                path.to_string_lossy()
                    .ends_with(&format!("-{}.owner", self.name))
            });
        let text = fs::read_to_string(file.expect("there is an owner file")).unwrap();
        let mut words = text.split_whitespace().map(str::to_owned);
        (words.next().unwrap(), words.next().unwrap())
    }
}

/// Types a sum until its result is there: the shell in the context answers.
pub(crate) fn answers(client: &mut Client, sum: u32) {
    let result = (sum + 1).to_string();
    for _ in 0..5 {
        client.type_in(&format!("expr {sum} + 1\r"));
        let start = clock::now();
        while clock::now().since(start) < Duration::from_secs(4) {
            if client.shown().contains(&result) {
                return;
            }
            client.pump();
        }
    }
    panic!("no shell answers: {client}");
}
