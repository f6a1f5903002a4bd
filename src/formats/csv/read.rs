//! A row of cells to a contact, with a note on every cell that was not taken as it stands.
//!
//! A cell that is refused says nothing: its field goes to `keep`, so that what is known elsewhere stays.

use super::{
    codec::{Codec, Guess, Line},
    profile::Part,
    slots::Held,
    values,
    words::{self, Language, Said},
};
use crate::contact::{Address, Contact, ContactType, Field, FieldSet, Item, identity::Identity, is_number};

/// What a row says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reading {
    pub contact: Contact,
    pub identity: Identity,
    pub notes: Vec<Note>,
    /// Fields of which a cell was refused.
    pub keep: FieldSet,
    /// The texts in the places of numbers whose digits are gone.
    pub lost: Vec<Item>,
    /// Nothing but the order of its words says which part of a whole name is the family's.
    pub is_name_guessed: bool,
}

/// A cell that was not taken as it stands. Never holds the cell's own text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The column's name.
    pub column: String,
    /// What was done.
    pub sort: NoteSort,
    /// What is wrong with the cell, a lowercase fragment.
    pub message: &'static str,
}

/// What was done about a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteSort {
    /// What a spreadsheet took away was put back.
    Repaired,
    /// The cell was not read; its field is among those to keep.
    Refused,
    /// The same, of a number whose digits are gone: who knows what stood there may know it by what is left.
    Lost,
}

impl Codec<'_> {
    /// Reads a row.
    pub fn read(&self, line: &Line<'_>) -> Reading {
        let mut reading = Reading { identity: self.read_identity(line), ..Reading::default() };
        self.read_scalars(line, &mut reading);
        reading.contact.addresses = self.read_addresses(line, &mut reading.notes);
        let personal = self.guess == Guess::ByRow && is_personal(&reading.contact);
        self.read_items(line, personal, &mut reading);
        self.drop_name_of_no_one(&mut reading.contact);
        reading
    }

    /// The addresses of a row, in slot order.
    pub fn read_addresses(&self, line: &Line<'_>, notes: &mut Vec<Note>) -> Vec<Address> {
        let mut addresses = Vec::new();
        for slot in &self.layout.addresses {
            let Held::Entries { entries, repaired, .. } = self.held_address(line, slot) else { continue };
            if repaired && let Some(column) = slot.column(Part::ZipCode) {
                notes.push(self.note(column, NoteSort::Repaired, "a leading zero or a decimal part was put right"));
            }
            addresses.extend(entries);
        }
        addresses
    }

    fn read_items(&self, line: &Line<'_>, personal: bool, reading: &mut Reading) {
        let french = self.is_french(line);
        for slot in &self.layout.items {
            match self.held_item(line, slot, french, personal) {
                Held::Alone => {}
                Held::Lost(lost) => {
                    reading.lost.push(lost);
                    let message = "a spreadsheet replaced the number by a rounded one or a date, its digits are lost";
                    reading.notes.push(self.note(slot.value, NoteSort::Lost, message));
                    reading.keep = reading.keep.with(Field::Items);
                }
                Held::Entries { entries, guessed: _, repaired } => {
                    if repaired {
                        let message = "a leading zero, a plus sign or a decimal part was put right";
                        reading.notes.push(self.note(slot.value, NoteSort::Repaired, message));
                    }
                    reading.contact.items.extend(entries);
                }
            }
        }
    }

    /// The items of a row, in slot order.
    pub fn items(&self, line: &Line<'_>) -> Vec<Item> {
        let french = self.is_french(line);
        let held = self.layout.items.iter().map(|slot| self.held_item(line, slot, french, false));
        held.flat_map(|held| held.entries().to_vec()).collect()
    }

    /// What a cell says about the contact type; a cell that shares its column with other words is never unknown.
    pub fn contact_type(&self, text: &str) -> Said<ContactType> {
        if let Some(separator) = &self.profile.categories {
            let mut known = split_categories(text, separator).into_iter().filter_map(|word| {
                let said = words::contact_type(category(word));
                if let Said::Value(value) = said { Some(value) } else { None }
            });
            return known.next().map_or(Said::Nothing, Said::Value);
        }
        match self.profile.language {
            Language::Codes => words::contact_type_or_code(text),
            Language::Fr | Language::En => words::contact_type(text),
        }
    }

    /// The marks of a row.
    pub fn read_identity(&self, line: &Line<'_>) -> Identity {
        let mark = |column: Option<usize>| {
            let text = self.plain(line.cell(column?)).trim().to_owned();
            // A spreadsheet shows a long row of digits as "4,1E+17": that is nobody's mark.
            Some(text).filter(|text| !text.is_empty() && !values::is_scientific(text))
        };
        let crm_id = mark(self.layout.id).map(|id| values::without_decimals(&id).to_owned());
        Identity { uid: mark(self.layout.uid), crm_id }
    }

    fn read_scalars(&self, line: &Line<'_>, reading: &mut Reading) {
        for (field, column) in &self.layout.scalars {
            let text = self.plain(line.cell(*column));
            let unknown = match field {
                Field::Civility => match words::civility(&text) {
                    Said::Nothing => None,
                    Said::Value(civility) => {
                        reading.contact.civility = Some(civility);
                        None
                    }
                    Said::Unknown => Some("the word is no civility that the CRM knows"),
                },
                Field::ContactType => match self.contact_type(&text) {
                    Said::Nothing => None,
                    Said::Value(contact_type) => {
                        reading.contact.contact_type = Some(contact_type);
                        None
                    }
                    Said::Unknown => Some("the word is no contact type that the CRM knows"),
                },
                Field::FirmId => match values::without_decimals(text.trim()) {
                    id if is_number(id) => {
                        reading.contact.set_scalar(Field::FirmId, id);
                        None
                    }
                    // The CRM would make 12 of "12 rue", and 0 of a name: another firm.
                    _ => Some("the firm's id is no number"),
                },
                plain => {
                    reading.contact.set_scalar(*plain, &text);
                    None
                }
            };
            if let Some(message) = unknown {
                reading.notes.push(self.note(*column, NoteSort::Refused, message));
                reading.keep = reading.keep.with(*field);
            }
        }
        reading.is_name_guessed = self.read_whole_name(line, &mut reading.contact);
        let Contact { first_name, last_name, company, .. } = &mut reading.contact;
        if let Some(column) = self.layout.nickname
            && [&*first_name, last_name, company].iter().all(|text| text.is_empty())
        {
            *last_name = self.plain(line.cell(column)).into_owned();
        }
    }

    fn note(&self, column: usize, sort: NoteSort, message: &'static str) -> Note {
        Note { column: self.layout.header.get(column).cloned().unwrap_or_default(), sort, message }
    }
}

/// The words of a cell that holds several.
pub(super) fn split_categories<'a>(text: &'a str, separator: &str) -> Vec<&'a str> {
    match separator.trim() {
        // Which of the two Outlook writes depends on the country.
        ";" | "," => text.split([';', ',']).map(str::trim).collect(),
        other => text.split(other).map(str::trim).collect(),
    }
}

/// A category without the mark of Google's own groups.
pub(super) fn category(word: &str) -> &str {
    word.strip_prefix("* ").unwrap_or(word)
}

fn is_personal(contact: &Contact) -> bool {
    contact.contact_type == Some(ContactType::Personal) || contact.company.is_empty()
}
