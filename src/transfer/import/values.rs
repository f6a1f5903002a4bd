//! What the texts of a record mean: its values cleaned, and what is no value left out and told, each with its place.

use crate::{
    contact::{
        Contact, Item, ItemType,
        clean::{Cleaned, Refused, clean, is_total},
        keys,
    },
    replica::Problem,
};

use super::source::Record;

/// A record with its values as they are kept. One that says nothing then is refused, and so is a table's line of totals.
pub(super) fn with_values(record: Record) -> Record {
    let Record::Contact { mut record, mut refused, left_out, repaired, guessed } = record else { return record };
    let place = &record.remote;
    if is_total(&record.contact) {
        return Record::Refused(problem(place.clone(), "it is a line of totals"));
    }
    let Cleaned { contact, refused: texts } = clean(&record.contact);
    if contact == Contact::default() && record.contact != contact {
        return Record::Refused(problem(place.clone(), "nothing in it is a value"));
    }
    for text in texts {
        let what = match &text {
            Refused::Scalar(field, _) => field.name(),
            Refused::Item(item) => item.item_type.word(),
            Refused::Address(_) => "address",
        };
        refused.push(problem(format!("{place}, {what}"), text.words()));
    }
    record.contact = contact;
    Record::Contact { record, refused, left_out, repaired, guessed }
}

/// In a table a number stands in the columns that a program has: one number in two of them is one, under the type that says
/// more of it.
pub(super) fn once_each(record: &mut Contact) {
    let mut kept: Vec<Item> = Vec::with_capacity(record.items.len());
    for item in std::mem::take(&mut record.items) {
        let (kind, key) = (item.item_type.kind(), keys::item_value(&item));
        let is_it = |other: &&mut Item| other.item_type.kind() == kind && keys::item_value(other) == key;
        match kept.iter_mut().find(is_it) {
            Some(twin) if is_cell(&item.item_type) && keys::is_french_mobile(&key) => twin.item_type = item.item_type,
            Some(_) => {}
            None => kept.push(item),
        }
    }
    record.items = kept;
}

fn is_cell(item_type: &ItemType) -> bool {
    matches!(item_type, ItemType::PersonalCellPhone | ItemType::ProfessionalCellPhone)
}

fn problem(place: String, message: &str) -> Problem {
    Problem { place, message: message.to_owned(), hint: None, remote: None }
}
