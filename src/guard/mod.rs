//! Other people's ssh: connections that git, rsync, editors and masters have, judged by the same verdicts as a run's.
//!
//! There are two kinds. Those that were *found* by asking the system belong to an ssh that netroam knows nothing of: it cannot be asked
//! for a sign of life, so what the kernel knows of it has to do, and it is ended by `SIGTERM`. Those that `netroam dial` has *handed* over are duplicates of
//! the socket itself: they are asked through the kernel as a run's is, and ended by shutdown(2), which needs no process number.
//!
//! Where there is doubt, a connection is left alone.

mod found;
mod held;
mod intake;
mod keep;
mod past;

pub use found::{Found, Ssh, is_ours};
pub use intake::{Offer, offer};
pub use keep::keep;
pub use past::Past;
