//! What a scan leaves for the next one: up to where it has read, of which book, and what could not be read.

use std::collections::BTreeSet;

use super::Look;
use crate::replica::{Baseline, Cursor, Stopped};

const BOOK: &str = "book";
const COUNTER: &str = "counter";
const UNREAD: &str = "unread/";

/// The notes of a cursor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// The counter to go on from; none where all is to be read.
    pub counter: Option<u64>,
    /// Names of cards that could not be read.
    pub unread: BTreeSet<String>,
}

impl Notes {
    /// The notes of the scan before, if they are about this book and not of its future.
    pub fn read(baseline: &dyn Baseline, look: &Look) -> Result<Self, Stopped> {
        let (mut notes, mut is_ours) = (Self::default(), false);
        baseline.for_each_note(&mut |name, value| match name {
            BOOK => is_ours = value == look.book_id,
            COUNTER => notes.counter = value.parse().ok(),
            other => {
                if let Some(name) = other.strip_prefix(UNREAD) {
                    notes.unread.insert(name.to_owned());
                }
            }
        })?;
        let is_known = is_ours && notes.counter.is_some_and(|counter| counter <= look.counter);
        Ok(if is_known { notes } else { Self::default() })
    }

    /// As the next scan is to find them.
    pub fn cursor(&self, baseline: &dyn Baseline, look: &Look) -> Result<Cursor, Stopped> {
        let mut cursor = Cursor::new();
        baseline.for_each_note(&mut |name, _| {
            if name.strip_prefix(UNREAD).is_some_and(|name| !self.unread.contains(name)) {
                cursor.push((name.to_owned(), String::new()));
            }
        })?;
        cursor.push((BOOK.to_owned(), look.book_id.clone()));
        cursor.push((COUNTER.to_owned(), look.counter.to_string()));
        cursor.extend(self.unread.iter().map(|name| (format!("{UNREAD}{name}"), "1".to_owned())));
        Ok(cursor)
    }
}
