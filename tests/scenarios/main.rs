//! The decisions in simulated time: hours of a laptop's day in milliseconds, nothing real.

mod endings;
mod moves;
mod random;
mod world;
