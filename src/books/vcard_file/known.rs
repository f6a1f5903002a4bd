//! What is known of a file's cards, in sixteen bytes a card: hashes of its name and of its bytes. Names themselves stay in
//! the mirror, and so do revisions; only of a card that does not go by its UID more is kept, since nothing in the file
//! would tell who it is.

use std::collections::{HashMap, HashSet};

use crate::{
    books::record_ids::{Hashed, KnownHashes, NameHash, StateHash, is_made, name_hash, state_hash},
    replica::{Baseline, Stopped},
};

/// A card that is agreed on, or was written.
pub type KnownCard = (StateHash, NameHash);

/// The known cards of a file.
#[derive(Debug, Default)]
pub struct KnownCards {
    /// Sorted.
    cards: Vec<KnownCard>,
    /// Those that go by a name made from what they say, or said.
    made: HashMap<NameHash, Hashed>,
}

impl KnownCards {
    /// All that is agreed on.
    pub fn new(baseline: &dyn Baseline) -> Result<Self, Stopped> {
        let mut known = Self {
            cards: Vec::with_capacity(usize::try_from(baseline.count()).unwrap_or_default()),
            ..Self::default()
        };
        baseline.for_each(&mut |remote, revision| {
            known.cards.push((state_hash(revision), name_hash(remote)));
            known.note_made(remote, revision);
        })?;
        known.cards.sort_unstable();
        Ok(known)
    }

    /// All of them.
    pub fn all(&self) -> &[KnownCard] {
        &self.cards
    }

    /// True if nothing is known.
    pub fn is_empty(&self) -> bool {
        self.cards.is_empty()
    }

    /// A card's name if it was made, as far as it still follows from what the card says.
    pub fn made_name(&self, name: NameHash) -> Option<String> {
        self.made.get(&name).map(Hashed::made_name).filter(|made| name_hash(made) == name)
    }

    /// What a name that was made is remembered by.
    pub fn note_made(&mut self, remote: &str, revision: &str) {
        if is_made(remote) {
            self.made.insert(name_hash(remote), Hashed::known(remote, revision));
        }
    }

    /// The same cards in these states, and new ones.
    pub fn update(&mut self, mut changed: Vec<KnownCard>) {
        let mut names: Vec<NameHash> = changed.iter().map(|(_, name)| *name).collect();
        names.sort_unstable();
        self.cards.retain(|(_, name)| names.binary_search(name).is_err());
        if self.cards.is_empty() {
            self.cards = changed;
        } else {
            self.cards.append(&mut changed);
        }
        self.cards.sort_unstable();
    }

    /// What a card of the file is remembered by that was not read under its name.
    pub fn note_card(&mut self, card: &Hashed) {
        if name_hash(&card.made_name()) == card.name {
            self.made.insert(card.name, *card);
        }
    }

    /// These cards and no others.
    pub fn replace(&mut self, mut cards: Vec<KnownCard>) {
        if !self.made.is_empty() {
            let names: HashSet<NameHash> = cards.iter().map(|(_, name)| *name).collect();
            self.made.retain(|name, _| names.contains(name));
        }
        cards.sort_unstable();
        self.cards = cards;
    }

    /// All in hashes, with those that are asked for; of a card that goes by its UID that alone.
    pub fn hashed(&self, asked: impl Iterator<Item = Hashed>) -> KnownHashes {
        let plain = self.cards.iter().map(|(state, name)| Hashed::marked(*name, *state));
        KnownHashes::new(self.made.values().copied().chain(asked).chain(plain).collect())
    }

    /// The cards of the file that are found under their known states.
    pub fn matching(&self) -> Matching<'_> {
        Matching { known: self, used: vec![false; self.cards.len()], twins: HashMap::new() }
    }
}

/// Which known cards were found in the file, byte for byte.
#[derive(Debug)]
pub struct Matching<'k> {
    known: &'k KnownCards,
    used: Vec<bool>,
    /// Of several cards in one state, from the first one's place: how many were found.
    twins: HashMap<usize, usize>,
}

impl Matching<'_> {
    /// The name of the known card that is in this state; each is found once.
    pub fn take(&mut self, state: StateHash) -> Option<NameHash> {
        let cards = &self.known.cards;
        let first = cards.partition_point(|(known, _)| *known < state);
        let is_it = |place: usize| cards.get(place).is_some_and(|(known, _)| *known == state);
        if !is_it(first) {
            return None;
        }
        let mut place = first;
        if is_it(first + 1) {
            let taken = self.twins.entry(first).or_default();
            place += *taken;
            *taken += 1;
        }
        (is_it(place) && !std::mem::replace(&mut self.used[place], true)).then(|| cards[place].1)
    }

    /// The names of the cards that were found, sorted.
    pub fn names(&self) -> Vec<NameHash> {
        let mut names: Vec<NameHash> = self.found().map(|(_, name)| name).collect();
        names.sort_unstable();
        names
    }

    /// The cards that were found.
    pub fn found(&self) -> impl Iterator<Item = KnownCard> {
        self.known.cards.iter().zip(&self.used).filter(|(_, used)| **used).map(|(card, _)| *card)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replica::memory::Known;

    #[test]
    fn each_known_card_is_found_once() {
        let revision = |state: u32| format!("{state:016x}{:016x}/", 0);
        let revisions = [("a", 1), ("b", 2), ("c", 2), ("d", 2)].map(|(name, it)| (name.to_owned(), revision(it)));
        let baseline = Known { revisions: revisions.into(), ..Known::default() };
        let known = KnownCards::new(&baseline).unwrap();
        let mut matching = known.matching();
        let state = |it: u32| state_hash(&revision(it));
        assert_eq!(matching.take(state(1)), Some(name_hash("a")));
        assert_eq!(matching.take(state(1)), None);
        assert_eq!(matching.take(state(3)), None);
        let mut twins: Vec<_> = (0..3).filter_map(|_| matching.take(state(2))).collect();
        twins.sort_unstable();
        let mut expected = ["b", "c", "d"].map(name_hash);
        expected.sort_unstable();
        assert_eq!((twins.as_slice(), matching.take(state(2))), (expected.as_slice(), None));
        assert_eq!(matching.found().count(), 4);
    }
}
