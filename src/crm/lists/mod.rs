//! How a PUT with a list must be written for one server, and what to send so that the list comes out as wanted.
//!
//! The reference does not say whether a list in a PUT replaces the present one, is added to it, or is matched by ids;
//! so it is learnt (`probe`) or set, and what cannot be said under a behaviour is not sent. Pure.

mod verdict;

use std::{fmt, str::FromStr};

use super::xml::Record;
use crate::contact::{Address, Contact, Field, FieldSet, Item, keys};

pub use verdict::{Verdict, judge, same};

/// The lists of a contact. A server may treat each in its own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListKind {
    /// Postal addresses.
    Addresses,
    /// Telephones, e-mail addresses, accounts.
    Items,
}

impl ListKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Addresses, Self::Items];

    /// The field that it is.
    pub fn field(self) -> Field {
        match self {
            Self::Addresses => Field::Addresses,
            Self::Items => Field::Items,
        }
    }

    /// Those among these fields.
    pub fn among(fields: FieldSet) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |kind| fields.contains(kind.field()))
    }
}

/// Something for each kind of list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PerList<T> {
    addresses: T,
    items: T,
}

impl<T> PerList<T> {
    /// That of each kind.
    pub fn of(make: impl Fn(ListKind) -> T) -> Self {
        Self { addresses: make(ListKind::Addresses), items: make(ListKind::Items) }
    }

    /// That of one kind.
    pub fn get(&self, kind: ListKind) -> &T {
        match kind {
            ListKind::Addresses => &self.addresses,
            ListKind::Items => &self.items,
        }
    }

    /// That of one kind, to be changed.
    pub fn get_mut(&mut self, kind: ListKind) -> &mut T {
        match kind {
            ListKind::Addresses => &mut self.addresses,
            ListKind::Items => &mut self.items,
        }
    }
}

/// How PUT treats a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListBehaviour {
    /// The list sent replaces the present one.
    Replace,
    /// What is sent is added: an entry can neither be changed nor removed.
    Append,
    /// Entries are matched by their ids, new ones have none.
    Ids {
        /// `<_destroy>1</_destroy>` removes an entry.
        destroy: bool,
    },
    /// None of these, or it could not be learnt: lists are not sent.
    Unknown,
}

impl fmt::Display for ListBehaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Replace => "replace",
            Self::Append => "append",
            Self::Ids { destroy: false } => "ids",
            Self::Ids { destroy: true } => "ids+destroy",
            Self::Unknown => "unknown",
        })
    }
}

/// The text is none of those that [`ListBehaviour`] is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("read how lists behave: it is none of replace, append, ids, ids+destroy, unknown")]
pub struct NoBehaviour;

impl FromStr for ListBehaviour {
    type Err = NoBehaviour;

    fn from_str(text: &str) -> Result<Self, NoBehaviour> {
        [Self::Replace, Self::Append, Self::Ids { destroy: false }, Self::Ids { destroy: true }, Self::Unknown]
            .into_iter()
            .find(|behaviour| behaviour.to_string() == text)
            .ok_or(NoBehaviour)
    }
}

/// An entry as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing<'a, T> {
    /// The entry that it is there, by the id that it has there.
    pub id: Option<&'a str>,
    /// What it is to be; `None` removes it.
    pub value: Option<&'a T>,
    /// What it holds beyond the reference: element and text. An entry that is replaced keeps of it what is sent back.
    pub extra: Vec<(&'a str, &'a str)>,
}

impl<'a, T> Outgoing<'a, T> {
    /// A new entry.
    pub fn new(value: &'a T) -> Self {
        Self { id: None, value: Some(value), extra: Vec::new() }
    }

    /// An entry taken out.
    pub fn removal(id: &'a str) -> Self {
        Self { id: Some(id), value: None, extra: Vec::new() }
    }
}

/// The lists of one body, as far as it names them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lists<'s, 'a> {
    /// Addresses.
    pub addresses: Option<&'s [Outgoing<'a, Address>]>,
    /// Items.
    pub items: Option<&'s [Outgoing<'a, Item>]>,
}

/// A list as a record shows it.
#[derive(Debug)]
pub struct Listed<'a, T> {
    /// Its entries.
    pub entries: &'a [T],
    /// Their ids, one each.
    pub ids: &'a [Option<String>],
    /// What they hold beyond the reference, one each.
    pub extras: Vec<Vec<(&'a str, &'a str)>>,
}

impl<'a, T: Entry> Listed<'a, T> {
    /// The list in this record.
    pub fn of(record: &'a Record) -> Self {
        let (entries, ids) = (T::entries(&record.contact), T::ids(record));
        let mut extras = vec![Vec::new(); entries.len()];
        for (place, name, text) in record.entry_extras(T::KIND.field()) {
            if let Some(extra) = extras.get_mut(place) {
                extra.push((name, text));
            }
        }
        Self { entries, ids, extras }
    }

    fn id(&self, place: usize) -> Option<&'a str> {
        self.ids.get(place).and_then(Option::as_deref)
    }

    fn extra(&self, place: usize) -> Vec<(&'a str, &'a str)> {
        self.extras.get(place).cloned().unwrap_or_default()
    }
}

/// What lists hold: decides which entry became which.
pub trait Entry: PartialEq + Sized {
    /// The list that holds such entries.
    const KIND: ListKind;
    /// Those of a contact.
    fn entries(contact: &Contact) -> &[Self];
    /// The ids of those of a record, one each.
    fn ids(record: &Record) -> &[Option<String>];
    /// A list of them alone in a body.
    fn alone<'s, 'a>(entries: &'s [Outgoing<'a, Self>]) -> Lists<'s, 'a>;
    /// True when both are of one type.
    fn same_type(&self, other: &Self) -> bool;
    /// What two spellings of the same value have in common; the type is left out.
    fn key(&self) -> String;
}

impl Entry for Address {
    const KIND: ListKind = ListKind::Addresses;

    fn entries(contact: &Contact) -> &[Self] {
        &contact.addresses
    }

    fn ids(record: &Record) -> &[Option<String>] {
        &record.address_ids
    }

    fn alone<'s, 'a>(entries: &'s [Outgoing<'a, Self>]) -> Lists<'s, 'a> {
        Lists { addresses: Some(entries), ..Lists::default() }
    }

    fn same_type(&self, other: &Self) -> bool {
        self.address_type == other.address_type
    }

    fn key(&self) -> String {
        keys::address(self)
    }
}

impl Entry for Item {
    const KIND: ListKind = ListKind::Items;

    fn entries(contact: &Contact) -> &[Self] {
        &contact.items
    }

    fn ids(record: &Record) -> &[Option<String>] {
        &record.item_ids
    }

    fn alone<'s, 'a>(entries: &'s [Outgoing<'a, Self>]) -> Lists<'s, 'a> {
        Lists { items: Some(entries), ..Lists::default() }
    }

    fn same_type(&self, other: &Self) -> bool {
        self.item_type == other.item_type
    }

    fn key(&self) -> String {
        keys::item_value(self)
    }
}

/// What to send so that what is there becomes `wanted`; `None` if the list is to be left out of the PUT. `before` is the
/// list as it stood before all that was tried: what an entry held beyond the reference then is sent along.
pub fn to_send<'a, T: Entry>(
    behaviour: ListBehaviour,
    there: &Listed<'a, T>,
    wanted: &'a [T],
    before: &Listed<'a, T>,
) -> Option<Vec<Outgoing<'a, T>>> {
    let present = there.entries;
    let origins = origins(present, wanted);
    let some = |entries: Vec<Outgoing<'a, T>>| Some(entries).filter(|entries| !entries.is_empty());
    match behaviour {
        ListBehaviour::Unknown => None,
        ListBehaviour::Replace => {
            let from = self::origins(before.entries, wanted);
            let extra = |at: usize| from[at].map(|place| before.extra(place)).unwrap_or_default();
            let entry = |(at, value): (usize, &'a T)| Outgoing {
                id: origins[at].and_then(|place| there.id(place)),
                value: Some(value),
                extra: extra(at),
            };
            Some(wanted.iter().enumerate().map(entry).collect())
        }
        ListBehaviour::Append => some(additions(present, wanted).into_iter().map(Outgoing::new).collect()),
        ListBehaviour::Ids { destroy } => {
            let mut entries: Vec<Outgoing<'a, T>> = wanted
                .iter()
                .zip(&origins)
                .filter_map(|(value, origin)| match origin {
                    None => Some(Outgoing::new(value)),
                    Some(place) if present[*place] == *value => None,
                    // Without its id a changed entry would be added beside the old one.
                    Some(place) => there.id(*place).map(|id| Outgoing { id: Some(id), ..Outgoing::new(value) }),
                })
                .collect();
            let removed = (0..present.len()).filter(|place| destroy && !origins.contains(&Some(*place)));
            entries.extend(removed.filter_map(|place| there.id(place)).map(Outgoing::removal));
            some(entries)
        }
    }
}

/// What is to be added where entries can neither be changed nor removed: new ones, and the new values of changed ones.
/// What is there already is never sent, nor under another type only: it could not be taken back.
fn additions<'a, T: Entry>(present: &[T], wanted: &'a [T]) -> Vec<&'a T> {
    let mut sent: Vec<&T> = Vec::new();
    for entry in wanted {
        let there = present.iter().any(|other| resembles(other, entry));
        let given_up = |other: &T| !wanted.iter().any(|kept| resembles(kept, other));
        let retyped = || present.iter().any(|other| other.key() == entry.key() && given_up(other));
        if !there && !sent.iter().any(|other| resembles(*other, entry)) && !retyped() {
            sent.push(entry);
        }
    }
    sent
}

/// True when both say the same of one type, however it is spelt.
fn resembles<T: Entry>(one: &T, other: &T) -> bool {
    one.same_type(other) && one.key() == other.key()
}

/// For each wanted entry, the present one that it is: the same, else the same value in another spelling, else the next
/// of its type, else the same value under another type. Each present entry is one wanted entry at most.
fn origins<T: Entry>(present: &[T], wanted: &[T]) -> Vec<Option<usize>> {
    let mut origins: Vec<Option<usize>> = vec![None; wanted.len()];
    let mut taken = vec![false; present.len()];
    let present_keys: Vec<String> = present.iter().map(Entry::key).collect();
    let wanted_keys: Vec<String> = wanted.iter().map(Entry::key).collect();
    for round in 0..4 {
        for (at, entry) in wanted.iter().enumerate() {
            if origins[at].is_some() {
                continue;
            }
            let fits = |place: usize| {
                let other = &present[place];
                match round {
                    0 => other == entry,
                    1 => other.same_type(entry) && present_keys[place] == wanted_keys[at],
                    2 => other.same_type(entry),
                    _ => present_keys[place] == wanted_keys[at],
                }
            };
            if let Some(place) = (0..present.len()).find(|place| !taken[*place] && fits(*place)) {
                taken[place] = true;
                origins[at] = Some(place);
            }
        }
    }
    origins
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::ItemType;

    /// "24:01 02, 27:a@x" as items.
    pub(super) fn items(text: &str) -> Vec<Item> {
        text.split(", ")
            .filter_map(|part| part.split_once(':'))
            .map(|(code, value)| Item::new(ItemType::from_code(code), value))
            .collect()
    }

    fn check(behaviour: &str, present: &str, wanted: &str, expected: Option<&str>) {
        let (present, wanted) = (items(present), items(wanted));
        let ids: Vec<Option<String>> = (1..=present.len()).map(|id| Some(id.to_string())).collect();
        let there = Listed { entries: &present, ids: &ids, extras: Vec::new() };
        let sent = to_send(behaviour.parse().unwrap(), &there, &wanted, &there);
        let shown = sent.map(|entries| {
            let words: Vec<String> = entries
                .iter()
                .map(|entry| {
                    let value =
                        entry.value.map_or("-".to_owned(), |item| format!("{}:{}", item.item_type.code(), item.value));
                    format!("#{} {value}", entry.id.unwrap_or("new"))
                })
                .collect();
            words.join(", ")
        });
        assert_eq!(shown.as_deref(), expected, "{behaviour}: {present:?} -> {wanted:?}");
    }

    #[test]
    fn each_behaviour_is_told_what_it_understands() {
        let present = "24:01, 27:a@x, 88:06";
        let wanted = "27:a@x, 24:02, 27:b@x";
        check("replace", present, wanted, Some("#2 27:a@x, #1 24:02, #new 27:b@x"));
        check("ids", present, wanted, Some("#1 24:02, #new 27:b@x"));
        check("ids+destroy", present, wanted, Some("#1 24:02, #new 27:b@x, #3 -"));
        check("append", present, wanted, Some("#new 24:02, #new 27:b@x"));
        check("unknown", present, wanted, None);
        check("replace", present, "", Some(""));
        check("ids", present, "", None);
        check("ids+destroy", present, "", Some("#1 -, #2 -, #3 -"));
        check("append", present, "24:09", Some("#new 24:09"));
        check("append", present, "24:01", None);
        check("ids", present, "88:06, 27:a@x, 24:01", None);
    }

    #[test]
    fn entries_are_recognised_by_value_before_type_alone() {
        check("replace", "24:01 02, 24:03 04", "24:0304, 24:05", Some("#2 24:0304, #1 24:05"));
        check("replace", "24:0102030405", "88:01 02 03 04 05", Some("#1 88:01 02 03 04 05"));
        check("ids", "24:01, 24:01", "24:01, 24:01", None);
        check("ids+destroy", "24:01, 24:01", "24:01", Some("#2 -"));
    }

    #[test]
    fn where_all_is_added_nothing_is_added_twice() {
        let present = "24:01 02 03 04 05, 27:Ada@x.example, 88:06";
        check("append", present, "24:0102030405, 27:ada@X.example, 88:06", None);
        // Under another type the same value would stand there twice, for good.
        check("append", present, "88:01.02.03.04.05, 27:ada@x.example", None);
        check("append", present, "24:07, 27:ada@x.example, 24:0102030405", Some("#new 24:07"));
        check("append", present, "24:07, 24:0 7, 88:06", Some("#new 24:07"));
        check("append", "24:01, 24:02", "24:02, 24:03", Some("#new 24:03"));
        check("append", "24:01", "24:01, 88:01", Some("#new 88:01"));
    }

    #[test]
    fn entries_without_ids_are_never_sent_twice() {
        let (present, wanted) = (items("24:01"), items("24:02"));
        let there = Listed { entries: &present, ids: &[None], extras: Vec::new() };
        assert_eq!(to_send(ListBehaviour::Ids { destroy: true }, &there, &wanted, &there), None);
        let sent = to_send(ListBehaviour::Replace, &there, &wanted, &there);
        assert_eq!(sent, Some(vec![Outgoing::new(&wanted[0])]));
    }

    #[test]
    fn what_an_entry_holds_beyond_the_reference_goes_back_with_a_list_that_is_replaced() {
        let (present, wanted) = (items("24:01, 27:a@x"), items("27:a@x, 24:02, 88:06"));
        let ids = [Some("1".to_owned()), Some("2".to_owned())];
        let extras = vec![vec![("label", "billing")], vec![("label", "home")]];
        let there = Listed { entries: &present, ids: &ids, extras };
        let labels = |behaviour| -> Vec<Vec<(&str, &str)>> {
            let sent = to_send(behaviour, &there, &wanted, &there).unwrap();
            sent.into_iter().map(|entry| entry.extra).collect()
        };
        // An entry that was changed is the same entry.
        assert_eq!(labels(ListBehaviour::Replace), [vec![("label", "home")], vec![("label", "billing")], vec![]]);
        assert_eq!(labels(ListBehaviour::Ids { destroy: true }), [vec![], vec![]], "they stay by themselves");
        // What a server has lost meanwhile is known from before.
        let after = items("24:02");
        let lost = Listed { entries: &after, ids: &[None], extras: Vec::new() };
        let sent = to_send(ListBehaviour::Replace, &lost, &wanted, &there).unwrap();
        let sent: Vec<_> = sent.iter().map(|entry| (entry.id, entry.extra.len())).collect();
        assert_eq!(sent, [(None, 1), (None, 1), (None, 0)]);
    }

    #[test]
    fn behaviours_survive_their_text() {
        for text in ["replace", "append", "ids", "ids+destroy", "unknown"] {
            assert_eq!(text.parse::<ListBehaviour>().unwrap().to_string(), text);
        }
        assert_eq!("merge".parse::<ListBehaviour>(), Err(NoBehaviour));
    }
}
