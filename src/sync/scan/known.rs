//! What is known of a replica before its scan, and what the scan has shown of it, in about ten bytes a record: a sorted
//! list of hashes, and a bit for each. Names and revisions themselves stay in the mirror.

use std::hash::{BuildHasher, RandomState};

use crate::replica::Hashes;

/// The known records of a replica, by the hashes of their names, and which of them were shown.
///
/// Two names of one hash (in a million records once in ten million scans) can hide an absence until the next scan, whose
/// hashes are others; they never make one.
#[derive(Debug)]
pub struct KnownRecords {
    hasher: RandomState,
    /// Sorted.
    names: Vec<u64>,
    /// A bit for each of `names`.
    shown: Vec<u64>,
    shown_count: u64,
    /// The hashes of shown records that were not known.
    strangers: Hashes,
}

impl KnownRecords {
    /// None yet, with room for so many.
    pub fn with_capacity(count: u64) -> Self {
        let count = usize::try_from(count).unwrap_or_default();
        Self {
            hasher: RandomState::new(),
            names: Vec::with_capacity(count),
            shown: Vec::new(),
            shown_count: 0,
            strangers: Hashes::default(),
        }
    }

    /// Adds a known record; all are added before the first is asked for.
    pub fn add(&mut self, remote: &str) {
        self.names.push(self.hasher.hash_one(remote));
    }

    /// The same, ready to be asked.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        self.names.sort_unstable();
        self.shown = vec![0; self.names.len().div_ceil(64)];
        self
    }

    /// How many are known.
    pub fn count(&self) -> u64 {
        self.names.len() as u64
    }

    /// How many different records were shown, known or not.
    pub fn shown_count(&self) -> u64 {
        self.shown_count + self.strangers.len() as u64
    }

    /// How many shown records were not known.
    pub fn strangers(&self) -> usize {
        self.strangers.len()
    }

    /// True for a known record.
    pub fn contains(&self, remote: &str) -> bool {
        self.place(remote).is_ok()
    }

    /// Notes that a record was shown; false if it was before.
    pub fn show(&mut self, remote: &str) -> bool {
        match self.place(remote) {
            Ok(place) => {
                let (word, bit) = (&mut self.shown[place / 64], 1 << (place % 64));
                let is_new = *word & bit == 0;
                *word |= bit;
                self.shown_count += u64::from(is_new);
                is_new
            }
            Err(hash) => self.strangers.insert(hash),
        }
    }

    /// True for a record that was shown.
    pub fn was_shown(&self, remote: &str) -> bool {
        match self.place(remote) {
            Ok(place) => self.shown[place / 64] & (1 << (place % 64)) != 0,
            Err(hash) => self.strangers.contains(hash),
        }
    }

    /// Where a record is, or its hash if it is not known.
    fn place(&self, remote: &str) -> Result<usize, u64> {
        let hash = self.hasher.hash_one(remote);
        self.names.binary_search(&hash).map_err(|_| hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_shown_is_told_from_what_is_missing() {
        let mut known = KnownRecords::with_capacity(100);
        (0..100).for_each(|number| known.add(&format!("card-{number}.vcf")));
        let mut known = known.sorted();
        for number in (0..100).step_by(3).chain([300]) {
            assert!(known.show(&format!("card-{number}.vcf")), "{number} is shown for the first time");
            assert!(!known.show(&format!("card-{number}.vcf")), "{number} is shown again");
        }
        assert_eq!((known.count(), known.shown_count()), (100, 35));
        for number in 0..301 {
            let name = format!("card-{number}.vcf");
            assert_eq!(known.contains(&name), number < 100, "{name}");
            assert_eq!(known.was_shown(&name), (number < 100 && number % 3 == 0) || number == 300, "{name}");
        }
    }
}
