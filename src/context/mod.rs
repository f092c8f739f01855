//! screen and tmux: the remote command that attaches, the names of sessions, which of them are in use on this laptop, and what a host has.

pub mod bootstrap;
pub mod claim;
pub mod name;
pub mod recipe;
pub mod stale;
pub mod survey;

pub use bootstrap::{Attach, Mux, Scrollback, Token, When};
pub use claim::{Claim, Claims, InUse};
pub use name::{BadName, Name};
pub use recipe::Recipe;
pub use stale::Stale;
pub use survey::Survey;
