//! The socket on which a running netroam tells how its session is.
//!
//! It is `control` in the private directory that each running netroam has in netroam's runtime directory
//! (`$XDG_RUNTIME_DIR/netroam/run.XXXXXX/control`), a Unix stream socket of mode 0600. Both sides take only their own user for a partner.
//! What a netroam that was killed leaves behind answers nobody, and the next netroam removes it with its directory.
//!
//! # The protocol
//! The client sends one line, `netroam 1 QUESTION\n`, of at most 512 bytes; the server answers with one line, a JSON object, and closes. 1 is
//! the version: it is raised when an answer changes its meaning, not when a field is added, and fields that are not known are passed over.
//! `docs/control.md` says the same for programs of others.
//!
//! | question | answer |
//! |---|---|
//! | `status` | `{"netroam":1,"sessions":[…]}`: [`Status`] of each session that this process keeps |
//! | `follow` | the same with one session in each line: first all of them, then each one that changed, until the client closes or netroam ends |
//! | `retry ID` | `{"netroam":1,"done":[…]}`: the ids of the sessions that try now, as with Enter; empty if there is no such one |
//! | `stop ID` | the same for the session that ends |
//! | anything else, another version | `{"netroam":1,"error":"…"}` |
//!
//! A client that has not asked within a second is left alone, and at most four are heard at once.
//!
//! # For the driver
//! ```text
//! let mut control = Listener::bind(self.dir.path())…;            // once; a failure is a warning, not an end
//! select! { … request = control.next() => self.answer(request), … }  // by its question
//! ```
//! Without a client nothing runs. [`Status`] says where each of its fields comes from.

mod ask;
mod follow;
mod following;
mod listen;
mod status;

pub use ask::{Answer, Answers, Order, ask, order};
pub use follow::Followers;
pub use following::{Change, Following};
pub use listen::{Listener, Question, Request};
pub use status::{AddressFacts, Health, LookFacts, RunFacts, Status, Want};

/// The version of the protocol.
pub const VERSION: u32 = 1;

/// The name of the socket in the directory of a netroam.
const NAME: &str = "control";

/// What the names of those directories begin with.
pub(crate) const PREFIX: &str = "run.";

/// The longest question.
const LONGEST: usize = 512;

#[cfg(test)]
pub(crate) mod tests;
