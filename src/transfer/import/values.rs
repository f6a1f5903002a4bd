//! What the texts of a record mean: its values cleaned, and what is no value left out and told, each with its place.

use crate::{
    contact::{
        Contact,
        clean::{Cleaned, Refused, clean, is_total},
    },
    replica::Problem,
};

use super::source::Record;

/// A record with its values as they are kept. One that says nothing then is refused, and so is a table's line of totals.
pub(super) fn with_values(record: Record) -> Record {
    let Record::Contact { mut record, mut refused, repaired } = record else { return record };
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
    Record::Contact { record, refused, repaired }
}

fn problem(place: String, message: &str) -> Problem {
    Problem { place, message: message.to_owned(), hint: None, remote: None }
}
