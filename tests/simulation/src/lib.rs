//! The supervisor in a simulated world, and the promises that it has to keep there.
//!
//! One number, the seed, makes one run: which sessions there are ([`setup`]), what happens in the world and when ([`schedule`]), and how long each
//! thing takes. Nothing else does: no clock is read, no thread's order counts, nothing is kept in the order of a hash.
//!
//! - [`world`] and [`server`] are the truth: interfaces, networks, servers, and what becomes of a packet. A look, the answer to a probe and the
//!   outcome of an attempt are worked out from it.
//! - `session`, `act`, `attempt`, `child`, `login` and `probe` are the driver's part and what it deals with: what it holds, and what it carries out. Pacing and the queues at the servers are the
//!   driver's own code.
//! - [`promises`] keeps books of what each supervisor is told and wants, and says which promise is broken; `free` looks from outside.
//! - [`shrink`] and [`regression`] make a failing seed short, readable and lasting.

mod act;
mod address;
pub mod agenda;
mod attempt;
mod banner;
mod child;
pub mod dice;
mod free;
mod happens;
mod late;
mod login;
pub mod occurrence;
mod passage;
mod probe;
pub mod promises;
pub mod regression;
pub mod schedule;
pub mod server;
mod session;
pub mod setup;
pub mod shrink;
mod simulation;
mod transcript;
mod words;
pub mod world;

pub use simulation::{Outcome, Simulation};
