//! How a PUT with a list must be written for one server, and what to send so that the list comes out as wanted.
//!
//! The reference does not say whether a list in a PUT replaces the present one, is added to it, or is matched by ids;
//! so it is learnt (`probe`) or set, and what cannot be said under a behaviour is not sent. Pure.

use std::{fmt, str::FromStr};

use crate::contact::{Address, Item, keys};

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
#[derive(Debug, PartialEq, Eq)]
pub struct Outgoing<'a, T> {
    /// The entry that it is there, by the id that it has there.
    pub id: Option<&'a str>,
    /// What it is to be; `None` removes it.
    pub value: Option<&'a T>,
}

impl<'a, T> Outgoing<'a, T> {
    /// A new entry.
    pub fn new(value: &'a T) -> Self {
        Self { id: None, value: Some(value) }
    }
}

/// What lists hold: decides which entry became which.
pub trait Entry: PartialEq {
    /// True when both are of one type.
    fn same_type(&self, other: &Self) -> bool;
    /// What two spellings of the same value have in common; the type is left out.
    fn key(&self) -> String;
}

impl Entry for Address {
    fn same_type(&self, other: &Self) -> bool {
        self.address_type == other.address_type
    }

    fn key(&self) -> String {
        keys::address(self)
    }
}

impl Entry for Item {
    fn same_type(&self, other: &Self) -> bool {
        self.item_type == other.item_type
    }

    fn key(&self) -> String {
        keys::item_value(self)
    }
}

/// What to send so that `present` becomes `wanted`; `None` if the list is to be left out of the PUT.
///
/// `ids` are those of the entries of `present`, one each.
pub fn to_send<'a, T: Entry>(
    behaviour: ListBehaviour,
    present: &[T],
    ids: &'a [Option<String>],
    wanted: &'a [T],
) -> Option<Vec<Outgoing<'a, T>>> {
    let origins = origins(present, wanted);
    let id = |place: usize| ids.get(place).and_then(Option::as_deref);
    let some = |entries: Vec<Outgoing<'a, T>>| Some(entries).filter(|entries| !entries.is_empty());
    match behaviour {
        ListBehaviour::Unknown => None,
        ListBehaviour::Replace => Some(
            wanted
                .iter()
                .zip(&origins)
                .map(|(value, origin)| Outgoing { id: origin.and_then(id), value: Some(value) })
                .collect(),
        ),
        ListBehaviour::Append => some(additions(present, wanted).into_iter().map(Outgoing::new).collect()),
        ListBehaviour::Ids { destroy } => {
            let mut entries: Vec<Outgoing<'a, T>> = wanted
                .iter()
                .zip(&origins)
                .filter_map(|(value, origin)| match origin {
                    None => Some(Outgoing::new(value)),
                    Some(place) if present[*place] == *value => None,
                    // Without its id a changed entry would be added beside the old one.
                    Some(place) => id(*place).map(|id| Outgoing { id: Some(id), value: Some(value) }),
                })
                .collect();
            let removed = (0..present.len()).filter(|place| destroy && !origins.contains(&Some(*place)));
            entries.extend(removed.filter_map(id).map(|id| Outgoing { id: Some(id), value: None }));
            some(entries)
        }
    }
}

/// What is to be added where entries can neither be changed nor removed: new ones, and the new values of changed ones.
/// What is there already is never sent, nor under another type only: it could not be taken back.
fn additions<'a, T: Entry>(present: &[T], wanted: &'a [T]) -> Vec<&'a T> {
    let resembles = |one: &T, other: &T| one.same_type(other) && one.key() == other.key();
    let mut sent: Vec<&T> = Vec::new();
    for entry in wanted {
        let there = present.iter().any(|other| resembles(other, entry));
        let given_up = |other: &T| !wanted.iter().any(|kept| resembles(kept, other));
        let retyped = || present.iter().any(|other| other.key() == entry.key() && given_up(other));
        if !there && !sent.iter().any(|other| resembles(other, entry)) && !retyped() {
            sent.push(entry);
        }
    }
    sent
}

/// True when the list as read back shows that the server does not behave as was believed: it took something of what was
/// sent and yet kept an entry that was to go, or lost one that was to stay.
pub fn is_refuted<T: Entry>(behaviour: ListBehaviour, present: &[T], wanted: &[T], after: &[T]) -> bool {
    let holds = |list: &[T], entry: &T| list.iter().any(|other| other.same_type(entry) && other.key() == entry.key());
    let took_some = wanted.iter().any(|entry| !holds(present, entry) && holds(after, entry));
    let kept_gone = present.iter().any(|entry| !holds(wanted, entry) && holds(after, entry));
    let lost_kept = present.iter().any(|entry| holds(wanted, entry) && !holds(after, entry));
    match behaviour {
        ListBehaviour::Replace => took_some && (kept_gone || lost_kept),
        // A removal that `_destroy` does not express stays, which is no surprise.
        ListBehaviour::Ids { destroy } => took_some && (lost_kept || (destroy && kept_gone)),
        ListBehaviour::Append => took_some && lost_kept,
        ListBehaviour::Unknown => false,
    }
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
    fn items(text: &str) -> Vec<Item> {
        text.split(", ")
            .filter_map(|part| part.split_once(':'))
            .map(|(code, value)| Item::new(ItemType::from_code(code), value))
            .collect()
    }

    fn check(behaviour: &str, present: &str, wanted: &str, expected: Option<&str>) {
        let (present, wanted) = (items(present), items(wanted));
        let ids: Vec<Option<String>> = (1..=present.len()).map(|id| Some(id.to_string())).collect();
        let sent = to_send(behaviour.parse().unwrap(), &present, &ids, &wanted);
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
        assert_eq!(to_send(ListBehaviour::Ids { destroy: true }, &present, &[None], &wanted), None);
        let sent = to_send(ListBehaviour::Replace, &present, &[None], &wanted);
        assert_eq!(sent, Some(vec![Outgoing::new(&wanted[0])]));
    }

    #[test]
    fn a_behaviour_is_refuted_by_what_is_read_back() {
        for (behaviour, present, wanted, after, expected) in [
            ("replace", "24:01", "24:02", "24:02", false),
            ("replace", "24:01", "24:02", "24:01, 24:02", true),
            ("replace", "24:01", "24:02", "24:01", false),
            ("replace", "24:01, 27:a", "24:01, 27:b", "27:b", true),
            ("ids", "24:01, 27:a", "24:02", "24:02, 27:a", false),
            ("ids+destroy", "24:01, 27:a", "24:02", "24:02, 27:a", true),
            ("ids", "24:01", "24:01, 27:a", "27:a", true),
            ("append", "24:01", "24:01, 27:a", "24:01, 27:a", false),
            ("append", "24:01", "24:01, 27:a", "27:a", true),
            ("unknown", "24:01", "24:02", "", false),
        ] {
            let refuted = is_refuted(behaviour.parse().unwrap(), &items(present), &items(wanted), &items(after));
            assert_eq!(refuted, expected, "{behaviour}: {present} -> {wanted} gave {after}");
        }
    }

    #[test]
    fn behaviours_survive_their_text() {
        for text in ["replace", "append", "ids", "ids+destroy", "unknown"] {
            assert_eq!(text.parse::<ListBehaviour>().unwrap().to_string(), text);
        }
        assert_eq!("merge".parse::<ListBehaviour>(), Err(NoBehaviour));
    }
}
