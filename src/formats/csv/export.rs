//! Contacts written as a new CSV file, row by row: no more than one contact is held at a time.
//!
//! A dialect with numbered columns must know how many before the header is written, so the contacts pass twice: once to
//! be measured, once to be written.

use std::{collections::BTreeMap, io::Write};

use super::{
    codec::{Codec, Guess, Line},
    error::CsvError,
    layout::Layout,
    profile::{Profile, scalar_word},
    records::joined,
    write::{Miss, Missed},
};
use crate::contact::{Contact, Field, identity::Identity};

/// The columns that an export needs.
#[derive(Debug, Clone)]
pub struct Widths {
    profile: Profile,
    layout: Layout,
}

/// What an export wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exported {
    /// How many rows.
    pub rows: usize,
    /// The values that found no column, by what they are, and how many of each.
    pub missed: BTreeMap<String, usize>,
}

impl Widths {
    /// The columns that the profile always has.
    pub fn new(profile: &Profile) -> Widths {
        Widths { layout: Layout::blank(profile), profile: profile.clone() }
    }

    /// Adds the columns that this contact needs, where the dialect can have more.
    pub fn measure(&mut self, contact: &Contact) {
        loop {
            let missed = self.write(contact, &Identity::default()).1;
            if missed.is_empty() || self.layout.grow(&self.profile, &missed).is_empty() {
                return;
            }
        }
    }

    fn write(&self, contact: &Contact, identity: &Identity) -> (String, Vec<Miss>) {
        let Profile { delimiter, quote_always, cell_line_end, .. } = &self.profile;
        let codec = Codec { profile: &self.profile, layout: &self.layout, cell_line_end, guess: Guess::Fixed };
        let mut line = Line::blank(self.layout.header.len(), *delimiter, *quote_always);
        let missed = codec.write(&mut line, &Contact::default(), contact);
        codec.write_identity(&mut line, identity);
        (line.content(), missed)
    }

    /// The fields of a contact for which there is no column at all.
    fn without_column(&self, contact: &Contact) -> impl Iterator<Item = Field> {
        let mut columns = self.layout.fields();
        if self.layout.display_name.is_some() {
            columns = columns.with(Field::FirstName);
        }
        // Items and addresses are missed one by one.
        contact.set_fields().less(columns).without(Field::Items).without(Field::Addresses).iter()
    }
}

impl Profile {
    /// The contact as a new file of this dialect shows it: what reading the file gives back.
    pub fn carries(&self, contact: &Contact) -> Contact {
        super::table::Table::new(self).carries(contact)
    }
}

/// Writes contacts as a file with these columns.
///
/// # Errors
/// When the output refuses the bytes, or the profile's encoding lacks a character.
pub fn export(
    contacts: impl IntoIterator<Item = (Contact, Identity)>,
    widths: &Widths,
    out: &mut impl Write,
) -> Result<Exported, CsvError> {
    let Profile { delimiter, quote_always, encoding, bom, line_end, .. } = &widths.profile;
    let mut put = |row: usize, mut line: String| -> Result<(), CsvError> {
        line.push_str(line_end);
        let bytes = encoding.encode(&line).ok_or(CsvError::Unencodable { row, encoding: *encoding })?;
        Ok(out.write_all(&bytes)?)
    };
    let names = joined(widths.layout.header.iter().map(String::as_str), *delimiter, *quote_always);
    // The mark is a character of the encodings that have one.
    let mark = if *bom { "\u{feff}" } else { "" };
    put(0, mark.to_owned() + &names)?;
    let mut exported = Exported::default();
    for (contact, identity) in contacts {
        let (line, missed) = widths.write(&contact, &identity);
        exported.rows += 1;
        put(exported.rows, line)?;
        let found_no_column = missed.into_iter().map(|miss| Missed::from(miss).what);
        let without_column = widths.without_column(&contact).map(|field| scalar_word(field).to_owned());
        for what in found_no_column.chain(without_column) {
            *exported.missed.entry(what).or_default() += 1;
        }
    }
    Ok(exported)
}
