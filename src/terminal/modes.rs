//! What a remote program that was cut off leaves switched on in the terminal, and how to switch it off.
//!
//! vim, less, screen and tmux switch these off themselves when they end, and cannot when their connection is cut. Nothing here
//! clears the screen or the scrollback, and the cursor stays where it is. The window title stays as well: taking one from the
//! terminal's stack would take the local program's own where the remote one had put none there.

/// The parts of the reset, in their order. Control sequences as in xterm's `ctlseqs`, where no other source is named.
const PARTS: &[(&str, &str)] = &[
    // CAN ends a sequence that arrived by half (ECMA-48 8.3.7), ST a string that did (OSC, DCS): what follows would belong to it.
    ("\x18\x1b\\", "end what arrived by half"),
    ("\x1b]8;;\x1b\\", "no hyperlink (OSC 8)"),
    // While it is on, the terminal shows nothing new.
    ("\x1b[?2026l", "synchronized update off"),
    // kitty's keyboard protocol keeps a stack of flags for each screen, so it is emptied here and again on the main screen.
    ("\x1b[<99u\x1b[=0u", "kitty keyboard off (alternate screen)"),
    // Saved first, because leaving the alternate screen restores the cursor, and on the main screen that would move it.
    ("\x1b7\x1b[?1049l", "main screen (DECSC, 1049)"),
    ("\x1b[<99u\x1b[=0u", "kitty keyboard off (main screen)"),
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
    fn it_never_clears() {
        let reset = reset();
        for clearing in ["\x1bc", "\x1b[2J", "\x1b[3J", "\x1b[J", "\x1b[!p"] {
            assert!(!reset.contains(clearing), "{clearing:?}");
        }
    }
}
