//! Colours.

use std::fmt;

/// The sixteen colours of a dark terminal: the normal ones, then the bright ones.
const PALETTE: [u32; 16] = [
    0x48_4f58, 0xff_7b72, 0x56_d364, 0xe3_b341, 0x79_c0ff, 0xd2_a8ff, 0x56_d4dd, 0xb1_bac4,
    0x6e_7681, 0xff_a198, 0x7e_e787, 0xf2_cc60, 0xa5_d6ff, 0xe2_c5ff, 0xb3_f0ff, 0xff_ffff,
];
/// What is written in no colour.
pub(crate) const INK: Rgb = Rgb(0xe6_edf3);
/// What it is written on.
pub(crate) const PAPER: Rgb = Rgb(0x0d_1117);

/// A colour, as `#rrggbb`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rgb(u32);

impl fmt::Display for Rgb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:06x}", self.0)
    }
}

/// How characters look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Look {
    /// Their own colour.
    pub(crate) ink: Rgb,
    /// The colour behind them, where it is not that of the terminal.
    pub(crate) paper: Option<Rgb>,
    /// Bold, dim, italic, underlined: in the bits 1, 2, 4 and 8.
    strokes: u8,
}

impl Look {
    /// That of a cell.
    pub(crate) fn of(cell: &vt100::Cell) -> Self {
        let (ink, paper) = (colour(cell.fgcolor()), colour(cell.bgcolor()));
        let (ink, paper) = if cell.inverse() {
            (Some(paper.unwrap_or(PAPER)), Some(ink.unwrap_or(INK)))
        } else {
            (ink, paper)
        };
        let strokes = [cell.bold(), cell.dim(), cell.italic(), cell.underline()];
        Self {
            ink: ink.unwrap_or(INK),
            paper,
            strokes: (0..)
                .zip(strokes)
                .map(|(bit, on)| u8::from(on) << bit)
                .sum(),
        }
    }

    /// Whether a blank that looks so can be told from none.
    pub(crate) fn shows_blanks(self) -> bool {
        self.paper.is_some() || self.strokes & 8 != 0
    }

    /// The same for CSS.
    pub(crate) fn css(self) -> String {
        let mut css = format!("fill:{}", self.ink);
        let strokes = [
            ";font-weight:bold",
            ";opacity:.7",
            ";font-style:italic",
            ";text-decoration:underline",
        ];
        for (bit, stroke) in strokes.iter().enumerate() {
            if self.strokes >> bit & 1 == 1 {
                css.push_str(stroke);
            }
        }
        css
    }
}

/// xterm's 256 colours, of which the first sixteen are the terminal's own.
fn colour(colour: vt100::Color) -> Option<Rgb> {
    let cube = |level: u32| if level == 0 { 0 } else { 55 + 40 * level };
    let rgb = |r: u32, g: u32, b: u32| Some(Rgb(r << 16 | g << 8 | b));
    match colour {
        vt100::Color::Default => None,
        vt100::Color::Idx(index @ 0..=15) => Some(Rgb(PALETTE[usize::from(index)])),
        vt100::Color::Idx(index @ 16..=231) => {
            let index = u32::from(index) - 16;
            rgb(cube(index / 36), cube(index / 6 % 6), cube(index % 6))
        }
        vt100::Color::Idx(index) => {
            let level = 8 + 10 * (u32::from(index) - 232);
            rgb(level, level, level)
        }
        vt100::Color::Rgb(r, g, b) => rgb(r.into(), g.into(), b.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_256_colours_are_xterms() {
        let css = |index| colour(vt100::Color::Idx(index)).unwrap().to_string();
        assert_eq!(
            [16, 196, 110, 231, 232, 255].map(css),
            [
                "#000000", "#ff0000", "#87afd7", "#ffffff", "#080808", "#eeeeee"
            ]
        );
    }
}
