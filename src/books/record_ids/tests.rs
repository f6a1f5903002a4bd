//! Files at several times, and which record of the last is which of the first.

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

/// As [`assign`], with the names themselves.
fn assign_ids(
    records: &[RecordKeys],
    known: &HashMap<RemoteId, Revision>,
    busy: &HashSet<RemoteId>,
) -> Vec<Option<RemoteId>> {
    let hashed: Vec<Hashed> = records.iter().map(RecordKeys::hashed).collect();
    let names: HashMap<NameHash, &RemoteId> = known.keys().map(|name| (name_hash(name), name)).collect();
    let hashes = KnownHashes::new(known.iter().map(|(remote, revision)| Hashed::known(remote, revision)).collect());
    let assigned = assign(&hashed, &hashes, |known| names.get(&known.name).is_some_and(|name| busy.contains(*name)));
    let name = |(index, hash): (usize, &NameHash)| {
        let record = hashed[index].under(*hash, assigned.numbers.get(&index).copied());
        let made = || records[index].named(&record);
        names.get(hash).map(|name| (*name).clone()).or_else(made)
    };
    assigned.names.iter().enumerate().map(name).collect()
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
    let found: Vec<_> = names.iter().map(|name| first.iter().position(|old| old == name && name.is_some())).collect();
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
    taken.remove(&format!("{}#7", marks.hashed().base(1)));
    assert!(!taken.contains(&marks.free_name(|name| taken.contains(name))));
}
