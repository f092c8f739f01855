//! Chance, from a seed.

use std::time::Duration;

/// Chance that is the same whenever the seed is.
#[derive(Clone, Debug)]
pub struct Dice(fastrand::Rng);

impl Dice {
    /// Of this seed.
    pub fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// Of its own for one thing among many, so that what happens to the others does not change it.
    pub fn of(seed: u64, kind: u64, number: u64) -> Self {
        Self::new(
            seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
                ^ kind.wrapping_mul(0xbf58_476d_1ce4_e5b9)
                ^ number.wrapping_mul(0x94d0_49bb_1331_11eb),
        )
    }

    /// Whether something happens that does so in so many of a hundred cases.
    pub fn percent(&mut self, of_hundred: u32) -> bool {
        self.0.u32(0..100) < of_hundred
    }

    /// A time in milliseconds of this range, ends included.
    pub fn millis(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(self.number(least, most))
    }

    /// A number of this range, ends included.
    pub fn number(&mut self, least: u64, most: u64) -> u64 {
        self.0.u64(least..=most)
    }

    /// One of these.
    pub fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.0.usize(0..of.len())]
    }

    /// Another seed.
    pub fn seed(&mut self) -> u64 {
        self.0.u64(..)
    }
}
