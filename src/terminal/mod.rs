//! The local terminal: saved, restored, its keys between runs, the status line; tables, and a screen for them.
//!
//! What belongs to which descriptor: modes of the line discipline and keys to standard input, the modes that a remote program set to
//! standard output, the status line to standard error. Each is left alone where its descriptor is no terminal, whatever the others are.
//! While a run is attached the terminal is ssh's, and nothing here touches it.

pub mod fit;
pub mod keys;
pub mod list;
pub mod modes;
pub mod screen;
pub mod status;
pub mod table;
pub mod terminfo;
pub mod tty;

pub use keys::{Key, Keys};
pub use list::{ERASED, List, Pressed, Row};
pub use screen::{Screen, coloured};
pub use status::Status;
pub use tty::{Reset, Terminal};
