//! Chance that can be repeated: a seed is a whole history.

use carnet::sandbox;

/// A source of numbers.
#[derive(Debug, Clone)]
pub struct Chance(sandbox::Chance);

impl Chance {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(sandbox::Chance::from_state(seed ^ 0x6a09_e667_f3bc_c908))
    }

    /// A chance of its own for an occasion, whatever was drawn before for others.
    pub fn of(seed: u64, occasion: &str) -> Self {
        let mixed = occasion.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self::new(mixed)
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0.draw()
    }

    /// A number below a bound; 0 for a bound of 0.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0.below(bound)
    }

    /// True so many times of a hundred.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }

    /// One of several; none of none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len()))
    }
}
