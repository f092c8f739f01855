//! The remote command that attaches a session, as the one argument that ssh is given.
//!
//! sshd runs it as `$SHELL -c COMMAND`, so it must read the same in bash, zsh, fish, dash, tcsh and csh: one line, the whole body in single
//! quotes, and in the body no single quote, no backslash (fish), no exclamation mark (csh) and no line break (csh). It begins with `exec sh`
//! so that `$PPID` is the sshd of this connection.

use std::fmt;

use super::name::Name;

/// Exit status: another client has the session now, and it is not to be stolen back. Far from what shells, screen, tmux and
/// sysexits.h use (0-2, 64-78, 126-165, 255).
pub const TAKEN_OVER: i32 = 213;
/// Exit status: a reconnect found no session of that name.
pub const CONTEXT_GONE: i32 = 214;

/// What keeps the work on the remote host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mux {
    /// screen if it is there, else tmux, else a plain shell with a warning.
    Auto,
    /// screen.
    Screen,
    /// tmux.
    Tmux,
    /// tmux in control mode (`-CC`): the terminal, iTerm2 for one, shows its windows as its own (tmux(1), CONTROL MODE).
    TmuxControl,
}

impl Mux {
    /// Its word in remote commands, as in `--context`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Screen => "screen",
            Self::Tmux => "tmux",
            Self::TmuxControl => "tmux-cc",
        }
    }
}

/// Where what scrolled off is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scrollback {
    /// In the outer terminal: the multiplexer does not use the alternate screen.
    Native,
    /// In the multiplexer.
    Mux,
}

/// Which run this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The user asked: create the session if need be, and take it from whoever has it.
    First,
    /// A reconnect soon after: the session may not be there yet. Create it if need be, but leave it to whoever took it.
    Resumed,
    /// A reconnect: only attach, and only if nobody else took it.
    Again,
}

/// Tells this netroam's connections from everybody else's: 32 hexadecimal digits. No secret: it only has to be unlike the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token(u128);

impl Token {
    /// A new one.
    pub fn random() -> Self {
        Self(fastrand::u128(..))
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// What to attach, and how.
#[derive(Clone, Copy, Debug)]
pub struct Attach<'a> {
    /// The session.
    pub name: &'a Name,
    /// What keeps it.
    pub mux: Mux,
    /// Where its scrollback goes; only counts when screen creates it.
    pub scrollback: Scrollback,
    /// Whose connection this is.
    pub token: &'a Token,
    /// Which run this is.
    pub when: When,
}

impl Attach<'_> {
    /// The remote command.
    ///
    /// It exits with the multiplexer's status (255, which is ssh's own, becomes 1), with [`TAKEN_OVER`] or with [`CONTEXT_GONE`]; the
    /// plain shell with its own.
    pub fn command(&self) -> String {
        let mux = self.mux.word();
        let scrollback = match self.scrollback {
            Scrollback::Native => "native",
            Scrollback::Mux => "mux",
        };
        let when = match self.when {
            When::First => "first",
            When::Resumed => "resumed",
            When::Again => "again",
        };
        format!(
            "exec sh -c '{}' netroam {} {mux} {scrollback} {} {when}",
            BODY.join(" "),
            self.name,
            self.token
        )
    }
}

/// Defines `st PID`: when that process started.
///
/// `lstart` is local time in words, by BSD's in the words of the locale (`%c` of strftime(3)), and both come with the connection (`SendEnv`): asked
/// for in one locale and time zone, it is the same from everywhere.
pub(super) const STARTED: &str =
    "st() { echo $(LC_ALL=C TZ=UTC0 ps -o lstart= -p $1 2>/dev/null); };";

/// Sets `$i` to the host's name in the files that outlive a connection (homes may be shared by hosts).
///
/// A Mac's `uname -n` follows the network that it is in, unless somebody gave it a fixed name; its local name (scutil(8)) does not.
pub(super) const HERE: &str = "i=$(uname -n); if [ \"$(uname -s)\" = Darwin ]; then i=$(scutil --get LocalHostName 2>/dev/null) || i=mac; fi;";

/// Has what `$m` names found where it is not in PATH; `h` says whether a program is there.
pub(super) const FIND: &str = "if [ $m = auto ]; then h screen || h tmux; else h $m; fi || { PATH=$PATH:/usr/local/bin:/opt/homebrew/bin:/opt/local/bin:$HOME/bin; export PATH; };";

/// Checks the rules at the head of this file, when this is compiled. `Name` and `Token` cannot have any of these characters either.
pub(super) const fn reads_the_same_everywhere(body: &[&str]) {
    let mut line = 0;
    while line < body.len() {
        let bytes = body[line].as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            assert!(
                !matches!(bytes[at], b'\'' | b'\\' | b'!' | b'\n' | b'\r'),
                "the body has a character that some shell reads otherwise"
            );
            at += 1;
        }
        line += 1;
    }
}

/// The body, one statement or one branch for each line. POSIX sh; dash does not take `[^…]` for a negation.
///
/// - Nothing is run that a Mac lacks or has in another form: beside screen and tmux only `uname`, `ps`, `mkdir`, `ln`, `mv`, `sleep` with what POSIX
///   gives them, `stty size`, `ps -o lstart=` (Linux, BSD, macOS) and `infocmp` where they are there, and `scutil` on a Mac. A `case` within `$( )` has both
///   parentheses of each pattern, for the bash 3.2 that is a Mac's `sh`.
/// - `$f.owner` says who attached last: token, process id and start time of its sshd. Without `ps -o lstart` or a writable home there is none,
///   and nothing but the two rules that need it is lost.
/// - A Mac's PATH without a login shell is `/usr/bin:/bin:/usr/sbin:/sbin`: the tmux that Homebrew or `MacPorts` installed is not in it.
/// - Our own stale sshd is ended half a second from now. Not before attaching: the hang-up of its terminal makes the server of screen sleep for a
///   second before it serves us (measured: 1.29 s instead of 0.27 s). Not never: a display that is stuck in mid-output would hold screen up
///   for 6 s, and forwarded ports would stay taken. Its start time and name guard against a reused process id.
/// - `x` finds the one session with exactly this name, as `PID.NAME`: screen itself would take `mac` for a prefix of `mac-2`.
/// - screen reads `-c` only when it creates a session, and keeps to it at every later attach. Without `startup_message off` the screen of a Mac
///   shows its licence first, and waits for a key.
/// - screen 4.00 (2006, and what Apple ships) refuses a TERM of more than 20 characters (`d_termname[20 + 1]` in display.h; 32 since 4.1), as
///   that of a terminal inside screen is: `screen.xterm-256color` has 21. Nothing else depends on its age: `-ls`, `-S`, `-c`, `-U`, `-X` and `-d -r
///   PID.NAME` are
///   as old, only the last column of `-ls` is read (the date before it came with 4.1), and a line of it ends in CR LF.
/// - Without the alternate screen, screen and tmux begin by clearing the terminal's own (`ED 2`), and not every terminal puts what it clears into its
///   history: xterm does not. So what is above the cursor is scrolled off first, line by line, by as many line feeds as it takes; the line of the cursor is empty.
/// - `terminal-overrides[4242]` is set, not appended to, so that a long-lived tmux server does not collect one entry for each connection.
const BODY: &[&str] = &[
    "n=$1; m=$2; s=$3; k=$4; w=$5; u=$(umask); umask 077; y=; x=; c=; g=; l=;",
    "h() { command -v $1 >/dev/null 2>&1; };",
    STARTED,
    "if [ $m = tmux-cc ]; then m=tmux; g=-CC; s=; fi;",
    FIND,
    HERE,
    // Whose it is.
    "d=$HOME/.ssh; [ -d \"$d\" ] || mkdir -p \"$d\" 2>/dev/null; f=$d/netroam-$i-$n;",
    "if [ -r \"$f.owner\" ]; then read o p t < \"$f.owner\";",
    "if [ \"$p\" -gt 1 ] 2>/dev/null && [ \"$p\" -ne $PPID ] && [ -n \"$t\" ] && [ \"$(st $p)\" = \"$t\" ]; then",
    "if [ \"$o\" = $k ]; then case $(ps -o args= -p $p 2>/dev/null) in *sshd*)",
    "{ sleep 0.5 || sleep 1; [ \"$(st $p)\" = \"$t\" ] && kill $p; } </dev/null >/dev/null 2>&1 & ;; esac;",
    "elif [ $w = first ]; then :; else exit 213; fi; fi; fi;",
    // What to attach with.
    "if [ $m = auto ]; then if h screen; then m=screen; else m=tmux; fi; fi;",
    "if h $m; then case $m in",
    "screen) x=$(screen -ls 2>/dev/null | while read a b; do case $b in (*[Dd]ead*|*Removed*) ;; (*) if [ \"${a#*.}\" = $n ]; then echo $a; break; fi;; esac; done);;",
    "tmux) if [ $w = again ]; then tmux has-session -t \"=$n\" 2>/dev/null && x=$n; else x=$n; fi;; esac;",
    "if [ $w = again ] && [ -z \"$x\" ]; then echo \"netroam: no session $n on $i any more\" >&2; exit 214; fi;",
    "else echo \"netroam: WARNING: no $m on $i: a plain shell, which will not survive a lost connection\" >&2; m=; fi;",
    "{ echo $k $PPID $(st $PPID) > \"$f.owner\"; } 2>/dev/null && y=1;",
    // A stable path for the agent, re-pointed at each connection by an atomic rename.
    "if [ -S \"$SSH_AUTH_SOCK\" ] && ln -sf \"$SSH_AUTH_SOCK\" \"$f.agent.$$\" 2>/dev/null && mv -f \"$f.agent.$$\" \"$f.agent\"; then SSH_AUTH_SOCK=$f.agent; export SSH_AUTH_SOCK; fi;",
    // A terminal that this host does not know (xterm-kitty, alacritty): screen would give up with status 0.
    "if h infocmp; then infocmp \"$TERM\" >/dev/null 2>&1 || l=know; fi;",
    "if [ \"$m\" = screen ] && [ ${#TERM} -gt 20 ]; then case $(screen -v 2>/dev/null) in *version?[0-3].*|*version?4.00*) l=take;; esac; fi;",
    "if [ -n \"$l\" ]; then echo \"netroam: $i does not $l TERM=$TERM, using xterm-256color\" >&2; TERM=xterm-256color; if h infocmp; then infocmp $TERM >/dev/null 2>&1 || TERM=xterm; fi; export TERM; fi;",
    "if [ \"$m$x$s\" = screennative ]; then c=$f.screenrc; r=${SCREENRC:-$HOME/.screenrc};",
    "{ { echo \"startup_message off\"; [ -r \"$r\" ] && echo \"source $r\"; echo \"termcapinfo xterm*|rxvt*|screen*|tmux*|alacritty*|foot* ti@:te@\"; } > \"$c\"; } 2>/dev/null || c=; fi;",
    "umask $u;",
    // What the terminal shows goes into its history.
    "if [ -n \"$m\" ] && [ \"$s\" = native ]; then set -- $(stty size 2>/dev/null); r=$1; while [ \"$r\" -gt 1 ] 2>/dev/null; do echo; r=$((r - 1)); done; fi;",
    // Attach. The shell stays, to see afterwards whether the session was taken.
    "case $m in",
    "screen) if [ -n \"$x\" ]; then [ -n \"$SSH_AUTH_SOCK\" ] && screen -S $x -X setenv SSH_AUTH_SOCK \"$SSH_AUTH_SOCK\" </dev/null >/dev/null 2>&1 &",
    "screen -U -d -r $x; else screen -U ${c:+-c \"$c\"} -S $n; fi;;",
    "tmux) if [ \"$s\" = native ]; then o=\"start-server ; set -g terminal-overrides[4242] *:smcup@:rmcup@ ;\"; else o=; fi; set -f;",
    "if [ $w = again ]; then tmux -u $g $o attach-session -d -t \"=$n\"; else tmux -u $g $o new-session -A -D -s $n; fi;;",
    "*) exec \"${SHELL:-/bin/sh}\" -l;; esac;",
    "r=$?; o=; [ -n \"$y\" ] && { read o p t < \"$f.owner\"; } 2>/dev/null; [ -n \"$o\" ] && [ \"$o\" = $k ] || [ -z \"$o\" ] || exit 213;",
    "[ $r -eq 255 ] && r=1; exit $r",
];

const _: () = reads_the_same_everywhere(BODY);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_one_line_with_one_quoted_body() {
        let name: Name = "mac".parse().unwrap();
        let token = Token::random();
        let attach = Attach {
            name: &name,
            mux: Mux::Auto,
            scrollback: Scrollback::Native,
            token: &token,
            when: When::Again,
        };
        let command = attach.command();
        assert!(command.is_ascii() && !command.contains(['\n', '\\', '!']));
        assert_eq!(command.matches('\'').count(), 2);
        assert!(command.ends_with(&format!("' netroam mac auto native {token} again")));
        // MAX_ARG_STRLEN is 128 KiB, csh's longest word 1024 characters in old releases; what travels with each login should stay small.
        assert!(command.len() < 4096, "{}", command.len());
        for status in [TAKEN_OVER, CONTEXT_GONE] {
            assert!(command.contains(&format!("exit {status};")), "{status}");
        }
    }

    #[test]
    fn tokens_differ_and_have_one_form() {
        assert_ne!(Token::random(), Token::random());
        assert_eq!(Token(255).to_string(), format!("{:0>32}", "ff"));
    }
}
