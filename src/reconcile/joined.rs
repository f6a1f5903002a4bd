//! Entries of a replica that hold several values, or one value a second time: "01 .. / 06 .." in one cell. Here each is an
//! entry, once. What changes here is carried into the entry that stands there, and the rest of it stays as it is.

use std::ops::Range;

use super::lists::{align, apply_changes};
use crate::contact::{Item, clean::split, keys};

/// What stands there, an entry a value.
struct Apart {
    values: Vec<Item>,
    /// For each entry that stands there, its values: their places among `values`, and in the text.
    entries: Vec<Vec<(usize, Range<usize>)>>,
}

/// The items that stand there, with the changes `ours -> here`. None where each entry there is one value: then they are
/// carried over like any list.
pub fn carried(theirs: &[Item], ours: &[Item], here: &[Item]) -> Option<Vec<Item>> {
    let Apart { values, entries } = apart(theirs)?;
    let now = apply_changes(ours, here, &values, &values).entries;
    let kept = align(&values, &now);
    let mut out = Vec::new();
    for (entry, places) in theirs.iter().zip(&entries) {
        let is_as_it_was = |(at, _): &(usize, Range<usize>)| kept[*at].is_some_and(|place| now[place] == values[*at]);
        if places.iter().all(is_as_it_was) {
            out.push(entry.clone());
            continue;
        }
        if let [(at, _)] = places.as_slice() {
            let is_second = entries.iter().flatten().filter(|(other, _)| other == at).count() > 1;
            let first = !is_second || !out.iter().any(|item| kept[*at].is_some_and(|place| now[place] == *item));
            out.extend(kept[*at].filter(|_| first).map(|place| now[place].clone()));
            continue;
        }
        let left: Vec<&Item> = places.iter().filter_map(|(at, _)| kept[*at].map(|place| &now[place])).collect();
        let between = entry.value[places[0].1.end..places[1].1.start].to_owned();
        let (same, others): (Vec<&Item>, Vec<&Item>) =
            left.into_iter().partition(|item| item.item_type == entry.item_type);
        let texts: Vec<&str> = same.iter().map(|item| item.value.as_str()).collect();
        if !texts.is_empty() {
            out.push(Item::new(entry.item_type.clone(), texts.join(&between)));
        }
        out.extend(others.into_iter().cloned());
    }
    let known: Vec<usize> = kept.into_iter().flatten().collect();
    out.extend(now.into_iter().enumerate().filter(|(at, _)| !known.contains(at)).map(|(_, item)| item));
    Some(out)
}

fn apart(theirs: &[Item]) -> Option<Apart> {
    let mut values: Vec<Item> = Vec::new();
    let mut is_joined = false;
    let mut entries = Vec::with_capacity(theirs.len());
    for item in theirs {
        let pieces = split(&item.value, item.item_type.kind());
        let whole = || vec![(0..item.value.len(), item.value.clone())];
        let pieces = if pieces.len() > 1 { pieces } else { whole() };
        is_joined |= pieces.len() > 1;
        let mut places = Vec::with_capacity(pieces.len());
        for (place, value) in pieces {
            let value = Item::new(item.item_type.clone(), value);
            let key = keys::item_value(&value);
            let is_it = |other: &Item| other.item_type == value.item_type && keys::item_value(other) == key;
            let at = values.iter().position(is_it).unwrap_or(values.len());
            is_joined |= at < values.len();
            if at == values.len() {
                values.push(value);
            }
            places.push((at, place));
        }
        entries.push(places);
    }
    is_joined.then_some(Apart { values, entries })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::ItemType;

    fn items(values: &[&str]) -> Vec<Item> {
        let kind = |value: &str| if value.contains('@') { ItemType::PersonalEmail } else { ItemType::PersonalPhone };
        values.iter().map(|value| Item::new(kind(value), *value)).collect()
    }

    #[test]
    fn a_change_goes_into_the_entry_that_holds_the_value() {
        let (a, b, c) = ("01 99 00 00 01", "01 99 00 00 02", "01 99 00 00 03");
        let both = format!("{a} / {b}");
        let check = |theirs: &[&str], ours: &[&str], here: &[&str], expected: Option<&[&str]>| {
            let found = carried(&items(theirs), &items(ours), &items(here));
            assert_eq!(found, expected.map(items), "{theirs:?} {ours:?} {here:?}");
        };
        check(&[a, b], &[a, b], &[a], None);
        check(&[&both], &[a, b], &[a, b], Some(&[&both]));
        check(&[&both], &[a, b], &[a, c], Some(&[&format!("{a} / {c}")]));
        check(&[&both], &[a, b], &[b], Some(&[b]));
        check(&[&both], &[a, b], &[], Some(&[]));
        check(&[&both], &[a, b], &[a, b, c], Some(&[&both, c]));
        check(&[&both, "x@a.example"], &[a, b, "x@a.example"], &[a, b, "y@a.example"], Some(&[&both, "y@a.example"]));
        check(&["-", &both], &[a, b], &[a], Some(&["-", a]));
        check(&[a, "+33199000001"], &[a], &[b], Some(&[b]));
        check(&[a, "+33199000001", c], &[a, c], &[a], Some(&[a, "+33199000001"]));
        check(&[a, "+33199000001"], &[a], &[], Some(&[]));
    }
}
