//! The terminal, on real ptys.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    env,
    fs::File,
    io::Write as _,
    os::fd::{AsFd, OwnedFd},
    panic::{AssertUnwindSafe, catch_unwind},
    process::Command,
    rc::Rc,
    time::Duration,
};

use netroam::terminal::{Key, Reset, Status, Terminal, modes};
use netroam_platform::clock;
use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    pty::{Winsize, openpty},
    sys::termios::{
        InputFlags, LocalFlags, SetArg, SpecialCharacterIndices, Termios, cfmakeraw, tcgetattr,
        tcsetattr,
    },
    unistd::read,
};
use tokio::time::timeout;

/// Time for bytes to pass through the kernel's queue between the two sides of a pty; that long nothing must come where nothing may.
const QUIET_MS: u16 = 150;

struct Pty {
    /// What the user sees and types.
    user: OwnedFd,
    tty: OwnedFd,
}

impl Pty {
    fn new(columns: u16) -> Self {
        let size = Winsize {
            ws_row: 24,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let both = openpty(&size, None).unwrap();
        Self {
            user: both.master,
            tty: both.slave,
        }
    }

    fn terminal(&self) -> Rc<Terminal> {
        Rc::new(Terminal::on(self.tty.as_fd(), Some(self.tty.as_fd())).unwrap())
    }

    fn status(&self) -> Status<File> {
        Status::on(File::from(self.tty.try_clone().unwrap()))
    }

    fn modes(&self) -> Termios {
        tcgetattr(&self.tty).unwrap()
    }

    /// What ssh does to the terminal.
    fn raw(&self) {
        let mut modes = self.modes();
        cfmakeraw(&mut modes);
        tcsetattr(&self.tty, SetArg::TCSANOW, &modes).unwrap();
    }

    fn types(&self, text: &str) {
        File::from(self.user.try_clone().unwrap())
            .write_all(text.as_bytes())
            .unwrap();
    }

    /// All that appeared, until nothing more does.
    fn seen(&self) -> String {
        let mut all = Vec::new();
        while ready(&self.user) {
            let mut buffer = [0; 4096];
            match read(&self.user, &mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(count) => all.extend_from_slice(&buffer[..count]),
            }
        }
        String::from_utf8(all).unwrap()
    }
}

fn ready(fd: impl AsFd) -> bool {
    let mut question = [PollFd::new(fd.as_fd(), PollFlags::POLLIN)];
    poll(&mut question, PollTimeout::from(QUIET_MS)).unwrap() > 0
}

#[test]
fn a_run_that_ended_by_itself_gets_its_line_discipline_back_and_not_a_byte() {
    let pty = Pty::new(80);
    let before = pty.modes();
    let terminal = pty.terminal();
    terminal.lend().unwrap();
    pty.raw();
    assert_ne!(pty.modes(), before);
    terminal.restore(Reset::TermiosOnly).unwrap();
    assert_eq!(pty.modes(), before);
    drop(terminal);
    assert_eq!((pty.modes(), pty.seen().as_str()), (before, ""));
}

#[test]
fn a_run_that_was_cut_off_is_cleaned_up_behind() {
    let pty = Pty::new(80);
    let before = pty.modes();
    let terminal = pty.terminal();
    terminal.lend().unwrap();
    pty.raw();
    terminal.restore(Reset::Modes).unwrap();
    assert_eq!((pty.modes(), pty.seen()), (before, modes::reset()));
    drop(terminal);
    assert_eq!(pty.seen(), "");
}

#[test]
fn a_dumb_terminal_gets_its_line_discipline_back_and_not_a_byte() {
    let pty = Pty::new(80);
    let before = pty.modes();
    let terminal = Terminal::on(pty.tty.as_fd(), Some(pty.tty.as_fd()))
        .unwrap()
        .for_dumb();
    terminal.lend().unwrap();
    pty.raw();
    terminal.restore(Reset::Modes).unwrap();
    assert_eq!((pty.modes(), pty.seen().as_str()), (before, ""));
}

#[test]
fn a_panic_while_a_run_is_attached_gives_the_terminal_back() {
    let pty = Pty::new(80);
    let before = pty.modes();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let terminal = pty.terminal();
        terminal.lend().unwrap();
        pty.raw();
        panic!("as a bug would");
    }));
    assert!(outcome.is_err());
    assert_eq!((pty.modes(), pty.seen()), (before, modes::reset()));
}

#[test]
fn standard_input_that_is_no_terminal_is_left_alone() {
    assert!(Terminal::on(File::open("/dev/null").unwrap().as_fd(), None).is_err());
}

#[tokio::test]
async fn keys_are_read_one_at_a_time_and_not_shown() {
    let pty = Pty::new(80);
    let before = pty.modes();
    let terminal = pty.terminal();
    let keys = terminal.listen().unwrap().unwrap();
    let modes = pty.modes();
    assert!(modes.local_flags.contains(LocalFlags::ISIG));
    assert!(
        !modes
            .local_flags
            .intersects(LocalFlags::ICANON | LocalFlags::ECHO)
    );
    assert!(!modes.input_flags.contains(InputFlags::IXON));
    assert_eq!(
        modes.control_chars[SpecialCharacterIndices::VMIN as usize],
        0
    );
    for (typed, key) in [
        ("\r", Key::Enter),
        ("q", Key::Quit),
        ("?", Key::Details),
        ("\x13", Key::Other),
        ("\x1b[A", Key::Other),
        ("\r", Key::Enter),
    ] {
        pty.types(typed);
        assert_eq!(next(&keys).await, key, "{typed:?}");
    }
    assert!(
        timeout(Duration::from_millis(100), keys.next())
            .await
            .is_err()
    );
    drop(keys);
    assert_eq!((pty.modes(), pty.seen().as_str()), (before, ""));
}

#[tokio::test]
async fn control_mode_is_left_and_what_the_terminal_answers_is_no_key() {
    let pty = Pty::new(80);
    let terminal = Terminal::on(pty.tty.as_fd(), Some(pty.tty.as_fd())).unwrap();
    let terminal = Rc::new(terminal.for_control_mode());
    terminal.lend().unwrap();
    pty.raw();
    terminal.restore(Reset::Modes).unwrap();
    let left = clock::now();
    assert_eq!(
        pty.seen(),
        format!("{}{}", modes::LEAVE_CONTROL_MODE, modes::reset()).replace('\n', "\r\n")
    );
    let keys = terminal.listen().unwrap().unwrap();
    // As iTerm2 does; and somebody who presses q until it works.
    pty.types("\r");
    assert!(
        timeout(Duration::from_millis(300), keys.next())
            .await
            .is_err()
    );
    let key = loop {
        pty.types("q");
        if let Ok(key) = timeout(Duration::from_millis(50), keys.next()).await {
            break key.unwrap();
        }
        assert!(clock::now().since(left) < Duration::from_secs(5));
    };
    assert_eq!(key, Key::Quit);
    assert!(clock::now().since(left) >= Duration::from_millis(990));
}

async fn next(keys: &netroam::terminal::Keys) -> Key {
    timeout(Duration::from_secs(5), keys.next())
        .await
        .expect("a key in time")
        .unwrap()
}

#[tokio::test]
async fn what_was_typed_ahead_is_thrown_away_at_both_ends() {
    let pty = Pty::new(80);
    let terminal = pty.terminal();
    pty.types("rm -rf tmp\n");
    assert!(ready(&pty.tty));
    let keys = terminal.listen().unwrap().unwrap();
    assert!(
        timeout(Duration::from_millis(100), keys.next())
            .await
            .is_err()
    );
    pty.types("yes\n");
    assert!(ready(&pty.tty));
    drop(keys);
    assert!(!ready(&pty.tty));
}

#[tokio::test]
async fn a_terminal_that_is_gone_is_a_key() {
    let Pty { user, tty } = Pty::new(80);
    let terminal = Rc::new(Terminal::on(tty.as_fd(), None).unwrap());
    let keys = terminal.listen().unwrap().unwrap();
    drop(user);
    assert_eq!(next(&keys).await, Key::HungUp);
    assert_eq!(next(&keys).await, Key::HungUp);
}

#[tokio::test]
async fn a_terminal_that_goes_behind_the_key_esc_is_gone() {
    let pty = Pty::new(80);
    let keys = pty.terminal().listen().unwrap().unwrap();
    for (more, expected) in [("", "\x1b"), ("[A", "\x1b[A"), ("\x1b", "\x1b\x1b")] {
        pty.types("\x1b");
        let typed = keys.typed().await.unwrap().unwrap();
        pty.types(more);
        let whole = keys.whole(typed).await.unwrap();
        assert_eq!(whole.as_deref(), Some(expected.as_bytes()));
    }
    pty.types("\x1b");
    let typed = keys.typed().await.unwrap().unwrap();
    drop(pty.user);
    assert_eq!(keys.whole(typed).await.unwrap(), None);
}

#[tokio::test]
async fn a_stop_lends_the_terminal_to_the_shell() {
    let pty = Pty::new(80);
    let before = pty.modes();
    let terminal = pty.terminal();
    let keys = terminal.listen().unwrap().unwrap();
    let listening = pty.modes();
    terminal.before_stop().unwrap();
    assert_eq!(pty.modes(), before);
    terminal.after_continue().unwrap();
    assert_eq!(pty.modes(), listening);
    terminal.after_continue().unwrap();
    pty.types("q");
    assert_eq!(next(&keys).await, Key::Quit);
    // Stopped, and ended without having gone on.
    terminal.before_stop().unwrap();
    drop(keys);
    terminal.after_continue().unwrap();
    assert_eq!(pty.modes(), before);
}

/// Runs itself as a background job of a shell that has a terminal: untouched means that nothing stopped it, and nothing changed.
#[test]
fn in_the_background_nothing_is_touched() {
    const CHILD: &str = "NETROAM_TEST_BACKGROUND";
    const NAME: &str = "in_the_background_nothing_is_touched";
    if env::var_os(CHILD).is_some() {
        let terminal = Rc::new(Terminal::open().expect("standard input is a terminal"));
        assert!(!terminal.foreground());
        terminal.lend().unwrap();
        terminal.restore(Reset::Modes).unwrap();
        terminal.discard_input().unwrap();
        terminal.before_stop().unwrap();
        terminal.after_continue().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .unwrap();
        assert!(runtime.block_on(async { terminal.listen().unwrap().is_none() }));
        let mut status = Status::stderr();
        status.say("drawn-over-the-prompt", "").unwrap();
        status.clear().unwrap();
        return;
    }
    let own = env::current_exe().unwrap();
    // With tostop, whoever writes from the background is stopped too.
    let job = format!(
        "stty tostop; set -m; before=$(stty -g); {} --exact {NAME} >/dev/null & wait $!; \
         echo status=$?; test \"$before\" = \"$(stty -g)\" && echo same",
        own.display()
    );
    let output = Command::new("script")
        .args(["-qec", &format!("bash -c '{job}'"), "/dev/null"])
        .env(CHILD, "1")
        .env("SHELL", "/bin/bash")
        .output()
        .expect("script (package bsdutils) and bash");
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(
        shown.contains("status=0") && shown.contains("same"),
        "{shown}"
    );
    assert!(
        !shown.contains("drawn-over") && !shown.contains('\x1b'),
        "{shown:?}"
    );
}

#[test]
fn the_status_line_is_redrawn_in_place() {
    let pty = Pty::new(20);
    let mut status = pty.status();
    status
        .say("gw1: no route, waiting for the network", "")
        .unwrap();
    assert_eq!(pty.seen(), "\r\x1b[Kgw1: no route, wait");
    status
        .say("gw1: no route, waiting for the network", "")
        .unwrap();
    assert_eq!(pty.seen(), "");
    status.say("gw1: dialling", "").unwrap();
    assert_eq!(pty.seen(), "\r\x1b[Kgw1: dialling");
    status
        .line("netroam: gw1: reachable again via tun0")
        .unwrap();
    assert_eq!(
        pty.seen(),
        "\r\x1b[Knetroam: gw1: reachable again via tun0 \x1b[K\r\n\r\x1b[Kgw1: dialling"
    );
    status.clear().unwrap();
    assert_eq!(pty.seen(), "\r\x1b[J");
    status.clear().unwrap();
    status.redraw().unwrap();
    assert_eq!(pty.seen(), "");
}

/// A run's picture stays until the next run, below what is said.
#[test]
fn a_line_of_several_rows_leaves_nothing_of_a_run_behind_its_end() {
    for length in [39, 40, 41, 55, 59, 60, 61] {
        let pty = Pty::new(20);
        let mut status = pty.status();
        status.say("gw1: no route", "").unwrap();
        pty.seen();
        let said = "x".repeat(length);
        status.line(&said).unwrap();
        let size = |cells| std::num::NonZeroU16::new(cells).unwrap();
        let mut parser = vt100::Parser::new(size(24), size(20), 0);
        parser.process(&b"old picture of a run\r\n".repeat(6));
        parser.process(b"\x1b[H");
        parser.process(pty.seen().as_bytes());
        let rows: Vec<String> = parser.screen().rows(0, 20).collect();
        let drawn = rows.iter().position(|row| row == "gw1: no route").unwrap();
        assert_eq!(rows[..drawn].concat().trim_end(), said);
    }
}

#[test]
fn half_a_line_of_a_run_is_not_written_over() {
    let pty = Pty::new(80);
    let mut status = pty.status();
    status.below();
    status.say("gw1: lost", "").unwrap();
    status.say("gw1: back", "").unwrap();
    assert_eq!(pty.seen(), "\r\r\n\r\x1b[Kgw1: lost\r\x1b[Kgw1: back");
    status.clear().unwrap();
    status.below();
    status.clear().unwrap();
    status.line("gw1: ended").unwrap();
    assert_eq!(pty.seen(), "\r\x1b[J\r\r\n\x1b[Kgw1: ended\r\n");
}

#[test]
fn where_there_is_no_terminal_each_change_is_a_plain_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let mut status = Status::on(File::create(&path).unwrap());
    status.below();
    status.say("gw1: no route", "").unwrap();
    status.say("gw1: no route", "").unwrap();
    status.line("gw1: back\x1b[2J").unwrap();
    status.redraw().unwrap();
    status.clear().unwrap();
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        "gw1: no route\ngw1: back\u{fffd}[2J\n"
    );
}
