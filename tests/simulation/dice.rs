//! Chance from a seed: the same seed, the same history.

use carnet::sandbox::Chance;

/// A stream of numbers.
#[derive(Debug, Clone)]
pub struct Dice(Chance);

impl Dice {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        let mut chance = Chance::from_state(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x6361_726e_6574);
        // Neighbouring seeds begin alike.
        chance.draw();
        Self(chance)
    }

    /// From 0 up to but not including `end`, which is above 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.0.below(end)
    }

    /// True in so many of 1,000 draws.
    pub fn permille(&mut self, share: usize) -> bool {
        self.below(1_000) < share
    }

    /// One of them.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}
