//! What a remote program that was cut off leaves switched on in the terminal, and how to switch it off.
//!
//! vim, less, screen and tmux switch these off themselves when they end, and cannot when their connection is cut. Nothing here
//! clears the screen or the scrollback, and the cursor stays where it is. The window title stays as well: taking one from the
//! terminal's stack would take the local program's own where the remote one had put none there.

use std::ffi::OsStr;

/// The parts of the reset, in their order. Control sequences as in xterm's `ctlseqs`, where no other source is named.
const PARTS: &[(&str, &str)] = &[
    // CAN ends a sequence that arrived by half (ECMA-48 8.3.7), ST a string that did (OSC, DCS): what follows would belong to it.
    ("\x18\x1b\\", "end what arrived by half"),
    ("\x1b]8;;\x1b\\", "no hyperlink (OSC 8)"),
    // While it is on, the terminal shows nothing new.
    ("\x1b[?2026l", "synchronized update off"),
    // kitty's keyboard protocol keeps a stack of flags for each screen, so it is emptied here and again on the main screen. Terminals that do not know
    // it may take any CSI u for "restore the cursor" (SwiftTerm#500, ConEmu#2609; Terminal.app knows neither: ansi-escapes#16), hence saved first.
    (
        "\x1b7\x1b[<99u\x1b[=0u",
        "kitty keyboard off (DECSC, alternate screen)",
    ),
    // Saved first, because leaving the alternate screen restores the cursor, and on the main screen that would move it.
    ("\x1b7\x1b[?1049l", "main screen (DECSC, 1049)"),
    ("\x1b[<99u\x1b[=0u", "kitty keyboard off (main screen)"),
    // Where it is read as SGR 4 (xterm.js#1147), the last part takes the underline back.
    ("\x1b[>4;0m", "modifyOtherKeys off"),
    // After the alternate screen is left: some terminals bring the mouse back with the main screen.
    (
        "\x1b[?9l\x1b[?1000l\x1b[?1001l\x1b[?1002l\x1b[?1003l",
        "mouse off",
    ),
    (
        "\x1b[?1005l\x1b[?1006l\x1b[?1015l\x1b[?1016l",
        "mouse encodings off",
    ),
    ("\x1b[?1004l", "focus reports off"),
    ("\x1b[?2004l", "bracketed paste off"),
    ("\x1b[?2031l", "colour scheme reports off"),
    ("\x1b[?2048l", "in-band size reports off"),
    (
        "\x1b[?66l\x1b[?1l\x1b>",
        "keypad and cursor keys normal (DECNKM, DECCKM, DECKPNM)",
    ),
    // Setting margins moves the cursor home, hence saved and restored. Origin mode is left alone: resetting it moves it as well.
    ("\x1b7\x1b[r\x1b8", "no margins (DECSTBM)"),
    (
        "\x1b[4l\x1b[?5l\x1b[?7h",
        "no insert mode (IRM), no reverse video (DECSCNM), wrap (DECAWM)",
    ),
    (
        "\x1b[?12l\x1b[?25h\x1b[0 q",
        "cursor visible, of the user's shape (DECTCEM, DECSCUSR)",
    ),
    ("\x1b(B\x0f", "ASCII in G0, and G0 in use (SCS, SI)"),
    ("\x1b[0m", "no colours (SGR)"),
];

/// What tells a terminal in tmux's control mode that tmux is gone, and shows nothing on one that is not in it. To be written before [`reset`].
///
/// tmux begins with `DCS 1000 p` and ends with a line `%exit` and ST (tmux's wiki, "Control Mode"), which a lost connection keeps back. iTerm2 takes
/// nothing but a line that begins with `%exit` for the end, not ST (VT100TmuxParser.m), and gives up with a complaint on a line that does not begin with
/// `%`, an empty one too, while it skips one that does (TmuxGateway.m). Others take ST (wezterm#8172), or know no control mode and are in a DCS.
///
/// So: `%` makes the half of a line that may have come a line that is skipped, or begins one; BS and ECH take it off the screen of a terminal that shows
/// it; DCS hides `%exit` from that, and ends at ST. The line discipline makes CR LF of LF; iTerm2 drops each CR.
pub const LEAVE_CONTROL_MODE: &str = "%\x08\x1b[X\x1bP\n%exit\n\x1b\\";

/// Whether this is the `TERM` of a terminal that shows every byte (terminfo's `dumb`: Emacs' `M-x shell`, editors' consoles). No `TERM` at all says nothing.
pub fn is_dumb(term: Option<&OsStr>) -> bool {
    term.is_some_and(|term| term == "dumb")
}

/// The whole reset, to be written after a run that did not end by itself.
pub fn reset() -> String {
    PARTS.iter().map(|(sequence, _)| *sequence).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A terminal of 10 rows with 100 rows of scrollback, in which a shell has printed 15 lines and half a prompt.
    fn terminal() -> vt100::Parser {
        let mut terminal = vt100::Parser::new(10.try_into().unwrap(), 40.try_into().unwrap(), 100);
        for line in 0..15 {
            terminal.process(format!("line {line}\r\n").as_bytes());
        }
        terminal.process(b"me@gw1:~$ ls");
        terminal
    }

    fn view(terminal: &vt100::Parser) -> (String, (u16, u16), usize) {
        let screen = terminal.screen();
        (
            screen.contents(),
            screen.cursor_position(),
            screen.scrollback_len(),
        )
    }

    #[test]
    fn only_a_terminal_that_says_so_is_dumb() {
        assert!(is_dumb(Some("dumb".as_ref())));
        assert!(!is_dumb(None) && !is_dumb(Some("xterm".as_ref())));
    }

    #[test]
    fn on_the_main_screen_nothing_moves() {
        let mut terminal = terminal();
        let before = view(&terminal);
        terminal.process(reset().as_bytes());
        assert_eq!(view(&terminal), before);
    }

    #[test]
    fn what_a_full_screen_program_left_is_undone() {
        let mut terminal = terminal();
        let before = view(&terminal);
        terminal.process(b"\x1b[?1049h\x1b[2;5r\x1b[?1h\x1b=\x1b[?2004h\x1b[?1000h\x1b[?1002h");
        terminal.process(b"\x1b[?1006h\x1b[?25l\x1b[31;7m\x1b[5;5Hhalf\x1b]52;c;aGFsZg");
        assert!(terminal.screen().alternate_screen() && terminal.screen().hide_cursor());
        terminal.process(reset().as_bytes());
        let screen = terminal.screen();
        assert_eq!(screen.contents(), before.0);
        assert_eq!(screen.scrollback_len(), before.2);
        assert!(!screen.alternate_screen() && !screen.hide_cursor());
        assert!(!screen.application_cursor() && !screen.application_keypad());
        assert!(!screen.bracketed_paste() && !screen.inverse());
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
        assert_eq!(screen.fgcolor(), vt100::Color::Default);
        // Without margins, lines scroll through the whole screen again.
        for _ in 0..20 {
            terminal.process(b"x\r\n");
        }
        assert_eq!(terminal.screen().cursor_position(), (9, 0));
        assert!(terminal.screen().contents().starts_with('x'));
    }

    #[test]
    fn control_mode_is_left_and_where_there_is_none_nothing_is_seen() {
        let mut terminal = terminal();
        let before = view(&terminal);
        terminal.process(LEAVE_CONTROL_MODE.as_bytes());
        assert_eq!(view(&terminal), before);
        // In the middle of a line of tmux's.
        terminal.process(b"\x1bP1000p%begin 1 2 0\r\n%end 1 2 0\r\n%output %0 ha");
        terminal.process(LEAVE_CONTROL_MODE.as_bytes());
        assert_eq!(view(&terminal), before);
        terminal.process(b"!");
        assert!(terminal.screen().contents().ends_with("ls!"));
        // What iTerm2 makes of it: lines, of which it refuses those without %, and one that is the end.
        for half in ["", "%output %0 ha", "%output %0 all\r\n"] {
            let lines = format!("{half}{LEAVE_CONTROL_MODE}");
            let lines: Vec<_> = lines.split('\n').collect();
            let (rest, lines) = lines.split_last().unwrap();
            let (end, skipped) = lines.split_last().unwrap();
            assert_eq!((*end, *rest), ("%exit", "\x1b\\"));
            assert!(skipped.iter().all(|line| line.starts_with('%')));
        }
    }

    /// A terminal that reads what it does not know as what it does: CSI with a private marker as CSI without one.
    #[test]
    fn who_misreads_the_private_sequences_is_not_harmed() {
        let mut terminal = terminal();
        let before = view(&terminal);
        // vt100 knows no CSI u; where it is "restore the cursor", it is ESC 8.
        let misread = reset()
            .replace("\x1b[<99u", "\x1b8")
            .replace("\x1b[=0u", "\x1b8")
            .replace("\x1b[>4;0m", "\x1b[4;0m\x1b[4m");
        terminal.process(b"\x1b7\r\nmore");
        let after = view(&terminal);
        terminal.process(misread.as_bytes());
        assert_eq!(view(&terminal), after);
        assert_ne!(after, before);
        assert!(!terminal.screen().underline());
    }

    #[test]
    fn it_never_clears() {
        let reset = reset();
        for clearing in ["\x1bc", "\x1b[2J", "\x1b[3J", "\x1b[J", "\x1b[!p"] {
            assert!(!reset.contains(clearing), "{clearing:?}");
        }
    }
}
