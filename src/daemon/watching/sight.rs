//! Which of the kernel's events mean that somebody edited a book. Pure.
//!
//! carnet puts a file in place, and takes one away, by renaming from and to names of its own. Both halves of a renaming
//! carry one number, so that its own writes are told from everybody else's however they are mixed.

use std::collections::BTreeSet;

use crate::app::{is_card_name, is_own_name};

/// What happened to a name in a watched folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happened {
    /// It was made, written or removed.
    Changed,
    /// It was renamed to another one; the number is the renaming's.
    From(u32),
    /// Another one was renamed to it.
    To(u32),
}

/// Which names in a folder are a book's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Names {
    /// Every card.
    Cards,
    /// One file.
    File(Vec<u8>),
}

impl Names {
    fn contain(&self, name: &[u8]) -> bool {
        match self {
            Names::Cards => is_card_name(name),
            Names::File(file) => file == name,
        }
    }
}

/// The first halves of renamings, by their numbers.
#[derive(Debug, Default)]
pub struct Sight {
    /// Of carnet's own names.
    own: BTreeSet<u32>,
    /// Of names of a book, to what is not known yet.
    open: BTreeSet<u32>,
}

/// More halves than this without the other one are forgotten: a folder that is not watched has the other.
const HALVES_MAX: usize = 4096;

impl Sight {
    /// True where this means that somebody edited the book.
    pub fn edited(&mut self, names: &Names, name: &[u8], happened: Happened) -> bool {
        let (is_own, is_books) = (is_own_name(name), names.contain(name));
        match happened {
            Happened::Changed => is_books,
            Happened::From(number) => {
                if is_own {
                    if self.own.len() >= HALVES_MAX {
                        self.own.clear();
                    }
                    self.own.insert(number);
                } else if is_books {
                    self.open.insert(number);
                }
                false
            }
            Happened::To(number) => {
                let (came_from_own, was_open) = (self.own.remove(&number), self.open.remove(&number));
                // What carnet puts in place, or takes away, is none.
                !came_from_own && if was_open { !is_own } else { is_books }
            }
        }
    }

    /// True where the first half of this renaming was seen.
    pub fn knows(&self, number: u32) -> bool {
        self.own.contains(&number) || self.open.contains(&number)
    }

    /// True while a name of a book has gone, and it is not known where to.
    pub fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// The names that have gone went out of sight: true where there was one.
    pub fn close(&mut self) -> bool {
        !std::mem::take(&mut self.open).is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Happened::{Changed, From, To},
        *,
    };

    const NEW: &str = ".carnet-new-0011223344556677-x.tmp";
    const SWAP: &str = ".carnet-swap-0011223344556677-00112233445566778899aabbccddeeff-x.tmp";

    /// Does this sequence mean an edit, once what is open has had its time?
    fn check(names: &Names, events: &[(&str, Happened)], expected: bool) {
        let mut sight = Sight::default();
        let mut edited = false;
        for (name, happened) in events {
            edited |= sight.edited(names, name.as_bytes(), *happened);
        }
        edited |= sight.close();
        assert_eq!(edited, expected, "{names:?} {events:?}");
        assert!(!sight.is_open() && sight.own.is_empty(), "{events:?}");
    }

    #[test]
    fn others_edits_are_seen_and_carnets_own_are_not() {
        let cards = Names::Cards;
        check(&cards, &[("ada.vcf", Changed)], true);
        check(&cards, &[("notes.txt", Changed), (".ada.vcf.swp", Changed), (".carnet-book", Changed)], false);
        // Saved by renaming, as most programs do it; renamed by hand; moved in; moved out.
        check(&cards, &[("ada.vcf~1", Changed), ("ada.vcf~1", From(7)), ("ada.vcf", To(7))], true);
        check(&cards, &[("ada.vcf", From(7)), ("ada.vcf.bak", To(7))], true);
        check(&cards, &[("ada.vcf", From(7)), ("eve.vcf", To(7))], true);
        check(&cards, &[("eve.vcf", To(7))], true);
        check(&cards, &[("eve.vcf", From(7))], true);
        check(&cards, &[("notes.txt", From(7)), ("notes.old", To(7))], false);
        // A new card, a changed one (two names exchanged), a removed one, of carnet's.
        check(&cards, &[(NEW, Changed), (NEW, From(7)), ("ada.vcf", To(7))], false);
        let exchange = [(NEW, From(7)), (SWAP, To(7)), (SWAP, From(8)), ("ada.vcf", To(8))];
        check(&cards, &[&exchange[..], &[("ada.vcf", From(9)), (SWAP, To(9)), (SWAP, Changed)]].concat(), false);
        check(&cards, &[("ada.vcf", From(7)), (SWAP, To(7)), (SWAP, Changed)], false);
        // Somebody's edit among them.
        check(&cards, &[("ada.vcf", From(7)), ("ada.vcf", Changed), (SWAP, To(7))], true);
        check(&cards, &[(NEW, From(7)), ("ada.vcf", To(7)), ("ada.vcf", Changed)], true);
        check(&cards, &[("ada.vcf", From(7)), ("eve.vcf", From(8)), (SWAP, To(7))], true);
        // A file.
        let sheet = Names::File(b"sheet.csv".to_vec());
        check(&sheet, &[("sheet.csv", Changed)], true);
        check(&sheet, &[(".~lock.sheet.csv#", Changed), ("other.csv", Changed), ("ada.vcf", Changed)], false);
        check(&sheet, &[("lu1.tmp", From(7)), ("sheet.csv", To(7))], true);
        check(&sheet, &[(NEW, From(7)), ("sheet.csv", To(7))], false);
    }
}
