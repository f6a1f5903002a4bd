//! A contact to the cells of a row: only cells whose value differs are rewritten.
//!
//! What finds no column is answered, never squeezed in; what the row holds and the contact does not name (regions, post
//! boxes, a doctor's title, custom fields) is left alone.

use super::{
    codec::{Codec, Line},
    layout::Layout,
    names::fold,
    profile::{Part, Profile, scalar_word},
    read::{category, split_categories},
    words::{self, Said},
};
use crate::contact::{AddressType, Contact, Field, FieldSet, ItemType, identity::Identity, person_name::split};

/// A value that found no column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Miss {
    Item(ItemType),
    /// An item that would be read back as damaged by a spreadsheet.
    Unreadable(ItemType),
    Address(AddressType),
    Part(AddressType, Part),
    Word(Field),
}

/// A value that a table does not carry, for a warning. Never holds the value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Missed {
    /// The field it belongs to.
    pub field: Field,
    /// What it is: "professional_phone", "other address", "personal country".
    pub what: String,
}

impl From<Miss> for Missed {
    fn from(miss: Miss) -> Missed {
        match miss {
            Miss::Item(item_type) | Miss::Unreadable(item_type) => {
                Missed { field: Field::Items, what: item_type.word().to_owned() }
            }
            Miss::Address(of) => Missed { field: Field::Addresses, what: format!("{} address", of.word()) },
            Miss::Part(of, part) => Missed { field: Field::Addresses, what: format!("{} {}", of.word(), part.word()) },
            Miss::Word(field) => Missed { field, what: scalar_word(field).to_owned() },
        }
    }
}

impl Codec<'_> {
    /// Writes the fields in which the row, as it was read, and the contact differ. A field without a column is skipped.
    pub fn write(&self, line: &mut Line<'_>, from: &Contact, to: &Contact) -> Vec<Miss> {
        let mut changed = from.differing(to);
        // A last name that was read from the whole name is no longer, once there is another name or company beside it.
        let names = FieldSet::NONE.with(Field::FirstName).with(Field::LastName);
        let is_only_name = (self.layout.display_name.is_some() || self.layout.nickname.is_some())
            && !changed.and(names.with(Field::Company)).is_empty()
            && self.is_nameless(line);
        if is_only_name || (!changed.and(names).is_empty() && self.is_composed(line)) {
            changed = changed.or(names);
        }
        let mut missed = Vec::new();
        // Countries decide how damaged numbers are read: what stays must still be read the same afterwards.
        let (zips_move, numbers_move) = (
            changed.contains(Field::Country) && !changed.contains(Field::Addresses),
            (changed.contains(Field::Country) || changed.contains(Field::Addresses)) && !changed.contains(Field::Items),
        );
        let addresses = zips_move.then(|| self.read_addresses(line, &mut Vec::new()));
        let items = numbers_move.then(|| self.items(line));
        for (field, column) in self.layout.scalars.iter().filter(|(field, _)| changed.contains(*field)) {
            self.write_scalar(line, *field, *column, to, &mut missed);
        }
        self.write_last_name(line, changed, to);
        self.write_display_name(line, from, to, changed);
        if changed.contains(Field::Addresses) {
            self.write_addresses(line, &to.addresses, &mut missed);
        } else if let Some(addresses) = addresses {
            self.write_addresses(line, &addresses, &mut Vec::new());
        }
        if changed.contains(Field::Items) {
            self.write_items(line, &to.items, &mut missed);
        } else if let Some(items) = items {
            self.write_items(line, &items, &mut Vec::new());
        }
        missed
    }

    /// Completes the marks: a UID where there is none, the CRM's id where it is another.
    pub fn write_identity(&self, line: &mut Line<'_>, identity: &Identity) {
        let Identity { uid, crm_id } = identity;
        let present = self.read_identity(line);
        if let (Some(uid), Some(column), None) = (uid, self.layout.uid, &present.uid) {
            self.put(line, column, uid);
        }
        if let (Some(crm_id), Some(column)) = (crm_id, self.layout.id)
            && present.crm_id.as_ref() != Some(crm_id)
        {
            self.put(line, column, crm_id);
        }
    }

    fn write_scalar(&self, line: &mut Line<'_>, field: Field, column: usize, to: &Contact, missed: &mut Vec<Miss>) {
        let text = self.plain(line.cell(column)).into_owned();
        match field {
            Field::Civility => match (words::civility(&text), &to.civility) {
                (Said::Unknown, None) => {}
                (Said::Unknown, Some(_)) => missed.push(Miss::Word(field)),
                (Said::Value(present), Some(wanted)) if present == *wanted => {}
                (_, Some(wanted)) => self.put(line, column, &words::civility_word(wanted, self.profile.language)),
                (_, None) => self.put(line, column, ""),
            },
            Field::ContactType => {
                let word = to.contact_type.as_ref().map(|of| words::contact_type_word(of, self.profile.language));
                if matches!(word, Some(None)) {
                    missed.push(Miss::Word(field));
                }
                let present = self.contact_type(&text);
                match (&present, &to.contact_type) {
                    (Said::Unknown, _) => {
                        if to.contact_type.is_some() {
                            missed.push(Miss::Word(field));
                        }
                    }
                    (Said::Value(present), Some(wanted)) if present == wanted => {}
                    _ => self.put(line, column, &self.with_type(&text, word.flatten().as_deref())),
                }
            }
            Field::LastName if self.layout.is_last_name_whole() => {}
            plain => self.put(line, column, &to.scalar(plain)),
        }
    }

    /// A cell's text with the contact type in it replaced, the other categories kept.
    fn with_type(&self, text: &str, word: Option<&str>) -> String {
        let Some(separator) = &self.profile.categories else { return word.unwrap_or_default().to_owned() };
        let is_type = |text: &str| matches!(words::contact_type(category(text)), Said::Value(_));
        let mut categories: Vec<&str> =
            split_categories(text, separator).into_iter().filter(|text| !text.is_empty()).collect();
        let at = categories.iter().position(|text| is_type(text)).unwrap_or(categories.len());
        categories.retain(|text| !is_type(text));
        if let Some(word) = word {
            categories.insert(at.min(categories.len()), word);
        }
        categories.join(separator)
    }

    /// True where the whole name is the only one.
    fn is_nameless(&self, line: &Line<'_>) -> bool {
        let is_name = |field: Field| matches!(field, Field::FirstName | Field::LastName);
        let mut names = self.layout.scalars.iter().filter(|(field, _)| is_name(*field));
        names.all(|(_, column)| self.plain(line.cell(*column)).is_empty())
    }

    /// Writes both names into the family name's column, where no other has the given one.
    fn write_last_name(&self, line: &mut Line<'_>, changed: FieldSet, to: &Contact) {
        let names = FieldSet::NONE.with(Field::FirstName).with(Field::LastName);
        let column = self.layout.scalars.iter().find(|(field, _)| *field == Field::LastName);
        if let Some((_, column)) = column.filter(|_| self.layout.is_last_name_whole() && !changed.and(names).is_empty())
        {
            self.put_whole_name(line, *column, to);
        }
    }

    /// Keeps a whole name in step with the names that it was made of, and leaves a user's own wording alone.
    fn write_display_name(&self, line: &mut Line<'_>, from: &Contact, to: &Contact, changed: FieldSet) {
        let Some(column) = self.layout.display_name else { return };
        let whole = |first: &str, last: &str| format!("{first} {last}").trim().to_owned();
        let present = self.plain(line.cell(column)).into_owned();
        let names_changed = changed.contains(Field::FirstName) || changed.contains(Field::LastName);
        let wanted = whole(&self.carried(&to.first_name), &self.carried(&to.last_name));
        if wanted.is_empty() && !present.is_empty() {
            if changed.contains(Field::Company) && fold(&present) == fold(&from.company) {
                self.put(line, column, &to.company);
            } else if names_changed {
                self.put(line, column, "");
            }
        } else if names_changed {
            let made = [whole(&from.first_name, &from.last_name), whole(&from.last_name, &from.first_name)];
            let is_made = made.iter().any(|made| fold(made) == fold(&present));
            if split(&present, self.layout.order).names() == from.names() || self.is_nameless(line) {
                self.put_whole_name(line, column, to);
            } else if present.is_empty() || is_made {
                self.put(line, column, &wanted);
            }
        }
    }
}

impl Layout {
    /// Adds the columns that the missed values need; the names added.
    pub fn grow(&mut self, profile: &Profile, missed: &[Miss]) -> Vec<String> {
        let mut added = Vec::new();
        for miss in missed {
            added.extend(match miss {
                Miss::Item(item_type) => self.grow_item(profile, item_type),
                Miss::Address(address_type) => self.grow_address(profile, address_type),
                Miss::Unreadable(_) | Miss::Part(..) | Miss::Word(_) => Vec::new(),
            });
        }
        added
    }
}
