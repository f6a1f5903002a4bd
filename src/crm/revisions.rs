//! The agreed digest of each contact by its id, in 24 bytes a contact: a sorted list instead of a hash map.

use super::xml::Digest;

/// Ids and digests, sorted by id once all are there.
#[derive(Debug, Default)]
pub struct Revisions(Vec<(u64, Digest)>);

impl Revisions {
    /// None yet, with room for so many.
    pub fn with_capacity(count: usize) -> Self {
        Self(Vec::with_capacity(count))
    }

    /// Adds one.
    pub fn push(&mut self, id: u64, digest: Digest) {
        self.0.push((id, digest));
    }

    /// The same, ready to be asked.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        self.0.sort_unstable_by_key(|(id, _)| *id);
        self
    }

    /// The digest of a contact.
    pub fn get(&self, id: u64) -> Option<Digest> {
        self.place(id).map(|place| self.0[place].1)
    }

    /// Where a contact is in the list.
    pub fn place(&self, id: u64) -> Option<usize> {
        self.0.binary_search_by_key(&id, |(id, _)| *id).ok()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
