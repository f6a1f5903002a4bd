//! The throwaway contact: what it says, how it is recognised, and its numbered list entries.

use super::super::{
    lists::Entry,
    xml::{PageRecord, ReadPage, Record},
};
use crate::contact::{Address, AddressType, Contact, Field, FieldSet, Item, ItemType, keys};

/// The last name of the throwaway contact.
pub const PROBE_NAME: &str = "carnet probe";

/// Its entries are numbered: e-mail addresses that nobody can have (RFC 2606), streets that are nowhere.
const LEAD: &str = "carnet-probe-";
const EMAIL_TAIL: &str = "@example.invalid";

/// True for a throwaway contact of this or an earlier run, also where the server writes names in capitals or keeps no
/// comments.
pub fn is_probe(contact: &Contact) -> bool {
    let is_named = |name: &str| name.trim().eq_ignore_ascii_case(PROBE_NAME);
    if !is_named(&contact.last_name) || !(contact.first_name.is_empty() || is_named(&contact.first_name)) {
        return false;
    }
    let comment = keys::text(&contact.comment);
    let commented = comment.strip_prefix(PROBE_NAME).is_some_and(|rest| rest.starts_with(' '));
    commented || contact.items.iter().any(|item| item.number().is_some())
}

/// An entry of the throwaway contact.
pub trait Numbered: Entry {
    /// The entry of that number.
    fn numbered(number: u32) -> Self;
    /// Its number; none if it is no such entry.
    fn number(&self) -> Option<u32>;
}

impl Numbered for Item {
    fn numbered(number: u32) -> Self {
        Item::new(ItemType::ProfessionalEmail, format!("{LEAD}{number}{EMAIL_TAIL}"))
    }

    fn number(&self) -> Option<u32> {
        number_in(keys::email(&self.value).strip_suffix(EMAIL_TAIL)?)
    }
}

impl Numbered for Address {
    /// Whole, for a server that asks for whole addresses.
    fn numbered(number: u32) -> Self {
        Address {
            street_address: format!("{LEAD}{number}"),
            zip_code: "00000".to_owned(),
            city: PROBE_NAME.to_owned(),
            country: "France".to_owned(),
            ..Address::new(AddressType::Professional)
        }
    }

    fn number(&self) -> Option<u32> {
        number_in(&keys::text(&self.street_address))
    }
}

fn number_in(text: &str) -> Option<u32> {
    text.strip_prefix(LEAD)?.parse().ok().filter(|it| *it < u32::MAX / 2)
}

/// Which of the throwaway contact's entries a record holds, sorted; `None` if it holds others.
pub fn numbers<T: Numbered>(record: &Record) -> Option<Vec<u32>> {
    let mut numbers: Vec<u32> = T::entries(&record.contact).iter().map(T::number).collect::<Option<_>>()?;
    numbers.sort_unstable();
    Some(numbers)
}

/// The id of the entry of that number.
pub fn entry_id<T: Numbered>(record: &Record, wanted: u32) -> Option<&str> {
    let place = T::entries(&record.contact).iter().position(|entry| entry.number() == Some(wanted))?;
    T::ids(record).get(place)?.as_deref()
}

/// A new throwaway contact. It has what the server may ask of any contact: what those that were read have. Codes are
/// theirs, texts are its own.
pub fn trial_contact(token: &str, read: Option<&ReadPage>) -> Contact {
    let mut trial = Contact {
        last_name: PROBE_NAME.to_owned(),
        comment: format!("{PROBE_NAME} {token} — may be deleted"),
        items: vec![Item::numbered(1), Item::numbered(2)],
        ..Contact::default()
    };
    let known: Vec<&Contact> = read.map(known).unwrap_or_default();
    for field in FieldSet::CRM.iter() {
        let mut held = known.iter().map(|contact| contact.scalar(field)).filter(|value| !value.is_empty());
        match field {
            Field::LastName | Field::Comment | Field::Addresses | Field::Items => {}
            Field::FirstName | Field::JobTitle | Field::JobDepartment => {
                if held.next().is_some() {
                    trial.set_scalar(field, PROBE_NAME);
                }
            }
            // It is put into somebody's firm only where there is nobody without one.
            Field::FirmId if held.clone().count() < known.len() => {}
            Field::FirmId | Field::Civility | Field::ContactType | Field::Country => {
                if let Some(value) = held.next() {
                    trial.set_scalar(field, &value);
                }
            }
            // The CRM does not carry them.
            Field::Company | Field::Extra => {}
        }
    }
    trial
}

fn known(page: &ReadPage) -> Vec<&Contact> {
    records(page).map(|record| &record.contact).filter(|contact| !is_probe(contact)).collect()
}

/// The throwaway contact of this token. A server that shortens comments leaves no token; then any will do.
pub fn probe_on(page: &ReadPage, token: &str) -> Option<String> {
    let probes = || records(page).filter(|record| is_probe(&record.contact));
    let ours = probes().find(|record| record.contact.comment.contains(token));
    ours.or_else(|| probes().next()).map(|record| record.id.clone())
}

fn records(page: &ReadPage) -> impl Iterator<Item = &Record> {
    page.records.iter().filter_map(|record| match record {
        PageRecord::Changed(record) => Some(&**record),
        PageRecord::Same { .. } | PageRecord::Faulty { .. } => None,
    })
}
