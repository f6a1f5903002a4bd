//! What a scan leaves for the next one: where changes are counted from, when all was listed, and what is no contact.

use std::collections::{BTreeMap, BTreeSet};

use super::collection::Member;
use crate::replica::{Baseline, Cursor, Stopped};

const COLLECTION: &str = "collection";
/// The note of the sync token.
pub const TOKEN: &str = "token";
const CTAG: &str = "ctag";
const LISTED: &str = "listed";
const GROUP: &str = "group/";
const UNREAD: &str = "unread/";
const SHOWN: &str = "shown/";

/// How often a card is looked for that was listed and is denied.
const DENIALS_MAX: u32 = 5;

/// So long a token is believed: some servers answer one that they do not know with nothing.
const LISTED_FOR: i64 = 24 * 3_600;

/// The notes of a cursor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// The address book that they are about.
    pub collection: String,
    /// The sync token.
    pub token: Option<String>,
    /// The collection's ctag, where there is no token.
    pub ctag: Option<String>,
    /// When all was listed, in seconds since 1970.
    pub listed: Option<i64>,
    /// Group cards by name, each with its ETag.
    pub groups: BTreeMap<String, String>,
    /// Names of cards that could not be read, each with how often in a row the server has listed it and denied it.
    pub unread: BTreeMap<String, u32>,
    /// Names of cards that were shown and not known then. Some of them become known; about others a user is asked.
    pub shown: BTreeSet<String>,
}

impl Notes {
    /// The notes of the scan before, if they are about this address book.
    pub fn read(baseline: &dyn Baseline, collection: &str) -> Result<Self, Stopped> {
        let mut notes = Self::default();
        baseline.for_each_note(&mut |name, value| {
            let value = value.to_owned();
            match name {
                COLLECTION => notes.collection = value,
                TOKEN => notes.token = Some(value),
                CTAG => notes.ctag = Some(value),
                LISTED => notes.listed = value.parse().ok(),
                other => {
                    if let Some(name) = other.strip_prefix(GROUP) {
                        notes.groups.insert(name.to_owned(), value);
                    } else if let Some(name) = other.strip_prefix(UNREAD) {
                        notes.unread.insert(name.to_owned(), value.parse().unwrap_or_default());
                    } else if let Some(name) = other.strip_prefix(SHOWN) {
                        notes.shown.insert(name.to_owned());
                    }
                }
            }
        })?;
        Ok(if notes.collection == collection {
            notes
        } else {
            Self { collection: collection.to_owned(), ..Self::default() }
        })
    }

    /// True while changes alone may be asked for; a clock that went back says no.
    pub fn is_listing_due(&self, now: i64) -> bool {
        self.listed.is_none_or(|listed| !(0..LISTED_FOR).contains(&(now - listed)))
    }

    /// Notes a card that could not be read.
    pub fn set_unread(&mut self, name: &str) {
        self.unread.insert(name.to_owned(), 0);
    }

    /// Notes a card that was listed and is denied: it went away in between, or the server is unwell, and would never tell of
    /// it again. It is looked for a few times more. `before`: the notes of the scan before.
    pub fn deny(&mut self, name: &str, before: &BTreeMap<String, u32>) {
        let denials = before.get(name).copied().unwrap_or_default() + 1;
        if denials <= DENIALS_MAX {
            self.unread.insert(name.to_owned(), denials);
        }
    }

    /// True for a group that is as it was.
    pub fn is_known_group(&self, member: &Member) -> bool {
        member.etag.is_some() && self.groups.get(&member.name) == member.etag.as_ref()
    }

    /// As the next scan is to find them; what was there before and is not any more is forgotten.
    pub fn cursor(&self, baseline: &dyn Baseline) -> Result<Cursor, Stopped> {
        let mut notes: BTreeMap<String, String> = BTreeMap::new();
        baseline.for_each_note(&mut |name, _| {
            notes.insert(name.to_owned(), String::new());
        })?;
        notes.insert(COLLECTION.to_owned(), self.collection.clone());
        notes.insert(TOKEN.to_owned(), self.token.clone().unwrap_or_default());
        notes.insert(CTAG.to_owned(), self.ctag.clone().unwrap_or_default());
        notes.insert(LISTED.to_owned(), self.listed.map(|listed| listed.to_string()).unwrap_or_default());
        notes.extend(self.groups.iter().map(|(name, etag)| (format!("{GROUP}{name}"), etag.clone())));
        notes.extend(self.unread.iter().map(|(name, denials)| (format!("{UNREAD}{name}"), denials.to_string())));
        notes.extend(self.shown.iter().map(|name| (format!("{SHOWN}{name}"), "1".to_owned())));
        Ok(notes.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replica::memory::Known;

    fn notes() -> Notes {
        Notes {
            collection: "/b/".into(),
            token: Some("t".into()),
            ctag: None,
            listed: Some(1_000),
            groups: [("g.vcf".to_owned(), "\"1\"".to_owned())].into(),
            unread: [("x.vcf".to_owned(), 2)].into(),
            shown: ["new.vcf".to_owned()].into(),
        }
    }

    #[test]
    fn notes_are_found_again_and_old_ones_forgotten() {
        let mut known = Known::default();
        known.keep(notes().cursor(&known).unwrap());
        assert_eq!(Notes::read(&known, "/b/"), Ok(notes()));
        let elsewhere = Notes::read(&known, "/other/").unwrap();
        assert_eq!(elsewhere, Notes { collection: "/other/".into(), ..Notes::default() });
        let less = Notes { unread: BTreeMap::new(), groups: BTreeMap::new(), shown: BTreeSet::new(), ..notes() };
        known.keep(less.cursor(&known).unwrap());
        assert_eq!(Notes::read(&known, "/b/"), Ok(less));
    }

    #[test]
    fn all_is_listed_once_a_day_and_whenever_the_clock_is_odd() {
        for (now, due) in [(1_000, false), (1_000 + 86_399, false), (1_000 + 86_400, true), (999, true)] {
            assert_eq!(notes().is_listing_due(now), due, "{now}");
        }
        assert!(Notes::default().is_listing_due(0));
    }

    #[test]
    fn a_card_that_is_listed_and_denied_is_looked_for_a_few_times_more() {
        let (mut before, mut denied) = (BTreeMap::new(), Vec::new());
        for _ in 0..DENIALS_MAX + 2 {
            let mut notes = Notes::default();
            notes.deny("a.vcf", &before);
            denied.push(notes.unread.get("a.vcf").copied());
            before = notes.unread;
        }
        assert_eq!(denied, [Some(1), Some(2), Some(3), Some(4), Some(5), None, Some(1)]);
    }
}
