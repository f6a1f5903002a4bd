//! Whole names in a table: in a column of their own, or in that of the family name where no other has the given one. They are
//! taken apart as FN of a card is, and written in the manner of the cell, so that they read back.

use super::{
    codec::{Codec, Guess, Line},
    layout::Layout,
    names::fold,
};
use crate::{
    contact::{
        Contact, Field, FieldSet,
        person_name::{Names, Order, PersonName, split, written},
    },
    formats::vcard::escape,
};

impl Layout {
    /// True where the family name's column is the only one that says who somebody is.
    pub fn is_last_name_whole(&self) -> bool {
        let is_alone = !self.has(Field::FirstName) && self.display_name.is_none();
        self.has(Field::LastName) && is_alone && self.reads_whole_names
    }

    /// What whole names hold beside the family name; without a column of its own, absence of it is no deletion.
    pub fn fields_of_whole_names(&self) -> FieldSet {
        let is_alone = !self.has(Field::FirstName) && (self.display_name.is_some() || self.is_last_name_whole());
        let fields = [Field::FirstName, Field::Civility].into_iter().filter(|field| is_alone && !self.has(*field));
        fields.collect()
    }
}

impl Codec<'_> {
    /// Names a row by its whole name, where that is the only one. True if nothing but the order of words tells them apart.
    pub fn read_whole_name(&self, line: &Line<'_>, contact: &mut Contact) -> bool {
        if self.profile.exact {
            return false;
        }
        let is_nameless = contact.first_name.is_empty() && contact.last_name.is_empty();
        if let Some(column) = self.layout.display_name.filter(|_| is_nameless) {
            let text = self.plain(line.cell(column)).into_owned();
            return fold(&text) != fold(&contact.company) && self.take_apart(&text, contact);
        }
        if !contact.first_name.is_empty() || contact.last_name.is_empty() {
            return false;
        }
        let text = std::mem::take(&mut contact.last_name);
        if self.layout.is_last_name_whole() {
            return self.take_apart(&text, contact);
        }
        // Beside an empty given name only a comma says that there are two: a family name may have any number of words.
        let name = split(&text, Order::GivenFirst);
        if holds_both(&text) && name.company.is_empty() && !name.first.is_empty() {
            self.take(name, &text, contact);
        } else {
            contact.last_name = text;
        }
        false
    }

    fn take_apart(&self, text: &str, contact: &mut Contact) -> bool {
        let name = split(text, self.layout.order);
        let is_guess = name.is_guess;
        match name.company.is_empty() {
            true => self.take(name, text, contact),
            // A book's row says nothing of a company for which it has no column.
            false if contact.company.is_empty() && self.guess == Guess::ByRow => contact.company = name.company,
            false => text.trim().clone_into(&mut contact.last_name),
        }
        is_guess
    }

    fn take(&self, name: PersonName, text: &str, contact: &mut Contact) {
        let PersonName { civility, title, first, last, suffix, company: _, is_guess: _, says_more } = name;
        (contact.first_name, contact.last_name) = (first, last);
        contact.civility = contact.civility.take().or(civility);
        if self.guess == Guess::ByRow {
            if !title.is_empty() || !suffix.is_empty() {
                let rest = format!("N:;;;{};{}", escape(&title), escape(&suffix));
                contact.extra.push(rest.trim_end_matches(';').to_owned());
            }
            if says_more {
                contact.extra.push(format!("FN:{}", escape(text.trim())));
            }
        }
    }

    /// Takes a name back that is an address or a number of the row.
    pub fn drop_name_of_no_one(&self, contact: &mut Contact) {
        let has_whole = self.layout.display_name.is_some() || self.layout.is_last_name_whole();
        let is_value = |text: &str| contact.items.iter().any(|item| item.value.trim() == text);
        if has_whole && contact.first_name.is_empty() && is_value(&contact.last_name) {
            contact.last_name.clear();
        }
    }

    /// True where the family name's cell holds the given name as well.
    pub fn is_composed(&self, line: &Line<'_>) -> bool {
        let cell = |wanted| {
            let found = self.layout.scalars.iter().find(|(field, _)| *field == wanted);
            found.map(|(_, column)| self.plain(line.cell(*column)).into_owned()).unwrap_or_default()
        };
        !self.profile.exact && cell(Field::FirstName).is_empty() && holds_both(&cell(Field::LastName))
    }

    /// Writes a whole name in the manner of the one that is there, unless it says the names already.
    pub fn put_whole_name(&self, line: &mut Line<'_>, column: usize, to: &Contact) {
        let present = self.plain(line.cell(column)).into_owned();
        let (first, last) = (self.carried(&to.first_name), self.carried(&to.last_name));
        let names = Names { first: &first, last: &last };
        if split(&present, self.layout.order).names() != names {
            self.put(line, column, &written(&present, names, self.layout.order));
        }
    }
}

/// "Roux, Ada": both begin as names do.
fn holds_both(text: &str) -> bool {
    let is_name = |part: &str| part.trim_start().starts_with(char::is_uppercase);
    text.split_once(',').is_some_and(|(last, first)| is_name(last) && is_name(first) && !first.contains(','))
}

/// Which name the column's own name puts first: "Nom et prénom", "Last name, first name".
pub(super) fn order(header: &str) -> Order {
    // "prenom" holds "nom".
    let bare = header.replace("prenom", "given").replace("first name", "given").replace("firstname", "given");
    match (["nom", "last", "surname"].iter().filter_map(|word| bare.find(word)).min(), bare.find("given")) {
        (Some(family), Some(given)) if family < given => Order::FamilyFirst,
        _ => Order::GivenFirst,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_says_its_order() {
        for (header, order_) in [
            ("nom et prenom", Order::FamilyFirst),
            ("nom prenom", Order::FamilyFirst),
            ("nom/prenom", Order::FamilyFirst),
            ("last name, first name", Order::FamilyFirst),
            ("prenom et nom", Order::GivenFirst),
            ("nom complet", Order::GivenFirst),
            ("contact", Order::GivenFirst),
        ] {
            assert_eq!(order(header), order_, "{header}");
        }
    }
}
