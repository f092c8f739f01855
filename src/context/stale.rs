//! The remote command that ends our own stale server side, where no context's does: what it holds is then free for the new one.
//!
//! It runs beside a session without a context, over the connection of that session, and obeys the rules of [`super::bootstrap`].

use std::path::Path;

use super::{
    Name,
    bootstrap::{HERE, STARTED, Token, reads_the_same_everywhere},
};
use crate::ssh::Forward;

/// Whose connection it is, and what may be left of its last one.
#[derive(Clone, Debug)]
pub struct Stale {
    name: String,
    token: Token,
}

impl Stale {
    /// `laptop` and what is forwarded make the name of the file that says whose the connection is, so that it is one file however often
    /// netroam is started; a token of this netroam's own tells its connections from another one's.
    pub fn new(laptop: &str, forwards: &[Forward]) -> Self {
        let words: String = forwards.iter().flat_map(Forward::words).collect();
        Self {
            name: format!("{}-{:08x}", Name::of_host(laptop), hash(words.as_bytes())),
            token: Token::random(),
        }
    }

    /// Notes whose this connection is, and ends the one before it, if that was ours and is still there: by its process id, guarded by its start
    /// time, its name and our token. When this is over, it is gone. `sockets` are Unix sockets that our last connection listened on:
    /// sshd leaves them behind when it ends, and they are removed if nobody listens on them.
    pub fn replace(&self, sockets: &[&Path]) -> String {
        command(&format!("{} {}", self.name, self.token), sockets)
    }
}

/// Waits until the context's own command has noted whose this connection is; it ends with 1 where that is in vain.
pub fn noted(context: &Name) -> String {
    format!("exec sh -c '{}' netroam {context}", NOTED.join(" "))
}

/// Removes such sockets alone, where the context's own command sees to the rest.
pub fn remove(sockets: &[&Path]) -> String {
    command("- -", sockets)
}

fn command(who: &str, sockets: &[&Path]) -> String {
    let mut command = format!("exec sh -c '{}' netroam {who}", BODY.join(" "));
    for socket in sockets.iter().filter_map(|path| path.to_str()) {
        // What some shell might read otherwise stays where it is.
        if socket.bytes().all(plain) {
            command.push(' ');
            command.push_str(socket);
        }
    }
    command
}

fn plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-')
}

/// 32 bits of FNV-1a.
fn hash(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

/// POSIX sh; `/proc/net/unix` (proc(5)) has a path in its eighth column and is there on Linux only.
const BODY: &[&str] = &[
    "n=$1; k=$2; shift 2; umask 077;",
    STARTED,
    HERE,
    "if [ $n = - ]; then :; else",
    "d=$HOME/.ssh; [ -d \"$d\" ] || mkdir -p \"$d\" 2>/dev/null; f=$d/netroam-$i-$n.owner;",
    "if [ -r \"$f\" ]; then read o p t < \"$f\";",
    "if [ \"$o\" = $k ] && [ \"$p\" -gt 1 ] 2>/dev/null && [ \"$p\" -ne $PPID ] && [ -n \"$t\" ] && [ \"$(st $p)\" = \"$t\" ]; then",
    "case $(ps -o args= -p $p 2>/dev/null) in *sshd*) kill $p; i=0;",
    "while [ $i -lt 20 ] && [ \"$(st $p)\" = \"$t\" ]; do sleep 0.1 2>/dev/null || { sleep 1; i=$((i+9)); }; i=$((i+1)); done;; esac; fi; fi;",
    "{ echo $k $PPID $(st $PPID) > \"$f\"; } 2>/dev/null; fi;",
    "if [ -r /proc/net/unix ]; then for s in \"$@\"; do if [ -S \"$s\" ] && [ -O \"$s\" ]; then",
    "l=; while read a a a a a a a q; do [ \"$q\" = \"$s\" ] && l=1; done < /proc/net/unix; [ -n \"$l\" ] || rm -f \"$s\";",
    "fi; done; fi; exit 0",
];

const _: () = reads_the_same_everywhere(BODY);

/// The file is that of [`super::bootstrap`], whose command begins at the same time as this one.
const NOTED: &[&str] = &[
    HERE,
    "f=$HOME/.ssh/netroam-$i-$1.owner; j=0; while [ $j -lt 20 ]; do",
    "p=; { read o p t < \"$f\"; } 2>/dev/null; [ \"$p\" = $PPID ] && exit 0;",
    "if [ -e \"$f\" ]; then w=$f; else w=$HOME/.ssh; fi; [ -w \"$w\" ] || exit 1;",
    "sleep 0.1 2>/dev/null || { sleep 1; j=$((j+9)); }; j=$((j+1)); done; exit 1",
];

const _: () = reads_the_same_everywhere(NOTED);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_one_line_with_one_quoted_body_and_plain_words() {
        let stale = Stale::new(
            "gw1.example",
            &Forward::all(&["remoteforward 1 [h]:2".into()]),
        );
        let command =
            stale.replace(&["/tmp/a".as_ref(), "/tmp/$(x)".as_ref(), "/tmp/b c".as_ref()]);
        assert!(command.is_ascii() && !command.contains(['\n', '\\', '!']));
        assert_eq!(command.matches('\'').count(), 2);
        assert!(command.ends_with(" /tmp/a"), "{command}");
        assert!(remove(&[]).ends_with("' netroam - -"));
        let other = Stale::new(
            "gw1.example",
            &Forward::all(&["remoteforward 2 [h]:2".into()]),
        );
        assert_ne!(stale.name, other.name);
    }
}
