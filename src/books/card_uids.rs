//! The UIDs of cards, so that a second card with the same one is noticed without reading the first.

use super::fs::Digest;
use crate::replica::Hashes;

/// What stands for a UID: folded, since some programs change its case.
pub fn uid_key(uid: &str) -> String {
    Digest::of(uid.trim().to_lowercase().as_bytes()).short().to_owned()
}

/// A UID's key as a number, never zero.
pub fn uid_number(key: &str) -> u64 {
    u64::from_str_radix(key, 16).unwrap_or_else(|_| uid_number(&uid_key(key))).max(1)
}

/// The UIDs met so far, as numbers.
pub struct Uids {
    /// Of the files that were not read; sorted.
    unread: Vec<u64>,
    read: Hashes,
}

impl Uids {
    /// Those of records that are not read, sorted.
    pub fn new(unread: Vec<u64>) -> Self {
        Self { unread, read: Hashes::default() }
    }

    /// True for one that no other record met so far has, and for none.
    pub fn is_new(&mut self, uid: Option<&str>) -> bool {
        uid.map(|uid| uid_number(&uid_key(uid)))
            .is_none_or(|uid| self.unread.binary_search(&uid).is_err() && self.read.insert(uid))
    }
}
