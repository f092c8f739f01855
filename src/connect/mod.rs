//! Dialling the first hop, checking its banner, handing the socket to ssh, probing it.
//!
//! Everything here is a future that may be dropped at any moment, which cancels it and closes what it had opened; nothing is
//! global. When to dial, and what a failure means, is the supervisor's business; so is the host key, which stays ssh's.

pub mod banner;
pub mod dial;
pub mod echo;
pub mod failure;
pub mod handover;
pub mod probe;
pub mod race;
pub mod resolve;
pub mod target;

pub(crate) use banner::is_refusal;
pub use dial::{Dialled, Progress, dial};
pub use failure::Failure;
pub use handover::HandOver;
pub use probe::{Answer, Sign, probe};
pub use resolve::Resolver;
pub use target::{Family, Target};
