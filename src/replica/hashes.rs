//! A set of hashes in about ten bytes each: who keeps track of many records keeps these in the place of their names.

use std::collections::HashSet;

/// So many are taken in before they are sorted in, or more where there are many already.
const RECENT_MIN: usize = 1024;

/// A set of hashes.
#[derive(Debug, Default)]
pub struct Hashes {
    sorted: Vec<u64>,
    /// Those that came since, none of which is among the sorted ones.
    recent: HashSet<u64>,
}

impl Hashes {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.sorted.len() + self.recent.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// True for one that is there.
    pub fn contains(&self, hash: u64) -> bool {
        self.recent.contains(&hash) || self.sorted.binary_search(&hash).is_ok()
    }

    /// Takes one in; false if it was there.
    pub fn insert(&mut self, hash: u64) -> bool {
        if self.sorted.binary_search(&hash).is_ok() || !self.recent.insert(hash) {
            return false;
        }
        if self.recent.len() >= RECENT_MIN.max(self.sorted.len() / 8) {
            self.sorted.reserve_exact(self.recent.len());
            self.sorted.extend(self.recent.drain());
            self.sorted.sort_unstable();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_taken_in_once() {
        let (mut hashes, mut plain) = (Hashes::default(), HashSet::new());
        let spread = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for number in (0..20_000).chain(500..1_500).chain(19_000..21_000) {
            assert_eq!(hashes.insert(spread(number)), plain.insert(spread(number)), "{number}");
        }
        assert!(hashes.len() == plain.len() && !hashes.is_empty() && hashes.sorted.is_sorted());
        assert!((0..22_000).all(|number| hashes.contains(spread(number)) == plain.contains(&spread(number))));
    }
}
