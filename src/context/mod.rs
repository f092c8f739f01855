//! screen and tmux: the remote command that attaches, the names of sessions, and which of them are in use on this laptop.

pub mod bootstrap;
pub mod claim;
pub mod name;
pub mod recipe;
pub mod stale;

pub use bootstrap::{Attach, Mux, Scrollback, Token, When};
pub use claim::{Claim, Claims, InUse};
pub use name::{BadName, Name};
pub use recipe::Recipe;
pub use stale::Stale;
