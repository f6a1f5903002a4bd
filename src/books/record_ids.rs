//! Which record of a file is which, where one file holds many and not each carries a UID.
//!
//! A record is called by its mark (its UID) where it has one, else by a name made from what it says. It keeps the name
//! that it was agreed under while its mark stays, or enough of its name, e-mail and telephone: so an edit is an edit and
//! not a deletion and a new contact, and so is a UID added or dropped by another program. What it was known by is part
//! of its revision, and so is up to date after each write. The rule for "the same" is that of pairing: a shared mailbox
//! or switchboard number alone never makes one contact of two different names; what fits two records fits neither.

use std::collections::{HashMap, HashSet};

use super::fs::Digest;
use crate::{
    contact::{Contact, ItemKind, keys},
    replica::{RemoteId, Revision},
};

/// What a record is recognised by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordKeys {
    uid: Option<String>,
    digest: Digest,
    keys: Keys,
}

/// Digests of the folded name, first e-mail, first telephone, and of the mark; empty where there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Keys {
    name: String,
    email: String,
    phone: String,
    mark: String,
}

impl RecordKeys {
    /// Those of a record with these bytes, which reads as this contact.
    pub fn new(uid: Option<&str>, digest: Digest, contact: &Contact) -> Self {
        let uid = uid.map(str::trim).filter(|uid| !uid.is_empty()).map(str::to_owned);
        let keys = Keys { mark: short(uid.as_deref().unwrap_or_default()), ..Keys::of(contact) };
        Self { uid, digest, keys }
    }

    /// The record's revision: `DIGEST/NAME-EMAIL-PHONE-MARK`.
    pub fn revision(&self) -> Revision {
        let Keys { name, email, phone, mark } = &self.keys;
        format!("{}/{name}-{email}-{phone}-{mark}", self.digest)
    }

    /// A name for a record that no other has: its mark if that is free.
    pub fn free_name(&self, taken: impl Fn(&str) -> bool) -> RemoteId {
        if let Some(uid) = self.uid.as_ref().filter(|uid| !taken(uid)) {
            return uid.clone();
        }
        let base = self.keys.base(&self.digest);
        if !taken(&base) {
            return base;
        }
        // Numbers are taken from the first on: the end of many thousands is found in few looks.
        let numbered = |number: u64| format!("{base}#{number}");
        let (mut last, mut free) = (1, 2);
        while taken(&numbered(free)) {
            (last, free) = (free, free * 2);
        }
        while free - last > 1 {
            let middle = last + (free - last) / 2;
            if taken(&numbered(middle)) {
                last = middle;
            } else {
                free = middle;
            }
        }
        numbered(free)
    }
}

/// The digest of the bytes that a revision was made from.
pub fn digest_of(revision: &str) -> &str {
    revision.split('/').next().unwrap_or_default()
}

/// Names for all records of a file, in order; `None` for a record whose mark an earlier one has.
///
/// `known` are the names and revisions agreed on so far; `busy` those of them that other records have already.
pub fn assign_ids(
    records: &[RecordKeys],
    known: &HashMap<RemoteId, Revision>,
    busy: &HashSet<RemoteId>,
) -> Vec<Option<RemoteId>> {
    let mut names: Vec<Option<RemoteId>> = vec![None; records.len()];
    if records.is_empty() {
        return names;
    }
    let mut taken = busy.clone();
    let mut met: HashSet<String> =
        busy.iter().filter_map(|remote| Some(Keys::known(remote, known.get(remote)?).mark)).collect();
    let (mut marked, mut bare) = (Vec::new(), Vec::new());
    for (index, record) in records.iter().enumerate() {
        match &record.uid {
            None => bare.push(index),
            // Its UID is an earlier one's: it stays without a name.
            Some(_) if !met.insert(record.keys.mark.clone()) => {}
            Some(uid) if known.contains_key(uid) && taken.insert(uid.clone()) => names[index] = Some(uid.clone()),
            Some(_) => marked.push(index),
        }
    }
    if marked.is_empty() && bare.is_empty() {
        return names;
    }
    let mut open = Open::new(known, &taken);
    open.join(
        &mut marked,
        &mut names,
        Fit::CardFile,
        |known| known.keys.has(&known.keys.mark),
        |index| records[index].keys.has(&records[index].keys.mark),
    );
    open.settle(records, &mut bare, &mut names);
    // A record that has a mark now is none of those that had another.
    open.known.retain(|known| known.keys.mark.is_empty());
    open.settle(records, &mut marked, &mut names);
    taken.extend(names.iter().flatten().cloned());
    for index in marked.into_iter().chain(bare) {
        // Names of records that went are not given to others: that would look like an edit.
        let free = records[index].free_name(|name| taken.contains(name) || known.contains_key(name));
        taken.insert(free.clone());
        names[index] = Some(free);
    }
    names
}

/// Agreed names that no record has yet.
struct Open<'a> {
    known: Vec<Known<'a>>,
}

#[derive(Debug)]
struct Known<'a> {
    remote: &'a str,
    revision: &'a str,
    keys: Keys,
}

impl<'a> Open<'a> {
    fn new(known: &'a HashMap<RemoteId, Revision>, taken: &HashSet<RemoteId>) -> Self {
        let mut known: Vec<Known<'a>> = known
            .iter()
            .filter(|(remote, _)| !taken.contains(*remote))
            .map(|(remote, revision)| Known { remote, revision, keys: Keys::known(remote, revision) })
            .collect();
        known.sort_unstable_by_key(|known| known.remote);
        Self { known }
    }

    /// Gives agreed names to the records that they fit, the surest fits first.
    fn settle(&mut self, records: &[RecordKeys], nameless: &mut Vec<usize>, names: &mut [Option<RemoteId>]) {
        // Records that are the same in all may change places among themselves.
        self.join(
            nameless,
            names,
            Fit::Any,
            |known| Some(digest_of(known.revision).to_owned()),
            |index| Some(records[index].digest.to_string()),
        );
        self.pass(records, nameless, names, Fit::Any, |keys| {
            keys.says_who().then(|| [&keys.name, &keys.email, &keys.phone].map(String::clone))
        });
        self.pass(records, nameless, names, Fit::CardFile, |keys| keys.has(&keys.name));
        self.pass(records, nameless, names, Fit::CardFile, |keys| {
            Some((keys.has(&keys.email)?, keys.has(&keys.phone)?))
        });
        // One side without a name: the rest has to do.
        for part in [|keys: &Keys| keys.email.clone(), |keys: &Keys| keys.phone.clone()] {
            for known_is_nameless in [true, false] {
                self.nameless_pass(records, nameless, names, part, known_is_nameless);
            }
        }
    }

    fn pass<K: std::hash::Hash + Eq>(
        &mut self,
        records: &[RecordKeys],
        nameless: &mut Vec<usize>,
        names: &mut [Option<RemoteId>],
        fit: Fit,
        key: impl Fn(&Keys) -> Option<K>,
    ) {
        self.join(nameless, names, fit, |known| key(&known.keys), |index| key(&records[index].keys));
    }

    fn nameless_pass(
        &mut self,
        records: &[RecordKeys],
        nameless: &mut Vec<usize>,
        names: &mut [Option<RemoteId>],
        part: fn(&Keys) -> String,
        known_is_nameless: bool,
    ) {
        let key = |keys: &Keys, wants_nameless: bool| {
            Some(part(keys)).filter(|part| !part.is_empty() && (!wants_nameless || keys.name.is_empty()))
        };
        self.join(
            nameless,
            names,
            Fit::CardFile,
            |known| key(&known.keys, known_is_nameless),
            |index| key(&records[index].keys, !known_is_nameless),
        );
    }

    fn join<K: std::hash::Hash + Eq>(
        &mut self,
        nameless: &mut Vec<usize>,
        names: &mut [Option<RemoteId>],
        fit: Fit,
        known_key: impl Fn(&Known<'a>) -> Option<K>,
        record_key: impl Fn(usize) -> Option<K>,
    ) {
        let mut sides: HashMap<K, (Vec<usize>, Vec<usize>)> = HashMap::new();
        for (at, known) in self.known.iter().enumerate() {
            if let Some(key) = known_key(known) {
                sides.entry(key).or_default().0.push(at);
            }
        }
        if sides.is_empty() {
            return;
        }
        for &index in nameless.iter() {
            if let Some(side) = record_key(index).and_then(|key| sides.get_mut(&key)) {
                side.1.push(index);
            }
        }
        let mut used = HashSet::new();
        for (there, here) in sides.into_values() {
            if fit == Fit::CardFile && (there.len(), here.len()) != (1, 1) {
                continue;
            }
            for (at, index) in there.into_iter().zip(here) {
                names[index] = Some(self.known[at].remote.to_owned());
                used.insert(at);
            }
        }
        nameless.retain(|index| names[*index].is_none());
        let mut at = 0;
        self.known.retain(|_| {
            at += 1;
            !used.contains(&(at - 1))
        });
    }
}

/// When a key joins two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    /// In order, however many have it.
    Any,
    /// Only if one on each side has it.
    CardFile,
}

const PREFIX: &str = "row:";

impl Keys {
    fn of(contact: &Contact) -> Self {
        let first = |kind| contact.values(kind).next().unwrap_or_default();
        Self {
            name: short(&keys::name(contact)),
            email: short(&keys::email(first(ItemKind::Email))),
            phone: short(&keys::phone(first(ItemKind::Phone))),
            mark: String::new(),
        }
    }

    /// What an agreed record was known by. A name that is none of ours is a mark.
    fn known(remote: &str, revision: &str) -> Self {
        let mut parts = revision.split_once('/').map_or("", |(_, keys)| keys).split('-').map(str::to_owned);
        let mut next = || parts.next().unwrap_or_default();
        let keys = Self { name: next(), email: next(), phone: next(), mark: next() };
        if keys.mark.is_empty() && !remote.starts_with(PREFIX) { Self { mark: short(remote), ..keys } } else { keys }
    }

    /// "row:NAME-EMAIL-PHONE", or "row:=DIGEST" for a record with none of them.
    fn base(&self, digest: &Digest) -> RemoteId {
        let Keys { name, email, phone, mark: _ } = self;
        if self.says_who() { format!("{PREFIX}{name}-{email}-{phone}") } else { format!("{PREFIX}={}", digest.short()) }
    }

    fn says_who(&self) -> bool {
        !(self.name.is_empty() && self.email.is_empty() && self.phone.is_empty())
    }

    fn has(&self, part: &str) -> Option<String> {
        (!part.is_empty()).then(|| part.to_owned())
    }
}

/// Enough digits that two of a million texts hardly ever share them.
fn short(key: &str) -> String {
    if key.is_empty() { String::new() } else { Digest::of(key.as_bytes()).as_str()[..12].to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::{Item, ItemType};

    /// "Name|email|phone|comment", a UID before "@@".
    fn remote_contact(text: &str) -> RecordKeys {
        let (uid, text) = text.split_once("@@").map_or((None, text), |(uid, text)| (Some(uid), text));
        let mut parts = text.split('|');
        let mut next = || parts.next().unwrap_or_default().to_owned();
        let mut contact = Contact { last_name: next(), ..Contact::default() };
        for item_type in [ItemType::ProfessionalEmail, ItemType::ProfessionalPhone] {
            let value = next();
            if !value.is_empty() {
                contact.items.push(Item::new(item_type, value));
            }
        }
        RecordKeys::new(uid, Digest::of(text.as_bytes()), &contact)
    }

    fn named(texts: &[&str], known: &HashMap<RemoteId, Revision>) -> Vec<Option<RemoteId>> {
        assign_ids(&texts.iter().map(|text| remote_contact(text)).collect::<Vec<_>>(), known, &HashSet::new())
    }

    /// A file, the same file at later times: for each record of the last, which of the first it is.
    fn check_all(times: &[&[&str]], expected: &[Option<usize>]) {
        let first = named(times[0], &HashMap::new());
        let mut names = first.clone();
        for pair in times.windows(2) {
            let revisions = pair[0].iter().map(|text| remote_contact(text).revision());
            let known: HashMap<_, _> =
                names.iter().cloned().zip(revisions).filter_map(|(name, one)| Some((name?, one))).collect();
            names = named(pair[1], &known);
            let distinct: HashSet<_> = names.iter().flatten().collect();
            assert_eq!(distinct.len(), names.iter().flatten().count(), "no name twice: {names:?}");
        }
        let found: Vec<_> =
            names.iter().map(|name| first.iter().position(|old| old == name && name.is_some())).collect();
        assert_eq!(found, expected, "{times:?}");
    }

    fn check(before: &[&str], after: &[&str], expected: &[Option<usize>]) {
        check_all(&[before, after], expected);
    }

    #[test]
    fn an_edit_is_no_new_contact() {
        check(&["Ada|a@x|01"], &["Ada|a@x|02"], &[Some(0)]);
        check(&["Ada|a@x|01"], &["Ada|b@x|02"], &[Some(0)]);
        check(&["Ada|a@x|0123"], &["King|a@x|0123"], &[Some(0)]);
        check(&["|a@x|01"], &["Ada|a@x|02"], &[Some(0)]);
        check(&["Ada||01"], &["||01"], &[Some(0)]);
        check(&["Ada|a@x|01", "Bob|b@x|02"], &["Bob|b@x|02", "Ada|a@x|01"], &[Some(1), Some(0)]);
        check(&["Ada|a@x|01|one"], &["Ada|a@x|01|two"], &[Some(0)]);
    }

    #[test]
    fn what_fits_two_fits_neither() {
        check(&["Ada|info@x|01"], &["Bob|info@x|02"], &[None]);
        check(&["Ada|a@x|01"], &["Bob|b@x|01"], &[None]);
        check(&["Jean|a@x", "Jean|b@x"], &["Jean|c@x", "Jean|d@x"], &[None, None]);
        check(&["Jean|a@x", "Jean|b@x"], &["Jean|b@x", "Jean|c@x"], &[Some(1), Some(0)]);
    }

    #[test]
    fn equal_records_keep_apart() {
        check(&["Ada", "Ada", "Ada"], &["Ada", "Ada"], &[Some(0), Some(1)]);
        check(&["Ada|||one", "Ada|||two"], &["Ada|||two", "Ada|||one"], &[Some(1), Some(0)]);
        check(&["|||one", "|||two"], &["|||two"], &[Some(1)]);
        check(&["|||one"], &["|||two"], &[None]);
    }

    #[test]
    fn a_uid_is_the_name() {
        assert_eq!(named(&["u@@Ada", "v@@Ada", "u@@Bob"], &HashMap::new()), [Some("u".into()), Some("v".into()), None]);
        check(&["u@@Ada|a@x"], &["u@@Bob|b@x"], &[Some(0)]);
    }

    #[test]
    fn a_name_lasts_through_edits_of_all_that_it_was_made_from() {
        check_all(&[&["Ada|a@x|01"], &["Ada|b@x|02"], &["King|b@x|02"], &["King|c@x|03"]], &[Some(0)]);
        // The other came later and is like the first was.
        check_all(&[&["Ada|a@x"], &["Ada|b@x"], &["King|b@x|02", "Ada|a@x"]], &[None, Some(0)]);
    }

    #[test]
    fn a_uid_may_come_and_go() {
        check(&["Ada|a@x"], &["u@@Ada|a@x"], &[Some(0)]);
        check_all(&[&["Ada|a@x"], &["u@@Ada|a@x"], &["u@@King|k@x"]], &[Some(0)]);
        check(&["u@@Ada|a@x", "v@@Bob"], &["Bob", "Ada|a@x"], &[Some(1), Some(0)]);
        check_all(&[&["u@@Ada"], &["Ada"], &["u@@Ada"]], &[Some(0)]);
        // Another UID is another contact, even of that name.
        check(&["u@@Ada|a@x"], &["v@@Ada|a@x"], &[None]);
        check(&["u@@Ada|a@x"], &["v@@Ada|a@x", "Ada|a@x"], &[None, Some(0)]);
    }

    #[test]
    fn a_copy_is_noticed_though_the_first_was_not_read() {
        let known: HashMap<_, _> = [("row:x".to_owned(), remote_contact("u@@Ada").revision())].into();
        let busy = ["row:x".to_owned()].into();
        assert_eq!(assign_ids(&[remote_contact("u@@Bob"), remote_contact("Ada")], &known, &busy)[0], None);
    }

    #[test]
    fn of_thousands_that_are_the_same_each_has_a_name_in_few_looks() {
        let marks = remote_contact("Durand||");
        let (mut taken, looks) = (HashSet::new(), std::cell::Cell::new(0));
        for _ in 0..3_000 {
            let name = marks.free_name(|name| {
                looks.set(looks.get() + 1);
                taken.contains(name)
            });
            assert!(taken.insert(name), "a name of its own");
        }
        assert!(looks.get() < 3_000 * 25, "{} looks", looks.get());
        // A gap is as good as the end.
        taken.remove(&format!("{}#7", marks.keys.base(&marks.digest)));
        assert!(!taken.contains(&marks.free_name(|name| taken.contains(name))));
    }
}
